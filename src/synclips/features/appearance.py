"""What a face looks like from afar: enough to tell the people of one video apart, not to know anybody again."""

from typing import Final

import numpy as np
from jaxtyping import Float32, UInt8

from synclips.media.shots import coarse_picture

ROWS, COLUMNS = 14, 12
LOOK: Final = ROWS * COLUMNS * 3
"""Numbers in a look."""
UNIT: Final = 40.0
"""Grey levels that make a difference of 1."""


def look_of(image: UInt8[np.ndarray, "h w 3"], points: Float32[np.ndarray, "468 3"]) -> Float32[np.ndarray, " 504"]:
    """Head, hair and collar in coarse pixels, in units in which two people differ by about 1 (root mean square).

    Brightness over all does not count. What is beside the head counts little: it is the background.
    """
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    (x, y), size = (low + high) / 2, float((high - low).max())
    box = (x - 0.9 * size, y - 0.95 * size, x + 0.9 * size, y + 1.15 * size)
    picture = coarse_picture(image, (ROWS, COLUMNS), (float(box[0]), float(box[1]), float(box[2]), float(box[3])))
    luma = picture @ np.array([0.299, 0.587, 0.114], np.float32)
    weight = _weight()
    luma_even = luma - (luma * weight).sum() / weight.sum()
    colour = np.stack([luma_even, 1.5 * (picture[..., 0] - luma), 1.5 * (picture[..., 2] - luma)], axis=2)
    return (colour / UNIT * np.sqrt(weight / weight.sum())[..., None]).reshape(-1).astype(np.float32)


def difference(a: Float32[np.ndarray, " 504"], b: Float32[np.ndarray, " 504"]) -> float:
    """How unlike two looks are."""
    return float(np.linalg.norm(a - b))


def _weight() -> Float32[np.ndarray, "14 12"]:
    y, x = np.mgrid[0:ROWS, 0:COLUMNS].astype(np.float32)
    beside = np.abs(x - (COLUMNS - 1) / 2) / (COLUMNS / 2)
    head, body = np.clip(2.6 - 4 * beside, 0.02, 1), np.clip(1.3 - beside, 0.2, 1)
    return np.where(y < 10, head, body).astype(np.float32)
