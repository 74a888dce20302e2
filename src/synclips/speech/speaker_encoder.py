"""Who speaks: a voice as a vector, such that the same person's recordings point the same way.

The network is GE2E (Wan, Wang, Papir and Lopez Moreno, "Generalized end-to-end loss for speaker verification", ICASSP
2018), with the weights of Resemblyzer 0.1.4 (Apache-2.0, see `weights/`), kept as float16. Features and windows are
Resemblyzer's; pauses are cut out by this project's own speech activity instead of WebRTC's.
"""

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from jaxtyping import Float32

from synclips.media.audio import Waveform
from synclips.media.timebase import HOP, SAMPLE_RATE, WINDOW
from synclips.speech.vad import detect_speech, only_speech

if TYPE_CHECKING:
    import torch

SIZE: Final = 256
WEIGHTS: Final = Path(__file__).parent / "weights" / "ge2e.safetensors"
_BANDS: Final = 40
STEPS: Final = 160
"""Steps (10 ms) of one window, as in training."""
_STRIDE: Final = 77
_LEVEL: Final = -30.0
"""RMS in dB of full scale that recordings are brought to. Resemblyzer only raises quiet ones; then a loud copy of a
recording is only .89 like the recording itself."""
_COVERAGE: Final = 0.75
"""Least filled part of a last window."""


class SpeakerEncoder:
    """Turns waveforms into unit vectors of 256 numbers; the cosine of two tells how alike the voices are.

    Real clips of one GRID speaker reach .79 with each other, of different speakers .58.
    """

    def __init__(self, weights: Path = WEIGHTS) -> None:
        import torch
        from safetensors.torch import load_file

        tensors = {name: tensor.float() for name, tensor in load_file(weights).items()}
        self._lstm = torch.nn.LSTM(_BANDS, SIZE, num_layers=3, batch_first=True)
        self._linear = torch.nn.Linear(SIZE, SIZE)
        for part, module in (("lstm.", self._lstm), ("linear.", self._linear)):
            module.load_state_dict({name.removeprefix(part): t for name, t in tensors.items() if name.startswith(part)})
            module.requires_grad_(False)

    def embed(self, waveform: Waveform) -> Float32[np.ndarray, "256"]:
        """The voice in `waveform` (any rate), as a unit vector; the zero vector where there is no sound at all."""
        import torch

        sound = waveform.resampled(SAMPLE_RATE)
        activity = detect_speech(sound)
        if activity.speech.any():
            sound = only_speech(sound, activity)
        samples = _levelled(sound.samples)
        if not samples.any():
            return np.zeros(SIZE, np.float32)
        with torch.inference_mode():
            embeddings = self.embed_windows(torch.from_numpy(_windows(samples))).numpy()
        mean = embeddings.mean(axis=0)
        return np.asarray(mean / np.linalg.norm(mean), np.float32)

    def embed_windows(self, mels: "torch.Tensor") -> "torch.Tensor":
        """Embeddings (n, 256) of mel power spectra (n, 160, 40); differentiable in `mels`."""
        import torch

        _, (hidden, _) = self._lstm(mels)
        return torch.nn.functional.normalize(torch.relu(self._linear(hidden[-1])), dim=1)


@lru_cache(maxsize=1)
def speaker_encoder() -> SpeakerEncoder:
    """The encoder with the weights that come with the package, loaded once."""
    return SpeakerEncoder()


def similarity(one: Float32[np.ndarray, "256"], other: Float32[np.ndarray, "256"]) -> float:
    """Cosine of two embeddings, in [0, 1] for these (their entries are not negative)."""
    norms = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / norms if norms > 0 else 0.0


def level_mel(samples: np.ndarray) -> Float32[np.ndarray, "steps 40"]:
    """The mel power spectrum that the encoder sees of 16 kHz samples, brought to its level; 100 steps a second."""
    return _mel_spectrum(_levelled(samples))


def _levelled(samples: np.ndarray) -> np.ndarray:
    """At the level that the encoder expects; zeros where there is no sound."""
    samples = samples.astype(np.float64)
    power = float(np.mean(samples**2)) if len(samples) else 0.0
    return samples * (10 ** (_LEVEL / 20) / np.sqrt(power)) if power >= 1e-12 else np.zeros(len(samples))


def _windows(samples: np.ndarray) -> Float32[np.ndarray, "n 160 40"]:
    """Overlapping windows of the mel spectrum; the last one may be up to a quarter silence."""
    steps = -(-(len(samples) + 1) // HOP)
    starts = list(range(0, max(1, steps - STEPS + _STRIDE + 1), _STRIDE))
    if len(starts) > 1 and (len(samples) - starts[-1] * HOP) / (STEPS * HOP) < _COVERAGE:
        starts.pop()
    mel = _mel_spectrum(np.pad(samples, (0, max(0, (starts[-1] + STEPS) * HOP - len(samples)))))
    return np.stack([mel[start : start + STEPS] for start in starts])


def _mel_spectrum(samples: np.ndarray) -> Float32[np.ndarray, "steps 40"]:
    """Power in 40 mel bands (not logarithmic), as librosa computes it: Hann windows of 25 ms every 10 ms, centred."""
    padded = np.pad(samples, WINDOW // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    power = np.abs(np.fft.rfft(frames * hann, axis=1)) ** 2
    return np.asarray(power @ mel_filters().T, np.float32)


@lru_cache(maxsize=1)
def mel_filters() -> Float32[np.ndarray, "40 201"]:
    """Triangles of equal area on Slaney's mel scale, 0 to 8 kHz (the default of librosa)."""
    edges = _slaney_hertz(np.linspace(0, _slaney_mel(SAMPLE_RATE / 2), _BANDS + 2))
    bins = np.linspace(0, SAMPLE_RATE / 2, WINDOW // 2 + 1)
    rise = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    fall = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    area = 2 / (edges[2:] - edges[:-2])
    return np.asarray(np.maximum(0, np.minimum(rise, fall)) * area[:, None], np.float32)


def _slaney_mel(hertz: float) -> float:
    """Linear below 1 kHz, logarithmic above."""
    return hertz * 3 / 200 if hertz < 1000 else 15 + 27 * float(np.log(hertz / 1000) / np.log(6.4))


def _slaney_hertz(mel: np.ndarray) -> np.ndarray:
    return np.where(mel < 15, mel * 200 / 3, 1000 * 6.4 ** ((mel - 15) / 27))
