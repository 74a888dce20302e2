"""A photograph as a video: gently moving, in a temporary file, so that the rest of the path sees a video."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

from synclips.data.portrait import still_to_video
from synclips.media.timebase import FPS
from synclips.media.video import VideoWriter, read_image

SECONDS = 6.0
"""Length of the sway; longer speech lets it run back and forth."""
LARGEST = 1920
"""Longer sides are reduced to this many pixels."""


@contextmanager
def still_as_video(path: Path) -> Iterator[Path]:
    """A temporary lossless video of the photograph at `path`, removed afterwards.

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
        writer: VideoWriter | None = None
        try:
            for frame in still_to_video(image, SECONDS):
                if writer is None:
                    height, width = frame.shape[:2]
                    writer = VideoWriter(target, width, height, Fraction(FPS), codec="ffv1").__enter__()
                writer.write(frame)
        finally:
            if writer is not None:
                writer.__exit__(None, None, None)
        yield target
