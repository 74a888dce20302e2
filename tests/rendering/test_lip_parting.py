"""Closed lips warped as two pieces: the line where they meet, and what is above and below it when they open."""

import cv2
import numpy as np
import pytest

from synclips.config import RenderConfig
from synclips.features.alignment import fit_alignment
from synclips.features.face_mesh import CLOSED, INNER_LIPS, OPEN, Pose, lower_points, template
from synclips.features.mesh_raster import extend
from synclips.rendering.lip_parting import (
    BELOW,
    UPPER,
    closedness,
    darkest_path,
    part_lips,
    without_rest_gap,
)
from synclips.rendering.mesh_warp import SMALLEST_GAP, prepare_warp, warp_image

INNER = np.searchsorted(lower_points(), INNER_LIPS)
SCALE = 4.0
UPPER_LIP, LOWER_LIP, LINE = (200, 40, 40), (40, 40, 200), (20, 10, 10)


def closed_mesh() -> np.ndarray:
    """A closed mouth as a detector sees it: a gap of one unit."""
    mesh = template().copy()
    middle = (mesh[UPPER, 1] + mesh[BELOW, 1]) / 2
    mesh[UPPER, 1], mesh[BELOW, 1] = middle - 0.5, middle + 0.5
    return mesh


def in_picture(mesh: np.ndarray) -> np.ndarray:
    pose = Pose(np.array([SCALE]), np.eye(3)[None], np.array([[0.0, -40.0, 0.0]]))
    return pose.to_image(extend(mesh[None]))[0, :, :2]


def draw_closed(points: np.ndarray, below: float) -> np.ndarray:
    """A red and a blue lip that meet in a dark line, `below` pixels under the middle of the detected contours."""
    picture = np.full((480, 520, 3), (205, 160, 135), np.uint8)
    y, x = np.mgrid[:480, :520]
    middle = (points[UPPER] + points[BELOW]) / 2
    line = np.interp(x[0], middle[:, 0], middle[:, 1] + below)
    near = (np.abs(y - points[INNER_LIPS, 1].mean()) < 40) & (np.abs(x - points[INNER_LIPS, 0].mean()) < 90)
    picture[near & (y < line)] = UPPER_LIP
    picture[near & (y >= line)] = LOWER_LIP
    picture[near & (np.abs(y - line) < 1.6)] = LINE
    return cv2.GaussianBlur(picture, (0, 0), 0.7)


@pytest.mark.parametrize("below", [-3.0, 0.0, 4.0])
def test_both_contours_are_laid_on_the_line_where_the_lips_meet(below: float) -> None:
    points = in_picture(closed_mesh())
    parted = part_lips(draw_closed(points, below), points)
    wanted = (points[UPPER, 1] + points[BELOW, 1]) / 2 + below
    inner = slice(1, -1)  # beside the corners the line ends
    np.testing.assert_allclose(parted[UPPER, 1][inner], wanted[inner], atol=0.8)
    np.testing.assert_allclose(parted[BELOW], parted[UPPER], atol=1e-4)
    others = np.setdiff1d(np.arange(len(points)), np.concatenate([UPPER, BELOW]))
    np.testing.assert_array_equal(parted[others], points[others])


def test_a_share_goes_a_part_of_the_way() -> None:
    points = in_picture(closed_mesh())
    picture = draw_closed(points, 3.0)
    np.testing.assert_array_equal(part_lips(picture, points, 0.0), points)
    half, whole = part_lips(picture, points, 0.5), part_lips(picture, points)
    np.testing.assert_allclose(half - points, (whole - points) / 2, atol=1e-3)


def test_opened_lips_keep_their_sides() -> None:
    """The lips meet 8 pixels below the contours' middle. Warped by the detected mesh, the lower lip begins with a
    strip of the upper lip; in two pieces each lip is its own."""
    closed = closed_mesh()
    opened = closed.copy()
    under = closed[:, 1] > closed[[13, 14], 1].mean()
    opened[under & (np.abs(closed[:, 0] - 64) < 16), 1] += 10
    source, target = in_picture(closed), in_picture(opened)
    picture = draw_closed(source, 8.0)
    mesh = np.concatenate([target[:468], np.zeros((468, 1), np.float32)], axis=1)
    warp = prepare_warp(target, fit_alignment(mesh[None].astype(np.float32))[0], 520, 480, RenderConfig())
    assert warp is not None
    left, top = warp.box[:2]

    def lips(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        made = warp_image(warp, picture, points)
        upper, below = (np.round(target[k] - [left, top]).astype(int) for k in (13, 14))
        return made[upper[1] - 16 : upper[1] - 1, upper[0]], made[below[1] + 1 : below[1] + 16, below[0]]

    above, beneath = lips(part_lips(picture, source))
    assert above[0, 0] > 150
    assert above[:, 2].max() < 100
    assert beneath[-1, 2] > 150
    assert beneath[:, 0].max() < 100
    assert lips(source)[1][:, 0].max() > 150  # the fault that is mended


def test_the_darkest_path_is_followed_and_is_in_the_middle_where_nothing_is_dark() -> None:
    wanted = 0.5 + 0.2 * np.sin(np.linspace(0, np.pi, 41))
    strip = 1 - np.exp(-(((np.linspace(0, 1, 25)[:, None] - wanted) / 0.06) ** 2))
    assert np.abs(darkest_path(strip.astype(np.float32)) - wanted)[3:-3].max() < 0.025
    np.testing.assert_allclose(darkest_path(np.ones((25, 41), np.float32)), 0.5, atol=0.01)


def test_how_surely_a_mouth_is_closed() -> None:
    assert closedness(0.0) == closedness(CLOSED) == 1
    assert closedness(OPEN) == closedness(20.0) == 0
    assert 0 < closedness((OPEN + CLOSED) / 2) < 1


def test_the_gap_at_rest_is_taken_off_a_closed_mouth_and_not_off_an_open_one() -> None:
    rest = closed_mesh()[lower_points()]
    upper, below = INNER[1:10], INNER[:10:-1]

    def gap(lower: np.ndarray) -> np.ndarray:
        return lower[below, 1] - lower[upper, 1]

    np.testing.assert_allclose(gap(without_rest_gap(rest, rest, INNER, 1.0)), SMALLEST_GAP, atol=1e-4)
    np.testing.assert_array_equal(without_rest_gap(rest, rest, INNER, 0.0), rest)
    opened = [rest.copy() for _ in range(20)]
    for number, lower in enumerate(opened):
        lower[below, 1] += number / 2
    gaps = np.array([gap(without_rest_gap(lower, rest, INNER, 1.0))[4] for lower in opened])
    assert (np.diff(gaps) >= 0).all()  # a wider mouth stays wider
    np.testing.assert_allclose(gaps[-1], gap(opened[-1])[4], atol=1e-4)
