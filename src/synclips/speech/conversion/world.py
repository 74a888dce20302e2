"""Speech as pitch, spectral envelope and breathiness, and back: the WORLD vocoder, and mel-cepstra of its envelopes.

Morise, Yokomori and Ozawa, "WORLD: a vocoder-based high-quality speech synthesis system for real-time applications",
IEICE Transactions E99-D(7), 2016. Everything runs at 16 kHz with 200 frames a second.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

import numpy as np
from jaxtyping import Bool, Float64

from synclips.media.audio import Waveform
from synclips.media.timebase import SAMPLE_RATE

FRAMES_PER_SECOND: Final = 200
ORDER: Final = 40
"""Mel-cepstral coefficients, the level (coefficient 0) among them."""
_BINS: Final = 513
_BANDS: Final = 80
_F0_FLOOR, _F0_CEILING = 60.0, 500.0
_ENVELOPE_FLOOR: Final = 71.0
"""Lowest pitch in Hz that CheapTrick's 1,024-point window resolves at 16 kHz."""
_SPECTRAL_RECOVERY: Final = -0.05
"""CheapTrick's q1. Its default of -.15 sharpens too much: copies of GRID clips come out .829 alike, with this .841."""
_DITHER: Final = 1e-5
"""Noise under the sound (-100 dB), so that digital silence has a spectrum."""


@dataclass(frozen=True)
class Frames:
    """Speech in WORLD's terms: `f0` in Hz (0 where unvoiced), natural logarithm of the power envelope, aperiodicity."""

    f0: Float64[np.ndarray, " n"]
    envelope: Float64[np.ndarray, "n 513"]
    aperiodicity: Float64[np.ndarray, "n 513"]

    @property
    def voiced(self) -> Bool[np.ndarray, " n"]:
        """Frames with a pitch."""
        return self.f0 > 0

    @property
    def level(self) -> Float64[np.ndarray, " n"]:
        """Power of each frame in dB (not of full scale)."""
        return 10 * np.log10(np.exp(self.envelope).mean(axis=1) + 1e-12)

    @property
    def cepstra(self) -> Float64[np.ndarray, "n 40"]:
        """Mel-cepstra of the envelope."""
        return cepstra(self.envelope)

    def strong(self) -> Bool[np.ndarray, " n"]:
        """Voiced frames that stand well above the noise and near the loudest: the ones to learn a voice from."""
        level = self.level
        floor, loud = np.percentile(level, [10, 98])
        return self.voiced & (level > max(floor + 12, loud - 25))

    def active(self) -> Bool[np.ndarray, " n"]:
        """Frames of speech, voiced or not."""
        level = self.level
        floor, loud = np.percentile(level, [10, 97])
        return np.asarray(level > max(floor + 8, loud - 42))


def analyse(waveform: Waveform, *, for_synthesis: bool = True) -> Frames:
    """WORLD analysis of `waveform` (16 kHz): DIO with dense channels, StoneMask, CheapTrick, D4C.

    Without `for_synthesis` the aperiodicity, half of the work, is left at 0.
    """
    import pyworld

    if waveform.sample_rate != SAMPLE_RATE:
        raise ValueError(f"WORLD runs at {SAMPLE_RATE} Hz here, not {waveform.sample_rate}")
    noise = np.random.default_rng(0).standard_normal(len(waveform.samples))
    samples = waveform.samples.astype(np.float64) + _DITHER * noise
    f0, times = pitch_track(samples)
    envelope = pyworld.cheaptrick(samples, f0, times, SAMPLE_RATE, q1=_SPECTRAL_RECOVERY, f0_floor=_ENVELOPE_FLOOR)
    aperiodicity = pyworld.d4c(samples, f0, times, SAMPLE_RATE) if for_synthesis else np.zeros_like(envelope)
    return Frames(f0, np.log(envelope), aperiodicity)


def with_aperiodicity(frames: Frames, waveform: Waveform) -> Frames:
    """What `analyse` without `for_synthesis` found of `waveform`, and the aperiodicity added."""
    import pyworld

    noise = np.random.default_rng(0).standard_normal(len(waveform.samples))
    samples = waveform.samples.astype(np.float64) + _DITHER * noise
    times = np.arange(len(frames.f0)) / FRAMES_PER_SECOND
    return replace(frames, aperiodicity=pyworld.d4c(samples, frames.f0, times, SAMPLE_RATE))


def filtered(waveform: Waveform, gain: Float64[np.ndarray, "n 513"]) -> Waveform:
    """`waveform` (16 kHz) with another envelope: `gain` is log power, frame by frame of its analysis.

    Windows of 64 ms every 10 ms, filtered and laid over each other (least squares, Griffin and Lim, 1984).
    """
    size, hop = 2 * (_BINS - 1), 2 * SAMPLE_RATE // FRAMES_PER_SECOND
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)
    padded = np.pad(waveform.samples.astype(np.float64), size)
    count = (len(padded) - size) // hop + 1
    parts = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop][:count] * window
    centres = (np.arange(count) * hop - size / 2) * FRAMES_PER_SECOND / SAMPLE_RATE
    factors = np.exp(gain[np.clip(np.round(centres).astype(int), 0, len(gain) - 1)] / 2)
    parts = np.fft.irfft(np.fft.rfft(parts, axis=1) * factors, axis=1) * window
    samples, weight = np.zeros(len(padded)), np.zeros(len(padded))
    for index, part in enumerate(parts):
        place = slice(index * hop, index * hop + size)
        samples[place] += part
        weight[place] += window**2
    inside = slice(size, size + len(waveform.samples))
    return Waveform((samples[inside] / weight[inside]).astype(np.float32), SAMPLE_RATE)


def pitch_track(samples: Float64[np.ndarray, " n"]) -> tuple[Float64[np.ndarray, " m"], Float64[np.ndarray, " m"]]:
    """F0 in Hz (0 where unvoiced) and the times of the frames in seconds.

    DIO with eight channels an octave and a tolerance of .2 finds nearly what Harvest finds in a tenth of the time.
    """
    import pyworld

    f0, times = pyworld.dio(
        samples, SAMPLE_RATE, f0_floor=_F0_FLOOR, f0_ceil=_F0_CEILING, channels_in_octave=8, allowed_range=0.2
    )
    return pyworld.stonemask(samples, f0, times, SAMPLE_RATE), times


def median_pitch(waveform: Waveform) -> float | None:
    """Median F0 in Hz of the voiced part of a 16 kHz waveform; None without one."""
    if len(waveform.samples) < SAMPLE_RATE // 10:
        return None
    noise = np.random.default_rng(0).standard_normal(len(waveform.samples))
    f0, _ = pitch_track(waveform.samples.astype(np.float64) + _DITHER * noise)
    return float(np.median(f0[f0 > 0])) if (f0 > 0).sum() >= 10 else None


def synthesise(frames: Frames, count: int) -> Waveform:
    """`count` samples of sound from `frames`. May exceed [-1, 1] if the frames do."""
    import pyworld

    samples = pyworld.synthesize(
        np.ascontiguousarray(frames.f0),
        np.exp(frames.envelope),
        np.ascontiguousarray(frames.aperiodicity),
        SAMPLE_RATE,
    )
    return Waveform(samples.astype(np.float32), SAMPLE_RATE).padded(count)


def cepstra(envelope: Float64[np.ndarray, "n 513"]) -> Float64[np.ndarray, "n 40"]:
    """Orthonormal DCT of the log amplitude in 80 mel-spaced points."""
    from scipy.fft import dct

    return np.asarray(dct(envelope / 2 @ _to_mel().T, axis=1, norm="ortho")[:, :ORDER])


def envelope_of(coefficients: Float64[np.ndarray, "n 40"]) -> Float64[np.ndarray, "n 513"]:
    """Log power on WORLD's bins from mel-cepstra (or a log gain from a difference of them)."""
    from scipy.fft import idct

    bands = idct(np.pad(coefficients, ((0, 0), (0, _BANDS - ORDER))), axis=1, norm="ortho")
    return np.asarray(2 * bands @ _from_mel().T)


def warped(envelope: Float64[np.ndarray, "n 513"], alpha: float) -> Float64[np.ndarray, "n 513"]:
    """The envelope with its frequency axis stretched by `alpha`: above 1 for a shorter vocal tract."""
    if alpha == 1:
        return envelope
    bins = np.arange(_BINS, dtype=np.float64)
    return envelope @ interpolation(np.minimum(bins / alpha, _BINS - 1), bins).T


def cepstral_warp(alpha: float) -> Float64[np.ndarray, "40 40"]:
    """The matrix that does to mel-cepstra what `warped` does to their envelope (`cepstra @ matrix.T`)."""
    from scipy.fft import dct, idct

    hertz = 700 * (10 ** (mel_points() / 2595) - 1)
    shift = interpolation(mel(np.clip(hertz / alpha, 0, SAMPLE_RATE / 2 - 1e-3)), mel_points())
    bands = idct(np.pad(np.eye(ORDER), ((0, 0), (0, _BANDS - ORDER))), axis=1, norm="ortho")
    return np.asarray(dct(shift @ bands.T, axis=0, norm="ortho")[:ORDER])


def interpolation(at: Float64[np.ndarray, " m"], nodes: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, "m n"]:
    """Matrix that interpolates values given at rising `nodes` linearly to the places `at`."""
    left = np.clip(np.searchsorted(nodes, at, side="right") - 1, 0, len(nodes) - 2)
    share = (at - nodes[left]) / (nodes[left + 1] - nodes[left])
    matrix = np.zeros((len(at), len(nodes)))
    rows = np.arange(len(at))
    matrix[rows, left], matrix[rows, left + 1] = 1 - share, share
    return matrix


def mel(hertz: np.ndarray) -> np.ndarray:
    """O'Shaughnessy's mel scale."""
    return np.asarray(2595 * np.log10(1 + hertz / 700))


def mel_points() -> Float64[np.ndarray, "80"]:
    """The 80 points of the cepstra on the mel scale."""
    return np.linspace(0, float(mel(np.array(SAMPLE_RATE / 2))), _BANDS)


@lru_cache(maxsize=1)
def _to_mel() -> Float64[np.ndarray, "80 513"]:
    hertz = 700 * (10 ** (mel_points() / 2595) - 1)
    return interpolation(np.minimum(hertz, SAMPLE_RATE / 2), np.linspace(0, SAMPLE_RATE / 2, _BINS))


@lru_cache(maxsize=1)
def _from_mel() -> Float64[np.ndarray, "513 80"]:
    return interpolation(mel(np.linspace(0, SAMPLE_RATE / 2, _BINS)), mel_points())
