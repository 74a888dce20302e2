"""The detector follows a drawn face, finds small ones in large pictures, and remembers nothing that it should not."""

import itertools

import numpy as np
import pytest

from synclips.data.synthetic_face import HeadPose, Look, SyntheticFace
from synclips.tracking import detector as detector_module
from synclips.tracking.detector import FaceMeshDetector, LandmarkDetector
from synclips.tracking.face_models import N_POINTS, FaceBox, Region
from synclips.tracking.face_search import FINE, merge, tiles

EYES = (33, 263)


@pytest.fixture(scope="module")
def face() -> SyntheticFace:
    return SyntheticFace(Look())


def placed(picture: np.ndarray, width: int, height: int, x: int, y: int) -> np.ndarray:
    """A picture on grey, its upper left corner at x, y."""
    canvas = np.full((height, width, 3), 128, np.uint8)
    canvas[y : y + picture.shape[0], x : x + picture.shape[1]] = picture
    return canvas


def roll_of(points: np.ndarray) -> float:
    across = points[EYES[1], :2] - points[EYES[0], :2]
    return float(np.rad2deg(np.arctan2(across[1], across[0])))


def test_a_face_that_moves_and_turns_is_followed(face: SyntheticFace) -> None:
    detector: LandmarkDetector = FaceMeshDetector(faces=1)
    poses = [HeadPose(2.0 * step, 0.5 * step, 0.8 * step) for step in range(24)]
    found = [detector.detect(face.draw(0, 0, pose)) for pose in poses]
    tracks = np.stack([points for points in found if points is not None])
    assert len(tracks) == len(poses)
    nose = tracks[:, 4, :2] - tracks[0, 4, :2]
    # the nose lies near the middle about which the head turns
    assert np.abs(nose - [(pose.x, pose.y) for pose in poses]).max() < 4
    assert [roll_of(points) - roll_of(tracks[0]) for points in tracks] == pytest.approx(
        [pose.roll for pose in poses], abs=1.5
    )


def test_following_needs_no_new_search(face: SyntheticFace, monkeypatch: pytest.MonkeyPatch) -> None:
    """A face that is followed costs the box network nothing while no further one is wanted."""
    detector = FaceMeshDetector(faces=1)
    detector.detect(face.draw(0, 0, HeadPose()))
    monkeypatch.setattr(detector, "_find", lambda _: pytest.fail("searched"))
    assert all(detector.detect(face.draw(0, 0, HeadPose(x))) is not None for x in range(10))


def test_a_face_that_leaves_is_lost_and_found_again(face: SyntheticFace) -> None:
    detector = FaceMeshDetector()
    shown, empty = face.draw(0, 0, HeadPose()), np.full((288, 360, 3), 128, np.uint8)
    seen = [detector.detect(image) is not None for image in [shown] * 3 + [empty] * 3 + [shown] * 2]
    assert seen == [True] * 3 + [False] * 3 + [True] * 2


def test_a_second_face_is_found_soon_though_not_every_frame_is_searched(
    face: SyntheticFace, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = placed(face.draw(0, 0, HeadPose()), 640, 300, 0, 0)
    both = alone.copy()
    both[40:250, 420:620] = SyntheticFace(Look(zoom=0.9, mirrored=True)).draw(0, 0, HeadPose())[40:250, 80:280]
    detector, searched = FaceMeshDetector(faces=5), []
    real = detector._find
    monkeypatch.setattr(detector, "_find", lambda image: searched.append(1) or real(image))
    found = [len(detector.detect_all(image)) for image in [alone] * 7 + [both] * 6]
    assert found[:7] == [1] * 7
    assert found[7 + detector_module.BESIDE_ONE - 1 :] == [2, 2]
    assert len(searched) == 3  # frames 0, 5 and 10


def test_a_face_that_jumps_is_found_in_the_same_frame(face: SyntheticFace) -> None:
    picture = face.draw(0, 0, HeadPose())[40:260, 70:290]
    images = [placed(picture, 900, 300, x, 40) for x in (20, 20, 640, 640, 20)]
    found = followed(FaceMeshDetector(faces=5), images)
    assert [len(faces) for faces in found] == [1] * 5
    assert [bool(faces[0, :, 0].mean() > 450) for faces in found] == [False, False, True, True, False]


def test_two_detectors_do_not_influence_each_other(face: SyntheticFace) -> None:
    left = [face.draw(0.2, 0, HeadPose(-20.0 + step)) for step in range(8)]
    right = [face.draw(0.8, 0, HeadPose(20.0 - step, roll=step)) for step in range(8)]
    alone = [followed(FaceMeshDetector(), images) for images in (left, right)]
    first, second = FaceMeshDetector(), FaceMeshDetector()
    turns = [(first.detect_all(a), second.detect_all(b)) for a, b in zip(left, right, strict=True)]
    for number, expected in enumerate(alone):
        assert all(np.array_equal(turn[number], points) for turn, points in zip(turns, expected, strict=True))


def test_after_forget_a_detector_is_as_new(face: SyntheticFace) -> None:
    images = [face.draw(0.2, 0, HeadPose(step)) for step in range(6)]
    used = FaceMeshDetector()
    for step in range(7):
        used.detect(placed(face.draw(1, 0, HeadPose()), 1300, 700, 40 * step, 300))
    used.forget()
    expected = followed(FaceMeshDetector(), images)
    assert all(np.array_equal(a, b) for a, b in zip(followed(used, images), expected, strict=True))


def test_several_faces_are_found_the_largest_first(face: SyntheticFace) -> None:
    small = SyntheticFace(Look(zoom=0.9, mirrored=True)).draw(0, 0, HeadPose())[40:250, 80:280]
    image = placed(face.draw(0, 0, HeadPose()), 640, 300, 0, 0)
    image[40:250, 420:620] = small
    faces = FaceMeshDetector(faces=5).detect_all(image)
    assert faces.shape == (2, N_POINTS, 3)
    assert faces[0][:, 0].mean() < 300 < faces[1][:, 0].mean()
    assert len(FaceMeshDetector(faces=1).detect_all(image)) == 1


@pytest.mark.parametrize(
    ("width", "height", "x", "y"),
    [(1280, 720, 900, 400), (3840, 2160, 3300, 100), (3840, 2160, 1850, 1000), (1080, 1920, 500, 1500)],
)
def test_faces_are_found_by_pixels_not_by_their_share_of_the_picture(
    face: SyntheticFace, width: int, height: int, x: int, y: int
) -> None:
    """A webcam in a corner, a figure in 4K, a portrait phone: about 110 pixels each."""
    picture = face.draw(0, 0, HeadPose())[40:260, 70:290]
    (points,) = FaceMeshDetector(faces=5).detect_all(placed(picture, width, height, x, y))
    assert 90 < (points.max(axis=0) - points.min(axis=0))[:2].max() < 140
    expected = FaceMeshDetector().detect(picture)
    assert expected is not None
    assert np.abs(points[:, :2] - [x, y] - expected[:, :2]).mean() < 1.5


def test_a_small_face_beside_a_large_one_is_found(face: SyntheticFace) -> None:
    large = np.repeat(np.repeat(face.draw(0, 0, HeadPose()), 2, axis=0), 2, axis=1)
    image = placed(large, 1920, 1080, 0, 0)
    image[700:920, 1500:1720] = SyntheticFace(Look(mirrored=True)).draw(0, 0, HeadPose())[40:260, 70:290]
    faces = FaceMeshDetector(faces=5).detect_all(image)
    assert [round(float(points[:, 0].mean()), -3) for points in faces] == [0, 2000]


def test_the_search_for_small_faces_is_seldom_while_one_is_followed(
    face: SyntheticFace, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched = []
    real = detector_module.find_in_tiles
    monkeypatch.setattr(
        detector_module, "find_in_tiles", lambda *given, **named: searched.append(1) or real(*given, **named)
    )
    detector = FaceMeshDetector(faces=5)
    image = placed(face.draw(0, 0, HeadPose()), 900, 600, 20, 20)
    for _ in range(detector_module.SEARCH + 1):
        detector.detect(image)
    assert len(searched) == 2  # in the first frame, and once a period


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (1920, 1080), (3840, 2160), (704, 1216), (7680, 4320)])
def test_tiles_hold_every_face_that_the_whole_picture_misses(width: int, height: int) -> None:
    """A face of a tenth of the coarser level lies wholly in some tile, wherever it is."""
    regions = tiles(width, height)
    finest = [region for region in regions if region.side == pytest.approx(FINE)]
    rng = np.random.default_rng(0)
    for _ in range(300):
        x, y = rng.uniform(40, width - 40), rng.uniform(40, height - 40)
        assert any(abs(x - tile.x) + 40 <= FINE / 2 and abs(y - tile.y) + 40 <= FINE / 2 for tile in finest)
    sides = sorted({round(region.side) for region in regions} | {max(width, height)})
    assert all(b / a <= 3.01 for a, b in itertools.pairwise(sides))


@pytest.mark.parametrize(("width", "height"), [(360, 288), (720, 576), (640, 480)])
def test_small_pictures_need_no_tiles(width: int, height: int) -> None:
    assert tiles(width, height) == []


def test_of_boxes_on_one_face_the_first_stays() -> None:
    def at(x: float) -> FaceBox:
        return FaceBox(0.9, np.array([x, 0, x + 10, 10], np.float32), np.zeros((6, 2), np.float32))

    assert [face.box[0] for face in merge([at(0), at(2), at(30), at(28)])] == [0, 30]


def test_nothing_is_found_in_noise_and_in_grey() -> None:
    rng = np.random.default_rng(0)
    detector = FaceMeshDetector(faces=5)
    noise = rng.integers(0, 255, (720, 1280, 3), np.uint8)
    for image in (noise, np.full((720, 1280, 3), 90, np.uint8), noise[:1, :1].copy()):
        assert detector.detect(image) is None
        assert detector.detect_all(image).shape == (0, N_POINTS, 3)


def test_regions_far_outside_are_no_error(face: SyntheticFace) -> None:
    """A face that leaves over the edge is followed as far as it goes."""
    detector = FaceMeshDetector()
    found = [detector.detect(face.draw(0, 0, HeadPose(8.0 * step))) for step in range(30)]
    assert found[0] is not None
    assert Region(-500.0, -500.0, 50.0).sample(face.draw(0, 0, HeadPose()), 32, 1).shape == (32, 32, 3)


def followed(detector: FaceMeshDetector, images: list[np.ndarray]) -> list[np.ndarray]:
    return [detector.detect_all(image) for image in images]
