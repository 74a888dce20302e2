"""A finished model goes on learning: it begins with its weights, keeps its statistics, and is never made worse."""

import json
from copy import deepcopy
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from drawn_store import drawn_store
from small_models import FEATURES, SMALL_RECIPE, write_generator
from torch import nn

from synclips.config import SamplingConfig, StageConfig
from synclips.data.dataset import ClipStore
from synclips.errors import CheckpointError
from synclips.models.checkpoint import load_into, save_model
from synclips.models.generator import Generator
from synclips.models.motion import MotionModel
from synclips.recipe import adapt
from synclips.rendering.renderer import build_model, load_model
from synclips.training.adaptation import between, hear_through
from synclips.training.motion_data import fit_population

RECIPE = replace(
    SMALL_RECIPE,
    precision="fp32",
    motion=StageConfig(steps=2, batch=2, rate=1.0, warmup=1, ema=0.0, validate=1),  # a rate that spoils it
    finetune=StageConfig(steps=1, batch=2, warmup=1, validate=1),
    sampling=SamplingConfig(motion_window=16, motion_bank=4, refiner_bank=4, variants=2),
)


def drawn_start(folder: Path) -> tuple[ClipStore, Generator, Path]:
    """A corpus, and a model that its people's motion fits, with its file."""
    store = drawn_store(folder / "shards")
    start = folder / "start.safetensors"
    model = build_model(SMALL_RECIPE)
    assert isinstance(model, Generator)
    model.motion.set_basis(*fit_population(store, store.split()["train"], SMALL_RECIPE.model.motion.components))
    save_model(start, model, {"stage": "finetune", "step": 0, "recipe": asdict(SMALL_RECIPE)})
    return store, model, start


def test_a_run_that_makes_it_worse_leaves_the_model_as_it_was(tmp_path: Path) -> None:
    store, model, start = drawn_start(tmp_path)
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


def test_weights_between_two_models_lie_on_the_way() -> None:
    torch.manual_seed(0)
    start, trained = (MotionModel(FEATURES, 6, SMALL_RECIPE.model) for _ in range(2))
    ends = [dict(between(start, trained, share).named_parameters()) for share in (0.0, 0.25, 1.0)]
    own, learned = dict(start.named_parameters()), dict(trained.named_parameters())
    for name, weight in own.items():
        torch.testing.assert_close(ends[0][name], weight)
        torch.testing.assert_close(ends[1][name], 0.75 * weight + 0.25 * learned[name])
        torch.testing.assert_close(ends[2][name], learned[name])


def test_a_refiner_understands_what_embeddings_have_become() -> None:
    """The new embeddings are turned, stretched and moved; the picture stays."""
    torch.manual_seed(0)
    model = build_model(SMALL_RECIPE)
    assert isinstance(model, Generator)
    refiner, dim = model.refiner.eval(), SMALL_RECIPE.model.audio.dim
    nn.init.normal_(refiner.out.weight, std=0.1)
    old = torch.randn(400, dim) + 1
    turned = torch.linalg.qr(torch.randn(dim, dim))[0] * 2
    new = old @ turned + 3
    layers, masks = torch.randn(4, refiner.layers, 3, 16, 16), torch.rand(4, 2, 16, 16)
    with torch.no_grad():
        before = refiner(layers, masks, old[:4])
        spoiled = refiner(layers, masks, new[:4])
        explained = hear_through(refiner, old, new)
        after = refiner(layers, masks, new[:4])
    assert explained > 0.99
    for wanted, found, wrong in zip(before, after, spoiled, strict=True):
        assert (found - wanted).abs().max() < 0.1 * (wrong - wanted).abs().max()


def test_without_steps_for_the_picture_the_model_is_kept_with_the_motion_it_learned(tmp_path: Path) -> None:
    store, model, start = drawn_start(tmp_path)
    gentle = replace(RECIPE.motion, steps=1, rate=1e-3)
    sampling = replace(RECIPE.sampling, fitted_layer=False, trained_share=0.5)
    recipe = replace(RECIPE, motion=gentle, finetune=replace(RECIPE.finetune, steps=0), sampling=sampling)
    best = adapt(store.folder, tmp_path / "out", recipe, start, device="cpu")
    made, metadata = load_model(best, torch.device("cpu"))
    assert isinstance(made, Generator)
    assert metadata["stage"] == "adapt_motion"
    assert not (tmp_path / "out/base/adapt_head").exists()
    learned = load_into(tmp_path / "out/base/adapt_motion/best.safetensors", deepcopy(model.motion))
    wanted = dict(between(model.motion, learned, 0.5).named_parameters())
    for name, weight in made.motion.named_parameters():
        torch.testing.assert_close(weight, wanted[name], rtol=2e-3, atol=2e-3)  # stored as fp16


def test_a_model_that_is_none_is_refused(tmp_path: Path) -> None:
    store = drawn_store(tmp_path / "shards")
    with pytest.raises(CheckpointError, match="no such"):
        adapt(store.folder, tmp_path / "out", RECIPE, tmp_path / "gone.safetensors", device="cpu")
    assert write_generator(tmp_path / "g.safetensors").is_file()
