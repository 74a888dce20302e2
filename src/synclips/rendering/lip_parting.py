"""Lips that meet, warped as two pieces: where they part, and how far a detector's closed mouth is open.

A detected mesh shows a small gap between closed lips, and not exactly where they meet. Opened by the mesh alone, that
strip of lip is stretched over the mouth. So both inner contours are first laid on the line where the lips meet, which
is the darkest path across them; what is above it then goes with the upper lip, what is below with the lower one, and
the hole between them is left to be filled.
"""

import cv2
import numpy as np
from jaxtyping import Float32, Float64, UInt8

from synclips.features.face_mesh import CLOSED, INNER_LIPS, OPEN, OUTER_LIPS, smoothstep
from synclips.rendering.mesh_warp import SMALLEST_GAP

COLUMNS, DEPTHS = 41, 25
"""Places across the mouth, and from lip to lip, at which the line is looked for."""
INTO_LIP = 0.4
"""Share of each lip, from its inner contour, that is searched."""
CENTRING, SMOOTHNESS = 0.6, 60.0
"""Cost of a place off the middle of the contours, and of a slope, beside darkness in [0, 1]."""
FULLY_OPEN = 4.0
"""Canonical units beyond rest from which a gap is taken as it is detected."""
_HALF = len(INNER_LIPS) // 2
UPPER, BELOW = INNER_LIPS[1:_HALF], INNER_LIPS[:_HALF:-1]
"""Inner contour points of the upper and the lower lip, pair by pair from the right to the left."""
OUTER_UPPER, OUTER_BELOW = OUTER_LIPS[1:_HALF], OUTER_LIPS[:_HALF:-1]


def closedness(opening: float) -> float:
    """How surely a mouth that is detected with this opening (canonical units) is closed, in [0, 1]."""
    return float(smoothstep(np.array([(OPEN - opening) / (OPEN - CLOSED)], np.float32))[0])


def part_lips(
    picture: UInt8[np.ndarray, "h w 3"], points: Float32[np.ndarray, "v 2"], share: float = 1.0
) -> Float32[np.ndarray, "v 2"]:
    """The mesh (pixels of the picture) with both inner contours brought to the line where the lips meet by `share`."""
    if share == 0:
        return points
    high = points[UPPER] + INTO_LIP * (points[OUTER_UPPER] - points[UPPER])
    low = points[BELOW] + INTO_LIP * (points[OUTER_BELOW] - points[BELOW])
    along = np.linspace(0, len(UPPER) - 1, COLUMNS)
    high_columns, low_columns = _between(high, along), _between(low, along)
    depth = np.linspace(0, 1, DEPTHS, dtype=np.float32)[:, None, None]
    at = high_columns[None] * (1 - depth) + low_columns[None] * depth
    path = darkest_path(_darkness(picture, at.astype(np.float32)))
    # the contours' middle is at 1/2 up to the lips' different thickness
    found = np.interp(np.arange(len(UPPER)), along, path)[:, None]
    line = high * (1 - found) + low * found
    result = points.copy()
    for contour in (UPPER, BELOW):
        result[contour] += np.float32(share) * (line - points[contour]).astype(np.float32)
    return result


def darkest_path(light: Float32[np.ndarray, "d c"]) -> Float64[np.ndarray, " c"]:
    """The smooth dark path across a strip of brightness in [0, 1]: for each column its depth in [0, 1].

    Dynamic programming (as Avidan and Shamir, "Seam carving for content-aware image resizing", 2007), refined to parts
    of a step by a parabola, and smoothed.
    """
    depths, columns = light.shape
    place = np.linspace(0, 1, depths)
    cost = light + CENTRING * (place[:, None] - 0.5) ** 2
    jump = SMOOTHNESS * (place[:, None] - place[None]) ** 2
    total, back = cost[:, 0].astype(np.float64), np.zeros((depths, columns), np.int64)
    for column in range(1, columns):
        step = total[None] + jump
        back[:, column] = step.argmin(axis=1)
        total = step.min(axis=1) + cost[:, column]
    path = np.zeros(columns, np.int64)
    path[-1] = int(total.argmin())
    for column in range(columns - 1, 0, -1):
        path[column - 1] = back[path[column], column]
    inner = path.clip(1, depths - 2)
    a, b, c = (cost[inner + k, np.arange(columns)] for k in (-1, 0, 1))
    bend = a - 2 * b + c
    fine = inner + np.where(bend > 1e-6, np.clip((a - c) / (2 * np.maximum(bend, 1e-6)), -0.5, 0.5), 0)
    padded = np.pad(fine, 3, mode="edge")
    kernel = np.exp(-0.5 * (np.arange(-3, 4) / 1.5) ** 2)
    return np.asarray(np.convolve(padded, kernel / kernel.sum(), mode="valid") / (depths - 1), np.float64)


def without_rest_gap(
    lower: Float32[np.ndarray, "m 3"], rest: Float32[np.ndarray, "m 3"], position: np.ndarray, share: float
) -> Float32[np.ndarray, "m 3"]:
    """The lower face with the gap that is detected between this person's closed lips taken off the inner lips' own,
    by `share`; a mouth that is `FULLY_OPEN` keeps its gap. `position`: the inner lips' places in `lower`."""
    upper, below = position[1:_HALF], position[:_HALF:-1]
    at_rest = np.maximum(rest[below, 1] - rest[upper, 1], 0)
    gap = lower[below, 1] - lower[upper, 1]
    taken = at_rest * np.clip(1 - (gap - at_rest) / FULLY_OPEN, 0, 1) * share
    taken = np.minimum(taken, np.maximum(gap - SMALLEST_GAP, 0)) / 2
    result = lower.copy()
    result[upper, 1] += taken
    result[below, 1] -= taken
    return result


def _between(points: Float32[np.ndarray, "k 2"], along: Float64[np.ndarray, " c"]) -> Float64[np.ndarray, "c 2"]:
    return np.stack([np.interp(along, np.arange(len(points)), points[:, k]) for k in (0, 1)], axis=1)


def _darkness(picture: UInt8[np.ndarray, "h w 3"], at: Float32[np.ndarray, "d c 2"]) -> Float32[np.ndarray, "d c"]:
    """Brightness at these places over the range that occurs there, in [0, 1]."""
    low = np.maximum(np.floor(at.min(axis=(0, 1))).astype(int) - 3, 0)
    high = np.ceil(at.max(axis=(0, 1))).astype(int) + 4
    part = picture[low[1] : high[1], low[0] : high[0]]
    if part.size == 0:
        return np.zeros(at.shape[:2], np.float32)
    grey = cv2.GaussianBlur(cv2.cvtColor(part, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 0.7)
    shift = low.astype(np.float32)
    light = cv2.remap(
        grey, at[..., 0] - shift[0], at[..., 1] - shift[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    # each column by its own range: one half of a face may lie in shadow
    bottom, top = light.min(axis=0), light.max(axis=0)
    return ((light - bottom) / np.maximum(top - bottom, 8)).astype(np.float32)
