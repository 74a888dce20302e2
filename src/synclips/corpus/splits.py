"""Which clips are trained on, and which are kept to measure with: decided once, and never changed for a clip.

GRID's clips have the fixed splits of `data.grid.split_of`. Of other people one in ten, from ten people on, is not
trained on (`validation` to choose by, `unseen` to report). Of everybody else about a tenth is held out (`seen`): whole
half minutes of a video, so that neighbouring clips do not lie on both sides. Decisions stand in the manifest; a clip
that is there keeps its own, its speaker theirs, and a new one is decided by checksums of names.
"""

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from synclips.data.grid import Split, speaker_of
from synclips.data.shards import ClipEntry

HELD_OUT: Final = 0.1
"""Share of a training speaker's frames that is held out."""
ONE_IN: Final = 10
"""One in so many speakers is trained on by nobody."""
BLOCK: Final = 30.0
"""Seconds of a video that are held out together."""
ENOUGH: Final = 4
"""Clips that a speaker must have for one to be held out."""


def assign_splits(
    clips: Iterable[ClipEntry], earlier: Mapping[str, Split], published: Mapping[str, Split]
) -> tuple[ClipEntry, ...]:
    """The clips with their splits.

    clips:      those that have a `source` (footage); others are left as they are
    earlier:    splits of clips by key, from the manifest before
    published:  by clip key, where the corpus's publisher decided it
    """
    clips = tuple(clips)
    people: dict[str, list[ClipEntry]] = {}
    for clip in clips:
        if clip.source:
            people.setdefault(speaker_of(clip.key), []).append(clip)
    kept_apart = _kept_apart(people, earlier, published)
    splits: dict[str, Split] = {}
    for speaker, own in people.items():
        if speaker in kept_apart:
            splits |= {clip.key: "validation" if _checksum(_block(clip)) % 2 else "unseen" for clip in own}
            splits |= {clip.key: earlier[clip.key] for clip in own if clip.key in earlier}
        else:
            held_out = _held_out(own, earlier)
            splits |= {clip.key: "seen" if clip.key in held_out else "train" for clip in own}
    return tuple(replace(clip, split=splits.get(clip.key)) for clip in clips)


def _kept_apart(
    people: Mapping[str, list[ClipEntry]], earlier: Mapping[str, Split], published: Mapping[str, Split]
) -> set[str]:
    apart, decided = set(), set()
    for key, split in earlier.items():
        decided.add(speaker_of(key))
        if split in ("validation", "unseen"):
            apart.add(speaker_of(key))
    for key, split in published.items():
        if split == "unseen" and speaker_of(key) not in decided:
            apart.add(speaker_of(key))
    new = [speaker for speaker in people if speaker not in decided | apart]
    wanted = len(people) // ONE_IN - len(apart & people.keys())
    apart |= set(sorted(new, key=_checksum)[: max(0, wanted)])
    return apart


def _held_out(clips: list[ClipEntry], earlier: Mapping[str, Split]) -> set[str]:
    """Keys of the clips of one speaker that are held out."""
    blocks: dict[str, list[ClipEntry]] = {}
    for clip in clips:
        blocks.setdefault(_block(clip), []).append(clip)
    if len(blocks) == 1:
        blocks = {clip.key: [clip] for clip in clips}
    total, held = sum(clip.frames for clip in clips), 0
    chosen: set[str] = set()
    new: list[str] = []
    for name, group in blocks.items():
        known = [earlier[clip.key] for clip in group if clip.key in earlier]
        if not known:
            new.append(name)
        for clip in group:
            if earlier.get(clip.key, known[0] if known else None) == "seen":
                chosen.add(clip.key)
                held += clip.frames
    for name in sorted(new, key=_checksum):
        frames = sum(clip.frames for clip in blocks[name])
        first = not chosen and len(clips) >= ENOUGH and len(blocks) > 1
        if first or held + frames / 2 <= HELD_OUT * total:
            chosen |= {clip.key for clip in blocks[name]}
            held += frames
    return chosen


def _block(clip: ClipEntry) -> str:
    return f"{clip.source} {int((clip.start or 0.0) // BLOCK)}"


def _checksum(name: str) -> int:
    return zlib.crc32(name.encode())
