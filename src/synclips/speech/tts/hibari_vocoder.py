"""The vocoder of hibari: five spectra and a pitch curve to sound at 24 kHz.

A pulse train at F0 is filtered by the harmonic spectrum (magnitude and phase), noise by a second one, a third with its
own phase is added, and one inverse short-time Fourier transform makes the sound:

    S = exp(harmonic) e^(i pi tanh(phase)) STFT(pulses(F0)) + exp(noise) Z + exp(free) e^(i free_phase)

with Z complex Gaussian noise. As the package `hibari-tts` 0.2.1 (Apache-2.0) does it.
"""

from typing import Final

import numpy as np
from jaxtyping import Complex64, Float32

SAMPLE_RATE: Final = 24_000
HOP: Final = 300
STEP: Final = 2
"""Frames (12.5 ms) of one step of duration."""
_SIZE: Final = 4 * HOP
BINS: Final = _SIZE // 2 + 1
SPECTRA: Final = ("harmonic", "phase", "noise", "free", "free_phase")
"""Log amplitudes, except for the phases: in half turns before a tanh, and in radians."""
_WINDOW: Final = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_SIZE) / _SIZE)).astype(np.float32)
LEAST_F0: Final = 40.0
"""Hz under which a frame is unvoiced."""
_HIGHEST_HARMONIC: Final = 11_000.0
_LARGEST: Final = 7.0


def vocode(
    spectra: Float32[np.ndarray, "spectra frames bins"], f0: Float32[np.ndarray, " frames"], seed: int = 0
) -> Float32[np.ndarray, " samples"]:
    """`frames` times 300 samples of sound; `seed` is that of the noise."""
    from scipy.fft import irfft, rfft

    harmonic, phase, noise, free, free_phase = spectra
    pulses = np.pad(pulse_train(f0), _SIZE // 2, mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(pulses, _SIZE)[::HOP][: len(f0)]
    sound = rfft(windows * (_WINDOW / HOP), axis=1) * _polar(harmonic, np.pi * np.tanh(phase))
    shape = (*noise.shape, 2)
    gaussian = np.random.default_rng(seed).standard_normal(shape, np.float32).view(np.complex64)[..., 0]
    sound += np.exp(np.minimum(noise, _LARGEST)) * gaussian
    sound += _polar(free, free_phase)
    return _overlap_added(irfft(sound, axis=1) * _WINDOW)


def _polar(
    log_amplitude: Float32[np.ndarray, "t b"], angle: Float32[np.ndarray, "t b"]
) -> Complex64[np.ndarray, "t b"]:
    amplitude = np.exp(np.minimum(log_amplitude, _LARGEST))
    return np.asarray(amplitude * np.cos(angle) + 1j * (amplitude * np.sin(angle)), np.complex64)


def _overlap_added(windows: Float32[np.ndarray, "t size"]) -> Float32[np.ndarray, " samples"]:
    """Windows of four hops laid over each other, divided by the sum of the squared window functions."""
    count, overlap = len(windows), _SIZE // HOP
    samples, weight = (np.zeros((count + overlap - 1, HOP), np.float32) for _ in range(2))
    parts, squares = windows.reshape(count, overlap, HOP), (_WINDOW**2).reshape(overlap, HOP)
    for part in range(overlap):
        samples[part : part + count] += parts[:, part]
        weight[part : part + count] += squares[part]
    whole = (samples / np.maximum(weight, 1e-11)).reshape(-1)
    return whole[_SIZE // 2 : _SIZE // 2 + count * HOP]


def pulse_train(f0: Float32[np.ndarray, " frames"]) -> Float32[np.ndarray, " samples"]:
    """All harmonics up to 11 kHz at amplitude 1, zero where unvoiced.

    sum of cos(h x) for h = 1..H is sin((H + 1/2) x) / (2 sin(x / 2)) - 1/2 (Dirichlet's kernel).
    """
    centres = (np.arange(len(f0)) + 0.5) * HOP
    pitch = np.interp(np.arange(len(f0) * HOP) + 0.5, centres, f0)
    voiced, pitch = pitch > LEAST_F0, np.maximum(pitch, LEAST_F0)
    angle = 2 * np.pi * np.modf(np.cumsum(pitch / SAMPLE_RATE))[0]
    harmonics = np.floor(_HIGHEST_HARMONIC / pitch) + 0.5
    below = 2 * np.sin(angle / 2)
    at_pulse = np.abs(below) <= 2e-3
    ratio = np.sin(harmonics * angle) / np.where(at_pulse, 1, below)
    return np.where(voiced, np.where(at_pulse, harmonics, ratio) - 0.5, 0).astype(np.float32)
