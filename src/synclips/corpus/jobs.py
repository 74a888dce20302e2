"""The making of one shard: clips of some utterances or of some footage, and the state that says it is complete."""

import json
import multiprocessing
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from synclips.corpus.footage import Facts, FootageReader, FootageSettings
from synclips.corpus.sources import Source
from synclips.corpus.utterance import Settings, prepare_clip
from synclips.data.grid import Utterance
from synclips.data.shards import Clip, Reject, sha256_of, write_shard
from synclips.errors import DataError, MediaError, NoFaceError
from synclips.files import atomic_path
from synclips.metrics.evaluators import SYNCNET, load_judge, shipped_or
from synclips.models.syncnet import SyncNet
from synclips.tracking.detector import FaceMeshDetector

State = dict[str, Any]
"""What a finished shard says of itself: settings, utterances, sha256, clips, rejects."""


@dataclass(frozen=True)
class Job:
    """One shard of utterances to be made."""

    path: Path
    utterances: tuple[Utterance, ...]
    settings: Settings

    def __len__(self) -> int:
        return len(self.utterances)

    @property
    def contents(self) -> list[str]:
        """What the shard is made of."""
        return [utterance.key for utterance in self.utterances]


@dataclass(frozen=True)
class FootageJob:
    """One shard of footage to be made. `told`: its contents, where its files are copies with times of their own."""

    path: Path
    sources: tuple[Source, ...]
    settings: FootageSettings
    told: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.sources)

    @property
    def contents(self) -> list[str]:
        """What the shard is made of; another file of the same name has another size or time."""
        return list(self.told) or [
            f"{source.key} {source.start} {source.stop} {_identity(source)}" for source in self.sources
        ]


def make_shard(job: Job | FootageJob) -> State:
    """Make one shard and, last, the .json that says it is complete; returns what that says.

    Where both are there already (another worker made them and was then lost), they are kept.
    """
    import cv2

    cv2.setNumThreads(1)
    if multiprocessing.parent_process() is not None:
        torch.set_num_threads(1)  # there is a process for each core
    known = finished(job)
    if known is not None:
        return known
    rejects: list[Reject] = []
    facts: dict[str, Facts] = {}
    made = _utterances(job, rejects) if isinstance(job, Job) else _footage(job, rejects, facts)
    entries = write_shard(job.path, made)
    entries = [replace(entry, **vars(facts[entry.key])) if entry.key in facts else entry for entry in entries]
    state: State = {
        "settings": asdict(job.settings),
        "utterances": job.contents,
        "sha256": sha256_of(job.path),
        "clips": [asdict(entry) for entry in entries],
        "rejects": [asdict(reject) for reject in rejects],
    }
    with atomic_path(state_path(job.path)) as temporary:
        temporary.write_text(json.dumps(state) + "\n")
    return state


def finished(job: Job | FootageJob) -> State | None:
    """The state that a complete shard left, or None if it must be made."""
    path = state_path(job.path)
    if not path.is_file() or not job.path.is_file():
        return None
    try:
        state: State = json.loads(path.read_text())
        return state if is_of(state, job) and state["sha256"] == sha256_of(job.path) else None
    except (ValueError, KeyError):
        return None


def is_of(state: State, job: Job | FootageJob) -> bool:
    """Whether a finished shard's state is that of the job: the same settings, the same files."""
    contents = state["utterances"]
    if isinstance(job, Job):
        contents = [key.replace("/", ".") for key in contents]  # as earlier versions wrote them
    defaults, settings = (json.loads(json.dumps(asdict(value))) for value in (type(job.settings)(), job.settings))
    same: bool = defaults | state["settings"] == settings and contents == job.contents  # earlier versions had fewer
    return same


def _utterances(job: Job, rejects: list[Reject]) -> Iterator[Clip]:
    for utterance in job.utterances:
        # a fresh detector: tracking must not carry a face from one clip into the next
        detector = FaceMeshDetector()
        try:
            yield prepare_clip(utterance, detector, job.settings)
        except (MediaError, NoFaceError, DataError) as error:
            rejects.append(Reject(utterance.key, str(error)))
        finally:
            detector.close()


def _footage(job: FootageJob, rejects: list[Reject], facts: dict[str, Facts]) -> Iterator[Clip]:
    reader = FootageReader(_syncnet(), job.settings)
    for source in job.sources:
        detector = FaceMeshDetector()
        try:
            for clip, known in reader.clips(source, detector, rejects):
                facts[clip.key] = known
                yield clip
        except (MediaError, NoFaceError, DataError) as error:
            rejects.append(Reject(source.key, str(error), source.path, source.start, source.stop))
        finally:
            detector.close()


@lru_cache(maxsize=1)
def _syncnet() -> SyncNet:
    """The shipped one, once a process."""
    with shipped_or(None, SYNCNET) as path:
        return load_judge(path)


def _identity(source: Source) -> str:
    beside = (source.video, source.sound, source.transcript)
    stats = [path.stat() for path in beside if path is not None]
    return " ".join(f"{stat.st_size}:{stat.st_mtime_ns}" for stat in stats)


def state_path(shard: Path) -> Path:
    """Of the .json beside a shard that says it is complete."""
    return shard.with_suffix(".json")
