"""An open video file: its picture track, decoded in order of display, each frame with a time that rises."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import av
from av.stream import Disposition

from synclips.errors import MediaError

MAX_RATE: Final = 1000
"""Frames a second above which a container's rate is its clock, not its rate."""
RESET: Final = 1.0
"""Seconds that a clock must fall back to count as started anew (joined files) instead of uneven."""
NOT_A_VIDEO: Final = ("not a video that can be read", "give an mp4, mov, mkv, webm, avi or mpg file")


@dataclass(frozen=True)
class DecodedFrame:
    """One decoded frame; `time` and `duration` in seconds, from the first frame of the file."""

    time: float
    duration: float
    frame: av.VideoFrame


class VideoSource:
    """An open file's first picture track (cover pictures do not count). Use it in a `with` statement.

    Raises:
        MediaError: no such file, a folder, empty, not a video, no video track, or an unknown codec.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.exists():
            raise MediaError(f"no such file: {path}")
        if path.is_dir():
            raise MediaError(f"{path} is a folder; name a file")
        if path.is_file() and path.stat().st_size == 0:
            raise MediaError(f"{path} is empty (0 bytes); copy it again")
        self.container, self.stream = self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.container.close()

    def _open(self) -> tuple["av.container.InputContainer", av.VideoStream]:
        wrong, advice = NOT_A_VIDEO
        try:
            container = av.open(str(self.path))
        except av.FFmpegError as error:
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

    def duration(self) -> float:
        """Seconds, as the headers say; 0 where they do not."""
        if self.stream.duration and self.stream.time_base:
            return float(self.stream.duration * self.stream.time_base)
        if self.container.duration:
            return self.container.duration / av.time_base
        return float(self.stream.frames / self.rate)

    def pictures(self) -> Iterator[av.VideoFrame]:
        """Frames from the present position, in order of display; damaged packets are passed over."""
        packets = self.container.demux(self.stream)
        flushed = False
        while True:
            try:
                packet = next(packets, None)
            except av.FFmpegError:
                packet = None
            if packet is None:
                break
            flushed = packet.size == 0
            try:
                frames = packet.decode()
            except av.FFmpegError:
                continue
            yield from frames
        if not flushed:
            try:
                frames = self.stream.decode(None)
            except av.FFmpegError:
                return
            yield from frames

    def pictures_from(self, target: int) -> Iterator[av.VideoFrame]:
        """Frames from a key frame at or before the time stamp `target`, exactly as decoding from the start gives them.

        Frames shown before that key frame may lack what they refer to, so they are left out. Where seeking finds no
        such key frame, the file is read from its very beginning.
        """
        try:
            self.container.seek(target, stream=self.stream, backward=True)
        except av.FFmpegError:
            self.reopen()
        frames = self.pictures()
        for frame in frames:
            if frame.pts is None or frame.pts > target:
                break
            if frame.key_frame:
                yield frame
                key = frame.pts
                yield from (later for later in frames if later.pts is None or later.pts >= key)
                return
        self.reopen()
        yield from self.pictures()

    def decoded(self, start: float = 0) -> Iterator[DecodedFrame]:
        """Frames with their times, from `start` seconds or somewhat earlier (call it once on a fresh source)."""
        clock = self._clock()
        frames = self.pictures()
        if start > 0 and self.seekable_exactly:
            first = next(frames, None)
            if first is None:
                return
            clock.place(first)
            if first.pts is None:
                self.reopen()
                frames = self.pictures()
            else:
                frames = self.pictures_from(first.pts + int(Fraction(start) / clock.time_base))
            for frame in frames:
                if frame.pts == first.pts:
                    clock = self._clock()
                yield clock.place(frame)
            return
        for frame in frames:
            yield clock.place(frame)

    def _clock(self) -> "Clock":
        return Clock(self.rate, self.stream.time_base or Fraction(1, 90_000))


class Clock:
    """Gives each frame a time that rises: fills in missing time stamps, mends those that stand still or fall back."""

    def __init__(self, rate: Fraction, time_base: Fraction) -> None:
        self.time_base = time_base
        self._period = 1 / rate
        self._origin: Fraction | None = None
        self._last: Fraction | None = None

    def place(self, frame: av.VideoFrame) -> DecodedFrame:
        """The next frame in order of display, with its time."""
        duration = frame.duration * self.time_base if frame.duration else self._period
        stamp = None if frame.pts is None else frame.pts * self.time_base
        if self._origin is None or self._last is None:
            self._origin = stamp or Fraction(0)
            time = Fraction(0)
        else:
            expected = self._last + self._period
            time = expected if stamp is None else stamp - self._origin
            if time <= self._last:
                if stamp is not None and self._last - time > RESET:
                    self._origin = stamp - expected
                time = expected
        self._last = time
        return DecodedFrame(float(time), float(duration), frame)
