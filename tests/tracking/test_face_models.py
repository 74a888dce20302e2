"""Decoding, suppression and regions, by tensors made by hand; the networks themselves, by a drawn face."""

import subprocess
import sys
from dataclasses import replace
from hashlib import sha256

import cv2
import numpy as np
import pytest

from synclips.data.synthetic_face import HeadPose, Look, SyntheticFace
from synclips.tracking.face_models import (
    MESH_EYES,
    WEIGHTS,
    BoxNetwork,
    FaceBox,
    MeshNetwork,
    Region,
    anchors,
    decode,
    mesh_region,
    sigmoid,
    suppress,
)
from synclips.tracking.face_search import whole

NO_FACE = np.full(896, -100, np.float32)


def box(left: float, top: float, right: float, bottom: float, score: float = 0.9) -> FaceBox:
    corners = np.array([left, top, right, bottom], np.float32)
    return FaceBox(score, corners, np.tile(corners[:2], (6, 1)) + np.arange(12, dtype=np.float32).reshape(6, 2))


def test_anchors_are_the_middles_of_both_grids_cells() -> None:
    places = anchors()
    assert places.shape == (896, 2)
    fine, coarse = places[:512].reshape(16, 16, 2, 2), places[512:].reshape(8, 8, 6, 2)
    assert fine[3, 5].tolist() == [[5.5 / 16, 3.5 / 16]] * 2
    assert coarse[7, 0].tolist() == [[0.5 / 8, 7.5 / 8]] * 6


def test_a_box_is_decoded_from_its_anchor() -> None:
    raw, scores = np.zeros((896, 16), np.float32), NO_FACE.copy()
    row = 512 + (2 * 8 + 4) * 6  # the coarse grid's third row and fifth column
    raw[row] = [12.8, -6.4, 32, 64, *range(12)]
    scores[row] = 1
    (face,) = decode(raw, scores, 0.5)
    x, y = 4.5 / 8, 2.5 / 8
    assert face.score == pytest.approx(1 / (1 + np.exp(-1)))
    assert face.box == pytest.approx([x + 0.1 - 0.125, y - 0.05 - 0.25, x + 0.1 + 0.125, y - 0.05 + 0.25])
    assert face.points[0] == pytest.approx([x, y + 1 / 128])
    assert face.points[5] == pytest.approx([x + 10 / 128, y + 11 / 128])


def test_unsure_and_improper_boxes_are_left_out() -> None:
    raw, scores = np.ones((896, 16), np.float32), NO_FACE.copy()
    scores[[10, 20, 30]] = [0.1, -0.1, 3]
    raw[30, 2] = -5  # no width
    assert [face.score > 0.5 for face in decode(raw, scores, 0.5)] == [True]
    assert decode(raw, NO_FACE, 0.5) == []
    assert len(decode(raw, scores, 0.4)) == 2


def test_extreme_scores_do_not_overflow() -> None:
    assert sigmoid(np.array([-1e9, 0, 1e9], np.float32)).tolist() == pytest.approx([0, 0.5, 1])


def test_boxes_of_one_face_become_their_mean_weighted_by_score() -> None:
    found = [box(0, 0, 10, 10, 0.6), box(2, 0, 12, 10, 0.9), box(50, 50, 60, 60, 0.7)]
    first, second = suppress(found)
    assert first.score == 0.9
    assert first.box == pytest.approx([1.2, 0, 11.2, 10])
    assert first.points[3] == pytest.approx([1.2 + 6, 7])
    assert second.box.tolist() == [50, 50, 60, 60]


def test_boxes_that_hardly_overlap_are_of_two_faces() -> None:
    assert len(suppress([box(0, 0, 10, 10), box(6, 0, 16, 10, 0.8)])) == 2
    assert suppress([]) == []


def test_a_region_is_turned_as_the_eyes_are_and_half_as_large_again_as_the_box() -> None:
    face = replace(box(100, 100, 140, 180), points=np.array([[110, 120], [130, 140], *[[0, 0]] * 4], np.float32))
    region = face.region
    assert (region.x, region.y, region.side) == (120, 140, 120)
    assert region.angle == pytest.approx(np.pi / 4)
    points = np.zeros((468, 3), np.float32)
    points[:, :2] = [120, 140]
    points[1, :2], points[2, :2] = [100, 100], [140, 180]
    points[MESH_EYES[0], :2], points[MESH_EYES[1], :2] = [110, 120], [130, 140]
    assert mesh_region(points) == region


def test_a_turned_region_samples_and_maps_back() -> None:
    """What is drawn at a place of the picture comes out where the inverse map says."""
    region = Region(150.0, 120.0, 96.0, float(np.deg2rad(30)))
    inside = np.array([[0.25, 0.6, 0.5]], np.float32)
    (x, y, z) = region.to_image(inside)[0]
    image = np.zeros((240, 320, 3), np.uint8)
    cv2.circle(image, (round(float(x)), round(float(y))), 3, (255, 255, 255), -1)
    sample = region.sample(image, 192, cv2.BORDER_CONSTANT)
    rows, columns = np.nonzero(sample[..., 0] > 128)
    assert [columns.mean() / 192, rows.mean() / 192] == pytest.approx([0.25, 0.6], abs=0.01)
    assert z == pytest.approx(0.5 * 96)


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (Region(5.0, 5.0, 10.0), 1),
        (Region(10.0, 5.0, 10.0), 1 / 3),
        (Region(20.0, 5.0, 10.0), 0),
        (Region(5.0, 5.0, 5.0), 0.25),
    ],
)
def test_regions_overlap_as_squares_do(other: Region, expected: float) -> None:
    assert Region(5.0, 5.0, 10.0).overlap(other) == pytest.approx(expected)
    assert other.overlap(Region(5.0, 5.0, 10.0)) == pytest.approx(expected)


def test_a_batch_equals_single_calls_to_the_bit() -> None:
    boxes, meshes = BoxNetwork(), MeshNetwork()
    picture = SyntheticFace(Look()).draw(0.3, 0, HeadPose())
    (face,) = boxes.find(picture, [whole(picture)], confidence=0.5)[0]
    regions = [face.region, replace(face.region, x=face.region.x + 3), replace(face.region, angle=0.2)]
    together, presence = meshes.fit(picture, regions)
    for number in (2, 0, 1):
        alone, sure = MeshNetwork().fit(picture, [regions[number]])
        assert np.array_equal(alone[0], together[number])
        assert sure[0] == presence[number] > 0.9
    assert meshes.fit(picture, [])[0].shape == (0, 468, 3)


def test_more_threads_find_the_same() -> None:
    picture = SyntheticFace(Look()).draw(0, 0, HeadPose())
    region = [Region(180.0, 144.0, 200.0)]
    one, two = (MeshNetwork(threads=threads).fit(picture, region)[0] for threads in (1, 2))
    assert np.abs(one - two).max() < 0.01


def test_the_weights_are_mediapipes_and_their_licence_is_beside_them() -> None:
    digests = {path.stem: sha256(path.read_bytes()).hexdigest()[:8] for path in WEIGHTS.glob("*.tflite")}
    assert digests == {"face_detection_short_range": "bbff11ce", "face_landmark": "1055cb9d"}
    licence = (WEIGHTS / "mediapipe.LICENSE.md").read_text(encoding="utf-8")
    assert "The MediaPipe Authors" in licence
    assert "Apache License" in licence


def test_loading_writes_nothing_and_swallows_nothing() -> None:
    program = (
        "import os\n"
        "from synclips.tracking.face_models import BoxNetwork, _without_greeting\n"
        "with _without_greeting(): os.write(2, b'heard\\n')\n"
        "import synclips.tracking.face_models as m; m._greeted = False\n"
        "BoxNetwork(), BoxNetwork(); os.write(2, b'after\\n')\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert (run.stdout, run.stderr) == (b"", b"heard\nafter\n")
