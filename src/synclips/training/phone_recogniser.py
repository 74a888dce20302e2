"""Which phones are heard in a spectrum: a small network that is taught by the synthesizer, which knows what it says.

It hears the speaker encoder's mel spectrum, so that it can listen where that does. Its teacher is hibari, who says
random words at random pitches and tells which phone sounds in each step of 25 ms; another vocal tract length, another
equaliser and noise make other voices of it. It is a training loss only (what a conversion does to the phones) and is
not shipped.
"""

from typing import Final

import numpy as np
import torch
from jaxtyping import Float32, Int64
from torch import Tensor, nn
from torch.nn import functional

from synclips.config import StageConfig
from synclips.media.timebase import SAMPLE_RATE
from synclips.speech.pronunciation.data import english_words
from synclips.speech.speaker_encoder import level_mel
from synclips.speech.tts.hibari import SYMBOLS, HibariSynthesizer, edges
from synclips.training.loop import OneNetwork

CONFIG: Final = StageConfig(steps=800, batch=8, rate=2e-3, warmup=50, ema=0.99, validate=100)
_BANDS: Final = 40
_FRAMES: Final = 0.01
_SPAN: Final = 200
"""Frames of an example."""
_FLOOR: Final = 1e-6
_USUAL_LEVEL, _LEVEL_SPREAD = -8.0, 4.0
_DILATIONS: Final = (1, 2, 1, 3, 1)
_UNKNOWN: Final = -100
_UNHEARD: Final = ("ˈ", "ˌ")
_PITCHES: Final = (0.5, 1.4)
_WORDS: Final = 7
_LINES: Final = 240
"""Lines that are made once; each time one is drawn, it is disguised anew."""
_HELD_OUT: Final = 1_000_000
_FEATURES_WEIGHT: Final = 0.3


class PhoneRecogniser(nn.Module):
    """Mel power (100 frames a second) to a score for each of `hibari.SYMBOLS`, frame by frame."""

    def __init__(self, width: int = 128, layers: int = 5) -> None:
        super().__init__()
        self.first = nn.Conv1d(_BANDS, width, 5, padding=2)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(layers))
        self.layers = nn.ModuleList(nn.Conv1d(width, width, 5, padding=2 * d, dilation=d) for d in _DILATIONS[:layers])
        self.last = nn.Conv1d(width, len(SYMBOLS), 1)

    def forward(self, mel: Float32[Tensor, "b t 40"]) -> tuple[Float32[Tensor, "b t s"], Float32[Tensor, "b t c"]]:
        """Scores, and the features that they are made of."""
        level = (torch.log(mel + _FLOOR) - _USUAL_LEVEL) / _LEVEL_SPREAD
        x = self.first(level.transpose(1, 2))
        for norm, layer in zip(self.norms, self.layers, strict=True):
            x = x + layer(functional.gelu(norm(x.transpose(1, 2)).transpose(1, 2)))
        return self.last(functional.gelu(x)).transpose(1, 2), x.transpose(1, 2)


def phone_distance(
    recogniser: PhoneRecogniser,
    mel: Float32[Tensor, "b t 40"],
    before: Float32[Tensor, "b t 40"],
    weight: Float32[Tensor, "b t"],
) -> Tensor:
    """How far the phones of `mel` have moved from those of `before`: divergence of the probabilities, and a part of the
    features' distance in units of their deviation; frames count by `weight`."""
    with torch.no_grad():
        wanted, features = recogniser(before)
    found, moved = recogniser(mel)
    divergence = functional.kl_div(
        found.log_softmax(-1), wanted.log_softmax(-1), log_target=True, reduction="none"
    ).sum(-1)
    distance = (moved - features).abs().mean(-1) / features.std()
    return ((divergence + _FEATURES_WEIGHT * distance) * weight).sum() / weight.sum()


class PhoneStage(OneNetwork):
    """Trains a recogniser on lines that are made while it is trained; a batch is a function of its number."""

    name = "phones"

    def __init__(self, recogniser: PhoneRecogniser, config: StageConfig = CONFIG) -> None:
        self.model, self.config = recogniser.train(), config
        self.optimizer = torch.optim.AdamW(recogniser.parameters(), config.rate, weight_decay=config.weight_decay)
        self.words = sorted(word for word in english_words().frequent_words if word.isascii() and word.isalpha())
        self.engine = HibariSynthesizer()
        self.said: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def step(self, step: int) -> dict[str, float]:
        """Cross-entropy of the frames' phones."""
        mel, labels = self._batch(step)
        scores, _ = self.model(mel)
        loss = functional.cross_entropy(scores.flatten(0, 1), labels.flatten(), ignore_index=_UNKNOWN)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip)
        self.optimizer.step()
        return {"loss": loss.item()}

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Share of the frames whose phone is found, on lines that are not trained on."""
        mel, labels = self._batch(_HELD_OUT)
        found = model(mel)[0].argmax(-1)
        right = float((found == labels)[labels != _UNKNOWN].float().mean())
        return {"frames": right, "score": right}

    def picture(self, model: nn.Module) -> None:
        """None."""

    def _batch(self, number: int) -> tuple[Float32[Tensor, "b t 40"], Int64[Tensor, "b t"]]:
        random = np.random.default_rng([7, number])
        examples = [self._example(random) for _ in range(self.config.batch)]
        mels, labels = (np.stack(part) for part in zip(*examples, strict=True))
        return torch.from_numpy(mels), torch.from_numpy(labels)

    def _example(self, random: np.random.Generator) -> tuple[Float32[np.ndarray, "t 40"], Int64[np.ndarray, " t"]]:
        mel, labels = self._line(int(random.integers(_LINES)))
        start = int(random.integers(max(1, len(mel) - _SPAN + 1)))
        mel, labels = mel[start : start + _SPAN], labels[start : start + _SPAN]
        short = _SPAN - len(mel)
        mel = np.pad(_disguised(mel, random), ((0, short), (0, 0)))
        return mel.astype(np.float32), np.pad(labels, (0, short), constant_values=_UNKNOWN)

    def _line(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Spectrum and labels of one of the lines, which is a function of its number."""
        if number not in self.said:
            random = np.random.default_rng([11, number])
            text = " ".join(self.words[index] for index in random.integers(len(self.words), size=_WORDS)) + "."
            pitch = float(np.exp(random.uniform(*np.log(_PITCHES))))
            sound, symbols, steps = self.engine.pitched(pitch, float(random.uniform(0.6, 1.3))).phones(text)
            mel = level_mel(sound.resampled(SAMPLE_RATE).samples)
            at = np.searchsorted(edges(steps)[1:], np.arange(len(mel)) * _FRAMES, side="right")
            labels = np.array([_UNKNOWN if SYMBOLS[symbol] in _UNHEARD else symbol for symbol in symbols], np.int64)
            self.said[number] = mel, labels[at.clip(0, len(symbols) - 1)]
        return self.said[number]


def _disguised(mel: Float32[np.ndarray, "t 40"], random: np.random.Generator) -> np.ndarray:
    """Another vocal tract length (12 %), a smooth equaliser (some 6 dB), and a noise floor."""
    bands = np.arange(_BANDS)
    at = np.clip(bands * random.uniform(0.88, 1.12), 0, _BANDS - 1)
    left = np.minimum(at.astype(int), _BANDS - 2)
    warped = np.log(mel + 1e-8)
    warped = warped[:, left] * (1 - (at - left)) + warped[:, left + 1] * (at - left)
    waves = np.cos(np.pi * np.outer(np.arange(1, 7), bands + 0.5) / _BANDS)
    colour = (random.normal(0, 1.4, 6) / np.sqrt(np.arange(1, 7))) @ waves
    floor = np.exp(random.uniform(np.log(1e-7), np.log(1e-4)))
    return np.exp(warped + colour) + floor * random.chisquare(2, mel.shape) / 2
