"""Lip shape errors of a generated mouth against the real one, in the canonical face frame; lip motion in silence."""

from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float32

from synclips.features.face_mesh import EYE_CORNERS, INNER_BOTTOM, INNER_TOP, LIPS, lower_points, template
from synclips.media.audio import Waveform
from synclips.media.timebase import FPS

BELOW_SPEECH = 20.0
"""Decibels below the sound's loud frames (95th percentile) from which a frame may count as silent."""
ABOVE_FLOOR = 10.0
"""Decibels above the sound's quiet frames (10th percentile) up to which a frame counts as silent."""
QUIET = -60.0
"""Level in dBFS below which a frame is always silent."""
AROUND_SPEECH = 3
"""Frames either side of speech that are not counted: lips open before the voice and close after it."""


def inter_ocular() -> float:
    """Distance of the outer eye corners in canonical units."""
    left, right = EYE_CORNERS
    return float(np.linalg.norm(template()[left] - template()[right]))


def lip_errors(made: Float32[np.ndarray, "n m 3"], true: Float32[np.ndarray, "n m 3"]) -> Float32[np.ndarray, "n p"]:
    """Distance of each lip point from its true place, in percent of the inter-ocular distance, in the frontal plane.

    Both are positions or displacements of `lower_points()` in canonical units.
    """
    index = np.searchsorted(lower_points(), LIPS)
    return np.linalg.norm((made - true)[:, index, :2], axis=2) / inter_ocular() * 100


def largest_lip_error(made: Float32[np.ndarray, "n m 3"], true: Float32[np.ndarray, "n m 3"]) -> float:
    """LVE: the largest lip error of a frame, averaged over frames (after Richard et al., "MeshTalk", 2021)."""
    return float(lip_errors(made, true).max(axis=1).mean())


def mean_lip_error(made: Float32[np.ndarray, "n m 3"], true: Float32[np.ndarray, "n m 3"]) -> float:
    """LMD: the mean lip error over points and frames (Chen et al., "Lip movements generation at a glance", 2018)."""
    return float(lip_errors(made, true).mean())


def opening_of(displacement: Float32[np.ndarray, "n m 3"]) -> Float32[np.ndarray, " n"]:
    """How far the inner lips' middles lie further apart than at rest, in canonical units."""
    top, bottom = np.searchsorted(lower_points(), [INNER_TOP, INNER_BOTTOM])
    return displacement[:, bottom, 1] - displacement[:, top, 1]


def correlation(a: Float32[np.ndarray, " n"], b: Float32[np.ndarray, " n"]) -> float:
    """Pearson's correlation; 0 where one of them does not move."""
    if a.std() < 1e-6 or b.std() < 1e-6:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def silent_frames(waveform: Waveform, frames: int) -> Bool[np.ndarray, " n"]:
    """The frames in whose neighbourhood the sound is silent; beyond its end it is taken as silent."""
    from scipy.ndimage import median_filter  # takes a third of a second to import

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
