"""Faster or slower at the same pitch: WSOLA, waveform similarity overlap-add.

Verhelst and Roelands, "An overlap-add technique based on waveform similarity (WSOLA) for high quality time-scale
modification of speech", ICASSP 1993.
"""

from typing import Final

import numpy as np

from synclips.media.audio import Waveform
from synclips.speech.tts.synthesizer import Speech, WordTime

SLOWEST, FASTEST = 0.5, 2.0
"""Speeds between which speech stays intelligible."""
_WINDOW_SECONDS: Final = 0.032
_SEARCH_SECONDS: Final = 0.0125
"""One period of the lowest voice, so that overlapping periods can always be laid on each other."""


def at_speed(speech: Speech, speed: float) -> Speech:
    """`speech` played `speed` times as fast, from 0.5 to 2, at its own pitch."""
    if not SLOWEST <= speed <= FASTEST:
        raise ValueError(f"speed {speed} is outside {SLOWEST} to {FASTEST}")
    waveform = stretched(speech.waveform, round(len(speech.waveform.samples) / speed))
    ratio = waveform.duration / speech.waveform.duration if speech.waveform.duration else 1.0
    words = tuple(WordTime(word.word, word.start * ratio, word.end * ratio) for word in speech.words)
    return Speech(waveform, words)


def stretched(waveform: Waveform, count: int) -> Waveform:
    """`waveform` stretched or squeezed in time to `count` samples, its pitch unchanged."""
    samples = waveform.samples.astype(np.float64)
    if count == len(samples) or len(samples) == 0 or count == 0:
        return waveform.padded(count)
    window = 2 * round(_WINDOW_SECONDS * waveform.sample_rate / 2)
    hop, reach = window // 2, round(_SEARCH_SECONDS * waveform.sample_rate)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(window) + 0.5) / window)
    source = np.pad(samples, (window + reach, 2 * window + reach))
    offset = window + reach - hop
    pace = len(samples) / count
    result = np.zeros(count + 2 * window)
    follow = source[offset : offset + window]
    for start in range(0, count + hop, hop):
        wanted = min(round(start * pace), len(samples)) + offset
        region = source[wanted - reach : wanted + reach + window]
        at = wanted - reach + _most_alike(region, follow)
        result[start : start + window] += hann * source[at : at + window]
        follow = source[at + hop : at + hop + window]
    return Waveform(result[hop : hop + count].astype(np.float32), waveform.sample_rate)


def _most_alike(region: np.ndarray, wanted: np.ndarray) -> int:
    """Where in `region` a piece begins that continues like `wanted` (largest normalised correlation)."""
    size = len(wanted)
    length = 1 << (len(region) + size - 1).bit_length()
    product = np.fft.irfft(np.fft.rfft(region, length) * np.conj(np.fft.rfft(wanted, length)), length)
    squares = np.concatenate([[0.0], np.cumsum(region**2)])
    energy = squares[size:] - squares[: len(region) - size + 1]
    return int(np.argmax(product[: len(energy)] / np.sqrt(energy + 1e-6)))
