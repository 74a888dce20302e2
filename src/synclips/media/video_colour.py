"""From a decoded picture's own numbers to upright RGB: YUV matrix, range and display matrix.

Phones store pictures lying on their side with a display matrix (ISO/IEC 14496-12, 6.2.2), cameras differ in the
YUV matrix (ITU-R BT.601, BT.709, BT.2020) and in the range of the numbers (limited 16..235, full 0..255).
"""

import struct
import threading
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final, cast

import av
import cv2
import numpy as np
from av.sidedata.sidedata import SideDataContainer
from av.video.plane import VideoPlane
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from jaxtyping import UInt8

from synclips.media.conversions import Conversions, has_alpha
from synclips.media.deinterlace import stored_as
from synclips.media.picture import Box, Colours, Converters, Cropper, Picture
from synclips.media.tone_map import is_hdr, to_sdr

FLAGS: Final = (
    Interpolation.BICUBIC
    | Interpolation.ACCURATE_RND
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.FULL_CHR_H_INP
    | Interpolation.BITEXACT
)
"""How swscale converts, both ways: without these it rounds coarsely and halves the colour resolution."""
THREADS: Final = 1
"""Of swscale: for a part of a frame, waking a pool's threads takes several times as long as the conversion itself."""

_MATRICES: Final = {
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    5: Colorspace.ITU601,
    6: Colorspace.ITU601,
    7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
    10: Colorspace.BT2020,
}
"""The matrix for each `AVColorSpace` (ITU-T H.273, table 4)."""
BT2020: Final = 9
"""`AVColorSpace` with non-constant luminance."""
LIMITED: Final = 1
FULL: Final = 2
UNSPECIFIED: Final = 2
"""`AVColorSpace`, primaries and transfer: the file does not say."""


def matrix_of(colorspace: int, height: int) -> Colorspace:
    """The YUV matrix: what the file says, otherwise BT.709 from 720 stored lines on and BT.601 below."""
    return _MATRICES.get(colorspace, Colorspace.ITU709 if height >= 720 else Colorspace.ITU601)


def range_of(color_range: int, pixel_format: str) -> ColorRange:
    """The range: what the file says, otherwise full for the `yuvj` formats and limited for the rest."""
    full = color_range == FULL or (color_range != LIMITED and pixel_format.startswith("yuvj"))
    return ColorRange.JPEG if full else ColorRange.MPEG


@dataclass(frozen=True)
class Orientation:
    """How a stored picture is turned to be looked at: mirrored left to right first, then `rotation` clockwise."""

    rotation: int = 0
    mirrored: bool = False

    @property
    def sideways(self) -> bool:
        """Width and height change places."""
        return self.rotation in (90, 270)

    def apply(self, image: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h2 w2 3"]:
        """The picture as displayed, contiguous."""
        if self.mirrored:
            image = image[:, ::-1]
        return np.ascontiguousarray(np.rot90(image, -self.rotation // 90))


def orientation_of(frame: av.VideoFrame) -> Orientation:
    """Read the frame's display matrix; angles between the quarters go to the nearest one."""
    try:
        side_data = list(cast(SideDataContainer, frame.side_data))
    except ValueError:  # it has some of a kind that FFmpeg knows and PyAV does not, as EXIF in the pictures of cameras
        return Orientation(round(-frame.rotation / 90) % 4 * 90)
    for data in side_data:
        if data.type.name == "DISPLAYMATRIX":
            a, b, _, c, d, *_ = struct.unpack("=9i", bytes(data)[:36])
            mirrored = a * d - b * c < 0
            if mirrored:  # the stored x axis points the other way: look at where its opposite goes
                a, b = -a, -b
            angle = np.degrees(np.arctan2(b, a))
            return Orientation(round(float(angle) / 90) % 4 * 90, mirrored)
    return Orientation()


class RgbConverter:
    """Turns the frames of one stream into upright RGB of one size: the first frame's.

    `conversions` counts what is done to each; `transparent`: the file has an alpha channel beside its frames.
    """

    def __init__(
        self, first: av.VideoFrame, conversions: Conversions | None = None, *, transparent: bool = False
    ) -> None:
        self._conversions, self._transparent = conversions, transparent
        self._orientation = orientation_of(first)
        self.width, self.height = first.width, first.height
        if self._orientation.sideways:
            self.width, self.height = self.height, self.width
        self._converters = Converters(self._shown, self._cut, self._back, self._cropped)
        self._threads = threading.local()

    def __call__(self, frame: av.VideoFrame) -> UInt8[np.ndarray, "h w 3"]:
        """The frame as displayed; one of another shape is scaled into the first one's, with black bars."""
        self._count(frame, self._size(frame))
        return self._shown(frame)

    def picture(self, frame: av.VideoFrame) -> Picture:
        """The same, converted when it is asked for, in any thread."""
        width, height = size = self._size(frame)
        self._count(frame, size)
        planar = (
            frame.format.name in ("yuv420p", "yuvj420p")
            and (frame.width, frame.height) == size == (self.width, self.height)
            and width % 2 == height % 2 == 0
            and not is_hdr(frame.color_trc)
            and orientation_of(frame) == Orientation()
        )
        colours = None
        if planar:
            matrix = matrix_of(frame.colorspace, frame.height)
            colours = Colours(matrix, range_of(frame.color_range, frame.format.name))
        return Picture(frame, self.width, self.height, colours, self._converters)

    def _size(self, frame: av.VideoFrame) -> tuple[int, int]:
        """Width and height at which the frame is shown within the first one's."""
        shown = (frame.width * stored_as(frame).stretch, Fraction(frame.height))
        sideways = orientation_of(frame).sideways
        return fitted(*(shown[::-1] if sideways else shown), self.width, self.height)

    def _count(self, frame: av.VideoFrame, size: tuple[int, int]) -> None:
        if self._conversions is not None:
            whole = size == (self.width, self.height)
            self._conversions.count(frame, fitted=not whole, transparent=self._transparent or has_alpha(frame))

    @property
    def _reformatter(self) -> VideoReformatter:
        """This thread's: two threads must not use one at once."""
        if not hasattr(self._threads, "reformatter"):
            self._threads.reformatter = VideoReformatter()
        reformatter: VideoReformatter = self._threads.reformatter
        return reformatter

    def _cropped(self, frame: av.VideoFrame, box: Box) -> av.VideoFrame:
        if not hasattr(self._threads, "cropper"):
            self._threads.cropper = Cropper()
        cropper: Cropper = self._threads.cropper
        return cropper(frame, box)

    def _shown(self, frame: av.VideoFrame) -> UInt8[np.ndarray, "h w 3"]:
        orientation = orientation_of(frame)
        width, height = self._size(frame)
        stored = (height, width) if orientation.sideways else (width, height)
        image = orientation.apply(self._rgb(frame, *stored))
        if (width, height) == (self.width, self.height):
            return image
        canvas = np.zeros((self.height, self.width, 3), np.uint8)
        top, left = (self.height - height) // 2, (self.width - width) // 2
        canvas[top : top + height, left : left + width] = image
        return canvas

    def _rgb(self, frame: av.VideoFrame, width: int, height: int) -> UInt8[np.ndarray, "h w 3"]:
        """The stored picture in another size."""
        hdr = is_hdr(frame.color_trc)
        plain = frame.format.is_rgb and not hdr
        matrix = matrix_of(BT2020 if hdr and frame.colorspace == UNSPECIFIED else frame.colorspace, frame.height)
        if not hdr and not plain and (width, height) == (frame.width, frame.height):
            return self._cut(frame, Colours(matrix, range_of(frame.color_range, frame.format.name)))
        made = self._reformatter.reformat(
            frame,
            width=width,
            height=height,
            format="gbrp10le" if hdr else "rgb24" if plain else "gbrp",
            src_colorspace=matrix,
            dst_colorspace=matrix,
            src_color_range=range_of(frame.color_range, frame.format.name),
            dst_color_range=ColorRange.JPEG,
            interpolation=FLAGS,
            threads=THREADS,
        )
        if plain:
            return made.to_ndarray()
        if hdr:
            green, blue, red = (_numbers(plane, np.uint16) for plane in made.planes)
            return to_sdr(red, green, blue, frame.color_trc, frame.color_primaries)
        return _merged(made)

    def _cut(self, frame: av.VideoFrame, colours: Colours) -> UInt8[np.ndarray, "h w 3"]:
        """A picture in its own size. Through planar RGB, which swscale is several times faster at."""
        made = self._reformatter.reformat(
            frame,
            format="gbrp",
            src_colorspace=colours.matrix,
            dst_colorspace=colours.matrix,
            src_color_range=colours.color_range,
            dst_color_range=ColorRange.JPEG,
            interpolation=FLAGS,
            threads=THREADS,
        )
        return _merged(made)

    def _back(self, image: UInt8[np.ndarray, "h w 3"], colours: Colours) -> av.VideoFrame:
        """8-bit 4:2:0 YUV of an RGB picture."""
        return self._reformatter.reformat(
            av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24"),
            format="yuv420p",
            src_colorspace=colours.matrix,
            dst_colorspace=colours.matrix,
            src_color_range=ColorRange.JPEG,
            dst_color_range=colours.color_range,
            interpolation=FLAGS,
            threads=THREADS,
        )


def _merged(frame: av.VideoFrame) -> UInt8[np.ndarray, "h w 3"]:
    """Packed RGB of planar."""
    green, blue, red = (_numbers(plane, np.uint8) for plane in frame.planes)
    merged: UInt8[np.ndarray, "h w 3"] = cv2.merge([red, green, blue])
    return merged


def _numbers(plane: VideoPlane, kind: type[np.unsignedinteger[Any]]) -> np.ndarray:
    rows = np.frombuffer(memoryview(plane), kind)
    return rows.reshape(plane.height, plane.line_size // rows.itemsize)[:, : plane.width]


def fitted(width: Fraction, height: Fraction, largest_width: int, largest_height: int) -> tuple[int, int]:
    """The largest size of this shape that goes into another one, in whole pixels."""
    scale = min(largest_width / width, largest_height / height)
    return (
        min(max(round(width * scale), 1), largest_width),
        min(max(round(height * scale), 1), largest_height),
    )
