"""A signed C2PA manifest inside a result: its ingredients, the program that made it, and proof that it is unchanged.

C2PA technical specification 2.1 (c2pa.org); digital source types of the IPTC.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Literal

from synclips.errors import ConfigError, OutputError
from synclips.files import atomic_path
from synclips.provenance.certificate import Credentials, own_credentials, read_credentials
from synclips.provenance.tags import SOFTWARE, Origin

FORMATS: Final = {".mp4": "video/mp4", ".mov": "video/quicktime"}
"""Containers of results that can carry a manifest; Matroska and WebM cannot."""
_SOURCES: Final = FORMATS | {".m4v": "video/mp4", ".avi": "video/avi", ".jpg": "image/jpeg", ".jpeg": "image/jpeg"} | {
    ".png": "image/png", ".webp": "image/webp", ".heic": "image/heic",
}  # fmt: skip
_SOURCE_TYPE: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_MODEL: Final = "org.synclips.model"
_PRIVATE: Final = {
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
    "builder": {"thumbnail": {"enabled": False}},
}
"""Nothing is fetched from the network, and no picture of the source goes into the manifest."""


def available() -> bool:
    """Whether the libraries for it are installed."""
    return all(find_spec(name) is not None for name in ("c2pa", "cryptography"))


@dataclass(frozen=True)
class Signing:
    """How finished files are signed; without credentials they are not, for the reason given (empty: nobody asked)."""

    credentials: Credentials | None = None
    reason: str = ""

    @classmethod
    def prepared(cls, certificate: Path | None = None, key: Path | None = None) -> "Signing":
        """With the user's certificate and key, or else the self-made ones.

        Raises:
            ConfigError: the user's cannot be used; or the libraries for it are not installed.
        """
        if (certificate is None) != (key is None):
            raise ConfigError("--certificate and --private-key go together: give both")
        if not available():
            if certificate is not None:
                raise ConfigError("signing needs two more packages: pip install 'synclips[provenance]'")
            return cls()
        if certificate is not None and key is not None:
            return cls(read_credentials(certificate, key))
        try:
            return cls(own_credentials())
        except (ConfigError, OutputError, OSError) as error:
            return cls(None, f"not signed: the certificate cannot be used ({error})")

    def sign(self, path: Path, source: Path, origin: Origin) -> tuple[str, ...]:
        """Sign if it can be done; what a person should know of it."""
        if self.credentials is None:
            return (self.reason,) if self.reason else ()
        if path.suffix.lower() not in FORMATS:
            return (f"not signed: {path.suffix} carries no signature; write an .mp4 or .mov for that",)
        try:
            sign(path, source, origin, self.credentials)
        except OutputError as error:
            return (f"not signed: {error}",)
        return ()


def sign(path: Path, source: Path, origin: Origin, credentials: Credentials) -> None:
    """Put a signed manifest into the finished video at `path` (.mp4 or .mov), which was made from `source`.

    The signed file takes the place of the unsigned one at once, or not at all. The manifest names no file.

    Raises:
        OutputError: it cannot be signed; the file stays as it was.
    """
    import c2pa

    signer_info = c2pa.C2paSignerInfo(credentials.algorithm, credentials.chain, credentials.key, None)
    try:
        with (
            atomic_path(path) as temporary,
            _context(_PRIVATE) as context,
            c2pa.Signer.from_info(signer_info) as signer,
        ):
            for parent in (source, None):
                try:
                    _write(path, temporary, signer, context, origin, parent)
                    break
                except c2pa.C2paError:  # a damaged source cannot be named as what it was made of
                    if parent is None:
                        raise
    except c2pa.C2paError as error:
        raise OutputError(f"{path} cannot be signed ({_words(error)}); check the certificate") from error


def _write(path: Path, signed: Path, signer: Any, context: Any, origin: Origin, source: Path | None) -> None:
    import c2pa

    kind = _SOURCES.get(source.suffix.lower()) if source else None
    manifest = _manifest(origin, opened=kind is not None)
    with c2pa.Builder(manifest, context=context) as builder:
        if source is not None and kind is not None:
            ingredient = {"title": "source", "relationship": "parentOf", "label": "source"}
            with source.open("rb") as stream:
                builder.add_ingredient(json.dumps(ingredient), kind, stream)
        with path.open("rb") as unsigned, signed.open("w+b") as target:
            builder.sign(signer, FORMATS[path.suffix.lower()], unsigned, target)


def _manifest(origin: Origin, *, opened: bool) -> dict[str, Any]:
    agent = {"name": SOFTWARE, "version": origin.version}

    def action(label: str, kind: str | None, words: str) -> dict[str, Any]:
        made = {"action": label, "when": origin.when, "softwareAgent": agent, "description": words}
        return made | ({"digitalSourceType": _SOURCE_TYPE + kind, "parameters": {_MODEL: origin.model}} if kind else {})

    composite = "compositeWithTrainedAlgorithmicMedia"
    lips = "the mouth is made by a neural network to match the sound"
    if opened:
        first = action("c2pa.opened", None, "the source") | {"parameters": {"ingredientIds": ["source"]}}
        actions = [first, action("c2pa.edited", composite, lips)]
    else:
        actions = [action("c2pa.created", composite, lips)]
    if origin.speech:
        actions.append(action("c2pa.edited", "trainedAlgorithmicMedia", "the speech is synthesized"))
    return {
        "claim_generator_info": [agent],
        "title": origin.statement,
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": actions}}],
    }


@dataclass(frozen=True)
class Manifest:
    """What a signed manifest is found to be.

    state:   trusted (intact, by a certificate that is known here), valid (intact, by an unknown one), tampered
    program, version:  that claim to have made it
    signer:  the certificate's names
    fault:   what is wrong with a tampered one
    """

    state: Literal["trusted", "valid", "tampered"]
    program: str
    version: str
    signer: str
    fault: str = ""


def read_manifest(path: Path, trusted: bytes = b"") -> Manifest | None:
    """The manifest in the file at `path`, checked against the file; None where there is none.

    `trusted`: certificates, PEM, one after the other, whose signatures are taken as known.
    """
    import c2pa

    settings = _PRIVATE | {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_trust": True}}
    if trusted:
        settings |= {"trust": {"trust_anchors": trusted.decode()}}
    try:
        with _context(settings) as context, path.open("rb") as stream:
            reader = c2pa.Reader.try_create(FORMATS[path.suffix.lower()], stream, context=context)
            if reader is None:
                return None
            with reader:
                return _found(json.loads(reader.json()))
    except c2pa.C2paError as error:
        return Manifest("tampered", "", "", "", _words(error))


def _found(store: dict[str, Any]) -> Manifest:
    active = store["manifests"][store["active_manifest"]]
    generator = (active.get("claim_generator_info") or [{}])[0]
    signature = active.get("signature_info") or {}
    name, organization = signature.get("common_name"), signature.get("issuer")
    signer = f"{name} ({organization})" if name and organization else str(name or organization or "an unknown signer")
    state = {"Trusted": "trusted", "Valid": "valid"}.get(store.get("validation_state", ""), "tampered")
    failures = store.get("validation_results", {}).get("activeManifest", {}).get("failure", [])
    fault = "; ".join(dict.fromkeys(str(failure.get("explanation") or failure.get("code")) for failure in failures))
    return Manifest(state, generator.get("name", ""), generator.get("version", ""), signer, fault)  # type: ignore[arg-type]


@contextmanager
def _context(settings: dict[str, Any]) -> Iterator[Any]:
    import c2pa

    with c2pa.Context.builder().with_settings(c2pa.Settings.from_dict(settings)).build() as context:
        yield context


def _words(error: Exception) -> str:
    return " ".join(str(error).split()).lower()
