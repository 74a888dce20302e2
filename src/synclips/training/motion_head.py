"""The last layer of a trained motion model, fitted to the people of a small corpus in closed form.

All below the last layer stays. What is left is linear: the layer's inputs X (a row a frame) and the true components Y
give the change D of its weights that minimises |Y - X (W + D)|^2 + strength |D|^2, a ridge regression (Hoerl and
Kennard, "Ridge regression: biased estimation for nonorthogonal problems", Technometrics 12, 1970) towards the weights W
that it has. A strength without bound leaves them. Which strength to take is found by cross-validation over the training
clips. Half a minute of a person suffices where gradient steps on all weights over-fit (EXPERIMENTS.md, 2026-11-28, "A
fine-tune that helps").
"""

import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import nn

from synclips.config import RecipeConfig
from synclips.data.dataset import Clips, ClipStore, by_speaker
from synclips.data.grid import speaker_of
from synclips.data.shards import Clip
from synclips.errors import CheckpointError
from synclips.features.face_mesh import lower_points, person_rest
from synclips.files import atomic_path
from synclips.media.timebase import FPS
from synclips.metrics.articulation import MOVEMENTS, agreement
from synclips.metrics.lip_shape import largest_lip_error
from synclips.models.checkpoint import read_metadata, save_model
from synclips.models.motion import MotionModel
from synclips.runtime import device_of
from synclips.training.distributed import wait_for_all, world
from synclips.training.motion_data import MotionData, even_bank

NAME: Final = "adapt_head"
STRENGTHS: Final = (30.0, 100.0, 300.0, 1e3, 3e3, 1e4, 3e4, 1e5)
"""Tried, in frames: inputs are scaled to a mean variance of 1, so the sum of squares of n frames is about n."""
LEAST: Final = 30.0
"""Seconds of training clips without which nothing is fitted: with 18 s of a person lips followed the sound better, but
pictures lost half a decibel (EXPERIMENTS.md, 2026-11-28, "A fine-tune that helps")."""
FOLDS: Final = 5
BIAS: Final = 100.0
"""Frames of no error that the mean error is taken with, so that a mean over few frames is not believed."""


@dataclass(frozen=True)
class HeadFit:
    """How a fit came about. Figures are those of cross-validation: each clip predicted by a layer fitted without it.

    strength:  that was chosen; None: the layer was left as it is
    before:    figures of the layer as it was: lve (%), r (mean correlation of the movements), score (r - lve / 10)
    after:     of the layer with the chosen strength
    note:      why nothing was fitted
    """

    strength: float | None
    before: Mapping[str, float]
    after: Mapping[str, float]
    note: str = ""

    def __str__(self) -> str:
        """One line for a person."""
        if self.strength is None:
            return f"the motion model is left as it is: {self.note}"
        return (
            "the motion model's last layer is fitted; on clips that were left out, lips are off by "
            f"{self.after['lve']:.2f} % of the distance of the eyes (before {self.before['lve']:.2f}), and follow the "
            f"real ones with a correlation of {self.after['r']:.2f} (before {self.before['r']:.2f})"
        )


class AsRendered:
    """The clips of a store, each with the rest that rendering takes when it is dubbed: its own, not its speaker's.

    A fit to displacements from the speaker's common rest learns that rest, and is wrong by the difference (some .4
    canonical units) in every dub.
    """

    def __init__(self, store: Clips) -> None:
        self._store = store

    def __getitem__(self, key: str) -> Clip:
        return replace(self._store[key], speaker=key)

    def offset(self, key: str) -> int:
        """As the store says."""
        return self._store.offset(key)

    def rest(self, speaker: str) -> Float32[np.ndarray, "m 3"]:
        """The clip's, whose key `speaker` is here."""
        return person_rest(self._store[speaker].meshes())[lower_points()]


@dataclass(frozen=True)
class _Seen:
    """A clip: the last layer's inputs, what it makes of them, the true components, and what a frame counts."""

    inputs: Float32[np.ndarray, "n d"]
    made: Float32[np.ndarray, "n k"]
    true: Float32[np.ndarray, "n k"]
    weight: float


@dataclass(frozen=True)
class _Change:
    """What is added to the last layer's weights (d, k) and bias (k)."""

    weights: Float[np.ndarray, "d k"]
    bias: Float[np.ndarray, " k"]

    def of(self, clip: _Seen) -> Float32[np.ndarray, "n k"]:
        """The clip's components as the changed layer makes them."""
        return (clip.made + clip.inputs @ self.weights + self.bias).astype(np.float32)


def fit_head(
    store: Clips, model: MotionModel, recipe: RecipeConfig, keys: Sequence[str]
) -> tuple[MotionModel, HeadFit]:
    """A copy of `model` whose last layer is fitted to the clips `keys`, and how that came about.

    `store` says whose rest lips move from: see `AsRendered`. A speaker's clips count together as the root of their
    number, as `BalancedSampler` draws them. The model is a mere copy where there is too little video, or where no
    strength gains more than the standard error of the gain.
    """
    model = deepcopy(model).eval()
    seconds = sum(len(store[key]) for key in keys) / FPS
    if seconds < LEAST or len(keys) < 2:
        return model, HeadFit(None, {}, {}, f"{seconds:.0f} s of training video, {LEAST:g} are needed")
    clips = _read(store, model, recipe, keys)
    folds = _folds(keys)
    before = [_figures(model, clip.made, clip.true) for clip in clips.values()]
    tried = {}
    for strength in STRENGTHS:
        made: dict[str, dict[str, float]] = {}
        for fold in folds:
            change = _fit([clip for key, clip in clips.items() if key not in fold], strength)
            made |= {key: _figures(model, change.of(clips[key]), clips[key].true) for key in fold}
        tried[strength] = [made[key] for key in clips]
    best = max(tried, key=lambda strength: _mean(tried[strength])["score"])
    gains = np.array([a["score"] - b["score"] for a, b in zip(tried[best], before, strict=True)])
    if gains.mean() <= gains.std(ddof=1) / len(gains) ** 0.5:
        return model, HeadFit(None, _mean(before), _mean(tried[best]), "no gain that is larger than its error")
    change = _fit(list(clips.values()), best)
    last = _last(model)
    with torch.no_grad():
        last.weight.add_(torch.from_numpy(change.weights.T).to(last.weight))
        last.bias.add_(torch.from_numpy(change.bias).to(last.bias))
    return model, HeadFit(best, _mean(before), _mean(tried[best]))


def run_head(store: ClipStore, model: MotionModel, recipe: RecipeConfig, folder: Path) -> Path:
    """Fit the last layer to the training clips, as a stage of a recipe: leaves `folder`/best.safetensors and log.jsonl,
    and does nothing where they are of the same recipe. Returns the checkpoint's path.

    Raises:
        CheckpointError: `folder` holds another recipe's.
    """
    path, digest = folder / "best.safetensors", recipe.digest()
    if path.is_file():
        if read_metadata(path).get("digest") != digest:
            raise CheckpointError(f"{path} was made by another recipe; name another folder, or delete it")
    elif world().is_first:
        fitted, fit = fit_head(AsRendered(store), model, recipe, store.split()["train"])
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_path(folder / "log.jsonl") as temporary:
            temporary.write_text(json.dumps({"kind": "fit", **asdict(fit)}) + "\n")
        save_model(path, fitted, {"stage": NAME, "digest": digest, "fit": asdict(fit), "recipe": asdict(recipe)})
    wait_for_all()
    return path


def read_fit(path: Path) -> HeadFit:
    """What `run_head` wrote into its checkpoint."""
    return HeadFit(**read_metadata(path)["fit"])


@torch.no_grad()
def _read(store: Clips, model: MotionModel, recipe: RecipeConfig, keys: Sequence[str]) -> dict[str, _Seen]:
    """Each clip through the model, with a bank from another clip of the speaker."""
    device, data, people = device_of(model), MotionData(store, model, recipe), by_speaker(keys)
    last = _last(model)
    weights, biases = last.weight.detach().cpu().numpy(), last.bias.detach().cpu().numpy()
    share = {speaker: len(own) ** -0.5 for speaker, own in people.items()}
    mean = float(np.mean([share[speaker_of(key)] for key in keys]))
    clips = {}
    for key in keys:
        other = next((k for k in people[speaker_of(key)] if k != key), key)
        bank = even_bank(data, other, recipe.sampling.motion_bank, device)
        plain = data.plain(key)
        inputs = model.last_inputs(torch.from_numpy(plain.features)[None].to(device), *bank)[0].cpu().numpy()
        clips[key] = _Seen(inputs, inputs @ weights.T + biases, plain.components, share[speaker_of(key)] / mean)
    return clips


def _fit(clips: Sequence[_Seen], strength: float) -> _Change:
    """The weighted ridge regression of what the layer misses; its bias is free but for `BIAS`."""
    counted = np.concatenate([np.full(len(clip.made), clip.weight) for clip in clips])
    inputs = np.concatenate([clip.inputs for clip in clips]).astype(np.float64)
    missed = np.concatenate([clip.true - clip.made for clip in clips]).astype(np.float64)
    total = counted.sum()
    middle, offset = counted @ inputs / total, counted @ missed / total
    inputs, missed = inputs - middle, missed - offset
    scale = float(np.sqrt((counted @ inputs**2 / total).mean())) + 1e-9
    scaled = inputs / scale
    square = (scaled * counted[:, None]).T @ scaled + strength * np.eye(scaled.shape[1])
    weights = np.linalg.solve(square, (scaled * counted[:, None]).T @ missed) / scale
    offset = offset * total / (total + BIAS)
    return _Change(weights, offset - middle @ weights)


def _folds(keys: Sequence[str]) -> list[set[str]]:
    """Parts of the clips that are predicted by the others: people, where there are `FOLDS` or more, else stretches
    of the clips, since neighbours are alike."""
    people = by_speaker(keys)
    folds: list[set[str]] = [set() for _ in range(FOLDS)]
    if len(people) >= FOLDS:
        for number, own in enumerate(people.values()):
            folds[number % FOLDS] |= set(own)
        return folds
    ordered = [key for own in people.values() for key in own]
    for number, key in enumerate(ordered):
        folds[number * FOLDS // len(ordered)].add(key)
    return [fold for fold in folds if fold]


def _figures(
    model: MotionModel, made: Float32[np.ndarray, "n k"], true: Float32[np.ndarray, "n k"]
) -> dict[str, float]:
    device = model.mean.device
    shape, wanted = (model.displacement(torch.from_numpy(c).to(device)).cpu().numpy() for c in (made, true))
    error = largest_lip_error(shape, wanted)
    found = agreement(shape, wanted)
    course = float(np.mean([found[name].correlation for name in MOVEMENTS]))
    return {"lve": error, "r": course, "score": course - error / 10}


def _mean(figures: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([clip[name] for clip in figures])) for name in figures[0]}


def _last(model: MotionModel) -> nn.Linear:
    last = model.head[-1]
    assert isinstance(last, nn.Linear)
    return last
