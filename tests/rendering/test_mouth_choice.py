"""Which mouth serves which frame, by the settings that travel with the model."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from small_models import SMALL_RECIPE, write_generator

from synclips.config import RenderConfig
from synclips.features.face_mesh import INNER_BOTTOM, LIPS, lower_points, template
from synclips.features.mesh_raster import RING
from synclips.models.checkpoint import read_metadata, save_model
from synclips.models.generator import Generator
from synclips.rendering.mesh_warp import moving_share
from synclips.rendering.mouth_bank import Mouth, MouthShapes, choose_mouths, softness
from synclips.rendering.renderer import build_model, load_model


def mouths(openings: list[float]) -> np.ndarray:
    """Lower faces whose mouths are open as far."""
    faces = np.repeat(template()[None, lower_points()], len(openings), axis=0)
    faces[:, np.searchsorted(lower_points(), INNER_BOTTOM), 1] += np.array(openings)
    return faces.astype(np.float32)


BANK = MouthShapes(np.arange(6), mouths([0, 2, 4, 6, 8, 0.5]), np.zeros((6, 3)))
WANTED = mouths([2.0, 4.0, 5.0, 6.0])
STRAIGHT = np.zeros((4, 3))


def test_the_path_follows_a_run_and_single_frames_take_the_nearest() -> None:
    path = choose_mouths(BANK, WANTED, STRAIGHT, 2, RenderConfig(jump_cost=100.0))
    nearest = choose_mouths(BANK, WANTED, STRAIGHT, 2, RenderConfig(choice="frame"))
    assert path[:, 0].tolist() in ([1, 2, 2, 3], [1, 2, 3, 3])
    assert nearest[:, 0].tolist()[:2] == [1, 2]
    assert nearest[3, 0] == 3
    assert (path[:, 0] != path[:, 1]).all()
    assert (choose_mouths(BANK, WANTED, STRAIGHT, 2, RenderConfig(choice="middle")) == 3).all()


def test_a_turned_mouth_costs_more_and_a_covered_one_most() -> None:
    turned = MouthShapes(BANK.frames, BANK.lower, np.where(np.arange(6)[:, None] == 1, 0.5, 0.0) * np.ones(3))
    assert choose_mouths(turned, WANTED[:1], STRAIGHT[:1], 1, RenderConfig())[0, 0] != 1
    assert choose_mouths(turned, WANTED[:1], STRAIGHT[:1], 1, RenderConfig(turn_cost=0.0))[0, 0] == 1
    covered = np.arange(6) == 1
    assert choose_mouths(BANK, WANTED[:1], STRAIGHT[:1], 1, RenderConfig(), covered)[0, 0] != 1


def test_a_blurred_mouth_is_taken_only_where_no_sharp_one_is_near() -> None:
    soft = np.where(np.arange(6) == 1, 0.5, 0.05)
    blurred = MouthShapes(BANK.frames, BANK.lower, BANK.turn, soft=soft)
    assert choose_mouths(blurred, WANTED[:1], STRAIGHT[:1], 1, RenderConfig(soft_cost=0.0))[0, 0] == 1
    assert choose_mouths(blurred, WANTED[:1], STRAIGHT[:1], 1, RenderConfig(soft_cost=20.0))[0, 0] != 1
    far = MouthShapes(
        BANK.frames, np.where((np.arange(6) == 1)[:, None, None], BANK.lower, BANK.lower + 40), BANK.turn, soft=soft
    )
    assert choose_mouths(far, WANTED[:1], STRAIGHT[:1], 1, RenderConfig(soft_cost=20.0))[0, 0] == 1


def test_softness_is_the_detail_that_like_mouths_have_and_this_one_lacks() -> None:
    picture = np.random.default_rng(0).integers(0, 255, (120, 160, 3)).astype(np.uint8)
    points = np.zeros((len(template()) + RING, 2), np.float32)
    points[: len(template())] = template()[:, :2]
    points[:, :2] += [80, 60] - points[LIPS].mean(axis=0)
    crops = np.zeros((5, 144, 144, 3), np.uint8)
    bank = [Mouth(picture, points, crops) for _ in range(12)]
    bank[4] = Mouth(cv2.GaussianBlur(picture, (0, 0), 2), points, crops)
    found = softness(bank, mouths([3.0] * 12))
    assert found[4] > 0.5
    assert np.delete(found, 4).max() < 0.05


def test_only_lips_move_if_that_is_asked_for() -> None:
    whole, lips = (moving_share(np.eye(3), RenderConfig(moving=what)) for what in ("lower face", "lips"))
    assert whole[152] == 1
    assert lips[152] == 0
    np.testing.assert_array_equal(whole[LIPS], lips[LIPS])


def test_the_settings_travel_in_the_checkpoint(tmp_path: Path) -> None:
    path = write_generator(tmp_path / "model.safetensors")
    model, metadata = load_model(path, torch.device("cpu"))
    assert isinstance(model, Generator)
    assert model.recipe.render == RenderConfig()
    recipe = metadata["recipe"] | {"render": {"choice": "frame", "residual_colour": 1.0}}
    save_model(path, model, read_metadata(path) | {"recipe": recipe})
    other, _ = load_model(path, torch.device("cpu"))
    assert isinstance(other, Generator)
    assert other.recipe.render == RenderConfig(choice="frame", residual_colour=1.0)


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_the_residuals_colour_is_reduced_after_training(share: float) -> None:
    model = build_model(replace(SMALL_RECIPE, render=RenderConfig(residual_colour=share)))
    assert isinstance(model, Generator)
    torch.manual_seed(0)
    torch.nn.init.normal_(model.refiner.out.weight, std=0.3)
    layers, sound = torch.rand(1, 3, 3, 96, 112) * 2 - 1, torch.zeros(1, SMALL_RECIPE.model.audio.dim)
    lips, one = torch.rand(1, 2, 96, 112), torch.ones(1, 1, 96, 112)
    model.eval()
    whole = model.refiner(layers, lips, sound)[1]
    kept = model(layers, lips, one, one, sound).residual
    grey = whole.mean(dim=1, keepdim=True)
    torch.testing.assert_close(kept - grey, share * (whole - grey), atol=1e-6, rtol=1e-4)
    outside = model(layers, lips, one, torch.zeros_like(one), sound)
    torch.testing.assert_close(outside.picture, layers[:, 0])
