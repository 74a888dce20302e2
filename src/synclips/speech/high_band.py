"""What lies above 8 kHz, for speech that was made at 16 kHz: noise that follows the speech's own upper band.

The person's recording tells how loud the bands above 8 kHz are beside the one from 4 to 8 kHz (spectral band
replication with a noise excitation; Dietz et al., AES convention paper 5553, 2002).
"""

from typing import Final

import numpy as np

from synclips.media.audio import Waveform

FROM: Final = 7600.0
"""Hz where the band begins: soxr's slope at 16 kHz ends there."""
_SIZE: Final = 0.02
"""Seconds of a window."""
_LOWEST: Final = 4000.0
_SEED: Final = 0
_LARGEST: Final = 10 ** (0 / 20)
"""The band above is nowhere louder than the one below it."""


def with_high_band(speech: Waveform, rate: int, like: Waveform) -> Waveform:
    """`speech` (16 kHz) at `rate`, with a band above 8 kHz as `like` (speech at `rate`) has it."""
    made = speech.resampled(rate)
    if rate <= 2 * FROM * 1.15 or len(made.samples) == 0:
        return made
    size = 2 * round(_SIZE * rate / 2)
    if min(len(like.samples), len(made.samples)) < 2 * size:
        return made
    hertz = np.fft.rfftfreq(size, 1 / rate)
    lower, upper = (hertz >= _LOWEST) & (hertz < FROM), hertz >= FROM
    theirs = np.abs(_spectra(like.samples, size)) ** 2
    level = theirs[:, lower].sum(axis=1)
    loud = level > np.percentile(level, 80)  # sibilants: where the upper band is heard at all
    ratio = theirs[loud][:, upper].mean(axis=0) / max(float(theirs[loud][:, lower].sum(axis=1).mean()), 1e-12)
    if ratio.sum() < 1e-4:
        return made
    spectra = _spectra(made.samples, size)
    level = (np.abs(spectra[:, lower]) ** 2).sum(axis=1, keepdims=True)
    noise = np.random.default_rng(_SEED).standard_normal((len(spectra), int(upper.sum()), 2))
    # frames that do not cohere lose half of their power where they overlap: hence no division by 2 here
    wanted = np.sqrt(np.minimum(ratio[None], _LARGEST) * level)
    spectra[:, upper] = wanted * (noise[..., 0] + 1j * noise[..., 1])
    return Waveform(_joined(spectra, size, len(made.samples)), rate)


def _spectra(samples: np.ndarray, size: int) -> np.ndarray:
    """Spectra of sine-windowed halves of windows; `_joined` undoes it."""
    padded = np.pad(samples.astype(np.float64), (size // 2, size))
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[:: size // 2]
    return np.fft.rfft(frames * _window(size), axis=1)


def _joined(spectra: np.ndarray, size: int, count: int) -> np.ndarray:
    parts = np.fft.irfft(spectra, size, axis=1) * _window(size)
    result = np.zeros(len(parts) * size // 2 + size)
    for index, part in enumerate(parts):
        result[index * size // 2 : index * size // 2 + size] += part
    return result[size // 2 : size // 2 + count].astype(np.float32)


def _window(size: int) -> np.ndarray:
    return np.sin(np.pi * (np.arange(size) + 0.5) / size)
