"""Frames in which no mouth is made: why, and how that is told."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from drawn_head import drawn_video, posed_like, poses

from synclips.config import RenderConfig
from synclips.data.portrait import demo_portrait
from synclips.errors import NoFaceError
from synclips.features.face_mesh import Pose
from synclips.media.photo_video import still_to_video
from synclips.media.video import VideoWriter, probe, read_frames
from synclips.rendering.mouth_bank import build_bank
from synclips.rendering.mouth_check import check_mouths, shows_lips, stands_on_its_head
from synclips.rendering.visibility import Kept, kept_notes, kept_reasons, measure_visibility, sparse
from synclips.tracking.detector import FaceMeshDetector
from synclips.tracking.face_models import BoxNetwork
from synclips.tracking.tracked_video import TrackedVideo, track_video

MASK = [234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361, 323, 454, 347]
MASK += [330, 195, 101, 118]
"""Mesh points around what a surgical mask covers."""
CLOTH = {"white": (228, 231, 235), "blue": (140, 185, 212), "black": (38, 38, 42), "beige": (214, 178, 150)}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> TrackedVideo:
    return drawn_video(tmp_path_factory.mktemp("head") / "head.mkv")


def test_each_frame_that_keeps_its_mouth_has_a_reason(drawn: TrackedVideo) -> None:
    count, pose = len(drawn), poses(len(drawn))
    assert (kept_reasons(drawn) == Kept.NOT).all()
    below = Pose(pose.scale, pose.rotation, pose.translation + np.array([0, 400, 0]))
    away = [
        (posed_like(drawn, poses(count, yaw=70)), Kept.TURNED),
        (posed_like(drawn, poses(count, scale=0.2)), Kept.SMALL),
        (posed_like(drawn, below), Kept.OUTSIDE),
        (replace(drawn, times=np.arange(count) * 1.0), Kept.TOO_FEW),
        (replace(drawn, track=replace(drawn.track, visible=np.arange(count) < 5)), Kept.NO_FACE),
    ]
    for video, reason in away:
        kept, visibility = kept_reasons(video), measure_visibility(video)
        assert kept[-1] == reason
        np.testing.assert_array_equal(kept > 0, visibility == 0)


def test_how_many_frames_a_second_are_too_few() -> None:
    for rate, few in ((1, True), (2, True), (5, True), (8, False), (10, False), (25, False), (60, False)):
        assert (sparse(np.arange(round(3 * rate)) / rate) == few).all(), rate
    hiccup = np.delete(np.arange(100) / 25, range(50, 56))
    assert not sparse(hiccup).any(), "a few lost frames"
    still = np.concatenate([np.arange(30) / 25, [2.96]])
    assert np.flatnonzero(sparse(still)).tolist() == [29, 30], "a picture that stands still"
    assert not sparse(np.array([0.0])).any()
    assert sparse(np.arange(0, 20, 4.0)).all(), "slides"


def test_a_note_for_each_kind_says_how_many_and_why() -> None:
    reasons = np.zeros(75, np.int8)
    assert kept_notes(reasons) == []
    reasons[:30], reasons[30:40] = Kept.OUTSIDE, Kept.COVERED
    outside, covered = kept_notes(reasons)
    assert outside.startswith("30 of 75 frames keep the original picture: ")
    assert "outside" in outside
    assert covered.startswith("10 of 75 frames")
    assert "mask" in covered
    for kind in Kept:
        assert len(kept_notes(np.full(3, kind, np.int8))) == (kind != Kept.NOT)


def portrait_with(mask: tuple[int, int, int] | None) -> np.ndarray:
    """The portrait, with a mask of that colour, with pleats and grain."""
    image = demo_portrait().copy()
    if mask is not None:
        mesh = FaceMeshDetector().detect(image)
        assert mesh is not None
        area = np.zeros(image.shape[:2], np.uint8)
        cv2.fillConvexPoly(area, cv2.convexHull(mesh[MASK, :2].astype(np.int32)), 1)
        rows = np.arange(image.shape[0])[:, None, None]
        cloth = np.array(mask) * (1 - 0.12 * (np.sin(rows / 4) > 0.6)) + np.random.default_rng(0).normal(
            0, 3, image.shape
        )
        image = np.where(area[..., None] > 0, cloth, image).clip(0, 255).astype(np.uint8)
    return image


def tracked(path: Path, frames: list[np.ndarray]) -> TrackedVideo:
    return track_video(probe(written(path, frames)), read_frames(path), FaceMeshDetector())


def written(path: Path, frames: list[np.ndarray]) -> Path:
    with VideoWriter(path, frames[0].shape[1], frames[0].shape[0], Fraction(25), codec="ffv1") as writer:
        for frame in frames:
            writer.write(frame)
    return path


@pytest.mark.parametrize("mask", [None, *CLOTH], ids=str)
def test_a_mask_is_told_from_a_mouth(tmp_path: Path, mask: str | None) -> None:
    image = portrait_with(CLOTH[mask] if mask else None)
    video = tracked(tmp_path / "a.mkv", list(still_to_video(image, 0.4)))
    bank = build_bank(video, RenderConfig())
    check = check_mouths(video, bank)
    assert (check.covered == (mask is not None)).all()
    assert not check.upside_down.any()


def test_a_mask_that_is_taken_off_covers_only_its_own_frames(tmp_path: Path) -> None:
    frames = [frame for kind in (CLOTH["blue"], None) for frame in still_to_video(portrait_with(kind), 0.8)]
    video = tracked(tmp_path / "a.mkv", frames)
    bank = build_bank(video, RenderConfig())
    covered = check_mouths(video, bank).covered
    assert covered[:16].all()
    assert not covered[24:].any()


def test_a_black_and_white_picture_is_not_taken_for_a_mask() -> None:
    image = demo_portrait()
    mesh = FaceMeshDetector().detect(image)
    assert mesh is not None
    grey = np.repeat(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    assert shows_lips(grey, mesh[:, :2])
    assert shows_lips(image, mesh[:, :2])


def test_a_face_upside_down_is_told_from_one_that_is_upright() -> None:
    image, detector = demo_portrait(), BoxNetwork()
    mesh = FaceMeshDetector().detect(image)
    assert mesh is not None
    assert not stands_on_its_head(image, mesh, detector)
    over = np.ascontiguousarray(image[::-1, ::-1])
    size = np.array([image.shape[1] - 1, image.shape[0] - 1])
    middle = size - (mesh[:, :2].min(axis=0) + mesh[:, :2].max(axis=0)) / 2
    wrong = mesh.copy()
    wrong[:, :2] += middle - (mesh[:, :2].min(axis=0) + mesh[:, :2].max(axis=0)) / 2
    assert stands_on_its_head(over, wrong, detector), "an upright mesh laid over it"


def test_a_video_that_is_upside_down_throughout_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    frames = [np.ascontiguousarray(frame[::-1, ::-1]) for frame in still_to_video(demo_portrait(), 0.2)]
    with pytest.raises(NoFaceError, match="upside down"):
        track_video(probe(written(path, frames)), iter(()), FaceMeshDetector())
    grey = [np.full((96, 128, 3), 120, np.uint8)] * 3
    with pytest.raises(NoFaceError, match="no face was found"):
        track_video(probe(written(tmp_path / "b.mkv", grey)), iter(()), FaceMeshDetector())
