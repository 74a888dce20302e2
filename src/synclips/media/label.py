"""A visible label: a few small words in a corner of every frame."""

from functools import cached_property
from typing import Final

import numpy as np
from jaxtyping import Float32, UInt8

from synclips.errors import ConfigError

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
        ConfigError: nothing to be seen, or too long for the picture.
    """

    def __init__(self, text: str, width: int, height: int) -> None:
        text = " ".join(text.split())
        if not text or len(text) > LONGEST or not text.isprintable():
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
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(size)
    _, top, _, bottom = font.getbbox("Äg")  # the same height for all words
    rim = max(2, size // 5)
    picture = Image.new("L", (round(font.getlength(text)) + 2 * rim, round(bottom - top) + 2 * rim))
    ImageDraw.Draw(picture).text((rim, rim - top), text, 255, font)
    return np.asarray(picture, np.float32) / 255
