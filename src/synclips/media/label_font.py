"""The font for words on a picture: one that has every letter of them, whatever their script."""

import importlib.util
import os
import sys
import unicodedata
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from synclips.errors import ConfigError

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

_PACKAGED: Final = "mpl-data/fonts/ttf/DejaVuSans.ttf"
"""Within matplotlib: Latin, Greek, Cyrillic, Arabic, Hebrew, Armenian, Georgian, signs; the Bitstream Vera licence."""
_RIGHT_TO_LEFT: Final = frozenset({"R", "AL"})
_SUFFIXES: Final = (".ttf", ".otf", ".ttc", ".otc")


def font_for(text: str, size: int) -> "FreeTypeFont":
    """A font of `size` pixels that has all of `text`: the packaged one, else one that is installed on this computer.

    Raises:
        ConfigError: no font here has a letter, or right-to-left words cannot be laid out here.
    """
    from PIL import ImageFont, features

    if text.isascii():
        default = ImageFont.load_default(size)
        assert isinstance(default, ImageFont.FreeTypeFont)
        return default
    if any(unicodedata.bidirectional(letter) in _RIGHT_TO_LEFT for letter in text) and not features.check("fribidi"):
        raise ConfigError(f"the label {text!r} is written from right to left, which needs the library fribidi here")
    wanted = frozenset(filter(_drawn, text))
    path, number = _font_with(wanted)
    return ImageFont.truetype(str(path), size, number)


@cache
def _font_with(wanted: frozenset[str]) -> tuple[Path, int]:
    """The font file that has these letters, and its number in the file."""
    missing = wanted
    for path in _fonts():
        for number, letters in enumerate(_letters_of(path)):
            if wanted <= letters:
                return path, number
            missing = min(missing, wanted - letters, key=len)
    named = " ".join(sorted(missing)[:10])
    raise ConfigError(f"no font on this computer has {named}; write the label in other letters, or install such a font")


def _drawn(letter: str) -> bool:
    return not letter.isspace() and unicodedata.category(letter) not in ("Cf", "Mn", "Me")


def _fonts() -> Iterator[Path]:
    """Font files, the packaged one first."""
    package = importlib.util.find_spec("matplotlib")
    if package is not None and package.origin is not None:
        yield Path(package.origin).parent / _PACKAGED
    for folder in _system_folders():
        for root, _, names in os.walk(folder):
            yield from (Path(root) / name for name in sorted(names) if name.lower().endswith(_SUFFIXES))


def _system_folders() -> list[Path]:
    if sys.platform == "win32":
        return [Path(os.environ.get("WINDIR", "C:/Windows")) / "Fonts"]
    if sys.platform == "darwin":
        return [Path("/System/Library/Fonts"), Path("/Library/Fonts")]
    return [Path("/usr/share/fonts"), Path("/usr/local/share/fonts")]


def _letters_of(path: Path) -> list[frozenset[str]]:
    """The letters of each font in a file; none where it cannot be read."""
    from fontTools.ttLib import TTCollection, TTFont, TTLibError

    try:
        with path.open("rb") as file:
            collection = path.suffix.lower() in (".ttc", ".otc")
            fonts = TTCollection(file, lazy=True).fonts if collection else [TTFont(file, lazy=True)]
            return [frozenset(map(chr, font.getBestCmap() or {})) for font in fonts]
    except (OSError, TTLibError, KeyError, AssertionError):
        return []
