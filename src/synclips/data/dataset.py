"""Clips read from shards, and which clips a step draws: a pure function of seed, stage and step."""

import tarfile
import zlib
from collections import OrderedDict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32

from synclips.data.grid import clip_key, speaker_of, split_of
from synclips.data.shards import Clip, ClipEntry, Manifest, clip_from_members
from synclips.errors import DataError, ShardError
from synclips.features.face_mesh import lower_points, rest_shape
from synclips.media.audio import Waveform
from synclips.media.timebase import SAMPLES_PER_FRAME

CACHE_BYTES = 6 << 30
"""Decoded clips kept in memory; beyond it the least recently used are decoded again when needed."""


@dataclass(frozen=True)
class _Place:
    shard: Path
    members: tuple[tuple[str, int, int], ...]  # suffix, offset, size


@runtime_checkable
class Clips(Protocol):
    """Clips by key, and what is known of their speakers."""

    def __getitem__(self, key: str) -> Clip:
        """The clip."""

    def offset(self, key: str) -> int:
        """Frames by which its sound lags its picture."""

    def rest(self, speaker: str) -> Float32[np.ndarray, "m 3"]:
        """The speaker's lower face at rest, in canonical units."""


class ClipStore:
    """Random access to the clips of a folder of shards; `shards`: only of those called so.

    Raises:
        ShardError: the manifest or a shard is missing or damaged.
    """

    def __init__(self, folder: Path, cache_bytes: int = CACHE_BYTES, shards: Collection[str] | None = None) -> None:
        self.folder = folder
        self.manifest = Manifest.read(folder)
        self.entries: dict[str, ClipEntry] = {entry.key: entry for entry in self.manifest.clips}
        self._places: dict[str, _Place] = {}
        for name in self.manifest.sha256 if shards is None else shards:
            self._places |= _index(folder / name)
        self._cache: OrderedDict[str, Clip] = OrderedDict()
        self._room = cache_bytes
        self._rest: dict[str, Float32[np.ndarray, "m 3"]] = {}

    def __getitem__(self, key: str) -> Clip:
        if key in self._cache:
            self._cache.move_to_end(key)
            return self._cache[key]
        place = self._places[key]
        try:
            with place.shard.open("rb") as stream:
                members = {}
                for suffix, offset, size in place.members:
                    stream.seek(offset)
                    members[suffix] = stream.read(size)
        except OSError as error:
            raise ShardError(f"{place.shard} cannot be read; run `synclips preprocess` again") from error
        clip = clip_from_members(members, place.shard)
        self._cache[key] = clip
        self._room -= clip.crops.nbytes
        while self._room < 0 and len(self._cache) > 1:
            self._room += self._cache.popitem(last=False)[1].crops.nbytes
        return clip

    def offset(self, key: str) -> int:
        """Frames by which the clip's sound lags its picture; 0 where that has not been measured."""
        return self.entries[key].av_offset or 0

    def rest(self, speaker: str) -> Float32[np.ndarray, "m 3"]:
        """The speaker's lower face at rest, in canonical units, from up to 12 of their clips."""
        if speaker not in self._rest:
            keys = by_speaker(self.entries)[speaker]
            keys = [keys[i] for i in np.unique(np.linspace(0, len(keys) - 1, 12).astype(int))]
            meshes = np.concatenate([self[key].meshes() for key in keys])
            self._rest[speaker] = rest_shape(meshes)[lower_points()]
        return self._rest[speaker]

    def split(self) -> dict[str, list[str]]:
        """Keys of the fixed splits (see synclips.corpus.splits and synclips.data.grid.split_of)."""
        parts: dict[str, list[str]] = {"train": [], "seen": [], "validation": [], "unseen": []}
        for key, entry in self.entries.items():
            speaker, _, name = key.partition(".")
            parts[entry.split or split_of(speaker, name)].append(key)
        return parts


def waveform_from(clip: Clip, frame: int) -> Waveform:
    """The clip's sound from a frame on."""
    if frame == 0:
        return clip.waveform
    return Waveform(clip.waveform.samples[frame * SAMPLES_PER_FRAME :], clip.waveform.sample_rate)


class BalancedSampler:
    """Draws clips so that no speaker drowns the others: a speaker's share grows with the root of their clip count.

    Raises:
        DataError: there is no clip to draw from.
    """

    def __init__(self, keys: Sequence[str], seed: int, stage: str) -> None:
        if not keys:
            raise DataError("no clip to train on; the corpus needs other speakers than those that are kept apart (s33)")
        self._groups = list(by_speaker(keys).values())
        share = np.sqrt([len(group) for group in self._groups])
        self._share = share / share.sum()
        self._seed = (seed, zlib.crc32(stage.encode()))

    def rng(self, step: int) -> np.random.Generator:
        """The generator from which step `step` draws everything random."""
        return np.random.default_rng([*self._seed, step])

    def item_rngs(self, step: int, count: int) -> list[np.random.Generator]:
        """For each of `count` items of a step the generator from which its changes are drawn."""
        return [np.random.default_rng([*self._seed, step, 1 + item]) for item in range(count)]

    def draw(self, rng: np.random.Generator, count: int) -> list[str]:
        """Keys of `count` clips."""
        speakers = rng.choice(len(self._groups), count, p=self._share)
        return [self._groups[s][int(rng.integers(len(self._groups[s])))] for s in speakers]


def by_speaker(keys: Iterable[str]) -> dict[str, list[str]]:
    """The keys of each speaker, in order."""
    groups: dict[str, list[str]] = {}
    for key in keys:
        groups.setdefault(speaker_of(key), []).append(key)
    return groups


def _index(path: Path) -> dict[str, _Place]:
    members: dict[str, list[tuple[str, int, int]]] = {}
    try:
        with tarfile.open(path) as tar:
            for info in tar:
                speaker, name, suffix = info.name.split(".", 2)
                members.setdefault(clip_key(speaker, name), []).append((suffix, info.offset_data, info.size))
    except FileNotFoundError as error:
        raise ShardError(f"no such shard: {path}; run `synclips preprocess` again") from error
    except (tarfile.TarError, ValueError, OSError) as error:
        raise ShardError(f"{path} is damaged; delete it and run `synclips preprocess` again") from error
    return {key: _Place(path, tuple(parts)) for key, parts in members.items()}
