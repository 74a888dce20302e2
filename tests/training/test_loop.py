"""A resumed training equals an uninterrupted one."""

import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from synclips.config import RecipeConfig, StageConfig
from synclips.errors import CheckpointError
from synclips.runtime import choose_precision
from synclips.training.loop import Means, Steps, rate_at, run_in_memory, run_stage
from synclips.training.threads import for_each


class Line:
    """Fits a line, with dropout, so that the step's random state matters."""

    name = "line"

    def __init__(self, steps: int) -> None:
        self.config = StageConfig(steps=steps, batch=4, rate=0.05, warmup=2, validate=2)
        torch.manual_seed(7)
        self.model = nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.5), nn.Linear(8, 1))
        self.optimizer = torch.optim.AdamW(self.model.parameters())
        self.stop_at: int | None = None

    def networks(self) -> dict[str, nn.Module]:
        return {"model": self.model}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {"model": self.optimizer}

    def averaged(self) -> nn.Module:
        return self.model

    def step(self, step: int) -> dict[str, float]:
        if step == self.stop_at:
            raise KeyboardInterrupt
        self.model.train()
        x = torch.from_numpy(np.random.default_rng(step).normal(size=(8, 3)).astype(np.float32))
        loss = (self.model(x) - x.sum(dim=1, keepdim=True)).square().mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return {"loss": loss.item()}

    def validate(self, model: nn.Module) -> dict[str, float]:
        value = float(model(torch.ones(1, 3)).sum())
        return {"score": -abs(value - 3)}

    def picture(self, model: nn.Module) -> None:
        del model


def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path: Path) -> None:
    whole = Line(6)
    run_stage(whole, RecipeConfig(), tmp_path / "whole")
    broken = Line(6)
    broken.stop_at = 5
    with pytest.raises(KeyboardInterrupt):
        run_stage(broken, RecipeConfig(), tmp_path / "broken")
    resumed = Line(6)
    run_stage(resumed, RecipeConfig(), tmp_path / "broken")
    for a, b in zip(whole.model.parameters(), resumed.model.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)


def test_a_finished_stage_does_nothing_again(tmp_path: Path) -> None:
    run_stage(Line(4), RecipeConfig(), tmp_path)
    log = (tmp_path / "log.jsonl").read_text()
    run_stage(Line(4), RecipeConfig(), tmp_path)
    assert (tmp_path / "log.jsonl").read_text() == log


def test_another_recipes_run_is_not_gone_on_with(tmp_path: Path) -> None:
    run_stage(Line(2), RecipeConfig(), tmp_path)
    with pytest.raises(CheckpointError, match="another recipe"):
        run_stage(Line(4), replace(RecipeConfig(), seed=1), tmp_path)


def test_a_damaged_last_checkpoint_is_named(tmp_path: Path) -> None:
    run_stage(Line(2), RecipeConfig(), tmp_path)
    (tmp_path / "last.pt").write_bytes(b"\0" * 100)
    with pytest.raises(CheckpointError, match="damaged"):
        run_stage(Line(4), RecipeConfig(), tmp_path)


def test_the_log_is_json_lines_with_train_and_validation(tmp_path: Path) -> None:
    run_stage(Line(4), RecipeConfig(), tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["kind"] for line in lines] == ["start", "train", "validate", "validate"]
    assert lines[0]["device"] == "cpu"
    assert lines[0]["precision"] == choose_precision(torch.device("cpu"))


def test_the_rate_rises_then_falls_along_a_cosine() -> None:
    config = StageConfig(steps=1000, batch=1, rate=1.0, warmup=100)
    rates = [rate_at(step, config) for step in range(1000)]
    assert rates[0] < 0.02
    assert max(rates) > 0.95
    assert rates[-1] < 0.011
    assert int(np.argmax(rates)) == pytest.approx(99, abs=2)


def test_a_run_in_memory_equals_one_in_a_folder_and_leaves_the_random_state_alone(tmp_path: Path) -> None:
    run_stage(Line(6), RecipeConfig(), tmp_path)
    line = Line(6)
    torch.manual_seed(3)
    state = torch.random.get_rng_state()
    run_in_memory(line, RecipeConfig(), Steps(line.config))
    assert torch.equal(torch.random.get_rng_state(), state)
    last = torch.load(tmp_path / "last.pt", weights_only=True)["networks"]["model"]
    for name, value in line.model.state_dict().items():
        torch.testing.assert_close(value, last[name], rtol=0, atol=0)


def test_a_run_in_memory_that_gains_nothing_returns_what_it_began_with() -> None:
    line = Line(4)
    before = {name: value.clone() for name, value in line.model.state_dict().items()}
    scores = iter([2.0, 1.0, 0.5])
    line.validate = lambda model: {"score": next(scores)}  # type: ignore[method-assign]  # noqa: ARG005
    best = run_in_memory(line, RecipeConfig(), Steps(line.config))
    assert (best.before["score"], best.after["score"]) == (2.0, 2.0)
    for name, value in best.network.state_dict().items():
        assert torch.equal(value, before[name])
    assert any(not torch.equal(value, before[name]) for name, value in line.model.state_dict().items())


def test_figures_are_means_over_the_parts_that_had_them() -> None:
    means = Means()
    means.add({"pixel": 1.0, "sync": 2.0})
    means.add({"pixel": 3.0})
    assert means.values() == {"pixel": 2.0, "sync": 2.0}


class SlowLine(Line):
    """The same, each step of which takes a twentieth of a second."""

    def __init__(self, minutes: float) -> None:
        super().__init__(1000)
        self.config = replace(self.config, minutes=minutes, validate=400)
        self.taken = 0

    def step(self, step: int) -> dict[str, float]:
        time.sleep(0.05)
        self.taken += 1
        return super().step(step)


def test_a_stage_ends_by_the_clock_and_is_validated_then(tmp_path: Path) -> None:
    line = SlowLine(minutes=0.5 / 60)
    run_stage(line, RecipeConfig(), tmp_path)
    assert 2 <= line.taken <= 11
    lines = [json.loads(text) for text in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert (lines[-1]["kind"], lines[-1]["step"]) == ("validate", line.taken)
    assert (tmp_path / "best.safetensors").is_file()
    again = SlowLine(minutes=0.5 / 60)
    run_stage(again, RecipeConfig(), tmp_path)
    assert again.taken == 0
    longer = SlowLine(minutes=0.8 / 60)
    run_stage(longer, RecipeConfig(), tmp_path)
    assert 1 <= longer.taken <= 7


def test_items_are_worked_on_by_threads_in_their_order_where_a_gpu_waits() -> None:
    import threading

    names = set()

    def work(number: int) -> int:
        time.sleep(0.01)
        names.add(threading.current_thread().name)
        return number * number

    squares = [number * number for number in range(12)]
    assert for_each(torch.device("cuda"), work, range(12)) == squares
    assert len(names) > 1
    names.clear()
    assert for_each(torch.device("cpu"), work, range(12)) == squares
    assert names == {threading.current_thread().name}
