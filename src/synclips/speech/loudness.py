"""How loud the line is and what lies under it: matched to the source's loudness, never clipped, never dead silent."""

from typing import Final

import numpy as np

from synclips.media.audio import LOUDNESS, Waveform, loudness

TRUE_PEAK: Final = 10 ** (-1 / 20)
"""Largest magnitude between samples, too (-1 dBTP)."""
LOUDEST: Final = -10.0
"""LUFS that no line exceeds, however loud the source is."""
QUIETEST: Final = -40.0
_LOOK_AHEAD: Final = 0.005
_MOST_LIMITING: Final = 10 ** (-9 / 20)
_OVERSAMPLING: Final = 4
_NOISE_SEED: Final = 0


def match_loudness(waveform: Waveform, target: float = LOUDNESS) -> Waveform:
    """Scale to `target` LUFS (BS.1770); peaks that would pass -1 dBTP are limited. Silence is returned unchanged."""
    present = loudness(waveform)
    if not np.isfinite(present):
        return limited(waveform)
    target = min(max(target, QUIETEST), LOUDEST) if np.isfinite(target) else LOUDNESS
    return limited(
        Waveform((waveform.samples * 10 ** ((target - present) / 20)).astype(np.float32), waveform.sample_rate)
    )


def limited(waveform: Waveform) -> Waveform:
    """No peak above -1 dBTP: short ones are turned down with 5 ms of look-ahead, a sound all too loud as a whole."""
    from scipy.ndimage import minimum_filter1d

    samples = np.nan_to_num(waveform.samples.astype(np.float64), posinf=1.0, neginf=-1.0)
    if len(samples) == 0:
        return waveform
    peak = float(np.abs(samples).max())
    if peak * _MOST_LIMITING > TRUE_PEAK:
        samples *= TRUE_PEAK / (peak * _MOST_LIMITING)
    reach = max(1, round(_LOOK_AHEAD * waveform.sample_rate))
    gain = np.minimum(1, 0.97 * TRUE_PEAK / np.maximum(np.abs(samples), 1e-9))
    gain = minimum_filter1d(gain, 2 * reach + 1, mode="nearest")
    window = np.hanning(2 * reach + 1)
    gain = np.convolve(np.pad(gain, reach, mode="edge"), window / window.sum(), "valid")
    result = Waveform((samples * gain).astype(np.float32), waveform.sample_rate)
    over = true_peak(result) / TRUE_PEAK
    return result if over <= 1 else Waveform((result.samples / over).astype(np.float32), waveform.sample_rate)


def true_peak(waveform: Waveform) -> float:
    """Largest magnitude of the sound between its samples, measured at four times the rate (BS.1770-4, annex 2)."""
    if len(waveform.samples) == 0:
        return 0.0
    fine = waveform.resampled(_OVERSAMPLING * waveform.sample_rate)
    return float(max(np.abs(fine.samples).max(initial=0), np.abs(waveform.samples).max()))


def with_background(speech: Waveform, noise: Waveform, seed: int = _NOISE_SEED) -> Waveform:
    """`speech` over steady noise with the spectrum and level of `noise` (the pauses of a recording at the same rate).

    The noise is made anew from `seed` instead of repeated, so that nothing in it recurs.
    """
    from scipy.signal import welch

    count, rate = len(speech.samples), speech.sample_rate
    if count == 0 or len(noise.samples) < 256:
        return speech
    _, density = welch(noise.samples.astype(np.float64), rate, nperseg=256, detrend=False)
    bins = np.fft.rfftfreq(count, 1 / rate)
    shape = np.sqrt(np.interp(bins, np.linspace(0, rate / 2, len(density)), density))
    white = np.random.default_rng(seed).standard_normal(count)
    made = np.fft.irfft(np.fft.rfft(white) * shape, count) * np.sqrt(rate / 2)
    return limited(Waveform((speech.samples + made).astype(np.float32), rate))
