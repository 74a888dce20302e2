"""Rasters of the face mesh, on which every warp is based. Training and rendering share them.

The face's mesh is extended by a ring of points around the head that move with the head's pose only, so that a warp
fades out smoothly into its surroundings. A raster says for each pixel of the destination which triangle
covers it and its barycentric coordinates there; the source's corners so weighted give the place to sample (a piecewise
affine warp).
"""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Int32, Int64

from synclips.features.face_mesh import INNER_LIPS, OUTER_LIPS, lower_weight, smoothstep, template, triangles

RING = 24
RING_CENTRE, RING_RADII, RING_DEPTH = (64.0, 66.0), (84.0, 104.0), 25.0
"""The ring of fixed points, in canonical units."""
SUBPIXEL = 4
"""Binary digits of a pixel to which corners are rounded when triangles are filled."""
WIDENING = 0.2
"""The lip region is widened by this share of the mouth's width."""


@dataclass(frozen=True)
class Raster:
    """For each pixel its triangle, and the weights of the triangle's corners; weights are 0 where no triangle lies.

    `triangle`: its number in `extended_triangles()`; `turned`: it is seen from behind, and shows nothing that belongs
    there.
    """

    triangle: Int64[np.ndarray, "h w"]
    weights: Float32[np.ndarray, "3 h w"]
    turned: Bool[np.ndarray, "h w"]

    @property
    def corners(self) -> Int32[np.ndarray, "h w 3"]:
        """Each pixel's three points of the mesh, in the order of the weights."""
        return extended_triangles()[self.triangle]

    def interpolate(self, values: Float32[np.ndarray, "v c"]) -> Float32[np.ndarray, "h w c"]:
        """Values at the mesh's points, spread over the pixels; 0 where no triangle lies."""
        at_corners = np.ascontiguousarray(values[extended_triangles()].transpose(2, 1, 0))
        result = np.empty((*self.triangle.shape, values.shape[1]), np.float32)
        for channel, corners in enumerate(at_corners):
            plane = corners[0].take(self.triangle)
            plane *= self.weights[0]
            for corner, weight in zip(corners[1:], self.weights[1:], strict=True):
                plane += corner.take(self.triangle) * weight
            result[..., channel] = plane
        return result


def extend(meshes: Float32[np.ndarray, "n 468 3"]) -> Float32[np.ndarray, "n v 3"]:
    """Canonical meshes with the ring's points after their own."""
    return np.concatenate([meshes, np.repeat(_ring()[None], len(meshes), axis=0)], axis=1)


@cache
def extended_triangles() -> Int32[np.ndarray, "t 3"]:
    """The mesh's triangles, and those between its outline and the ring."""
    from scipy.spatial import Delaunay

    points = np.concatenate([template(), _ring()])[:, :2]
    corners = Delaunay(points).simplices.astype(np.int32)
    corners = corners[(corners >= 468).any(axis=1)]
    a, b, c = (points[corners[:, k]] for k in range(3))
    area = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]
    corners[area < 0] = corners[area < 0][:, ::-1]
    return np.concatenate([triangles(), corners])


@cache
def moving_weight() -> Float32[np.ndarray, " v"]:
    """`lower_weight` for the extended mesh: the ring does not move."""
    return np.concatenate([lower_weight(), np.zeros(RING, np.float32)])


def rasterise(points: Float32[np.ndarray, "v 2"], height: int, width: int) -> Raster:
    """Fill the extended mesh's triangles. `points` are pixels of the raster, pixel centres at whole numbers.

    Triangles that lie mirrored (turned away, or torn) are drawn first, then those of the ring, then the face's: what
    is drawn first shows only where nothing else covers it.
    """
    corners = extended_triangles()
    a, b, c = (points[corners[:, k]].astype(np.float64) for k in range(3))
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    low, high = np.minimum(np.minimum(a, b), c), np.maximum(np.maximum(a, b), c)
    inside = (np.abs(area) > 1e-6) & (high >= -1).all(axis=1) & (low[:, 0] <= width) & (low[:, 1] <= height)
    used = np.flatnonzero(inside)
    used = used[np.argsort(np.where(area[used] > 0, 1 + (used < len(triangles())), 0), kind="stable")]
    label = np.full((height, width), -1, np.int32)
    fixed = np.round(points[corners] * (1 << SUBPIXEL)).astype(np.int32)
    for number in used:
        cv2.fillConvexPoly(label, fixed[number], int(number), shift=SUBPIXEL)
    covered = label >= 0
    index = np.maximum(label, 0).astype(np.int64)
    # barycentric coordinates from edge functions, each an affine function of the pixel's place
    size = np.where(np.abs(area) > 1e-6, area, 1.0)
    y, x = np.arange(height, dtype=np.float64)[:, None], np.arange(width, dtype=np.float64)
    weights = np.empty((3, height, width))
    for weight, (p, q) in zip(weights, ((b, c), (c, a)), strict=False):
        across, down = (p[:, 1] - q[:, 1]) / size, (q[:, 0] - p[:, 0]) / size
        offset = (p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]) / size
        np.multiply(across.take(index), x, out=weight)
        weight += down.take(index) * y
        weight += offset.take(index)
    weights[2] = 1 - weights[0] - weights[1]
    # a filled pixel's centre may lie a little outside its triangle: the map is extrapolated, but not that of a sliver
    beyond = np.where(size > 4, 0.35, 0.0).take(index)
    np.clip(weights, -beyond, 1 + beyond, out=weights)
    weights *= covered / np.maximum(weights.sum(axis=0), 1e-6)
    return Raster(index, weights.astype(np.float32), covered & (area < 0).take(index))


def lip_masks(points: Float32[np.ndarray, "v 2"], height: int, width: int) -> Float32[np.ndarray, "2 h w"]:
    """The widened, feathered lip region and the inner mouth, in [0, 1]."""
    fixed = np.round(points * (1 << SUBPIXEL)).astype(np.int32)
    across = float(np.linalg.norm(points[OUTER_LIPS[0]] - points[OUTER_LIPS[10]]))
    radius = max(1, round(across * WIDENING))
    outer = np.zeros((height, width), np.uint8)
    cv2.fillPoly(outer, [fixed[OUTER_LIPS]], 255, lineType=cv2.LINE_AA, shift=SUBPIXEL)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    widened = cv2.GaussianBlur(cv2.dilate(outer, disc), (0, 0), radius / 2)
    inner = np.zeros((height, width), np.uint8)
    cv2.fillPoly(inner, [fixed[INNER_LIPS]], 255, lineType=cv2.LINE_AA, shift=SUBPIXEL)
    return np.stack([widened, inner]).astype(np.float32) / 255


def face_mask(raster: Raster, weight: Float32[np.ndarray, " v"] | None = None) -> Float32[np.ndarray, "h w"]:
    """Where the generated face replaces the frame: 1 on the lower face, 0 where nothing moves, smooth between.

    `weight`: how far each point takes part; `moving_weight` if not given.
    """
    weight = moving_weight() if weight is None else weight
    return smoothstep(raster.interpolate(weight[:, None])[..., 0] * 2.5)


@cache
def _ring() -> Float32[np.ndarray, "r 3"]:
    angle = np.linspace(0, 2 * np.pi, RING, endpoint=False)
    x = RING_CENTRE[0] + RING_RADII[0] * np.cos(angle)
    y = RING_CENTRE[1] + RING_RADII[1] * np.sin(angle)
    return np.stack([x, y, np.full(RING, RING_DEPTH)], axis=1).astype(np.float32)
