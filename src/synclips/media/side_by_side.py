"""Source and result in one video, one beside the other, frame by frame."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import UInt8

from synclips.media.audio import Waveform
from synclips.media.label import Label
from synclips.media.video_encode import Codec
from synclips.media.video_read import VideoInfo
from synclips.media.video_write import VideoWriter

NAMES: Final = ("original", "dubbed")
GAP: Final = 4
"""Pixels between the two."""
QUALITY: Final = 20

Pair = tuple[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h2 w2 3"], float]
"""A frame of the source, the result's frame made on it, and its time in seconds."""


def write_side_by_side(
    path: Path,
    pairs: Iterable[Pair],
    info: VideoInfo,
    audio: Waveform | None,
    duration: float,
    *,
    metadata: dict[str, str] | None = None,
    names: tuple[str, str] | None = NAMES,
    overwrite: bool = False,
) -> None:
    """Write `pairs`, heard with `audio`; the smaller picture stands in the middle of its half, on black.

    `info` is the source's: its rate, colours and pixel shape stay. `names`: what is written on the two halves.

    Raises:
        OutputError, ConfigError: as `VideoWriter`.
    """
    size = 2 * info.width + GAP, info.height
    width, height = (side + side % 2 for side in size)
    labels = (
        None
        if names is None or min(info.width, info.height) < 120
        else [Label(name, info.width, info.height) for name in names]
    )
    codec: Codec = "vp9" if path.suffix.lower() == ".webm" else "h264"
    with VideoWriter(
        path, width, height, info.fps, like=info, codec=codec, quality=QUALITY, audio=audio, duration=duration,
        metadata=metadata, overwrite=overwrite,
    ) as writer:  # fmt: skip
        for left, right, time in pairs:
            canvas = np.zeros((height, width, 3), np.uint8)
            for number, image in enumerate((left, right)):
                shown = labels[number].draw(image) if labels and image.shape == (info.height, info.width, 3) else image
                _place(canvas, shown, number * (info.width + GAP), info)
            writer.write(canvas, time)


def _place(canvas: np.ndarray, image: np.ndarray, left: int, info: VideoInfo) -> None:
    """Into the middle of a half of the canvas; what does not fit is cut off."""
    image = image[: info.height, : info.width]
    top, left = (info.height - image.shape[0]) // 2, left + (info.width - image.shape[1]) // 2
    canvas[top : top + image.shape[0], left : left + image.shape[1]] = image
