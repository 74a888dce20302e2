"""Users' theme 15, profile and the like: what cannot be made is left alone, and faded to, never cut to."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from drawn_head import drawn_video, pictures, posed_like, poses
from scipy.spatial.transform import Rotation
from small_models import SMALL_RECIPE

from synclips.features.face_mesh import Pose, lower_points, template
from synclips.features.mesh_raster import extend, extended_triangles
from synclips.features.mfcc import N_FEATURES
from synclips.rendering.lip_sync import LipSync
from synclips.rendering.mesh_warp import double_areas, moving_share, without_folds
from synclips.rendering.renderer import build_model
from synclips.rendering.visibility import FADE, fade, measure_visibility, turned_away
from synclips.tracking.tracked_video import TrackedVideo


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> TrackedVideo:
    return drawn_video(tmp_path_factory.mktemp("head") / "head.mkv")


def test_an_ordinary_head_is_never_gated(video: TrackedVideo) -> None:
    assert measure_visibility(video).min() == 1


@pytest.mark.parametrize(("yaw", "made"), [(30, True), (40, True), (58, False), (-58, False), (80, False)])
def test_theme_15_a_profile_keeps_its_own_mouth(video: TrackedVideo, yaw: float, made: bool) -> None:
    turned = posed_like(video, poses(len(video), yaw=yaw))
    assert (measure_visibility(turned) == (1 if made else 0)).all()


def test_turning_counts_more_and_more() -> None:
    for axis in "yx":
        angles = np.arange(0, 75, 5)[:, None]
        share = turned_away(Rotation.from_euler(axis, angles, degrees=True).as_matrix())
        assert share[0] < 0.05
        assert share[-1] > 0.3
        assert (np.diff(share) > -0.03).all()


def test_a_face_too_small_is_left_alone(video: TrackedVideo) -> None:
    assert measure_visibility(posed_like(video, poses(len(video), scale=0.6))).min() == 1
    assert measure_visibility(posed_like(video, poses(len(video), scale=0.25))).max() == 0


def test_a_mouth_that_leaves_the_picture_is_faded_out(video: TrackedVideo) -> None:
    pose = poses(len(video))
    away = pose.translation + np.array([0, 1, 0]) * np.maximum(np.arange(len(video)) - 15, 0)[:, None] * 12
    visibility = measure_visibility(posed_like(video, Pose(pose.scale, pose.rotation, away)))
    assert visibility[0] == 1
    assert visibility[-1] == 0
    assert np.abs(np.diff(visibility)).max() <= 1 / FADE + 1e-6


def test_points_that_are_no_face_are_not_followed(video: TrackedVideo) -> None:
    points = np.array(video.track.points)
    points[20:23] += np.random.default_rng(0).normal(0, 20, points[20:23].shape).astype(np.float32)
    visibility = measure_visibility(replace(video, track=replace(video.track, points=points)))
    assert visibility[21] == 0
    assert visibility[0] == visibility[-1] == 1


def test_a_slip_of_the_detector_for_one_frame_gates_nothing_and_moves_nothing(video: TrackedVideo) -> None:
    points = np.array(video.track.points)
    points[20] += [30, 20, 0]
    slipped = replace(video, track=replace(video.track, points=points))
    assert measure_visibility(slipped).min() == 1
    meshes = [lip_sync(shown)._own(20) for shown in (video, slipped)]
    assert np.abs(meshes[1] - meshes[0])[:, :2].max() < 3  # a mouth's motion of one frame; the slip is 20 units


def test_theme_15_frames_without_a_face_are_faded_to_and_cuts_are_not(video: TrackedVideo) -> None:
    visible = np.ones(len(video), bool)
    visible[20:24] = False
    gone = replace(video, track=replace(video.track, visible=visible))
    visibility = measure_visibility(gone)
    assert (visibility[20:24] == 0).all()
    assert visibility[19] == pytest.approx(1 / FADE)
    assert measure_visibility(gone, np.array([20, 24]))[19] == 1


def test_fading_takes_time_on_both_sides() -> None:
    weight = np.ones(40, np.float32)
    weight[20] = 0
    faded = fade(weight)
    assert faded[20] == 0
    assert faded[20 - FADE] == faded[20 + FADE] == 1
    assert np.abs(np.diff(faded)).max() <= 1 / FADE + 1e-6


def lip_sync(video: TrackedVideo) -> LipSync:
    torch.manual_seed(0)
    return LipSync(build_model(SMALL_RECIPE), video)


def sound(frames: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(4 * frames, N_FEATURES)).astype(np.float32)


def test_theme_15_a_gated_frame_is_the_original_bit_for_bit_and_the_change_is_gradual(video: TrackedVideo) -> None:
    visible = np.ones(len(video), bool)
    visible[20:24] = False
    gone = replace(video, track=replace(video.track, visible=visible))
    frames, renderer = pictures(video), lip_sync(gone)
    source = np.arange(len(video))
    plan = renderer.plan(sound(len(video)), video.times, source)
    np.testing.assert_array_equal(plan.visibility, measure_visibility(gone))
    changed = []
    for step in range(8, 24):
        made = renderer.render(frames[step], step, plan, step)
        changed.append(float(np.abs(made.astype(float) - frames[step]).mean()))
    assert changed[12:] == [0, 0, 0, 0]
    assert min(changed[:3]) > 0
    assert changed[11] < max(changed[:4])


def test_no_triangle_of_the_made_face_is_turned_over() -> None:
    """However far the wanted shape lies from the frame's own, and however the head is turned."""
    rng, corners = np.random.default_rng(0), extended_triangles()
    for yaw in (0, 25, 45):
        pose = poses(1, yaw=yaw)
        share = moving_share(pose.rotation[0], SMALL_RECIPE.render)
        for size in (1.5, 4.0, 9.0):
            wanted = template().copy()
            wanted[lower_points()] += rng.normal(0, size, (len(lower_points()), 3)).astype(np.float32)
            wanted = template() + share[:468, None] * (wanted - template())
            own, there = (pose.to_image(extend(mesh[None]))[0, :, :2] for mesh in (template(), wanted))
            shown = double_areas(own, corners) > 0
            assert (shown & (double_areas(there, corners) <= 0)).any()  # the demand is needed
            kept = without_folds(own, there)
            assert not (shown & (double_areas(kept, corners) <= 0)).any()


def test_a_shape_without_folds_is_left_as_it_is() -> None:
    own = poses(1).to_image(extend(template()[None]))[0, :, :2]
    np.testing.assert_array_equal(without_folds(own, own + 0.01 * own), (own + 0.01 * own).astype(np.float32))


def test_theme_2_the_far_cheek_of_a_turned_head_does_not_move_and_lips_do() -> None:
    for yaw, far, near in ((40, 214, 434), (-40, 434, 214)):
        share = moving_share(poses(1, yaw=yaw).rotation[0], SMALL_RECIPE.render)
        assert share[far] < 0.05
        assert share[near] > 0.7
        assert share[[13, 14, 61, 291, 152]].min() > 0.9
