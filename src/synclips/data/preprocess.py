"""Preprocessing: a raw corpus becomes shards (decode, track the face, align, crop, normalise), parallel and resumable.

Work is cut into shards of one speaker's clips each, the same cut for the same corpus. A finished shard leaves its tar
and a small .json beside it; a run that finds both, made with the same settings, goes on behind them.
"""

import json
import multiprocessing
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from synclips.data.grid import Utterance, find_utterances, parse_alignment
from synclips.data.shards import VERSION, Clip, ClipEntry, Manifest, Reject, sha256_of, write_shard
from synclips.errors import DataError, MediaError, NoFaceError, ShardError
from synclips.features.alignment import crop_face, crop_pose, fit_alignment
from synclips.features.face_mesh import fit_pose, lower_points
from synclips.files import atomic_path
from synclips.media.audio import Waveform, normalise_loudness, read_audio
from synclips.media.timebase import SAMPLES_PER_FRAME
from synclips.media.video import read_at_rate
from synclips.progress import Progress, silent
from synclips.runtime import available_cores
from synclips.tracking.detector import FaceMeshDetector, LandmarkDetector
from synclips.tracking.track import FaceTrack, track_face

CLIPS_PER_SHARD = 40
SHORTEST = 25
"""Frames (1 s): shorter clips are rejected."""
MOST_WORKERS = 16
"""Processes at most, unless more are asked for."""
PATIENCE = 1.0
"""Seconds that an interrupted worker has to leave by itself."""
MOST_UNSEEN = 0.1
"""Share of frames without a detected face beyond which a clip is rejected."""


State = dict[str, Any]
"""What a finished shard says of itself: settings, utterances, sha256, clips, rejects."""


@dataclass(frozen=True)
class Settings:
    """What the shards depend on; shards made with others are made again."""

    version: int = VERSION
    clips_per_shard: int = CLIPS_PER_SHARD
    shortest: int = SHORTEST
    most_unseen: float = MOST_UNSEEN


@dataclass(frozen=True)
class Job:
    """One shard to be made."""

    path: Path
    utterances: tuple[Utterance, ...]
    settings: Settings


def preprocess(
    raw: Path,
    output: Path,
    *,
    workers: int | None = None,
    settings: Settings | None = None,
    on_progress: Progress = silent,
) -> Manifest:
    """Preprocess every utterance below `raw` (layout of `find_utterances`) into shards in `output`.

    Raises:
        DataError: there is nothing to preprocess, or nothing usable.
        OutputError: `output` cannot be written.
    """
    settings = settings or Settings()
    utterances = find_utterances(raw)
    if not utterances:
        raise DataError(
            f"no utterance below {raw}; expected {raw}/s1/bbaf2n.mpg and so on (`synclips download` makes it)"
        )
    jobs = list(_jobs(utterances, output, settings))
    states = {job.path.name: _finished(job) for job in jobs}
    open_jobs = [job for job in jobs if states[job.path.name] is None]
    done = len(utterances) - sum(len(job.utterances) for job in open_jobs)
    on_progress("preprocess", done, len(utterances))
    for job, state in _run(open_jobs, workers or min(available_cores(), MOST_WORKERS)):
        states[job.path.name] = state
        done += len(job.utterances)
        on_progress("preprocess", done, len(utterances))
    manifest = _with_offsets(_manifest(states, settings), output)
    if not manifest.clips:
        reasons = "; ".join(sorted({reject.reason for reject in manifest.rejects})[:3])
        raise DataError(f"none of the {len(utterances)} clips below {raw} can be used: {reasons}")
    manifest.write(output)
    return manifest


def prepare_clip(utterance: Utterance, detector: LandmarkDetector, settings: Settings) -> Clip:
    """Decode, track, align and crop one utterance.

    Raises:
        MediaError: unreadable, silent, or too short.
        NoFaceError: the face is missing in too many frames.
        DataError: its alignment file is damaged.
    """
    images = list(read_at_rate(utterance.video))
    if len(images) < settings.shortest:
        raise MediaError(f"{len(images)} frames, fewer than {settings.shortest}")
    waveform = normalise_loudness(read_audio(utterance.video)).padded(len(images) * SAMPLES_PER_FRAME)
    track = track_face(images, detector)
    unseen = float((~track.visible).mean())
    if unseen > settings.most_unseen:
        raise NoFaceError(f"no face in {unseen:.0%} of the frames")
    words = parse_alignment(utterance.alignment) if utterance.alignment else ()
    return clip_of(
        utterance.speaker, utterance.name, images, track, waveform, tuple((w.start, w.end, w.word) for w in words)
    )


def clip_of(
    speaker: str,
    name: str,
    images: list[np.ndarray],
    track: FaceTrack,
    waveform: Waveform,
    words: tuple[tuple[float, float, str], ...],
) -> Clip:
    """Put a tracked face into the canonical frame and the crop."""
    pose = fit_pose(track.points)
    canonical = pose.to_canonical(track.points)
    alignment = fit_alignment(track.points)
    crops = np.stack([crop_face(image, matrix) for image, matrix in zip(images, alignment, strict=True)])
    lower, mesh = canonical[:, lower_points()], canonical.mean(axis=0)
    return Clip(speaker, name, crops, lower, mesh, crop_pose(pose, alignment), waveform, words)


def _jobs(utterances: list[Utterance], output: Path, settings: Settings) -> Iterator[Job]:
    by_speaker: dict[str, list[Utterance]] = {}
    for utterance in utterances:
        by_speaker.setdefault(utterance.speaker, []).append(utterance)
    size = settings.clips_per_shard
    for speaker, clips in by_speaker.items():
        for number, start in enumerate(range(0, len(clips), size)):
            yield Job(output / f"{speaker}-{number:03d}.tar", tuple(clips[start : start + size]), settings)


def _run(jobs: list[Job], workers: int) -> Iterator[tuple[Job, State]]:
    if workers == 1 or len(jobs) <= 1:
        for job in jobs:
            yield job, _make(job)
        return
    # on every system alike: a process that has started threads cannot be forked safely
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(workers, len(jobs)), mp_context=context, initializer=_begin_work)
    try:
        running = {pool.submit(_work, job): job for job in jobs}
        for future in as_completed(running):
            yield running[future], future.result()
    except BaseException:
        _stop(list(pool._processes.values()), jobs)
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _stop(processes: list[BaseProcess], jobs: list[Job]) -> None:
    """End the workers, by force if they do not follow, and remove what they leave half-written."""
    for process in processes:
        process.terminate()
    for process in processes:
        process.join(PATIENCE)
        if process.is_alive():
            process.kill()
            process.join()
    for job in jobs:
        for left in job.path.parent.glob(f".{job.path.stem}.*.tmp.*"):
            left.unlink(missing_ok=True)


def _begin_work() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end_work)


def _end_work(number: int, _frame: FrameType | None) -> None:
    """The first signal ends the worker process in order: what it has half-written is removed."""
    for other in (signal.SIGINT, signal.SIGTERM):
        signal.signal(other, lambda *_: None)
    raise SystemExit(128 + number)


def _work(job: Job) -> State:
    """`_make` in a worker process. Interrupted, it must not go on to the next shard that the pool has for it."""
    try:
        return _make(job)
    except SystemExit:
        os._exit(1)


def _make(job: Job) -> State:
    """Make one shard and, last, the .json that says it is complete; returns what that says."""
    import cv2

    cv2.setNumThreads(1)
    rejects: list[Reject] = []

    def clips() -> Iterator[Clip]:
        for utterance in job.utterances:
            # a fresh detector: tracking must not carry a face from one clip into the next
            detector = FaceMeshDetector()
            try:
                yield prepare_clip(utterance, detector, job.settings)
            except (MediaError, NoFaceError, DataError) as error:
                rejects.append(Reject(utterance.key, str(error)))
            finally:
                detector.close()

    entries = write_shard(job.path, clips())
    state: State = {
        "settings": asdict(job.settings),
        "utterances": [utterance.key for utterance in job.utterances],
        "sha256": sha256_of(job.path),
        "clips": [asdict(entry) for entry in entries],
        "rejects": [asdict(reject) for reject in rejects],
    }
    with atomic_path(_state_path(job.path)) as temporary:
        temporary.write_text(json.dumps(state) + "\n")
    return state


def _state_path(shard: Path) -> Path:
    return shard.with_suffix(".json")


def _finished(job: Job) -> State | None:
    """The state that a complete shard left, or None if it must be made."""
    path = _state_path(job.path)
    if not path.is_file() or not job.path.is_file():
        return None
    try:
        state: State = json.loads(path.read_text())
        keys = [key.replace("/", ".") for key in state["utterances"]]  # as earlier versions wrote them
        same = state["settings"] == asdict(job.settings) and keys == [u.key for u in job.utterances]
        return state if same and state["sha256"] == sha256_of(job.path) else None
    except (ValueError, KeyError):
        return None


def _manifest(states: dict[str, State | None], settings: Settings) -> Manifest:
    complete = {name: state for name, state in states.items() if state is not None}
    return Manifest(
        tuple(ClipEntry(**clip) for state in complete.values() for clip in state["clips"]),
        tuple(Reject(**reject) for state in complete.values() for reject in state["rejects"]),
        {name: state["sha256"] for name, state in complete.items()},
        asdict(settings),
    )


def _with_offsets(manifest: Manifest, output: Path) -> Manifest:
    """The manifest with the AV offsets that an earlier one of the same shards holds: they cost minutes to measure."""
    try:
        earlier = Manifest.read(output)
    except ShardError:
        return manifest
    same = {name for name, digest in manifest.sha256.items() if earlier.sha256.get(name) == digest}
    measured = {clip.key: clip for clip in earlier.clips if clip.shard in same}
    return replace(manifest, clips=tuple(measured.get(clip.key, clip) for clip in manifest.clips))
