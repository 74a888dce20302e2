"""The colours of a still picture as sRGB, whatever space they are stored in."""

import io
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from jaxtyping import Float64, UInt8
from PIL import Image, ImageCms

from synclips.media.tone_map import BITS, is_hdr, to_sdr

_INTENT: Final = ImageCms.Intent.RELATIVE_COLORIMETRIC
_MODES: Final = {"RGB ": ("RGB",), "GRAY": ("L",), "CMYK": ("CMYK",), "Lab ": ("LAB",)}
"""The picture modes that a profile of a colour space describes."""
ADOBE_RGB: Final = -1
"""Stands for Adobe RGB (1998), which ITU-T H.273 has no number for."""
_TO_SRGB: Final = {
    9: np.array([[1.660491, -0.587641, -0.072850], [-0.124550, 1.132900, -0.008349], [-0.018151, -0.100579, 1.118730]]),
    12: np.array([[1.224940, -0.224940, 0.0], [-0.042057, 1.042057, 0.0], [-0.019638, -0.078636, 1.098274]]),
    ADOBE_RGB: np.array([[1.39836, -0.39836, 0.0], [0.0, 1.0, 0.0], [0.0, -0.04293, 1.04293]]),
}
"""Linear RGB of BT.2020, P3 (D65) and Adobe RGB to sRGB's."""
_ADOBE_GAMMA: Final = 563 / 256
_EXIF_INTEROPERABILITY: Final = 0xA005


@dataclass(frozen=True)
class CodePoints:
    """A picture's colour primaries and transfer characteristics as numbers of ITU-T H.273."""

    primaries: int
    transfer: int


def to_srgb(picture: Image.Image, points: CodePoints | None = None) -> Image.Image:
    """The picture in mode RGB and in sRGB, transparent parts over white.

    An ICC profile counts before `points`; what is marked in no way is sRGB.
    """
    profile = picture.info.get("icc_profile")
    picture = _eight_bits(picture)
    alpha = picture.getchannel("A") if picture.mode in ("LA", "RGBA") else None
    colours = picture.convert(picture.mode[:-1]) if alpha is not None else picture
    converted = _by_profile(colours, profile) if profile else None
    if converted is None:
        converted = _as_rgb(colours)
        if points is not None and (is_hdr(points.transfer) or points.primaries in _TO_SRGB):
            converted = Image.fromarray(_by_points(np.asarray(converted), points))
    if alpha is not None:
        converted = Image.composite(converted, Image.new("RGB", picture.size, "white"), alpha)
    return converted


def _eight_bits(picture: Image.Image) -> Image.Image:
    """In one of the modes L, LA, RGB, RGBA, CMYK and LAB."""
    mode = picture.mode
    if mode.startswith("I;16"):
        return Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    if mode in ("I", "F"):
        values = np.asarray(picture, np.float64)
        largest = float(values.max(initial=0))
        full = 1.0 if mode == "F" and largest <= 1 else 255.0 if largest <= 255 else max(largest, 65535.0)
        return Image.fromarray((np.nan_to_num(values).clip(0, full) * (255 / full)).astype(np.uint8))
    if "transparency" in picture.info or mode in ("PA", "RGBa", "La"):
        return picture.convert("LA" if mode == "La" else "RGBA")
    if mode in ("P", "1", "YCbCr", "HSV", "RGBX"):
        return picture.convert("L" if mode == "1" else "RGB")
    return picture


def _as_rgb(picture: Image.Image) -> Image.Image:
    if picture.mode == "LAB":
        lab = ImageCms.createProfile("LAB")
        transform = ImageCms.buildTransform(lab, _srgb(), "LAB", "RGB")
        converted = ImageCms.applyTransform(picture, transform)
        assert converted is not None
        return converted
    return picture.convert("RGB")


def _by_profile(picture: Image.Image, data: bytes) -> Image.Image | None:
    """Converted by an ICC profile; None where that is damaged, for another kind of picture, or sRGB itself."""
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(data))
        space = profile.profile.xcolor_space
        if "srgb" in (profile.profile.profile_description or "").lower() and picture.mode == "RGB":
            return None
        if space == "RGB " and picture.mode == "L":
            picture = picture.convert("RGB")
        if picture.mode not in _MODES.get(space, ()):
            return None
        flags = ImageCms.Flags.BLACKPOINTCOMPENSATION
        return ImageCms.profileToProfile(picture, profile, _srgb(), _INTENT, "RGB", flags=flags)
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None


def _by_points(image: UInt8[np.ndarray, "h w 3"], points: CodePoints) -> UInt8[np.ndarray, "h w 3"]:
    if is_hdr(points.transfer):
        deep = np.round(np.arange(256) * (2**BITS - 1) / 255).astype(np.uint16)[image]
        return to_sdr(deep[..., 0], deep[..., 1], deep[..., 2], points.transfer, points.primaries)
    light = _adobe_light() if points.primaries == ADOBE_RGB else _srgb_light()
    return _by_matrix(image, light, _TO_SRGB[points.primaries])


def _by_matrix(
    image: UInt8[np.ndarray, "h w 3"], light: Float64[np.ndarray, " 256"], matrix: Float64[np.ndarray, "3 3"]
) -> UInt8[np.ndarray, "h w 3"]:
    """`light`: that of each value; `matrix`: to linear sRGB. A few rows at a time."""
    made = np.empty_like(image)
    for top in range(0, len(image), 64):
        linear = (light[image[top : top + 64]] @ matrix.T).clip(0, 1)
        coded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
        made[top : top + 64] = np.round(255 * coded)
    return made


@cache
def _srgb_light() -> Float64[np.ndarray, " 256"]:
    value = np.arange(256) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


@cache
def _adobe_light() -> Float64[np.ndarray, " 256"]:
    return (np.arange(256) / 255) ** _ADOBE_GAMMA


@cache
def _srgb() -> "ImageCms.ImageCmsProfile":
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def exif_code_points(picture: Image.Image) -> CodePoints | None:
    """Adobe RGB, where EXIF names it (DCF 2.0, "DCF option file": the interoperability index R03)."""
    try:
        index = picture.getexif().get_ifd(_EXIF_INTEROPERABILITY).get(1)
    except (OSError, ValueError, SyntaxError, KeyError, TypeError):
        return None
    return CodePoints(ADOBE_RGB, ADOBE_RGB) if str(index).strip("\0 ") == "R03" else None
