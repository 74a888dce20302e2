"""A corpus in an object store (s3://, gs://, ...): read from it shard by shard, and its shards written back to it.

The corpus's folder is mirrored before anything is read: small files (transcripts, lists of cuts) with their contents,
videos and sound as sparse files of their size and time, so that the corpus is found, and changes are told, as in a
folder. Whoever makes a shard fetches that shard's videos, and removes them afterwards; a machine needs room for one
shard's videos at a time. A shard is stored before the .json that says it is complete.
"""

import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from synclips.corpus.jobs import FootageJob, Job, State, finished, is_of, make_shard, state_path
from synclips.corpus.sources import SOUND_SUFFIXES, TRANSCRIPT_SUFFIXES, VIDEO_SUFFIXES
from synclips.data.shards import MANIFEST
from synclips.engines.object_store import exists, fetched, is_remote, join, list_files, read_bytes, store
from synclips.errors import DataError

SPARSE: Final = VIDEO_SUFFIXES | frozenset(SOUND_SUFFIXES)
"""Suffixes of files that are fetched when a shard needs them, not before."""
TEXT: Final = frozenset(TRANSCRIPT_SUFFIXES)
"""Of files that are fetched at once."""


@dataclass(frozen=True)
class Place:
    """A folder of this machine, and the store's folder that it stands for; `address` "": it stands for itself."""

    folder: Path
    address: str = ""


@dataclass(frozen=True)
class StoredJob:
    """A shard to be made of, or for, an object store. `job` names files below the two places' folders."""

    job: Job | FootageJob
    raw: Place
    output: Place

    def __len__(self) -> int:
        return len(self.job)

    @property
    def name(self) -> str:
        """The shard's."""
        return self.job.path.name

    @staticmethod
    def of(job: Job | FootageJob, raw: Place, output: Place) -> "StoredJob":
        """To be made where the mirror is: what the job is made of is told by it."""
        return StoredJob(replace(job, told=tuple(job.contents)) if isinstance(job, FootageJob) else job, raw, output)


@contextmanager
def mirrored(address: str) -> Iterator[Place]:
    """The corpus at `address`, a path or a store's, as a folder.

    Raises:
        DataError: there is no file below it.
        InputError: the store cannot be read.
        BackendError: the library for such addresses is not installed.
    """
    if not is_remote(address):
        yield Place(Path(address))
        return
    listed = list_files(address)
    if not listed:
        raise DataError(f"there is no file below {address}; name a folder of the store that holds videos")
    with tempfile.TemporaryDirectory(prefix="synclips-") as temporary:
        folder = Path(temporary)
        for name, facts in listed.items():
            if Path(name).suffix.lower() not in SPARSE | TEXT or ".." in Path(name).parts:
                continue
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix.lower() in SPARSE:
                with path.open("wb") as stream:
                    stream.truncate(facts.size)
            elif path.suffix.lower() in TEXT:
                path.write_bytes(read_bytes(join(address, name)) or b"")
            os.utime(path, ns=(facts.modified, facts.modified))
        yield Place(folder, address)


@contextmanager
def staged(address: str) -> Iterator[Place]:
    """Where shards for `address` are put together, with the manifest that lies there already."""
    if not is_remote(address):
        yield Place(Path(address))
        return
    with tempfile.TemporaryDirectory(prefix="synclips-") as temporary:
        earlier = read_bytes(join(address, MANIFEST))
        if earlier is not None:
            (Path(temporary) / MANIFEST).write_bytes(earlier)
        yield Place(Path(temporary), address)


def publish(place: Place, name: str) -> None:
    """Store a file of a staged folder."""
    if place.address:
        store(place.folder / name, join(place.address, name))


def fetch_shards(place: Place, names: Iterable[str]) -> None:
    """Copy stored shards into a staged folder."""
    for name in names if place.address else ():
        content = read_bytes(join(place.address, name))
        if content is not None:
            (place.folder / name).write_bytes(content)


def make_stored_shard(stored: StoredJob) -> State:
    """As `make_shard`, its inputs fetched from the store and its results stored."""
    known = finished_stored(stored)
    if known is not None:
        return known
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="synclips-")))
        job = _fetched_job(stored, work, stack)
        if stored.output.address:
            job = replace(job, path=work / job.path.name)
        state = make_shard(job)
        for path in (job.path, state_path(job.path)) if stored.output.address else ():
            store(path, join(stored.output.address, path.name))
    return state


def finished_stored(stored: StoredJob) -> State | None:
    """As `jobs.finished`. A stored object is whole when it is there, so shards are not read to check their digest."""
    if not stored.output.address:
        return finished(stored.job)
    written = read_bytes(join(stored.output.address, state_path(stored.job.path).name))
    if written is None or not exists(join(stored.output.address, stored.name)):
        return None
    try:
        state: State = json.loads(written)
        return state if is_of(state, stored.job) else None
    except (ValueError, KeyError):
        return None


def _fetched_job(stored: StoredJob, work: Path, stack: ExitStack) -> Job | FootageJob:
    """The job with copies of its files, which are removed with `stack`."""

    def local(path: Path) -> Path:
        name = path.relative_to(stored.raw.folder)
        folder = work / "raw" / name.parent
        folder.mkdir(parents=True, exist_ok=True)
        return stack.enter_context(fetched(join(stored.raw.address, name.as_posix()), folder))

    job = stored.job
    if not stored.raw.address:
        return job
    if isinstance(job, Job):
        utterances = (
            replace(u, video=local(u.video), alignment=local(u.alignment) if u.alignment else None)
            for u in job.utterances
        )
        return replace(job, utterances=tuple(utterances))
    copies: dict[Path, Path] = {}
    sources = []
    for source in job.sources:
        for path in (source.video, source.sound, source.transcript):
            if path is not None and path not in copies:
                copies[path] = local(path)
        sources.append(
            replace(
                source,
                video=copies[source.video],
                sound=copies[source.sound] if source.sound else None,
                transcript=copies[source.transcript] if source.transcript else None,
            )
        )
    return replace(job, sources=tuple(sources))
