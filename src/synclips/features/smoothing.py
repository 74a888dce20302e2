"""Smoothing of detected points over time: no jitter at rest, no lag in motion.

The One-Euro filter (Casiez, Roussel and Vogel, "1 EUR filter: a simple speed-based low-pass filter for noisy input in
interactive systems", CHI 2012): a low-pass whose cut-off rises with speed. Run forward and then backward, the lags
cancel. Nothing is smoothed across a cut.
"""

from itertools import pairwise

import numpy as np
from jaxtyping import Float32, Float64, Int64

REST_CUTOFF = 0.04
"""Cut-off at rest, in cycles a frame."""
SPEED_CUTOFF = 20.0
"""Cycles a frame that a speed of one spread of the points a frame adds."""
DERIVATIVE_CUTOFF = 0.3
"""Cut-off of the speed itself, in cycles a frame."""
SPIKE = 0.12
"""Spreads of the points by which one frame alone must lie off its neighbours, beyond how far they lie apart, to be
taken for a detection error."""
NOISE = 0.35
"""Distance, in the points' unit, up to which `settle` takes a difference in time for the detector's noise."""


def steady(
    points: Float64[np.ndarray, "n p d"], cuts: Int64[np.ndarray, " k"] | None = None
) -> Float64[np.ndarray, "n p d"]:
    """Points of one rigid body, frame by frame, smoothed without lag.

    One speed serves all of them, so that their shape does not change. `cuts`: the frames that begin a new shot.
    """
    starts = [0, *(int(c) for c in ([] if cuts is None else cuts) if 0 < c < len(points)), len(points)]
    shots = [points[a:b] for a, b in pairwise(starts)]
    return np.concatenate([_one_euro(_one_euro(without_spikes(shot))[::-1])[::-1] for shot in shots])


def without_spikes(points: Float64[np.ndarray, "n p d"]) -> Float64[np.ndarray, "n p d"]:
    """Points of one shot; a frame that lies off both its neighbours while these agree becomes their mean.

    A filter whose cut-off rises with speed would let such an error pass.
    """
    if len(points) < 3:
        return points
    middle = points[..., :2].mean(axis=1)
    off = np.linalg.norm(middle[1:-1] - (middle[:-2] + middle[2:]) / 2, axis=1)
    slipped = 1 + np.flatnonzero(off > np.linalg.norm(middle[2:] - middle[:-2], axis=1) + SPIKE * _spread(points))
    # of two successive frames only the one that lies further off is in error
    alone = [i for i in slipped if off[i - 1] >= max(off[i - 2] if i > 1 else 0, off[i] if i < len(off) else 0)]
    result = points.copy()
    for i in alone:
        result[i] = (points[i - 1] + points[i + 1]) / 2
    return result


def settle(window: Float32[np.ndarray, "k p d"], middle: int, noise: float = NOISE) -> Float32[np.ndarray, "p d"]:
    """Frame `middle` of a few successive ones, each point averaged over those where it has hardly moved.

    A bilateral filter in time (Tomasi and Manduchi, ICCV 1998): a lip that closes for one frame stays closed.
    """
    away = ((window - window[middle]) ** 2).sum(axis=2, keepdims=True)
    weight = np.exp(-away / (2 * noise * noise))
    return ((window * weight).sum(axis=0) / weight.sum(axis=0)).astype(np.float32)


def _one_euro(points: Float64[np.ndarray, "n p d"]) -> Float64[np.ndarray, "n p d"]:
    result = points.copy()
    if len(points) < 2:
        return result
    moves = np.diff(points[..., :2].mean(axis=1), axis=0) / _spread(points)
    follow, velocity = _gain(DERIVATIVE_CUTOFF), moves[0]
    for number, move in enumerate(moves, 1):
        velocity = velocity + follow * (move - velocity)
        gain = _gain(REST_CUTOFF + SPEED_CUTOFF * float(np.hypot(*velocity)))
        result[number] = result[number - 1] + gain * (points[number] - result[number - 1])
    return result


def _spread(points: Float64[np.ndarray, "n p d"]) -> float:
    """How far the points lie from their middle in the picture: the size by which speeds are measured."""
    return float(np.median(np.sqrt(points[..., :2].var(axis=1).sum(axis=1)))) or 1.0


def _gain(cutoff: float) -> float:
    """Share of the way that a first-order low-pass of this cut-off (cycles a frame) goes in one frame."""
    return 1 / (1 + 1 / (2 * np.pi * cutoff))
