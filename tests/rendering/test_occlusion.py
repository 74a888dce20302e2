"""Users' theme 15, occlusion: what stands before the mouth stays in front, and nothing else is taken for it."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from drawn_head import HEIGHT, WIDTH, drawn_video, pictures
from small_models import FEATURES, SMALL_RECIPE

from synclips.media.video import probe, read_frames
from synclips.rendering.lip_sync import LipSync, Plan
from synclips.rendering.mouth_bank import build_bank, turns
from synclips.rendering.occlusion import find_occluded, find_occluders, learn_appearance
from synclips.rendering.renderer import build_model
from synclips.tracking.detector import FaceMeshDetector
from synclips.tracking.tracked_video import TrackedVideo, track_video

FRAMES, FIRST, LAST = 48, 20, 32


def place(number: int) -> tuple[int, int]:
    """Where the occluder's middle is: it crosses the mouth from left to right."""
    return 60 + round((number - FIRST) / (LAST - FIRST) * 200), 185


def occluder_mask(kind: str, number: int) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    if FIRST <= number < LAST:
        x, y = place(number)
        if kind == "microphone":
            cv2.circle(mask, (x, y), 18, 1, -1)
            cv2.rectangle(mask, (x - 7, y), (x + 7, HEIGHT), 1, -1)
        elif kind == "hand":
            cv2.ellipse(mask, (x, y), (45, 38), 0, 0, 360, 1, -1)
        else:
            cv2.rectangle(mask, (x - 24, y - 24), (x + 24, y + 24), 1, -1)
    return mask > 0


def paint(kind: str, picture: np.ndarray, number: int) -> np.ndarray:
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    left = place(number)[0]
    colours = {
        "microphone": np.full((HEIGHT, WIDTH, 3), 35.0),
        "hand": np.array([215, 165, 140]) * (0.9 + 0.2 * ((x - left) / 90))[..., None],
        "pattern": np.where(((x - left) // 8 + y // 8)[..., None] % 2 == 0, [40, 90, 200], [240, 230, 60]),
    }
    mask = occluder_mask(kind, number)[..., None]
    return np.where(mask, colours[kind].clip(0, 255), picture).astype(np.uint8)


def renderer(video: TrackedVideo) -> LipSync:
    torch.manual_seed(0)
    return LipSync(build_model(SMALL_RECIPE), video)


def sound() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(4 * FRAMES, FEATURES)).astype(np.float32)


@pytest.fixture(scope="module", params=["microphone", "hand", "pattern"])
def covered(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, LipSync, Plan]:
    """A head that something crosses, and the plan of its dub."""
    path = tmp_path_factory.mktemp(request.param) / "head.mkv"
    video = drawn_video(path, FRAMES, change=lambda picture, number: paint(request.param, picture, number))
    lip_sync = renderer(video)
    return request.param, lip_sync, lip_sync.plan(sound(), video.times, np.arange(FRAMES))


def test_theme_15_an_occluder_stays_in_front_of_the_mouth(covered: tuple[str, LipSync, Plan]) -> None:
    kind, lip_sync, plan = covered
    assert all(FIRST - 1 <= frame <= LAST for frame in plan.occluders.masks)
    frames, touched, kept = pictures(lip_sync.video), 0.0, 0.0
    for number in range(FIRST, LAST, 2):
        made = lip_sync.render(frames[number], number, plan, number).astype(int)
        inside = cv2.erode(occluder_mask(kind, number).astype(np.uint8), np.ones((9, 9))) > 0
        changed = np.abs(made - frames[number]).max(axis=2) > 12
        touched += float((changed & inside).sum())
        kept += float(inside.sum())
    assert touched < 0.03 * kept


def test_theme_15_a_mouth_covered_for_the_most_part_is_left_alone(covered: tuple[str, LipSync, Plan]) -> None:
    kind, lip_sync, plan = covered
    middle = (FIRST + LAST) // 2
    if kind != "microphone":
        assert plan.occluders.covered[middle] > 0.6
        assert plan.visibility[middle] == 0
    assert plan.visibility[[0, -1]].min() == 1
    hidden = [n for n in range(FIRST, LAST) if plan.occluders.covered[n] > 0.3]
    assert hidden
    assert not np.isin(lip_sync.bank.frames[plan.mouths], hidden).any()  # nor do they lend themselves to others


def test_theme_15_nothing_is_seen_before_an_uncovered_mouth(tmp_path: Path) -> None:
    video = drawn_video(tmp_path / "head.mkv", FRAMES)
    lip_sync = renderer(video)
    plan = lip_sync.plan(sound(), video.times, np.arange(FRAMES))
    assert not plan.occluders.masks
    assert plan.visibility.min() == 1
    nowhere = lip_sync.look_for_occluders(np.zeros(0, np.int64))  # a part of a video that does not show this face
    assert not nowhere.masks


def test_nothing_is_seen_before_real_mouths(grid_clips: Path) -> None:
    path = next(p for p in sorted((grid_clips / "s33").iterdir()) if p.suffix in (".mp4", ".mpg"))
    detector = FaceMeshDetector()
    video = track_video(probe(path), read_frames(path), detector)
    detector.close()
    appearance = learn_appearance(video, build_bank(video, SMALL_RECIPE.render))
    assert len(appearance.turn) == len(video)
    assert not find_occluders(video, appearance, appearance.turn, np.arange(len(video))).masks


def test_a_frame_outside_the_bank_is_looked_at_as_one_within(covered: tuple[str, LipSync, Plan]) -> None:
    kind, lip_sync, plan = covered
    video = lip_sync.video
    bank = lip_sync.bank.without(range(FIRST, LAST, 2))
    turn = turns(video.pose.rotation)
    found = find_occluders(video, learn_appearance(video, bank), turn, np.arange(FRAMES))
    middle = (FIRST + LAST) // 2
    assert {middle, middle + 1} <= set(found.masks)
    alike = [(found.masks[k] == plan.occluders.masks[k]).mean() for k in (middle, middle + 1)]
    assert min(alike) > 0.85, kind


def test_a_corner_of_the_mouth_beside_its_mesh_is_no_occluder() -> None:
    """In a grimace the mesh lies beside the mouth: what differs is a corner, and the fold from there to the nose."""
    difference = np.zeros((49, 63), np.float32)
    difference[8:24, 42:50] = 20  # from the right corner of the lips up to the nose
    assert not find_occluded(difference).any()
    difference[20:49, 42:50] = 20  # the same, from below the chin
    assert find_occluded(difference)[30, 45]


def test_what_covers_most_of_the_lips_is_an_occluder_wherever_it_comes_from() -> None:
    difference = np.zeros((49, 63), np.float32)
    difference[14:34, 18:46] = 20
    assert find_occluded(difference)[24, 32]
