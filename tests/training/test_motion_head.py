"""The last layer of the motion model is fitted in closed form: exactly, in moderation, and only where it helps."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from drawn_clips import draw_clip, write_store
from small_models import SMALL_RECIPE

from synclips.config import SamplingConfig
from synclips.data.dataset import ClipStore
from synclips.data.grid import split_of, utterance_names
from synclips.errors import CheckpointError
from synclips.models.checkpoint import load_into
from synclips.models.generator import Generator
from synclips.models.motion import MotionModel
from synclips.rendering.renderer import build_model
from synclips.training.last_layer import SeenClip, ridge
from synclips.training.motion_data import MotionData, even_bank, fit_population
from synclips.training.motion_head import AsRendered, _folds, fit_head, run_head

RECIPE = replace(SMALL_RECIPE, sampling=SamplingConfig(motion_bank=4))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ClipStore:
    """Six drawn clips of one person."""
    names = [name for name in utterance_names() if split_of("s2", name) == "train"][:6]
    clips = [draw_clip(seed, 45, "s2", name) for seed, name in enumerate(names)]
    return ClipStore(write_store(tmp_path_factory.mktemp("shards"), clips))


@pytest.fixture
def motion(store: ClipStore) -> MotionModel:
    """An untrained motion model: random features of the sound."""
    torch.manual_seed(0)
    model = build_model(SMALL_RECIPE)
    assert isinstance(model, Generator)
    model.motion.set_basis(*fit_population(store, list(store.entries), SMALL_RECIPE.model.motion.components))
    return model.motion.eval()


@pytest.fixture(autouse=True)
def short_clips_suffice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("synclips.training.motion_head.LEAST", 6.0)
    monkeypatch.setattr("synclips.training.motion_head.STRENGTHS", (30.0, 300.0, 1e5))


def test_the_regression_finds_what_the_layer_misses_and_holds_back_as_told() -> None:
    rng = np.random.default_rng(0)
    change, inputs = rng.standard_normal((6, 3)), rng.standard_normal((2000, 6)).astype(np.float32)
    made = rng.standard_normal((2000, 3)).astype(np.float32)
    true = (made + inputs @ change).astype(np.float32)
    clips = [SeenClip(inputs[k::2], made[k::2], true[k::2], 1.0) for k in range(2)]
    assert np.allclose(ridge(clips, 1e-3).weights, change, atol=1e-4)
    halved = ridge(clips, 2000.0).weights  # as much as all the frames
    assert np.allclose(np.linalg.norm(halved) / np.linalg.norm(change), 0.5, atol=0.03)
    assert np.abs(ridge(clips, 1e12).weights).max() < 1e-6


def test_the_last_layer_makes_the_components_of_its_inputs(store: ClipStore, motion: MotionModel) -> None:
    data, key = MotionData(store, motion, RECIPE), next(iter(store.entries))
    bank = even_bank(data, key, 4, torch.device("cpu"))
    features = torch.from_numpy(data.plain(key).features)[None]
    with torch.no_grad():
        assert torch.allclose(
            motion.head[-1](motion.last_inputs(features, *bank)[0]), motion(features, *bank)[0], atol=1e-5
        )


def test_a_person_is_predicted_better_and_the_rest_of_the_model_stays(
    store: ClipStore, motion: MotionModel, tmp_path: Path
) -> None:
    keys = list(store.entries)
    fitted, fit = fit_head(AsRendered(store), motion, RECIPE, keys)
    assert fit.strength is not None
    assert fit.after["score"] > fit.before["score"] + 0.1
    changed = {name for name, value in fitted.state_dict().items() if not torch.equal(value, motion.state_dict()[name])}
    assert changed == {"head.3.weight", "head.3.bias"}
    path = run_head(store, motion, RECIPE, tmp_path)
    assert torch.equal(load_into(path, motion).head[-1].weight, fitted.head[-1].weight)
    written = path.stat().st_mtime_ns
    assert run_head(store, motion, RECIPE, tmp_path).stat().st_mtime_ns == written
    with pytest.raises(CheckpointError, match="another recipe"):
        run_head(store, motion, replace(RECIPE, seed=1), tmp_path)


def test_too_little_video_or_no_gain_leave_the_model(store: ClipStore, motion: MotionModel) -> None:
    keys = list(store.entries)
    same, fit = fit_head(AsRendered(store), motion, RECIPE, keys[:3])
    assert fit.note == "5 s of training video, 6 are needed"
    assert torch.equal(same.head[-1].weight, motion.head[-1].weight)
    fitted, _ = fit_head(AsRendered(store), motion, RECIPE, keys)
    again, fit = fit_head(AsRendered(store), fitted, RECIPE, keys[:5])
    assert fit.strength is None
    assert torch.equal(again.head[-1].weight, fitted.head[-1].weight)


def test_folds_are_stretches_of_a_person_or_people() -> None:
    one = [f"s1.{k}" for k in range(10)]
    assert _folds(one) == [{f"s1.{k}", f"s1.{k + 1}"} for k in range(0, 10, 2)]
    assert _folds(["s1.0", "s2.0", "s3.0"]) == [{"s1.0"}, {"s2.0"}, {"s3.0"}]
    many = [f"s{p}.{k}" for p in range(7) for k in range(2)]
    assert _folds(many)[0] == {"s0.0", "s0.1", "s5.0", "s5.1"}
