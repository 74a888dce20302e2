"""Fidelity, sharpness and flicker: equal pictures, the worst ones, and planted faults that each must see."""

import cv2
import numpy as np
import pytest
from drawn_clips import POSE, draw_clip

from synclips.features.face_mesh import template
from synclips.metrics.image_quality import (
    EQUAL,
    Box,
    gradient_energy,
    mouth_boxes,
    picture_figures,
    psnr,
    ratio,
    ssim,
)

BOX = Box(64, 112, 24, 120)


@pytest.fixture(scope="module")
def real() -> np.ndarray:
    return draw_clip(3, frames=20).crops


def figures_of(made: np.ndarray, real: np.ndarray) -> dict[str, float]:
    return vars(picture_figures(made, real, [BOX] * len(real)))


def test_equal_pictures_are_perfect(real: np.ndarray) -> None:
    assert psnr(real[0], real[0]) == float("inf")
    assert ssim(real[0], real[0]) == 1
    assert figures_of(real, real) == {
        "psnr_mouth": EQUAL,
        "ssim_mouth": 1,
        "psnr_frame": EQUAL,
        "ssim_frame": 1,
        "sharpness_ratio": 1,
        "flicker_ratio": 1,
    }


def test_black_against_white_is_worst() -> None:
    black, white = np.zeros((48, 96, 3), np.uint8), np.full((48, 96, 3), 255, np.uint8)
    assert psnr(black, white) == 0
    assert ssim(black, white) < 1e-3


def test_psnr_is_what_the_formula_says(real: np.ndarray) -> None:
    made = (real[0].astype(int) + 5).clip(0, 255).astype(np.uint8)
    assert psnr(made, real[0]) == pytest.approx(20 * np.log10(255 / 5), abs=0.1)


def test_a_fault_in_the_mouth_is_seen_there_more_than_in_the_whole(real: np.ndarray) -> None:
    made = real.copy()
    made[:, 80:96, 60:84] = 0
    found = figures_of(made, real)
    assert found["psnr_mouth"] < 20 < found["psnr_frame"]
    assert found["ssim_mouth"] < found["ssim_frame"]


def test_a_fault_outside_the_mouth_box_leaves_it_perfect(real: np.ndarray) -> None:
    made = real.copy()
    made[:, :40] = 0
    found = figures_of(made, real)
    assert found["psnr_mouth"] == EQUAL
    assert found["psnr_frame"] < 15


def test_blur_and_invented_texture_are_told_apart(real: np.ndarray) -> None:
    blurred = np.stack([cv2.GaussianBlur(picture, (0, 0), 2) for picture in real])
    grain = np.random.default_rng(0).normal(0, 12, real.shape[1:])
    noisy = (real + grain).clip(0, 255).astype(np.uint8)
    assert figures_of(blurred, real)["sharpness_ratio"] < 0.6
    assert figures_of(noisy, real)["sharpness_ratio"] > 1.5


def test_flicker_is_seen_and_a_frozen_mouth_too(real: np.ndarray) -> None:
    flickering = real.astype(int)
    flickering[::2] += 6
    frozen = np.repeat(real[10:11], len(real), 0)
    assert figures_of(flickering.clip(0, 255).astype(np.uint8), real)["flicker_ratio"] > 2
    assert figures_of(frozen, real)["flicker_ratio"] == 0


def test_one_and_two_frames_have_figures(real: np.ndarray) -> None:
    for count in (1, 2):
        assert figures_of(real[:count], real[:count])["flicker_ratio"] == 1


def test_unequal_lengths_are_refused(real: np.ndarray) -> None:
    with pytest.raises(ValueError, match="19 made frames, 20 real ones"):
        picture_figures(real[1:], real, [BOX] * 20)


def test_nothing_against_nothing_is_one() -> None:
    flat = np.full((20, 20, 3), 7, np.uint8)
    assert gradient_energy(flat) == 0
    assert ratio(0.0, 0.0) == 1
    assert ratio(1.0, 0.0) == float("inf")


def test_the_mouth_box_is_the_views_place_in_the_picture() -> None:
    in_crop = template() @ POSE[:, :3].T + POSE[:, 3]
    points = np.repeat((in_crop * 2 + [50, 30, 0])[None], 3, 0).astype(np.float32)
    for box in mouth_boxes(points, 400, 400):
        assert abs(box.left - (2 * 24 + 50)) <= 1
        assert abs(box.right - (2 * 120 + 50)) <= 1
        assert abs(box.top - (2 * 64 + 30)) <= 1
        assert abs(box.bottom - (2 * 112 + 30)) <= 1


def test_a_mouth_at_the_edge_keeps_a_box_that_can_be_measured() -> None:
    points = np.repeat((template() - [200, 0, 0])[None], 2, 0).astype(np.float32)
    box = mouth_boxes(points, 300, 200)[0]
    image = np.zeros((200, 300, 3), np.uint8)
    assert ssim(box.of(image), box.of(image)) == 1
