"""What Wav2Lip hears: 80 mel bands at 80 steps a second, 16 steps (0.2 s) around each frame."""

from functools import cache

import numpy as np
from jaxtyping import Float32, Float64, Int64

from synclips.media.audio import Waveform
from synclips.media.timebase import FPS, SAMPLE_RATE

MELS, STEPS = 80, 16
_HOP, _WINDOW = SAMPLE_RATE // 80, SAMPLE_RATE // 20
_RANGE = (55.0, 7600.0)
_FLOOR = 1e-5


def mel_windows(waveform: Waveform, frames: Int64[np.ndarray, " n"]) -> Float32[np.ndarray, "n 80 16"]:
    """The sound around the middle of each frame (25 a second): logarithms of mel amplitudes, scaled to about [-1, 1].

    Silence lies before and after the waveform.
    """
    mel = spectrogram(waveform)
    start = np.round((frames + 0.5) * SAMPLE_RATE / FPS / _HOP).astype(int) - STEPS // 2
    padded = np.pad(mel, ((0, 0), (STEPS, STEPS)), constant_values=-1)
    at = (start[:, None] + np.arange(STEPS) + STEPS).clip(0, padded.shape[1] - 1)
    return np.ascontiguousarray(padded[:, at].transpose(1, 0, 2))


def spectrogram(waveform: Waveform) -> Float32[np.ndarray, "80 steps"]:
    """Step k is the 50 ms window centred on sample 200 k of a 16 kHz waveform."""
    samples = np.pad(waveform.samples, (_WINDOW // 2, _WINDOW // 2))
    windows = np.lib.stride_tricks.sliding_window_view(samples, _WINDOW)[::_HOP]
    amplitude = np.abs(np.fft.rfft(windows * np.hanning(_WINDOW + 1)[:-1], axis=1))
    decibel = np.log10(_filters() @ amplitude.T + _FLOOR)
    return (2 * (decibel - np.log10(_FLOOR)) / (3 - np.log10(_FLOOR)) - 1).astype(np.float32)


@cache
def _filters() -> Float64[np.ndarray, "80 bins"]:
    low, high = (2595 * np.log10(1 + np.array(_RANGE) / 700)).tolist()
    edges = 700 * (10 ** (np.linspace(low, high, MELS + 2) / 2595) - 1)
    bins = np.fft.rfftfreq(_WINDOW, 1 / SAMPLE_RATE)
    return np.stack([np.interp(bins, edges[m : m + 3], [0, 1, 0]) for m in range(MELS)])
