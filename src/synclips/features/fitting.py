"""Pose and alignment of a track however long, a piece at a time: memory does not grow with the length."""

import numpy as np
from jaxtyping import Float32, Float64, Int64

from synclips.features.alignment import fit_alignment
from synclips.features.face_mesh import Pose, fit_pose

PIECE = 1500
"""Frames fitted at once."""
OVERLAP = 150
"""Frames on either side that only give context: far more than the smoothing remembers."""


def fit_track(
    points: Float32[np.ndarray, "n 468 3"], cuts: Int64[np.ndarray, " k"] | None = None
) -> tuple[Pose, Float64[np.ndarray, "n 2 3"]]:
    """`fit_pose` and `fit_alignment` of all frames; `cuts`: frames that begin a new shot."""
    poses, alignments = [], []
    for start in range(0, len(points), PIECE):
        stop = min(start + PIECE, len(points))
        low, high = max(0, start - OVERLAP), min(len(points), stop + OVERLAP)
        here = None if cuts is None else cuts[(cuts > low) & (cuts < high)] - low
        kept = slice(start - low, stop - low)
        part = np.asarray(points[low:high])
        poses.append(fit_pose(part, here)[kept])
        alignments.append(fit_alignment(part, here)[kept])
    joined = (np.concatenate([getattr(pose, name) for pose in poses]) for name in ("scale", "rotation", "translation"))
    return Pose(*joined), np.concatenate(alignments)
