"""Training renders a moment as serving does: same mouths, same geometry, same weights, and all but the same picture."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from drawn_head import JAW, LOWER_LIP, drawn_video, pictures, shapes
from small_models import SMALL_RECIPE

from synclips.config import RenderConfig
from synclips.data.shards import Clip
from synclips.features.alignment import LOWER_VIEW, crop_face, crop_pose
from synclips.features.face_mesh import INNER_LIPS, Pose, lower_opening, lower_points
from synclips.features.mesh_raster import moving_weight
from synclips.media.audio import Waveform
from synclips.models.generator import Generator
from synclips.rendering import lip_sync as serving
from synclips.rendering.lip_sync import LipSync, Plan
from synclips.rendering.mesh_warp import keep_lips_apart
from synclips.rendering.mouth_bank import build_bank
from synclips.rendering.occlusion import Occluders
from synclips.rendering.renderer import build_model
from synclips.training import window_frames
from synclips.training.window_frames import Generated, make_frames, sample_pixels
from synclips.training.windows import LENGTH, NEAREST, Window

START, COUNT = 30, 60
RECIPE = replace(SMALL_RECIPE, render=RenderConfig(measure_chin=False, mouth_power=1.0))
"""What serving alone does is switched off: the chin's gain found in the frames, and one mouth that wins."""


def still_pose(count: int) -> Pose:
    """A head at the face crop's own scale and at whole pixels, so that crop and frame hold the same pixels."""
    middle = np.repeat([[160.0 - 72, 150.0 - 79, 0.0]], count, axis=0)
    return Pose(np.full(count, 1.125), np.repeat(np.eye(3)[None], count, axis=0), middle)


@pytest.fixture(scope="module")
def moment(tmp_path_factory: pytest.TempPathFactory) -> tuple[LipSync, np.ndarray, Window, np.ndarray]:
    """Serving's renderer and the video's frames; training's window; the lower faces that both are to show."""
    lit = 1 + 0.15 * np.sin(np.arange(COUNT) / 5)  # so that mouths need matching in colour
    video = drawn_video(
        tmp_path_factory.mktemp("head") / "head.mkv",
        COUNT,
        pose=still_pose(COUNT),
        grain=0.0,
        change=lambda picture, number: (picture * lit[number]).clip(0, 255).astype(np.uint8),
    )
    torch.manual_seed(0)
    model = build_model(RECIPE)
    assert isinstance(model, Generator)
    torch.nn.init.normal_(model.refiner.out.weight, std=0.3)  # weights and residual that are no mere mask
    frames = pictures(video)
    window_frames_ = range(START - NEAREST + 1, START + LENGTH - 1 + NEAREST)
    lip_sync = LipSync(model, video, build_bank(video, RECIPE.render).without(window_frames_), "fp32")
    every = np.arange(COUNT)
    canonical = video.canonical(every)
    clip = Clip(
        "s1",
        "bbaf2n",
        np.stack([crop_face(frame, matrix) for frame, matrix in zip(frames, video.alignment, strict=True)]),
        canonical[:, lower_points()],
        canonical.mean(axis=0),
        crop_pose(video.pose, video.alignment),
        Waveform(np.zeros(COUNT * 640, np.float32), 16_000),
        (),
    )
    window = Window(clip, START, np.arange(START, START + LENGTH) + 12, lip_sync.bank.gain.rest)
    wanted = shapes(COUNT)[START + 7 : START + 7 + LENGTH, lower_points()]
    at = np.searchsorted(lower_points(), LOWER_LIP)
    wanted[0, at, 1] = shapes(1)[0, LOWER_LIP, 1] - 3  # lips that cross
    wanted[1, at, 1] = shapes(1)[0, LOWER_LIP, 1] + 1  # nearly closed, of mouths that were open
    wanted[2, np.searchsorted(lower_points(), JAW), 1] -= 26  # a chin above the lip: triangles fold
    return lip_sync, frames, window, wanted


def trained(moment: tuple[LipSync, np.ndarray, Window, np.ndarray]) -> Generated:
    lip_sync, _, window, wanted = moment
    model, dim = lip_sync.model, RECIPE.model.audio.dim
    with torch.no_grad():
        return make_frames(
            model.eval(), [window], torch.from_numpy(wanted), torch.zeros(LENGTH, dim), torch.device("cpu")
        )


def served(moment: tuple[LipSync, np.ndarray, Window, np.ndarray]) -> np.ndarray:
    """The window's frames as serving renders them, (t, 3, h, w) in [-1, 1] over the lower-face view."""
    lip_sync, frames, window, wanted = moment
    places = {int(frame): place for place, frame in enumerate(lip_sync.bank.frames)}
    mouths = np.vectorize(places.get)(window.mouths(wanted, 2, RECIPE.render))
    inner = np.searchsorted(lower_points(), INNER_LIPS)
    plan = Plan(
        np.stack([keep_lips_apart(shape, inner) for shape in wanted]),  # as LipSync.plan does
        np.zeros((LENGTH, RECIPE.model.audio.dim), np.float32),
        mouths,
        np.ones(LENGTH, np.float32),
        Occluders({}, np.zeros(COUNT, np.float32)),
        np.zeros(LENGTH, np.float32),
    )
    result = []
    for step in range(LENGTH):
        number = START + step
        made = lip_sync.render(frames[number], number, plan, step, places[int(window.skin[step])])
        crop = crop_face(made, lip_sync.video.alignment[number])
        result.append(crop[LOWER_VIEW.rows, LOWER_VIEW.columns])
    return np.stack(result).transpose(0, 3, 1, 2).astype(np.float32) / 127.5 - 1


def distance(made: np.ndarray, generated: Generated) -> float:
    """PSNR in dB over the generated face."""
    face = np.repeat(generated.face.numpy() > 0.5, 3, axis=1)
    error = (made - generated.pictures.numpy())[face] / 2
    return float(-10 * np.log10(np.mean(error**2)))


def test_both_choose_the_same_mouths(moment: tuple[LipSync, np.ndarray, Window, np.ndarray]) -> None:
    lip_sync, _, window, wanted = moment
    turn = np.zeros((LENGTH, 3))
    chosen = serving.choose_mouths(lip_sync.bank, wanted, turn, 2, RECIPE.render)
    np.testing.assert_array_equal(lip_sync.bank.frames[chosen], window.mouths(wanted, 2, RECIPE.render))


def test_both_render_the_same_picture(moment: tuple[LipSync, np.ndarray, Window, np.ndarray]) -> None:
    """Above 42 dB, two grey levels: training samples pixels bilinearly and serving bicubically, and serving takes fine
    detail from the leading layer alone, rounds each layer to 8 bits, and adds grain."""
    assert distance(served(moment), trained(moment)) > 42


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("colour_gain", lambda *_: np.ones(3, np.float32)),
        ("without_folds", lambda _, wanted: wanted),
        ("keep_lips_apart", lambda shape, _: shape),
        ("painted_region", lambda spoken: np.ones_like(spoken)),
        ("moving_share", lambda *_: moving_weight()),
    ],
)
def test_the_comparison_sees_each_step(
    moment: tuple[LipSync, np.ndarray, Window, np.ndarray],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    other: Callable[..., Any],
) -> None:
    """Training without one of serving's steps lies farther from it."""
    made = served(moment)
    whole = distance(made, trained(moment))
    monkeypatch.setattr(window_frames, name, other)
    assert distance(made, trained(moment)) < whole - 0.3


def test_a_photograph_with_an_open_mouth_is_shaded_by_both(
    moment: tuple[LipSync, np.ndarray, Window, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    lip_sync, frames, window, wanted = moment
    widest = int(np.argmax([lower_opening(lower) for lower in window.clip.lower[:20]]))
    still = replace(window, photograph=True, skin=np.full(LENGTH, widest))
    open_mouth = (lip_sync, frames, still, wanted)
    made = served(open_mouth)
    whole = distance(made, trained(open_mouth))
    assert whole > 33  # an open mouth squeezed shut: sampling makes more of a difference
    monkeypatch.setattr(window_frames, "inner_mouth_light", lambda *_: 1.0)
    assert distance(made, trained(open_mouth)) < whole - 0.3


def test_the_gradient_reaches_the_shapes(moment: tuple[LipSync, np.ndarray, Window, np.ndarray]) -> None:
    lip_sync, _, window, wanted = moment
    moved = torch.from_numpy(wanted.copy()).requires_grad_(True)
    sound = torch.zeros(LENGTH, RECIPE.model.audio.dim)
    generated = make_frames(lip_sync.model.eval(), [window], moved, sound, torch.device("cpu"))
    (generated.pictures - generated.target).square().mean().backward()
    assert moved.grad is not None
    assert moved.grad.isfinite().all()
    assert moved.grad.abs().max() > 0


def test_pixels_are_sampled_at_their_centres() -> None:
    picture = torch.arange(12.0).reshape(1, 1, 3, 4)
    at = torch.tensor([[[[0.0, 0.0], [3.0, 2.0], [1.5, 1.0]]]])
    assert sample_pixels(picture, at).flatten().tolist() == pytest.approx([0, 11, 5.5])
