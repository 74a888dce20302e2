"""The joint stage on drawn clips: its losses and log, its batches, and that it resumes exactly."""

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from drawn_store import drawn_store
from small_models import FEATURES, SMALL_RECIPE
from stopped_stage import stopped_at_the_last_step

from synclips.config import LossConfig, RecipeConfig, SamplingConfig, StageConfig
from synclips.data.dataset import ClipStore
from synclips.features.mfcc import N_FEATURES
from synclips.models.encoders import BaseEncoders
from synclips.models.generator import Generator
from synclips.models.syncnet import SyncNet
from synclips.rendering.renderer import build_model
from synclips.training.finetune import FinetuneStage
from synclips.training.loop import Stage, from_seed, run_stage
from synclips.training.motion import MotionStage
from synclips.training.motion_data import fit_population
from synclips.training.window_batches import WindowBatches, frame_losses

CPU = torch.device("cpu")
DISCRIMINATOR = {"adversarial", "matching", "discriminator"}
SPOKEN_LINES = {"closed"}
RECIPE = replace(
    SMALL_RECIPE,
    precision="fp32",
    motion=StageConfig(steps=4, batch=2, warmup=1, validate=2),
    finetune=StageConfig(steps=3, batch=2, warmup=1, validate=2),
    sampling=SamplingConfig(motion_window=16, motion_bank=4, refiner_bank=4, variants=2),
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ClipStore:
    return drawn_store(tmp_path_factory.mktemp("store"))


def stage_of(store: ClipStore, recipe: RecipeConfig = RECIPE) -> FinetuneStage:
    with from_seed(recipe):
        generator = build_model(recipe)
        assert isinstance(generator, Generator)
        keys = store.split()["train"]
        generator.motion.set_basis(*fit_population(store, keys, recipe.model.motion.components))
        return FinetuneStage(store, recipe, generator, SyncNet(N_FEATURES, recipe.model.syncnet), CPU)


def test_the_log_names_every_loss_as_the_settings_do(store: ClipStore) -> None:
    recipe = replace(RECIPE, sampling=replace(RECIPE.sampling, discriminator_start=0.5))
    stage = stage_of(store, recipe)
    before = stage.step(0)
    after = stage.step(2)
    names = {field.name for field in fields(LossConfig)} - SPOKEN_LINES
    assert set(before) == names - DISCRIMINATOR
    assert set(after) == names | {"discriminator"}
    assert all(np.isfinite(value) for value in (*before.values(), *after.values()))


def test_every_part_of_the_model_learns_but_not_the_expert(store: ClipStore) -> None:
    stage = stage_of(store, replace(RECIPE, sampling=replace(RECIPE.sampling, discriminator_start=0.0)))
    networks = {"motion": stage.model.motion.head, "refiner": stage.model.refiner, "d": stage.discriminator}
    before = {name: [p.clone() for p in network.parameters()] for name, network in networks.items()}
    expert = [p.clone() for p in stage.expert.parameters()]
    for group in (*stage.optimizer.param_groups, *stage.optimizer_d.param_groups):
        group["lr"] = 1e-2
    for step in range(2):
        stage.step(step)
    for name, network in networks.items():
        changed = [not torch.equal(a, b) for a, b in zip(before[name], network.parameters(), strict=True)]
        assert any(changed), name
    assert all(torch.equal(a, b) for a, b in zip(expert, stage.expert.parameters(), strict=True))


def test_a_step_in_parts_logs_the_mean_of_its_parts(store: ClipStore, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = replace(RECIPE, finetune=replace(RECIPE.finetune, batch=4, accumulate=2))
    stage = stage_of(store, recipe)
    parts: list[dict[str, float]] = []
    whole = stage.losses.__class__.__call__

    def recorded(self: object, *args: torch.Tensor) -> dict[str, torch.Tensor]:
        losses = whole(self, *args)  # type: ignore[arg-type]
        parts.append({name: value.item() for name, value in losses.items()})
        return losses

    monkeypatch.setattr(stage.losses.__class__, "__call__", recorded)
    figures = stage.step(0)
    assert len(parts) == 2
    assert parts[0]["motion"] != parts[1]["motion"]
    for name in parts[0]:
        assert figures[name] == pytest.approx((parts[0][name] + parts[1][name]) / 2)


def test_pictures_count_less_where_the_shape_was_predicted(store: ClipStore) -> None:
    stage, rng = stage_of(store), np.random.default_rng(0)
    batch = stage.batches.draw(store.split()["train"][:2], rng)
    predicted = torch.tensor([False, True])
    with torch.no_grad():
        _, generated = stage.batches.make(stage.model.eval(), batch, predicted, None)
    wrong = replace(generated, pictures=generated.target.clone())
    wrong.pictures[: len(wrong.pictures) // 2] += 0.2  # only the window of the true shape is off
    one = frame_losses(wrong, predicted, RECIPE.sampling)["pixel"]
    wrong.pictures.copy_(generated.target)
    wrong.pictures[len(wrong.pictures) // 2 :] += 0.2  # only the predicted one
    other = frame_losses(wrong, predicted, RECIPE.sampling)["pixel"]
    assert other < 0.5 * one
    alike = frame_losses(wrong, predicted, SamplingConfig(predicted_weight=1.0))["pixel"]
    assert alike > other


def test_features_of_a_batch_lie_on_the_pictures_clock(store: ClipStore, monkeypatch: pytest.MonkeyPatch) -> None:
    stage, key = stage_of(store), store.split()["train"][0]
    plain, _ = stage.batches.reconstruct(stage.model.eval(), key, 10)
    monkeypatch.setattr(store, "offset", lambda _: 2)  # what is seen in frame i is heard in frame i + 2
    late, _ = stage.batches.reconstruct(stage.model, key, 10)
    # the two look at differently long pieces of sound, whose means differ a little
    first, second = plain.features[0, 8:100], late.features[0, :92]
    assert np.corrcoef(first.flatten(), second.flatten())[0, 1] > 0.99
    assert np.corrcoef(first.flatten(), late.features[0, 8:100].flatten())[0, 1] < 0.99


def test_a_reconstruction_repeats_itself(store: ClipStore) -> None:
    stage, key = stage_of(store), store.split()["unseen"][0]
    batches = WindowBatches(store, stage.model, RECIPE, CPU)
    with torch.no_grad():
        one, other = (batches.reconstruct(stage.model.eval(), key, 10)[1].pictures for _ in range(2))
    assert torch.equal(one, other)


@pytest.mark.parametrize("kind", ["motion", "finetune"])
def test_a_real_stage_that_was_stopped_equals_one_that_was_not(store: ClipStore, tmp_path: Path, kind: str) -> None:
    def made() -> Stage:
        if kind == "finetune":
            return stage_of(store)
        with from_seed(RECIPE):
            return MotionStage(store, RECIPE, BaseEncoders(FEATURES, RECIPE.model), CPU)

    whole = made()
    run_stage(whole, RECIPE, tmp_path / "whole")
    broken = stopped_at_the_last_step(made())
    with pytest.raises(KeyboardInterrupt):
        run_stage(broken, RECIPE, tmp_path / "broken")
    resumed = made()
    run_stage(resumed, RECIPE, tmp_path / "broken")
    for name, network in whole.networks().items():
        for key, value in network.state_dict().items():
            torch.testing.assert_close(resumed.networks()[name].state_dict()[key], value, rtol=0, atol=0, msg=key)
    kept, other = ((tmp_path / folder / "best.safetensors").read_bytes() for folder in ("whole", "broken"))
    assert kept == other
