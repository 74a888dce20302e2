"""The last layer of a motion model, fitted in closed form to clips that have been seen, and how good that is.

All below the last layer stays. What is left is linear: the layer's inputs X (a row a frame) and the true components Y
give the change D of its weights that minimises |Y - X (W + D)|^2 + strength |D|^2, a ridge regression (Hoerl and
Kennard, "Ridge regression: biased estimation for nonorthogonal problems", Technometrics 12, 1970) towards the weights W
that it has. A strength without bound leaves them. Which strength to take is found by cross-validation over the clips.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import nn

from synclips.metrics.articulation import MOVEMENTS, agreement
from synclips.metrics.lip_shape import largest_lip_error
from synclips.models.motion import MotionModel

STRENGTHS: Final = (3e3, 1e4, 3e4, 1e5)
"""Tried, in frames: inputs are scaled to a mean variance of 1, so the sum of squares of n frames is about n. What is
said later has other words and often another voice than what is fitted to: with less strength the lips of held-out clips
are a little better, and those of such speech far worse (EXPERIMENTS.md, 2026-11-28, "The fit at every dub")."""
LEAST: Final = 30.0
"""Seconds of clips without which nothing is fitted: with 18 s of a person lips followed the sound better, but pictures
lost half a decibel (EXPERIMENTS.md, 2026-11-28, "A fine-tune that helps")."""
FOLDS: Final = 5
BIAS: Final = 100.0
"""Frames of no error that the mean error is taken with, so that a mean over few frames is not believed."""


@dataclass(frozen=True)
class SeenClip:
    """A clip: the last layer's inputs, what it makes of them, the true components, and what a frame counts."""

    inputs: Float32[np.ndarray, "n d"]
    made: Float32[np.ndarray, "n k"]
    true: Float32[np.ndarray, "n k"]
    weight: float = 1.0


@dataclass(frozen=True)
class LayerChange:
    """What is added to the last layer's weights (d, k) and bias (k)."""

    weights: Float[np.ndarray, "d k"]
    bias: Float[np.ndarray, " k"]

    def of(self, clip: SeenClip) -> Float32[np.ndarray, "n k"]:
        """The clip's components as the changed layer makes them."""
        return (clip.made + clip.inputs @ self.weights + self.bias).astype(np.float32)

    @torch.no_grad()
    def add_to(self, layer: nn.Linear) -> None:
        """Change the layer."""
        layer.weight.add_(torch.from_numpy(self.weights.T).to(layer.weight))
        layer.bias.add_(torch.from_numpy(self.bias).to(layer.bias))


def ridge(clips: Sequence[SeenClip], strength: float) -> LayerChange:
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
    return LayerChange(weights, offset - middle @ weights)


def stretches(keys: Sequence[str]) -> list[set[str]]:
    """The keys in at most `FOLDS` parts, each of neighbours, since neighbours are alike."""
    folds: list[set[str]] = [set() for _ in range(FOLDS)]
    for number, key in enumerate(keys):
        folds[number * FOLDS // len(keys)].add(key)
    return [fold for fold in folds if fold]


def held_out(
    clips: Mapping[str, SeenClip], folds: Sequence[Collection[str]], strength: float
) -> dict[str, Float32[np.ndarray, "n k"]]:
    """Each clip's components, made by a layer that is fitted to the clips of the other folds."""
    made: dict[str, np.ndarray] = {}
    for fold in folds:
        change = ridge([clip for key, clip in clips.items() if key not in fold], strength)
        made |= {key: change.of(clips[key]) for key in fold}
    return {key: made[key] for key in clips}


def best_strength(
    model: MotionModel,
    clips: Mapping[str, SeenClip],
    folds: Sequence[Collection[str]],
    strengths: Sequence[float],
) -> tuple[float, dict[str, Float32[np.ndarray, "n k"]]]:
    """The one of `strengths` whose components of held-out clips score best in the mean, and those components."""
    found, best = -np.inf, (0.0, dict[str, np.ndarray]())
    for strength in strengths:
        made = held_out(clips, folds, strength)
        score = np.mean([clip_figures(model, made[key], clip.true)["score"] for key, clip in clips.items()])
        if score > found:
            found, best = float(score), (strength, made)
    return best


def clip_figures(
    model: MotionModel, made: Float32[np.ndarray, "n k"], true: Float32[np.ndarray, "n k"], gain: float = 1.0
) -> dict[str, float]:
    """lve (%), r (mean correlation of the movements), and score (r - lve / 10) of components that are made, of which
    `gain` times the displacement is shown."""
    device = model.mean.device
    shape, wanted = (model.displacement(torch.from_numpy(c).to(device)).cpu().numpy() for c in (made, true))
    shape = np.float32(gain) * shape
    error = largest_lip_error(shape, wanted)
    found = agreement(shape, wanted)
    course = float(np.mean([found[name].correlation for name in MOVEMENTS]))
    return {"lve": error, "r": course, "score": course - error / 10}


def mean_figures(figures: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean over clips of each figure."""
    return {name: float(np.mean([clip[name] for clip in figures])) for name in figures[0]}


def is_gain(after: Sequence[Mapping[str, float]], before: Sequence[Mapping[str, float]]) -> bool:
    """Whether the mean score over clips is better by more than that difference's standard error."""
    gains = np.array([a["score"] - b["score"] for a, b in zip(after, before, strict=True)])
    return bool(gains.mean() > gains.std(ddof=1) / len(gains) ** 0.5)
