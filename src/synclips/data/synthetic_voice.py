"""Sound and mouth shapes of a synthetic sentence, both from one list of vowels with times and openings.

Everything is a function of time, so a picture and its sound come from the same curves and their lag is exact.
"""

import zlib
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
from jaxtyping import Float64

from synclips.data.grid import WordSpan
from synclips.media.audio import Waveform, normalise_loudness
from synclips.media.timebase import SAMPLE_RATE

_HIGHEST: Final = 5_000.0
"""Hz beyond which nothing is voiced."""
_THIRD_FORMANT: Final = 2_600.0
_BANDWIDTHS: Final = (90.0, 110.0, 170.0)
_HELD: Final = (0.3, 0.7)
"""From where to where a syllable holds its vowel, as shares of its length."""
_TWO_VOWELS: Final = MappingProxyType({"zero": "io", "seven": "ee", "again": "ae"})


@dataclass(frozen=True)
class Vowel:
    """Two formants in Hz (Peterson and Barney, JASA 24, 1952: men's means), mouth opening and rounding, both 0 to 1."""

    first: float
    second: float
    opening: float
    rounding: float


VOWELS: Final = MappingProxyType(
    {
        "i": Vowel(270.0, 2290.0, 0.35, 0.0),
        "e": Vowel(530.0, 1840.0, 0.55, 0.0),
        "a": Vowel(730.0, 1090.0, 1.0, 0.1),
        "o": Vowel(570.0, 840.0, 0.7, 0.7),
        "u": Vowel(300.0, 870.0, 0.35, 1.0),
    }
)


@dataclass(frozen=True)
class Voice:
    """What tells one synthetic voice from another: pitch in Hz, and a factor on all formants."""

    pitch: float = 120.0
    formants: float = 1.0


@dataclass(frozen=True)
class Gesture:
    """One syllable: lips closed at `start` and `end` (seconds), between them `stress` times the vowel's opening."""

    start: float
    end: float
    vowel: Vowel
    stress: float


class Articulation:
    """The mouth and the sound of a sentence at any moment, in seconds from its beginning."""

    def __init__(self, words: tuple[WordSpan, ...], rng: np.random.Generator) -> None:
        self.gestures = tuple(_gestures(words, rng))
        self._seed = int(rng.integers(2**32))

    def opening(self, time: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
        """How far the mouth is open, 0 (closed) to 1."""
        total = np.zeros_like(time)
        for gesture in self.gestures:
            share = np.clip((time - gesture.start) / (gesture.end - gesture.start), 0, 1)
            total += gesture.stress * gesture.vowel.opening * _opens_and_closes(share)
        return total

    def rounding(self, time: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
        """How round the lips are, 0 to 1."""
        return self._between_vowels(time, [gesture.vowel.rounding for gesture in self.gestures])

    def sound(self, voice: Voice, duration: float, delay: float = 0.0) -> Waveform:
        """`duration` seconds of the voice at 16 kHz and -23 LUFS, every moment of it `delay` seconds late."""
        time = np.arange(round(duration * SAMPLE_RATE)) / SAMPLE_RATE - delay
        samples = self.opening(time) ** 0.7 * self._voiced(time, voice) + self._noise(time)
        samples /= max(1.0, float(np.abs(samples).max()))
        return normalise_loudness(Waveform(samples.astype(np.float32), SAMPLE_RATE))

    def _voiced(self, time: Float64[np.ndarray, " n"], voice: Voice) -> Float64[np.ndarray, " n"]:
        """The vowels at even strength: harmonics of a falling pitch, each as loud as the formants make it there."""
        pitch = voice.pitch * (1.08 - 0.06 * time + 0.02 * np.sin(2 * np.pi * 4.7 * time))
        phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
        formants = [
            voice.formants * self._between_vowels(time, [gesture.vowel.first for gesture in self.gestures]),
            voice.formants * self._between_vowels(time, [gesture.vowel.second for gesture in self.gestures]),
            np.full_like(time, voice.formants * _THIRD_FORMANT),
        ]
        total = np.zeros_like(time)
        for number in range(1, int(_HIGHEST / voice.pitch) + 1):
            frequency = number * pitch
            level = 1 / number
            for centre, bandwidth in zip(formants, _BANDWIDTHS, strict=True):
                ratio = frequency / centre
                level = level / np.hypot(1 - ratio**2, ratio * bandwidth / centre)
            total += level * np.sin(number * phase)
        return 0.1 * total

    def _noise(self, time: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
        """A faint room, and a short burst of hiss where a syllable's lips part."""
        hiss = np.diff(np.random.default_rng(self._seed).standard_normal(len(time) + 1))
        level = np.full_like(time, 2e-4)
        for gesture in self.gestures:
            level += 0.02 * np.exp(-(((time - gesture.start - 0.015) / 0.01) ** 2))
        return hiss * level

    def _between_vowels(self, time: Float64[np.ndarray, " n"], values: list[float]) -> Float64[np.ndarray, " n"]:
        """`values`, one a gesture: held through the middle of each, gliding from one to the next."""
        points = [gesture.start + share * (gesture.end - gesture.start) for gesture in self.gestures for share in _HELD]
        return np.interp(time, points, np.repeat(values, len(_HELD)))


def _opens_and_closes(share: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
    """0 at 0 and 1, 1 from 0.4 to 0.6, smooth between."""
    rise = np.clip(np.minimum(share, 1 - share) / 0.4, 0, 1)
    return rise * rise * (3 - 2 * rise)


def _gestures(words: tuple[WordSpan, ...], rng: np.random.Generator) -> list[Gesture]:
    gestures = []
    for span in words:
        names = _TWO_VOWELS.get(span.word, _vowel_of(span.word))
        length = (span.end - span.start) / len(names)
        for number, name in enumerate(names):
            start = span.start + number * length
            gestures.append(Gesture(start, start + length, VOWELS[name], float(rng.uniform(0.75, 1.0))))
    return gestures


def _vowel_of(word: str) -> str:
    """One vowel for a word of one syllable, always the same for the same word."""
    return sorted(VOWELS)[zlib.crc32(word.encode()) % len(VOWELS)]
