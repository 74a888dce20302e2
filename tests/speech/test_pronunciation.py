"""English is pronounced as dictionary and sentence have it; unknown words are read by their letters."""

from pathlib import Path

import pytest
import torch

from synclips.errors import BackendError
from synclips.speech.pronunciation import spelling
from synclips.speech.pronunciation.data import english_words
from synclips.speech.pronunciation.english import PHONEMES, PUNCTUATION, pronounced
from synclips.speech.pronunciation.lexicon import Following, Lexicon, stressed
from synclips.speech.pronunciation.spelling import SpellingNetwork, read_letters


def said(sentence: str) -> str:
    return " ".join(token.phonemes for token in pronounced(sentence))


@pytest.mark.parametrize(
    ("sentence", "phonemes"),
    [
        ("hello there.", "həlˈO ðˈɛɹ ."),
        ("the apple, the pear", "ði ˈæpᵊl , ðə pˈɛɹ"),
        ("I read it yesterday and I will read it again.", "ˌI ɹˈɛd ɪt jˈɛstəɹdˌA ænd ˌI wɪl ɹˈid ɪt əɡˈɛn ."),
        ("a record", "ɐ ɹˈɛkəɹd"),
        ("to record", "tə ɹəkˈɔɹd"),
        ("We used to live near the live music.", "wˌi jˈust tə lˈɪv nˌɪɹ ðə lˈIv mjˈuzɪk ."),
        ("you're hired!", "jʊɹ hˈIəɹd !"),
        ("FBI", "ˌɛfbˌiˈI"),
        ("boxes, packed, hitting", "bˈɑksᵻz , pˈækt , hˈɪTɪŋ"),
        ("lay green with eigh zero", "lˈA ɡɹˈin wɪð ˈA zˈɪɹO"),
    ],
)
def test_as_the_dictionary_and_the_sentence_have_it(sentence: str, phonemes: str) -> None:
    assert said(sentence) == phonemes


def test_words_and_marks_keep_their_order_and_their_spelling() -> None:
    tokens = pronounced("Well, don't you know Mr McDonald's dog?")
    assert [token.text for token in tokens] == ["Well", ",", "don't", "you", "know", "Mr", "McDonald's", "dog", "?"]
    assert [token.is_word for token in tokens] == [True, False, True, True, True, True, True, True, False]
    assert pronounced("") == ()


def test_unknown_words_are_read_in_the_voice_s_own_signs() -> None:
    for word in ("zorbifrax", "synclips", "xqzt", "Hmm", "SyncLips", "'", "''tis", "qwertyuiopasdfghjklzxcvbnmqwerty"):
        [token] = pronounced(word)
        assert set(token.phonemes) <= set(PHONEMES)
    assert said("zorbifrax").startswith("zˈɔɹb")
    assert said("'") == ""


def test_parts_of_a_word_in_humps_are_read_as_words() -> None:
    assert said("LipSync") == "lˌɪpsˈɪŋk"


def test_stress_is_weakened_and_added() -> None:
    assert stressed("həlˈO", -1.0) == "həlˌO"
    assert stressed("ænd", 0.5) == "ˌænd"
    assert stressed("ænd", 2.0) == "ˈænd"
    assert stressed("ˈæləbˌI", -2.0) == "æləbI"
    assert stressed("hm", 2.0) == "hm"


def test_letters_are_spelled_with_the_stress_at_the_end() -> None:
    lexicon = Lexicon(english_words())
    assert lexicon.spelled("tv") == "tˌivˈi"
    assert lexicon.spelled("'") is None
    assert lexicon.read("zorbifrax", "NN", Following()) is None


def test_the_spelling_network_gives_four_sounds_a_letter() -> None:
    torch.manual_seed(0)
    assert SpellingNetwork().eval()(torch.tensor([1, 2, 3])).shape == (12,)


def test_punctuation_is_no_phoneme() -> None:
    assert not set(PUNCTUATION) & set(PHONEMES)


def test_damaged_files_are_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_bytes(b"nothing")
    with pytest.raises(BackendError, match="reinstall synclips"):
        english_words(broken)
    monkeypatch.setattr(spelling, "WEIGHTS", broken)
    spelling._network.cache_clear()
    try:
        with pytest.raises(BackendError, match="reinstall synclips"):
            read_letters("neverreadbefore")
    finally:
        spelling._network.cache_clear()
