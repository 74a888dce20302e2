"""A photograph as a video: gently moving, in a temporary file, so that the rest of the path sees a video."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import chain
from pathlib import Path

from synclips.data.portrait import still_to_video
from synclips.errors import InputError
from synclips.media.timebase import FPS
from synclips.media.video import VideoWriter, read_image

SECONDS = 6.0
"""Length of the sway; longer speech lets it run back and forth."""
LARGEST = 1920
"""Longer sides are reduced to this many pixels."""


@contextmanager
def still_as_video(path: Path) -> Iterator[Path]:
    """A temporary lossless video of the photograph at `path`, removed afterwards.

    What goes wrong with that video in the meantime is said of the photograph.

    Raises:
        MediaError: not a readable picture.
    """
    import cv2

    image = read_image(path)
    scale = LARGEST / max(image.shape[:2])
    if scale < 1:
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    with tempfile.TemporaryDirectory(prefix="synclips-") as folder:
        target = Path(folder) / f"{path.stem}.mkv"
        frames = still_to_video(image, SECONDS)
        first = next(frames)
        with VideoWriter(target, first.shape[1], first.shape[0], Fraction(FPS), codec="ffv1") as writer:
            for frame in chain([first], frames):
                writer.write(frame)
        try:
            yield target
        except InputError as error:
            raise type(error)(str(error).replace(str(target), str(path))) from error
