"""The base preset's parts: what they promise about shapes, starts and gradients."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from synclips.config import AudioEncoderConfig, ModelConfig, MotionConfig
from synclips.errors import CheckpointError
from synclips.models.checkpoint import load_into, read_metadata, save_model
from synclips.models.encoders import sound_windows
from synclips.models.generator import Refiner, blend
from synclips.models.losses import contrastive_loss, gradient_loss, pixel_loss, structure_loss
from synclips.models.motion import AudioEncoder, CrossAttention, MotionModel, fit_basis

SMALL = ModelConfig(
    audio=AudioEncoderConfig(dim=32, layers=2, heads=2, feedforward=64), motion=MotionConfig(components=6)
)


def test_four_steps_make_a_frame_and_far_sound_does_not_matter() -> None:
    torch.manual_seed(0)
    encoder = AudioEncoder(39, replace(SMALL.audio, reach=2)).eval()
    features = torch.randn(1, 200, 39)
    changed = features.clone()
    changed[:, 160:] = 0
    first, second = encoder(features), encoder(changed)
    assert first.shape == (1, 50, 32)
    torch.testing.assert_close(first[:, :20], second[:, :20])
    assert not torch.allclose(first[:, 45:], second[:, 45:])


def test_chance_is_the_logarithm_of_the_batch() -> None:
    same = torch.nn.functional.normalize(torch.ones(50, 8), dim=1)
    loss, _ = contrastive_loss(same, same, torch.tensor(2.0))
    assert loss.item() == pytest.approx(math.log(50), rel=1e-4)


def test_matching_pairs_are_found() -> None:
    vectors = torch.eye(20)
    loss, top1 = contrastive_loss(vectors, vectors, torch.tensor(3.0))
    assert top1.item() == 1
    assert loss.item() < 0.1


def test_sound_windows_lie_under_their_frames() -> None:
    features = torch.arange(120.0)[None, :, None]
    window = sound_windows(features, torch.tensor([[10]]))[0, 0, :, 0]
    assert window.tolist() == list(range(32, 52))  # frames 8 to 12


def test_a_basis_gives_back_what_it_spans() -> None:
    torch.manual_seed(0)
    motion = torch.einsum("nk,kmc->nmc", torch.randn(200, 6), torch.randn(6, 15, 3))
    model = MotionModel(39, 15, SMALL)
    model.set_basis(*fit_basis(motion, 6))
    torch.testing.assert_close(model.displacement(model.components(motion)), motion, atol=1e-3, rtol=1e-3)
    assert model.components(motion).std(dim=0) == pytest.approx(torch.ones(6), abs=0.02)


def test_an_empty_bank_is_no_special_case() -> None:
    model = MotionModel(39, 15, SMALL).eval()
    empty = torch.zeros(1, 4, dtype=torch.bool)
    made, _ = model(torch.randn(1, 40, 39), torch.randn(1, 4, 128), torch.randn(1, 4, 6), empty)
    assert made.shape == (1, 10, 6)
    assert made.isfinite().all()


def bank_of_four() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    return torch.randn(1, 4, 128), torch.randn(1, 4, 6), torch.ones(1, 4, dtype=torch.bool)


def test_predictions_with_and_without_the_bank_are_averaged() -> None:
    torch.manual_seed(0)
    model, features, bank = MotionModel(39, 15, SMALL).eval(), torch.randn(1, 40, 39), bank_of_four()
    both = model(features, *bank)
    model.bank_share = 1.0
    informed = model(features, *bank)
    model.bank_share = 0.0
    alone = model(features, *bank)
    assert not torch.allclose(informed[0], alone[0], atol=1e-3)
    for mean, one, other in zip(both, informed, alone, strict=True):
        torch.testing.assert_close(mean, (one + other) / 2)


def test_training_shows_the_bank_to_some_windows_only() -> None:
    torch.manual_seed(0)
    config = replace(SMALL, audio=replace(SMALL.audio, dropout=0.0))
    model, count = MotionModel(39, 15, config), 40
    features, bank = torch.randn(1, 40, 39).expand(count, -1, -1), [p.expand(count, -1, -1) for p in bank_of_four()[:2]]
    everyone, nobody = torch.ones(count, 4, dtype=torch.bool), torch.zeros(count, 4, dtype=torch.bool)
    made, alone = model.train()(features, *bank, everyone)[0], model(features, *bank, nobody)[0]
    blind = [torch.allclose(one, other, atol=1e-5) for one, other in zip(made, alone, strict=True)]
    assert 5 < sum(blind) < count - 5


def test_an_untrained_refiner_is_the_masks_blend() -> None:
    refiner = Refiner(SMALL).eval()
    layers, masks = torch.rand(1, 3, 3, 32, 32) * 2 - 1, torch.zeros(1, 2, 32, 32)
    masks[:, :, 8:24, 8:24] = 1
    weights, residual = refiner(layers, masks, torch.randn(1, 32))
    assert residual.abs().max() == 0
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(1, 32, 32))
    picture = blend(layers, weights, residual)
    torch.testing.assert_close(picture[:, :, 16, 16], layers[:, 1, :, 16, 16], atol=0.02, rtol=0)
    torch.testing.assert_close(picture[:, :, 0, 0], layers[:, 0, :, 0, 0], atol=0.02, rtol=0)


@pytest.mark.parametrize("loss", [pixel_loss, gradient_loss, structure_loss])
def test_losses_are_nought_for_equal_pictures_and_ignore_what_has_no_weight(loss) -> None:  # type: ignore[no-untyped-def]
    torch.manual_seed(0)
    real = torch.rand(1, 3, 32, 32) * 2 - 1
    weight = torch.zeros(1, 1, 32, 32)
    weight[..., :16] = 1
    assert loss(real, real, weight).item() == pytest.approx(0, abs=1e-5)
    wrong = real.clone()
    wrong[..., 24:] = 0  # far from what is weighed
    assert loss(wrong, real, weight).item() == pytest.approx(0, abs=1e-5)
    wrong[..., :8] = 0
    assert loss(wrong, real, weight).item() > 0.02


def test_a_checkpoint_comes_back_and_says_what_it_is(tmp_path: Path) -> None:
    model, path = AudioEncoder(39, SMALL.audio), tmp_path / "m.safetensors"
    save_model(path, model, {"step": 3}, half=True)
    other = load_into(path, AudioEncoder(39, SMALL.audio))
    torch.testing.assert_close(other.norm.weight, model.norm.weight, atol=1e-3, rtol=1e-3)
    assert read_metadata(path)["step"] == 3


def test_another_architecture_and_damage_are_named(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    save_model(path, AudioEncoder(39, SMALL.audio), {})
    with pytest.raises(CheckpointError, match="another architecture"):
        load_into(path, AudioEncoder(13, SMALL.audio))
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match="damaged"):
        load_into(path, AudioEncoder(39, SMALL.audio))
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        read_metadata(tmp_path / "none.safetensors")


@torch.no_grad()
def test_cross_attention_is_torchs() -> None:
    torch.manual_seed(0)
    block = CrossAttention(24, 4, 0.1).eval()
    torch.nn.init.normal_(block.attention.in_proj_bias)
    torch.nn.init.normal_(block.attention.out_proj.bias)
    query, keys, missing = torch.randn(2, 5, 24), torch.randn(2, 7, 24), torch.rand(2, 7) < 0.4
    missing[:, 0] = False
    expected = block.attention(query, keys, keys, key_padding_mask=missing, need_weights=False)[0]
    torch.testing.assert_close(block._attend(query, keys, missing), expected, atol=1e-5, rtol=1e-5)
