"""Distillation on drawn clips: the thinner refiner comes nearer to the trained one, and the run resumes exactly."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from drawn_store import drawn_store
from small_models import SMALL, SMALL_RECIPE
from stopped_stage import stopped_at_the_last_step
from torch import nn

from synclips.cli.main import main
from synclips.config import DistillConfig, RecipeConfig, RefinerConfig, SamplingConfig, load_recipe
from synclips.data.dataset import ClipStore
from synclips.models.checkpoint import read_metadata, save_model
from synclips.models.generator import Generator, Refiner
from synclips.recipe import distill
from synclips.rendering.renderer import build_model, load_model
from synclips.training.distill import DistillStage, distillation_losses, thinner_recipe
from synclips.training.loop import from_seed, run_stage
from synclips.training.motion_data import fit_population

CPU = torch.device("cpu")
RECIPE = replace(
    SMALL_RECIPE,
    precision="fp32",
    model=replace(SMALL, refiner=RefinerConfig(widths=(8, 8, 8), blocks=1)),
    distill=DistillConfig(steps=3, batch=4, windows=4, examples=20, rate=1e-3, warmup=1, ema=0.0, validate=1),
    sampling=SamplingConfig(motion_window=16, motion_bank=4, refiner_bank=4, variants=2),
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ClipStore:
    return drawn_store(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def trained(store: ClipStore, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generator whose refiner is wider, and paints something."""
    torch.manual_seed(3)
    recipe = replace(SMALL_RECIPE, model=replace(SMALL, refiner=RefinerConfig(widths=(8, 16, 16), blocks=2)))
    generator = build_model(recipe)
    assert isinstance(generator, Generator)
    generator.motion.set_basis(*fit_population(store, store.split()["train"], recipe.model.motion.components))
    nn.init.normal_(generator.refiner.out.weight, std=0.05)
    path = tmp_path_factory.mktemp("model") / "base.safetensors"
    save_model(path, generator, {"stage": "finetune", "step": 0, "recipe": asdict(recipe)})
    return path


def stage_of(store: ClipStore, trained: Path, recipe: RecipeConfig = RECIPE) -> DistillStage:
    generator, _ = load_model(trained, CPU)
    assert isinstance(generator, Generator)
    with from_seed(recipe):
        return DistillStage(store, thinner_recipe(recipe, generator.recipe), generator, CPU)


def test_training_brings_it_nearer_and_so_does_the_first_fit(store: ClipStore, trained: Path) -> None:
    stage = stage_of(store, trained)
    fixed = stage.frames.frames(list(range(20)))

    def loss() -> float:
        made, taught = stage._painted(fixed, stage.model), stage._painted(fixed, stage._teach)
        return float(sum(distillation_losses(made, taught, fixed, 8.0).values()))

    before = [p.clone() for p in stage.generator.parameters()]
    untrained = loss()
    for group in stage.optimizer.param_groups:
        group["lr"] = 3e-3
    for step in range(12):
        stage.step(step)
    trained_loss = loss()
    assert trained_loss < 0.8 * untrained
    stage.begin()
    assert loss() < 0.5 * trained_loss
    assert all(torch.equal(a, b) for a, b in zip(before, stage.generator.parameters(), strict=True))


def test_equal_refiners_have_no_loss(store: ClipStore, trained: Path) -> None:
    stage = stage_of(store, trained)
    seen = stage.frames.frames([0, 7])
    painted = stage._painted(seen, stage.generator.refiner)
    assert all(abs(value.item()) < 1e-6 for value in distillation_losses(painted, painted, seen, 8.0).values())


def test_frames_depend_on_seed_and_number_alone(store: ClipStore, trained: Path) -> None:
    one, other = stage_of(store, trained).frames, stage_of(store, trained).frames
    other.frames([0, 3])
    torch.manual_seed(9)
    a, b = one.frames([12, 3]), other.frames([12, 3])
    assert torch.equal(a.made.layers, b.made.layers)
    assert torch.equal(a.sound, b.sound)
    assert a.made.layers.abs().max() <= 1
    assert a.made.lips.max() > 0.5
    drawn = one.draw(np.random.default_rng(1), 6)
    again = one.draw(np.random.default_rng(1), 6)
    assert torch.equal(drawn.made.layers, again.made.layers)
    assert not torch.equal(drawn.made.layers, one.draw(np.random.default_rng(2), 6).made.layers)


def test_layers_and_target_are_changed_alike(store: ClipStore, trained: Path) -> None:
    """The base layer and the real picture of a frame keep as near to each other as they were."""
    frames = stage_of(store, trained).frames
    seen = frames.draw(np.random.default_rng(5), 8)
    near = (seen.made.layers[:, 0] - seen.made.target).abs().mean()
    far = (seen.made.layers[:, 0] - seen.made.target.roll(1, dims=0)).abs().mean()
    assert near < 0.7 * far


def test_a_stopped_run_goes_on_as_if_it_had_not_stopped(store: ClipStore, trained: Path, tmp_path: Path) -> None:
    whole, stopped = stage_of(store, trained), stopped_at_the_last_step(stage_of(store, trained))
    for stage in (whole, stopped):
        stage.begin()
    run_stage(whole, RECIPE, tmp_path / "whole", from_trained=True)
    with pytest.raises(KeyboardInterrupt):
        run_stage(stopped, RECIPE, tmp_path / "stopped", from_trained=True)
    run_stage(stage_of(store, trained), RECIPE, tmp_path / "stopped", from_trained=True)
    states = [torch.load(tmp_path / name / "last.pt", weights_only=True) for name in ("whole", "stopped")]
    assert states[0]["step"] == states[1]["step"] == RECIPE.distill.steps
    for name, value in states[0]["average"].items():
        assert torch.equal(value, states[1]["average"][name]), name


def test_the_recipe_leaves_a_refiner_that_is_put_upon_its_model(
    store: ClipStore, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = tmp_path / "thin.toml"
    settings.write_text(
        'precision = "fp32"\n[model.refiner]\nwidths = [8, 8, 8]\nblocks = 1\n'
        "[distill]\nsteps = 1\nbatch = 2\nwindows = 2\nexamples = 8\nvalidate = 1\n[sampling]\nrefiner_bank = 4\n"
    )
    command = ["recipe", "--from-shards", "--shards", str(store.folder), "--config", str(settings)]
    command += ["--from", str(trained), "--output-dir", str(tmp_path / "out"), "--device", "cpu", "--quiet"]
    assert main(command) == 0
    made = tmp_path / "out/checkpoints/fast.safetensors"
    assert made.stat().st_size < trained.stat().st_size / 4
    log = [json.loads(line) for line in (tmp_path / "out/base/distill/log.jsonl").read_text().splitlines()]
    assert {line["step"] for line in log if line["kind"] == "validate"} == {0, 1}
    assert read_metadata(made)["stage"] == "distill"
    beside = made.with_name("base.safetensors")
    beside.write_bytes(trained.read_bytes())
    model, metadata = load_model(made, CPU)
    whole, _ = load_model(trained, CPU)
    assert isinstance(model, Generator)
    assert isinstance(whole, Generator)
    assert model.recipe.model.refiner.widths == (8, 8, 8)
    assert metadata["recipe"]["distill"]["steps"] == 1
    assert all(torch.equal(a, b) for a, b in zip(model.motion.parameters(), whole.motion.parameters(), strict=True))
    capsys.readouterr()


def test_the_shipped_recipe_is_thinner_than_what_it_learns_from() -> None:
    fast, base = load_recipe("fast"), load_recipe("base")
    assert fast.distill.steps > 0
    assert base.distill.steps == 0
    few, many = (sum(p.numel() for p in Refiner(recipe.model).parameters()) for recipe in (fast, base))
    assert few < many / 2


def test_only_a_model_with_a_refiner_can_teach(store: ClipStore, tmp_path: Path) -> None:
    from synclips.errors import CheckpointError

    recipe = load_recipe("blueprint")
    path = tmp_path / "blueprint.safetensors"
    save_model(path, build_model(recipe), {"recipe": asdict(recipe)}, half=True)
    with pytest.raises(CheckpointError, match="preset base"):
        distill(store.folder, tmp_path / "out", RECIPE, path, device="cpu")
