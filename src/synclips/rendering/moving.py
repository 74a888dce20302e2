"""How far each point of the face may be moved in a frame: not at the sides, not where the face turns away, and never
so far that a triangle turns over."""

from functools import cache

import numpy as np
from jaxtyping import Float32, Float64, Int32

from synclips.features.face_mesh import (
    LIPS,
    MOUTH_CENTRE,
    lower_weight,
    smoothstep,
    template,
    triangles,
)
from synclips.features.mesh_raster import RING, extended_triangles

MIDDLE, SIDE = 30.0, 52.0
"""Canonical units beside the mouth's middle up to which all moves, and from which nothing does. At the sides lies the
outline against the background: nothing that speech moves, and everything that a warp could tear."""
EDGE_ON, FACING = 0.1, 0.5
"""Cosines, seen from above, of the angle between the skin and the viewer: below the first nothing moves."""
NEAR_LIPS = 16.0
"""Canonical units from the lips within which the way the skin faces matters less and less: lips always move."""
AROUND_LIPS = 28.0
"""Canonical units from the lips beyond which nothing is painted and no mouth of the bank is shown."""
LEAST_AREA = 0.01
"""Share of its area in the frame that a triangle keeps."""
STEPS = 60
"""Times that corners are pushed at most."""


def moving_share(rotation: Float64[np.ndarray, "3 3"]) -> Float32[np.ndarray, " v"]:
    """How far each point of the extended mesh takes part in speech when the head is turned so, in [0, 1]."""
    normals = _normals() @ rotation.T
    across = -normals[:, 2] / np.maximum(np.hypot(normals[:, 0], normals[:, 2]), 1e-6)
    facing = smoothstep(((across - EDGE_ON) / (FACING - EDGE_ON)).astype(np.float32))
    share = _frontal() * np.maximum(facing, near_lips())
    return np.concatenate([share, np.zeros(RING)]).astype(np.float32)


def without_folds(own: Float32[np.ndarray, "v 2"], wanted: Float32[np.ndarray, "v 2"]) -> Float32[np.ndarray, "v 2"]:
    """The wanted mesh (pixels), changed as little as it takes for no triangle to turn over.

    Of what the frame itself shows the right way round, nothing is turned over in the result. Corners of a triangle
    that would be are pushed across its edges (position-based dynamics: Mueller et al., 2007); if that does not settle,
    all motion is drawn back towards the frame's own mesh.
    """
    corners = extended_triangles()
    least = double_areas(own, corners) * LEAST_AREA
    shown = least > 0
    points = wanted.astype(np.float64)
    for _ in range(STEPS):
        short = np.flatnonzero(shown & (double_areas(points, corners) < least))
        if len(short) == 0:
            return points.astype(np.float32)
        a, b, c = (points[corners[short, k]] for k in range(3))
        slopes = np.stack([b - c, c - a, a - b])[..., ::-1] * [1, -1]  # of the area, by each corner
        lack = least[short] - double_areas(points, corners[short])
        push = slopes * (lack / np.maximum((slopes**2).sum(axis=(0, 2)), 1e-9))[None, :, None]
        total, count = np.zeros_like(points), np.zeros((len(points), 1))
        for k in range(3):
            np.add.at(total, corners[short, k], push[k])
            np.add.at(count, corners[short, k], 1)
        points += 1.5 * total / np.maximum(count, 1)
    for share in 0.5 ** np.arange(1, 8):
        points = own + (wanted - own) * share
        if not (shown & (double_areas(points, corners) < least / 2)).any():
            return points.astype(np.float32)
    return own


def double_areas(
    points: Float32[np.ndarray, "v 2"] | Float64[np.ndarray, "v 2"], corners: Int32[np.ndarray, "t 3"]
) -> Float64[np.ndarray, " t"]:
    """Twice each triangle's area, negative where it lies turned over."""
    a, b, c = (points[corners[:, k]].astype(np.float64) for k in range(3))
    return (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])


@cache
def _frontal() -> Float32[np.ndarray, " 468"]:
    beside = np.abs(template()[:, 0] - MOUTH_CENTRE[0])
    return (lower_weight() * (1 - smoothstep((beside - MIDDLE) / (SIDE - MIDDLE)))).astype(np.float32)


@cache
def near_lips(reach: float = NEAR_LIPS) -> Float32[np.ndarray, " 468"]:
    """1 on the lips, falling to 0 at `reach` canonical units from them."""
    points = template()[:, :2]
    distance = np.linalg.norm(points[:, None] - points[None, LIPS], axis=2).min(axis=1)
    return smoothstep((1 - distance / reach).astype(np.float32)).astype(np.float32)


@cache
def around_lips() -> Float32[np.ndarray, " v"]:
    """For each point of the extended mesh how far what speaks is made there: 1 about the lips, 0 at the outline."""
    share = smoothstep(2 * near_lips(AROUND_LIPS))
    return np.concatenate([share, np.zeros(RING, np.float32)])


@cache
def _normals() -> Float64[np.ndarray, "468 3"]:
    """Outward directions of the average face at each point, smoothed over the neighbouring points."""
    points, corners = template().astype(np.float64), triangles()
    a, b, c = (points[corners[:, k]] for k in range(3))
    flat = np.cross(b - a, c - a)
    for _ in range(3):
        total = np.zeros_like(points)
        for k in range(3):
            np.add.at(total, corners[:, k], flat)
        flat = total[corners].sum(axis=1)
    total *= -np.sign(total[:, 2].sum())  # outward: towards the viewer, against z
    return total / np.linalg.norm(total, axis=1, keepdims=True)
