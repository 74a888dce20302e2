"""When each word of a known text is said in a recording: dynamic time warping onto the same text spoken by an engine,
whose word times are known.

Both are compared by the states of the speech encoder (`synclips.features.speech_features`), which hardly depend on who
speaks. Sakoe and Chiba, "Dynamic programming algorithm optimization for spoken word recognition", IEEE Transactions on
Acoustics, Speech and Signal Processing 26(1), 1978.
"""

from typing import Final

import numpy as np
from jaxtyping import Float32, Float64, Int64

from synclips.features.speech_features import speech_states
from synclips.media.audio import Waveform, loudness_gain
from synclips.media.timebase import SAMPLE_RATE, SAMPLES_PER_FRAME
from synclips.speech.tts.synthesizer import Speech, WordTime

LAYERS: Final = 2
"""Of the speech encoder: on GRID's sentences 90 % of the word starts are within 60 ms of the median error, with MFCC
within 80 ms, and Whisper's own times within 340 ms (EXPERIMENTS.md)."""
STEPS: Final = 100
"""Steps a second of the comparison."""
_PAD: Final = SAMPLE_RATE // 5
LONGEST: Final = 30.0
"""Seconds that can be aligned at once."""


def align_words(recording: Waveform, spoken: Speech) -> list[WordTime]:
    """The times in `recording` (16 kHz, at most 30 s, all of it the text) of the words that `spoken` says.

    Raises:
        ValueError: `spoken` has no word times, or one of the two is empty or too long.
    """
    if not spoken.words or not len(recording.samples):
        raise ValueError("nothing to be aligned")
    if max(recording.duration, spoken.waveform.duration) > LONGEST:
        raise ValueError(f"more than {LONGEST:g} s cannot be aligned at once")
    padded = [_padded(sound) for sound in (recording, spoken.waveform.resampled(SAMPLE_RATE))]
    mine, theirs = (_states(sound) for sound in padded)
    path = warping_path(1 - mine @ theirs.T)
    pad = _PAD / SAMPLE_RATE
    # for each step of the engine's sound the mean step of the recording that is laid on it
    sums, counts = np.zeros(len(theirs)), np.zeros(len(theirs))
    np.add.at(sums, path[:, 1], path[:, 0])
    np.add.at(counts, path[:, 1], 1)
    at = sums / np.maximum(counts, 1)

    def there(seconds: float) -> float:
        step = float(np.interp((seconds + pad) * STEPS, np.arange(len(at)), at))
        return min(max(step / STEPS - pad, 0.0), recording.duration)

    return [WordTime(word.word, there(word.start), there(word.end)) for word in spoken.words]


def warping_path(cost: Float32[np.ndarray, "n m"]) -> Int64[np.ndarray, "k 2"]:
    """The cheapest monotonous path from the first to the last pair, as (row, column) pairs."""
    rows, columns = cost.shape
    total = np.full((rows + 1, columns + 1), np.inf)
    total[0, 0] = 0
    for diagonal in range(2, rows + columns + 1):
        i = np.arange(max(1, diagonal - columns), min(rows, diagonal - 1) + 1)
        j = diagonal - i
        before = np.minimum(total[i - 1, j - 1], np.minimum(total[i - 1, j], total[i, j - 1]))
        total[i, j] = cost[i - 1, j - 1] + before
    path = []
    a, b = rows, columns
    while a > 0 and b > 0:
        path.append((a - 1, b - 1))
        step = int(np.argmin([total[a - 1, b - 1], total[a - 1, b], total[a, b - 1]]))
        a, b = a - (step != 2), b - (step != 1)
    return np.array(path[::-1], np.int64)


def _padded(sound: Waveform) -> Waveform:
    return Waveform(np.pad(sound.samples, (_PAD, _PAD)), SAMPLE_RATE)


def _states(sound: Waveform) -> Float32[np.ndarray, "steps 384"]:
    """Unit vectors, their mean over the sound taken away."""
    frames = max(1, len(sound.samples) // SAMPLES_PER_FRAME)
    states = speech_states(sound, 0, frames, LAYERS, total=frames, gain=loudness_gain(sound), settled=False)
    states = states - states.mean(axis=0)
    norm: Float64[np.ndarray, "steps 1"] = np.linalg.norm(states, axis=1, keepdims=True)
    return (states / np.maximum(norm, 1e-6)).astype(np.float32)
