"""A visible box is seen; a feathered one and none are not."""

import cv2
import numpy as np
import pytest

from synclips.features.face_mesh import LIPS, template
from synclips.metrics.seams import outlines, seam_step, seam_visibility


@pytest.fixture(scope="module")
def skin() -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, 8, (200, 240, 3)).astype(np.float32)
    shade = np.linspace(90, 170, 240, dtype=np.float32)[None, :, None]
    return (cv2.GaussianBlur(noise, (0, 0), 1) * 2 + shade).clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def box() -> np.ndarray:
    mask = np.zeros((200, 240), bool)
    mask[70:140, 60:180] = True
    return mask


def put_in(skin: np.ndarray, mask: np.ndarray, levels: float, feather: float = 0) -> np.ndarray:
    weight = mask.astype(np.float32)
    if feather:
        weight = cv2.GaussianBlur(weight, (0, 0), feather)
    return (skin + levels * weight[..., None]).clip(0, 255).astype(np.uint8)


def test_nothing_put_in_is_not_seen(skin: np.ndarray, box: np.ndarray) -> None:
    assert seam_step(skin, skin, box) == 0
    assert seam_visibility(skin, box) == pytest.approx(1, abs=0.4)


@pytest.mark.parametrize("levels", [3, 6, -12])
def test_a_step_measures_its_height(skin: np.ndarray, box: np.ndarray, levels: float) -> None:
    assert seam_step(put_in(skin, box, levels), skin, box) == pytest.approx(abs(levels), rel=0.15)


def test_the_plainer_a_box_the_more_it_is_seen(skin: np.ndarray, box: np.ndarray) -> None:
    seen = [seam_visibility(put_in(skin, box, levels), box) for levels in (0, 4, 8, 16, 32)]
    assert seen == sorted(seen)
    assert seen[-1] > 4


def test_a_feathered_seam_hardly_shows(skin: np.ndarray, box: np.ndarray) -> None:
    made = put_in(skin, box, 12, feather=8)
    assert seam_step(made, skin, box) < 1.5
    assert seam_visibility(made, box) < 0.5 * seam_visibility(put_in(skin, box, 12), box)


def test_a_mask_without_an_outline_has_no_figure(skin: np.ndarray, box: np.ndarray) -> None:
    assert np.isnan(seam_visibility(skin, np.ones_like(box)))
    assert np.isnan(seam_step(skin, skin, np.zeros_like(box)))


def test_a_mask_that_leaves_the_picture_still_has_one(skin: np.ndarray) -> None:
    mask = np.zeros((200, 240), bool)
    mask[150:] = True
    assert seam_step(put_in(skin, mask, 8), skin, mask) == pytest.approx(8, rel=0.2)


def test_outlines_hold_the_lips() -> None:
    points = template() + np.array([60, 30, 0], np.float32)
    for mask in outlines(points, 240, 200).values():
        x, y = np.round(points[LIPS, :2]).astype(int).T
        assert mask[y, x].all()
        assert not mask.all()
