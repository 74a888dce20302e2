"""A photograph animated by a smooth warp that closes, opens and rounds its lips, in a frame of GRID's size.

The drawing is plain geometry, so that tests know what the mouth does; it is no model of speech. Lengths are pixels of
the portrait at its own resolution unless said otherwise.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from jaxtyping import Float32, UInt8

from synclips.data.portrait import demo_portrait

WIDTH: Final = 360
HEIGHT: Final = 288

_MAGNIFIED: Final = 1.5
"""Scale at which the warp is drawn, about that of the finished frame."""
_FACE: Final = np.array([223.0, 124.0])
"""What stays in the middle of the frame."""
_KEPT: Final = (20, 0, 430, 270)
"""Left, top, right, bottom of the part of the portrait that can come into view."""
_MOVED: Final = (166, 122, 282, 202)
"""The part that the mouth moves: from below the nose to the collar."""

# where the teeth show in the portrait: x, the upper lip's edge, the lower lip's edge
_LIPS: Final = np.array(
    [
        (204.2, 140.3, 140.3),
        (208.3, 140.8, 144.2),
        (215.0, 141.3, 147.8),
        (223.3, 142.2, 149.5),
        (231.7, 142.0, 148.8),
        (238.3, 141.3, 146.7),
        (243.8, 141.2, 141.2),
    ]
)
_CENTRE: Final = 224.0
_HALF_WIDTH: Final = 19.8
_NOSE: Final = 131.0
_CHIN: Final = 176.0
_COLLAR: Final = 200.0
_JAW_HALF_WIDTH: Final = 50.0
_WIDEST: Final = 15.0
"""Distance between the lips at opening 1; of it the upper lip rises by a fifth."""
_GUMS: Final = np.array([1.0, 0.8, 0.75])
"""What the mouth's inside does to light: red, green, blue."""
_TEETH: Final = 4.5
"""Depth to which the upper teeth show."""


@dataclass(frozen=True)
class Look:
    """What tells one synthetic speaker from another: picture size, mirroring, and gain of red, green and blue."""

    zoom: float = 1.3
    mirrored: bool = False
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)


@dataclass(frozen=True)
class HeadPose:
    """Where the head is: shift in pixels of the frame and roll in degrees."""

    x: float | int = 0.0
    y: float | int = 0.0
    roll: float | int = 0.0


class SyntheticFace:
    """Draws one speaker's face, frame by frame."""

    def __init__(self, look: Look) -> None:
        self._look = look
        gain = np.array(look.tint, np.float32)
        self._portrait = np.clip(_magnified_portrait() * gain, 0, 255).round().astype(np.uint8)
        self._warp = _MouthWarp(self._portrait)

    def draw(self, opening: float | int, rounding: float | int, pose: HeadPose) -> UInt8[np.ndarray, "288 360 3"]:
        """One frame, RGB. `opening` is 0 (lips closed) to 1; `rounding` 0 (lips at rest) to 1 (narrow)."""
        import cv2

        picture = self._warp.apply(float(np.clip(opening, 0, 1)), float(np.clip(rounding, 0, 1)))
        roll = np.deg2rad(pose.roll)
        turn = self._look.zoom / _MAGNIFIED * np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
        if self._look.mirrored:
            turn[0] *= -1
        middle = np.array([WIDTH / 2 + pose.x, HEIGHT / 2 + pose.y])
        matrix = np.column_stack([turn, middle - turn @ _to_magnified(_FACE)])
        return cv2.warpAffine(picture, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


class _MouthWarp:
    """Where each pixel around the mouth is taken from. All that does not depend on the mouth's shape is made once."""

    def __init__(self, portrait: UInt8[np.ndarray, "h w 3"]) -> None:
        from scipy.interpolate import PchipInterpolator

        self._portrait = portrait
        left, top, right, bottom = _MOVED
        x0, y0 = (int(value) for value in _to_magnified(np.array([left, top])))
        x1, y1 = (int(value) for value in _to_magnified(np.array([right, bottom])))
        self._part = np.s_[y0:y1, x0:x1]
        y, x = np.mgrid[y0:y1, x0:x1].astype(np.float64)
        self._x, self._y = _from_magnified(x, 0), _from_magnified(y, 1)
        away = self._x - _CENTRE
        self._narrowing = np.exp(-((away / 30) ** 2) - ((self._y - 146) / 20) ** 2) * away
        self._across = np.linspace(_LIPS[0, 0], _LIPS[-1, 0], 200)
        self._upper, self._lower = PchipInterpolator(_LIPS[:, 0], _LIPS[:, 1:], axis=0)(self._across).T

    def apply(self, opening: float, rounding: float) -> UInt8[np.ndarray, "h w 3"]:
        """The portrait with its mouth in that shape."""
        x = self._x + 0.42 * rounding * self._narrowing
        upper, lower = np.interp(x, self._across, self._upper), np.interp(x, self._across, self._lower)
        seam = (upper + lower) / 2
        away = (x - _CENTRE) / _HALF_WIDTH
        gap = _WIDEST * opening * np.clip(1 - away**2, 0, 1) ** 0.75
        top, bottom = seam - gap / 5, seam + gap * 4 / 5

        above = self._y + (upper - top) * _fades(top, np.full_like(x, _NOSE), self._y)
        chin = _WIDEST * opening * 4 / 5 * np.cos(np.clip((x - _CENTRE) / _JAW_HALF_WIDTH, -1, 1) * np.pi / 2) ** 2
        to_chin = _fades(bottom + 14, bottom, self._y)
        drop = (bottom - lower) * (1 - to_chin) + 0.85 * chin * to_chin
        below = self._y - drop * _fades(np.full_like(x, _CHIN), np.full_like(x, _COLLAR), self._y)
        depth = self._y - top
        teeth = upper + np.minimum(depth, 0.75 * (lower - upper))

        skin = self._sample(x, np.where(self._y < (top + bottom) / 2, above, below))
        light = 0.15 + 0.75 * np.clip(1 - depth / _TEETH, 0, 1) ** 0.6
        inside = self._sample(x, teeth) * light[..., None] * _GUMS
        covered = np.clip(np.minimum(depth, bottom - self._y) * _MAGNIFIED + 0.5, 0, 1)
        covered *= np.clip(gap * _MAGNIFIED, 0, 1)
        picture = self._portrait.copy()
        picture[self._part] = (skin + (inside - skin) * covered[..., None]).round().astype(np.uint8)
        return picture

    def _sample(self, x: np.ndarray, y: np.ndarray) -> Float32[np.ndarray, "h w 3"]:
        import cv2

        left, top = _KEPT[:2]
        map_x, map_y = (((x - left) * _MAGNIFIED).astype(np.float32), ((y - top) * _MAGNIFIED).astype(np.float32))
        return cv2.remap(self._portrait, map_x, map_y, cv2.INTER_LINEAR).astype(np.float32)


@lru_cache(maxsize=1)
def _magnified_portrait() -> Float32[np.ndarray, "h w 3"]:
    import cv2

    left, top, right, bottom = _KEPT
    kept = demo_portrait()[top:bottom, left:right]
    # pixel i of the portrait lands on pixel i * _MAGNIFIED: corners are not shifted by half a pixel
    matrix = np.array([[_MAGNIFIED, 0, 0], [0, _MAGNIFIED, 0]])
    size = (round((right - left) * _MAGNIFIED), round((bottom - top) * _MAGNIFIED))
    return cv2.warpAffine(kept, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT).astype(np.float32)


def _to_magnified(point: np.ndarray) -> np.ndarray:
    return (point - np.array(_KEPT[:2])) * _MAGNIFIED


def _from_magnified(values: np.ndarray, axis: int) -> np.ndarray:
    return values / _MAGNIFIED + _KEPT[axis]


def _fades(full: np.ndarray, none: np.ndarray, at: np.ndarray) -> np.ndarray:
    """1 at `full` and before it, 0 at `none` and beyond, smooth between."""
    share = np.clip((at - none) / (full - none), 0, 1)
    return share * share * (3 - 2 * share)
