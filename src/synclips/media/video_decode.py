"""An open video file: its picture track, decoded in order of display, each frame with a time that rises."""

import contextlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Final

import av
from av.stream import Disposition

from synclips.errors import MediaError
from synclips.files import check_input
from synclips.media.container import open_container
from synclips.media.deinterlace import Stored, deinterlaced, stored_as

MAX_RATE: Final = 1000
"""Frames a second above which a container's rate is its clock, not its rate."""
SEEK_BACK: Final = (0, 1, 4, 16)
"""Seconds before a wanted frame to look for a key frame at: some containers land too late."""
RESET: Final = 1.0
"""Seconds that a clock must fall back to count as started anew (joined files) instead of uneven."""
LAST: Final = 2**62
"""A time stamp after any frame."""
NO_FRAMES: Final = "has a video track without a single readable frame; export it again"
NOT_A_VIDEO: Final = ("not a video that can be read", "give an mp4, mov, mkv, webm, avi or mpg file")


@dataclass(frozen=True)
class _Span:
    """Time stamps of some packets, from the first frame's display to the end of the last one's, and their number."""

    start: int
    end: int
    packets: int


@dataclass(frozen=True)
class DecodedFrame:
    """One decoded frame; `time` and `duration` in seconds, from the first frame of the file."""

    time: float
    duration: float
    frame: av.VideoFrame


class VideoSource:
    """An open file's first picture track (cover pictures do not count). Use it in a `with` statement.

    Raises:
        MediaError: no such file, a folder, a pipe, empty, not a video, no video track, or an unknown codec.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ratio: Fraction | None = None
        self._ratios: dict[tuple[int, int], Fraction] = {}
        check_input(path)
        self.container, self.stream = self._open()

    def __enter__(self) -> "VideoSource":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.container.close()

    def _open(self) -> tuple["av.container.InputContainer", av.VideoStream]:
        wrong, advice = NOT_A_VIDEO
        try:
            container = open_container(self.path)
        except av.FFmpegError as error:
            if _begins_as_mp4(self.path):
                raise MediaError(f"{self.path} is damaged or breaks off before its index; copy it again") from error
            words = (error.strerror or str(error)).lower()
            raise MediaError(f"{self.path} is {wrong} ({words}); {advice}") from error
        streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
        if not streams or container.format.name == "tty":
            has_sound = bool(container.streams.audio)
            container.close()
            if has_sound:
                raise MediaError(f"{self.path} has no video track, only sound; {advice}")
            raise MediaError(f"{self.path} is {wrong} (no video track); {advice}")
        stream = streams[0]
        if stream.codec_context is None:
            container.close()
            raise MediaError(f"{self.path} uses a video codec that this program cannot decode; convert it to H.264")
        stream.thread_type = "AUTO"
        return container, stream

    def reopen(self) -> None:
        """Go back to the very beginning, where every decoder starts clean."""
        self.container.close()
        self.container, self.stream = self._open()

    @property
    def rate(self) -> Fraction:
        """Average frames a second; 25 where the file gives nothing usable."""
        for rate in (self.stream.average_rate, self.stream.guessed_rate, self.stream.base_rate):
            if rate and 0 < rate < MAX_RATE:
                return Fraction(rate)
        return Fraction(25)

    @property
    def seekable_exactly(self) -> bool:
        """The container has an index of key frames and a time on each frame, so that seeking loses nothing."""
        return bool({"mp4", "matroska"} & set(self.container.format.name.split(",")))

    @property
    def has_alpha_track(self) -> bool:
        """The transparency of each frame is stored beside it (VP8 and VP9 in WebM); the decoders leave it out."""
        return self.stream.metadata.get("alpha_mode") == "1"

    @property
    def in_decoding_order(self) -> bool:
        """The container's times are those of decoding: see `Restamper`."""
        return self.container.format.name == "avi"

    def duration(self) -> float:
        """Seconds from the first frame to the end of the last one's display, by the packets (then rewinds the file).

        Headers count only where no packet says anything: of videos with an uneven rate they are often wrong. Where the
        container has an index, only the packets behind its last key frame are read.
        """
        base = self.stream.time_base or Fraction(1, 90_000)
        self.reopen()
        first = self._span(1)
        last: _Span | None = None
        if first is not None and self.seekable_exactly:
            with contextlib.suppress(av.FFmpegError):
                self.container.seek(LAST, stream=self.stream, backward=True)
                last = self._span()
        if first is not None and (last is None or last.end <= first.end):
            self.reopen()
            first = last = self._span()
        self.reopen()
        if first is None or last is None:
            return float((self.stream.duration or 0) * base)
        length = (last.end - first.start) * base
        if {"mpeg", "mpegts"} & set(self.container.format.name.split(",")):  # there, not each packet has its time
            length = max(length, last.packets / self.rate)
        return float(length)

    def _span(self, most: int | None = None) -> "_Span | None":
        """The time stamps of the next `most` shown packets (None: of all that follow)."""
        start = end = None
        count = 0
        length = round(1 / self.rate / (self.stream.time_base or Fraction(1, 90_000)))
        with contextlib.suppress(av.FFmpegError):
            for packet in self.container.demux(self.stream):
                stamp = packet.dts if packet.pts is None or self.in_decoding_order else packet.pts
                if not packet.size or packet.is_discard or stamp is None:
                    count += bool(packet.size)
                    continue
                count += 1
                start = stamp if start is None else min(start, stamp)
                end = max(stamp + (packet.duration or length), stamp if end is None else end)
                if most is not None and count >= most:
                    break
        return None if start is None or end is None else _Span(start, end, count)

    def pictures(self) -> Iterator[av.VideoFrame]:
        """Frames from the present position, in order of display, interlaced ones made progressive."""
        return deinterlaced(self._stored(), self.stream.time_base or Fraction(1, 90_000))

    def _stored(self) -> Iterator[av.VideoFrame]:
        """Frames as they are stored; damaged packets are passed over."""
        packets = self.container.demux(self.stream)
        restamp = Restamper() if self.in_decoding_order else None
        flushed = False
        while True:
            try:
                packet = next(packets, None)
            except av.FFmpegError:
                packet = None
            if packet is None:
                break
            flushed = packet.size == 0
            if restamp:
                restamp.packet(packet)
            try:
                frames = packet.decode()
            except av.FFmpegError:
                continue
            yield from map(restamp.frame, self._marked(frames)) if restamp else self._marked(frames)
        if not flushed:
            try:
                frames = self.stream.decode(None)
            except av.FFmpegError:
                return
            yield from map(restamp.frame, self._marked(frames)) if restamp else self._marked(frames)

    def _marked(self, frames: list[av.VideoFrame]) -> list[av.VideoFrame]:
        """`frames`, just decoded, those whose pixels have another shape than the first frame's marked so.

        The decoder knows the shape of the newest frame; older ones, which it held back, are told by their size.
        """
        context = self.stream.codec_context
        for frame in frames:
            size = frame.width, frame.height
            if size == (context.width, context.height):
                self._ratios[size] = context.sample_aspect_ratio or Fraction(1)
            ratio = self._ratios.get(size, Fraction(1))
            self._ratio = self._ratio or ratio
            if ratio != self._ratio:
                frame.opaque = Stored(stretch=ratio / self._ratio)
        return frames

    def pictures_from(self, target: int) -> Iterator[av.VideoFrame]:
        """Frames from a key frame at or before the time stamp `target`, exactly as decoding from the start gives them.

        Frames shown before that key frame may lack what they refer to, so they are left out; so is the key frame itself
        if it is interlaced, since it then depends on the frame before. Where seeking finds no such key frame, the file
        is read from its very beginning.
        """
        second = int(1 / (self.stream.time_base or Fraction(1, 90_000)))
        for back in SEEK_BACK:
            try:
                self.container.seek(target - back * second, stream=self.stream, backward=True)
            except av.FFmpegError:
                break
            frames = self.pictures()
            for frame in frames:
                if frame.pts is None or frame.pts > target:
                    break
                if frame.key_frame:
                    first = next(frames, None) if stored_as(frame).interlaced else frame
                    if first is None or first.pts is None or first.pts > target:
                        break
                    yield first
                    begin = first.pts
                    yield from (later for later in frames if later.pts is None or later.pts >= begin)
                    return
        self.reopen()
        yield from self.pictures()

    def decoded(self, start: float | int = 0) -> Iterator[DecodedFrame]:
        """Frames with their times, from `start` seconds or somewhat earlier (call it once on a fresh source)."""
        clock = self.clock()
        frames = self.pictures()
        if start > 0 and self.seekable_exactly:
            first = next(frames, None)
            if first is None:
                return
            clock.place(first.pts, first.duration)
            if first.pts is None:
                self.reopen()
                frames = self.pictures()
            else:
                frames = self.pictures_from(first.pts + int(Fraction(start) / clock.time_base))
            origin = first.pts
        else:
            origin = None
        for frame in frames:
            if origin is not None and frame.pts == origin:
                clock = self.clock()
            when = clock.place(frame.pts, frame.duration)
            yield DecodedFrame(when.time, when.duration, frame)

    def clock(self) -> "Clock":
        """A fresh clock for this stream's time stamps."""
        return Clock(self.rate, self.stream.time_base or Fraction(1, 90_000))


class Restamper:
    """Time stamps for AVI, which stores packets at their rate and says nothing of the order of display.

    The n-th frame shown has the place of the n-th packet that holds one (empty packets repeat the frame before).
    """

    def __init__(self) -> None:
        self._waiting: deque[int] = deque()

    def packet(self, packet: "av.Packet[av.VideoStream]") -> None:
        """Take note of a packet that goes into the decoder."""
        if packet.size and packet.dts is not None:
            self._waiting.append(packet.dts)

    def frame(self, frame: av.VideoFrame) -> av.VideoFrame:
        """The frame that came out, with its time stamp set."""
        if self._waiting:
            frame.pts = self._waiting.popleft()
        return frame


def _begins_as_mp4(path: Path) -> bool:
    with contextlib.suppress(OSError), path.open("rb") as file:
        return file.read(8)[4:] == b"ftyp"
    return False


@dataclass(frozen=True)
class Moment:
    """When a frame is shown and for how long, in seconds from the first frame."""

    time: float
    duration: float


class Clock:
    """Gives each frame a time that rises: fills in missing time stamps, mends those that stand still or fall back."""

    def __init__(self, rate: Fraction, time_base: Fraction) -> None:
        self.time_base = time_base
        self._period = 1 / rate
        self._origin: Fraction | None = None
        self._last = Fraction(0)

    def place(self, stamp: int | None, length: int) -> Moment:
        """The next frame in order of display; `stamp` and `length` (0: unknown) in units of the time base."""
        duration = length * self.time_base or self._period
        expected = self._last + self._period
        clock_time = None if stamp is None else stamp * self.time_base
        if self._origin is None:
            self._origin = clock_time or Fraction(0)
            self._last = Fraction(0)
            return Moment(0.0, float(duration))
        time = expected if clock_time is None else clock_time - self._origin
        if time <= self._last:
            if clock_time is not None and self._last - time > RESET:
                self._origin = clock_time - expected
            time = expected
        self._last = time
        return Moment(float(time), float(duration))
