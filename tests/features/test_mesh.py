"""The face frame, the crop and the raster: each map and its inverse, and what must not move."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from synclips.features.alignment import (
    BLUEPRINT_VIEW,
    CROP,
    LOWER_VIEW,
    MOUTH_VIEW,
    crop_face,
    fit_alignment,
    invert,
    transform,
)
from synclips.features.face_mesh import (
    INNER_LIPS,
    LIPS,
    RIGID,
    Pose,
    close_mouth,
    fit_pose,
    fit_similarity,
    lower_points,
    lower_weight,
    mirror_points,
    mouth_opening,
    person_rest,
    rest_shape,
    template,
    triangles,
)
from synclips.features.mesh_raster import extend, extended_triangles, face_mask, lip_masks, rasterise
from synclips.rendering.mesh_warp import double_areas
from synclips.tracking.track import assemble_track


def posed(turn: tuple[float, float, float] = (0, 0, 0), scale: float = 2.0, n: int = 1) -> tuple[Pose, np.ndarray]:
    rotation = np.repeat(Rotation.from_rotvec(turn).as_matrix()[None], n, axis=0)
    pose = Pose(np.full(n, scale), rotation, np.repeat([[120.0, 80.0, 0.0]], n, axis=0))
    return pose, pose.to_image(np.repeat(template()[None], n, axis=0))


def test_a_pose_is_found_again() -> None:
    pose, image = posed((0.1, -0.3, 0.2), 1.7)
    found = fit_pose(image)
    assert found.scale == pytest.approx(pose.scale, rel=1e-4)
    np.testing.assert_allclose(found.rotation, pose.rotation, atol=1e-4)
    np.testing.assert_allclose(found.to_canonical(image)[0], template(), atol=1e-2)


def test_a_mirror_image_is_not_a_rotation() -> None:
    source = template()[None, RIGID].astype(np.float64)
    found = fit_similarity(source, source * [-1, 1, 1])
    assert np.linalg.det(found.rotation)[0] == pytest.approx(1)


def test_the_template_is_symmetric_and_none_of_its_triangles_is_turned_over() -> None:
    assert (double_areas(template()[:, :2], triangles()) > 0).all()
    np.testing.assert_allclose(mirror_points(template()), template(), atol=0.01)


def test_mirroring_twice_changes_nothing() -> None:
    face = template() + np.random.default_rng(0).normal(0, 0.3, template().shape).astype(np.float32)
    np.testing.assert_allclose(mirror_points(mirror_points(face)), face, atol=1e-4)


def test_speech_moves_lips_and_jaw_but_neither_nose_nor_eyes() -> None:
    weight = lower_weight()
    assert (weight[LIPS] == 1).all()
    assert weight[152] == 1  # chin
    assert (weight[RIGID] == 0).all()
    assert set(LIPS.tolist()) <= set(lower_points().tolist())


def test_the_crop_shows_every_face_alike() -> None:
    crops = []
    for scale in (0.8, 1.6):
        _, image = posed((0, 0, 0.15), scale)
        matrix = fit_alignment(image)
        crops.append(transform(matrix, image[..., :2])[0])
    np.testing.assert_allclose(crops[0], crops[1], atol=0.01)
    assert crops[0][LIPS, 1].mean() == pytest.approx(86, abs=1.5)


def test_alignment_and_its_inverse_cancel() -> None:
    _, image = posed((0, 0.1, 0.2))
    matrix = fit_alignment(image)
    back = transform(invert(matrix), transform(matrix, image[..., :2]))
    np.testing.assert_allclose(back, image[..., :2], atol=1e-3)


@pytest.mark.parametrize("scale", [0.5, 1.3, 4.0])
def test_a_crop_keeps_a_ramp_a_ramp_whatever_the_size(scale: float) -> None:
    size = int(400 * scale)
    y, x = np.mgrid[:size, :size]
    image = np.stack([x, y, np.zeros_like(x)], axis=2) * (250 / size)
    matrix = np.array([[1 / scale, 0, -60.0], [0, 1 / scale, -40.0]])
    crop = crop_face(np.round(image).astype(np.uint8), matrix).astype(float)
    u, v = 70, 90
    assert crop[v, u, 0] == pytest.approx((u + 60) * scale * 250 / size, abs=1.5)
    assert crop[v, u, 1] == pytest.approx((v + 40) * scale * 250 / size, abs=1.5)


def test_views_are_parts_of_the_crop() -> None:
    crop = np.random.default_rng(0).integers(0, 256, (1, CROP, CROP, 3)).astype(np.uint8)
    for view in (LOWER_VIEW, MOUTH_VIEW):
        np.testing.assert_array_equal(view.show(crop)[0], crop[0, view.rows, view.columns])
    assert BLUEPRINT_VIEW.show(crop).shape == (1, 32, 32, 3)


def test_a_raster_gives_back_positions() -> None:
    points = extend(template()[None])[0, :, :2] - [14, 40]
    raster = rasterise(points.astype(np.float32), 100, 100)
    at = raster.interpolate(points.astype(np.float32))
    y, x = np.mgrid[:100, :100]
    assert raster.weights.sum(axis=0).min() == pytest.approx(1, abs=1e-4)
    error = np.abs(at - np.stack([x, y], axis=2)).max(axis=2)
    assert np.quantile(error, 0.98) < 0.3
    assert error.max() < 1.5


def test_the_ring_closes_the_mesh_and_does_not_move() -> None:
    points = extend(template()[None])[0]
    assert (double_areas(points[:, :2], extended_triangles()) > 0).all()
    raster = rasterise(points[:, :2].astype(np.float32), 160, 128)
    mask = face_mask(raster)
    assert mask[int(template()[152, 1]), 64] == 1
    assert mask[:40].max() == 0
    assert mask.min() >= 0


def test_lip_masks_lie_within_each_other() -> None:
    wide = template().copy()
    wide[INNER_LIPS[11:], 1] += 8
    outer, inner = lip_masks(extend(wide[None])[0, :, :2].astype(np.float32), 144, 128)
    assert inner.sum() > 50
    assert (outer[inner > 0.5] > 0.75).all()
    assert outer.sum() > inner.sum()


def test_rest_is_the_least_open_mouth() -> None:
    meshes = np.repeat(template()[None], 20, axis=0)
    meshes[4:, INNER_LIPS[11:], 1] += np.linspace(2, 12, 16)[:, None]
    assert mouth_opening(rest_shape(meshes)[None])[0] < 1.6


def test_who_never_closes_the_mouth_gets_closed_lips_in_the_right_place() -> None:
    smile = template().copy()
    lower_lip = [*INNER_LIPS[11:], 17, 84, 181, 91, 146, 314, 405, 321, 375]
    smile[lower_lip, 1] += 9
    rest = person_rest(smile[None])
    assert mouth_opening(smile[None])[0] > 8
    assert mouth_opening(rest[None])[0] < 0.1
    np.testing.assert_allclose(rest[152], smile[152], atol=0.5)
    still = np.setdiff1d(np.arange(468), INNER_LIPS)  # the inner lips come together
    assert np.abs(close_mouth(template()) - template())[still].max() < 2


def test_short_gaps_are_bridged_and_long_ones_are_not_used() -> None:
    known = template()
    found: list[np.ndarray | None] = [known, None, known + 2, *[None] * 30, known]
    track = assemble_track(found, 360, 288)
    assert track.visible[:3].all()
    assert not track.visible[5:30].any()
    np.testing.assert_allclose(track.points[1], known + 1, atol=1e-4)
