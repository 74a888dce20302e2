"""Sound as values: read, resample, set the loudness, write."""

from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pyloudnorm
import soxr
from jaxtyping import Float32

from synclips.errors import MediaError
from synclips.files import atomic_path
from synclips.media.timebase import SAMPLE_RATE

LOUDNESS = -23.0
"""Programme loudness in LUFS that clips are normalised to (EBU R 128)."""
PEAK = 10 ** (-1 / 20)
"""Largest sample magnitude that `normalise_loudness` leaves (-1 dBFS)."""


@dataclass(frozen=True)
class Waveform:
    """Mono sound: float32 samples in [-1, 1] and their rate in Hz."""

    samples: Float32[np.ndarray, " n"]
    sample_rate: int

    def __post_init__(self) -> None:
        if self.samples.ndim != 1 or self.samples.dtype != np.float32:
            raise ValueError(f"a Waveform is mono float32, not {self.samples.dtype} of shape {self.samples.shape}")
        if self.sample_rate <= 0:
            raise ValueError(f"sample rate {self.sample_rate} Hz")

    @property
    def duration(self) -> float:
        """Seconds."""
        return len(self.samples) / self.sample_rate

    def resampled(self, sample_rate: int) -> "Waveform":
        """The same sound at another rate (soxr, very high quality); itself if it has that rate already."""
        if sample_rate == self.sample_rate:
            return self
        samples = soxr.resample(self.samples, self.sample_rate, sample_rate, quality="VHQ")
        return Waveform(samples.astype(np.float32), sample_rate)

    def padded(self, count: int) -> "Waveform":
        """Cut, or filled with silence at its end, to `count` samples."""
        samples = self.samples[:count]
        return Waveform(np.pad(samples, (0, count - len(samples))), self.sample_rate)


def read_audio(path: Path, sample_rate: int = SAMPLE_RATE) -> Waveform:
    """Read the first sound track of any file FFmpeg knows, as mono at `sample_rate`.

    The sound is placed on the file's own clock: if the track starts after the video, silence is put before it;
    if before, the surplus is cut. Sample 0 is therefore the moment of the first video frame.

    Raises:
        MediaError: no such file, not a media file, damaged, or without sound.
    """
    if not path.is_file():
        raise MediaError(f"no such file: {path}" if not path.exists() else f"{path} is a folder; name a file")
    chunks: list[np.ndarray] = []
    start: float | None = None
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise MediaError(f"{path} has no sound track")
            origin = _start_of_video(container)
            resampler = av.AudioResampler(format="flt", layout="mono", rate=sample_rate)
            for frame in container.decode(audio=0):
                if start is None:
                    start = float(frame.pts * frame.time_base) if frame.pts is not None and frame.time_base else 0.0
                chunks += [part.to_ndarray()[0] for part in resampler.resample(frame)]
            chunks += [part.to_ndarray()[0] for part in resampler.resample(None)]
    except av.FFmpegError as error:
        if not chunks:
            raise MediaError(f"{path} cannot be read as sound: {_words(error)}") from error
    if not chunks:
        raise MediaError(f"{path} has a sound track without any sound in it")
    samples = np.concatenate(chunks).astype(np.float32)
    lead = round(((start or 0.0) - origin) * sample_rate)
    samples = np.pad(samples, (lead, 0)) if lead > 0 else samples[-lead:] if lead < 0 else samples
    return Waveform(np.clip(samples, -1, 1), sample_rate)


def _start_of_video(container: "av.container.InputContainer") -> float:
    if not container.streams.video:
        return 0.0
    stream = container.streams.video[0]
    if stream.start_time is None or stream.time_base is None:
        return 0.0
    return float(stream.start_time * stream.time_base)


def _words(error: av.FFmpegError) -> str:
    return (error.strerror or str(error)).lower()


def loudness(waveform: Waveform) -> float:
    """Integrated loudness in LUFS (ITU-R BS.1770-4); -inf for silence or less than 0.4 s."""
    if waveform.duration < 0.4:
        return float("-inf")
    return float(pyloudnorm.Meter(waveform.sample_rate).integrated_loudness(waveform.samples.astype(np.float64)))


def normalise_loudness(waveform: Waveform, target: float = LOUDNESS) -> Waveform:
    """Scale to `target` LUFS, or less where the peak would pass -1 dBFS; silence is returned unchanged."""
    present = loudness(waveform)
    if not np.isfinite(present):
        return waveform
    peak = float(np.abs(waveform.samples).max())
    gain = min(10 ** ((target - present) / 20), PEAK / peak)
    return Waveform((waveform.samples * gain).astype(np.float32), waveform.sample_rate)


def write_wav(path: Path, waveform: Waveform, *, overwrite: bool = True) -> None:
    """Write 16-bit PCM.

    Raises:
        OutputError: as `atomic_path`.
    """
    with atomic_path(path, overwrite=overwrite) as temporary, av.open(str(temporary), "w", format="wav") as container:
        stream = container.add_stream("pcm_s16le", rate=waveform.sample_rate, layout="mono")
        pcm = np.round(np.clip(waveform.samples, -1, 1) * 32767).astype(np.int16)[None]
        frame = av.AudioFrame.from_ndarray(pcm, format="s16", layout="mono")
        frame.sample_rate = waveform.sample_rate
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
