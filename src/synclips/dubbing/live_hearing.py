"""What a model hears of a sound that is still going on: its features, brought to usual loudness and mean as far as is
known by then.

A whole sound is brought to one loudness and its coefficients to mean 0 (features.mfcc). Here loudness and mean are
those of the speech so far, beginning with the mean of the voice in the video. Both change only at whole frames, so what
is heard does not depend on how the sound comes in.
"""

from typing import Final

import numpy as np
from jaxtyping import Float32, Float64

from synclips.features.mfcc import N_MELS, N_MFCC, audio_features, mfcc
from synclips.features.speech_features import speech_states
from synclips.media.audio import Waveform, loudness_gain
from synclips.media.timebase import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME, STEPS_PER_FRAME

KEPT: Final = 12 * FPS
"""Frames of sound that are remembered."""
LOUDNESS_FROM: Final = 8 * FPS
"""Frames by whose loudness the newest are scaled."""
TRUSTED: Final = 3 * FPS
"""Frames of speech that the mean in the beginning counts as."""
QUIET: Final = -50.0
"""Level of a frame, in dB of full scale, below which it is no speech."""
PAUSE: Final = FPS
"""Frames after speech that count for the mean as pauses of it; longer silence does not."""
USUAL: Final = (-60.0, 9.5, 3.0, 4.2, 2.3, 0.7, 0.5, 0.6, 0.2, 0.4, 0.2, 0.1, 0.3)
"""Mean coefficients of speech with its pauses at -23 LUFS, where the video holds none."""


class LiveHearing:
    """Sound as it comes in, at 16 kHz. `reference`: the voice in the video."""

    def __init__(self, reference: Waveform | None) -> None:
        self.heard = 0
        self._samples = np.zeros(0, np.float32)
        self._first = 0
        self._known = 0
        self._gain = 1.0
        self._speech: list[int] = []
        self._sum: Float64[np.ndarray, " 13"] = TRUSTED * _mean_of(reference)
        self._count = float(TRUSTED)

    def add(self, samples: Float32[np.ndarray, " n"]) -> None:
        """The next samples."""
        self._samples = np.concatenate([self._samples, samples])
        self.heard += len(samples)

    def features(self, low: int, high: int, layers: int = 0) -> Float32[np.ndarray, "steps f"]:
        """Features of the frames `low` to `high` at 25 a second; all of them have been heard, and `high` rises.

        `layers`: of the speech encoder, whose states the model hears beside them (see `features.speech_features`).
        """
        self._learn(high)
        begin = max(self._first, low - 1)
        coefficients = self._coefficients(begin, high, self._gain)
        mean = (self._sum / self._count).astype(np.float32)
        mean[0] += _offset(self._gain)
        features = audio_features(coefficients, mean)[(low - begin) * STEPS_PER_FRAME :]
        if layers:
            part = self._samples[(low - self._first) * SAMPLES_PER_FRAME : (high - self._first) * SAMPLES_PER_FRAME]
            states = speech_states(Waveform(part, SAMPLE_RATE), 0, high - low, layers, gain=self._gain)
            features = np.concatenate([features, states], axis=1)
        self._forget(high)
        return features

    def _coefficients(self, low: int, high: int, gain: float) -> Float32[np.ndarray, "steps 13"]:
        before = 1 if low > self._first else 0
        part = self._samples[
            (low - before - self._first) * SAMPLES_PER_FRAME : (high - self._first) * SAMPLES_PER_FRAME
        ]
        made = mfcc(Waveform(part * np.float32(gain), SAMPLE_RATE), high - low + before)
        return made[before * STEPS_PER_FRAME :]

    def _learn(self, high: int) -> None:
        """Take the speech in the frames up to `high` into loudness and mean, a frame at a time."""
        for frame in range(self._known, high):
            part = self._frame(frame)
            if 20 * np.log10(max(float(np.sqrt((part**2).mean())), 1e-9)) >= QUIET:
                self._speech = [*self._speech, frame][-LOUDNESS_FROM:]
                kept = [self._frame(number) for number in self._speech if number >= self._first]
                if len(kept) >= FPS // 2:
                    self._gain = loudness_gain(Waveform(np.concatenate(kept), SAMPLE_RATE))
            elif not self._speech or frame > self._speech[-1] + PAUSE:
                continue
            own = self._coefficients(frame, frame + 1, self._gain).mean(axis=0, dtype=np.float64)
            own[0] -= _offset(self._gain)
            self._sum, self._count = self._sum + own, self._count + 1
        self._known = max(self._known, high)

    def _frame(self, number: int) -> Float32[np.ndarray, " n"]:
        start = (number - self._first) * SAMPLES_PER_FRAME
        return self._samples[start : start + SAMPLES_PER_FRAME]

    def _forget(self, high: int) -> None:
        gone = high - KEPT - self._first
        if gone >= FPS:
            self._samples = self._samples[gone * SAMPLES_PER_FRAME :].copy()
            self._first += gone


def _offset(gain: float) -> float:
    """By how much a gain raises the first coefficient, which is the mean logarithm of power over all bands."""
    return float(2 * np.log(gain) * np.sqrt(N_MELS))


def _mean_of(reference: Waveform | None) -> Float64[np.ndarray, " 13"]:
    """Mean coefficients at gain 1 of a voice at usual loudness."""
    usual = np.array(USUAL, np.float64)
    if reference is None or (frames := len(reference.samples) // SAMPLES_PER_FRAME) < FPS:
        return usual
    gain = loudness_gain(reference)
    made = mfcc(Waveform((reference.samples * gain).astype(np.float32), SAMPLE_RATE), frames)
    return made.mean(axis=0, dtype=np.float64) if np.isfinite(gain) and made.shape[1] == N_MFCC else usual
