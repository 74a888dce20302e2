"""The mouth's canvas: an upright, frontal picture of the inside of a mouth, of one scale for every person.

It lies in the canonical frame about the middle of the person's mouth at rest: the upper teeth, which are fixed to the
skull, stand still in it whatever the head and the lips do. Training and rendering share it.
"""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from jaxtyping import Float32, Float64, Int64, UInt8

from synclips.features.face_mesh import INNER_LIPS, OUTER_LIPS, lower_points

HEIGHT, WIDTH = 24, 56
TEXELS = 1.25
"""Of the canvas, for one canonical unit: a little finer than the corpus, whose pictures have 1.1 pixels for one."""
LEFT, ABOVE = 22.4, 5.6
"""Canonical units from the canvas's edges to the mouth's middle at rest."""
UNITS = 16.0
"""Canonical units that a coordinate map's 1 stands for."""
NEAR = 6.0
"""Canonical units from a lip at which the maps of distances reach 1."""
CHIN = 152
AROUND = 0.12
"""Skin this far about the lips, in mouth widths, has the colours of the skin."""
FEWEST_PIXELS = 12
SKIN = (0.69, 0.49, 0.36)
"""Red, green and blue of the skin, in [0, 1], in the light that inner mouths are painted in."""
LEAST_LIGHT, MOST_LIGHT = 0.2, 2.0
_SUBPIXEL = 4


@dataclass(frozen=True)
class Canvas:
    """The canvas of one person, whose lower face at rest is `rest` (canonical)."""

    rest: Float32[np.ndarray, "m 3"]

    @property
    def centre(self) -> Float32[np.ndarray, " 2"]:
        """The middle of the inner lips at rest."""
        middle: Float32[np.ndarray, " 2"] = self.rest[inner_places()][:, :2].mean(axis=0)
        return middle

    def place(self, points: Float32[np.ndarray, "*n 3"]) -> Float32[np.ndarray, "*n 2"]:
        """Canonical points in the canvas's pixels (centres at whole numbers)."""
        return ((points[..., :2] - self.centre + [LEFT, ABOVE]) * TEXELS - 0.5).astype(np.float32)

    def positions(self) -> tuple[Float32[np.ndarray, "h w"], Float32[np.ndarray, "h w"]]:
        """Canonical x and y of every pixel."""
        y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
        return (
            ((x + 0.5) / TEXELS - LEFT + self.centre[0]).astype(np.float32),
            ((y + 0.5) / TEXELS - ABOVE + self.centre[1]).astype(np.float32),
        )

    def mask(self, lower: Float32[np.ndarray, "m 3"]) -> Float32[np.ndarray, "h w"]:
        """The inner mouth of a lower face, in [0, 1]."""
        fixed = np.round(self.place(lower[inner_places()]) * (1 << _SUBPIXEL)).astype(np.int32)
        mask = np.zeros((HEIGHT, WIDTH), np.uint8)
        cv2.fillPoly(mask, [fixed], 255, lineType=cv2.LINE_AA, shift=_SUBPIXEL)
        return mask.astype(np.float32) / 255

    def maps(self, lower: Float32[np.ndarray, "m 3"]) -> Float32[np.ndarray, "6 h w"]:
        """Geometry maps of a lower face: its inner mouth; the distances below the upper lip and above the lower one;
        the places across, down from the middle of the mouth, and down from there as the jaw stands."""
        contour = lower[inner_places()][:, :2]
        half = len(INNER_LIPS) // 2
        x, y = self.positions()
        upper, below = _curve(contour[: half + 1], x[0]), _curve(contour[[*range(half, 2 * half), 0]][::-1], x[0])
        down = (y - self.centre[1]) / UNITS
        return np.stack(
            [
                self.mask(lower) * 2 - 1,
                np.clip((y - upper) / NEAR, -1, 1),
                np.clip((below - y) / NEAR, -1, 1),
                (x - self.centre[0]) / UNITS,
                down,
                down - self._jaw(lower) / UNITS,
            ]
        ).astype(np.float32)

    def shape(self, lower: Float32[np.ndarray, "m 3"]) -> Float32[np.ndarray, " 5"]:
        """Opening, width, jaw, upper lip and protrusion against rest, in sixteenths of a canonical unit's 16."""
        inner, rest, half = lower[inner_places()], self.rest[inner_places()], len(INNER_LIPS) // 2
        return np.array(
            [
                inner[half + half // 2, 1] - inner[half // 2, 1],
                (inner[half, 0] - inner[0, 0]) - (rest[half, 0] - rest[0, 0]),
                self._jaw(lower),
                inner[half // 2, 1] - rest[half // 2, 1],
                (inner - rest)[:, 2].mean(),
            ],
            np.float32,
        ) / np.float32(UNITS / 2)

    def _jaw(self, lower: Float32[np.ndarray, "m 3"]) -> float:
        chin = int(np.searchsorted(lower_points(), CHIN))
        return float(lower[chin, 1] - self.rest[chin, 1])


def depth_of_lips(lower: Float32[np.ndarray, "m 3"], x: Float32[np.ndarray, "h w"]) -> Float64[np.ndarray, "h w"]:
    """The inner lips' depth at places across the mouth, a parabola fitted to them."""
    inner = lower[inner_places()].astype(np.float64)
    return np.asarray(np.polyval(np.polyfit(inner[:, 0], inner[:, 2], 2), x))


@cache
def inner_places() -> Int64[np.ndarray, " k"]:
    """Places of the inner lips among `lower_points()`."""
    return np.searchsorted(lower_points(), INNER_LIPS)


def _curve(line: Float32[np.ndarray, "k 2"], x: Float32[np.ndarray, " w"]) -> Float32[np.ndarray, " w"]:
    """Height of a contour, given from left to right, over each column; beyond its ends theirs."""
    across = np.maximum.accumulate(line[:, 0])
    return np.interp(x, across, line[:, 1]).astype(np.float32)


def lip_colours(
    picture: UInt8[np.ndarray, "h w 3"], points: Float32[np.ndarray, "v 2"]
) -> Float32[np.ndarray, " 6"] | None:
    """Mean red, green and blue of the skin around the lips and of the lips, in [-1, 1]; None if neither is to be seen.

    `points`: the mesh in the picture's pixels.
    """
    low = np.maximum(np.floor(points[OUTER_LIPS].min(axis=0)).astype(int) - 1, 0)
    high = np.ceil(points[OUTER_LIPS].max(axis=0)).astype(int) + 2
    grown = np.round((high - low) * AROUND).astype(int)
    low, high = np.maximum(low - grown, 0), high + grown
    part = picture[low[1] : high[1], low[0] : high[0]]
    if part.size == 0:
        return None
    outer, inner = (
        _filled((points[contour] - low).astype(np.float32), part.shape[:2]) for contour in (OUTER_LIPS, INNER_LIPS)
    )
    size = 2 * int(max(1, grown[0])) + 1
    wide = cv2.dilate(outer, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
    near = cv2.dilate(outer, np.ones((3, 3), np.uint8))
    skin, lips = (wide > 0) & (near == 0), (outer > 0) & (cv2.dilate(inner, np.ones((3, 3), np.uint8)) == 0)
    if min(int(skin.sum()), int(lips.sum())) < FEWEST_PIXELS:
        return None
    means = np.concatenate([part[skin].mean(axis=0), part[lips].mean(axis=0)])
    return (means / 127.5 - 1).astype(np.float32)


def light_of(colours: Float32[np.ndarray, "*n 6"]) -> Float32[np.ndarray, "*n 3"]:
    """Gains of red, green and blue from the reference light to that of a picture with these colours (`lip_colours`)."""
    skin = (colours[..., :3] + 1) / 2
    return np.clip(skin / np.array(SKIN, np.float32), LEAST_LIGHT, MOST_LIGHT).astype(np.float32)


def _filled(points: Float32[np.ndarray, "k 2"], size: tuple[int, ...]) -> UInt8[np.ndarray, "h w"]:
    mask = np.zeros(size[:2], np.uint8)
    cv2.fillPoly(mask, [np.round(points * (1 << _SUBPIXEL)).astype(np.int32)], 255, shift=_SUBPIXEL)
    return mask
