"""Writing a video as it is made: pictures and sound go out side by side, and nothing half-written stays behind."""

import contextlib
import errno
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import av
import numpy as np
import soxr
from jaxtyping import UInt8

from synclips.errors import OutputError
from synclips.files import atomic_path
from synclips.media.audio import Waveform
from synclips.media.timebase import OUTPUT_SAMPLE_RATE
from synclips.media.video_encode import Codec, PictureEncoder, check_format
from synclips.media.video_read import VideoInfo

FINE_TIME_BASE: Final = Fraction(1, 90_000)
"""The clock of frames that come with their times: 90 kHz, as in MPEG."""
QUALITY: Final = 16
"""CRF: what it re-encodes is hard to tell from the source at twice the size."""
SOUND_BITS: Final = 192_000
SOUND_AHEAD: Final = 0.5
"""Seconds by which the sound goes out before the pictures."""
_SOUND_CHUNK: Final = 16_384
_MP4_KEYS: Final = {"title", "artist", "album", "album_artist", "comment", "composer", "copyright", "date"} | {
    "description",
    "genre",
    "grouping",
    "lyrics",
    "synopsis",
}


class VideoWriter:
    """Writes frames, and the sound to go with them, to `path`; use it in a `with` statement.

    Pictures are written upright, as the readers give them: a phone video's rotation flag is not needed again.
    Sound is AAC (Opus in .webm) at 48 kHz and starts with the first frame. Memory does not grow with the length.
    A failure of any kind, Ctrl-C too, leaves no file, and an older one of that name untouched.

    Args:
        path: .mp4, .mov, .mkv or .webm.
        width, height: pixels of every frame.
        fps: frame `i` is shown at `i / fps` seconds, unless it comes with its own time.
        like: the source, whose colour tags and pixel shape the result takes, in 8 bits. Without it: BT.709 or BT.601
            by size.
        codec: h264 (High profile), hevc, vp9, or ffv1 (RGB, without loss, .mkv only).
        quality: CRF, 0 (best) to 51; ffv1 ignores it.
        audio: the sound; it may be longer or shorter than the pictures.
        metadata: the container's tags. Those that MP4 has no place for are kept under their own names.

    Raises:
        OutputError: the file exists (without `overwrite`), cannot be written, the disk is full, or no frame came.
        ConfigError: codec, suffix and quality do not go together.
    """

    def __init__(
        self,
        path: Path,
        width: int,
        height: int,
        fps: Fraction,
        *,
        like: VideoInfo | None = None,
        codec: Codec = "h264",
        quality: int = QUALITY,
        audio: Waveform | None = None,
        metadata: Mapping[str, str] | None = None,
        overwrite: bool = False,
    ) -> None:
        if width < 1 or height < 1 or fps <= 0:
            raise ValueError(f"a video of {width} x {height} pixels at {fps} frames a second")
        check_format(path, codec, quality)
        self.path, self.width, self.height, self.fps = path, width, height, Fraction(fps)
        self._like, self._codec, self._quality = like, codec, quality
        self._audio, self._metadata, self._overwrite = audio, dict(metadata or {}), overwrite
        self._pictures: PictureEncoder | None = None
        self._sound: _Sound | None = None
        self._timed = False
        self._count = 0
        self._last = -1
        self._exit = contextlib.ExitStack()

    def __enter__(self) -> "VideoWriter":
        with contextlib.ExitStack() as stack:
            temporary = stack.enter_context(atomic_path(self.path, overwrite=self._overwrite))
            with self._errors():
                self._container = av.open(str(temporary), "w", container_options=self._options())
            self._container.metadata.update(self._metadata)
            self._exit = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._exit:
            if error is not None:
                with contextlib.suppress(av.FFmpegError, OSError):
                    self._container.close()
                raise error
            try:
                self._finish()
            except BaseException:
                with contextlib.suppress(av.FFmpegError, OSError):
                    self._container.close()
                raise

    def write(self, image: UInt8[np.ndarray, "h w 3"], time: float | int | None = None) -> None:
        """Add the next frame, at `time` seconds (rising; all frames have one or none has), or after the last.

        Raises:
            OutputError: as the class.
            ValueError: another size than the video's, or times for only some of the frames.
        """
        if image.shape != (self.height, self.width, 3):
            raise ValueError(f"a frame of shape {image.shape} in a video of {self.width} x {self.height}")
        if self._pictures is None:
            self._start(timed=time is not None)
        if self._timed != (time is not None):
            raise ValueError("either every frame comes with its time, or none")
        assert self._pictures is not None
        if time is None:
            stamp, length = self._count, 1
        else:
            stamp, length = round(time / FINE_TIME_BASE), round(1 / self.fps / FINE_TIME_BASE)
        if stamp <= self._last:
            raise ValueError(f"frame {self._count} at {time} s does not come after the one before")
        self._count, self._last = self._count + 1, stamp
        with self._errors():
            frame = self._pictures.frame(image, stamp, length)
            self._container.mux(self._pictures.stream.encode(frame))
            if self._sound is not None:
                shown = stamp * self._pictures.stream.codec_context.time_base
                for packets in self._sound.until(float(shown) + SOUND_AHEAD):
                    self._container.mux(packets)

    def _start(self, *, timed: bool) -> None:
        self._timed = timed
        base = FINE_TIME_BASE if timed else 1 / self.fps
        with self._errors():
            self._pictures = PictureEncoder(
                self._container, self.width, self.height, self.fps, base, self._codec, self._quality, self._like
            )
            if self._audio is not None and len(self._audio.samples):
                self._sound = _Sound(self._container, self._audio, opus=self.path.suffix.lower() == ".webm")

    def _finish(self) -> None:
        if self._pictures is None:
            raise OutputError(f"{self.path} would have no frames, so it was not written; check the input's length")
        with self._errors():
            self._container.mux(self._pictures.stream.encode(None))
            if self._sound is not None:
                for packets in self._sound.until(None):
                    self._container.mux(packets)
            self._container.close()

    def _options(self) -> dict[str, str]:
        if self.path.suffix.lower() not in (".mp4", ".mov"):
            return {}
        own = "" if set(self._metadata) <= _MP4_KEYS else "+use_metadata_tags"
        return {"movflags": f"+faststart{own}"}

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        """FFmpeg's errors as one line."""
        try:
            yield
        except av.FFmpegError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                words = f"the disk is full while writing {self.path}; free some space and run again"
                raise OutputError(words) from error
            words = (error.strerror or str(error)).lower()
            advice = "choose another folder" if isinstance(error, OSError) else "try another codec or size"
            raise OutputError(f"{self.path} cannot be written ({words}); {advice}") from error


class _Sound:
    """The sound track: resampled and encoded piece by piece, just ahead of the pictures."""

    def __init__(self, container: "av.container.OutputContainer", audio: Waveform, *, opus: bool) -> None:
        stream = container.add_stream("libopus" if opus else "aac", rate=OUTPUT_SAMPLE_RATE, layout="mono")
        assert isinstance(stream, av.AudioStream)
        stream.bit_rate = SOUND_BITS
        self._stream = stream
        self._format = "flt" if opus else "fltp"
        self._audio = audio
        self._resampler = (
            None
            if audio.sample_rate == OUTPUT_SAMPLE_RATE
            else soxr.ResampleStream(audio.sample_rate, OUTPUT_SAMPLE_RATE, 1, dtype="float32", quality="VHQ")
        )
        self._read = 0
        self._sent = 0
        self._flushed = False

    def until(self, time: float | None) -> Iterator[list["av.Packet[Any]"]]:
        """Packets up to `time` seconds; None: all that is left."""
        while self._read < len(self._audio.samples) and (time is None or self._sent < time * OUTPUT_SAMPLE_RATE):
            yield self._encode(self._next())
        if self._read >= len(self._audio.samples) and time is None and not self._flushed:
            self._flushed = True
            yield list(self._stream.encode(None))

    def _next(self) -> np.ndarray:
        samples = self._audio.samples[self._read : self._read + _SOUND_CHUNK]
        self._read += len(samples)
        if self._resampler is not None:
            samples = self._resampler.resample_chunk(samples, last=self._read >= len(self._audio.samples))
        return np.clip(samples, -1, 1).astype(np.float32)

    def _encode(self, samples: np.ndarray) -> list["av.Packet[Any]"]:
        if not len(samples):
            return []
        frame = av.AudioFrame.from_ndarray(samples[None], format=self._format, layout="mono")
        frame.sample_rate = OUTPUT_SAMPLE_RATE
        frame.time_base = Fraction(1, OUTPUT_SAMPLE_RATE)
        frame.pts = self._sent
        self._sent += len(samples)
        return list(self._stream.encode(frame))
