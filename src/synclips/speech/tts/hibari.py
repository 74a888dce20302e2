"""hibari, the neural voice that is built in: a woman from the United States, 24 kHz.

The weights are those of the package `hibari-tts` 0.2.1 (Apache-2.0; see `weights/hibari.LICENSE.md`), which distilled
the voice from Kokoro-82M; network, vocoder and front end are written anew, so that neither the package nor a runtime
for its graph is needed.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from synclips.errors import BackendError, ConfigError
from synclips.media.audio import Waveform
from synclips.speech.pronunciation.english import PHONEMES, PUNCTUATION, Token, pronounced
from synclips.speech.tts.hibari_vocoder import HOP, SAMPLE_RATE, STEP, vocode
from synclips.speech.tts.synthesizer import Speech, WordTime

if TYPE_CHECKING:
    from synclips.speech.tts.hibari_network import HibariNetwork

NAME: Final = "hibari"
VOICES: Final = ("heart",)
WEIGHTS: Final = Path(__file__).parents[1] / "weights" / "hibari.safetensors"
SYMBOLS: Final = ("", " ", *PUNCTUATION, *PHONEMES)
"""What the network reads; the first stands at both ends of a line."""
_INTEGERS: Final = ".integers"
_UNIT: Final = ".unit"


@dataclass(frozen=True)
class HibariSynthesizer:
    """hibari in its one voice.

    Raises:
        BackendError: the weights are missing or damaged.
        ConfigError: no such voice.
    """

    voice: str = VOICES[0]
    name: str = NAME

    def __post_init__(self) -> None:
        if self.voice not in VOICES:
            raise ConfigError(f"{NAME} has no voice {self.voice!r}; it has: {', '.join(VOICES)}")
        _load()

    @property
    def voices(self) -> tuple[str, ...]:
        """Its one voice."""
        return VOICES

    def with_voice(self, voice: str) -> "HibariSynthesizer":
        """The same engine in another of its voices."""
        return replace(self, voice=voice)

    def in_voice_of(self, speech: Waveform) -> None:
        """hibari cannot imitate."""

    def synthesize(self, text: str) -> Speech:
        """Speak one sentence; always the same sound for the same text.

        Raises:
            BackendError: the engine failed.
        """
        import torch

        symbols, words = written(pronounced(text))
        network = _load()
        with torch.inference_mode():
            read = torch.tensor(symbols)
            prosody = network.plan(read)
            spectra = network.decode(read, prosody)
        samples = vocode(spectra.numpy(), prosody.f0.numpy())
        ends = np.concatenate([[0], np.cumsum(prosody.steps.numpy())]) * STEP * HOP / SAMPLE_RATE
        times = tuple(WordTime(word, float(ends[first]), float(ends[last])) for word, first, last in words)
        return Speech(Waveform(samples, SAMPLE_RATE), times)


def written(tokens: tuple[Token, ...]) -> tuple[list[int], list[tuple[str, int, int]]]:
    """The network's symbols for a line, and each word with its first symbol and the one after its last."""
    symbols, words = [0], []
    for token in tokens:
        if token.is_word and len(symbols) > 1:
            symbols.append(SYMBOLS.index(" "))
        first = len(symbols)
        symbols += [SYMBOLS.index(sound) for sound in token.phonemes]
        if token.is_word and len(symbols) > first:
            words.append((token.text, first, len(symbols)))
    return [*symbols, 0], words


@lru_cache(maxsize=1)
def _load() -> "HibariNetwork":
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from synclips.speech.tts.hibari_network import HibariNetwork

    network = HibariNetwork(len(SYMBOLS))
    try:
        stored = load_file(WEIGHTS)
        tensors = {name: tensor.float() for name, tensor in stored.items() if not name.endswith((_INTEGERS, _UNIT))}
        for name in stored:
            if name.endswith(_INTEGERS):
                whole = name.removesuffix(_INTEGERS)
                tensors[whole] = stored[name].float() * stored[whole + _UNIT].float()
        network.load_state_dict(tensors)
    except (OSError, SafetensorError, RuntimeError, KeyError) as error:
        raise BackendError(f"{WEIGHTS} cannot be read ({error}); reinstall synclips") from error
    return network.eval().requires_grad_(False)
