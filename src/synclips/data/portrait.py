"""A face without a download: the portrait that scikit-image carries, and a photograph as a gently moving video."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import UInt8

from synclips.media.timebase import FPS

_SWAY = 0.006
"""Largest shift of the camera, as a share of the picture's shorter side."""
_ZOOM = 1.035
_BREATH = 0.008
"""How much the zoom swings around `_ZOOM`."""
_TILT = 0.4
"""Largest roll in degrees."""


def demo_portrait() -> UInt8[np.ndarray, "512 512 3"]:
    """NASA's photograph of the astronaut Eileen Collins (public domain), from scikit-image's own files. RGB."""
    from skimage import data

    portrait: UInt8[np.ndarray, "512 512 3"] = data.astronaut()
    return portrait


def still_to_video(
    image: UInt8[np.ndarray, "h w 3"], seconds: float | int, fps: float | int = FPS
) -> Iterator[UInt8[np.ndarray, "h2 w2 3"]]:
    """Frames of a camera that sways slowly before `image`: shift, zoom and roll, below a pixel from frame to frame.

    The motions are sines of unlike periods, so that none repeats within a minute and nothing jerks. The frames have
    the picture's size, less a row or column where that is odd (H.264 wants even sides). Its border stays
    out of view in pictures up to twice as long as wide.
    """
    import cv2

    height, width = (side - side % 2 for side in image.shape[:2])
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    for number in range(round(seconds * fps)):
        time = number / fps
        zoom = _ZOOM + _BREATH * np.sin(2 * np.pi * time / 11.3)
        roll = np.deg2rad(_TILT) * np.sin(2 * np.pi * time / 8.9 + 2)
        shift = _SWAY * min(width, height) * np.sin(2 * np.pi * time / np.array([7.7, 6.1]) + np.array([0, 1]))
        turn = zoom * np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
        matrix = np.column_stack([turn, middle - turn @ middle + shift])
        yield cv2.warpAffine(
            image, matrix, (width, height), flags=cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT_101
        )
