"""The languages that can be named, and the voices that speak them."""

import pytest

from synclips.cli.main import main
from synclips.errors import BackendError, ConfigError
from synclips.speech.reading import read_line, regional
from synclips.speech.synthesis import speak
from synclips.speech.text.conventions import check_language
from synclips.speech.text.language import NAMES, OTHERS
from synclips.speech.tts import espeak_voices
from synclips.speech.tts.engines import foreign_synthesizer, list_voices
from synclips.speech.tts.espeak_voices import voices_of

pytest.importorskip("espeakng_loader")


@pytest.mark.parametrize("language", sorted(NAMES.keys() - {"en"} | OTHERS.keys()))
def test_every_language_that_can_be_named_has_a_voice(language: str) -> None:
    check_language(language)
    assert voices_of(language)


@pytest.mark.parametrize(
    ("language", "voice"),
    [
        ("fr", "espeak:fr+klatt4"),
        ("fr-BE", "espeak:fr-be+klatt4"),
        ("pt", "espeak:pt+klatt4"),
        ("pt_br", "espeak:pt-br+klatt4"),
        ("es", "espeak:es+klatt4"),
        ("es-ES", "espeak:es+klatt4"),
        ("es-AR", "espeak:es-419+klatt4"),
        ("zh", "espeak:cmn+klatt4"),
        ("no", "espeak:nb+klatt4"),
        ("cy", "espeak:cy+klatt4"),
    ],
)
def test_the_region_s_voice_comes_first(language: str, voice: str) -> None:
    listed = list_voices(language)
    assert listed[0].name == voice
    assert foreign_synthesizer(language)[0].voice == voice.removeprefix("espeak:")
    assert foreign_synthesizer("fr", listed[0].name)[0].synthesize("1").waveform.duration > 0.1


def test_languages_that_nothing_speaks() -> None:
    with pytest.raises(ConfigError, match="language 'xx' is not known"):
        list_voices("xx")
    with pytest.raises(ConfigError, match="espeak has no voice of the language 'io2'"):
        voices_of("io2")


def test_without_espeak_the_list_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> tuple[str, str]:
        raise BackendError("espeak is not installed; pip install 'synclips[espeak]'")

    monkeypatch.setattr(espeak_voices, "library_files", missing)
    espeak_voices.espeak_voices.cache_clear()
    try:
        [voice] = list_voices("fr")
    finally:
        espeak_voices.espeak_voices.cache_clear()
    assert voice.problem is not None
    assert "synclips[espeak]" in voice.problem


def test_the_verb_lists_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["voices", "--language", "fr"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[0] == "espeak:fr+klatt4"
    assert len(lines) == 3
    assert all("French" in line for line in lines)


def test_a_language_that_is_not_told_from_the_text_is_spoken_where_it_is_named() -> None:
    assert read_line("Bore da, sut wyt ti?", "cy").language == "cy"
    assert read_line("How are you today?", "cy").language == "en"
    assert regional("pt-BR", "pt") == "pt-BR"
    assert regional("auto", "pt") == "pt"
    assert speak("Bore da, sut wyt ti?", language="cy").synthesizer == "espeak:cy+klatt4"
    line = speak("Bonjour tout le monde", synthesizer="espeak:fr-be+klatt4")
    assert line.synthesizer == "espeak:fr-be+klatt4"
