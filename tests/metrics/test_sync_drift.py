"""A drift is where the sound moves against the lips for good, not where one window guesses."""

import itertools

import numpy as np
import pytest

from synclips.metrics.sync_drift import CHANGE, SyncDrift, SyncWindow, find_drifts, likeliest_path, sync_windows

SECOND = 25


def embeddings(frames: int, lags: dict[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Random unit vectors for the lips, and the same for the sound, `lags[i]` frames late from frame i on."""
    rows = np.random.default_rng(0).standard_normal((frames, 32)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    sound = rows.copy()
    for start, lag in lags.items():
        sound[start:] = np.roll(rows, lag, axis=0)[start:]
    return rows, sound


def windows_of(lags: dict[int, int], seconds: int = 20) -> tuple[SyncWindow, ...]:
    return sync_windows(*embeddings(seconds * SECOND, lags), np.ones(seconds * SECOND, bool))


def test_what_is_in_sync_never_slips() -> None:
    windows = windows_of({})
    assert {(window.offset, window.sure) for window in windows} == {(0, True)}
    assert find_drifts(windows) == ()


def test_a_slip_and_the_way_back_are_found_where_they_are() -> None:
    drifts = find_drifts(windows_of({6 * SECOND: 4, 12 * SECOND: 0}))
    assert [drift.frames for drift in drifts] == [4, 0]
    assert [drift.seconds for drift in drifts] == [pytest.approx(6, abs=0.8), pytest.approx(12, abs=0.8)]


def test_sound_that_is_late_throughout_slips_once_at_its_beginning() -> None:
    assert find_drifts(windows_of({0: -7})) == (SyncDrift(1.48, -7),)


def test_lips_of_others_are_unsure_and_do_not_slip() -> None:
    video, _ = embeddings(200, {})
    sound = embeddings(400, {})[0][200:]
    windows = sync_windows(video, sound, np.ones(200, bool))
    assert not any(window.sure for window in windows)
    assert find_drifts(windows) == ()


def test_pictures_without_a_face_give_no_window() -> None:
    video, sound = embeddings(300, {})
    usable = np.ones(300, bool)
    usable[:150] = False
    windows = sync_windows(video, sound, usable)
    assert min(window.seconds for window in windows) > 4
    assert sync_windows(video, sound, np.zeros(300, bool)) == ()
    assert sync_windows(video[:5], sound[:5], usable[150:155]) == ()


def test_one_windows_chance_is_not_believed_but_a_lasting_change_is() -> None:
    gain = np.zeros((9, 5), np.float32)
    gain[:, 2] = 0.3
    gain[4, 0] = 0.3 + 1.5 * CHANGE
    assert likeliest_path(gain).tolist() == [2] * 9
    gain[5:, 0] = 0.6
    assert likeliest_path(gain).tolist() == [2] * 4 + [0] * 5


def test_the_path_is_the_best_of_all() -> None:
    gain = np.random.default_rng(1).random((5, 4)).astype(np.float32)

    def worth(path: tuple[int, ...]) -> float:
        changes = sum(one != two for one, two in itertools.pairwise(path))
        return float(sum(row[k] for row, k in zip(gain, path, strict=True))) - CHANGE * changes

    best = max(np.ndindex(4, 4, 4, 4, 4), key=worth)
    assert tuple(likeliest_path(gain).tolist()) == best
