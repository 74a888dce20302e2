"""A thinner refiner is fitted layer by layer: exact where nothing is lost, near where redundant channels go."""

from dataclasses import replace

import pytest
import torch
from small_models import SMALL
from torch import nn

from synclips.config import RefinerConfig
from synclips.models.generator import Refiner
from synclips.training.thinning import Frames, thin

WIDTHS = (8, 12, 16)


def refiner(widths: tuple[int, int, int], blocks: int) -> Refiner:
    return Refiner(replace(SMALL, refiner=RefinerConfig(widths=widths, blocks=blocks))).eval()


@pytest.fixture(scope="module")
def frames() -> Frames:
    """Smooth pictures, as faces are: what neighbouring channels compute of them is alike."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(12, 3, 3, 5, 5, generator=generator).flatten(0, 1)
    layers = nn.functional.interpolate(coarse, size=(32, 32), mode="bicubic").unflatten(0, (12, 3)) * 2 - 1
    masks = nn.functional.interpolate(torch.rand(12, 2, 4, 4, generator=generator), size=(32, 32), mode="bilinear")
    return Frames(layers, masks, torch.randn(12, SMALL.audio.dim, generator=generator))


@pytest.fixture(scope="module")
def teacher(frames: Frames) -> Refiner:
    torch.manual_seed(1)
    made = refiner(WIDTHS, 2)
    nn.init.normal_(made.out.weight, std=0.05)
    made.train()
    with torch.no_grad():
        for _ in range(30):
            made(frames.layers, frames.masks, frames.sound)  # statistics of normalisation
    return made.eval()


def error(one: Refiner, other: Refiner, frames: Frames) -> float:
    """Mean difference of weights and residuals, relative to the second one's spread."""
    with torch.no_grad():
        pairs = zip(
            one(frames.layers, frames.masks, frames.sound),
            other(frames.layers, frames.masks, frames.sound),
            strict=True,
        )
        return max(float((a - b).abs().mean() / b.std()) for a, b in pairs)


def test_with_as_many_channels_it_is_the_same_function(teacher: Refiner, frames: Frames) -> None:
    student = refiner(WIDTHS, 2)
    assert error(student, teacher, frames) > 0.05
    thin(teacher, student, frames)
    assert error(student, teacher, frames) < 0.02


def test_fewer_channels_and_blocks_come_nearer_than_they_were(teacher: Refiner, frames: Frames) -> None:
    torch.manual_seed(2)
    student = refiner((4, 8, 8), 1)
    before = error(student, teacher, frames)
    thin(teacher, student, frames)
    after = error(student, teacher, frames)
    assert after < 0.6 * before
    assert sum(p.numel() for p in student.parameters()) < 0.6 * sum(p.numel() for p in teacher.parameters())


def test_training_finds_the_statistics_of_normalisation_as_they_are(teacher: Refiner, frames: Frames) -> None:
    student = refiner((4, 8, 8), 2)
    thin(teacher, student, frames)
    with torch.no_grad():
        weights, residual = student(frames.layers, frames.masks, frames.sound)
        student.train()
        trained_weights, trained_residual = student(frames.layers, frames.masks, frames.sound)
    assert torch.allclose(weights, trained_weights, atol=5e-3)
    assert torch.allclose(residual, trained_residual, atol=5e-3)


def test_the_teacher_is_not_changed(teacher: Refiner, frames: Frames) -> None:
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    thin(teacher, refiner((4, 8, 8), 1), frames)
    assert all(torch.equal(before[name], value) for name, value in teacher.state_dict().items())
