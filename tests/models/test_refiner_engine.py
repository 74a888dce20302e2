"""ncnn computes what torch computes, from several threads at once too."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from drawn_head import drawn_video, pictures

from synclips.config import RecipeConfig
from synclips.errors import BackendError
from synclips.features.speech_features import feature_count
from synclips.models import refiner_engine as engines
from synclips.models.generator import Generator, Refiner
from synclips.models.refiner_engine import NcnnRefiner, refiner_engine
from synclips.rendering.frame_part import FramePart
from synclips.rendering.lip_sync import LipSync
from synclips.rendering.renderer import load_model

pytest.importorskip("ncnn")


def trained_refiner() -> Refiner:
    """A refiner whose every weight and every running mean counts."""
    torch.manual_seed(3)
    refiner = Refiner(RecipeConfig().model)
    for module in refiner.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            torch.nn.init.normal_(module.running_mean, std=0.2)
            torch.nn.init.uniform_(module.running_var, 0.5, 2.0)
            torch.nn.init.normal_(module.bias, std=0.1)
    torch.nn.init.normal_(refiner.out.weight, std=0.05)
    for block in refiner.blocks:
        torch.nn.init.normal_(block.film.bias, std=0.1)
    return refiner.eval()


def inputs(seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    layers = torch.rand(2, 3, 3, 48, 56, generator=random) * 2 - 1
    masks, sound = torch.rand(2, 2, 48, 56, generator=random), torch.randn(2, 192, generator=random)
    return layers, masks, sound


@torch.no_grad()
def test_equals_torch_in_every_thread() -> None:
    refiner = trained_refiner()
    ncnn = NcnnRefiner(refiner)
    cases = [inputs(seed) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda case: ncnn(*case), cases * 3))
    for case, (weights, residual) in zip(cases * 3, made, strict=True):
        expected_weights, expected_residual = refiner(*case)
        assert expected_residual.abs().max() > 0.05
        torch.testing.assert_close(weights, expected_weights, atol=1e-4, rtol=0)
        torch.testing.assert_close(residual, expected_residual, atol=1e-4, rtol=0)
    for first, again in zip(made[:4], made[4:8], strict=True):
        assert torch.equal(first[0], again[0])
        assert torch.equal(first[1], again[1])


def test_torch_takes_over(monkeypatch: pytest.MonkeyPatch) -> None:
    refiner = trained_refiner()
    assert refiner_engine(refiner, "torch", fp32_on_cpu=True) is None
    assert refiner_engine(refiner, "auto", fp32_on_cpu=False) is None
    assert isinstance(refiner_engine(refiner, "auto", fp32_on_cpu=True), NcnnRefiner)
    with pytest.raises(BackendError, match="--engine torch"):
        refiner_engine(refiner, "ncnn", fp32_on_cpu=False)
    monkeypatch.setattr(engines, "_installed", lambda: False)
    assert refiner_engine(refiner, "auto", fp32_on_cpu=True) is None


@torch.no_grad()
def test_frames_of_the_shipped_model_are_torch_s_within_45_db(tmp_path: Path) -> None:
    """And a part of a frame is rendered as in the whole frame, which is what the stages of a dub rely on."""
    model, _ = load_model(None, torch.device("cpu"))
    assert isinstance(model, Generator)
    video = drawn_video(tmp_path / "head.mkv", 12)
    features = np.random.default_rng(0).normal(size=(48, feature_count(2))).astype(np.float32)
    by_torch, by_ncnn = (LipSync(model, video, precision="fp32", engine=engine) for engine in ("torch", "ncnn"))
    plan = by_torch.plan(features, video.times, np.arange(12))
    frames = pictures(video)
    for number in (3, 8):
        expected = by_torch.render(frames[number], number, plan, number)
        left, top, right, bottom = by_ncnn.reach(number)
        part = FramePart(frames[number][top:bottom, left:right], left, top, *frames[number].shape[1::-1])
        made = by_ncnn.render_part(part, number, plan, number)
        changed = np.abs(expected.astype(int) - frames[number]).max(axis=2)[top:bottom, left:right] > 0
        assert changed.sum() > 2000
        error = made.astype(float)[changed] - expected[top:bottom, left:right][changed]
        assert 10 * np.log10(255**2 / max(1e-9, (error**2).mean())) > 45
