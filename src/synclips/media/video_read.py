"""A video file as a stream of upright RGB pictures with their times."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import UInt8

from synclips.errors import MediaError
from synclips.media.deinterlace import stored_as
from synclips.media.sound_tracks import has_sound
from synclips.media.timebase import FPS
from synclips.media.video_colour import RgbConverter, orientation_of
from synclips.media.video_decode import NO_FRAMES, DecodedFrame, VideoSource

EPSILON: Final = 1e-6
"""Seconds within which two times are the same: far above rounding, far below any frame."""


@dataclass(frozen=True)
class VideoInfo:
    """What a video file is. Sizes are as displayed (upright); pixels keep their stored shape."""

    path: Path
    width: int
    height: int
    fps: Fraction
    """Average frames a second."""
    duration: float
    """Seconds."""
    frame_count: int | None
    """As the container counts them, or duration times rate: an estimate."""
    rotation: int
    """Degrees clockwise that turn the stored picture upright: 0, 90, 180 or 270. Readers do it already."""
    mirrored: bool
    """The stored picture is mirrored left to right before it is turned. Readers do it already."""
    sample_aspect_ratio: Fraction
    """Width over height of one displayed pixel."""
    codec: str
    pixel_format: str
    bit_depth: int
    color_range: int
    colorspace: int
    color_primaries: int
    color_transfer: int
    """The four as FFmpeg's enumerations (ITU-T H.273 code points; range 0 unknown, 1 limited, 2 full)."""
    has_audio: bool
    """There is a sound track that can be decoded."""
    start_time: float
    """Seconds from the container's clock to the first frame."""
    interlaced: bool = False
    """The first frame is stored as two fields. Readers make such frames progressive already."""
    audio_track: int | None = None
    """Number of the sound track that is heard, from 1; None: the default one (see `find_track`)."""

    def __post_init__(self) -> None:
        if self.rotation not in (0, 90, 180, 270):
            raise ValueError(f"rotation {self.rotation}")


@dataclass(frozen=True)
class TimedFrame:
    """One picture, RGB and contiguous, and its time in seconds from the first frame."""

    time: float
    image: UInt8[np.ndarray, "h w 3"]


def probe(path: Path) -> VideoInfo:
    """Look at a video's headers and its first frame.

    Raises:
        MediaError: no such file, a folder, empty, not a video, without a video track or a single frame.
    """
    with VideoSource(path) as source:
        first = next(source.decoded(), None)
        if first is None:
            raise MediaError(f"{path} {NO_FRAMES}")
        frame, duration = first.frame, source.duration()
        stream = source.stream  # after `duration`, which opens the file anew
        orientation = orientation_of(frame)
        width, height = frame.width, frame.height
        ratio = stream.sample_aspect_ratio or Fraction(1)
        if orientation.sideways:
            width, height, ratio = height, width, 1 / ratio
        context = stream.codec_context
        return VideoInfo(
            path=path,
            width=width,
            height=height,
            fps=source.rate,
            duration=duration,
            frame_count=stream.frames or round(duration * source.rate) or None,
            rotation=orientation.rotation,
            mirrored=orientation.mirrored,
            sample_aspect_ratio=ratio,
            codec=context.codec.canonical_name,
            pixel_format=frame.format.name,
            bit_depth=max(component.bits for component in frame.format.components),
            color_range=int(frame.color_range),
            colorspace=int(frame.colorspace),
            color_primaries=int(frame.color_primaries),
            color_transfer=int(frame.color_trc),
            has_audio=bool(source.container.streams.audio) and has_sound(path),
            start_time=float((frame.pts or 0) * stream.time_base) if stream.time_base else 0.0,
            interlaced=stored_as(frame).interlaced,
        )


def read_frames(path: Path, *, start: float | int = 0, stop: float | int | None = None) -> Iterator[TimedFrame]:
    """Every frame with start <= time < stop (seconds from the first frame), in the order of display.

    Decodes as it goes: memory does not grow with the length. A file that breaks off yields the frames it has.

    Raises:
        MediaError: as `probe`, at the first frame asked for.
    """
    convert: RgbConverter | None = None
    with VideoSource(path) as source:
        for item in _or_error(source.decoded(start), path):
            if stop is not None and item.time >= stop - EPSILON:
                return
            convert = convert or RgbConverter(item.frame)
            if item.time >= start - EPSILON:
                yield TimedFrame(item.time, convert(item.frame))


def read_at_rate(path: Path, fps: float | int | Fraction = FPS) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
    """The video at another rate, by time: picture k is the frame nearest to k / fps seconds (ties: the earlier).

    The end is where the last frame's display ends; the count is that time times fps, rounded, and at least one.

    Raises:
        MediaError: as `probe`, at the first picture asked for.
    """
    fps = Fraction(fps).limit_denominator(1_000_000)
    with VideoSource(path) as source:
        count = 0
        shown: DecodedFrame | None = None
        convert: RgbConverter | None = None
        for item in _or_error(source.decoded(), path):
            if shown is not None and convert is not None:
                middle = (shown.time + item.time) / 2 + EPSILON
                image = None
                while count / fps <= middle:
                    image = convert(shown.frame) if image is None else image
                    yield image
                    count += 1
            shown, convert = item, convert or RgbConverter(item.frame)
        assert shown is not None
        assert convert is not None
        total = max(1, round((shown.time + shown.duration) * fps))
        if count < total:
            image = convert(shown.frame)
            for _ in range(count, total):
                yield image


def _or_error(items: Iterator[DecodedFrame], path: Path) -> Iterator[DecodedFrame]:
    empty = True
    for item in items:
        empty = False
        yield item
    if empty:
        raise MediaError(f"{path} {NO_FRAMES}")
