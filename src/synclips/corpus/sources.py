"""The videos of a corpus: which there are, who is in them, and what lies beside them.

Any folder will do. `<speaker>/<anything>.mp4` says who speaks by the first folder; a video that lies in the corpus's
own folder is taken for a person of its own. The layouts of published corpora are recognised file by file
(corpus.layouts).
"""

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from synclips.corpus.layouts import Layout, LayoutName, layout_of
from synclips.data.grid import Split, Utterance, clip_key, find_utterances
from synclips.data.shards import Reject
from synclips.errors import DataError

VIDEO_SUFFIXES: Final = frozenset(
    (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".flv", ".wmv", ".3gp")
)
SOUND_SUFFIXES: Final = (".wav", ".flac", ".m4a", ".aac", ".ogg", ".opus", ".mp3")
TRANSCRIPT_SUFFIXES: Final = (".align", ".srt", ".vtt", ".txt")
"""Of a transcript beside a video, best first."""


@dataclass(frozen=True)
class Source:
    """One video of a corpus, or one stretch of it.

    speaker, name:  of its clips' keys
    video:       the file; `path` is the same as the corpus names it, below its folder
    sound:       a file with the sound, where the video has none; None: the video's own
    transcript:  what is said: .align, .srt, .vtt, .txt
    text:        what is said, where the corpus's layout spells it
    start, stop: seconds of the stretch that is used; None: all
    split:       where the corpus's publisher decided it
    size:        bytes of the video
    """

    speaker: str
    name: str
    video: Path
    path: str
    sound: Path | None = None
    transcript: Path | None = None
    text: str = ""
    start: float | None = None
    stop: float | None = None
    split: Split | None = None
    size: int = 0

    @property
    def key(self) -> str:
        """See `clip_key`."""
        return clip_key(self.speaker, self.name)


@dataclass(frozen=True)
class Corpus:
    """What a folder holds: GRID's utterances, other videos, and videos that are left out as they stand."""

    utterances: tuple[Utterance, ...]
    sources: tuple[Source, ...]
    rejects: tuple[Reject, ...]

    def __len__(self) -> int:
        return len(self.utterances) + len(self.sources)


def find_corpus(root: Path, layout: LayoutName = "auto", speaker: str | None = None) -> Corpus:
    """All videos below `root`, ordered by speaker and path.

    In a folder `<speaker>/` that holds GRID's utterances nothing else is taken: derived clips lie about in many copies
    of that corpus. `speaker`: everything shows this one person.

    Raises:
        DataError: `root` is no folder, or holds no video.
    """
    if not root.is_dir():
        raise DataError(f"there is no folder {root}; name one with videos, or run `synclips download` first")
    utterances = _grid(root) if layout in ("auto", "grid") and speaker is None else []
    grid = {utterance.speaker for utterance in utterances}
    sources: list[Source] = []
    rejects: list[Reject] = []
    for video in [] if layout == "grid" else _videos(root, grid):
        path = video.relative_to(root)
        found = layout_of(root, path, layout)
        for part in found.parts:
            source = _source(video, path, found, _slug(speaker or part.speaker), _slug(part.name))
            if part.start is not None:
                source = replace(source, start=part.start, stop=part.stop)
            sources.append(source)
        if found.refused:
            rejects.append(Reject(clip_key(_slug(path.parts[0]), _slug(path.stem)), found.refused, path.as_posix()))
    sources = _distinct(sources)
    if not utterances and not sources:
        why = f": {rejects[0].reason}" if rejects else ""
        raise DataError(
            f"{root} holds no video that can be used{why}; expected <speaker>/<anything>.mp4 (or .mov, .mkv, .webm, "
            ".mpg, ...); `synclips download` fetches the GRID corpus"
        )
    return Corpus(tuple(utterances), tuple(sources), tuple(rejects))


def _grid(root: Path) -> list[Utterance]:
    try:
        return find_utterances(root)
    except DataError:
        return []


def _videos(root: Path, grid: set[str]) -> Iterator[Path]:
    for video in sorted(root.rglob("*")):
        path = video.relative_to(root)
        hidden = any(part.startswith(".") for part in path.parts)
        if hidden or path.parts[0] in grid or video.suffix.lower() not in VIDEO_SUFFIXES:
            continue
        if video.is_file():
            yield video


def _source(video: Path, path: Path, layout: Layout, speaker: str, name: str) -> Source:
    sound = layout.sound or next((p for p in _beside(video, SOUND_SUFFIXES)), None)
    transcript = next((p for p in _beside(video, TRANSCRIPT_SUFFIXES)), None)
    return Source(
        speaker, name, video, path.as_posix(), sound, transcript, layout.text, None, None, layout.split,
        video.stat().st_size,
    )  # fmt: skip


def _beside(video: Path, suffixes: tuple[str, ...]) -> Iterator[Path]:
    """Files beside the video that are called as it is, or with its whole name (`a.mp4.srt`)."""
    for suffix in suffixes:
        for name in (video.with_suffix(suffix), video.with_name(video.name + suffix)):
            if name.is_file():
                yield name


def _slug(name: str) -> str:
    """A name with nothing in it that divides a clip's key or a path: letters, digits, _ and - stay."""
    plain = re.sub(r"[^\w-]+", "-", name).strip("-") or "video"
    if len(plain) > 60:
        plain = f"{plain[:50]}-{zlib.crc32(name.encode()):08x}"
    return plain


def _distinct(sources: list[Source]) -> list[Source]:
    """Sources whose keys are equal get their paths' checksum."""
    count: dict[str, int] = {}
    for source in sources:
        count[source.key] = count.get(source.key, 0) + 1
    return [
        source
        if count[source.key] == 1
        else replace(source, name=f"{source.name}-{zlib.crc32(f'{source.path} {source.start}'.encode()):08x}")
        for source in sources
    ]
