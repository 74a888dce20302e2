"""Users' theme 4, jitter: a head at rest is still, a fast one is not left behind, and nothing crosses a cut."""

import numpy as np

from synclips.features.alignment import fit_alignment
from synclips.features.face_mesh import RIGID, fit_pose, template
from synclips.features.smoothing import settle, steady, without_spikes

JITTER = 0.4


def rigid(path: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rigid points that move along `path` (n, 2), as they are and as a detector sees them."""
    true = np.repeat(template()[None, RIGID].astype(np.float64), len(path), axis=0)
    true[..., :2] += path[:, None]
    return true, true + np.random.default_rng(0).normal(0, JITTER, true.shape)


def restlessness(points: np.ndarray) -> float:
    """Mean length of the second difference in time."""
    return float(np.linalg.norm(np.diff(points, 2, axis=0), axis=2).mean())


def test_theme_4_a_still_head_does_not_jitter() -> None:
    _, seen = rigid(np.zeros((80, 2)))
    assert restlessness(steady(seen)) < 0.12 * restlessness(seen)


def test_theme_4_a_fast_head_is_not_left_behind() -> None:
    path = np.stack([30 * np.sin(np.arange(80) / 4), np.zeros(80)], axis=1)
    true, seen = rigid(path)
    late = (steady(seen) - true)[5:-5].mean(axis=1)
    assert np.abs(late[:, 0]).max() < 1.0  # it moves by up to 7.5 a frame
    moves = np.diff(path[:, 0])
    lag = [np.corrcoef(np.roll(moves, k)[9:-9], np.diff(steady(seen)[:, 0, 0])[9:-9])[0, 1] for k in (-1, 0, 1)]
    assert int(np.argmax(lag)) == 1


def test_nothing_is_smoothed_across_a_cut() -> None:
    path = np.zeros((40, 2))
    path[20:] = [90, 40]
    _, seen = rigid(path)
    cuts = np.array([20])
    parts = np.concatenate([steady(seen[:20]), steady(seen[20:])])
    np.testing.assert_array_equal(steady(seen, cuts), parts)
    points = np.repeat(template()[None], 40, axis=0)
    points[20:, :, 0] += 90
    assert np.abs(np.diff(fit_pose(points, cuts).translation[:, 0])).argmax() == 19
    apart = fit_alignment(points, cuts)[[19, 20], 0, 2]
    np.testing.assert_allclose(apart, [fit_alignment(points[k : k + 1])[0, 0, 2] for k in (0, 30)], atol=1e-3)


def test_one_frame_stays_as_it_is() -> None:
    _, seen = rigid(np.zeros((1, 2)))
    np.testing.assert_array_equal(steady(seen), seen)


def test_a_lip_that_closes_for_one_frame_stays_closed_and_noise_is_settled() -> None:
    window = np.zeros((5, 2, 3), np.float32)
    window[:, 0] += np.random.default_rng(0).normal(0, 0.1, (5, 3))
    window[:, 1, 1] = [6, 6, 0, 6, 6]
    settled = settle(window, 2)
    assert abs(settled[1, 1]) < 0.01
    assert np.abs(settled[0]).max() < np.abs(window[:, 0]).max()


def test_theme_4_a_slip_of_the_detector_for_one_frame_is_not_followed() -> None:
    true, seen = rigid(np.stack([3.0 * np.arange(60), np.zeros(60)], axis=1))
    slipped = seen.copy()
    slipped[30] += [25, 15, 0]
    off = np.linalg.norm((steady(slipped) - true).mean(axis=1)[:, :2], axis=1)
    assert off[20:40].max() < 1.0


def test_a_head_that_moves_in_jerks_has_no_slips() -> None:
    """Every picture stands for two frames: half the frames do not move, the others move twice as far."""
    seen = rigid(np.stack([12.0 * (np.arange(60) // 2), np.zeros(60)], axis=1))[1]
    np.testing.assert_array_equal(without_spikes(seen), seen)
