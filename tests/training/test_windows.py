"""Windows: which frames they use, how they turn the head, and how often they are what."""

from dataclasses import replace

import numpy as np
import pytest
from drawn_store import FRAMES, drawn_store

from synclips.config import RenderConfig, SamplingConfig
from synclips.data.dataset import ClipStore
from synclips.features.face_mesh import LIPS, lower_opening, lower_points
from synclips.training.motion_data import NEAREST
from synclips.training.windows import LENGTH, Window, draw_window, window_at

SAMPLING, RENDER = SamplingConfig(), RenderConfig()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ClipStore:
    return drawn_store(tmp_path_factory.mktemp("store"))


def drawn(store: ClipStore, count: int, sampling: SamplingConfig = SAMPLING) -> list[Window]:
    rng = np.random.default_rng(0)
    return [draw_window(store, list(store.entries)[k % 3], sampling, rng) for k in range(count)]


def test_no_frame_is_made_from_its_neighbours(store: ClipStore) -> None:
    for window in drawn(store, 60):
        own = window.index
        assert own[0] >= 0
        assert own[-1] < FRAMES
        assert np.abs(window.skin - own).min() >= NEAREST
        assert np.abs(window.donors[:, None] - own).min() >= NEAREST
        shapes = window.clip.lower[own]
        used = window.mouths(shapes, 2, RENDER)
        assert used.shape == (LENGTH, 2)
        if not window.photograph:
            assert set(used.ravel()) <= set(window.donors)


def test_a_photograph_has_one_picture(store: ClipStore) -> None:
    rng = np.random.default_rng(0)
    window = window_at(store, next(iter(store.entries)), 3, rng, photograph=True)
    assert len(set(window.skin)) == 1
    assert set(window.mouths(window.clip.lower[window.index], 2, RENDER).ravel()) == set(window.skin)


def test_skipped_mouths_are_the_nearest(store: ClipStore) -> None:
    window = window_at(store, next(iter(store.entries)), 20, np.random.default_rng(0))
    openings = [lower_opening(window.clip.lower[donor]) for donor in window.donors]
    shapes = np.repeat(window.clip.lower[window.donors[int(np.argmax(openings))]][None], LENGTH, axis=0)
    index = np.searchsorted(lower_points(), LIPS)

    def distance(skipped: int) -> float:
        chosen = replace(window, skipped=skipped).mouths(shapes, 1, RENDER)[:, 0]
        return float(np.linalg.norm(window.clip.lower[chosen][:, index] - shapes[:, index], axis=2).mean())

    assert distance(0) == pytest.approx(0, abs=1e-6)
    assert distance(0) < distance(3) < distance(12)


def test_a_turned_head_turns_about_its_middle(store: ClipStore) -> None:
    window = window_at(store, next(iter(store.entries)), 5, np.random.default_rng(0))
    angle = np.radians(12)
    turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    turned = replace(window, turn=turn)
    middle = window.clip.mesh.mean(axis=0)
    for pose, other in zip(window.pose, turned.pose, strict=True):
        np.testing.assert_allclose(pose[:, :3] @ middle + pose[:, 3], other[:, :3] @ middle + other[:, 3], atol=1e-4)
    np.testing.assert_allclose(turned.rotation, window.rotation @ turn, atol=1e-6)
    np.testing.assert_array_equal(turned.mouths(window.clip.lower[window.index], 1, RENDER).shape, (LENGTH, 1))


def test_windows_are_drawn_as_often_as_the_settings_say(store: ClipStore) -> None:
    windows = drawn(store, 400, SamplingConfig(photograph=0.25, turned=0.4, skipped=3))
    assert np.mean([w.photograph for w in windows]) == pytest.approx(0.25, abs=0.07)
    assert np.mean([w.turn is not None for w in windows]) == pytest.approx(0.4, abs=0.08)
    assert {w.skipped for w in windows} == {0, 1, 2, 3}
    never = drawn(store, 30, SamplingConfig(photograph=0.0, turned=0.0, skipped=0))
    assert all(not w.photograph and w.turn is None and w.skipped == 0 for w in never)
