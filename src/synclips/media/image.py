"""A still picture as upright RGB, in sRGB; what a file is, is told by its content, never by its name."""

import importlib
import struct
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import BinaryIO, Final, Literal

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps, UnidentifiedImageError

from synclips.errors import MediaError
from synclips.files import check_input
from synclips.media.image_colour import CodePoints, exif_code_points, to_srgb

FORMATS: Final = ("JPEG", "PNG", "WEBP", "AVIF", "BMP", "TIFF", "GIF", "JPEG2000", "PPM")
ANIMATED: Final = ("WEBP", "AVIF")
"""Formats whose animations FFmpeg does not read; it reads those of GIF and PNG."""
PAGED: Final = ("MPO", "TIFF")
"""Formats whose further pictures are pages, or other views: the first one counts."""
MOST_BYTES: Final = 3 * 2**30
"""Memory that a picture may take while it is decoded; 4 bytes a pixel, and for a progressive JPEG 3 more."""
_STILL_BRANDS: Final = frozenset({b"heic", b"heix", b"heim", b"heis", b"mif1", b"avif"})
_SEQUENCE_BRANDS: Final = frozenset({b"hevc", b"hevx", b"heis", b"msf1", b"avis"})
_ORIENTATION: Final = 0x0112
_NO_LIMIT: Final = threading.RLock()
_BROKEN: Final = (
    OSError, ValueError, SyntaxError, RuntimeError, LookupError, TypeError, ArithmeticError, EOFError, AttributeError,
    struct.error,
)  # fmt: skip
"""What Pillow raises of damaged files, besides its own errors."""
_SHORTEST: Final = 0.011
"""Seconds of an animation's frame up to which viewers show it for 0.1 s."""


def is_image(path: Path) -> bool:
    """The file is a still picture, also one that this machine cannot read (HEIC without pillow-heif)."""
    if not path.is_file():
        return False
    kind = _boxed(path)
    if kind is not None:
        return kind == "heic" or (kind == "avif" and not is_animation(path))
    return _frames(path) == 1


def is_animation(path: Path) -> bool:
    """The file is a moving picture that FFmpeg does not read: see `read_animation`."""
    return path.is_file() and _boxed(path) in (None, "avif") and _frames(path, ANIMATED) > 1


def read_image(path: Path, longest: int | None = None) -> UInt8[np.ndarray, "h w 3"]:
    """Read a still as sRGB, upright by its EXIF orientation, 8 bits a channel; transparent parts become white.

    Colours are converted by the file's ICC profile, its code points (cICP, nclx: HDR is tone-mapped) or its EXIF
    colour space. HEIC, which iPhones take, needs the package pillow-heif.

    Args:
        longest: pixels of the longer side that are enough: a larger picture is shrunk while it is decoded, to no less
            than this.

    Raises:
        MediaError: no such file, a folder, empty, not a picture, damaged, HEIC without pillow-heif, or larger than
            `MOST_BYTES` of memory hold.
    """
    with _opened(path) as picture:
        stored = picture.size
        _draft(picture, longest)
        _check_memory(path, picture, stored)
        picture.load()
        points = _code_points(path) or exif_code_points(picture)
        upright = ImageOps.exif_transpose(_reduced(picture, longest))
        return np.array(to_srgb(upright, points), np.uint8)


def read_animation(path: Path) -> Iterator[tuple[float, float, UInt8[np.ndarray, "h w 3"]]]:
    """The frames of an animated picture: time and duration in seconds, and the picture as `read_image` gives it.

    Raises:
        MediaError: as `read_image`.
    """
    with _opened(path) as picture:
        _check_memory(path, picture, picture.size)
        points = _code_points(path)
        time = 0.0
        for number in range(getattr(picture, "n_frames", 1)):
            picture.seek(number)
            picture.load()
            duration = float(picture.info.get("duration") or 0) / 1000
            duration = 0.1 if duration < _SHORTEST else duration
            yield time, duration, np.array(to_srgb(picture.copy(), points), np.uint8)
            time += duration


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """The picture, not yet decoded; Pillow's errors as one line."""
    check_input(path)
    heic = _boxed(path) == "heic"
    if heic and not _reads_heic():
        raise MediaError(f"{path} is a HEIC picture; save it as JPEG or PNG, or run: pip install pillow-heif")
    try:
        with _pillow_without_limit(), Image.open(path, formats=("HEIF", *FORMATS) if heic else FORMATS) as picture:
            yield picture
    except UnidentifiedImageError as error:
        raise MediaError(f"{path} is not a picture that can be read; give a jpg, png or webp file") from error
    except MemoryError as error:
        raise MediaError(f"{path} takes more memory to decode than there is; make it smaller") from error
    except _BROKEN as error:
        raise MediaError(f"{path} is a damaged picture ({str(error).lower()}); save it again") from error


@contextmanager
def _pillow_without_limit() -> Iterator[None]:
    """Pillow's own limit on pixels, which knows nothing of shrinking while decoding, does not hold meanwhile."""
    with _NO_LIMIT, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before


def _frames(path: Path, formats: tuple[str, ...] = FORMATS) -> int:
    """Pictures in a file that Pillow knows, further pages not counted; 0: it does not know it."""
    try:
        with _pillow_without_limit(), Image.open(path, formats=formats) as picture:
            return 1 if picture.format in PAGED else int(getattr(picture, "n_frames", 1))
    except _BROKEN:
        return 0


def _draft(picture: Image.Image, longest: int | None) -> None:
    """Let a JPEG be decoded at a half, a quarter or an eighth, as far as twice `longest` is left."""
    if longest is not None and picture.format in ("JPEG", "MPO"):
        scale = 2 * longest / max(picture.size)
        picture.draft(None, (max(1, round(picture.width * scale)), max(1, round(picture.height * scale))))


def _check_memory(path: Path, picture: Image.Image, stored: tuple[int, int]) -> None:
    """Refuse a picture of `stored` pixels, to be decoded as `picture` says, that takes too much memory."""
    need = 4 * picture.width * picture.height
    if picture.info.get("progressive"):
        need += 3 * stored[0] * stored[1]
    if need > MOST_BYTES:
        raise MediaError(
            f"{path} has {stored[0]} x {stored[1]} pixels, which take {need / 2**30:.1f} GB of memory to decode; make "
            "it smaller"
        )


def _reduced(picture: Image.Image, longest: int | None) -> Image.Image:
    """Shrunk by a whole number (means of squares), to no less than `longest`."""
    factor = 1 if longest is None else max(picture.size) // longest
    if factor < 2 or picture.mode not in ("L", "LA", "RGB", "RGBA", "CMYK", "YCbCr", "I", "F"):
        return picture
    small = picture.reduce(factor)
    small.info = dict(picture.info)
    small.getexif()[_ORIENTATION] = picture.getexif().get(_ORIENTATION, 1)
    return small


@cache
def _reads_heic() -> bool:
    """Whether the package that reads HEIC is there; then Pillow knows it from now on."""
    try:
        importlib.import_module("pillow_heif").register_heif_opener()
    except ImportError:
        return False
    return True


def _boxed(path: Path) -> Literal["heic", "avif", "video"] | None:
    """What a file made of boxes (ISO/IEC 14496-12) holds: a still or animated picture, or a video; else None.

    By its major brand, and where that leaves it open by its boxes: a picture has `meta`, a video `moov`.
    """
    with path.open("rb") as file:
        head = file.read(64)
        if head[4:8] != b"ftyp" or len(head) < 16:
            return None
        length = struct.unpack(">I", head[:4])[0]
        brands = [head[8:12], *(head[at : at + 4] for at in range(16, min(length, 64), 4))]
        kind: Literal["heic", "avif"] = "avif" if {b"avif", b"avis"} & set(brands) else "heic"
        if brands[0] in _STILL_BRANDS or (kind == "avif" and brands[0] in _SEQUENCE_BRANDS):
            return kind
        if brands[0] in _SEQUENCE_BRANDS:
            return "video"
        boxes = _top_boxes(file, path.stat().st_size)
    return kind if b"meta" in boxes and not {b"moov", b"moof"} & boxes else "video"


def _top_boxes(file: BinaryIO, size: int) -> set[bytes]:
    """The types of the outermost boxes, up to one that tells."""
    found: set[bytes] = set()
    at = 0
    while at + 8 <= size and not {b"moov", b"moof"} & found and len(found) < 64:
        file.seek(at)
        length, name = struct.unpack(">I4s", file.read(8))
        found.add(name)
        if length == 1:
            length = int.from_bytes(file.read(8), "big")
        if length < 8:
            break
        at += length
    return found


def _code_points(path: Path) -> CodePoints | None:
    """Primaries and transfer (ITU-T H.273) that a PNG's cICP chunk or an AVIF's or HEIC's nclx box names."""
    with path.open("rb") as file:
        head = file.read(2**16)
    for mark, form in ((b"cICP", ">BB"), (b"colrnclx", ">HH")):
        at = head.find(mark)
        if at >= 0 and at + len(mark) + 4 <= len(head):
            return CodePoints(*struct.unpack_from(form, head, at + len(mark)))
    return None
