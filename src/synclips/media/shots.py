"""Where one shot ends and the next begins: frames that differ from the one before as no motion around them does."""

from collections.abc import Iterable
from typing import Final

import cv2
import numpy as np
from jaxtyping import Float32, Int64, UInt8

GRID: Final = (18, 32)
"""Rows and columns of the coarse picture that frames are compared by."""
CONTRAST: Final = 50.0
"""Standard deviation in grey levels that coarse pictures are brought to, so that light does not count."""
FLAT: Final = 15.0
"""Standard deviation below which a picture is taken for flat: its noise is not blown up further."""
LEAST: Final = 7.0
"""Mean difference of the coarse pictures below which nothing is a cut."""
RATIO: Final = 4.0
"""How many times the difference of the frames around it a cut's is."""
AROUND: Final = 3
"""Frames looked at on either side."""


class ShotFinder:
    """Sees frames one after the other; afterwards `cuts` says where shots begin.

    As adaptive detectors do (PySceneDetect's AdaptiveDetector), the change at a frame is held against the changes
    around it, so that a shaken camera is no cut. A flash is none either: after it the picture is as it was. Brightness
    and contrast as a whole do not count. Fades and dissolves are not found.
    """

    def __init__(self) -> None:
        self._last: list[Float32[np.ndarray, "18 32 3"]] = []
        self._change: list[float] = []
        self._over: list[float] = []

    def see(self, image: UInt8[np.ndarray, "h w 3"]) -> bool:
        """Whether this frame may begin a shot, as far as can be told before the next: a flash still looks so."""
        coarse = coarse_picture(image)
        coarse = (coarse - coarse.mean(axis=(0, 1))) * (CONTRAST / max(float(coarse.std()), FLAT))
        changes = [float(np.abs(coarse - before).mean()) for before in self._last]
        self._change.append(changes[-1] if changes else 0.0)
        self._over.append(changes[0] if changes else 0.0)
        self._last = [*self._last[-1:], coarse]
        return _stands_out(self._change[-1], self._change[-1 - AROUND : -1])

    def cuts(self) -> Int64[np.ndarray, " k"]:
        """The frames that begin a shot, except the first frame of all."""
        change, found = self._change, []
        for i in range(1, len(change)):
            around = change[max(1, i - AROUND) : i] + change[i + 1 : i + 1 + AROUND]
            back = [self._over[j] for j in (i, i + 1) if 2 <= j < len(change)]  # frames before and after j - 1
            flash = any(over < change[i] / 2 for over in back)
            if _stands_out(change[i], around) and not flash:
                found.append(i)
        return np.array(found, np.int64)


def find_cuts(images: Iterable[UInt8[np.ndarray, "h w 3"]]) -> Int64[np.ndarray, " k"]:
    """The frames of a video that begin a shot, except the first: see `ShotFinder`."""
    finder = ShotFinder()
    for image in images:
        finder.see(image)
    return finder.cuts()


def coarse_picture(
    image: UInt8[np.ndarray, "h w 3"],
    size: tuple[int, int] = GRID,
    box: tuple[float, float, float, float] | None = None,
) -> Float32[np.ndarray, "rows columns 3"]:
    """A picture's part in a few large pixels, each the mean of 16 samples, whatever the picture's size.

    box: left, top, right, bottom in pixels (None: the whole); outside the picture its edge is repeated.
    """
    height, width = image.shape[:2]
    left, top, right, bottom = box or (0, 0, width, height)
    rows, columns = (4 * count for count in size)
    y = (top + (np.arange(rows) + 0.5) * (bottom - top) / rows).astype(int).clip(0, height - 1)
    x = (left + (np.arange(columns) + 0.5) * (right - left) / columns).astype(int).clip(0, width - 1)
    sampled = image[y[:, None], x].astype(np.float32)
    return np.asarray(cv2.resize(sampled, size[::-1], interpolation=cv2.INTER_AREA), np.float32)


def _stands_out(change: float, around: list[float]) -> bool:
    usual = sum(around) / len(around) if around else 0.0
    return change >= LEAST and change >= RATIO * usual
