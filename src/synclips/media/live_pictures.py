"""Single pictures of a stream as bytes, each there as soon as its picture is: JPEG files, or H.264 access units."""

from fractions import Fraction
from typing import Final, Literal, Protocol, get_args, runtime_checkable

import av
import cv2
import numpy as np
from jaxtyping import UInt8

from synclips.media.timebase import FPS
from synclips.media.video_encode import ColorTags, padded, stored_size

LiveFormat = Literal["jpeg", "h264"]
LIVE_FORMATS: Final[tuple[str, ...]] = get_args(LiveFormat)
JPEG_QUALITY: Final = 85
_OPTIONS: Final = {"preset": "ultrafast", "tune": "zerolatency", "crf": "20", "g": str(2 * FPS)}


@runtime_checkable
class LivePictures(Protocol):
    """Turns pictures into bytes, in their order."""

    def next(self, image: UInt8[np.ndarray, "h w 3"], number: int) -> bytes:
        """Picture `number`, RGB."""


class JpegPictures:
    """Each picture is a JPEG file."""

    def next(self, image: UInt8[np.ndarray, "h w 3"], number: int) -> bytes:  # noqa: ARG002 (of the protocol)
        """See `LivePictures`."""
        quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
        return bytes(cv2.imencode(".jpg", np.ascontiguousarray(image[..., ::-1]), quality)[1])


class H264Pictures:
    """Each picture is one access unit (Annex B of ITU-T H.264); every two seconds one begins with the parameter sets.

    A side that is odd is one pixel larger.
    """

    def __init__(self, width: int, height: int) -> None:
        self._size = stored_size(width, height, "h264")
        context, tags = av.CodecContext.create("libx264", "w"), ColorTags.of_size(height)
        assert isinstance(context, av.VideoCodecContext)
        (context.width, context.height), context.pix_fmt = self._size, "yuv420p"
        context.framerate, context.time_base, context.options = Fraction(FPS), Fraction(1, FPS), dict(_OPTIONS)
        context.color_range, context.colorspace = tags.color_range, tags.colorspace
        context.color_primaries, context.color_trc = tags.primaries, tags.transfer
        self._context = context

    def next(self, image: UInt8[np.ndarray, "h w 3"], number: int) -> bytes:
        """See `LivePictures`."""
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(padded(image, *self._size)), format="rgb24")
        frame.pts, frame.time_base = number, Fraction(1, FPS)
        return b"".join(bytes(packet) for packet in self._context.encode(frame))


def live_pictures(kind: LiveFormat, width: int, height: int) -> LivePictures:
    """The encoder of that kind."""
    return H264Pictures(width, height) if kind == "h264" else JpegPictures()
