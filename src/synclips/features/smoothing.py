"""Detected points jitter; a head at rest must not, and a fast one must not be left behind.

The One-Euro filter (Casiez, Roussel and Vogel, "1 EUR filter: a simple speed-based low-pass filter for noisy input in
interactive systems", CHI 2012): a low-pass whose cut-off rises with speed. Run forward and then backward, its lags
cancel. Nothing crosses a cut: a new shot is a new head.
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
NOISE = 0.35
"""Distance, in the points' unit, up to which `settle` takes a difference in time for the detector's noise."""


def steady(
    points: Float64[np.ndarray, "n p d"], cuts: Int64[np.ndarray, " k"] | None = None
) -> Float64[np.ndarray, "n p d"]:
    """Points of one rigid thing, frame by frame, without jitter and without lag.

    All of them share one speed, so that their shape is not bent. `cuts`: the frames that begin a new shot.
    """
    starts = [0, *(int(c) for c in ([] if cuts is None else cuts) if 0 < c < len(points)), len(points)]
    shots = [points[a:b] for a, b in pairwise(starts)]
    return np.concatenate([_one_euro(_one_euro(shot)[::-1])[::-1] for shot in shots])


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
    spread = float(np.median(np.sqrt(points[..., :2].var(axis=1).sum(axis=1)))) or 1.0
    moves = np.diff(points[..., :2].mean(axis=1), axis=0) / spread
    follow, velocity = _gain(DERIVATIVE_CUTOFF), moves[0]
    for number, move in enumerate(moves, 1):
        velocity = velocity + follow * (move - velocity)
        gain = _gain(REST_CUTOFF + SPEED_CUTOFF * float(np.hypot(*velocity)))
        result[number] = result[number - 1] + gain * (points[number] - result[number - 1])
    return result


def _gain(cutoff: float) -> float:
    """Share of the way that a first-order low-pass of this cut-off (cycles a frame) goes in one frame."""
    return 1 / (1 + 1 / (2 * np.pi * cutoff))
