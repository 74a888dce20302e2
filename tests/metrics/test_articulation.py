"""Figures of articulation on motion that is constructed: gains, leaks and noise that are put in come out."""

import numpy as np
import pytest

from synclips.features.face_mesh import CORNERS, INNER_BOTTOM, INNER_TOP, LIPS, lower_points, template
from synclips.metrics.articulation import (
    CHIN,
    MOVEMENTS,
    agreement,
    articulation_figures,
    leaks,
    movements,
    smallest_openings,
)

FRAMES = 200
_PLACE = {int(point): i for i, point in enumerate(lower_points())}


def _face(seed: int, **gains: float) -> np.ndarray:
    """A lower face each of whose movements follows a walk of its own; `gains` scale single ones."""
    rng = np.random.default_rng(seed)
    lower = np.repeat(template()[lower_points()][None], FRAMES, axis=0)
    walk = {name: rng.normal(size=FRAMES) * gains.get(name, 1) for name in MOVEMENTS}
    right, left = (_PLACE[p] for p in CORNERS)
    lower[:, left, 0] += walk["width"]
    lower[:, _PLACE[INNER_BOTTOM], 1] += walk["opening"] / 2
    lower[:, _PLACE[INNER_TOP], 1] -= walk["opening"] / 2
    lower[:, [right, left], 1] -= walk["corners"][:, None]
    lower[:, _PLACE[CHIN], 1] += walk["chin"]
    lower[:, [_PLACE[int(p)] for p in LIPS], 2] -= walk["protrusion"][:, None]
    return lower.astype(np.float32)


@pytest.mark.parametrize("name", MOVEMENTS)
def test_each_movement_is_measured_apart(name: str) -> None:
    wanted, weak = _face(1), _face(1, **{name: 0.5})
    found = agreement(weak, wanted)
    assert found[name].amplitude == pytest.approx(0.5, abs=1e-3)
    assert found[name].correlation == pytest.approx(1, abs=1e-4)
    others = [found[other].amplitude for other in MOVEMENTS if other != name]
    assert others == pytest.approx([1] * len(others), abs=1e-3)


def test_signs() -> None:
    """Larger is wider, opener, higher corners, lower chin, lips further out."""
    rest = template()[lower_points()][None]
    right, left = (_PLACE[p] for p in CORNERS)
    for name, points, axis, step in (
        ("width", [left], 0, 1.0),
        ("width", [right], 0, -1.0),
        ("opening", [_PLACE[INNER_BOTTOM]], 1, 1.0),
        ("corners", [right, left], 1, -1.0),
        ("chin", [_PLACE[CHIN]], 1, 1.0),
        ("protrusion", [_PLACE[int(p)] for p in LIPS], 2, -1.0),
    ):
        moved = rest.copy()
        moved[:, points, axis] += step
        change = movements(moved)[name] - movements(rest)[name]
        assert change == pytest.approx(1, abs=1e-4), name


def test_displacements_serve_as_positions_do() -> None:
    made, wanted, rest = _face(1, opening=0.7), _face(1), template()[lower_points()]
    one, other = agreement(made, wanted), agreement(made - rest, wanted - rest)
    assert one["opening"].amplitude == pytest.approx(other["opening"].amplitude, abs=1e-5)


def test_lips_that_stand_still() -> None:
    still, moving = _face(1, **dict.fromkeys(MOVEMENTS, 0.0)), _face(2)
    assert agreement(still, moving)["width"].amplitude == pytest.approx(0, abs=1e-5)
    assert agreement(still, moving)["width"].correlation == 0
    assert agreement(still, still)["opening"].amplitude == 1
    assert agreement(moving, still)["opening"].amplitude == float("inf")


@pytest.mark.parametrize("share", [0.0, 0.05, 0.2, 0.5])
def test_a_leak_that_is_put_in_is_found(share: float) -> None:
    plan, source = _face(1), _face(2)
    noise = np.random.default_rng(3).normal(0, 0.05, plan.shape).astype(np.float32)
    for found in leaks(plan + share * (source - plan) + noise, plan, source).values():
        assert found.share == pytest.approx(share, abs=0.02)
        assert (found.partial > 0.5) == (share > 0)


def test_a_picture_that_only_moves_too_little_has_no_partial_correlation() -> None:
    plan, source = _face(1), _face(2)
    rest = plan.mean(axis=0)
    found = leaks(rest + 0.8 * (plan - rest), plan, source)["opening"]
    assert 0.05 < found.share < 0.15
    assert abs(found.partial) < 0.2


def test_a_source_that_moves_as_planned_leaks_nothing() -> None:
    plan = _face(1)
    assert leaks(plan, plan, plan)["chin"].share == 0


def test_figures_are_named_after_movement_and_prefix() -> None:
    figures = articulation_figures(_face(1), _face(1), prefix="seen_")
    assert set(figures) == {f"seen_{name}_{kind}" for name in MOVEMENTS for kind in ("amplitude", "r")}
    assert all(value == pytest.approx(1) for value in figures.values())


def test_a_closure_is_the_smallest_opening_around_a_sound() -> None:
    times = (np.arange(25) + 0.5) / 25
    opening = np.full(25, 5.0)
    opening[[8, 20]] = 0.3, 0.6
    spans = [(0.32, 0.36), (0.6, 0.64), (0.78, 0.8), (0.97, 1.0)]  # the last ends with the frames: it is left out
    assert smallest_openings(opening, times, spans) == [0.3, 5.0, 0.6]
    assert smallest_openings(opening, times, [(0.40, 0.41)], around=0.0) == [5.0]
    assert smallest_openings(opening[:0], times[:0], spans) == []
