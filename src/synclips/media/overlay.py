"""A visible label: a few small words in a corner of every frame."""

import unicodedata
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Float32, UInt8

from synclips.errors import ConfigError
from synclips.media.audio import Sound, Waveform
from synclips.media.label_font import font_for
from synclips.media.video_encode import Codec
from synclips.media.video_read import VideoInfo
from synclips.media.video_write import VideoWriter

LONGEST: Final = 80
"""Characters."""
_SHARE: Final = 0.035
"""Height of the letters, of the picture's shorter side."""
_SMALLEST: Final = 9
"""Pixels: what is smaller cannot be read."""
_DARK: Final = 0.55
"""How far the ground under the letters is darkened."""


class Label:
    """`text` for frames of `width` x `height` pixels, in the lower left corner: white on darkened ground.

    Raises:
        ConfigError: nothing to be seen, too long for the picture, or in letters that no font here has.
    """

    def __init__(self, text: str, width: int, height: int) -> None:
        text = unicodedata.normalize("NFC", " ".join(text.split()))
        if not text or len(text) > LONGEST or not text.replace("\u200c", "").replace("\u200d", "").isprintable():
            raise ConfigError(f"a label has 1 to {LONGEST} printable characters")
        self.text, self._width, self._height = text, width, height
        size = max(_SMALLEST, round(_SHARE * min(width, height)))
        while (patch := _letters(text, size)).shape[1] > width or patch.shape[0] > height:
            size -= 1
            if size < _SMALLEST:
                raise ConfigError(f"the label {text!r} is too long for a picture of {width} x {height}; shorten it")
        self._patch = patch

    def draw(self, frame: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w 3"]:
        """The frame with the label on it; the one given is not changed."""
        rows, columns = self.place
        result = frame.copy()
        ground = result[rows, columns] * (1 - _DARK)
        letters = self._patch[..., None]
        result[rows, columns] = np.round(ground * (1 - letters) + 255 * letters).astype(np.uint8)
        return result

    @cached_property
    def place(self) -> tuple[slice, slice]:
        """The rows and columns that it takes up."""
        height, width = self._patch.shape
        margin = min(height // 3, self._height - height, self._width - width)
        bottom = self._height - margin
        return slice(bottom - height, bottom), slice(margin, margin + width)


def _letters(text: str, size: int) -> Float32[np.ndarray, "y x"]:
    """The text's coverage in [0, 1], with a rim."""
    from PIL import Image, ImageDraw

    font = font_for(text, size)
    boxes = [font.getbbox(words) for words in ("Äg", text)]  # the same height for all words, as far as they fit
    top, bottom = min(box[1] for box in boxes), max(box[3] for box in boxes)
    rim = max(2, size // 5)
    picture = Image.new("L", (round(font.getlength(text)) + 2 * rim, round(bottom - top) + 2 * rim))
    ImageDraw.Draw(picture).text((rim, rim - top), text, 255, font)
    return np.asarray(picture, np.float32) / 255


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
    audio: Sound | Waveform | None,
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
