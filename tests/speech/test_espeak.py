"""The built-in engine, for real."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from synclips.errors import BackendError, ConfigError
from synclips.speech.tts.engines import choose_synthesizer, list_voices
from synclips.speech.tts.espeak import EspeakSynthesizer


def test_speaks_words_with_times_in_order() -> None:
    speech = EspeakSynthesizer().synthesize("place red at g nine soon")
    assert [word.word for word in speech.words] == ["place", "red", "at", "g", "nine", "soon"]
    assert 1.0 < speech.waveform.duration < 3.0
    assert np.abs(speech.waveform.samples).max() > 0.1
    starts = [word.start for word in speech.words]
    assert starts == sorted(starts)
    assert all(word.start < word.end <= speech.waveform.duration for word in speech.words)


def test_same_text_same_sound_whatever_was_said_between() -> None:
    engine = EspeakSynthesizer()
    first = engine.synthesize("set white by a one again")
    engine.synthesize("something else")
    assert np.array_equal(first.waveform.samples, engine.synthesize("set white by a one again").waveform.samples)


def test_unknown_voice_is_one_clear_line() -> None:
    with pytest.raises(ConfigError, match="no voice 'xx'"):
        choose_synthesizer("espeak:xx")


def test_unknown_engine_names_those_there_are() -> None:
    with pytest.raises(ConfigError, match="espeak"):
        choose_synthesizer("hal9000")


def test_works_from_a_folder_with_a_very_long_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import espeakng_loader

    deep = tmp_path / ("a" * 100) / ("b" * 100)
    shutil.copytree(espeakng_loader.get_data_path(), deep / "espeak-ng-data")
    monkeypatch.setattr(espeakng_loader, "get_data_path", lambda: str(deep / "espeak-ng-data"))
    assert EspeakSynthesizer().synthesize("hello").waveform.duration > 0.2


def test_broken_library_is_a_backend_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import espeakng_loader

    broken = tmp_path / "libespeak-ng.so"
    broken.write_bytes(b"not a library")
    monkeypatch.setattr(espeakng_loader, "get_library_path", lambda: str(broken))
    with pytest.raises(BackendError, match="reinstall espeakng-loader"):
        EspeakSynthesizer().synthesize("hello")


def test_auto_takes_an_engine_and_says_which() -> None:
    engine, line = choose_synthesizer("auto")
    assert engine.name in line
    assert "\n" not in line


def test_list_names_the_built_in_voice() -> None:
    assert any(voice.name == "espeak:en-us+klatt4" and voice.problem is None for voice in list_voices())
