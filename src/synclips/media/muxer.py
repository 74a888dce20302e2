"""A video file that is being written: pictures from whoever makes them, sound and kept streams just ahead of them."""

import contextlib
import errno
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import av
import numpy as np
from jaxtyping import Float32

from synclips.errors import OutputError
from synclips.files import atomic_path, media_path
from synclips.media.audio import Sound, Waveform
from synclips.media.channels import mix_matrix, written_layout
from synclips.media.passthrough_streams import KeptStreams
from synclips.media.sound import Resampler
from synclips.media.timebase import OUTPUT_SAMPLE_RATE

SOUND_AHEAD: Final = 0.5
"""Seconds by which the sound goes out before the pictures."""
_MP4_KEYS: Final = {"title", "artist", "album", "album_artist", "comment", "composer", "copyright", "date"} | {
    "description",
    "genre",
    "grouping",
    "lyrics",
    "synopsis",
}


@dataclass(frozen=True)
class Beside:
    """What goes into a video file beside its pictures.

    audio: the sound, written with all of its channels; it may be longer or shorter than the pictures.
    duration: seconds that the file is to last, where it is known: the sound is cut, or filled with silence, to it.
    metadata: the container's tags. Those that MP4 has no place for are kept under their own names.
    keep: a video whose further sound tracks, subtitles and chapters are carried over (see `KeptStreams`).
    replaced: number of the sound track of `keep`, from 1, that `audio` replaces; None: the one usually heard.
    """

    audio: Sound | Waveform | None = None
    duration: float | None = None
    metadata: Mapping[str, str] | None = None
    keep: Path | None = None
    replaced: int | None = None


class OutputFile:
    """A container under a temporary name; use it in a `with` statement. A failure leaves nothing behind.

    Raises:
        OutputError: as `VideoWriter`.
    """

    def __init__(self, path: Path, beside: Beside, *, overwrite: bool) -> None:
        self.path, self._beside, self._overwrite = path, beside, overwrite
        self.left_out: tuple[str, ...] = ()
        self._suffix = path.suffix.lower()
        self._sound: SoundTrack | None = None
        self._kept: KeptStreams | None = None
        self._exit = contextlib.ExitStack()

    def __enter__(self) -> "OutputFile":
        with contextlib.ExitStack() as stack:
            temporary = stack.enter_context(atomic_path(self.path, overwrite=self._overwrite))
            with output_errors(self.path):
                self.container = av.open(media_path(temporary), "w", container_options=self._options())
            self.container.metadata.update(self._beside.metadata or {})
            self._exit = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._exit:
            try:
                if error is not None:
                    raise error
                with output_errors(self.path):
                    self.container.close()
            except BaseException:
                with contextlib.suppress(av.FFmpegError, OSError):
                    self.container.close()
                raise

    def start(self) -> None:
        """Add the tracks that lie beside the pictures, once the picture track is there."""
        audio, keep = self._beside.audio, self._beside.keep
        with output_errors(self.path):
            if audio is not None and audio.duration:
                opus = self._suffix == ".webm"
                self._sound = SoundTrack(self.container, audio, opus=opus, duration=self._beside.duration)
            if keep is not None:
                self._kept = KeptStreams(
                    self.container, keep, self._suffix, self._beside.duration, replaced=self._beside.replaced
                )
                self._exit.callback(self._kept.close)
                self.left_out = self._kept.left_out

    def mux(self, packets: "Iterable[av.Packet[Any]]", shown: float) -> None:
        """Write picture packets, the sound to just after `shown` seconds, and the kept streams up to there."""
        with output_errors(self.path):
            for packet in packets:
                self.container.mux(packet)
            self._mux_beside(shown + SOUND_AHEAD, shown)

    def finish(self, packets: "Iterable[av.Packet[Any]]", end: float) -> None:
        """Write the last picture packets, the rest of the sound, and the kept streams up to `end` seconds."""
        with output_errors(self.path):
            for packet in packets:
                self.container.mux(packet)
            self._mux_beside(None, end)

    def _mux_beside(self, heard: float | None, kept: float) -> None:
        if self._sound is not None:
            for packets in self._sound.until(heard):
                self.container.mux(packets)
        if self._kept is not None:
            for packet in self._kept.until(kept):
                self.container.mux(packet)

    def _options(self) -> dict[str, str]:
        if self._suffix not in (".mp4", ".mov"):
            return {}
        own = "" if set(self._beside.metadata or {}) <= _MP4_KEYS else "+use_metadata_tags"
        return {"movflags": f"+faststart{own}"}


@contextlib.contextmanager
def output_errors(path: Path) -> Iterator[None]:
    """FFmpeg's errors while `path` is written, as one line."""
    try:
        yield
    except av.FFmpegError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise OutputError(f"the disk is full while writing {path}; free some space and run again") from error
        words = (error.strerror or str(error)).lower()
        advice = "choose another folder" if isinstance(error, OSError) else "try another codec or size"
        raise OutputError(f"{path} cannot be written ({words}); {advice}") from error


SOUND_BITS: Final = 160_000
"""Bits a second for each channel: AAC and Opus then keep everything up to 20 kHz."""
_LEAST_BITS: Final = 192_000
_CHUNK: Final = 16_384


class SoundTrack:
    """Adds a track at 48 kHz to `container`: AAC, or Opus if `opus`. Copies no more than a piece at a time.

    All channels are written, in the nearest layout that the codec has (see `written_layout`), at their own level.
    `duration`: seconds that the sound is cut, or filled with silence, to; None leaves it as long as it is.
    """

    def __init__(
        self,
        container: "av.container.OutputContainer",
        audio: Sound | Waveform,
        *,
        opus: bool,
        duration: float | None = None,
    ) -> None:
        sound, codec = Sound.of(audio), "libopus" if opus else "aac"
        self._layout, target = written_layout(sound.channels, codec)
        stream = container.add_stream(codec, rate=OUTPUT_SAMPLE_RATE, layout=self._layout)
        assert isinstance(stream, av.AudioStream)
        stream.bit_rate = max(_LEAST_BITS, SOUND_BITS * len(target))
        self._stream, self._sound = stream, sound
        self._matrix = mix_matrix(sound.channels, target)
        self._total = round((sound.duration if duration is None else duration) * sound.sample_rate)
        self._resampler = Resampler(sound.sample_rate, OUTPUT_SAMPLE_RATE, len(target))
        self._read = 0
        self._sent = 0
        self._flushed = False

    def until(self, time: float | None) -> "Iterator[list[av.Packet[Any]]]":
        """Packets up to `time` seconds; None: all that is left."""
        while self._read < self._total and (time is None or self._sent < time * OUTPUT_SAMPLE_RATE):
            yield self._encode(self._next())
        if self._read >= self._total and time is None and not self._flushed:
            self._flushed = True
            yield list(self._stream.encode(None))

    def _next(self) -> Float32[np.ndarray, "channels n"]:
        count = min(_CHUNK, self._total - self._read)
        samples = np.zeros((len(self._sound.channels), count), np.float32)
        present = self._sound.samples[:, self._read : self._read + count]
        samples[:, : present.shape[1]] = present
        self._read += count
        made = self._resampler.next(self._matrix @ samples)
        return made if self._read < self._total else np.concatenate([made, self._resampler.last()], axis=1)

    def _encode(self, samples: Float32[np.ndarray, "channels n"]) -> "list[av.Packet[Any]]":
        if not samples.shape[1]:
            return []
        # packed samples: PyAV does not write more than seven planes; the encoder's own format is made from them
        packed = np.ascontiguousarray(samples.T).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(packed, format="flt", layout=self._layout)
        frame.sample_rate = OUTPUT_SAMPLE_RATE
        frame.time_base = Fraction(1, OUTPUT_SAMPLE_RATE)
        frame.pts = self._sent
        self._sent += samples.shape[1]
        return list(self._stream.encode(frame))
