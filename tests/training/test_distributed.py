"""Several processes (gloo, on the CPU) learn what one does: gradients, loss curves, resuming with another number."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from drawn_store import drawn_store
from small_models import SMALL_RECIPE

from synclips.config import AugmentConfig, RecipeConfig, SamplingConfig, StageConfig
from synclips.data.dataset import ClipStore
from synclips.errors import ConfigError
from synclips.features.speech_features import feature_count
from synclips.models.encoders import BaseEncoders
from synclips.training.distributed import own_part
from synclips.training.loop import from_seed, run_stage
from synclips.training.motion import MotionStage
from synclips.training.pretrain import PretrainStage

pytestmark = pytest.mark.long

CPU = torch.device("cpu")
PLAIN = replace(
    SMALL_RECIPE.model,
    audio=replace(SMALL_RECIPE.model.audio, dropout=0.0, speech_layers=0),
    motion=replace(SMALL_RECIPE.model.motion, bank_share=1.0),
)
"""Without what each process draws for itself: dropout, and which windows see the bank."""
RECIPE = RecipeConfig(
    model=PLAIN,
    precision="fp32",
    pretrain=StageConfig(steps=6, batch=40, warmup=2, validate=3),
    motion=StageConfig(steps=6, batch=4, warmup=2, validate=3),
    augment=AugmentConfig(),
    sampling=SamplingConfig(motion_window=16, motion_bank=4, refiner_bank=4, variants=2, moment_distance=2),
)
DRIFT = 0.05
"""Most by which BatchNorm over each process's part moves the loss of stage 1, as a share of it: measured .03 with parts
of 20 moments and untrained weights (EXPERIMENTS.md, 2026-11-28, "Several processes")."""
ROUNDING = 5e-4
"""Most by which weights of the motion stage, which has no BatchNorm in training, differ after six steps of Adam at
1e-3: sums are rounded in another order. A step more or less, or another draw, moves them by 2e-3."""


def train(stage: str, store: Path, folder: Path, steps: int | None = None) -> None:
    """One process's part: `stage` to `steps`, by RECIPE."""
    recipe, clips = RECIPE, ClipStore(store)
    with from_seed(recipe):
        encoders = BaseEncoders(feature_count(0), recipe.model)
        made = PretrainStage(clips, recipe, CPU) if stage == "pretrain" else MotionStage(clips, recipe, encoders, CPU)
    if steps is not None:
        taken = made.step

        def stopped(step: int) -> dict[str, float]:
            if step == steps:
                raise KeyboardInterrupt
            return taken(step)

        made.step = stopped  # type: ignore[method-assign]
    run_stage(made, recipe, folder)


def in_processes(count: int, *arguments: str) -> int:
    """`train` in `count` processes of torchrun."""
    command = [sys.executable, "-m", "torch.distributed.run", f"--nproc-per-node={count}", "--standalone", __file__]
    paths = [str(Path(__file__).parents[1] / "support"), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(paths)}
    return subprocess.run([*command, *arguments], env=environment, capture_output=True, check=False).returncode


def losses(folder: Path, name: str) -> list[float]:
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [line[name] for line in lines if line["kind"] in ("train", "validate") and name in line]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    value = torch.load(folder / "last.pt", weights_only=True)
    assert value["step"] == 6
    return dict(value["networks"]["model"])


def apart(one: dict[str, torch.Tensor], two: dict[str, torch.Tensor]) -> float:
    """The largest difference between two states."""
    return max(float((one[name] - two[name]).abs().max()) for name in one if one[name].is_floating_point())


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drawn_store(tmp_path_factory.mktemp("store")).folder


@pytest.fixture(scope="module")
def alone(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The motion stage by one process."""
    folder = tmp_path_factory.mktemp("alone")
    train("motion", store, folder)
    return folder


def test_two_processes_learn_what_one_does(store: Path, alone: Path, tmp_path: Path) -> None:
    assert in_processes(2, "motion", str(store), str(tmp_path)) == 0
    assert apart(weights(alone), weights(tmp_path)) < ROUNDING
    assert np.allclose(losses(alone, "motion"), losses(tmp_path, "motion"), rtol=1e-4)


def test_a_run_goes_on_with_another_number_of_processes(store: Path, alone: Path, tmp_path: Path) -> None:
    assert in_processes(2, "motion", str(store), str(tmp_path), "4") != 0  # stopped before its fifth step
    assert torch.load(tmp_path / "last.pt", weights_only=True)["step"] == 3
    train("motion", store, tmp_path)
    assert apart(weights(alone), weights(tmp_path)) < ROUNDING


def test_contrastive_batches_are_compared_as_a_whole(store: Path, tmp_path: Path) -> None:
    """Two processes see each other's moments as negatives; what is left is BatchNorm over each one's part."""
    train("pretrain", store, tmp_path / "one")
    assert in_processes(2, "pretrain", str(store), str(tmp_path / "two")) == 0
    one, two = losses(tmp_path / "one", "sync"), losses(tmp_path / "two", "sync")
    assert len(one) == len(two) > 0
    assert np.log(40) * 0.7 < one[0]  # the chance level of all 40 moments, not of 20
    assert np.allclose(one, two, rtol=DRIFT)
    assert one != two


def test_a_batch_that_cannot_be_shared_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from synclips.training import distributed

    monkeypatch.setattr(distributed, "world", lambda: distributed.World(1, 3))
    assert own_part([1, 2, 3, 4, 5, 6]) == [3, 4]
    with pytest.raises(ConfigError, match="4 cannot be shared by 3"):
        own_part([1, 2, 3, 4])


if __name__ == "__main__":
    from synclips.training.distributed import joined

    with joined(CPU):
        train(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]) if len(sys.argv) > 4 else None)
