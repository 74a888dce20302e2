"""The reference's long-term spectrum: voice, microphone and room together, as one gentle equaliser."""

from typing import Final

import numpy as np
from jaxtyping import Float64

from synclips.media.audio import Waveform
from synclips.speech.conversion.world import envelope_of

_WINDOW: Final = 1024
_SMOOTHING: Final = 3.0
"""Standard deviation in bins of 16 Hz: the first harmonics stay apart, which the ear and the embedding both hear."""
LARGEST: Final = 9.0
"""dB by which a band may change."""
SHARE: Final = 0.5


def equalised(speech: Waveform, reference: Waveform, share: float = SHARE) -> Waveform:
    """`speech` filtered so that `share` of its difference in long-term spectrum from `reference` goes, by at most 9 dB.

    Both at the same rate. Shorter than 0.25 s, either of them, or silent: unchanged.
    """
    if min(len(speech.samples), len(reference.samples)) < speech.sample_rate // 4:
        return speech
    present, wanted = long_term_spectrum(speech), long_term_spectrum(reference)
    if present is None or wanted is None:
        return speech
    gain = share * np.clip(10 * np.log10((wanted + 1e-9) / (present + 1e-9)), -LARGEST, LARGEST)
    return with_gain(speech, gain)


def coloured(speech: Waveform, cepstra: Float64[np.ndarray, "40"]) -> Waveform:
    """`speech` (16 kHz) with the same mel-cepstra added to every frame; zeros leave it as it is."""
    if not cepstra.any():
        return speech
    return with_gain(speech, 10 / np.log(10) * envelope_of(cepstra[None])[0])


def with_gain(speech: Waveform, gain: Float64[np.ndarray, "513"]) -> Waveform:
    """Filtered by a gain in dB at 513 frequencies from 0 to the highest; nothing is delayed."""
    count = len(speech.samples)
    size = 1 << (count + 2 * _WINDOW - 1).bit_length()
    fine = np.interp(np.linspace(0, 1, size // 2 + 1), np.linspace(0, 1, len(gain)), gain)
    samples = np.fft.irfft(np.fft.rfft(speech.samples, size) * 10 ** (fine / 20), size)[:count]
    return Waveform(samples.astype(np.float32), speech.sample_rate)


def long_term_spectrum(waveform: Waveform) -> Float64[np.ndarray, "513"] | None:
    """Mean power spectrum, smoothed, with a sum of 1; loud parts count most. None for silence."""
    from scipy.ndimage import gaussian_filter1d

    samples = waveform.samples.astype(np.float64)
    padded = np.pad(samples, (0, max(0, _WINDOW - len(samples))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[:: _WINDOW // 4]
    power = (np.abs(np.fft.rfft(frames * np.hanning(_WINDOW), axis=1)) ** 2).mean(axis=0)
    total = power.sum()
    return np.asarray(gaussian_filter1d(power / total, _SMOOTHING)) if total > 1e-12 else None
