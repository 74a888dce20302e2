"""Users' themes 2 and 3, a blurry mouth: detail of the leading layer is kept, and grain is the frame's own."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from drawn_head import drawn_video, pictures
from small_models import FEATURES, SMALL_RECIPE

from synclips.features.face_mesh import LIPS
from synclips.metrics.image_quality import gradient_energy
from synclips.rendering.compositor import blend_layers, grain, match_grain, one_mouth
from synclips.rendering.lip_sync import LipSync
from synclips.rendering.mesh_warp import around_lips
from synclips.rendering.renderer import build_model

RENDER = SMALL_RECIPE.render


def textures(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [cv2.GaussianBlur(rng.integers(60, 200, (80, 90, 3)).astype(np.uint8), (0, 0), 0.7) for _ in range(count)]


def shares_of(*values: float) -> np.ndarray:
    return np.tile(np.array(values, np.float32), (80, 90, 1))


def test_theme_3_a_mixture_is_as_sharp_as_what_it_is_mixed_of() -> None:
    layers = textures(3)
    shares = shares_of(0.0, 0.65, 0.35)
    mean = sum(share * layer.astype(np.float32) for share, layer in zip((0, 0.65, 0.35), layers, strict=True))
    mixed = blend_layers(layers, shares, 1.6, RENDER)
    energy = [gradient_energy(np.clip(p, 0, 255).astype(np.uint8)) for p in (layers[1], mean, mixed)]
    assert energy[1] < 0.65 * energy[0]
    assert 0.85 < energy[2] / energy[0] < 1.15
    coarse = [cv2.GaussianBlur(p.astype(np.float32), (0, 0), 5) for p in (mean, mixed)]
    assert np.abs(coarse[0] - coarse[1]).mean() < 1.5


def test_one_layer_alone_is_itself() -> None:
    layers = textures(2)
    np.testing.assert_allclose(blend_layers(layers, shares_of(1, 0), 1.0, RENDER), layers[0], atol=1e-3)


def test_grain_is_matched_and_never_taken_away() -> None:
    rng, everywhere = np.random.default_rng(0), np.ones((120, 140), bool)
    plain = np.full((120, 140, 3), 128.0, np.float32)
    noisy = (plain + rng.normal(0, 4, (120, 140, 1))).round().clip(0, 255).astype(np.uint8)
    matched = match_grain(plain, noisy, everywhere, (3, 4), RENDER)
    assert abs(grain(matched, everywhere) / grain(noisy, everywhere) - 1) < 0.1
    still = match_grain(noisy.astype(np.float32), plain.astype(np.uint8), everywhere, (3, 4), RENDER)
    np.testing.assert_array_equal(still, noisy)


def test_grain_is_another_in_each_frame_and_the_same_each_time() -> None:
    everywhere = np.ones((60, 60), bool)
    plain = np.full((60, 60, 3), 128.0, np.float32)
    noisy = (plain + np.random.default_rng(0).normal(0, 4, (60, 60, 1))).clip(0, 255).astype(np.uint8)
    made = [match_grain(plain, noisy, everywhere, seed, RENDER) - plain for seed in ((1, 1), (1, 1), (2, 2))]
    np.testing.assert_array_equal(made[0], made[1])
    assert abs(np.corrcoef(made[0].ravel(), made[2].ravel())[0, 1]) < 0.1


def test_theme_2_nothing_outside_the_mask_changes_and_no_grain_is_added_there(tmp_path: Path) -> None:
    """The same frames with another sound: far from the mouth they are the source's, bit for bit."""
    video = drawn_video(tmp_path / "head.mkv", 12, grain=5.0)
    torch.manual_seed(0)
    lip_sync, frames = LipSync(build_model(SMALL_RECIPE), video), pictures(video)
    features = np.random.default_rng(0).normal(size=(48, FEATURES)).astype(np.float32)
    plan = lip_sync.plan(features, video.times, np.arange(12))
    made = np.stack([lip_sync.render(frames[i], i, plan, i) for i in range(12)])
    changed = (made != frames).any(axis=(0, 3))
    assert changed.any()
    eyes = int(np.asarray(video.track.points)[:, [33, 263], 1].max())
    assert not changed[: eyes + 8].any()
    assert not changed[:, :20].any()
    assert not changed[:, -20:].any()
    again = lip_sync.render(frames[5], 5, replace(plan), 5)
    np.testing.assert_array_equal(again, made[5])


def test_theme_2_nothing_is_painted_beyond_the_surroundings_of_the_lips() -> None:
    """On the neck, in hair and at the chin's outline a network knows nothing: skin is the frame's own there."""
    share = around_lips(RENDER.spoken_reach)
    assert share[LIPS].min() == 1
    assert share[468:].max() == 0
    assert share[[172, 397, 234, 454]].max() < 0.05
    assert share[[152, 148, 377, 4]].max() < 0.3


def test_one_mouth_wins_and_the_base_layer_keeps_its_share() -> None:
    rng = np.random.default_rng(0)
    shares = rng.dirichlet([2, 3, 2], (20, 30)).astype(np.float32)
    inside = np.zeros((20, 30), np.float32)
    inside[5:15, 5:25] = 1
    made = one_mouth(shares, inside, 16.0)
    np.testing.assert_allclose(made.sum(axis=2), 1, atol=1e-5)
    np.testing.assert_array_equal(made[..., 0], shares[..., 0])
    winner = made[..., 1] / made[..., 1:].sum(axis=2)
    assert winner.min() > 0.95
    assert np.ptp(winner) < 1e-5
    blended = one_mouth(shares, inside, 1.0)
    means = shares[5:15, 5:25, 1:].mean(axis=(0, 1))
    np.testing.assert_allclose(
        (blended[..., 1] / blended[..., 1:].sum(axis=2))[0, 0], means[0] / means.sum(), atol=1e-5
    )


def test_where_no_mouth_is_shown_shares_stay() -> None:
    shares = np.zeros((4, 5, 3), np.float32)
    shares[..., 0] = 1
    np.testing.assert_array_equal(one_mouth(shares, np.ones((4, 5), np.float32), 8.0), shares)
