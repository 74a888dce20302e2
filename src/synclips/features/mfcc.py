"""MFCC: what the networks hear. Pitch is gone from them, which helps across voices.

Davis and Mermelstein, "Comparison of parametric representations for monosyllabic word recognition", IEEE TASSP 28(4),
1980; mel scale and filters as in Slaney's Auditory Toolbox. Equal to librosa 0.11's `feature.mfcc` on the logarithm of
its power mel spectrogram (n_fft 400, hop 160, 40 mels from 50 to 7600 Hz), as tests/features/test_mfcc.py checks.
"""

import numpy as np
from jaxtyping import Float32

from synclips.features.mel import mel_spectrum
from synclips.media.audio import Waveform
from synclips.media.timebase import SAMPLE_RATE, STEPS_PER_FRAME

N_MFCC = 13
N_FEATURES = 3 * N_MFCC
"""MFCC with their first and second differences."""
N_MELS = 40
MEL_RANGE = (50.0, 7600.0)
FLOOR = 1e-6

SPREAD = np.array([60, 25, 20, 18, 15, 14, 13, 12, 11, 10, 10, 9, 9], np.float32)
"""Typical standard deviation of each coefficient in speech; dividing by it brings all to one scale."""


def mfcc(waveform: Waveform, frames: int, *, warp: float = 1.0) -> Float32[np.ndarray, "steps 13"]:
    """Mel-frequency cepstral coefficients, 4 steps for each of `frames` video frames.

    Step k is the 25 ms window centred on sample 160 k; silence lies before and after the waveform. `warp` stretches the
    filters' frequencies, as another speaker's vocal tract would (Jaitly and Hinton, "Vocal tract length perturbation
    improves speech recognition", 2013).

    Raises:
        ValueError: the waveform is not at 16 kHz.
    """
    if waveform.sample_rate != SAMPLE_RATE:
        raise ValueError(f"MFCC are defined at {SAMPLE_RATE} Hz, not {waveform.sample_rate}")
    power = mel_spectrum(waveform.samples, frames * STEPS_PER_FRAME, N_MELS, MEL_RANGE, warp)
    from scipy.fft import dct

    return dct(np.log(power + FLOOR), axis=1, norm="ortho")[:, :N_MFCC].astype(np.float32)


def audio_features(
    coefficients: Float32[np.ndarray, "steps 13"], mean: Float32[np.ndarray, " 13"] | None = None
) -> Float32[np.ndarray, "steps 39"]:
    """What the networks take: MFCC less their mean over the utterance, scaled, with first and second differences.

    `mean` replaces the utterance's own where the coefficients are a part of a longer one.
    """
    centre = coefficients.mean(axis=0) if mean is None else mean
    static = (coefficients - centre) / SPREAD
    if len(static) < 2:
        return np.concatenate([static, np.zeros_like(static), np.zeros_like(static)], axis=1)
    first = np.gradient(static, axis=0) * 2
    second = np.gradient(first, axis=0) * 2
    return np.concatenate([static, first, second], axis=1).astype(np.float32)
