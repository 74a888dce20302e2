"""Frames of a video by number, in any order: an index of key frames, and a window of decoded frames."""

import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import av
import numpy as np
from jaxtyping import Float64, UInt8

from synclips.errors import MediaError
from synclips.media.conversions import Conversions
from synclips.media.deinterlace import stored_as
from synclips.media.picture import Picture
from synclips.media.video_colour import RgbConverter
from synclips.media.video_decode import NO_FRAMES, Clock, VideoSource

WINDOW_BYTES: Final = 256 * 2**20
"""Memory for decoded frames when a video is read backwards."""
SKIP: Final = 100
"""Frames ahead from which seeking is tried instead of decoding on."""
SIMPLE_CODECS: Final = frozenset({"h264", "hevc", "vp9", "av1", "ffv1", "mjpeg", "mpeg4", "prores"})
"""Codecs where one packet with a time stamp is one shown frame."""


@dataclass(frozen=True)
class FrameIndex:
    """Where each frame is, in order of display."""

    times: Float64[np.ndarray, " n"]
    """Seconds from the first frame, rising."""
    end: float
    """Seconds from the first frame to the end of the last one's display."""
    stamps: tuple[int, ...] | None
    """The container's time stamps; None where they do not name the frames one by one."""
    key_sums: dict[int, int] | None
    """Time stamp of each frame that reading can begin with -> checksum of its pixels; None where the container's
    seeking can be trusted."""


def frame_times(path: Path) -> Float64[np.ndarray, " n"]:
    """The time of every frame in seconds from the first, as `read_frames` gives them.

    Read from the packets where these can be trusted, by decoding the file otherwise.

    Raises:
        MediaError: as `probe`.
    """
    return build_index(path).times


def build_index(path: Path) -> FrameIndex:
    """Find every frame's time: from the packets where these can be trusted, by decoding the file otherwise.

    Raises:
        MediaError: as `probe`.
    """
    with VideoSource(path) as source:
        stamps = _stamps_of_packets(source)
        if stamps is not None:
            clock = source.clock()
            shown = [clock.place(stamp, length) for stamp, length in stamps.items()]
            times = np.array([moment.time for moment in shown], np.float64)
            return FrameIndex(times, shown[-1].time + shown[-1].duration, tuple(stamps), None)
        source.reopen()
        return _index_by_decoding(source, source.clock())


def _stamps_of_packets(source: VideoSource) -> dict[int, int] | None:
    """Time stamps in order of display, each with its frame's duration (0: unknown), in units of the time base.

    None where packets and shown frames may differ.
    """
    if not source.seekable_exactly or source.stream.codec_context.codec.canonical_name not in SIMPLE_CODECS:
        return None
    lengths: dict[int, int] = {}
    key = None
    count = shown = 0
    try:
        for packet in source.container.demux(source.stream):
            if packet.size == 0:
                continue
            count += 1
            if packet.pts is None or packet.is_corrupt:
                return None
            if packet.is_keyframe and key is None:
                key = packet.pts
            if not packet.is_discard:
                shown += 1
                lengths[packet.pts] = packet.duration or 0
    except av.FFmpegError:
        return None
    stamps = sorted(lengths)
    complete = not source.stream.frames or source.stream.frames == count
    if not stamps or not complete or len(stamps) < shown or key is None or stamps[0] < key:
        return None
    source.reopen()
    first = next(source.pictures(), None)
    if first is None or first.pts != stamps[0] or not _ends_whole(source, stamps):
        return None
    return {stamp: lengths[stamp] for stamp in stamps}


def _ends_whole(source: VideoSource, stamps: list[int]) -> bool:
    """The last packet decodes to the last frame, and the headers promise no more than there is."""
    last = None
    for frame in source.pictures_from(stamps[-1]):
        last = frame.pts
    return last == stamps[-1]


def _index_by_decoding(source: VideoSource, clock: Clock) -> FrameIndex:
    times: list[float] = []
    stamps: list[int] = []
    sums: dict[int, int] = {}
    for frame in source.pictures():
        moment = clock.place(frame.pts, frame.duration)
        times.append(moment.time)
        if frame.pts is not None:
            stamps.append(frame.pts)
            if frame.key_frame or stored_as(frame).interlaced:
                sums[frame.pts] = checksum(frame)
    if not times:
        raise MediaError(f"{source.path} {NO_FRAMES}")
    rising = len(stamps) == len(times) and all(a < b for a, b in pairwise(stamps))
    end = moment.time + moment.duration
    return FrameIndex(np.array(times, np.float64), end, tuple(stamps) if rising else None, sums)


def checksum(frame: av.VideoFrame) -> int:
    """CRC-32 of the first plane's pixels."""
    plane = frame.planes[0]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
    return zlib.crc32(np.ascontiguousarray(rows[:, : plane.width]).data)


def frames_in_order(
    path: Path, order: Iterable[int], *, window_bytes: int = WINDOW_BYTES, conversions: Conversions | None = None
) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
    """Frames by number, in any order (forward, looped, backward, repeated), each exactly as `read_frames` gives it.

    Going forward decodes on; going back decodes from the key frame before, and keeps as many frames as
    `window_bytes` holds. Where seeking would not give the same pixels, the file is decoded from its start.
    `conversions` counts what is done to the frames that are asked for.

    Raises:
        MediaError: as `probe`, at the first frame asked for.
        IndexError: the video has no frame of that number.
    """
    for picture in pictures_in_order(path, order, window_bytes=window_bytes, conversions=conversions):
        yield picture.image


def pictures_in_order(
    path: Path, order: Iterable[int], *, window_bytes: int = WINDOW_BYTES, conversions: Conversions | None = None
) -> Iterator[Picture]:
    """As `frames_in_order`, the frames as they are decoded: they become RGB when and as far as they are asked for."""
    with VideoSource(path) as source:
        window = _Window(source, window_bytes, conversions)
        for number in order:
            yield window.picture(number)


class _Window:
    """A run of decoded frames that ends where the decoder stands."""

    def __init__(self, source: VideoSource, limit: int, conversions: Conversions | None) -> None:
        self._source, self._limit = source, limit
        self._index: FrameIndex | None = None
        self._seekable = True
        self._frames: deque[av.VideoFrame] = deque()
        self._first = 0
        self._bytes = 0
        self._decoder = source.pictures()
        if not self._decode(limit):
            raise MediaError(f"{source.path} {NO_FRAMES}")
        self._convert = RgbConverter(self._frames[0], conversions, transparent=source.has_alpha_track)

    def picture(self, number: int) -> Picture:
        if number < 0:
            raise IndexError(f"frame {number} of {self._source.path}")
        if number < self._first or number > self._next + SKIP:
            self._go_to(number)
        while number >= self._next:
            if not self._decode(self._limit // 8):
                raise IndexError(f"frame {number} of {self._source.path}, which has {self._next}")
        return self._convert.picture(self._frames[number - self._first])

    @property
    def _next(self) -> int:
        return self._first + len(self._frames)

    def _decode(self, limit: int) -> bool:
        """Add the decoder's next frame; drop from the front what `limit` bytes do not hold, but keep that one."""
        frame = next(self._decoder, None)
        if frame is None:
            return False
        self._frames.append(frame)
        self._bytes += _size(frame)
        while self._bytes > limit and len(self._frames) > 1:
            self._bytes -= _size(self._frames.popleft())
            self._first += 1
        return True

    def _go_to(self, number: int) -> None:
        """Decode up to `number` from a key frame before it, or from the start of the file."""
        if not (self._seekable and self._seek(number)):
            self._restart(0, None)
        while self._next <= number:
            if not self._decode(self._limit):
                raise IndexError(f"frame {number} of {self._source.path}, which has {self._next}")
            if self._seekable and self._index is not None and not self._as_indexed():
                self._seekable = False
                self._restart(0, None)

    def _seek(self, number: int) -> bool:
        self._index = self._index or build_index(self._source.path)
        stamps, sums = self._index.stamps, self._index.key_sums
        if stamps is None or number >= len(stamps):
            return False
        decoder = self._source.pictures_from(stamps[number])
        frame = next(decoder, None)
        if frame is None or frame.pts is None:
            return False
        at = int(np.searchsorted(stamps, frame.pts))
        if (
            at >= len(stamps)
            or stamps[at] != frame.pts
            or (sums is not None and sums.get(frame.pts) != checksum(frame))
        ):
            return False
        self._restart(at, decoder)
        self._frames.append(frame)
        self._bytes = _size(frame)
        return True

    def _as_indexed(self) -> bool:
        assert self._index is not None
        stamps = self._index.stamps
        return stamps is None or (self._next <= len(stamps) and self._frames[-1].pts == stamps[self._next - 1])

    def _restart(self, first: int, decoder: Iterator[av.VideoFrame] | None) -> None:
        if decoder is None:
            self._source.reopen()
            decoder = self._source.pictures()
        self._frames.clear()
        self._first, self._bytes, self._decoder = first, 0, decoder


def _size(frame: av.VideoFrame) -> int:
    return sum(plane.buffer_size for plane in frame.planes)
