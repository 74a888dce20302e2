"""The K-weighting of ITU-R BS.1770-4, annex 1: a high shelf for the head, and a high pass, as one linear filter.

The two second-order filters are applied as their joint impulse response, by FFT. That needs no more than numpy
(scipy.signal alone takes a second to import), and differs from their recursion by less than rounding does.
"""

from functools import cache
from typing import Final

import numpy as np
from jaxtyping import Float64

REMEMBERED: Final = 0.3
"""Seconds after which nothing of an impulse is left: the slowest pole, at 38 Hz, has fallen by 300 dB."""
_SHELF: Final = (1500.0, 1 / np.sqrt(2), 4.0)
_PASS: Final = (38.0, 0.5, 0.0)
"""Frequency in Hz, quality and gain in dB of either filter, as in Steinmetz and Reiss, "pyloudnorm: a simple yet
flexible loudness meter in Python", AES 150th Convention, 2021."""


class KWeighting:
    """Weights a sound piece by piece, as if it were given whole."""

    def __init__(self, sample_rate: int) -> None:
        self._response = _impulse_response(sample_rate)
        self._before = np.zeros(len(self._response) - 1)

    def next(self, samples: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
        """The next samples, weighted."""
        heard = np.concatenate([self._before, samples])
        size = 1 << int(np.ceil(np.log2(len(heard) + len(self._response))))
        spectrum = np.fft.rfft(heard, size)
        spectrum *= np.fft.rfft(self._response, size)
        made: Float64[np.ndarray, " n"] = np.fft.irfft(spectrum, size)[len(self._before) : len(heard)]
        self._before = heard[len(heard) - len(self._before) :]
        return made


@cache
def _impulse_response(sample_rate: int) -> Float64[np.ndarray, " k"]:
    count = int(REMEMBERED * sample_rate)
    size = 1 << int(np.ceil(np.log2(2 * count)))
    turn = np.exp(-2j * np.pi * np.arange(size // 2 + 1) / size)
    total = np.ones(len(turn), np.complex128)
    for above, below in (_high_shelf(sample_rate), _high_pass(sample_rate)):
        total *= np.polynomial.polynomial.polyval(turn, above) / np.polynomial.polynomial.polyval(turn, below)
    response: Float64[np.ndarray, " k"] = np.fft.irfft(total, size)[:count]
    return response


def _high_shelf(sample_rate: int) -> tuple[list[float], list[float]]:
    """Bristow-Johnson, "Cookbook formulae for audio EQ biquad filter coefficients": numerator and denominator."""
    frequency, quality, gain = _SHELF
    a, w = 10 ** (gain / 40), 2 * np.pi * frequency / sample_rate
    alpha, c = np.sin(w) / (2 * quality), np.cos(w)
    root = 2 * np.sqrt(a) * alpha
    above = [a * (a + 1 + (a - 1) * c + root), -2 * a * (a - 1 + (a + 1) * c), a * (a + 1 + (a - 1) * c - root)]
    return above, [a + 1 - (a - 1) * c + root, 2 * (a - 1 - (a + 1) * c), a + 1 - (a - 1) * c - root]


def _high_pass(sample_rate: int) -> tuple[list[float], list[float]]:
    frequency, quality, _ = _PASS
    w = 2 * np.pi * frequency / sample_rate
    alpha, c = np.sin(w) / (2 * quality), np.cos(w)
    return [(1 + c) / 2, -(1 + c), (1 + c) / 2], [1 + alpha, -2 * c, 1 - alpha]
