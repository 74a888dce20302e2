"""Long speech in parts, so that the converters' memory does not grow with it."""

from typing import Final

import numpy as np

from synclips.media.audio import Waveform

LONGEST: Final = 60.0
"""Seconds that are converted at once; WORLD's envelopes of them take 50 MB, each of the several copies."""
_WINDOW: Final = 0.05


def in_stretches(speech: Waveform, longest: float = LONGEST) -> list[Waveform]:
    """`speech` cut at its quietest places into parts of `longest` seconds at most and half of that at least, but for
    the last."""
    most, window = round(longest * speech.sample_rate), round(_WINDOW * speech.sample_rate)
    parts: list[Waveform] = []
    samples = speech.samples
    while len(samples) > most:
        power = np.convolve(samples[most // 2 : most].astype(np.float64) ** 2, np.ones(window), "same")
        at = most // 2 + int(np.argmin(power))
        parts.append(Waveform(samples[:at], speech.sample_rate))
        samples = samples[at:]
    return [*parts, Waveform(samples, speech.sample_rate)]
