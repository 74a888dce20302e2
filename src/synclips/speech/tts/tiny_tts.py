"""TinyTTS, the neural voice that is built in: a woman from the United States, 44.1 kHz.

The weights are those of the package `tiny-tts` 0.2.0 (Apache-2.0; see `weights/tiny_tts.LICENSE.md`); the package
itself is not used, since it asks a model hub for a tokeniser when it is imported. Words are pronounced by eSpeak NG.
"""

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from synclips.errors import BackendError, ConfigError
from synclips.media.audio import Waveform
from synclips.speech.tts.phonemes import PHONEMES, Phoneme, pronounce
from synclips.speech.tts.synthesizer import Speech, WordTime

if TYPE_CHECKING:
    from synclips.speech.tts.tiny_tts_network import TinyNetwork

WEIGHTS: Final = Path(__file__).parents[1] / "weights" / "tiny_tts.safetensors"
VOICES: Final = ("female",)
NAME: Final = "tiny-tts"
SAMPLE_RATE: Final = 44_100
SYMBOLS: Final = ("", "_", *PHONEMES, "!", "?", "…", ",", ".", "'", "-")
"""What the network reads; the blank stands between all others and at the ends, `_` first and last."""
_VARIETY: Final = 0.4
"""The package speaks with .667; with less, a recogniser understands more words (EXPERIMENTS.md)."""
_SEED: Final = 0
_PUNCTUATION: Final = ",;:.!?"
_MARKS: Final = {";": ",", ":": ","}


@dataclass(frozen=True)
class TinySynthesizer:
    """TinyTTS in its one voice.

    Raises:
        BackendError: the weights or eSpeak NG are missing or damaged.
        ConfigError: no such voice.
    """

    voice: str = VOICES[0]
    name: str = NAME

    def __post_init__(self) -> None:
        if self.voice not in VOICES:
            raise ConfigError(f"{NAME} has no voice {self.voice!r}; it has: {', '.join(VOICES)}")
        _load()
        pronounce(("hello",))

    @property
    def voices(self) -> tuple[str, ...]:
        """Its one voice."""
        return VOICES

    def with_voice(self, voice: str) -> "TinySynthesizer":
        """The same engine in another of its voices."""
        return replace(self, voice=voice)

    def in_voice_of(self, speech: Waveform) -> None:
        """TinyTTS cannot imitate."""

    def synthesize(self, text: str) -> Speech:
        """Speak one sentence; always the same sound for the same text.

        Raises:
            BackendError: the engine failed.
        """
        import torch

        symbols, tones, words = _written(text)
        network = _load()
        with torch.inference_mode():
            samples, steps = network(
                torch.tensor(symbols), torch.tensor(tones), _VARIETY, torch.Generator().manual_seed(_SEED)
            )
        ends = np.concatenate([[0], np.cumsum(steps.numpy())]) * network.step / SAMPLE_RATE
        times = tuple(WordTime(word, float(ends[first]), float(ends[last])) for word, first, last in words)
        return Speech(Waveform(samples.numpy(), SAMPLE_RATE), times)


def _written(text: str) -> tuple[list[int], list[int], list[tuple[str, int, int]]]:
    """The network's symbols and tones for `text`, and each word with its first symbol and the one after its last."""
    pieces = re.findall(rf"[A-Za-z']+|[{_PUNCTUATION}]", text)
    if not pieces or pieces[-1] not in _PUNCTUATION:
        pieces.append(".")
    said = tuple(piece for piece in pieces if piece not in _PUNCTUATION)
    spoken = dict(zip(said, pronounce(said), strict=True))
    edge = SYMBOLS.index("_")
    symbols, tones, words = [0, edge, 0], [0, 0, 0], []
    for piece in pieces:
        first = len(symbols)
        sounds = spoken[piece] if piece in spoken else (Phoneme(_MARKS.get(piece, piece)),)
        for sound in sounds:
            symbols += [SYMBOLS.index(sound.name), 0]
            tones += [0 if sound.stress is None else 1 + sound.stress, 0]
        if piece in spoken and sounds:
            words.append((piece, first, len(symbols) - 1))
    return [*symbols, edge, 0], [*tones, 0, 0], words


@lru_cache(maxsize=1)
def _load() -> "TinyNetwork":
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from synclips.speech.tts.tiny_tts_network import TinyNetwork

    try:
        tensors = {name: tensor.float() for name, tensor in load_file(WEIGHTS).items()}
    except (OSError, SafetensorError) as error:
        raise BackendError(f"{WEIGHTS} cannot be read ({error}); reinstall synclips") from error
    network = TinyNetwork()
    network.load_state_dict(tensors)
    return network.eval().requires_grad_(False)
