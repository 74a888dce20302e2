"""A text is spoken in its own language, or the user is told that it is not."""

import pytest

from synclips.errors import BackendError, TextError
from synclips.speech import reading
from synclips.speech.conversion.world import median_pitch
from synclips.speech.reading import read_line, spoken_language
from synclips.speech.synthesis import speak
from synclips.speech.text.language import Language, language_of, may_be
from synclips.speech.text.pauses import PARAGRAPH_PAUSE, SENTENCE_PAUSE


@pytest.fixture
def without_espeak(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> tuple[str, str]:
        raise BackendError("espeak is not installed")

    monkeypatch.setattr(reading, "library_files", missing)


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("Bonjour tout le monde", "fr"),
        ("Guten Morgen, wie geht es dir?", "de"),
        ("El perro corre por la calle", "es"),
        ("Ciao bella, come stai oggi?", "it"),
        ("Wo ist der Bahnhof?", "de"),
        ("Привет, как дела?", "ru"),
        ("こんにちは", "ja"),
        ("안녕하세요", "ko"),
        ("Καλημέρα", "el"),
        ("Xin chào các bạn", "vi"),
    ],
)
def test_languages_are_told_apart(text: str, tag: str) -> None:
    assert language_of(text) == Language(tag)
    assert read_line(text).language == tag
    assert read_line(text).notes == ()


@pytest.mark.parametrize(
    "text",
    [
        "Damn this is good, you're hired!!", "bin blue at f two now", "Hello.", "OK", "$5.50", "3/4/2026",
        "C'est la vie, he said", "I am Pierre", "I love Paris", "San Francisco", "Dr. Smith lives at 12 Baker St.",
        "My name is Juan Carlos", "La La Land is a movie", "Resume the tour de force", "synclips.org", "Mm.", "Anna",
    ],
)  # fmt: skip
def test_english_is_english(text: str) -> None:
    assert language_of(text).tag == "en"
    assert read_line(text).language == "en"


def test_the_user_s_language_decides_where_the_text_allows_it() -> None:
    assert read_line("Bonjour", "fr").language == "fr"
    assert read_line("Hola", "es-MX").language == "es"
    assert spoken_language("Hei", "nb") == Language("no")
    english = read_line("The price is 3,50 today", "de")
    assert english.language == "en"
    assert english.sentences[0].text == "The price is three point five zero today"
    assert read_line("Bonjour tout le monde", "en").language == "en"
    assert not may_be("Hello there my friend", "de")


def test_a_doubt_is_a_note() -> None:
    doubtful = read_line("Je suis content")
    assert doubtful.language == "en"
    assert "may be French" in doubtful.notes[0]
    assert "--language fr" in doubtful.notes[0]


def test_what_cannot_be_spoken_is_read_as_english_with_a_note_or_refused(without_espeak: None) -> None:
    del without_espeak
    latin = read_line("Bonjour tout le monde")
    assert latin.language == "en"
    assert "synclips[espeak]" in latin.notes[0]
    with pytest.raises(TextError, match=r"Cyrillic.*synclips\[espeak\]"):
        read_line("Привет, как дела?")


def test_an_english_engine_that_was_asked_for_is_kept() -> None:
    kept = read_line("Bonjour tout le monde", synthesizer="hibari:heart")
    assert kept.language == "en"
    assert "hibari:heart speaks English only" in kept.notes[0]


def test_foreign_texts_are_cut_into_sentences() -> None:
    sentences = read_line("こんにちは、元気ですか。はい、元気です。\n\n<b>さようなら</b>。").sentences
    assert [sentence.text for sentence in sentences] == ["こんにちは、元気ですか。", "はい、元気です。", "さようなら。"]
    assert [sentence.pause for sentence in sentences] == [SENTENCE_PAUSE, PARAGRAPH_PAUSE, 0.0]
    long = read_line("Je ne sais pas ce que vous voulez dire avec cette phrase. " + "beaucoup de mots " * 60)
    assert max(len(sentence.text) for sentence in long.sentences) <= 300
    with pytest.raises(TextError, match="nothing to speak"):
        reading._sentences("...", Language("fr"), "fr")
    with pytest.raises(TextError, match="split it"):
        read_line("Bonjour tout le monde. " * 1000)


def test_french_is_spoken() -> None:
    line = speak("Bonjour tout le monde, il est 14h30.")
    assert line.synthesizer == "espeak:fr+klatt4"
    assert "French" in line.notes[0]
    assert line.duration > 1
    assert 60 < (median_pitch(line.waveform) or 0) < 200
    assert [time.word for time in line.words[:2]] == ["Bonjour", "tout"]


@pytest.mark.parametrize("text", ["1.2 kg/m³, 5 km²", "per m², in kg", "√2, π, Δt, 10 µF", "x ≤ 5, y ≥ 3"])
def test_units_and_formulas_are_in_no_language(text: str) -> None:
    assert read_line(text).language == "en"


def test_invisible_characters_vanish_in_other_languages_too() -> None:
    said = read_line("Das ist un\xadglaub\xadlich schön,\u200b und wir gehen morgen nach Hause.").sentences
    assert [sentence.text for sentence in said] == ["Das ist unglaublich schön, und wir gehen morgen nach Hause."]
    (persian,) = read_line("می\u200cخواهم بروم به خانه").sentences
    assert "\u200c" in persian.text
