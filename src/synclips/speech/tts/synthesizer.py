"""What a synthesizer is, and what it gives."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from synclips.media.audio import Waveform
from synclips.speech.pronunciation.given import Pronunciation


@dataclass(frozen=True)
class WordTime:
    """One spoken word and when it sounds, in seconds from the start of its waveform."""

    word: str
    start: float
    end: float


@dataclass(frozen=True)
class Speech:
    """What a synthesizer said, and when it said each word (empty where the engine does not tell)."""

    waveform: Waveform
    words: tuple[WordTime, ...] = ()


@runtime_checkable
class Synthesizer(Protocol):
    """An engine that speaks one sentence of normalised text (see `synclips.speech.text`) in one voice."""

    @property
    def name(self) -> str:
        """The engine's name, as `choose_synthesizer` takes it."""

    @property
    def voice(self) -> str:
        """The voice it speaks in."""

    @property
    def voices(self) -> tuple[str, ...]:
        """The voices worth choosing between when one near a given speaker is wanted."""

    def with_voice(self, voice: str) -> "Synthesizer":
        """The same engine in another voice."""

    def in_voice_of(self, speech: Waveform) -> "Synthesizer | None":
        """The same engine imitating the voice heard in `speech`; None where it cannot."""

    def at_pitch(self, median: float, spread: float) -> "Synthesizer | None":
        """The same voice with F0 around `median` Hz, `spread` being half the distance of the 16th and 84th percentile
        of its logarithm; None where the engine cannot, or would sound worse for it."""

    def pronouncing(self, given: tuple[Pronunciation, ...]) -> "Synthesizer | None":
        """The same voice that speaks some words of its sentences as `given`; None where it cannot be told."""

    def synthesize(self, text: str) -> Speech:
        """Speak one sentence.

        Raises:
            BackendError: the engine failed.
        """
