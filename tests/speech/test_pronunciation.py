"""Words are pronounced as the CMU dictionary has them, near enough, and eSpeak's failures are one clear line."""

import subprocess

import pytest

from synclips.errors import BackendError
from synclips.speech.tts import phonemes
from synclips.speech.tts.phonemes import PHONEMES, Phoneme, pronounce


def written(word: str) -> str:
    [sounds] = pronounce((word,))
    return " ".join(s.name if s.stress is None else f"{s.name}{s.stress}" for s in sounds)


@pytest.mark.parametrize(
    ("word", "sounds"),
    [
        ("water", "w ao1 t er0"),
        ("church", "ch er1 ch"),
        ("judge", "jh ah1 jh"),
        ("The", "dh ah0"),
        ("a", "ah0"),
        ("four", "f ao1 r"),
        ("button", "b ah1 t ah0 n"),
        ("rhythm", "r ih1 dh ah0 m"),
        ("enjoy", "eh0 n jh oy1"),
        ("couldn't", "k uh1 d ah0 n t"),
        ("w", "d ah1 b ah0 l y uw2"),
        ("pleasure", "p l eh1 zh er0"),
        ("singing", "s ih1 ng ih0 ng"),
        ("thousand", "th aw1 z ah0 n d"),
        ("why", "w ay1"),
    ],
)
def test_as_in_the_dictionary(word: str, sounds: str) -> None:
    assert written(word) == sounds


def test_words_nobody_knows_are_guessed() -> None:
    for sounds in pronounce(("zorbifrax", "synclips", "xqzt", "hmm")):
        assert sounds
        assert {sound.name for sound in sounds} <= set(PHONEMES)


def test_many_words_at_once_keep_their_order_and_silence_is_nothing() -> None:
    words = ("bin", "blue", "'", "now")
    assert [bool(sounds) for sounds in pronounce(words)] == [True, True, False, True]
    assert pronounce(words)[3] == (Phoneme("n"), Phoneme("aw", 1))
    assert pronounce(()) == ()


def test_espeak_that_fails_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object, **__: object) -> subprocess.CompletedProcess[bytes]:
        return subprocess.CompletedProcess([], 3, b"", b"Traceback\nOSError: no data")

    def hanging(*_: object, **__: object) -> None:
        raise subprocess.TimeoutExpired("espeak", 1)

    for run, line in ((failing, "no data"), (hanging, "cannot be run")):
        monkeypatch.setattr(phonemes.subprocess, "run", run)
        with pytest.raises(BackendError, match=line):
            pronounce((f"never asked before {line}",))
