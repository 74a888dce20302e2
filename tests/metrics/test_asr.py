"""Words that are there are heard; other words, silence and a missing recogniser are told apart."""

import sys
from pathlib import Path

import numpy as np
import pytest

from synclips.data.grid import find_utterances
from synclips.errors import BackendError
from synclips.media.audio import Waveform, read_audio
from synclips.metrics.asr import hear, spoken_words, word_accuracy

SILENCE = Waveform(np.zeros(16000, np.float32), 16000)


def test_words_are_as_they_are_spoken() -> None:
    assert spoken_words("Lay blue at A 3, now!") == "lay blue at a three now"
    assert spoken_words("It's 5 o'clock.") == "it's five o'clock"


def test_nothing_is_heard_in_silence() -> None:
    assert hear(SILENCE) == hear(SILENCE, grid=True) == ""
    assert word_accuracy(SILENCE, "bin blue at f two now") == 0


def test_a_text_without_words_is_refused() -> None:
    with pytest.raises(ValueError, match="no word"):
        word_accuracy(SILENCE, "...")


def test_the_right_words_are_heard_and_wrong_ones_missed(grid_clips: Path) -> None:
    utterances = [u for u in find_utterances(grid_clips) if u.speaker == "s33"][:3]
    right, wrong = [], []
    for utterance in utterances:
        sound = read_audio(utterance.video)
        right.append(word_accuracy(sound, " ".join(utterance.words)))
        wrong.append(word_accuracy(sound, "place red with q four again"))
    assert np.mean(right) > 0.7
    assert np.mean(wrong) < 0.3


def test_without_a_recogniser_one_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pocketsphinx", None)
    with pytest.raises(BackendError, match="pip install pocketsphinx"):
        hear(SILENCE)
