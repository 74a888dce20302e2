"""Sync along a finished video, moment by moment, for a curve beside its waveform."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Bool, Float32, UInt8

from synclips.features.alignment import crop_face
from synclips.media.audio import normalise_loudness, read_audio
from synclips.media.timebase import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME
from synclips.media.video import probe, read_at_rate
from synclips.metrics.evaluators import SYNCNET, load_judge, shipped_or
from synclips.metrics.lip_shape import silent_frames
from synclips.metrics.sync import CONFIDENT, HALF, REACH, embed_sound, embed_stream, mouths_of
from synclips.progress import Progress, silent
from synclips.tracking.detection_cache import detect_at_rate
from synclips.tracking.detector import FaceMeshDetector
from synclips.tracking.tracked_video import TrackedVideo, follow_largest

WINDOW: Final = 25
"""Frames around each moment over which similarities are averaged."""
STEP: Final = 5
"""Frames from one moment of the curve to the next."""
_CHUNK: Final = 100


@dataclass(frozen=True)
class SyncCurve:
    """The score at `step`, 2 `step`, ... seconds, from 0 on; None where no face is seen or nothing is said.

    A score is the mean cosine similarity of picture and sound within `WINDOW` frames, as they are shown, less its
    median over all offsets up to 15 frames: 0 where lips and sound have nothing to do with each other. From `sure` on
    they surely go together (see synclips.metrics.sync).
    """

    step: float
    scores: tuple[float | None, ...]
    mean: float
    sure: float = CONFIDENT


def sync_curve(video: Path, on_progress: Progress = silent) -> SyncCurve | None:
    """The curve of the video's largest face, by the shipped SyncNet; None where it cannot be measured.

    Raises:
        MediaError, NoFaceError: the video cannot be used.
    """
    info = probe(video)
    if not info.has_audio:
        return None
    tracked = follow_largest(info, detect_at_rate(info, FaceMeshDetector, on_progress=on_progress))
    count = len(tracked)
    sound = read_audio(video, SAMPLE_RATE).padded(count * SAMPLES_PER_FRAME)
    with shipped_or(None, SYNCNET) as judge:
        syncnet = load_judge(judge)
    seen = np.concatenate(list(embed_stream(syncnet, _mouths(tracked))))
    heard = embed_sound(syncnet, normalise_loudness(sound), count)
    speaking = ~silent_frames(sound, count)
    return curve_of(seen, heard, np.asarray(tracked.track.visible)[: len(seen)], speaking)


def curve_of(
    seen: Float32[np.ndarray, "n d"],
    heard: Float32[np.ndarray, "n d"],
    visible: Bool[np.ndarray, " n"],
    speaking: Bool[np.ndarray, " n"],
) -> SyncCurve | None:
    """The curve of embeddings, row i of both being of frame i; None where less than a second can be compared."""
    count = len(seen)
    usable = visible.copy()
    usable[:HALF] = usable[max(0, count - HALF) :] = False
    if usable.sum() < WINDOW:
        return None
    smoothed = np.stack([_smoothed(seen, heard, usable, offset) for offset in range(-REACH, REACH + 1)])
    known = np.isfinite(smoothed[REACH])
    score = np.full(count, np.nan)
    score[known] = smoothed[REACH, known] - np.nanmedian(smoothed[:, known], axis=0)
    near = np.convolve(speaking & visible, np.ones(STEP), "same") > 0
    shown = np.where(near, score, np.nan)[::STEP]
    if not np.isfinite(shown).any():
        return None
    scores = tuple(round(float(value), 3) if np.isfinite(value) else None for value in shown)
    return SyncCurve(STEP / FPS, scores, round(float(np.nanmean(shown)), 3))


def _smoothed(
    seen: Float32[np.ndarray, "n d"], heard: Float32[np.ndarray, "n d"], usable: Bool[np.ndarray, " n"], offset: int
) -> Float32[np.ndarray, " n"]:
    """Mean similarity around each frame of the picture to the sound `offset` frames later; NaN where there is none."""
    count = len(seen)
    at = np.arange(count) + offset
    there = usable & (at >= HALF) & (at < count - HALF)
    pairs = np.where(there, np.einsum("nd,nd->n", seen, heard[np.clip(at, 0, count - 1)]), 0.0)
    window = np.ones(min(WINDOW, count))
    total, number = np.convolve(pairs, window, "same"), np.convolve(there, window, "same")
    return np.where(number >= HALF, total / np.maximum(number, 1), np.nan).astype(np.float32)


def _mouths(tracked: TrackedVideo) -> Iterator[UInt8[np.ndarray, "_n 48 96 3"]]:
    held: list[np.ndarray] = []
    for alignment, image in zip(tracked.alignment, read_at_rate(tracked.path, FPS), strict=False):
        held.append(crop_face(image, alignment))
        if len(held) == _CHUNK:
            yield mouths_of(np.stack(held))
            held = []
    if held:
        yield mouths_of(np.stack(held))
