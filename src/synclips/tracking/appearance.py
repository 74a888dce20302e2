"""Coarse appearance of head, hair and collar: distinguishes the people of one video; no biometric identification."""

from functools import cache
from typing import Final

import numpy as np
from jaxtyping import Float32, UInt8

from synclips.media.shots import coarse_picture

ROWS, COLUMNS = 14, 12
LOOK: Final = ROWS * COLUMNS * 3
"""Values of an appearance vector (a "look")."""
UNIT: Final = 40.0
"""Grey levels that make a difference of 1."""


def look_of(image: UInt8[np.ndarray, "h w 3"], points: Float32[np.ndarray, "468 3"]) -> Float32[np.ndarray, " 504"]:
    """Head, hair and collar in coarse pixels, as brightness and colour; NaN where they lie outside the picture."""
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    (x, y), size = (low + high) / 2, float((high - low).max())
    left, top, right, bottom = (float(v) for v in (x - 0.9 * size, y - 0.95 * size, x + 0.9 * size, y + 1.15 * size))
    picture = coarse_picture(image, (ROWS, COLUMNS), (left, top, right, bottom))
    columns = left + (np.arange(COLUMNS) + 0.5) * (right - left) / COLUMNS
    rows = top + (np.arange(ROWS) + 0.5) * (bottom - top) / ROWS
    within = ((rows >= 0) & (rows < image.shape[0]))[:, None] & (columns >= 0) & (columns < image.shape[1])
    luma = picture @ np.array([0.299, 0.587, 0.114], np.float32)
    look = np.stack([luma, 1.5 * (picture[..., 0] - luma), 1.5 * (picture[..., 2] - luma)], axis=2) / UNIT
    look[~within] = np.nan
    return look.reshape(-1).astype(np.float32)


def difference(a: Float32[np.ndarray, " 504"], b: Float32[np.ndarray, " 504"]) -> float:
    """Distance of two looks over the parts that both show; of two people it is about 1 or more.

    Overall brightness does not count, and the background beside the head only little.
    """
    apart = (a - b).reshape(ROWS, COLUMNS, 3)
    weight = _weight() * np.isfinite(apart[..., 0])
    share = weight / max(float(weight.sum()), 1e-6)
    apart = np.nan_to_num(apart)
    apart[..., 0] -= (apart[..., 0] * share).sum()
    return float(np.sqrt(((apart**2).sum(axis=2) * share).sum()))


class MeanLook:
    """The mean of looks, each part over those that show it."""

    def __init__(self) -> None:
        self._sum = np.zeros(LOOK)
        self._count = np.zeros(LOOK)

    def add(self, look: Float32[np.ndarray, " 504"]) -> None:
        """Take one more in."""
        self._sum += np.nan_to_num(look)
        self._count += np.isfinite(look)

    def join(self, other: "MeanLook") -> None:
        """Take in all those of another mean."""
        self._sum += other._sum
        self._count += other._count

    @property
    def look(self) -> Float32[np.ndarray, " 504"]:
        """NaN where none shows anything."""
        shown = self._count > 0
        mean = np.full(LOOK, np.nan)
        mean[shown] = self._sum[shown] / self._count[shown]
        return mean.astype(np.float32)


@cache
def _weight() -> Float32[np.ndarray, "14 12"]:
    y, x = np.mgrid[0:ROWS, 0:COLUMNS].astype(np.float32)
    beside = np.abs(x - (COLUMNS - 1) / 2) / (COLUMNS / 2)
    head, body = np.clip(2.6 - 4 * beside, 0.02, 1), np.clip(1.3 - beside, 0.2, 1)
    return np.where(y < 10, head, body).astype(np.float32)
