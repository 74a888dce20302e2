"""Rooms and microphones for training: the same speech as other recordings would have it."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Complex128, Float32, Float64

from synclips.media.timebase import SAMPLE_RATE

BANDS: Final = (40.0, 150.0, 400.0, 1000.0, 2500.0, 5000.0, 8000.0)
"""Hz at which an equaliser's gains are drawn; between them they go along the logarithm of the frequency."""
COLOUR: Final = 5.0
"""Standard deviation of the gains, in dB."""
LOW_CUTS, HIGH_CUTS = (60.0, 350.0), (2500.0, 7000.0)
"""Hz at which a microphone or a codec may end."""
SLOPE: Final = 4
"""Order of these filters (Butterworth's magnitudes)."""
DECAYS: Final = (0.1, 0.7)
"""Seconds in which reverberation falls by 60 dB."""
REVERBERATION: Final = (-18.0, -2.0)
"""Its level against the direct sound, in dB."""
FIRST: Final = (0.001, 0.01)
"""Seconds after which it begins."""
LONGEST: Final = 0.5
DRIVES: Final = (2.0, 6.0)
"""By how much the sound's peak exceeds what is transmitted without compression."""
SHARES: Final = {"colour": 0.7, "low": 0.3, "high": 0.3, "reverberation": 0.55, "drive": 0.3}
"""How often each is drawn."""


@dataclass(frozen=True)
class Room:
    """A way from the mouth to the recording. What is None is left out.

    gains:     dB at `BANDS`
    low, high: cut-off frequencies, Hz
    decay, level, first:  of the reverberation: seconds for 60 dB, dB against the direct sound, seconds to its beginning
    drive:     of a soft limiter
    seed:      of the reverberation's noise
    """

    gains: tuple[float, ...] | None = None
    low: float | None = None
    high: float | None = None
    decay: float | None = None
    level: float = 0.0
    first: float = 0.0
    drive: float | None = None
    seed: int = 0

    def heard(self, samples: Float32[np.ndarray, " n"]) -> Float32[np.ndarray, " n"]:
        """Samples at 16 kHz as they arrive: as many, as loud, as late."""
        count = len(samples)
        size = count + round(LONGEST * SAMPLE_RATE)
        spectrum = np.fft.rfft(samples, size) * self._response(size)
        heard = np.fft.irfft(spectrum, size)[:count]
        if self.drive is not None:
            heard = np.tanh(heard * self.drive / (np.abs(heard).max() + 1e-9))
        level = np.sqrt(np.mean(samples**2) / (np.mean(heard**2) + 1e-12))
        return (heard * level).astype(np.float32)

    def _response(self, size: int) -> Complex128[np.ndarray, " f"]:
        frequency = np.fft.rfftfreq(size, 1 / SAMPLE_RATE)
        response = np.ones(len(frequency), complex)
        if self.gains is not None:
            at = np.interp(np.log(np.maximum(frequency, BANDS[0])), np.log(BANDS), self.gains)
            response *= 10 ** (at / 20)
        if self.high is not None:
            response /= np.sqrt(1 + (frequency / self.high) ** (2 * SLOPE))
        if self.low is not None:
            ratio = (frequency / self.low) ** SLOPE
            response *= np.sqrt(ratio / (1 + ratio))
        if self.decay is not None:
            response *= np.fft.rfft(self._impulse(self.decay), size)
        return response

    def _impulse(self, decay: float) -> Float64[np.ndarray, " n"]:
        """The direct sound, then noise that dies away (Moorer, "About this reverberation business", 1979)."""
        count = round(LONGEST * SAMPLE_RATE)
        noise = np.random.default_rng(self.seed).standard_normal(count)
        noise *= 10 ** (-3 * np.arange(count) / SAMPLE_RATE / decay)
        noise[: round(self.first * SAMPLE_RATE)] = 0
        noise *= 10 ** (self.level / 20) / np.sqrt((noise**2).sum() + 1e-12)
        noise[0] = 1
        return noise


def draw_room(rng: np.random.Generator) -> Room:
    """A random room and microphone."""
    taken = {name: bool(rng.random() < share) for name, share in SHARES.items()}
    gains = tuple(float(gain) for gain in rng.normal(0, COLOUR, len(BANDS)))
    low, high, decay, level, first, drive = (
        float(rng.uniform(*limits)) for limits in (LOW_CUTS, HIGH_CUTS, DECAYS, REVERBERATION, FIRST, DRIVES)
    )
    return Room(
        gains=gains if taken["colour"] else None,
        low=low if taken["low"] else None,
        high=high if taken["high"] else None,
        decay=decay if taken["reverberation"] else None,
        level=level,
        first=first,
        drive=drive if taken["drive"] else None,
        seed=int(rng.integers(2**31)),
    )
