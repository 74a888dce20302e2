"""Long stretches become clips of 2 to 10 seconds, cut where nobody speaks."""

from itertools import pairwise

import numpy as np

from synclips.corpus.cutting import CutSettings, cut_at_pauses

SETTINGS = CutSettings()


def cut(speaking: np.ndarray) -> list[tuple[int, int]]:
    level = np.where(speaking, -20.0, -60.0)
    return list(cut_at_pauses(0, len(speaking), speaking, level, SETTINGS))


def talk(*stretches: tuple[int, bool]) -> np.ndarray:
    return np.concatenate([np.full(count, said) for count, said in stretches])


def test_a_long_pause_is_cut_away() -> None:
    assert cut(talk((100, True), (100, False), (100, True))) == [(0, 106), (194, 300)]


def test_long_speech_is_cut_in_its_pauses_only() -> None:
    pauses = [(180, 195), (390, 400), (620, 640), (760, 775)]
    speaking = np.ones(900, bool)
    for start, stop in pauses:
        speaking[start:stop] = False
    clips = cut(speaking)
    assert clips[0][0] == 0
    assert clips[-1][1] == 900
    assert all(b == c for (_, b), (c, _) in pairwise(clips))
    assert all(SETTINGS.shortest <= b - a <= SETTINGS.longest for a, b in clips)
    inner = [b for _, b in clips[:-1]]
    assert all(any(start <= cut <= stop for start, stop in pauses) for cut in inner)


def test_speech_without_a_pause_is_cut_in_its_quietest_frame() -> None:
    speaking, level = np.ones(400, bool), np.full(400, -20.0)
    level[213] = -25.0
    assert list(cut_at_pauses(0, 400, speaking, level, SETTINGS)) == [(0, 213), (213, 400)]


def test_a_short_sentence_keeps_more_of_its_pauses() -> None:
    (clip,) = cut(talk((40, False), (30, True), (60, False)))
    assert clip[1] - clip[0] == SETTINGS.shortest
    assert clip[0] < 40
    assert clip[1] > 70


def test_silence_and_short_stretches_give_nothing() -> None:
    assert cut(np.zeros(500, bool)) == []
    assert cut(np.ones(40, bool)) == []
