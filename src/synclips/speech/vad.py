"""Where in a recording somebody speaks, and how loud the noise is where nobody does."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float64

from synclips.media.audio import Waveform
from synclips.media.timebase import HOP, SAMPLE_RATE, WINDOW

ABOVE_NOISE: Final = 12.0
"""Decibels above the noise floor that count as speech."""
BELOW_PEAK: Final = 35.0
"""Decibels under the loud parts that still count as speech, however quiet the room."""
_SILENCE: Final = -100.0
_HANGOVER: Final = 8
"""Steps (10 ms) around each active one that belong to it: weak consonants, stop gaps."""


@dataclass(frozen=True)
class Activity:
    """Speech activity of a 16 kHz waveform, 100 steps a second; step k is centred on sample 160 k.

    `level` is the energy of each step in dB of full scale, `noise_floor` that of the pauses, `speech_level` that of
    the speech; `speech` marks the steps in which somebody speaks.
    """

    speech: Bool[np.ndarray, " steps"]
    level: Float64[np.ndarray, " steps"]
    noise_floor: float
    speech_level: float

    @property
    def seconds(self) -> float:
        """Seconds of speech."""
        return float(self.speech.sum()) * HOP / SAMPLE_RATE

    @property
    def signal_to_noise(self) -> float:
        """Decibels between speech and pauses."""
        return self.speech_level - self.noise_floor


def detect_speech(waveform: Waveform) -> Activity:
    """Speech activity by energy, with a threshold that follows the recording's own noise.

    The noise floor is the tenth percentile of the step energies; a step is speech when it lies 12 dB above it and
    within 35 dB of the loud parts. Steady sound (noise, a hum, silence) has no speech by this rule.
    """
    level = step_levels(waveform.resampled(SAMPLE_RATE).samples)
    if len(level) == 0:
        return Activity(np.zeros(0, bool), level, _SILENCE, _SILENCE)
    heard = level[level > _SILENCE + 1]
    if len(heard) < 5:
        return Activity(np.zeros(len(level), bool), level, _SILENCE, _SILENCE)
    floor, loud = float(np.percentile(level, 10)), float(np.percentile(heard, 95))
    active = level > max(floor + ABOVE_NOISE, loud - BELOW_PEAK)
    speech = np.convolve(active, np.ones(2 * _HANGOVER + 1), "same") > 0 if active.any() else active
    speech_level = float(10 * np.log10(np.mean(10 ** (level[active] / 10)))) if active.any() else floor
    return Activity(speech, level, floor, speech_level)


def step_levels(samples: np.ndarray) -> Float64[np.ndarray, " steps"]:
    """Energy of 25 ms windows every 10 ms, dB of full scale, not below -100."""
    if len(samples) == 0:
        return np.zeros(0)
    padded = np.pad(samples.astype(np.float64), (WINDOW // 2, WINDOW))
    squares = np.concatenate([[0.0], np.cumsum(padded**2)])
    starts = np.arange(0, len(samples), HOP)
    power = (squares[starts + WINDOW] - squares[starts]) / WINDOW
    return 10 * np.log10(np.maximum(power, 10 ** (_SILENCE / 10)))


def only_speech(waveform: Waveform, activity: Activity) -> Waveform:
    """The speech of a 16 kHz waveform with its pauses cut out."""
    keep = np.repeat(activity.speech, HOP)[: len(waveform.samples)]
    return Waveform(waveform.samples[: len(keep)][keep], waveform.sample_rate)
