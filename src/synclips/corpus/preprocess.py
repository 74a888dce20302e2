"""Preprocessing: a raw corpus becomes shards (decode, track, cut, align, crop, normalise), parallel and resumable.

Work is cut into shards of one speaker's clips each, the same cut for the same corpus. A finished shard leaves its tar
and a small .json beside it; a run that finds both, made with the same settings, goes on behind them. The shards of one
run are independent of each other: an engine makes them in processes or on a cluster.
"""

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import BrokenExecutor
from dataclasses import asdict, replace
from pathlib import Path

from synclips.corpus.footage import FootageSettings
from synclips.corpus.jobs import FootageJob, Job, State
from synclips.corpus.layouts import LayoutName
from synclips.corpus.page import PAGE, faces_shown, write_page
from synclips.corpus.remote import (
    StoredJob,
    fetch_shards,
    finished_stored,
    make_stored_shard,
    mirrored,
    publish,
    staged,
)
from synclips.corpus.sources import Corpus, Source, find_corpus
from synclips.corpus.splits import assign_splits
from synclips.corpus.utterance import Settings
from synclips.data.grid import Split, Utterance, clip_key
from synclips.data.shards import MANIFEST, ClipEntry, Manifest, Reject
from synclips.engines.engine import Engine, Lost
from synclips.engines.local import LocalEngine
from synclips.errors import DataError, ShardError
from synclips.progress import Progress, silent

SHARD_BYTES = 100_000_000
"""Bytes of video that a shard of footage is made of, unless one video has more."""


def preprocess(
    raw: Path | str,
    output: Path | str,
    *,
    workers: int | None = None,
    engine: Engine | None = None,
    layout: LayoutName = "auto",
    speaker: str | None = None,
    settings: Settings | None = None,
    footage: FootageSettings | None = None,
    on_progress: Progress = silent,
) -> Manifest:
    """Preprocess every video below `raw` (see `find_corpus`) into shards in `output`, with a page about what was kept.

    `raw` and `output` may be addresses of an object store (see corpus.remote).

    engine:   where shards are made; None: in `workers` processes
    layout:   of a published corpus; by default each file's is recognised
    speaker:  everything shows this one person

    Raises:
        DataError: there is nothing to preprocess, or nothing usable.
        OutputError: `output` cannot be written.
    """
    settings, footage = settings or Settings(), footage or FootageSettings()
    with mirrored(str(raw)) as given, staged(str(output)) as made:
        corpus = find_corpus(given.folder, layout, speaker)
        own: list[Job | FootageJob] = [
            *_utterance_jobs(corpus.utterances, made.folder, settings),
            *_footage_jobs(corpus.sources, made.folder, footage),
        ]
        jobs = [StoredJob.of(job, given, made) for job in own]
        states = {job.name: finished_stored(job) for job in jobs}
        open_jobs = [job for job in jobs if states[job.name] is None]
        done = len(corpus) - sum(len(job) for job in open_jobs)
        on_progress("preprocess", done, len(corpus))
        try:
            for job, state in (engine or LocalEngine(workers)).run(make_stored_shard, open_jobs):
                if isinstance(state, Lost):
                    raise BrokenExecutor(state.reason)
                states[job.name] = state
                done += len(job)
                on_progress("preprocess", done, len(corpus))
        except BaseException:
            _remove_unfinished(job.job for job in open_jobs)
            raise
        manifest = _manifest(states, corpus, settings, footage)
        manifest = _with_earlier(manifest, made.folder, corpus.sources)
        if not manifest.clips:
            reasons = "; ".join(sorted({reject.reason for reject in manifest.rejects})[:3])
            raise DataError(f"none of the {len(corpus)} videos below {raw} can be used: {reasons}")
        manifest.write(made.folder)
        fetch_shards(made, {clip.shard for clips in faces_shown(manifest).values() for clip in clips})
        write_page(made.folder, manifest)
        publish(made, PAGE)
        publish(made, MANIFEST)
        return manifest


def _utterance_jobs(utterances: Iterable[Utterance], output: Path, settings: Settings) -> Iterator[Job]:
    by_speaker: dict[str, list[Utterance]] = {}
    for utterance in utterances:
        by_speaker.setdefault(utterance.speaker, []).append(utterance)
    size = settings.clips_per_shard
    for speaker, clips in by_speaker.items():
        for number, start in enumerate(range(0, len(clips), size)):
            yield Job(output / f"{speaker}-{number:03d}.tar", tuple(clips[start : start + size]), settings)


def _footage_jobs(sources: Iterable[Source], output: Path, settings: FootageSettings) -> Iterator[FootageJob]:
    by_speaker: dict[str, list[Source]] = {}
    for source in sources:
        by_speaker.setdefault(source.speaker, []).append(source)
    for speaker, own in by_speaker.items():
        parts: list[list[Source]] = [[]]
        for source in own:
            size = sum(other.size for other in parts[-1])
            if parts[-1] and (size + source.size > SHARD_BYTES or len(parts[-1]) >= Settings().clips_per_shard):
                parts.append([])
            parts[-1].append(source)
        for number, part in enumerate(parts):
            yield FootageJob(output / f"{speaker}-v{number:03d}.tar", tuple(part), settings)


def _remove_unfinished(jobs: Iterable[Job | FootageJob]) -> None:
    for job in jobs:
        for left in job.path.parent.glob(f".{job.path.stem}.*.tmp.*"):
            left.unlink(missing_ok=True)


def _manifest(
    states: Mapping[str, State | None], corpus: Corpus, settings: Settings, footage: FootageSettings
) -> Manifest:
    complete = {name: state for name, state in states.items() if state is not None}
    rejects = tuple(Reject(**reject) for state in complete.values() for reject in state["rejects"])
    return Manifest(
        tuple(ClipEntry(**clip) for state in complete.values() for clip in state["clips"]),
        rejects + corpus.rejects,
        {name: state["sha256"] for name, state in complete.items()},
        asdict(settings) | ({"footage": asdict(footage)} if corpus.sources else {}),
    )


def _with_earlier(manifest: Manifest, output: Path, sources: Iterable[Source]) -> Manifest:
    """The manifest with what an earlier one holds: AV offsets of the same shards, which cost minutes to measure, and
    the splits of clips, which never move."""
    try:
        earlier = Manifest.read(output)
    except ShardError:
        earlier = Manifest((), (), {}, {})
    same = {name for name, digest in manifest.sha256.items() if earlier.sha256.get(name) == digest}
    measured = {clip.key: clip for clip in earlier.clips if clip.shard in same}
    clips = tuple(measured.get(clip.key, clip) for clip in manifest.clips)
    decided: dict[str, Split] = {clip.key: clip.split for clip in earlier.clips if clip.split is not None}
    published: dict[str, Split] = {
        clip_key(source.speaker, source.name): source.split for source in sources if source.split is not None
    }
    return replace(manifest, clips=assign_splits(clips, decided, published))
