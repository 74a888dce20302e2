"""Timelines, mouth choice, warps and compositing: what must hold whatever the model."""

import cv2
import numpy as np
import pytest

from synclips.config import RenderConfig
from synclips.features.alignment import MOUTH_VIEW, fit_alignment
from synclips.features.face_mesh import INNER_LIPS, Pose, lower_points, template
from synclips.features.mesh_raster import extend
from synclips.rendering.compositor import match_colour, paste_back
from synclips.rendering.mesh_warp import keep_lips_apart, prepare_warp, warp_image
from synclips.rendering.mouth_bank import cheapest_path
from synclips.rendering.timeline import SyncMode, plan_timeline

TIMES = np.arange(50) / 25


@pytest.mark.parametrize(
    ("mode", "speech", "count", "last"),
    [
        (None, 1.0, 25, 24),
        (None, 3.0, 75, 24),  # bounces: to frame 49, then back
        ("cut_off", 3.0, 50, 49),
        ("cut_off", 1.0, 25, 24),
        ("loop", 3.0, 75, 24),
        ("bounce", 3.0, 75, 24),
        ("silence", 1.0, 50, 49),
        ("remap", 4.0, 100, 49),
        ("remap", 1.0, 25, 49),
    ],
)
def test_sync_modes(mode: SyncMode | None, speech: float, count: int, last: int) -> None:
    timeline = plan_timeline(TIMES, 2.0, speech, mode)
    assert len(timeline) == count
    assert abs(int(timeline.source[-1]) - last) <= 1
    assert (np.diff(timeline.times) > 0).all()


def test_a_bounce_never_jumps_and_a_loop_starts_again() -> None:
    bounce = plan_timeline(TIMES, 2.0, 7.0, "bounce").source
    assert np.abs(np.diff(bounce)).max() == 1
    assert plan_timeline(TIMES, 2.0, 5.0, "loop").source[50] == 0


def test_uneven_frame_times_are_kept() -> None:
    times = np.array([0, 0.1, 0.13, 0.4, 0.5])
    np.testing.assert_array_equal(plan_timeline(times, 0.6, 0.45, None).times, times[:4])


def test_the_cheapest_path_follows_runs_and_jumps_only_for_a_gain() -> None:
    follows = np.array([False, True, True, True, False, True])
    cost = np.full((3, 6), 5.0)
    cost[[0, 1, 2], [0, 1, 2]] = 1
    cost[1, 4] = 0.5  # a jump there and back costs more than it gains
    assert cheapest_path(cost, follows, 0.75).tolist() == [0, 1, 2]
    cost[:, 4] = -9
    assert cheapest_path(cost, follows, 0.75).tolist() == [4, 4, 4]


def head() -> tuple[np.ndarray, np.ndarray, np.ndarray, Pose]:
    """A smooth random picture, a mesh, its extended points, and its pose."""
    pose = Pose(np.array([1.5]), np.eye(3)[None], np.array([[60.0, 30.0, 0.0]]))
    image = np.random.default_rng(0).integers(0, 256, (300, 320, 3)).astype(np.uint8)
    mesh = pose.to_image(template()[None])
    return cv2.GaussianBlur(image, (0, 0), 3), mesh, pose.to_image(extend(template()[None]))[0, :, :2], pose


def test_a_warp_onto_itself_changes_nothing() -> None:
    image, mesh, points, _ = head()
    warp = prepare_warp(points, fit_alignment(mesh)[0], 320, 300, RenderConfig())
    assert warp is not None
    left, top, right, bottom = warp.box
    made = warp_image(warp, image, points).astype(int)
    inside = warp.to_native(warp.face) > 0.99
    difference = np.abs(made - image[top:bottom, left:right].astype(int))[inside]
    assert difference.mean() < 0.5
    assert np.quantile(difference, 0.99) < 6


def test_a_moved_chin_is_fetched_from_where_it_was() -> None:
    _, mesh, points, pose = head()
    moved = template().copy()
    moved[152, 1] += 6
    wanted = pose.to_image(extend(moved[None]))[0, :, :2]
    warp = prepare_warp(wanted, fit_alignment(mesh)[0], 320, 300, RenderConfig())
    assert warp is not None
    left, top, _, _ = warp.box
    at = warp.to_native(warp.raster.interpolate(points))
    x, y = np.round(wanted[152] - [left, top]).astype(int)
    assert at[y, x, 1] == pytest.approx(points[152, 1], abs=1.5)
    assert warp.face[:8].max() < 0.05


def test_a_part_of_a_warp_is_as_in_the_whole() -> None:
    image, mesh, points, _ = head()
    warp = prepare_warp(points, fit_alignment(mesh)[0], 320, 300, RenderConfig())
    assert warp is not None
    near = warp.around(MOUTH_VIEW, 4)
    left, top, right, bottom = np.array(near.box) - [*warp.box[:2], *warp.box[:2]]
    whole = warp_image(warp, image, points)
    assert 0 < left < right < whole.shape[1]
    assert 0 < top < bottom < whole.shape[0]
    difference = np.abs(warp_image(near, image, points).astype(int) - whole[top:bottom, left:right])
    assert difference.max() <= 1
    np.testing.assert_allclose(near.to_native(near.face), warp.to_native(warp.face)[top:bottom, left:right], atol=0.02)
    shown = near.to_native(np.ones((MOUTH_VIEW.height, MOUTH_VIEW.width), np.float32), MOUTH_VIEW) > 0.99
    assert shown[6:-6, 6:-6].all()
    assert not shown[0].any()


def test_a_face_outside_the_frame_is_left_alone() -> None:
    _, mesh, points, _ = head()
    assert prepare_warp(points - 2000, fit_alignment(mesh - 2000)[0], 320, 300, RenderConfig()) is None


def test_pixels_without_mask_stay_bit_for_bit() -> None:
    frame = np.random.default_rng(0).integers(0, 256, (60, 80, 3)).astype(np.uint8)
    mask = np.zeros((20, 30), np.float32)
    mask[5:10, 5:10] = 1
    mask[10, 5:10] = 0.5
    result = paste_back(frame, np.full((20, 30, 3), 7.0, np.float32), mask, (40, 20, 70, 40))
    changed = np.zeros((60, 80), bool)
    changed[25:31, 45:50] = True
    np.testing.assert_array_equal(result[~changed], frame[~changed])
    assert (result[25:30, 45:50] == 7).all()


def test_a_mouth_in_another_light_takes_the_skins() -> None:
    skin = np.full((40, 40, 3), 120, np.uint8)
    lips = np.zeros((40, 40), np.float32)
    lips[10:30, 10:30] = 0.3
    matched = match_colour((skin * 0.85).astype(np.uint8), skin, lips, RenderConfig())
    assert np.abs(matched.astype(int) - 120).max() <= 2


def test_inner_lips_never_cross() -> None:
    lower = template()[lower_points()].copy()
    position = np.searchsorted(lower_points(), INNER_LIPS)
    lower[position[11:], 1] -= 5
    apart = keep_lips_apart(lower, position)
    upper, below = position[1:10], position[:10:-1][:9]
    assert (apart[below, 1] - apart[upper, 1]).min() > 0.2
    untouched = template()[lower_points()].copy()
    untouched[position[11:], 1] += 5
    np.testing.assert_array_equal(keep_lips_apart(untouched, position), untouched)
