"""A photograph, gently moving, or an animated picture as a temporary video, so that the rest sees only videos."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import chain
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from synclips.errors import InputError
from synclips.media.image import is_animation, read_animation
from synclips.media.timebase import FPS
from synclips.media.video import VideoWriter, read_image

_SWAY = 0.006
"""Largest shift of the camera, as a share of the picture's shorter side."""


_ZOOM = 1.035


_BREATH = 0.008
"""How much the zoom swings around `_ZOOM`."""


_TILT = 0.4
"""Largest roll in degrees."""


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


SECONDS = 6.0
"""Length of the sway; longer speech lets it run back and forth."""
LARGEST = 1920
"""Longer sides are reduced to this many pixels."""


@contextmanager
def picture_as_video(path: Path) -> Iterator[Path]:
    """A temporary lossless video of the photograph or animated picture at `path`, removed afterwards.

    An animation is shown once, at its own times. What goes wrong with that video in the meantime is said of `path`.

    Raises:
        MediaError: not a readable picture.
    """
    with tempfile.TemporaryDirectory(prefix="synclips-") as folder:
        target = Path(folder) / f"{path.stem}.mkv"
        if is_animation(path):
            _write_animation(target, path)
        else:
            _write_still(target, path)
        try:
            yield target
        except InputError as error:
            raise type(error)(str(error).replace(str(target), str(path))) from error


def _write_still(target: Path, path: Path) -> None:
    import cv2

    image = read_image(path, LARGEST)
    scale = LARGEST / max(image.shape[:2])
    if scale < 1:
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    frames = still_to_video(image, SECONDS)
    first = next(frames)
    with VideoWriter(target, first.shape[1], first.shape[0], Fraction(FPS), codec="ffv1") as writer:
        for frame in chain([first], frames):
            writer.write(frame)


def _write_animation(target: Path, path: Path) -> None:
    times = [(time, duration) for time, duration, _ in read_animation(path)]
    length = sum(duration for _, duration in times)
    shortest = min(duration for _, duration in times)
    shown = read_animation(path)
    time, last, image = next(shown)
    height, width = image.shape[:2]
    rate = Fraction(len(times) / length).limit_denominator(1000)
    with VideoWriter(target, width, height, rate, codec="ffv1") as writer:
        writer.write(image, 0.0)
        for time, last, image in shown:  # noqa: B007 - the last ones are needed
            writer.write(image, time)
        step = max(shortest, 1 / FPS)
        for again in range(1, round(last / step)):  # the last frame stands as long as it should
            writer.write(image, time + again * step)
