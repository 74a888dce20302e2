"""Tracks of several people survive crossings, gaps and cuts; nothing is bridged or smoothed across a cut."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from synclips.errors import ConfigError, NoFaceError
from synclips.features.face_mesh import RIGID, template
from synclips.media.shots import find_cuts
from synclips.media.video import TimedFrame, VideoInfo
from synclips.tracking.detections import Detections, detect_faces
from synclips.tracking.detector import without_doubles
from synclips.tracking.identities import Identity, boxes_of, link_faces
from synclips.tracking.selection import FaceChoice, choose_face, parse_choice
from synclips.tracking.track import LONGEST_GAP, bridge_gaps
from synclips.tracking.tracked_video import TrackedVideo, follow

HEIGHT, WIDTH = 120, 320
RED, GREEN, BLUE = (200, 60, 50), (50, 180, 70), (60, 70, 200)
INFO = VideoInfo(
    Path("drawn.mp4"), WIDTH, HEIGHT, Fraction(25), 10.0, None, 0, False, Fraction(1), "h264", "yuv420p", 8, 1, 1, 1,
    1, False, 0.0,
)  # fmt: skip

Person = tuple[float, tuple[int, int, int]]
"""Place from left to right, in pixels, and colour."""


class Stage:
    """Draws people as coloured ovals, the last in front, and finds those whose middle is not covered."""

    def __init__(self, script: list[list[Person]], backgrounds: list[int] | None = None, shaken: float = 0) -> None:
        self.script = script
        self.backgrounds = backgrounds or [0] * len(script)
        self.noise = np.random.default_rng(0)
        self.shaken = shaken
        self.shown = -1
        self.forgot: list[int] = []

    def frames(self) -> Iterator[TimedFrame]:
        rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
        for number, (people, background) in enumerate(zip(self.script, self.backgrounds, strict=True)):
            scene = 90 + 30 * np.sin(columns / 25 + 2 * background) * np.cos(rows / 30 + background)
            image = np.repeat(scene[..., None], 3, axis=2)
            for x, colour in people:
                head = ((columns - x) / 22) ** 2 + ((rows - 55) / 30) ** 2 < 1
                body = (np.abs(columns - x) < 30) & (rows > 88)
                image[head] = (220, 180, 150)
                image[body] = colour
                image[head & (rows < 38)] = [255 - value for value in colour]
            self.shown = number
            yield TimedFrame(number / 25, (image + self.noise.normal(0, 2, image.shape)).clip(0, 255).astype(np.uint8))

    def detect_all(self, image: np.ndarray) -> np.ndarray:
        assert image.shape == (HEIGHT, WIDTH, 3)
        people = self.script[self.shown]
        seen = [
            mesh_at(x + self.noise.normal(0, self.shaken))
            for number, (x, _) in enumerate(people)
            if all(abs(x - other) > 25 for other, _ in people[number + 1 :])
        ]
        return np.array(seen, np.float32).reshape(-1, 468, 3)

    def detect(self, image: np.ndarray) -> np.ndarray | None:
        return next(iter(self.detect_all(image)), None)

    def forget(self) -> None:
        self.forgot.append(self.shown + 0)

    def close(self) -> None:
        """Nothing to free."""

    def watch(self) -> Detections:
        return detect_faces(self.frames(), self)


def mesh_at(x: float) -> np.ndarray:
    mesh = template() * [0.4, 0.4, 0.4]
    return (mesh - mesh.mean(axis=0) + [x, 55, 0]).astype(np.float32)


def paths(detections: Detections, faces: list[Identity]) -> list[dict[int, float]]:
    """For each face the frame numbers and where it was."""
    centre = boxes_of(detections).centre
    return [
        dict(zip(detections.frame[face.rows].tolist(), centre[face.rows, 0].round().tolist(), strict=True))
        for face in faces
    ]


def test_two_people_who_cross_stay_themselves() -> None:
    script = [[(60 + 4 * i, RED), (260 - 4 * i, BLUE)] for i in range(50)]
    detections = Stage(script, shaken=0.7).watch()
    found = paths(detections, link_faces(detections))
    assert len(found) == 2
    front = max(found, key=len)  # nobody covers blue
    back = min(found, key=len)
    assert len(front) == 50
    assert all(abs(x - (260 - 4 * i)) < 5 for i, x in front.items())
    assert 35 < len(back) < 50, "behind the other one it cannot be seen"
    assert all(abs(x - (60 + 4 * i)) < 5 for i, x in back.items())


def test_two_people_who_meet_and_turn_back_stay_themselves() -> None:
    way = [*range(0, 80, 4), *range(80, 0, -4)]
    script = [[(80 + step, RED), (240 - step, BLUE)] for step in way]
    detections = Stage(script).watch()
    found = paths(detections, link_faces(detections))
    assert len(found) == 2
    ends = sorted((path[0], path[39]) for path in found)
    assert ends == [(80, 84), (240, 236)]


def test_one_who_leaves_and_comes_back_is_the_same_person() -> None:
    still: list[list[Person]] = [[(70, RED), (230, GREEN)]] * 20
    script = still + [[(230, GREEN)]] * 40 + [[(230, GREEN), (110, RED)]] * 20
    detections = Stage(script).watch()
    faces = link_faces(detections)
    assert [len(face.rows) for face in faces] == [80, 40]
    assert (faces[1].first, faces[1].last) == (0.0, 79 / 25)
    tracked = follow(INFO, detections, faces[1].rows)
    assert tracked.track.visible.tolist() == [True] * 20 + [False] * 40 + [True] * 20
    assert np.abs(np.diff(tracked.pose.translation[:20, 0])).max() < 0.1
    assert np.abs(np.diff(tracked.pose.translation[60:, 0])).max() < 0.1, "the place before the gap does not smear in"


def shot_and_counter_shot() -> Stage:
    script: list[list[Person]] = [[(100, RED)]] * 15 + [[(110, BLUE)]] * 15 + [[(100, RED)]] * 15
    return Stage(script, [0] * 15 + [4] * 15 + [0] * 15)


def test_shots_of_two_people_in_turn_are_two_tracks_whatever_the_place() -> None:
    stage = shot_and_counter_shot()
    detections = stage.watch()
    assert detections.cuts.tolist() == [15, 30]
    assert stage.forgot == [15, 30], "the detector looks anew"
    found = paths(detections, link_faces(detections))
    assert [sorted(path) for path in found] == [[*range(15), *range(30, 45)], [*range(15, 30)]]


def test_nothing_is_smoothed_across_a_cut() -> None:
    script: list[list[Person]] = [[(60, RED)]] * 20 + [[(250, RED)]] * 20
    detections = Stage(script, [0] * 20 + [4] * 20).watch()
    assert detections.cuts.tolist() == [20]
    (face,) = link_faces(detections)
    tracked = follow(INFO, detections, face.rows)
    assert tracked.track.visible.all()
    assert tracked.cuts.tolist() == [20]
    x = tracked.pose.translation[:, 0]
    assert np.abs(x[:20] - x[0]).max() < 0.2
    assert np.abs(x[20:] - x[-1]).max() < 0.2
    np.testing.assert_allclose(tracked.alignment[:20], tracked.alignment[:1].repeat(20, axis=0), atol=0.3)
    assert abs(x[20] - x[19] - 190) < 1


def test_gaps_are_bridged_within_a_shot_but_not_across_a_cut() -> None:
    points = np.zeros((12, 468, 3), np.float32)
    points[:, 0, 0] = np.arange(12) * 10
    seen = np.ones(12, bool)
    seen[[2, 3, 6, 7]] = False
    points[~seen] = 0
    filled = points.copy()
    visible = bridge_gaps(filled, seen, np.array([7]))
    assert visible.tolist() == [True] * 6 + [False, False] + [True] * 4
    np.testing.assert_allclose(filled[[2, 3], 0, 0], [20, 30])
    np.testing.assert_allclose(filled[[6, 7], 0, 0], [50, 80], err_msg="the nearest frame of the own shot")


def test_one_faceless_frame_is_bridged_and_many_are_left_alone() -> None:
    """users_ask.md, theme 1."""
    script: list[list[Person]] = [[(100 + i, RED)] for i in range(60)]
    script[10] = []
    script[30 : 30 + LONGEST_GAP + 3] = [[]] * (LONGEST_GAP + 3)
    detections = Stage(script).watch()
    (face,) = link_faces(detections)
    tracked = follow(INFO, detections, face.rows)
    assert np.flatnonzero(~tracked.track.visible).tolist() == [*range(30, 30 + LONGEST_GAP + 3)]
    middle = tracked.track.points[10, :, 0].mean() - (tracked.track.points[9, :, 0].mean())
    assert abs(middle - 1) < 0.1


def test_no_face_at_all_is_one_clear_line() -> None:
    detections = Stage([[]] * 4).watch()
    assert link_faces(detections) == []
    with pytest.raises(NoFaceError, match=r"no face was found in drawn.mp4 \(4 frames\)"):
        follow(INFO, detections, np.array([], np.int64))


def test_a_flash_and_a_shaken_camera_are_no_cuts() -> None:
    noise = np.random.default_rng(1)
    scene = (np.add.outer(np.arange(60), np.arange(80)) % 50 * 4).astype(np.uint8)
    scene = np.repeat(scene[..., None], 3, axis=2)
    still = [scene] * 12
    flashed = [*still[:6], (255 - scene // 4), *still[6:]]
    assert find_cuts(flashed).tolist() == []
    assert find_cuts([(image * 0.4).astype(np.uint8) if i > 5 else image for i, image in enumerate(still)]).size == 0
    shaken = [np.roll(scene, noise.integers(-12, 12, 2), axis=(0, 1)) for _ in range(20)]
    assert find_cuts(shaken).tolist() == []
    other = noise.integers(0, 255, (6, 8, 3), np.uint8).repeat(10, axis=0).repeat(10, axis=1)
    assert find_cuts([*still, *[other] * 5]).tolist() == [12]


def test_two_meshes_on_one_face_count_once() -> None:
    faces = np.stack([mesh_at(50), mesh_at(52), mesh_at(120) * [1.2, 1.2, 1]]).astype(np.float32)
    kept = without_doubles(faces)
    assert kept[:, :, 0].mean(axis=1).round().tolist() == [144, 50]


def test_of_two_meshes_on_one_face_the_truer_one_counts() -> None:
    true = mesh_at(100).astype(np.float32)
    rough = true * np.float32(1.06)
    rough[RIGID[::2], 1] += 4
    kept = without_doubles(np.stack([rough, true]))
    assert len(kept) == 1
    np.testing.assert_array_equal(kept[0], true)


def test_a_longer_look_goes_on_where_a_shorter_one_ended() -> None:
    stage = shot_and_counter_shot()
    whole = stage.watch()
    for end in (14, 15, 16, 45):
        short = whole.first(end)
        stage = shot_and_counter_shot()
        rest = (frame for number, frame in enumerate(stage.frames()) if number >= end - 1)
        longer = detect_faces(rest, stage, before=short)
        assert longer.cuts.tolist() == whole.cuts.tolist()
        assert longer.frame.tolist() == whole.frame.tolist()
        np.testing.assert_array_equal(longer.times, whole.times)
        np.testing.assert_array_equal(longer.points, whole.points)


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("speaker", FaceChoice("speaker")),
        ("Largest", FaceChoice("largest")),
        ("left", FaceChoice("left")),
        ("2", FaceChoice("number", number=2)),
        ("640,360@2.5", FaceChoice("point", 640.0, 360.0, 2.5)),
        ("640, 360", FaceChoice("point", 640.0, 360.0)),
    ],
)
def test_choices_are_parsed(text: str, choice: FaceChoice) -> None:
    assert parse_choice(text) == choice


@pytest.mark.parametrize("text", ["", "0", "-1", "middle", "1,2,3", "640x360"])
def test_other_choices_are_one_clear_line(text: str) -> None:
    with pytest.raises(ConfigError, match=r"--face .* give speaker, largest, left, right, a number"):
        parse_choice(text)


def test_faces_are_chosen_by_place_number_and_point() -> None:
    script: list[list[Person]] = [[(60, RED), (160, GREEN), (260, BLUE)]] * 20 + [[(60, RED), (260, BLUE)]] * 10
    detections = Stage(script).watch()
    boxes = boxes_of(detections)
    faces = link_faces(detections, boxes)

    def place(text: str) -> float:
        return round(choose_face(parse_choice(text), faces, detections, boxes).centre[0])

    assert place("left") == 60
    assert place("right") == 260
    assert place("170,60@0.3") == 160
    assert place("3") == 160
    assert place("largest") == place("1") == place("speaker")
    with pytest.raises(NoFaceError, match="there is no face 4"):
        place("4")
    with pytest.raises(NoFaceError, match="there is no face at 160,55 at 1 s"):
        place("160,55@1")


def test_tracks_are_small_values(tmp_path: Path) -> None:
    detections = shot_and_counter_shot().watch()
    assert isinstance(detections.records, np.memmap)
    tracked = follow(INFO, detections, link_faces(detections)[0].rows)
    assert isinstance(tracked, TrackedVideo)
    assert isinstance(tracked.track.points, np.memmap)
    assert list(tmp_path.iterdir()) == []
