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
from jaxtyping import Float32, Float64

from synclips.errors import BackendError, ConfigError
from synclips.media.audio import Waveform
from synclips.speech.pronunciation.english import PHONEMES, PUNCTUATION, Token, pronounced
from synclips.speech.pronunciation.given import Pronunciation
from synclips.speech.tts.hibari_vocoder import HOP, LEAST_F0, SAMPLE_RATE, STEP, vocode
from synclips.speech.tts.synthesizer import Speech, WordTime

if TYPE_CHECKING:
    from synclips.speech.tts.hibari_network import HibariNetwork

NAME: Final = "hibari"
VOICES: Final = ("heart",)
WEIGHTS: Final = Path(__file__).parents[1] / "weights" / "hibari.safetensors"
SYMBOLS: Final = ("", " ", *PUNCTUATION, *PHONEMES)
"""What the network reads; the first stands at both ends of a line."""
MEDIAN_F0: Final = 187.6
"""Hz, of the voice as it is."""
F0_SPREAD: Final = 0.208
"""Half the distance of the 16th and 84th percentile of its log F0."""
EARLY: Final = 0.06
"""Seconds: of 381 consonants the forced alignment of pocketsphinx begins .07 s and ends .045 s before the plan; of
eSpeak NG's, whose times are exact, .014 and .013 s."""
LOWEST, HIGHEST = 0.9, 1.6
"""Between these the voice sounds better at another pitch by itself than by WORLD (EXPERIMENTS.md)."""
LIVELINESS: Final = (0.6, 1.8)
_INTEGERS: Final = ".integers"
_UNIT: Final = ".unit"


@dataclass(frozen=True)
class HibariSynthesizer:
    """hibari in its one voice; `pitch` multiplies F0, `liveliness` its distance from the median in octaves.

    `given` words are spoken as they say.

    Raises:
        BackendError: the weights are missing or damaged.
        ConfigError: no such voice.
    """

    voice: str = VOICES[0]
    name: str = NAME
    pitch: float = 1.0
    liveliness: float = 1.0
    given: tuple[Pronunciation, ...] = ()

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

    def pitched(self, pitch: float, liveliness: float) -> "HibariSynthesizer":
        """The same voice at `pitch` times its F0."""
        return replace(self, pitch=pitch, liveliness=liveliness)

    def at_pitch(self, median: float, spread: float) -> "HibariSynthesizer | None":
        """See `Synthesizer`. Far below the voice's own pitch the decoder gets rough, and the converter does better."""
        pitch = median / MEDIAN_F0
        if not LOWEST <= pitch <= HIGHEST:
            return None
        return self.pitched(pitch, float(np.clip(spread / F0_SPREAD, *LIVELINESS)))

    def pronouncing(self, given: tuple[Pronunciation, ...]) -> "HibariSynthesizer":
        """See `Synthesizer`."""
        return replace(self, given=given)

    def synthesize(self, text: str) -> Speech:
        """Speak one sentence; always the same sound for the same text.

        Raises:
            BackendError: the engine failed.
            ConfigError: a given pronunciation has no sound of English.
        """
        symbols, words = written(pronounced(text, self.given))
        waveform, steps = self._spoken(symbols)
        ends = edges(steps)
        times = tuple(WordTime(word, float(ends[first]), float(ends[last])) for word, first, last in words)
        return Speech(waveform, times)

    def phones(self, text: str) -> tuple[Waveform, list[int], list[int]]:
        """A spoken sentence, its symbols (places in `SYMBOLS`), and the steps of 25 ms of each (see `edges`)."""
        symbols, _ = written(pronounced(text, self.given))
        waveform, steps = self._spoken(symbols)
        return waveform, symbols, steps

    def _spoken(self, symbols: list[int]) -> tuple[Waveform, list[int]]:
        import torch

        network, read = _load(), torch.tensor(symbols)
        with torch.inference_mode():
            prosody = network.plan(read)
            if (self.pitch, self.liveliness) != (1.0, 1.0):
                f0 = moved(prosody.f0.numpy(), self.pitch, self.liveliness)
                prosody = replace(prosody, f0=torch.from_numpy(f0))
            spectra = network.decode(read, prosody)
        samples = vocode(spectra.numpy(), prosody.f0.numpy())
        return Waveform(samples, SAMPLE_RATE), prosody.steps.tolist()


def edges(steps: list[int]) -> Float64[np.ndarray, " n"]:
    """Seconds at which the symbols of these steps begin, and the last one's end.

    The network's sounds come `EARLY` before the steps that it plans for them.
    """
    planned = np.concatenate([[0], np.cumsum(steps)]) * STEP * HOP / SAMPLE_RATE
    return np.maximum(planned - EARLY, 0)


def moved(f0: Float32[np.ndarray, " n"], pitch: float, liveliness: float) -> Float32[np.ndarray, " n"]:
    """The voiced frames' F0 times `pitch`, its distance from the voice's median times `liveliness` (in octaves)."""
    distance = np.log(np.maximum(f0, LEAST_F0) / MEDIAN_F0)
    return np.where(f0 > LEAST_F0, MEDIAN_F0 * pitch * np.exp(liveliness * distance), 0).astype(np.float32)


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
