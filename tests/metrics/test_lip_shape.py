"""Lip errors and openings: nothing between equal mouths, most for a mouth that never moves or moves the wrong way."""

import numpy as np
import pytest
from drawn_clips import draw_clip

from synclips.features.face_mesh import LIPS, lower_points, template
from synclips.metrics.lip_shape import (
    correlation,
    inter_ocular,
    largest_lip_error,
    lip_errors,
    mean_lip_error,
    opening_of,
)


@pytest.fixture(scope="module")
def spoken() -> np.ndarray:
    """Displacements from rest of a mouth that speaks."""
    return draw_clip(4).lower - template()[lower_points()]


def test_equal_mouths_have_no_error(spoken: np.ndarray) -> None:
    assert largest_lip_error(spoken, spoken) == mean_lip_error(spoken, spoken) == 0
    assert correlation(opening_of(spoken), opening_of(spoken)) == pytest.approx(1)


def test_errors_are_shares_of_the_distance_between_the_eyes(spoken: np.ndarray) -> None:
    moved = spoken.copy()
    moved[:, np.searchsorted(lower_points(), LIPS[0]), 0] += inter_ocular() / 10
    assert largest_lip_error(moved, spoken) == pytest.approx(10, rel=1e-4)
    assert mean_lip_error(moved, spoken) == pytest.approx(10 / len(LIPS), rel=1e-4)


def test_depth_does_not_count(spoken: np.ndarray) -> None:
    assert lip_errors(spoken + np.array([0, 0, 5], np.float32), spoken).max() == 0


def test_frozen_late_and_contrary_mouths_are_seen(spoken: np.ndarray) -> None:
    frozen, late, contrary = np.zeros_like(spoken), np.roll(spoken, 4, axis=0), -spoken
    one = largest_lip_error(late[:, :], spoken)
    assert 0 < one < largest_lip_error(contrary, spoken)
    assert 0 < largest_lip_error(frozen, spoken) < largest_lip_error(contrary, spoken)
    assert correlation(opening_of(frozen), opening_of(spoken)) == 0
    assert correlation(opening_of(late), opening_of(spoken)) < 0.7
    assert correlation(opening_of(contrary), opening_of(spoken)) == pytest.approx(-1)
