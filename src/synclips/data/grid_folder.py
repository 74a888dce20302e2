"""One speaker's folder: filled in a temporary place, then moved and marked complete."""

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from synclips.data.archive import Member, opened
from synclips.data.grid import CITATION, VIDEO_SUFFIXES, is_utterance_name
from synclips.errors import DownloadError, OutputError
from synclips.files import atomic_path

MARKER: Final = "download.json"
SPARE_BYTES: Final = 256 << 20
"""Disk space that a download leaves free."""


@dataclass(frozen=True)
class SpeakerFiles:
    """What lies on the disk of one speaker, and where it came from."""

    speaker: str
    videos: int
    alignments: int
    source: str


def unpack_videos(packed: Path, staging: Path) -> set[str]:
    """Unpack the clips that `packed` holds to the emptied folder `staging`, and return their names without suffix.

    Raises:
        DownloadError: the archive is damaged, not to be trusted, or holds no clip; it is deleted.
        OutputError: the disk is too full.
    """
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    with _deleted_if_bad(packed), opened(packed, _is_clip) as members:
        if not members:
            raise DownloadError(f"{packed.name} holds no clips ({', '.join(VIDEO_SUFFIXES)}); use another --source")
        clips = {name: _own(there, staging.name) for name, there in members.items()}
        check_free(staging, sum(clip.size for clip in clips.values()))
        for name, clip in clips.items():
            (staging / name).with_suffix(Path(name).suffix.lower()).write_bytes(clip.read())
    return {Path(name).stem for name in clips}


def unpack_alignments(packed: Path, staging: Path, names: set[str]) -> int:
    """Unpack the alignments of the clips `names` to `staging`; returns how many there were.

    They are found by file name, which names one speaker's utterance in all the corpus, never by folder: Zenodo's
    archive has some speakers' folders swapped.

    Raises:
        DownloadError: the archive is damaged or not to be trusted; it is deleted.
    """

    def wanted(name: str) -> bool:
        return name.endswith(".align") and name.removesuffix(".align") in names

    with _deleted_if_bad(packed), opened(packed, wanted) as members:
        for name, there in members.items():
            (staging / name).write_bytes(_own(there, staging.name).read())
    return len(members)


def settle(staging: Path, folder: Path, files: SpeakerFiles) -> None:
    """Move everything from `staging` into `folder`, and mark it complete."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in staging.iterdir():
        file.replace(folder / file.name)
    staging.rmdir()
    note = {
        "videos": files.videos,
        "alignments": files.alignments,
        "source": files.source,
        "attribution": CITATION,
    }
    with atomic_path(folder / MARKER) as temporary:
        temporary.write_text(json.dumps(note, indent=2) + "\n", encoding="utf-8")


def complete(folder: Path) -> SpeakerFiles | None:
    """What a finished download left in `folder`; None where none finished, or files have gone since."""
    try:
        note = json.loads((folder / MARKER).read_text(encoding="utf-8"))
        files = SpeakerFiles(folder.name, int(note["videos"]), int(note["alignments"]), str(note["source"]))
        names = {path.name for path in folder.iterdir()}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    videos = {Path(name).stem for name in names if _is_clip(name)}
    alignments = [name for name in names if name.endswith(".align")]
    return files if len(videos) >= files.videos and len(alignments) >= files.alignments else None


def check_free(folder: Path, needed: int) -> None:
    """Raise OutputError unless `folder`'s disk has room for `needed` bytes, and some to spare."""
    free = shutil.disk_usage(folder).free
    needed += SPARE_BYTES
    if free < needed:
        raise OutputError(
            f"{folder} has {free / 1e9:.1f} GB free and {needed / 1e9:.1f} GB are needed; "
            "free some space, choose another folder, or ask for fewer speakers"
        )


@contextmanager
def _deleted_if_bad(packed: Path) -> Iterator[None]:
    try:
        yield
    except DownloadError:
        packed.unlink()
        raise


def _is_clip(name: str) -> bool:
    path = Path(name)
    return path.suffix.lower() in VIDEO_SUFFIXES and is_utterance_name(path.stem)


def _own(members: Sequence[Member], speaker: str) -> Member:
    """Of several members of one name, the one in the speaker's own folder, else the first."""
    return next((member for member in members if member.folder == speaker), members[0])
