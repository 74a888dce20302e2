"""Mel spectra on the networks' clock: 25 ms windows, 10 ms apart, step k centred on sample 160 k."""

from functools import cache, lru_cache

import numpy as np
from jaxtyping import Float32, Float64

from synclips.media.timebase import HOP, SAMPLE_RATE, WINDOW


def mel_spectrum(
    samples: Float32[np.ndarray, " n"], steps: int, mels: int, limits: tuple[float, float], warp: float = 1.0
) -> Float64[np.ndarray, "steps mels"]:
    """Power in `mels` bands between `limits` (Hz) of `steps` windows of 16 kHz samples; silence lies on either side.

    Mel scale and triangular filters of equal area as in Slaney's Auditory Toolbox (librosa's default). `warp` stretches
    the filters' frequencies.
    """
    needed = (steps - 1) * HOP + WINDOW
    padded = np.pad(samples, (WINDOW // 2, WINDOW))[:needed]
    padded = np.pad(padded, (0, needed - len(padded)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    power = np.abs(np.fft.rfft(windows * _hann(), axis=1)) ** 2
    return power @ _filters(mels, limits, warp).T


@cache
def _hann() -> Float64[np.ndarray, " window"]:
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)


def _hz_to_mel(hz: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
    linear = hz * 3 / 200
    return np.where(hz < 1000, linear, 15 + 27 * np.log(np.maximum(hz, 1000) / 1000) / np.log(6.4))


def _mel_to_hz(mel: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
    return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp((np.maximum(mel, 15) - 15) * np.log(6.4) / 27))


@lru_cache(128)
def _filters(mels: int, limits: tuple[float, float], warp: float) -> Float64[np.ndarray, "mels bins"]:
    low, high = _hz_to_mel(np.array(limits))
    edges = _mel_to_hz(np.linspace(low, high, mels + 2)) * warp
    bins = np.fft.rfftfreq(WINDOW, 1 / SAMPLE_RATE)
    rising = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    return np.maximum(0, np.minimum(rising, falling)) * (2 / (edges[2:] - edges[:-2]))[:, None]
