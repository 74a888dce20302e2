"""A finished model goes on learning: it begins with its weights, keeps its statistics, and is never made worse."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from drawn_store import drawn_store
from small_models import SMALL_RECIPE, write_generator
from torch import nn

from synclips.config import SamplingConfig, StageConfig
from synclips.data.dataset import ClipStore
from synclips.errors import CheckpointError
from synclips.models.checkpoint import load_into
from synclips.models.generator import Generator
from synclips.models.motion import MotionModel
from synclips.recipe import adapt
from synclips.rendering.renderer import build_model, load_model
from synclips.training.motion_data import fit_population

RECIPE = replace(
    SMALL_RECIPE,
    precision="fp32",
    motion=StageConfig(steps=2, batch=2, rate=1.0, warmup=1, ema=0.0, validate=1),  # a rate that spoils it
    finetune=StageConfig(steps=1, batch=2, warmup=1, validate=1),
    sampling=SamplingConfig(motion_window=16, motion_bank=4, refiner_bank=4, variants=2),
)


def test_a_run_that_makes_it_worse_leaves_the_model_as_it_was(tmp_path: Path) -> None:
    store: ClipStore = drawn_store(tmp_path / "shards")
    start = tmp_path / "start.safetensors"
    model = build_model(SMALL_RECIPE)
    assert isinstance(model, Generator)
    model.motion.set_basis(*fit_population(store, store.split()["train"], SMALL_RECIPE.model.motion.components))
    from synclips.models.checkpoint import save_model

    save_model(start, model, {"stage": "finetune", "step": 0, "recipe": asdict(SMALL_RECIPE)})
    best = adapt(store.folder, tmp_path / "out", RECIPE, start, device="cpu")
    motion = load_into(tmp_path / "out/base/adapt_motion/best.safetensors", model.motion)
    assert isinstance(motion, MotionModel)
    log = [json.loads(line) for line in (tmp_path / "out/base/adapt_motion/log.jsonl").read_text().splitlines()]
    scores = {line["step"]: line["score"] for line in log if line["kind"] == "validate"}
    assert set(scores) == {0, 1, 2}
    before, _ = load_model(start, torch.device("cpu"))
    assert isinstance(before, Generator)
    if scores[0] == max(scores.values()):
        assert all(torch.equal(a, b) for a, b in zip(motion.parameters(), before.motion.parameters(), strict=True))
    made, metadata = load_model(best, torch.device("cpu"))
    assert metadata["stage"] == "adapt"
    assert made.recipe.motion == RECIPE.motion
    statistics = [m for m in before.refiner.modules() if isinstance(m, nn.BatchNorm2d)]
    assert statistics
    now = [m for m in made.refiner.modules() if isinstance(m, nn.BatchNorm2d)]
    assert all(torch.equal(a.running_mean, b.running_mean) for a, b in zip(statistics, now, strict=True))  # type: ignore[arg-type]


def test_a_model_that_is_none_is_refused(tmp_path: Path) -> None:
    store = drawn_store(tmp_path / "shards")
    with pytest.raises(CheckpointError, match="no such"):
        adapt(store.folder, tmp_path / "out", RECIPE, tmp_path / "gone.safetensors", device="cpu")
    assert write_generator(tmp_path / "g.safetensors").is_file()
