"""From a decoded picture's own numbers to upright RGB: YUV matrix, range and display matrix.

Phones store pictures lying on their side with a display matrix (ISO/IEC 14496-12, 6.2.2), cameras differ in the
YUV matrix (ITU-R BT.601, BT.709, BT.2020) and in the range of the numbers (limited 16..235, full 0..255).
"""

import struct
from dataclasses import dataclass
from typing import Final, cast

import av
import numpy as np
from av.sidedata.sidedata import SideDataContainer
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from jaxtyping import UInt8

FLAGS: Final = (
    Interpolation.BICUBIC
    | Interpolation.ACCURATE_RND
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.FULL_CHR_H_INP
    | Interpolation.BITEXACT
)
"""How swscale converts, both ways: without these it rounds coarsely and halves the colour resolution."""

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
    for data in cast(SideDataContainer, frame.side_data):
        if data.type.name == "DISPLAYMATRIX":
            a, b, _, c, d, *_ = struct.unpack("=9i", bytes(data)[:36])
            mirrored = a * d - b * c < 0
            if mirrored:  # the stored x axis points the other way: look at where its opposite goes
                a, b = -a, -b
            angle = np.degrees(np.arctan2(b, a))
            return Orientation(round(float(angle) / 90) % 4 * 90, mirrored)
    return Orientation()


class RgbConverter:
    """Turns the frames of one stream into upright RGB of one size."""

    def __init__(self, first: av.VideoFrame) -> None:
        self.width, self.height = first.width, first.height
        self.orientation = orientation_of(first)
        self._reformatter = VideoReformatter()

    def __call__(self, frame: av.VideoFrame) -> UInt8[np.ndarray, "h w 3"]:
        """The frame as displayed; a frame of another size is scaled to the first one's."""
        rgb = self._reformatter.reformat(
            frame,
            width=self.width,
            height=self.height,
            format="rgb24",
            src_colorspace=matrix_of(frame.colorspace, frame.height),
            dst_colorspace=matrix_of(frame.colorspace, frame.height),
            src_color_range=range_of(frame.color_range, frame.format.name),
            dst_color_range=ColorRange.JPEG,
            interpolation=FLAGS,
        )
        return self.orientation.apply(rgb.to_ndarray())
