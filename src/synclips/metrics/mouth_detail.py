"""Detail of a generated mouth at the picture's own resolution: sharpness, and ghosts of two mouths over each other.

Both compare with the same person's real frames, so that beard, teeth, light and camera cancel.
"""

from functools import cache
from typing import Final

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64, UInt8

from synclips.features.face_mesh import CORNERS, INNER_BOTTOM, INNER_LIPS, INNER_TOP, LIPS, OUTER_LIPS, template
from synclips.features.mesh_raster import RING, Raster, extend, rasterise
from synclips.metrics.image_quality import luminance, ratio

LIKE: Final = 5
"""Own frames of nearest opening with which a frame's sharpness is compared."""
LEAST_PIXELS: Final = 12
"""Pixels that a mouth must have to be measured."""
HEIGHT, WIDTH = 36, 56
"""Texels of a mouth laid out flat."""
OPENED: Final = 8.0
"""Canonical units by which it is open there."""
NEAREST: Final = 40
"""Own mouths nearest to a mouth among which two are searched that would give it."""
BLENDED: Final = (0.25, 0.75)
"""Shares of one of two mouths between which it is a blend of both."""


def mouth_energies(
    frames: UInt8[np.ndarray, "n h w 3"], points: Float32[np.ndarray, "n 468 3"]
) -> Float64[np.ndarray, " n"]:
    """Mean squared gradient of luminance within each frame's lips and inner mouth, in its own pixels; NaN where the
    mouth has too few of them. `points`: the meshes in pixels."""
    energies = np.full(len(frames), np.nan)
    for number, (frame, mesh) in enumerate(zip(frames, points, strict=True)):
        part, low = _around_lips(frame, mesh)
        if min(part.shape[:2]) < 3:
            continue
        grey = luminance(part)
        where = np.zeros(grey.shape, np.uint8)
        cv2.fillPoly(where, [np.round(mesh[OUTER_LIPS, :2] - low).astype(np.int32)], 1)
        where[[0, -1]] = where[:, [0, -1]] = 0
        if int(where.sum()) >= LEAST_PIXELS:
            down, across = np.gradient(grey)
            energies[number] = float((across**2 + down**2)[where > 0].mean())
    return energies


def native_sharpness(
    frames: UInt8[np.ndarray, "n h w 3"],
    points: Float32[np.ndarray, "n 468 3"],
    own_frames: UInt8[np.ndarray, "m p q 3"],
    own_points: Float32[np.ndarray, "m 468 3"],
) -> float:
    """Gradient energy of generated mouths over that of the person's own mouths as far open; NaN where none is seen.

    An open mouth has more edges than a closed one, so each frame is compared with the `LIKE` own frames whose opening
    (in mouth widths) is nearest.
    """
    made, real = mouth_energies(frames, points), mouth_energies(own_frames, own_points)
    shown, known = np.flatnonzero(np.isfinite(made)), np.flatnonzero(np.isfinite(real))
    if len(shown) == 0 or len(known) == 0:
        return float("nan")
    apart = np.abs(_openness(points[shown])[:, None] - _openness(own_points[known])[None])
    like = np.argsort(apart, axis=1, kind="stable")[:, :LIKE]
    return ratio(float(made[shown].mean()), float(real[known][like].mean()))


def ghosts(
    frames: UInt8[np.ndarray, "n h w 3"],
    points: Float32[np.ndarray, "n 468 3"],
    own_frames: UInt8[np.ndarray, "m p q 3"],
    own_points: Float32[np.ndarray, "m 468 3"],
) -> Float64[np.ndarray, " n"]:
    """How much better each mouth is explained as a blend of two of the person's own mouths than as one of them.

    Mouths are laid out flat by the mesh and high-passed. 0: one mouth explains it as well as two; 1: it is like half of
    each of two mouths that differ as much as this person's mouths usually do (the distance of a point from a line
    through two points, against that from the nearer one), and two such mouths explain all of it. What neither one nor
    two explain (blur, paint, a shape never seen) counts little.
    """
    made, own = _textures(frames, points), _textures(own_frames, own_points)
    between = _squares(own, own)
    usual = float(np.median(between[np.triu_indices(len(own), 1)])) if len(own) > 1 else 0.0
    if usual <= 0:
        return np.zeros(len(made))
    result = np.zeros(len(made))
    for number, distance in enumerate(_squares(made, own)):
        near = np.argsort(distance, kind="stable")[:NEAREST]
        result[number] = 4 * _gain_of_two(distance[near], between[np.ix_(near, near)]) / usual
    return result


def _gain_of_two(distance: Float64[np.ndarray, " k"], between: Float64[np.ndarray, "k k"]) -> float:
    """By how much the squared distance to the nearest point falls when points between two of them are allowed too,
    times the share of it that falls."""
    safe = np.maximum(between, 1e-9)
    share = (distance[:, None] + between - distance[None]) / 2 / safe  # of the way from the first to the second
    left = np.where((share > BLENDED[0]) & (share < BLENDED[1]), distance[:, None] - share**2 * safe, np.inf)
    first = float(distance.min())
    fall = max(0.0, first - float(left.min())) if len(distance) > 1 else 0.0
    return fall * fall / first if first > 0 else 0.0


def _squares(a: Float32[np.ndarray, "n t"], b: Float32[np.ndarray, "m t"]) -> Float64[np.ndarray, "n m"]:
    products = a.astype(np.float64) @ b.astype(np.float64).T
    return np.maximum((a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None] - 2 * products, 0).astype(np.float64)


def _textures(
    frames: UInt8[np.ndarray, "n h w 3"], points: Float32[np.ndarray, "n 468 3"]
) -> Float32[np.ndarray, "n t"]:
    """Lips and inner mouth of each frame laid out flat by the mesh, less their blur, one row a frame."""
    rows, (raster, inside) = [], _laid_out()
    ring = np.zeros((RING, 2), np.float32)
    for frame, mesh in zip(frames, points, strict=True):
        part, low = _around_lips(frame, mesh)
        if min(part.shape[:2]) < 3:
            part, low = frame, np.zeros(2, int)
        at = raster.interpolate(np.concatenate([mesh[:, :2] - low.astype(np.float32), ring]))
        grey = cv2.remap(luminance(part), at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        rows.append((grey - cv2.GaussianBlur(grey, (0, 0), 4.0))[inside])
    return np.stack(rows).astype(np.float32)


def _around_lips(
    frame: UInt8[np.ndarray, "h w 3"], mesh: Float32[np.ndarray, "468 3"]
) -> tuple[UInt8[np.ndarray, "p q 3"], Int64[np.ndarray, " 2"]]:
    """The part of a frame that holds the lips, with a margin, and the pixel (x, y) at its corner."""
    size = [frame.shape[1], frame.shape[0]]
    low = np.floor(mesh[OUTER_LIPS, :2].min(axis=0)).astype(np.int64) - 2
    high = np.ceil(mesh[OUTER_LIPS, :2].max(axis=0)).astype(np.int64) + 3
    low, high = low.clip(0, size), high.clip(0, size)
    return frame[low[1] : high[1], low[0] : high[0]], low


def _openness(points: Float32[np.ndarray, "n 468 3"]) -> Float64[np.ndarray, " n"]:
    """Gap of the inner lips in mouth widths."""
    gap = np.linalg.norm(points[:, INNER_TOP, :2] - points[:, INNER_BOTTOM, :2], axis=1)
    across = np.linalg.norm(points[:, CORNERS[0], :2] - points[:, CORNERS[1], :2], axis=1)
    return (gap / np.maximum(across, 1e-6)).astype(np.float64)


@cache
def _laid_out() -> tuple[Raster, Bool[np.ndarray, "h w"]]:
    """The raster of the average face's open mouth, which fills it, and where lips and inner mouth lie."""
    face = template().copy()
    lower = np.concatenate([INNER_LIPS[11:], OUTER_LIPS[11:]])
    face[lower, 1] += OPENED
    flat = extend(face[None])[0, :, :2]
    low, high = face[LIPS, :2].min(axis=0) - 3, face[LIPS, :2].max(axis=0) + 3
    flat = ((flat - low) / (high - low) * [WIDTH, HEIGHT] - 0.5).astype(np.float32)
    inside = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.fillPoly(inside, [np.round(flat[OUTER_LIPS]).astype(np.int32)], 1)
    return rasterise(flat, HEIGHT, WIDTH), inside > 0
