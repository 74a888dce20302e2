"""The stage of the painted inner mouth on drawn clips: what it learns from, that it learns, and that it resumes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from drawn_clips import draw_clip, write_store
from drawn_store import drawn_store
from small_models import SMALL_RECIPE
from stopped_stage import stopped_at_the_last_step

from synclips.config import InnerMouthConfig, StageConfig
from synclips.data.dataset import ClipStore
from synclips.errors import DataError
from synclips.features.face_mesh import INNER_BOTTOM, lower_opening, lower_points
from synclips.features.mouth_canvas import SKIN
from synclips.training.inner_mouth import InnerMouthStage
from synclips.training.inner_mouth_data import OPEN, batch_of, gather
from synclips.training.loop import from_seed, run_stage

CPU = torch.device("cpu")
RECIPE = replace(
    SMALL_RECIPE,
    precision="fp32",
    model=replace(SMALL_RECIPE.model, inner_mouth=InnerMouthConfig(widths=(8, 8, 16), blocks=1, code=4, hidden=16)),
    inner_mouth=StageConfig(steps=5, batch=4, rate=2e-3, warmup=1, validate=2),
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ClipStore:
    return drawn_store(tmp_path_factory.mktemp("store"))


def stage_of(store: ClipStore) -> InnerMouthStage:
    with from_seed(RECIPE):
        return InnerMouthStage(store, RECIPE, CPU)


def test_open_mouths_are_gathered_by_speaker(store: ClipStore) -> None:
    found = gather(store, store.split()["train"])
    assert set(found) == {"s1", "s2"}
    clips = [store[key] for key in store.split()["train"] if key.startswith("s1.")]
    opening = np.array([lower_opening(face) for clip in clips for face in clip.lower])
    mouths = found["s1"]
    assert len(mouths) == int((opening >= OPEN).sum())
    widest = mouths.some(2)
    assert widest.opening[-1] == mouths.opening.max()
    # the middle of an open mouth is the drawn dark, and its surroundings are not
    number = int(mouths.opening.argmax())
    picture, inside = mouths.pictures[number].astype(int), mouths.canvas.mask(mouths.lower[number]) > 0.9
    assert np.median(picture[inside].sum(axis=1)) < 150 < np.median(picture[0].sum(axis=1))


def test_batches_are_in_the_reference_light(store: ClipStore) -> None:
    mouths = gather(store, store.split()["train"])["s1"]
    batch = batch_of([(mouths, i, 0) for i in range(3)], CPU)
    np.testing.assert_allclose((batch.colours[:, :3].numpy() + 1) / 2, np.tile(SKIN, (3, 1)), atol=0.01)
    darker = replace(mouths, pictures=mouths.pictures // 2, colours=(mouths.colours + 1) / 2 - 1)
    other = batch_of([(darker, i, 0) for i in range(3)], CPU)
    assert (batch.target - other.target).abs().mean() < 0.02


def test_the_discriminator_counts_after_its_share_of_the_steps(store: ClipStore) -> None:
    stage = stage_of(store)
    before = [p.clone() for p in stage.discriminator.parameters()]
    assert set(stage.step(0)) == {"pixel", "gradient"}
    assert all(torch.equal(a, b) for a, b in zip(before, stage.discriminator.parameters(), strict=True))
    for group in stage.optimizer_d.param_groups:
        group["lr"] = 1e-2
    figures = stage.step(RECIPE.inner_mouth.steps - 1)
    assert set(figures) == {"pixel", "gradient", "matching", "adversarial", "discriminator"}
    assert all(np.isfinite(value) for value in figures.values())
    assert not all(torch.equal(a, b) for a, b in zip(before, stage.discriminator.parameters(), strict=True))


def test_it_learns_the_dark_between_the_lips(store: ClipStore) -> None:
    stage = stage_of(store)
    for group in stage.optimizer.param_groups:
        group["lr"] = 5e-3
    first = stage.step(0)["pixel"]
    for step in range(1, 40):
        last = stage.step(0 if step == 39 else step % 2)["pixel"]
    assert last < 0.5 * first


def test_validation_names_each_held_out_speaker_and_chooses_a_usual_code(store: ClipStore) -> None:
    stage = stage_of(store)
    figures = stage.validate(stage.model.eval())
    assert {"s1_error", "s1_sharpness", "s33_error", "s33_sharpness", "score"} == set(figures)
    assert 0 <= int(stage.model.usual) < len(stage.people)
    picture = stage.picture(stage.model)
    assert picture is not None
    assert picture.std() > 10


def test_without_an_open_mouth_there_is_nothing_to_train_on(tmp_path: Path) -> None:
    clip = draw_clip(1, 30, "s1", "bbaf2n")
    shut = clip.lower[:1].copy()
    shut[0, np.searchsorted(lower_points(), INNER_BOTTOM), 1] -= 0.5
    still = replace(clip, lower=np.repeat(shut, 30, axis=0))
    with pytest.raises(DataError, match="open mouth"):
        InnerMouthStage(ClipStore(write_store(tmp_path, [still])), RECIPE, CPU)


def test_a_run_that_was_stopped_equals_one_that_was_not(store: ClipStore, tmp_path: Path) -> None:
    run_stage(stage_of(store), RECIPE, tmp_path / "whole")
    broken = stopped_at_the_last_step(stage_of(store))
    with pytest.raises(KeyboardInterrupt):
        run_stage(broken, RECIPE, tmp_path / "broken")
    run_stage(stage_of(store), RECIPE, tmp_path / "broken")
    kept, other = ((tmp_path / folder / "best.safetensors").read_bytes() for folder in ("whole", "broken"))
    assert kept == other
