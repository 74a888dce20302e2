"""Does the mouth rest while nobody speaks?"""

from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float32
from scipy.ndimage import median_filter

from synclips.evaluation.shapes import inter_ocular
from synclips.features.face_mesh import LIPS, lower_points
from synclips.media.audio import Waveform
from synclips.media.timebase import FPS

BELOW_SPEECH = 20.0
"""Decibels below the sound's loud frames at which a frame may count as silent."""
ABOVE_FLOOR = 10.0
"""Decibels above the sound's quiet frames up to which a frame counts as silent."""
QUIET = -60.0
"""A level in dBFS that is silent whatever else there is."""
AROUND_SPEECH = 3
"""Frames either side of speech that are not counted: lips open before the voice and close after it."""


def silent_frames(waveform: Waveform, frames: int) -> Bool[np.ndarray, " n"]:
    """The frames in whose neighbourhood nothing is heard. Beyond the waveform's end there is silence."""
    each = waveform.sample_rate / FPS
    edges = np.round(np.arange(frames + 1) * each).astype(int)
    power = np.array([_mean_square(waveform.samples[a:b]) for a, b in pairwise(edges)])
    level = median_filter(10 * np.log10(power + 1e-12), 3, mode="nearest")
    floor, top = np.quantile(level, [0.1, 0.95])
    loud = level >= max(QUIET, min(floor + ABOVE_FLOOR, top - BELOW_SPEECH))
    near = np.convolve(loud, np.ones(2 * AROUND_SPEECH + 1))[AROUND_SPEECH : AROUND_SPEECH + frames]
    return near < 0.5


def lip_speed(lower: Float32[np.ndarray, "n m 3"]) -> Float32[np.ndarray, " n"]:
    """How far the lip points move from each frame to the next, mean over points, in percent of the inter-ocular
    distance; the first frame's is 0. `lower` are canonical positions of `lower_points()`."""
    lips = lower[:, np.searchsorted(lower_points(), LIPS), :2]
    speed = np.linalg.norm(np.diff(lips, axis=0, prepend=lips[:1]), axis=2).mean(axis=1)
    return (speed / inter_ocular() * 100).astype(np.float32)


def motion_in_silence(lower: Float32[np.ndarray, "n m 3"], silent: Bool[np.ndarray, " n"]) -> float:
    """Mean lip speed between silent frames; NaN where no two of them are neighbours."""
    steps = silent & np.concatenate([[False], silent[:-1]])
    return float(lip_speed(lower)[steps].mean()) if steps.any() else float("nan")


def _mean_square(samples: Float32[np.ndarray, " n"]) -> float:
    return float(np.mean(samples**2)) if len(samples) else 0.0
