"""Nearly closed lips meet; open ones, the jaw and the corners stay."""

import numpy as np
import pytest

from synclips.features.face_mesh import (
    INNER_BOTTOM,
    INNER_LIPS,
    INNER_TOP,
    LIPS,
    OUTER_LIPS,
    lower_opening,
    lower_points,
    template,
)
from synclips.rendering.lip_contact import with_contact
from synclips.rendering.mesh_warp import SMALLEST_GAP

LIMITS = (0.25, 1.2)
REST_GAP = 0.8
HALF = len(INNER_LIPS) // 2
PLACE = {int(point): i for i, point in enumerate(lower_points())}


def face(opening: float) -> np.ndarray:
    """A lower face whose mouth is open by this beyond a rest with `REST_GAP` between the lips."""
    lower = template()[lower_points()].astype(np.float32)
    middle = (lower[PLACE[INNER_TOP], 1] + lower[PLACE[INNER_BOTTOM], 1]) / 2
    for k, (up, down) in enumerate(zip(INNER_LIPS[1:HALF], INNER_LIPS[:HALF:-1], strict=True)):
        bow = 1 - ((k - 4) / 6) ** 2
        lower[PLACE[int(up)], 1] = middle - (REST_GAP + opening * bow) / 2
        lower[PLACE[int(down)], 1] = middle + (REST_GAP + opening * bow) / 2
    return lower


def gap(lower: np.ndarray) -> float:
    return lower_opening(lower)


def test_a_slit_closes_and_an_open_mouth_stays() -> None:
    openings = [-0.1, 0.0, 0.2, 0.4, 0.7, 1.0, 1.2, 3.0, 8.0]
    wanted = np.stack([face(opening) for opening in openings])
    made = with_contact(wanted, face(0.0), LIMITS)
    gaps = [gap(lower) for lower in made]
    assert gaps[1:3] == pytest.approx([(SMALLEST_GAP + REST_GAP) / 2] * 2, abs=1e-5)
    assert gaps[0] < gaps[1] + 1e-6
    assert gaps[1:] == sorted(gaps[1:])
    assert gaps[3] < REST_GAP
    np.testing.assert_array_equal(made[6:], wanted[6:])


def test_both_lips_go_half_way_and_nothing_else_moves() -> None:
    wanted = face(0.2)[None]
    moved = with_contact(wanted, face(0.0), LIMITS)[0] - wanted[0]
    top, bottom = (moved[PLACE[point]] for point in (INNER_TOP, INNER_BOTTOM))
    assert top[1] == pytest.approx(-bottom[1])
    assert top[1] > 0.2
    lips = {PLACE[int(point)] for point in LIPS}
    others = [i for i in range(len(moved)) if i not in lips]
    assert not moved[others].any()
    corners = [PLACE[int(point)] for points in (INNER_LIPS, OUTER_LIPS) for point in (points[0], points[HALF])]
    assert not moved[corners].any()
    assert not moved[:, [0, 2]].any()


def test_each_frame_is_for_itself_and_it_can_be_turned_off() -> None:
    wanted = np.stack([face(0.2), face(2.0)])
    together = with_contact(wanted, face(0.0), LIMITS)
    np.testing.assert_array_equal(together[:1], with_contact(wanted[:1], face(0.0), LIMITS))
    assert with_contact(wanted, face(0.0), (0.0, 0.0)) is wanted
