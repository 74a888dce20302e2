"""MFCC: what the networks hear. Pitch is gone from them, which helps across voices.

Davis and Mermelstein, "Comparison of parametric representations for monosyllabic word recognition", IEEE TASSP 28(4),
1980; mel scale and filters as in Slaney's Auditory Toolbox. Equal to librosa 0.11's `feature.mfcc` on the logarithm of
its power mel spectrogram (n_fft 400, hop 160, 40 mels from 50 to 7600 Hz), as tests/features/test_mfcc.py checks.
"""

from functools import cache, lru_cache

import numpy as np
from jaxtyping import Float32, Float64

from synclips.media.audio import Waveform
from synclips.media.timebase import HOP, SAMPLE_RATE, STEPS_PER_FRAME, WINDOW

N_MFCC = 13
N_FEATURES = 3 * N_MFCC
"""MFCC with their first and second differences."""
N_MELS = 40
MEL_RANGE = (50.0, 7600.0)
FLOOR = 1e-6

SPREAD = np.array([60, 25, 20, 18, 15, 14, 13, 12, 11, 10, 10, 9, 9], np.float32)
"""Typical standard deviation of each coefficient in speech; dividing by it brings all to one scale."""


def mfcc(waveform: Waveform, frames: int, *, warp: float = 1.0) -> Float32[np.ndarray, "steps 13"]:
    """Mel-frequency cepstral coefficients, 4 steps for each of `frames` video frames.

    Step k is the 25 ms window centred on sample 160 k; silence lies before and after the waveform. `warp` stretches the
    filters' frequencies, as another speaker's vocal tract would (Jaitly and Hinton, "Vocal tract length perturbation
    improves speech recognition", 2013).

    Raises:
        ValueError: the waveform is not at 16 kHz.
    """
    if waveform.sample_rate != SAMPLE_RATE:
        raise ValueError(f"MFCC are defined at {SAMPLE_RATE} Hz, not {waveform.sample_rate}")
    steps = frames * STEPS_PER_FRAME
    needed = (steps - 1) * HOP + WINDOW
    samples = np.pad(waveform.samples, (WINDOW // 2, WINDOW))[:needed]
    samples = np.pad(samples, (0, needed - len(samples)))
    windows = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP]
    power = np.abs(np.fft.rfft(windows * _hann(), axis=1)) ** 2
    log_mel = np.log(power @ _mel_filters(warp).T + FLOOR)
    from scipy.fft import dct

    return dct(log_mel, axis=1, norm="ortho")[:, :N_MFCC].astype(np.float32)


def audio_features(
    coefficients: Float32[np.ndarray, "steps 13"], mean: Float32[np.ndarray, " 13"] | None = None
) -> Float32[np.ndarray, "steps 39"]:
    """What the networks take: MFCC less their mean over the utterance, scaled, with first and second differences.

    `mean` replaces the utterance's own where the coefficients are a part of a longer one.
    """
    centre = coefficients.mean(axis=0) if mean is None else mean
    static = (coefficients - centre) / SPREAD
    if len(static) < 2:
        return np.concatenate([static, np.zeros_like(static), np.zeros_like(static)], axis=1)
    first = np.gradient(static, axis=0) * 2
    second = np.gradient(first, axis=0) * 2
    return np.concatenate([static, first, second], axis=1).astype(np.float32)


@cache
def _hann() -> Float64[np.ndarray, " window"]:
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)


def _hz_to_mel(hz: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
    linear = hz * 3 / 200
    return np.where(hz < 1000, linear, 15 + 27 * np.log(np.maximum(hz, 1000) / 1000) / np.log(6.4))


def _mel_to_hz(mel: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
    return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp((np.maximum(mel, 15) - 15) * np.log(6.4) / 27))


@lru_cache(64)
def _mel_filters(warp: float) -> Float64[np.ndarray, "mels bins"]:
    low, high = _hz_to_mel(np.array(MEL_RANGE))
    edges = _mel_to_hz(np.linspace(low, high, N_MELS + 2)) * warp
    bins = np.fft.rfftfreq(WINDOW, 1 / SAMPLE_RATE)
    rising = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    return np.maximum(0, np.minimum(rising, falling)) * (2 / (edges[2:] - edges[:-2]))[:, None]
