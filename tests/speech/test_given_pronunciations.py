"""Pronunciations that a user gives: how they are written, and that they are heard in every engine that can be told."""

from pathlib import Path

import numpy as np
import pytest

from synclips.errors import ConfigError
from synclips.speech import synthesis
from synclips.speech.pronunciation.english import PHONEMES, pronounced
from synclips.speech.pronunciation.english_sounds import english_phonemes
from synclips.speech.pronunciation.given import (
    Pronunciation,
    files_of,
    is_in,
    parse_pronunciation,
    pronunciations,
    unused,
)
from synclips.speech.pronunciation.ipa import CONSONANTS, NEAREST, VOWELS, Sound, nearest, sounds_of
from synclips.speech.synthesis import speak, told
from synclips.speech.tts.espeak import EspeakSynthesizer, listen
from synclips.speech.tts.espeak_sounds import espeak_phonemes
from synclips.speech.tts.hibari import HibariSynthesizer
from synclips.speech.tts.synthesizer import Synthesizer


@pytest.mark.parametrize(
    ("text", "word", "ipa"),
    [
        ("tomato=təˈmeɪtoʊ", "tomato", "təˈmeɪtoʊ"),
        (" Goethe = /ˈɡøːtə/ ", "Goethe", "ˈɡøːtə"),
        ("New York=[njuː ˈjɔɹk]", "New York", "njuː ˈjɔɹk"),
    ],
)
def test_a_word_and_its_sounds(text: str, word: str, ipa: str) -> None:
    assert parse_pronunciation(text) == Pronunciation(word, ipa)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("tomato", "is no pronunciation: write it as"),
        ("=təˈmeɪtoʊ", "is no pronunciation"),
        ("tomato=", "is no pronunciation"),
        ("tomato=//", "is no pronunciation"),
        ("!?=ˈa", "'!\\?' has no letter"),
        ("tomato=t0mato", "'0' \\(U\\+0030\\) is no sign of the International Phonetic Alphabet"),
        ("tomato=ˈˌ", "holds no sound"),
    ],
)
def test_what_is_none_is_said_in_one_line(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as found:
        parse_pronunciation(text)
    assert "\n" not in str(found.value)


def test_a_file_of_them(tmp_path: Path) -> None:
    file = tmp_path / "names.txt"
    file.write_text("# names\n\nBjörk=ˈbjœɹk\nGoethe=ˈɡøːtə\n", encoding="utf-8")
    found = pronunciations(["Goethe=ˈɡoʊθ", str(file), "björk=ˈbjɜɹk"])
    assert found == (Pronunciation("Goethe", "ˈɡøːtə"), Pronunciation("björk", "ˈbjɜɹk"))
    assert files_of(["a=b", str(file)]) == (file,)
    file.write_text("Björk=ˈbjœɹk\nGoethe\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"names.txt, line 2: 'Goethe' is no pronunciation"):
        pronunciations([str(file)])
    with pytest.raises(ConfigError, match=r"neither word=IPA nor a file that can be read"):
        pronunciations([str(tmp_path / "nothing.txt")])
    file.write_bytes(bytes(range(256)))
    with pytest.raises(ConfigError, match="is not text"):
        pronunciations([str(file)])


def test_words_that_are_not_in_the_text_are_named() -> None:
    given = (Pronunciation("Ann", "ˈæn"), Pronunciation("C++", "siː"))
    assert is_in(given[0], "to ann's house")
    assert not is_in(given[0], "Annual")
    assert unused(given, "I like C++.") == ("pronunciations of words that are not in the text: Ann",)
    assert unused(given, "Ann likes C++.") == ()


def test_sounds_with_length_stress_and_nose() -> None:
    assert sounds_of("ˈɡøːtə") == ((Sound("ɡ", stress="ˈ"), Sound("ø", long=True), Sound("t"), Sound("ə")),)
    assert [[s.letter for s in word] for word in sounds_of("ʃɔ.ˈpɛ̃ ʧa t͡ʃɚ bə˞ l̩ ç")] == [
        ["ʃ", "ɔ", "p", "ɛ̃"],
        ["t", "ʃ", "a"],
        ["t", "ʃ", "ɚ"],
        ["b", "ɚ"],
        ["ə", "l"],
        ["ç"],
    ]
    assert [s.letter for s in sounds_of("bʌtl̩")[0]] == ["b", "ʌ", "t", "ə", "l"]
    with pytest.raises(ValueError, match="#"):
        sounds_of("a#")


def test_every_sound_has_a_neighbour_that_is_a_sound() -> None:
    letters = VOWELS | CONSONANTS
    assert set(NEAREST) <= letters
    assert {part for options in NEAREST.values() for part in options.replace(" ", "")} <= letters
    for letter in letters - {"ʔ", "ʕ", "h"}:
        assert nearest(letter, frozenset("aeioumnpbtdkɡfsʃlrjhɹ")), letter
    assert nearest("ɲ", {"n", "j"}) == ("n", "j")
    assert nearest("ɛ̃", {"e", "n"}) == ("e", "n")
    assert nearest("ʔ", {"a"}) == ()


@pytest.mark.parametrize(
    ("ipa", "phonemes"),
    [
        ("həˈloʊ", "həlˈO"),
        ("ˈtʃaɪnə", "ʧˈInə"),
        ("bɜːd", "bˈɜɹd"),
        ("ˈɲɔki", "njˈɔki"),
        ("ʃɔˈpɛ̃", "ʃɔpˈɛn"),
        ("kaˈfe", "kɑfˈA"),
        ("ˌɛs kjuː ˈɛl", "ˌɛskjuˈɛl"),
        ("θɹiː ɛm", "θɹˈiˈɛm"),
    ],
)
def test_english_phonemes(ipa: str, phonemes: str) -> None:
    assert english_phonemes(ipa) == phonemes


def test_english_has_something_for_every_sound() -> None:
    for letter in VOWELS | CONSONANTS:
        assert set(english_phonemes(f"a{letter}a")) <= set(PHONEMES)


def test_given_words_are_not_looked_up() -> None:
    given = (Pronunciation("synclips", "ˈsɪŋklɪps"), Pronunciation("three M", "ˈθɹiːˌɛm"))
    tokens = pronounced("SyncLips's, three m three.", given)
    assert [(token.text, token.phonemes) for token in tokens] == [
        ("SyncLips's", "sˈɪŋklɪpsᵻz"),
        (",", ","),
        ("three m", "θɹˈiˌɛm"),
        ("three", "θɹˈi"),
        (".", "."),
    ]
    with pytest.raises(ConfigError, match="no sound of English"):
        pronounced("uh oh", (Pronunciation("uh", "ʔ"),))


def test_what_follows_a_given_word_knows_its_sound() -> None:
    assert pronounced("the one")[0].phonemes == "ðə"
    assert pronounced("the one", (Pronunciation("one", "ˈoʊn"),))[0].phonemes == "ði"


@pytest.mark.parametrize(
    ("voice", "ipa", "heard"),
    [
        ("en-us+klatt4", "həˈloʊ", "həlˈoʊ"),
        ("en-us+klatt4", "ˈɲɔki", "ɲˈɔki"),
        ("en-us+klatt4", "byt", "bˈit"),
        ("fr+klatt4", "ʃɔˈpɛ̃", "ʃɔpˈɛ̃"),
        ("de+klatt4", "ˈɡøːtə", "ɡˈøːtə"),
        ("ja+klatt4", "luˈpin", "lɯᵝpˈin"),
        ("it+klatt4", "luˈpin", "lʊpˈin"),
        ("ru+klatt4", "lo", "ɫˈo"),
    ],
)
def test_espeak_says_what_was_written_or_the_nearest(voice: str, ipa: str, heard: str) -> None:
    def hear(texts: list[str]) -> list[list[str]]:
        return listen(voice, texts)

    phonemes = espeak_phonemes(ipa, hear)
    assert "".join(hear([f"[[{phonemes}]]"])[0]) == heard


def test_espeak_times_the_word_as_it_is_written() -> None:
    plain = EspeakSynthesizer("fr+klatt4").synthesize("Bonjour Goethe et merci [[h@")
    engine = EspeakSynthesizer("fr+klatt4").pronouncing((Pronunciation("goethe", "ˈɡøːtə faʊst"),))
    speech = engine.synthesize("Bonjour Goethe et merci [[h@")
    assert [word.word for word in speech.words][:4] == ["Bonjour", "Goethe", "et", "merci"]
    assert speech.words[1].end - speech.words[1].start > plain.words[1].end - plain.words[1].start
    starts = [word.start for word in speech.words]
    assert starts == sorted(starts)
    with pytest.raises(ConfigError, match="no sound of uh=ʕ"):
        EspeakSynthesizer("it+klatt4", given=(Pronunciation("uh", "ʕ"),)).synthesize("uh")


@pytest.mark.parametrize("engine", [HibariSynthesizer(), EspeakSynthesizer()])
def test_a_given_word_sounds_as_the_word_that_it_names(engine: Synthesizer) -> None:
    told_so = engine.pronouncing((Pronunciation("zorb", "ˈdɔɡ"),))
    assert told_so is not None
    said, other = told_so.synthesize("my zorb barks."), engine.synthesize("my zorb barks.")
    assert not np.array_equal(said.waveform.samples, other.waveform.samples)
    assert [word.word for word in said.words] == ["my", "zorb", "barks"]
    if engine.name == "hibari":
        assert np.array_equal(said.waveform.samples, engine.synthesize("my dog barks.").waveform.samples)


def test_numbers_in_a_word_are_read_as_in_the_text() -> None:
    line = speak("We use 3M tape.", synthesizer="hibari", pronounce=(Pronunciation("3M", "ˈθɹiːˌɛm"),))
    assert [word.word for word in line.words] == ["We", "use", "three M", "tape"]
    assert not any("not in the text" in note for note in line.notes)
    line = speak("Hello.", synthesizer="hibari", pronounce=(Pronunciation("Пётр", "ˈpjɔtr"),))
    assert any("not in the text: Пётр" in note for note in line.notes)


def test_an_engine_that_cannot_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HibariSynthesizer, "pronouncing", lambda *_: None)
    given = (Pronunciation("a", "a"),)
    with pytest.raises(ConfigError, match="hibari cannot be told how a word is pronounced; leave --pronounce out"):
        told(HibariSynthesizer(), "", given, "en", "auto", "hibari")
    deaf = HibariSynthesizer()
    monkeypatch.setattr(synthesis, "choose_synthesizer", lambda _: (EspeakSynthesizer(), "voice engine: espeak"))
    engine, line = told(deaf, "", given, "en", "auto", "auto")
    assert engine == EspeakSynthesizer(given=given)
    assert line == "voice engine: espeak; hibari cannot be told how a word is pronounced"
