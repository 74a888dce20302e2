"""The mechanics of training, the same for every stage: schedule, averaging, validation, log, checkpoints, resume.

`run_stage` trains for a number of steps and leaves in a folder: `last.pt` (all that a resumed run needs; a resumed run
equals an uninterrupted one), `best.safetensors` (averaged weights of the best validation), `log.jsonl` (one line a
start, step or validation), and pictures. `run_in_memory` trains for a budget of time or steps, writes nothing, and
keeps the best network of those validated, the one that it began with included.
"""

import json
import math
import os
import pickle
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

import cv2
import numpy as np
import torch
from jaxtyping import UInt8
from torch import nn

from synclips.config import RecipeConfig, StageConfig
from synclips.errors import CheckpointError
from synclips.files import atomic_path
from synclips.models.checkpoint import save_model
from synclips.progress import Progress, silent
from synclips.runtime import choose_precision, device_of
from synclips.training.distributed import (
    average_figures,
    average_statistics,
    of_the_first,
    share_state,
    wait_for_all,
    world,
)

LOG_EVERY = 25

Item = TypeVar("Item")


@runtime_checkable
class Stage(Protocol):
    """One stage of the recipe: what is trained, what a step does, how it is validated."""

    name: str
    config: StageConfig

    def networks(self) -> dict[str, nn.Module]:
        """All that is trained, by name; saved in `last.pt`."""

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Their optimisers, by name."""

    def averaged(self) -> nn.Module:
        """The network whose running average is validated and kept."""

    def step(self, step: int) -> dict[str, float]:
        """One optimiser step, at the learning rate already set; returns named losses and figures."""

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Figures of the averaged network; "score" among them, the larger the better."""

    def picture(self, model: nn.Module) -> UInt8[np.ndarray, "h w 3"] | None:
        """A picture for a person to look at, or None."""


class OneNetwork:
    """The parts of `Stage` that are the same wherever one `model` is trained by one `optimizer`."""

    model: nn.Module
    optimizer: torch.optim.Optimizer

    def networks(self) -> dict[str, nn.Module]:
        """Saved in last.pt."""
        return {"model": self.model}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Saved in last.pt."""
        return {"model": self.optimizer}

    def averaged(self) -> nn.Module:
        """What is validated and kept: the model."""
        return self.model


class GanStage(OneNetwork):
    """The same where `model` is trained against `discriminator`."""

    discriminator: nn.Module
    optimizer_d: torch.optim.Optimizer

    def networks(self) -> dict[str, nn.Module]:
        """Saved in last.pt."""
        return super().networks() | {"discriminator": self.discriminator}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Saved in last.pt."""
        return super().optimizers() | {"discriminator": self.optimizer_d}


def parts_of(items: Sequence[Item], count: int) -> list[Sequence[Item]]:
    """A batch in `count` parts of the same size; what is left over is not used."""
    size = max(1, len(items) // count)
    return [items[start : start + size] for start in range(0, size * count, size) if start < len(items)]


class Means:
    """Means of named figures over the parts of a step."""

    def __init__(self) -> None:
        self._sums: dict[str, float] = {}
        self._counts: dict[str, int] = {}

    def add(self, figures: Mapping[str, float]) -> None:
        """Count in one part's figures."""
        for name, value in figures.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
            self._counts[name] = self._counts.get(name, 0) + 1

    def values(self) -> dict[str, float]:
        """Each figure's mean over the parts that had it."""
        return {name: total / self._counts[name] for name, total in self._sums.items()}


@runtime_checkable
class Budget(Protocol):
    """How long a stage is trained."""

    def spent(self, step: int) -> float:
        """Share of the budget that is spent before `step`; at 1 training ends."""

    def validates(self, step: int) -> bool:
        """Whether to validate now that `step` steps are done."""

    def progress(self, step: int) -> tuple[int, int]:
        """What is done and what is to be done, to be shown."""


class Steps:
    """`config.steps` steps, or as many as `config.minutes` allow; validated every `config.validate`, and at the end.

    `before`: seconds that earlier runs of the stage have taken. Of several processes the first one's clock counts.
    """

    def __init__(self, config: StageConfig, before: float = 0.0) -> None:
        self.config, self._before, self._started = config, before, time.monotonic()
        self._known: tuple[int, float] | None = None

    @property
    def seconds(self) -> float:
        """What the stage has taken so far."""
        return self._before + time.monotonic() - self._started

    def spent(self, step: int) -> float:
        """See `Budget`; asked again for the same step it gives the same answer."""
        if self._known is None or self._known[0] != step:
            share = step / max(1, self.config.steps)
            if self.config.minutes > 0:
                share = max(share, of_the_first(self.seconds / 60 / self.config.minutes))
            self._known = step, share
        return self._known[1]

    def validates(self, step: int) -> bool:
        """See `Budget`."""
        return step % self.config.validate == 0 or self.spent(step) >= 1

    def progress(self, step: int) -> tuple[int, int]:
        """Steps, or seconds where time is the nearer end."""
        if self.config.minutes > 0 and self.spent(step) > step / max(1, self.config.steps):
            return min(round(self.seconds), round(60 * self.config.minutes)), round(60 * self.config.minutes)
        return step, self.config.steps


def run_stage(
    stage: Stage, recipe: RecipeConfig, folder: Path, *, from_trained: bool = False, on_progress: Progress = silent
) -> Path:
    """Train `stage` to its end, going on from `folder`/last.pt if that is there. Returns the best checkpoint's path.

    from_trained: the stage begins with a trained network, which is validated too, and kept if none does better.

    Raises:
        CheckpointError: `last.pt` is damaged or belongs to another recipe.
    """
    folder.mkdir(parents=True, exist_ok=True)
    best_path = folder / "best.safetensors"
    wait_for_all()
    state = _State(stage, recipe)
    if (folder / "last.pt").is_file():
        state.load(folder / "last.pt")
    budget = Steps(stage.config, state.seconds)
    share_state([*stage.networks().values(), state.average])
    started = time.monotonic()
    first = world().is_first
    with (folder / "log.jsonl" if first else Path(os.devnull)).open("a") as log:
        if budget.spent(state.step) < 1:
            _log_start(log, stage, recipe, state.step)
        if from_trained and state.step == 0 and first:
            _validated(state, recipe, log, started, best_path)
        for figures in _train(state, recipe, budget, on_progress):
            if state.step % LOG_EVERY == 0 or state.step == 1:
                _log(log, "train", state.step, started, figures)
            if budget.validates(state.step) and first:
                _validated(state, recipe, log, started, best_path)
                state.seconds = budget.seconds
                state.save(folder / "last.pt")
    wait_for_all()
    return best_path


def _validated(state: "_State", recipe: RecipeConfig, log: Any, started: float, best_path: Path) -> None:
    """Validate the averaged network: log, picture, and the best checkpoint if this is it."""
    result, stage = state.validate(), state.stage
    with torch.no_grad():
        picture = stage.picture(state.average)
    _log(log, "validate", state.step, started, result)
    if picture is not None:
        _write_picture(best_path.parent / f"step_{state.step:06d}.png", picture)
    if result["score"] > state.best or not best_path.is_file():
        state.best = result["score"]
        metadata = {"stage": stage.name, "step": state.step, "figures": result, "recipe": asdict(recipe)}
        save_model(best_path, state.average, metadata)


@dataclass(frozen=True)
class Best:
    """The best network of a run in memory, with its figures, and those of the network that it began with."""

    network: nn.Module
    before: dict[str, float]
    after: dict[str, float]


def run_in_memory(stage: Stage, recipe: RecipeConfig, budget: Budget, *, on_progress: Progress = silent) -> Best:
    """Train `stage` for `budget`. The network that it began with is validated too, and kept if none did better."""
    state = _State(stage, recipe)
    before = after = state.validate()
    best = deepcopy(state.average)
    with torch.random.fork_rng(devices=[]):
        for _ in _train(state, recipe, budget, on_progress):
            if budget.validates(state.step):
                result = state.validate()
                if result["score"] > after["score"]:
                    after, best = result, deepcopy(state.average)
    return Best(best.eval(), before, after)


def _train(state: "_State", recipe: RecipeConfig, budget: Budget, on_progress: Progress) -> Iterator[dict[str, float]]:
    """Take steps until the budget is spent; yields each one's figures."""
    stage = state.stage
    while (spent := budget.spent(state.step)) < 1:
        torch.manual_seed(_seed(recipe, stage, state.step) + world().rank)
        _set_rates(stage, state.step, spent)
        figures = average_figures(stage.step(state.step), device_of(stage.averaged()))
        average_statistics(stage.networks().values())
        _average(state.average, stage.averaged(), min(stage.config.ema, (1 + state.step) / (10 + state.step)))
        state.step += 1
        on_progress(stage.name, *budget.progress(state.step))
        yield figures


class _State:
    """Everything a resumed run needs."""

    def __init__(self, stage: Stage, recipe: RecipeConfig) -> None:
        self.stage, self.digest = stage, recipe.digest()
        self.average = deepcopy(stage.averaged())
        self.step, self.best, self.seconds = 0, -math.inf, 0.0

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Figures of the averaged network."""
        self.average.eval()
        return self.stage.validate(self.average)

    def save(self, path: Path) -> None:
        value = {
            "digest": self.digest,
            "step": self.step,
            "best": self.best,
            "seconds": self.seconds,
            "average": self.average.state_dict(),
            "networks": {name: network.state_dict() for name, network in self.stage.networks().items()},
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self.stage.optimizers().items()},
        }
        with atomic_path(path) as temporary:
            torch.save(value, temporary)

    def load(self, path: Path) -> None:
        try:
            value: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
            if value["digest"] != self.digest:
                raise CheckpointError(f"{path} was made by another recipe; name another folder, or delete it")
            self.average.load_state_dict(value["average"])
            for name, network in self.stage.networks().items():
                network.load_state_dict(value["networks"][name])
            for name, optimizer in self.stage.optimizers().items():
                optimizer.load_state_dict(value["optimizers"][name])
            self.step, self.best, self.seconds = int(value["step"]), float(value["best"]), float(value["seconds"])
        except CheckpointError:
            raise
        except (RuntimeError, KeyError, ValueError, EOFError, OSError, pickle.UnpicklingError) as error:
            raise CheckpointError(f"{path} is damaged; delete it to start the stage anew") from error


@contextmanager
def from_seed(recipe: RecipeConfig) -> Iterator[None]:
    """Networks that are built within start from weights that are a function of the recipe's seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        yield


def rate_at(step: int, config: StageConfig, spent: float | None = None) -> float:
    """Learning rate of a step: a linear rise over `warmup` steps, times half a cosine down to a hundredth.

    `spent`: share of the training that is over; by default that of `config.steps`.
    """
    spent = step / max(1, config.steps) if spent is None else spent
    rise = min(1.0, (step + 1) / max(1, config.warmup))
    fall = 0.5 * (1 + math.cos(math.pi * spent))
    return config.rate * rise * (0.01 + 0.99 * fall)


def _seed(recipe: RecipeConfig, stage: Stage, step: int) -> int:
    return int(np.random.SeedSequence([recipe.seed, *stage.name.encode(), step]).generate_state(1, np.uint64)[0] >> 1)


def _set_rates(stage: Stage, step: int, spent: float) -> None:
    rate = rate_at(step, stage.config, spent)
    for optimizer in stage.optimizers().values():
        for group in optimizer.param_groups:
            group["lr"] = rate * group.get("factor", 1.0)


@torch.no_grad()
def _average(average: nn.Module, model: nn.Module, decay: float) -> None:
    target = model.state_dict()
    for name, value in average.state_dict().items():
        if value.dtype.is_floating_point:
            value.lerp_(target[name].to(value.dtype), 1 - decay)
        else:
            value.copy_(target[name])


def _log(stream: Any, kind: str, step: int, started: float, figures: dict[str, float]) -> None:
    line = {"kind": kind, "step": step, "seconds": round(time.monotonic() - started, 1)}
    stream.write(json.dumps(line | {name: round(float(value), 5) for name, value in figures.items()}) + "\n")
    stream.flush()


def _log_start(stream: Any, stage: Stage, recipe: RecipeConfig, step: int) -> None:
    device = device_of(stage.averaged())
    precision = choose_precision(device, recipe.precision)
    stream.write(json.dumps({"kind": "start", "step": step, "device": device.type, "precision": precision}) + "\n")
    stream.flush()


def _write_picture(path: Path, picture: UInt8[np.ndarray, "h w 3"]) -> None:
    with atomic_path(path) as temporary:
        cv2.imwrite(str(temporary), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
