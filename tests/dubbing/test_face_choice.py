"""Which face is taken where some are pictures or small, and what is said of it."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from synclips.data.synthetic_face import HeadPose, Look, SyntheticFace
from synclips.dubbing.active_speaker import Chosen, choose
from synclips.errors import NoFaceError
from synclips.media.video import VideoWriter, probe
from synclips.tracking.detection_cache import detect_video
from synclips.tracking.selection import FaceChoice

WIDTH, HEIGHT = 960, 540
DRAWN = 143
"""Pixels of a face as it is drawn."""
Painter = Callable[[np.ndarray, int], None]


def pose(step: int) -> HeadPose:
    """A head that moves a little, as people do who sit."""
    return HeadPose(1.5 * np.sin(step / 7), 0.8 * np.sin(step / 4), 1.5 * np.sin(step / 5))


def chosen_in(folder: Path, paint: Painter, kind: FaceChoice | None = None, count: int = 30) -> Chosen:
    """The choice in an H.264 video of frames that `paint` draws on noise."""
    ground = np.random.default_rng(0).integers(100, 120, (HEIGHT, WIDTH, 3), np.uint8)
    with VideoWriter(folder / "v.mp4", WIDTH, HEIGHT, Fraction(25), quality=23) as writer:
        for step in range(count):
            image = ground.copy()
            paint(image, step)
            writer.write(image)
    info = probe(folder / "v.mp4")
    return choose(info, detect_video(info), kind or FaceChoice("speaker"), torch.device("cpu"))


@pytest.fixture(scope="module")
def sitter() -> SyntheticFace:
    return SyntheticFace(Look(mirrored=True))


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    picture = SyntheticFace(Look(tint=(1.0, 0.9, 0.8))).draw(0, 0, HeadPose())
    return cv2.resize(picture, None, fx=1.5, fy=1.5, interpolation=cv2.INTER_CUBIC)


def paint_webcam(image: np.ndarray, step: int, sitter: SyntheticFace) -> None:
    """A speaker in the lower right corner."""
    image[-220:, -220:] = sitter.draw(0.5 + 0.4 * np.sin(step), 0, pose(step))[40:260, 70:290]


def test_beside_a_portrait_the_face_that_moves_is_dubbed_and_it_is_said(
    tmp_path: Path, sitter: SyntheticFace, portrait: np.ndarray
) -> None:
    def paint(image: np.ndarray, step: int) -> None:
        image[:432, :540] = portrait
        paint_webcam(image, step, sitter)

    chosen = chosen_in(tmp_path, paint)
    assert [face.number for face in chosen.faces] == [1, 2]
    assert chosen.face.number == 2
    assert chosen.face.centre[0] > WIDTH / 2
    assert chosen.notes == (
        "the video shows 2 faces; number 2 is dubbed, because it is the only one that moves; --face chooses",
    )
    (tmp_path / "again").mkdir()
    assert chosen_in(tmp_path / "again", paint, FaceChoice("largest")).face.number == 1


def test_a_portrait_that_is_moved_about_stays_a_portrait(
    tmp_path: Path, sitter: SyntheticFace, portrait: np.ndarray
) -> None:
    def paint(image: np.ndarray, step: int) -> None:
        image[:432, 2 * step : 2 * step + 540] = portrait
        paint_webcam(image, step, sitter)

    assert chosen_in(tmp_path, paint).face.centre[0] > 700


def test_where_nothing_moves_the_largest_is_dubbed(tmp_path: Path, sitter: SyntheticFace, portrait: np.ndarray) -> None:
    def paint(image: np.ndarray, _: int) -> None:
        image[:432, :540] = portrait
        paint_webcam(image, 0, sitter)

    chosen = chosen_in(tmp_path, paint)
    assert chosen.face.number == 1
    assert "because it is the largest (who speaks cannot be told" in chosen.notes[0]


@pytest.mark.parametrize(("size", "said"), [(112, ()), (75, ("found, but only 75 pixels high",))])
def test_a_small_face_is_dubbed_and_said_to_be_small(
    tmp_path: Path, sitter: SyntheticFace, size: int, said: tuple[str, ...]
) -> None:
    chosen = chosen_in(tmp_path, scaled(sitter, size), count=8)
    assert len(chosen.notes) == len(said)
    for note, words in zip(chosen.notes, said, strict=True):
        assert words.replace("75", str(round(chosen.face.size))) in note
    assert chosen.face.size == pytest.approx(size, rel=0.08)


def test_a_face_too_small_to_dub_is_refused_with_its_size(tmp_path: Path, sitter: SyntheticFace) -> None:
    with pytest.raises(NoFaceError, match=r"found, but only 4\d pixels high"):
        chosen_in(tmp_path, scaled(sitter, 46), count=8)


def scaled(face: SyntheticFace, size: int) -> Painter:
    """Draws a face of that many pixels."""

    def paint(image: np.ndarray, step: int) -> None:
        scale = size / DRAWN
        picture = face.draw(0, 0, pose(step))[30:270, 60:300]
        small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        image[200 : 200 + small.shape[0], 500 : 500 + small.shape[1]] = small

    return paint
