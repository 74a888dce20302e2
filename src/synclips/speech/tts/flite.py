"""Flite, where the program is installed: Black and Lenzo, "Flite: a small fast run-time synthesis engine", SSW4, 2001.

Its CLUSTERGEN voices (rms, slt, awb: recordings of the ARCTIC speakers behind them) sound clearer and less mechanical
than eSpeak. It is run as a program of its own; it gives no word times.
"""

import shutil
import subprocess
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from synclips.errors import BackendError, ConfigError, MediaError
from synclips.media.audio import Waveform, read_audio
from synclips.speech.pronunciation.given import Pronunciation
from synclips.speech.tts.synthesizer import Speech

VOICES: Final = ("rms", "slt", "awb")
"""A man from the United States, a woman from there, a man from Scotland."""
_PATIENCE: Final = 120
"""Seconds for one sentence, of which it needs a tenth."""


@dataclass(frozen=True)
class FliteSynthesizer:
    """Flite in one of its voices.

    Raises:
        BackendError: the program is not installed.
        ConfigError: no such voice in it.
    """

    voice: str = VOICES[0]
    name: str = "flite"

    def __post_init__(self) -> None:
        present = _run("-lv").removeprefix("Voices available:").split()
        if self.voice not in present:
            raise ConfigError(f"flite has no voice {self.voice!r}; it has: {', '.join(present)}")

    @property
    def voices(self) -> tuple[str, ...]:
        """Those of its voices that are good enough, as far as this build has them."""
        present = _run("-lv").split()
        return tuple(voice for voice in VOICES if voice in present)

    def with_voice(self, voice: str) -> "FliteSynthesizer":
        """The same engine in another voice."""
        return replace(self, voice=voice)

    def in_voice_of(self, speech: Waveform) -> None:
        """Flite cannot imitate."""

    def at_pitch(self, median: float, spread: float) -> None:
        """Flite is left at its own pitch: the converter moves it."""

    def pronouncing(self, given: tuple[Pronunciation, ...]) -> None:
        """Flite cannot be told how a word is pronounced."""

    def synthesize(self, text: str) -> Speech:
        """Speak one sentence; always the same sound for the same text.

        Raises:
            BackendError: the program failed.
        """
        with tempfile.TemporaryDirectory(prefix="flite-") as folder:
            output = Path(folder) / "speech.wav"
            _run("-voice", self.voice, "-t", text, "-o", str(output))
            try:
                return Speech(read_audio(output))
            except MediaError as error:
                raise BackendError(f"flite wrote no sound for {text[:40]!r}") from error


def _run(*arguments: str) -> str:
    program = shutil.which("flite")
    if program is None:
        raise BackendError("flite is not installed; get it with: apt install flite")
    try:
        done = subprocess.run([program, *arguments], capture_output=True, timeout=_PATIENCE, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BackendError(f"flite cannot be run: {error}") from error
    if done.returncode != 0:
        words = done.stderr.decode(errors="replace").strip().splitlines()
        raise BackendError(f"flite failed: {words[-1] if words else f'status {done.returncode}'}")
    return done.stdout.decode(errors="replace")
