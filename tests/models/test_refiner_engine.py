"""ncnn computes what torch computes, from several threads at once too."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from synclips.config import RecipeConfig
from synclips.errors import BackendError
from synclips.models import refiner_engine as engines
from synclips.models.generator import Refiner
from synclips.models.refiner_engine import NcnnRefiner, refiner_engine

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
