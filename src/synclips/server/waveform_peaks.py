"""A sound's outline for a waveform on a page."""

from typing import Final

import numpy as np

from synclips.media.audio import Waveform

PER_SECOND: Final = 50


def peaks_of(waveform: Waveform) -> list[float]:
    """The largest magnitude of each fiftieth of a second, in [0, 1]."""
    step = max(1, round(waveform.sample_rate / PER_SECOND))
    count = max(1, -(-len(waveform.samples) // step))
    padded = np.zeros(count * step, np.float32)
    padded[: len(waveform.samples)] = np.abs(waveform.samples)
    return [round(min(float(value), 1.0), 3) for value in padded.reshape(count, step).max(axis=1)]
