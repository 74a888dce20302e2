"""The mouth's canvas: the skull stands still in it, the jaw moves, and colours tell the light."""

import numpy as np
import pytest

from synclips.features.face_mesh import INNER_LIPS, lower_points, template
from synclips.features.mouth_canvas import (
    CHIN,
    HEIGHT,
    SKIN,
    TEXELS,
    UNITS,
    WIDTH,
    Canvas,
    depth_of_lips,
    inner_places,
    light_of,
    lip_colours,
)

REST = template()[lower_points()]


def opened(by: float) -> np.ndarray:
    """The lower lip and the chin lower by `by` units."""
    lower = REST.copy()
    lower[inner_places()[11:], 1] += by
    lower[np.searchsorted(lower_points(), CHIN), 1] += by
    return lower


def test_places_are_those_of_the_positions() -> None:
    canvas = Canvas(REST)
    x, y = canvas.positions()
    points = np.stack([x, y, np.zeros_like(x)], axis=2)
    places = canvas.place(points)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    np.testing.assert_allclose(places[..., 0], columns, atol=1e-3)
    np.testing.assert_allclose(places[..., 1], rows, atol=1e-3)


def test_the_mask_is_the_inner_mouth() -> None:
    canvas, lower = Canvas(REST), opened(8)
    contour = canvas.place(lower)[inner_places()]
    area = 0.5 * abs(
        np.dot(contour[:, 0], np.roll(contour[:, 1], 1)) - np.dot(contour[:, 1], np.roll(contour[:, 0], 1))
    )
    assert canvas.mask(lower).sum() == pytest.approx(area, rel=0.15)
    assert canvas.mask(opened(0)).sum() < 0.3 * area


def test_skull_coordinates_stand_still_and_jaw_coordinates_follow_the_chin() -> None:
    canvas = Canvas(REST)
    shut, wide = canvas.maps(opened(0)), canvas.maps(opened(8))
    np.testing.assert_array_equal(shut[3:5], wide[3:5])
    np.testing.assert_allclose(shut[5] - wide[5], 8 / UNITS, atol=1e-5)
    middle = canvas.place(opened(8))[np.searchsorted(lower_points(), 13)]
    column = round(float(middle[0]))
    rows = np.flatnonzero(wide[0, :, column] > 0)
    assert (wide[1, rows, column] > -0.1).all()  # below the upper lip
    assert (wide[2, rows, column] > -0.1).all()  # above the lower one
    assert len(rows) == pytest.approx(9 * TEXELS, abs=2)


def test_the_shape_tells_opening_and_jaw() -> None:
    canvas = Canvas(REST)
    difference = canvas.shape(opened(4)) - canvas.shape(opened(0))
    np.testing.assert_allclose(difference, np.array([4, 0, 4, 0, 0]) / 8, atol=1e-5)


def test_the_lips_depth_is_that_of_their_points() -> None:
    inner = REST[inner_places()]
    depth = depth_of_lips(REST, inner[:, :1])
    assert np.abs(depth[:, 0] - inner[:, 2]).max() < 1.5


def test_colours_are_those_of_skin_and_lips_and_give_the_light() -> None:
    points = (template()[:, :2] * 2).astype(np.float32)
    picture = np.full((300, 300, 3), np.array(SKIN) * 255, np.uint8)
    import cv2

    from synclips.features.face_mesh import OUTER_LIPS

    cv2.fillPoly(picture, [np.round(points[OUTER_LIPS]).astype(np.int32)], (150, 60, 70))
    cv2.fillPoly(picture, [np.round(points[INNER_LIPS]).astype(np.int32)], (255, 255, 255))
    colours = lip_colours(picture, points)
    assert colours is not None
    np.testing.assert_allclose((colours[:3] + 1) * 127.5, np.array(SKIN) * 255, atol=2)
    np.testing.assert_allclose((colours[3:] + 1) * 127.5, [150, 60, 70], atol=6)
    np.testing.assert_allclose(light_of(colours), 1, atol=0.02)
    darker = lip_colours(picture // 2, points)
    assert darker is not None
    np.testing.assert_allclose(light_of(darker), 0.5, atol=0.02)


def test_a_mouth_outside_the_picture_has_no_colours() -> None:
    points = (template()[:, :2] * 2).astype(np.float32)
    assert lip_colours(np.zeros((40, 40, 3), np.uint8), points) is None
    assert lip_colours(np.zeros((300, 300, 3), np.uint8), points / 40) is None  # too small
