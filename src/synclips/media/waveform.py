"""Mono sound as a value: resample, set the loudness, write."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import soxr
from jaxtyping import Float32, Float64

from synclips.files import atomic_path, media_path
from synclips.mapped_files import parts
from synclips.media.k_weighting import KWeighting

LOUDNESS = -23.0
"""Programme loudness in LUFS that clips are normalised to (EBU R 128)."""
PEAK = 10 ** (-1 / 20)
"""Largest sample magnitude that `normalise_loudness` leaves (-1 dBFS)."""
_BLOCK = 1 << 20
"""Samples that are looked at together."""


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
    rate = waveform.sample_rate
    weighting = KWeighting(rate)
    edges = (np.arange(round((waveform.duration - 0.4) / 0.1) + 5) * 0.1 * rate).astype(int)
    energies = []
    for part in parts(len(edges) - 1, 600, round(0.1 * rate) * 4):
        some = edges[part.start : part.start + 601]
        samples = weighting.next(np.asarray(waveform.samples[some[0] : some[-1]], np.float64))
        places = np.minimum(some[:-1] - some[0], len(samples))
        energies.append(np.add.reduceat(np.append(samples**2, 0.0), places))
    return np.concatenate(energies)


def loudness_gain(waveform: Waveform, target: float = LOUDNESS) -> float:
    """The factor that brings it to `target` LUFS, or less where the peak would pass -1 dBFS; 1 for silence."""
    present = loudness(waveform)
    if not np.isfinite(present):
        return 1.0
    peak = 0.0
    for part in parts(len(waveform.samples), _BLOCK, 4):
        peak = max(peak, float(np.abs(waveform.samples[part]).max()))
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
    with (
        atomic_path(Path(path), overwrite=overwrite) as temporary,
        av.open(media_path(temporary), "w", format="wav") as container,
    ):
        stream = container.add_stream("pcm_s16le", rate=waveform.sample_rate, layout="mono")
        pcm = np.round(np.clip(waveform.samples, -1, 1) * 32767).astype(np.int16)[None]
        frame = av.AudioFrame.from_ndarray(pcm, format="s16", layout="mono")
        frame.sample_rate = waveform.sample_rate
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
