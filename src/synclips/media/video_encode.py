"""How a picture track is encoded: codec options, pixel format, and colour tags with the conversion that fits them."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal

import av
import numpy as np
from av.video.reformatter import ColorRange, VideoReformatter
from jaxtyping import UInt8

from synclips.errors import ConfigError, OutputError
from synclips.media.picture import Colours, Picture, Shown, copied
from synclips.media.tone_map import is_hdr
from synclips.media.video_colour import FLAGS, FULL, LIMITED, THREADS, UNSPECIFIED, matrix_of, range_of
from synclips.media.video_read import VideoInfo

Codec = Literal["h264", "hevc", "vp9", "ffv1"]

_ENCODERS: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = MappingProxyType(
    {
        "h264": ("libx264", {"preset": "veryfast"}),
        "hevc": ("libx265", {"preset": "fast", "x265-params": "log-level=none"}),
        "vp9": ("libvpx-vp9", {"b": "0", "deadline": "good", "cpu-used": "4", "row-mt": "1"}),
        "ffv1": ("ffv1", {"level": "3", "slices": "4", "slicecrc": "1"}),
    }
)
_LOWER: Final = MappingProxyType({"h264": 2})
"""By how much the encoder's CRF lies below the quality that is asked for: preset veryfast at 14 gives the PSNR of
preset fast at 16 in less than half of the time, with files a sixth larger (EXPERIMENTS.md, 2026-11-28, "Speed")."""
_CONTAINERS: Final = MappingProxyType(
    {".mp4": ("h264", "hevc", "vp9"), ".mov": ("h264", "hevc"), ".mkv": tuple(_ENCODERS), ".webm": ("vp9",)}
)
_BT709: Final = 1
_BT601: Final = 6
_KEPT_MATRICES: Final = (1, 2, 4, 5, 6, 7, 9)
_GOP_SECONDS: Final = 2


@dataclass(frozen=True)
class ColorTags:
    """What the file says about its colours: FFmpeg's enumerations (ITU-T H.273)."""

    color_range: int
    colorspace: int
    primaries: int
    transfer: int

    @classmethod
    def of_size(cls, height: int) -> "ColorTags":
        """Limited range, all three BT.709 from 720 lines on and BT.601 (525 lines) below."""
        kind = _BT709 if height >= 720 else _BT601
        return cls(LIMITED, kind, kind, kind)

    @classmethod
    def like(cls, info: VideoInfo) -> "ColorTags":
        """As the source has them, what it leaves open stays open, so that a player guesses the same for both.

        A matrix that 8-bit YUV cannot be made of here (RGB, YCgCo, constant luminance) becomes BT.709 or BT.601; HDR,
        which the readers tone-map, becomes BT.709.
        """
        if is_hdr(info.color_transfer):
            return cls(LIMITED, _BT709, _BT709, _BT709)
        full = range_of(info.color_range, info.pixel_format) == ColorRange.JPEG
        if info.colorspace not in _KEPT_MATRICES:
            usual = cls.of_size(info.height)
            primaries = usual.primaries if info.color_primaries == UNSPECIFIED else info.color_primaries
            transfer = usual.transfer if info.color_transfer == UNSPECIFIED else info.color_transfer
            return cls(LIMITED, usual.colorspace, primaries, transfer)
        color_range = FULL if full else info.color_range
        return cls(color_range, info.colorspace, info.color_primaries, info.color_transfer)


def check_format(path: Path, codec: str, quality: int, like: VideoInfo | None = None) -> None:
    """Fail before anything is written where suffix, codec, quality and the source do not go together.

    Raises:
        OutputError: a suffix that names no container written here.
        ConfigError: a codec or quality that does not exist, or does not go into that container, or pixels that are
            not square where they could not be kept so (PyAV tells Matroska nothing of them; H.264 and HEVC do).
    """
    suffix = path.suffix.lower()
    if suffix not in _CONTAINERS:
        raise OutputError(f"{path} cannot be written as video; end its name in {', '.join(_CONTAINERS)}")
    if codec not in _ENCODERS:
        raise ConfigError(f"codec {codec!r} is unknown; use one of {', '.join(_ENCODERS)}")
    if codec not in _CONTAINERS[suffix]:
        fitting = ", ".join(_CONTAINERS[suffix])
        raise ConfigError(f"codec {codec} does not go into a {suffix} file; use {fitting} there, or an .mkv file")
    if not 0 <= quality <= 51:
        raise ConfigError(f"quality {quality} is outside 0 (lossless) .. 51 (worst)")
    if like is not None and like.sample_aspect_ratio != 1 and suffix in (".mkv", ".webm") and codec in ("vp9", "ffv1"):
        raise ConfigError(f"{like.path} has pixels that are not square, which {codec} in {suffix} loses; write an .mp4")


class PictureEncoder:
    """Adds a picture track to `container` and turns RGB pictures into the frames that it takes.

    All but ffv1 is yuv420p, which every player shows. H.264 and HEVC hold only even sizes then: an odd one gets its
    last row or column once more. VP9 holds any size. `further`: options of the encoder's own.
    """

    def __init__(
        self,
        container: "av.container.OutputContainer",
        width: int,
        height: int,
        rate: Fraction,
        time_base: Fraction,
        codec: Codec,
        quality: int,
        like: VideoInfo | None,
        further: Mapping[str, str] | None = None,
    ) -> None:
        name, options = _ENCODERS[codec]
        chosen = dict(options) | dict(further or {})
        if codec != "ffv1":
            chosen |= {
                "crf": str(max(min(quality, 1), quality - _LOWER.get(codec, 0))),
                "g": str(max(1, round(rate * _GOP_SECONDS))),
            }
        stream = container.add_stream(name, rate=rate, options=chosen)
        assert isinstance(stream, av.VideoStream)
        self.stream = stream
        self._format = "bgr0" if codec == "ffv1" else "yuv420p"
        width, height = stored_size(width, height, codec)
        self._size = width, height
        self._tags = ColorTags.of_size(height) if like is None else ColorTags.like(like)
        self._matrix = matrix_of(self._tags.colorspace, stored_height(like) if like else height)
        self._reformatter = VideoReformatter()
        self._frames = 0
        context = stream.codec_context
        context.width, context.height, context.pix_fmt = width, height, self._format
        context.time_base = stream.time_base = time_base
        if like is not None and like.sample_aspect_ratio != 1:
            context.sample_aspect_ratio = like.sample_aspect_ratio
        if codec == "hevc":
            context.codec_tag = "hvc1"
        if codec == "ffv1":
            primaries, transfer = (self._tags.primaries, self._tags.transfer) if like else (UNSPECIFIED, UNSPECIFIED)
            self._tags = ColorTags(FULL, UNSPECIFIED, primaries, transfer)
        context.color_range, context.colorspace = self._tags.color_range, self._tags.colorspace
        context.color_primaries, context.color_trc = self._tags.primaries, self._tags.transfer

    def encode(self, image: Shown, stamp: int, length: int) -> "list[av.Packet[Any]]":
        """The packets that are ready after one more picture, shown at `stamp` for `length` units of the time base."""
        self._frames += 1
        return list(self.stream.encode(self._frame(image, stamp, length)))

    def flush(self) -> "list[av.Packet[Any]]":
        """The packets that are left."""
        packets = list(self.stream.encode(None))
        if self._frames == 1:
            for packet in packets:
                packet.dts = packet.pts  # x265 leaves the decoding time of an only frame undefined
        return packets

    def _frame(self, image: Shown, stamp: int, length: int) -> av.VideoFrame:
        frame = self._as_decoded(image) if isinstance(image, Picture) else None
        if frame is None:
            frame = self._converted(image.image if isinstance(image, Picture) else image)
        if self._format != "bgr0":
            frame.colorspace, frame.color_range = self._tags.colorspace, self._tags.color_range
        frame.color_primaries, frame.color_trc = self._tags.primaries, self._tags.transfer
        frame.pts, frame.duration, frame.time_base = stamp, length, self.stream.codec_context.time_base
        return frame

    def _as_decoded(self, picture: Picture) -> av.VideoFrame | None:
        """The frame's own numbers where the result's mean the same; None: they do not."""
        color_range = ColorRange.JPEG if self._tags.color_range == FULL else ColorRange.MPEG
        same = self._format == "yuv420p" and picture.colours == Colours(self._matrix, color_range)
        if picture.made is not None or not same or (picture.width, picture.height) != self._size:
            return None
        return copied(picture.frame)

    def _converted(self, image: UInt8[np.ndarray, "h w 3"]) -> av.VideoFrame:
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(padded(image, *self._size)), format="rgb24")
        full = self._tags.color_range == FULL
        if self._format == "bgr0":
            return self._reformatter.reformat(frame, format="bgr0", threads=THREADS)
        return self._reformatter.reformat(
            frame,
            format=self._format,
            src_colorspace=self._matrix,
            dst_colorspace=self._matrix,
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.JPEG if full else ColorRange.MPEG,
            interpolation=FLAGS,
            threads=THREADS,
        )


def stored_size(width: int, height: int, codec: str) -> tuple[int, int]:
    """The size that a video of `width` x `height` pixels has in the file: even where the codec wants it."""
    if codec in ("vp9", "ffv1"):
        return width, height
    return width + width % 2, height + height % 2


def padded(image: UInt8[np.ndarray, "h w 3"], width: int, height: int) -> UInt8[np.ndarray, "h2 w2 3"]:
    """The picture with its last row and column repeated up to this size."""
    missing = height - image.shape[0], width - image.shape[1]
    return np.pad(image, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="edge") if any(missing) else image


def stored_height(info: VideoInfo) -> int:
    """Lines of the picture as stored, before it is turned upright."""
    return info.width if info.rotation in (90, 270) else info.height
