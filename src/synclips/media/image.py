"""A still picture as upright RGB."""

import importlib
import warnings
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps, UnidentifiedImageError

from synclips.errors import MediaError

FORMATS: Final = ("JPEG", "PNG", "WEBP", "AVIF", "BMP", "TIFF")
_HEIC: Final = (".heic", ".heif")


def is_image(path: Path) -> bool:
    """The file is a still picture: by its content, or by its suffix for HEIC, which not every machine can read."""
    if not path.is_file():
        return False
    if path.suffix.lower() in _HEIC:
        return True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path, formats=FORMATS) as picture:
                return picture.format == "MPO" or getattr(picture, "n_frames", 1) == 1
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return False


def read_image(path: Path) -> UInt8[np.ndarray, "h w 3"]:
    """Read a still as RGB, upright by its EXIF orientation, 8 bits a channel; transparent parts become white.

    HEIC, which iPhones take, needs the package pillow-heif.

    Raises:
        MediaError: no such file, a folder, empty, not a picture, damaged, or HEIC without pillow-heif.
    """
    if not path.exists():
        raise MediaError(f"no such file: {path}")
    if path.is_dir():
        raise MediaError(f"{path} is a folder; name a file")
    if path.stat().st_size == 0:
        raise MediaError(f"{path} is empty (0 bytes); copy it again")
    heic = path.suffix.lower() in _HEIC
    if heic and not _reads_heic():
        raise MediaError(f"{path} is a HEIC picture; save it as JPEG or PNG, or run: pip install pillow-heif")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path, formats=("HEIF", *FORMATS) if heic else FORMATS) as picture:
                picture.load()
                return np.array(_as_rgb(ImageOps.exif_transpose(picture)), np.uint8)
    except UnidentifiedImageError as error:
        raise MediaError(f"{path} is not a picture that can be read; give a jpg, png or webp file") from error
    except Image.DecompressionBombError as error:
        raise MediaError(f"{path} has too many pixels; make it smaller") from error
    except (OSError, ValueError, SyntaxError) as error:
        raise MediaError(f"{path} is a damaged picture ({str(error).lower()}); save it again") from error


@cache
def _reads_heic() -> bool:
    """Whether the package that reads HEIC is there; then Pillow knows it from now on."""
    try:
        importlib.import_module("pillow_heif").register_heif_opener()
    except ImportError:
        return False
    return True


def _as_rgb(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8)).convert("RGB")
    if picture.mode in ("LA", "PA", "RGBA", "RGBa", "La") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        return Image.alpha_composite(white, picture).convert("RGB")
    return picture.convert("RGB")
