"""Flite for real where it is installed; where it is not, or fails, one clear line."""

import shutil
import subprocess

import numpy as np
import pytest

from synclips.errors import BackendError, ConfigError
from synclips.speech.tts import flite
from synclips.speech.tts.flite import FliteSynthesizer

needs_flite = pytest.mark.skipif(shutil.which("flite") is None, reason="flite is not installed")


@needs_flite
def test_speaks_in_each_voice() -> None:
    engine = FliteSynthesizer()
    lengths = set()
    for voice in engine.voices:
        speech = engine.with_voice(voice).synthesize("hello")
        assert speech.waveform.duration > 0.2
        assert np.abs(speech.waveform.samples).max() > 0.05
        lengths.add(len(speech.waveform.samples))
    assert len(lengths) > 1


@needs_flite
def test_text_is_never_taken_for_a_file_or_a_command(tmp_path_factory: pytest.TempPathFactory) -> None:
    victim = tmp_path_factory.mktemp("flite") / "victim"
    FliteSynthesizer().synthesize(f"hello; touch {victim}")
    assert not victim.exists()


@needs_flite
def test_unknown_voice() -> None:
    with pytest.raises(ConfigError, match="no voice 'nobody'"):
        FliteSynthesizer("nobody")


def test_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flite.shutil, "which", lambda _: None)
    with pytest.raises(BackendError, match="apt install flite"):
        FliteSynthesizer()


def test_failure_and_hanging(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flite.shutil, "which", lambda _: "flite")
    failed = subprocess.CompletedProcess([], 1, b"", b"boom\nno such thing\n")
    monkeypatch.setattr(flite.subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(BackendError, match="no such thing"):
        FliteSynthesizer()

    def hang(*_: object, **__: object) -> None:
        raise subprocess.TimeoutExpired("flite", 1)

    monkeypatch.setattr(flite.subprocess, "run", hang)
    with pytest.raises(BackendError, match="cannot be run"):
        FliteSynthesizer()
