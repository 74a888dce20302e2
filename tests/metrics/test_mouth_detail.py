"""Sharpness and ghosts of mouths that are made here: one warped mouth is told from two blended ones, and from blur."""

import cv2
import numpy as np
import pytest

from synclips.features.face_mesh import INNER_LIPS, OUTER_LIPS, Pose, template
from synclips.features.mesh_raster import extend, rasterise
from synclips.metrics.mouth_detail import ghosts, mouth_energies, native_sharpness

COUNT, SIZE = 24, 220
POSE = Pose(np.array([1.6]), np.eye(3)[None], np.array([[8.0, 10.0, 0.0]]))


def _people(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Frames of a mouth that opens, with teeth of its own in each, and the meshes in pixels."""
    rng = np.random.default_rng(seed)
    frames, meshes = [], []
    for number in range(COUNT):
        mesh = template().copy()
        mesh[np.concatenate([INNER_LIPS[11:], OUTER_LIPS[11:]]), 1] += 8 + 4 * np.sin(number)
        points = POSE.to_image(mesh[None])[0]
        picture = np.full((SIZE, SIZE, 3), 190, np.uint8)
        cv2.fillPoly(picture, [np.round(points[OUTER_LIPS, :2]).astype(np.int32)], (170, 90, 95))
        inner = np.zeros((SIZE, SIZE), np.uint8)
        cv2.fillPoly(inner, [np.round(points[INNER_LIPS, :2]).astype(np.int32)], 1)
        teeth = cv2.GaussianBlur(rng.integers(0, 255, (SIZE, SIZE)).astype(np.float32), (0, 0), 1.5)
        teeth = (120 + (teeth - teeth.mean()) * 3).clip(0, 255).astype(np.uint8)
        picture[inner > 0] = teeth[inner > 0, None]
        frames.append(cv2.GaussianBlur(picture, (0, 0), 0.5))
        meshes.append(points)
    return np.stack(frames), np.stack(meshes)


@pytest.fixture(scope="module")
def person() -> tuple[np.ndarray, np.ndarray]:
    return _people()


def _onto(frames: np.ndarray, points: np.ndarray, there: int, here: int) -> np.ndarray:
    """Frame `here` warped onto the mesh of frame `there`."""
    ring = POSE.to_image(extend(template()[None]))[0, 468:, :2]
    to, source = (np.concatenate([points[k, :, :2], ring]).astype(np.float32) for k in (there, here))
    at = rasterise(to, SIZE, SIZE).interpolate(source)
    return cv2.remap(frames[here], at[..., 0], at[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def _made(person: tuple[np.ndarray, np.ndarray], share: float) -> tuple[np.ndarray, np.ndarray]:
    """Frames that show another frame's mouth, and `share` of a third's over it."""
    frames, points = person
    made = []
    for i in range(COUNT):
        one, two = (_onto(frames, points, i, (i + k) % COUNT).astype(np.float32) for k in (7, 12))
        made.append(np.round(one * (1 - share) + two * share).clip(0, 255).astype(np.uint8))
    return np.stack(made), points


def test_real_frames_are_as_sharp_as_themselves(person: tuple[np.ndarray, np.ndarray]) -> None:
    assert native_sharpness(*person, *person) == pytest.approx(1, abs=0.05)
    one, two = (native_sharpness(*_made(person, share), *person) for share in (0.0, 0.5))
    assert one == pytest.approx(1, abs=0.15)
    assert two < 0.8 * one


def test_blur_and_noise_are_seen(person: tuple[np.ndarray, np.ndarray]) -> None:
    frames, points = person
    soft = np.stack([cv2.GaussianBlur(frame, (0, 0), 1.5) for frame in frames])
    rough = (frames + np.random.default_rng(0).normal(0, 25, frames.shape)).clip(0, 255).astype(np.uint8)
    assert native_sharpness(soft, points, *person) < 0.5
    assert native_sharpness(rough, points, *person) > 1.2


def test_only_the_mouth_counts(person: tuple[np.ndarray, np.ndarray]) -> None:
    frames, points = person
    painted = frames.copy()
    painted[:, :60] = 0
    np.testing.assert_allclose(mouth_energies(painted, points), mouth_energies(frames, points))


def test_a_mouth_outside_of_the_picture_is_not_measured(person: tuple[np.ndarray, np.ndarray]) -> None:
    frames, points = person
    assert np.isnan(mouth_energies(frames, points + np.float32(500))).all()
    assert np.isnan(native_sharpness(frames, points + np.float32(500), *person))


def test_two_blended_mouths_are_told_from_one(person: tuple[np.ndarray, np.ndarray]) -> None:
    one, mixed, half = (ghosts(*_made(person, share), *person) for share in (0.0, 0.3, 0.5))
    assert np.median(one) < 0.1
    assert np.median(mixed) > 0.3
    assert np.median(half) > 0.5
    assert (half[:, None] > one[None]).mean() > 0.98  # area under the ROC curve
    assert (mixed[:, None] > one[None]).mean() > 0.95


def test_neither_a_real_mouth_nor_one_never_seen_is_a_ghost(person: tuple[np.ndarray, np.ndarray]) -> None:
    assert np.median(ghosts(*person, *person)) < 0.02
    assert np.median(ghosts(*_people(1), *person)) < 0.35


def test_a_person_who_never_changes_has_no_ghosts(person: tuple[np.ndarray, np.ndarray]) -> None:
    frames, points = (part[:1].repeat(3, axis=0) for part in person)
    assert ghosts(frames, points, frames, points).max() == 0
