"""eSpeak NG, an extra (`pip install synclips[espeak]`): the library of the wheel `espeakng-loader`, run by itself.

eSpeak NG is a program of its own under the GPL (version 3 or later). It is neither linked, copied nor required here:
`espeak_process` loads it by ctypes in a separate process, and text goes in and sound comes out through pipes.
"""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Final

import numpy as np

from synclips.errors import BackendError, ConfigError
from synclips.media.audio import Waveform
from synclips.speech.pronunciation.given import Pronunciation
from synclips.speech.tts import espeak_process
from synclips.speech.tts.espeak_sounds import espeak_phonemes
from synclips.speech.tts.synthesizer import Speech, WordTime

VOICES: Final = ("en-us+klatt4",)
"""By far the most intelligible of its variants: 98 % of the words of GRID's grammar, where the plain voice has 93 %."""
WORDS_PER_MINUTE: Final = 160
PITCH_RANGE: Final = 50
_LONGEST_DATA_PATH: Final = 130
"""The library keeps its data folder in a buffer of 160 bytes, to which it appends file names."""
_PATIENCE: Final = 60
"""Seconds for one sentence, of which it needs some hundredths."""


@dataclass(frozen=True)
class EspeakSynthesizer:
    """eSpeak NG in one of its voices. `pitch` is the library's own scale, 0 to 100; `given` words are told it.

    Raises:
        BackendError: the wheel is missing or its library does not work.
    """

    voice: str = VOICES[0]
    pitch: int = 50
    name: str = "espeak"
    given: tuple[Pronunciation, ...] = ()

    def __post_init__(self) -> None:
        library_files()

    @property
    def voices(self) -> tuple[str, ...]:
        """The one voice that is worth it; pitch and timbre are the converter's business."""
        return VOICES

    def with_voice(self, voice: str) -> "EspeakSynthesizer":
        """The same engine in another of its voices.

        Raises:
            ConfigError: no such voice.
        """
        changed = replace(self, voice=voice)
        changed.synthesize("")
        return changed

    def in_voice_of(self, speech: Waveform) -> None:
        """eSpeak NG cannot imitate."""

    def at_pitch(self, median: float, spread: float) -> None:
        """eSpeak NG is left at its own pitch: the converter moves it."""

    def pronouncing(self, given: tuple[Pronunciation, ...]) -> "EspeakSynthesizer":
        """See `Synthesizer`."""
        return replace(self, given=given)

    def synthesize(self, text: str) -> Speech:
        """Speak one sentence; always the same sound for the same text.

        Raises:
            BackendError: the library failed.
            ConfigError: no such voice, or it has no sound of a given pronunciation.
        """
        marked, told = _marked(
            text.replace("[[", "[ "), {one.word.casefold(): self._phonemes(one) for one in self.given}
        )
        output = _run(self.voice, marked, str(self.pitch), str(PITCH_RANGE), str(WORDS_PER_MINUTE))
        return _speech(marked, told, output)

    def sounds(
        self, text: str, words_per_minute: int = WORDS_PER_MINUTE
    ) -> tuple[Waveform, list[tuple[str, float, float]]]:
        """A spoken sentence, and its sounds: name in IPA (empty: a pause), start and end in seconds.

        Raises:
            BackendError: the library failed.
            ConfigError: no such voice.
        """
        output = _run(self.voice, text, str(self.pitch), str(PITCH_RANGE), str(words_per_minute))
        sounds = json.loads(output.partition(b"\n")[0])["sounds"]
        timed = [(name, start / 1000, end / 1000) for name, start, end in sounds]
        return _speech(text, [], output).waveform, timed

    def _phonemes(self, one: Pronunciation) -> str:
        phonemes = _phonemes(self.voice, one.ipa)
        if not phonemes:
            raise ConfigError(f"espeak's voice {self.voice} has no sound of {one.word}={one.ipa}; write other sounds")
        return phonemes


@lru_cache(maxsize=1024)
def _phonemes(voice: str, ipa: str) -> str:
    return espeak_phonemes(ipa, partial(listen, voice))


@lru_cache(maxsize=64)
def _heard(voice: str, texts: tuple[str, ...]) -> list[list[str]]:
    names: list[list[str]] = json.loads(_run(voice, "\n".join(texts), "sounds"))
    return names


def listen(voice: str, texts: list[str]) -> list[list[str]]:
    return _heard(voice, tuple(texts))


def _run(voice: str, text: str, *arguments: str) -> bytes:
    """What `espeak_process` writes."""
    library, data = library_files()
    with short_path(data) as folder:
        command = [sys.executable, "-I", "-S", espeak_process.__file__, library, str(folder), voice, *arguments]
        try:
            done = subprocess.run(command, input=text.encode(), capture_output=True, timeout=_PATIENCE, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise BackendError(f"espeak cannot be run: {error}") from error
    if done.returncode == 2:
        raise ConfigError(f"espeak has no voice {voice!r}; see `synclips voices`")
    if done.returncode != 0:
        words = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise BackendError(f"espeak failed ({''.join(words) or done.returncode}); reinstall espeakng-loader")
    return done.stdout


def _marked(text: str, told: dict[str, str]) -> tuple[str, list[tuple[int, int, str]]]:
    """The text with phonemes for the words of `told`, and where these stand and for what."""
    if not told:
        return text, []
    words = "|".join(re.escape(word) for word in sorted(told, key=len, reverse=True))
    pieces: list[str] = []
    places: list[tuple[int, int, str]] = []
    length = at = 0
    for found in re.finditer(rf"(?<!\w)(?:{words})(?!\w)", text, re.IGNORECASE):
        phonemes = f"[[{told[found[0].casefold()]}]]"
        pieces += [text[at : found.start()], phonemes]
        length += found.start() - at
        places.append((length, length + len(phonemes), found[0]))
        length, at = length + len(phonemes), found.end()
    return "".join([*pieces, text[at:]]), places


def _speech(text: str, told: list[tuple[int, int, str]], output: bytes) -> Speech:
    """Samples and times; `told` words have the place and the spelling that `_marked` gives."""
    header, _, sound = output.partition(b"\n")
    facts = json.loads(header)
    samples = np.frombuffer(sound, "<i2").astype(np.float32) / 32768
    words: list[WordTime] = []
    last: tuple[int, int, str] | None = None
    for position, length, start, end in facts["words"]:
        place = next((place for place in told if place[0] <= position < place[1]), None)
        word = place[2] if place else text[position : position + length].strip()
        if place is not None and place == last:
            words[-1] = replace(words[-1], end=end / 1000)
        elif word:
            words.append(WordTime(word, start / 1000, end / 1000))
        last = place
    return Speech(Waveform(samples, facts["sample_rate"]), tuple(words))


def library_files() -> tuple[str, str]:
    """Paths of the shared library and of its data."""
    try:
        import espeakng_loader

        library, data = espeakng_loader.get_library_path(), espeakng_loader.get_data_path()
    except ImportError as error:
        raise BackendError("espeak is not installed; pip install 'synclips[espeak]'") from error
    except RuntimeError as error:
        raise BackendError(f"espeak is incomplete ({error}); reinstall espeakng-loader") from error
    if not Path(library).is_file():
        raise BackendError(f"espeak is incomplete (no {library}); reinstall espeakng-loader")
    return library, data


@contextmanager
def short_path(data: str) -> Iterator[Path]:
    """`data`, or where it is too long for the library's buffer, a link to it from a short place."""
    if len(data.encode()) <= _LONGEST_DATA_PATH:
        yield Path(data)
        return
    with tempfile.TemporaryDirectory(prefix="espeak-") as folder:
        link = Path(folder) / "espeak-ng-data"
        try:
            link.symlink_to(data, target_is_directory=True)
        except OSError as error:
            raise BackendError(f"espeak's data folder has too long a path: {data}; use a shorter one") from error
        yield link
