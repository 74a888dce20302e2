"""Sound as values: read, resample, set the loudness, write."""

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
import soxr
from jaxtyping import Float32, Float64

from synclips.errors import MediaError
from synclips.files import atomic_path
from synclips.media.timebase import SAMPLE_RATE

LOUDNESS = -23.0
"""Programme loudness in LUFS that clips are normalised to (EBU R 128)."""
PEAK = 10 ** (-1 / 20)
"""Largest sample magnitude that `normalise_loudness` leaves (-1 dBFS)."""
_IN_MEMORY: Final = 8 << 20
"""Bytes of sound from which it goes into a file: two minutes at 16 kHz."""


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
        if len(samples) == count:
            return Waveform(samples, self.sample_rate)
        return Waveform(np.pad(samples, (0, count - len(samples))), self.sample_rate)


def read_audio(path: Path | str, sample_rate: int = SAMPLE_RATE, *, stop: float | None = None) -> Waveform:
    """Read the first sound track of any file FFmpeg knows, as mono at `sample_rate`.

    The sound is placed on the file's own clock: if the track starts after the video, silence is put before it;
    if before, the surplus is cut. Sample 0 is therefore the moment of the first video frame. `stop`: seconds after
    which no more is read. Long sound lies in a temporary file that is mapped, not in memory.

    Raises:
        MediaError: no such file, not a media file, damaged, or without sound.
    """
    path = Path(path)
    if not path.is_file():
        raise MediaError(f"no such file: {path}" if not path.exists() else f"{path} is a folder; name a file")
    most = None if stop is None else round(stop * sample_rate)
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY, prefix="synclips-") as spool:
        count, decoded = 0, False
        try:
            for part in _placed(path, sample_rate):
                decoded = True
                kept = part if most is None else part[: most - count]
                spool.write(np.clip(kept, -1, 1).astype(np.float32).tobytes())
                count += len(kept)
                if most is not None and count >= most:
                    break
        except av.FFmpegError as error:
            if not decoded:
                raise MediaError(f"{path} cannot be read as sound: {_words(error)}") from error
        if not decoded:
            raise MediaError(f"{path} has a sound track without any sound in it")
        return Waveform(_mapped(spool, count), sample_rate)


def _placed(path: Path, sample_rate: int) -> Iterator[Float32[np.ndarray, " n"]]:
    """The first track, piece by piece; what comes before the first video frame is left out, a late start filled."""
    with av.open(str(path)) as container:
        if not container.streams.audio:
            raise MediaError(f"{path} has no sound track")
        origin = _start_of_video(container)
        resampler = av.AudioResampler(format="flt", layout="mono", rate=sample_rate)
        surplus: int | None = None
        frames: Iterator[av.AudioFrame | None] = chain(container.decode(audio=0), [None])
        for frame in frames:
            if surplus is None:
                surplus = round((origin - _start_of(frame)) * sample_rate)
                if surplus < 0 and frame is not None:
                    yield np.zeros(-surplus, np.float32)
            for part in resampler.resample(frame):
                samples = part.to_ndarray()[0]
                yield samples[max(surplus, 0) :]
                surplus -= len(samples)


def _start_of(frame: av.AudioFrame | None) -> float:
    if frame is None or frame.pts is None or frame.time_base is None:
        return 0.0
    return float(frame.pts * frame.time_base)


def _mapped(spool: "tempfile.SpooledTemporaryFile[bytes]", count: int) -> Float32[np.ndarray, " n"]:
    """What was written, as an array; what is mapped outlives the file object."""
    if count * 4 <= _IN_MEMORY:
        spool.seek(0)
        return np.frombuffer(bytearray(spool.read()), np.float32)
    spool.flush()
    with os.fdopen(os.dup(spool.fileno()), "r+b") as file:
        return np.memmap(file, np.float32, "r+", shape=(count,))


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
    tenths = _tenths(waveform)
    blocks = np.convolve(tenths, np.ones(4), "valid") / (0.4 * waveform.sample_rate)
    loud = blocks[_lufs(blocks) >= -70]
    if len(loud) == 0:
        return float("-inf")
    return float(_lufs(loud[_lufs(loud) > _lufs(loud.mean()) - 10].mean()))


def _lufs(power: Any) -> Any:
    with np.errstate(divide="ignore"):
        return -0.691 + 10 * np.log10(power)


def _tenths(waveform: Waveform) -> Float64[np.ndarray, " n"]:
    """Energy of each tenth of a second after K-weighting, a minute at a time."""
    import pyloudnorm  # it imports scipy.signal, which takes a second
    from scipy.signal import lfilter

    rate = waveform.sample_rate
    filters = list(pyloudnorm.Meter(rate)._filters.values())
    states = [np.zeros(max(len(f.a), len(f.b)) - 1) for f in filters]
    edges = (np.arange(round((waveform.duration - 0.4) / 0.1) + 5) * 0.1 * rate).astype(int)
    energies = []
    for first in range(0, len(edges) - 1, 600):
        some = edges[first : first + 601]
        samples = np.asarray(waveform.samples[some[0] : some[-1]], np.float64)
        for number, stage in enumerate(filters):
            samples, states[number] = lfilter(stage.b, stage.a, samples, zi=states[number])
            samples *= stage.passband_gain
        places = np.minimum(some[:-1] - some[0], len(samples))
        energies.append(np.add.reduceat(np.append(samples**2, 0.0), places))
    return np.concatenate(energies)


def loudness_gain(waveform: Waveform, target: float = LOUDNESS) -> float:
    """The factor that brings it to `target` LUFS, or less where the peak would pass -1 dBFS; 1 for silence."""
    present = loudness(waveform)
    if not np.isfinite(present):
        return 1.0
    peak = max(abs(float(waveform.samples.max())), abs(float(waveform.samples.min())))
    return min(10 ** ((target - present) / 20), PEAK / peak)


def normalise_loudness(waveform: Waveform, target: float = LOUDNESS) -> Waveform:
    """Scale by `loudness_gain`; silence is returned unchanged."""
    gain = loudness_gain(waveform, target)
    return waveform if gain == 1 else Waveform((waveform.samples * gain).astype(np.float32), waveform.sample_rate)


def write_wav(path: Path | str, waveform: Waveform, *, overwrite: bool = True) -> None:
    """Write 16-bit PCM.

    Raises:
        OutputError: as `atomic_path`.
    """
    target = atomic_path(Path(path), overwrite=overwrite)
    with target as temporary, av.open(str(temporary), "w", format="wav") as container:
        stream = container.add_stream("pcm_s16le", rate=waveform.sample_rate, layout="mono")
        pcm = np.round(np.clip(waveform.samples, -1, 1) * 32767).astype(np.int16)[None]
        frame = av.AudioFrame.from_ndarray(pcm, format="s16", layout="mono")
        frame.sample_rate = waveform.sample_rate
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
