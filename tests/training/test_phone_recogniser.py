"""The recogniser learns what hibari says, and its distance is nothing for what is unchanged."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from synclips.training import phone_recogniser
from synclips.training.loop import run_stage
from synclips.training.phone_recogniser import CONFIG, PhoneRecogniser, PhoneStage, phone_distance
from synclips.training.voice_mapper import RECIPE


def test_learns_the_phones_of_a_few_lines(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(phone_recogniser, "_LINES", 2)
    monkeypatch.setattr(phone_recogniser, "_HELD_OUT", 61)
    torch.manual_seed(0)
    config = replace(CONFIG, steps=60, batch=4, rate=1e-2, warmup=2, validate=60, ema=0.0)
    stage = PhoneStage(PhoneRecogniser(width=32, layers=2), config)
    before = stage.validate(stage.model)["frames"]
    run_stage(stage, RECIPE, tmp_path)
    assert stage.validate(stage.model)["frames"] > before + 0.2


def test_distance_of_phones() -> None:
    torch.manual_seed(0)
    recogniser = PhoneRecogniser(width=16, layers=2).eval().requires_grad_(False)
    mel, weight = torch.rand(2, 50, 40), torch.ones(2, 50)
    assert float(phone_distance(recogniser, mel, mel, weight)) == pytest.approx(0, abs=1e-5)
    small, large = (
        float(phone_distance(recogniser, mel * torch.exp(k * torch.randn(40)), mel, weight)) for k in (0.1, 1)
    )
    assert 0 < small < large
    weight[:, 10:] = 0
    changed = mel.clone()
    changed[:, 30:] = 1
    assert float(phone_distance(recogniser, changed, mel, weight)) == pytest.approx(0, abs=1e-5)
