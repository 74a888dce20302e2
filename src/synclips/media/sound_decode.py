"""A sound track as float32 pieces on the file's clock; what is damaged is passed over and counted."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain, pairwise
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from jaxtyping import Float32

from synclips.errors import MediaError
from synclips.media.channels import Channels, channels_of
from synclips.media.container import open_container
from synclips.media.joined_files import parts_of
from synclips.media.sound_clock import Placement, SoundClock, Stamped
from synclips.media.video_decode import VideoSource

LOWEST_RATE, HIGHEST_RATE = 1_000, 1_000_000
"""Samples a second outside of which a header is damaged."""
_ATTEMPTS: Final = 16
"""Errors in a row after which a file is not read on."""
_STORED_TIMES: Final = frozenset(
    {"mov", "matroska", "webm", "mpegts", "mpeg", "avi", "flv", "asf", "ogg", "mxf", "nut"}
)
"""Containers in which time stamps are stored; elsewhere FFmpeg counts them up, and what is joined follows at once."""
_SILENCE: Final = 1 << 16
"""Samples of silence that are handed out at a time."""


@dataclass(frozen=True)
class SoundPiece:
    """Consecutive samples, full scale at 1, with their rate and channels."""

    samples: Float32[np.ndarray, "channels n"]
    sample_rate: int
    channels: Channels


@dataclass
class Damage:
    """Packets that could not be decoded: how many, and the time of the first in seconds of the file's clock."""

    packets: int = 0
    first: float | None = None

    def add(self, item: "av.Packet[Any] | av.AudioFrame | None") -> None:
        """Count one more."""
        self.packets += 1
        if self.first is None and item is not None and item.pts is not None and item.time_base:
            self.first = float(item.pts * item.time_base)


@dataclass
class SoundDecoder:
    """The sound track with the index `track` in the file `path`.

    With a picture in the file time 0 is the first frame's, otherwise that of the first sound. `damage` is complete
    when `pieces` is exhausted.
    """

    path: Path
    track: int
    damage: Damage = field(default_factory=Damage)
    origin: float = 0.0
    """Time 0 on the file's clock, once the first piece is there."""

    def pieces(self) -> Iterator[SoundPiece]:
        """The samples from time 0 on, silence in the gaps."""
        origin = picture_start(self.path)
        parts = parts_of(self.path) if origin is None else []
        each = [part if len(parts) > 1 else None for part in parts] or [None]
        frames = chain.from_iterable(decoded_frames(self.path, self.track, self.damage, part) for part in each)
        clock, converter, stored = SoundClock(origin), _Converter(), stores_times(self.path)
        for frame, following in pairwise(chain(frames, [None])):
            assert frame is not None
            placement = clock.place(_stamped(frame, stored), _time_of(following, stored))
            self.origin = clock.origin
            try:
                samples = converter.samples(frame)
            except (av.FFmpegError, ValueError):
                self.damage.add(frame)
                samples = np.zeros((frame.layout.nb_channels, frame.samples), np.float32)
            yield from _placed(samples, frame.sample_rate, channels_of(frame.layout), placement)


def decoded_frames(
    path: Path, track: int, damage: Damage | None = None, part: tuple[int, int] | None = None
) -> Iterator[av.AudioFrame]:
    """The frames of a track (of a part of the file) as they are decoded; packets that cannot be are passed over."""
    damage = damage if damage is not None else Damage()
    with contextlib.suppress(av.FFmpegError), open_container(path, part) as container:
        tracks = [stream for stream in container.streams.audio if stream.codec_context is not None]
        stream = next((stream for stream in tracks if stream.index == track), tracks[0] if part and tracks else None)
        if stream is None:
            return
        for packet in _packets(container, stream, damage):
            try:
                frames = packet.decode()
            except av.DecoderNotFoundError:
                return
            except (av.FFmpegError, ValueError):
                damage.add(packet)
                continue
            for frame in frames:
                if not isinstance(frame, av.AudioFrame) or not LOWEST_RATE <= frame.sample_rate <= HIGHEST_RATE:
                    damage.add(packet)
                elif frame.samples:
                    yield frame


def _packets(
    container: "av.container.InputContainer", stream: "av.stream.Stream", damage: Damage
) -> "Iterator[av.Packet[Any]]":
    """All packets of a stream and the empty one that flushes the decoder; errors of reading are passed over."""
    errors = 0
    while errors < _ATTEMPTS:
        try:
            for packet in container.demux(stream):
                errors = 0
                yield packet
        except av.FFmpegError:
            errors += 1
            if errors == 1:
                damage.add(None)
        else:
            return


class _Converter:
    """Frames as samples; a new format, rate or layout is taken as it comes."""

    def __init__(self) -> None:
        self._format: tuple[str, int, str, int] | None = None
        self._resampler: av.AudioResampler | None = None

    def samples(self, frame: av.AudioFrame) -> Float32[np.ndarray, "channels n"]:
        """As float32, full scale at 1."""
        count = frame.layout.nb_channels
        key = (frame.format.name, frame.sample_rate, frame.layout.name, count)
        if self._resampler is None or key != self._format:
            self._resampler = av.AudioResampler(format="flt", layout=frame.layout, rate=frame.sample_rate)
            self._format = key
        # packed samples: PyAV does not read more than seven planes
        parts = [part.to_ndarray().reshape(-1, count) for part in self._resampler.resample(frame)]
        samples = np.concatenate([np.zeros((0, count), np.float32), *parts])
        return np.nan_to_num(samples, nan=0.0, posinf=1.0, neginf=-1.0).T


def _placed(
    samples: Float32[np.ndarray, "channels n"], rate: int, channels: Channels, placement: Placement
) -> Iterator[SoundPiece]:
    """The samples after the silence that belongs before them."""
    missing = round(placement.gap * rate)
    for start in range(0, missing, _SILENCE):
        yield SoundPiece(np.zeros((len(channels), min(_SILENCE, missing - start)), np.float32), rate, channels)
    samples = samples[:, round(placement.cut * rate) :]
    if samples.shape[1]:
        yield SoundPiece(samples, rate, channels)


def stores_times(path: Path) -> bool:
    """Whether the file's container stores time stamps."""
    with open_container(path) as container:
        return bool(_STORED_TIMES & set(container.format.name.split(",")))


def picture_start(path: Path) -> float | None:
    """The time of the first frame on the file's clock, in seconds; None where the sound stands alone."""
    try:
        with VideoSource(path) as source:
            first = next(source.decoded(), None)
            if first is None:
                return None
            return float((first.frame.pts or 0) * (source.stream.time_base or Fraction(0)))
    except MediaError:
        return None


def _time_of(frame: av.AudioFrame | None, stored: bool) -> float | None:
    if not stored or frame is None or frame.pts is None or not frame.time_base:
        return None
    return float(frame.pts * frame.time_base)


def _stamped(frame: av.AudioFrame, stored: bool) -> Stamped:
    return Stamped(_time_of(frame, stored), frame.samples / frame.sample_rate)


def words(error: av.FFmpegError) -> str:
    """FFmpeg's own words, in lower case."""
    return (error.strerror or str(error)).lower()
