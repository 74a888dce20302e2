"""eSpeak NG, an extra (`pip install synclips[espeak]`): the library of the wheel `espeakng-loader`, run by itself.

eSpeak NG is a program of its own under the GPL (version 3 or later). It is neither linked, copied nor required here:
`espeak_process` loads it by ctypes in a separate process, and text goes in and sound comes out through pipes.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from synclips.errors import BackendError, ConfigError
from synclips.media.audio import Waveform
from synclips.speech.tts import espeak_process
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
    """eSpeak NG in one of its voices. `pitch` is the library's own scale, 0 to 100.

    Raises:
        BackendError: the wheel is missing or its library does not work.
    """

    voice: str = VOICES[0]
    pitch: int = 50
    name: str = "espeak"

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

    def synthesize(self, text: str) -> Speech:
        """Speak one sentence; always the same sound for the same text.

        Raises:
            BackendError: the library failed.
            ConfigError: no such voice.
        """
        library, data = library_files()
        with short_path(data) as folder:
            arguments = [library, str(folder), self.voice, str(self.pitch), str(PITCH_RANGE), str(WORDS_PER_MINUTE)]
            command = [sys.executable, "-I", "-S", espeak_process.__file__, *arguments]
            try:
                done = subprocess.run(command, input=text.encode(), capture_output=True, timeout=_PATIENCE, check=False)
            except (OSError, subprocess.TimeoutExpired) as error:
                raise BackendError(f"espeak cannot be run: {error}") from error
        if done.returncode == 2:
            raise ConfigError(f"espeak has no voice {self.voice!r}; see --voice list")
        if done.returncode != 0:
            words = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
            raise BackendError(f"espeak failed ({''.join(words) or done.returncode}); reinstall espeakng-loader")
        return _speech(text, done.stdout)


def _speech(text: str, output: bytes) -> Speech:
    header, _, sound = output.partition(b"\n")
    facts = json.loads(header)
    samples = np.frombuffer(sound, "<i2").astype(np.float32) / 32768
    words = tuple(
        WordTime(text[position : position + length].strip(), start / 1000, end / 1000)
        for position, length, start, end in facts["words"]
        if text[position : position + length].strip()
    )
    return Speech(Waveform(samples, facts["sample_rate"]), words)


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
