"""Verification of a file's tags and C2PA manifest, in one line."""

from dataclasses import dataclass
from pathlib import Path

from synclips.provenance import c2pa_manifest
from synclips.provenance.c2pa_manifest import Manifest, read_manifest
from synclips.provenance.certificate import known_certificate
from synclips.provenance.tags import SOFTWARE, Origin, read_origin, tags_of


@dataclass(frozen=True)
class Verdict:
    """`genuine`: made by SyncLips, and intact as far as its format can show it. `line` says all of it to a person."""

    genuine: bool
    line: str
    origin: Origin | None
    manifest: Manifest | None


def judge(path: Path, trusted: bytes = b"") -> Verdict:
    """What is to be said of the media file at `path`.

    `trusted`: certificates (PEM) taken as known beside the one that was made on this computer.

    Raises:
        MediaError: not a media file.
    """
    origin = read_origin(tags_of(path))
    if path.suffix.lower() not in c2pa_manifest.FORMATS:
        if origin is None:
            return Verdict(False, f"{path}: not made by SyncLips, as far as its tags say", None, None)
        kind = path.suffix.lower().removeprefix(".")
        line = f"{path}: {origin.statement} A {kind} file carries tags only: whether it was changed cannot be told"
        return Verdict(True, line, origin, None)
    if not c2pa_manifest.available():
        said = origin.statement if origin else "its tags do not name SyncLips."
        line = f"{path}: {said} Signatures cannot be checked here; pip install 'synclips[provenance]'"
        return Verdict(False, line, origin, None)
    manifest = read_manifest(path, known_certificate() + trusted)
    genuine, words = _signed(origin, manifest)
    return Verdict(genuine, f"{path}: {words}", origin, manifest)


def _signed(origin: Origin | None, manifest: Manifest | None) -> tuple[bool, str]:
    if manifest is None:
        said = f"{origin.statement} It" if origin else "not made by SyncLips: its tags do not say so, and it"
        return False, f"{said} is not signed"
    if manifest.state == "tampered":
        return False, f"tampered with: the file is not as it was signed ({manifest.fault or 'no valid signature'})"
    if manifest.program != SOFTWARE or origin is None:
        made_by = " ".join(filter(None, (manifest.program, manifest.version))) or "an unknown program"
        return False, f"not made by SyncLips; intact since it was signed by {made_by} for {manifest.signer}"
    if manifest.state == "valid":
        return False, (
            f"{origin.statement} Intact, but signed by one who is not known here ({manifest.signer}); "
            "--certificate names whom you trust"
        )
    return True, f"{origin.statement} Intact, signed by {manifest.signer}"
