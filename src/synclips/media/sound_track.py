"""The sound track of a video that is being written: resampled and encoded piece by piece."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Final

import av
import numpy as np
import soxr

from synclips.media.audio import Waveform
from synclips.media.timebase import OUTPUT_SAMPLE_RATE

SOUND_BITS: Final = 192_000
_CHUNK: Final = 16_384


class SoundTrack:
    """Adds a mono track at 48 kHz to `container`: AAC, or Opus if `opus`. Copies no more than a piece at a time.

    `duration`: seconds that the sound is cut, or filled with silence, to; None leaves it as long as it is.
    """

    def __init__(
        self, container: "av.container.OutputContainer", audio: Waveform, *, opus: bool, duration: float | None = None
    ) -> None:
        stream = container.add_stream("libopus" if opus else "aac", rate=OUTPUT_SAMPLE_RATE, layout="mono")
        assert isinstance(stream, av.AudioStream)
        stream.bit_rate = SOUND_BITS
        self._stream = stream
        self._format = "flt" if opus else "fltp"
        self._audio = audio
        self._total = len(audio.samples) if duration is None else round(duration * audio.sample_rate)
        self._resampler = (
            None
            if audio.sample_rate == OUTPUT_SAMPLE_RATE
            else soxr.ResampleStream(audio.sample_rate, OUTPUT_SAMPLE_RATE, 1, dtype="float32", quality="VHQ")
        )
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

    def _next(self) -> np.ndarray:
        count = min(_CHUNK, self._total - self._read)
        samples = np.zeros(count, np.float32)
        present = self._audio.samples[self._read : self._read + count]
        samples[: len(present)] = present
        self._read += count
        if self._resampler is not None:
            samples = self._resampler.resample_chunk(samples, last=self._read >= self._total)
        return np.clip(samples, -1, 1).astype(np.float32)

    def _encode(self, samples: np.ndarray) -> "list[av.Packet[Any]]":
        if not len(samples):
            return []
        frame = av.AudioFrame.from_ndarray(samples[None], format=self._format, layout="mono")
        frame.sample_rate = OUTPUT_SAMPLE_RATE
        frame.time_base = Fraction(1, OUTPUT_SAMPLE_RATE)
        frame.pts = self._sent
        self._sent += len(samples)
        return list(self._stream.encode(frame))
