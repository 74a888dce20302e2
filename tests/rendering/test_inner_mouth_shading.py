"""The inside of a closing mouth grows dark; any other mouth keeps its light."""

import numpy as np
import pytest

from synclips.config import RenderConfig
from synclips.rendering.compositor import darken_inner_mouth

RENDER = RenderConfig()
TEETH = np.full((8, 8, 3), 230, np.uint8)
INSIDE = np.zeros((8, 8), np.float32)
INSIDE[2:6, 2:6] = 1


def test_teeth_between_lips_that_meet_are_dark_and_skin_is_not() -> None:
    shaded = darken_inner_mouth(TEETH, INSIDE, own=9.0, wanted=0.0, render=RENDER)
    assert shaded[3, 3, 0] == pytest.approx(230 * RENDER.darkest, abs=1)
    np.testing.assert_array_equal(shaded[INSIDE == 0], TEETH[INSIDE == 0])


def test_the_wider_the_lighter() -> None:
    light = [
        int(darken_inner_mouth(TEETH, INSIDE, 9.0, wanted, RENDER)[3, 3, 0])
        for wanted in (-1.0, 0.5, 2.0, 3.5, RENDER.lit_opening)
    ]
    assert light == sorted(light)
    assert light[-1] == 230


@pytest.mark.parametrize(("own", "wanted"), [(1.2, 0.3), (3.0, 2.5), (5.0, 9.0)])
def test_a_mouth_at_about_its_own_opening_stays_as_it_is(own: float, wanted: float) -> None:
    np.testing.assert_array_equal(darken_inner_mouth(TEETH, INSIDE, own, wanted, RENDER), TEETH)
