"""A finished model goes on learning from another corpus: the stages of stage 2, begun with its weights.

Normalisation keeps the model's statistics: those of a few people's frames would move them too far.
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from synclips.config import RecipeConfig
from synclips.data.dataset import ClipStore, by_speaker
from synclips.models.generator import Generator, Refiner
from synclips.models.motion import MotionModel
from synclips.models.syncnet import SyncNet
from synclips.runtime import device_of
from synclips.training.finetune import FinetuneStage
from synclips.training.motion import MotionStage
from synclips.training.motion_data import MotionData, even_bank

MOST_CLIPS: Final = 12
"""Clips of a speaker from which it is learned what embeddings of the sound have become."""
RIDGE: Final = 1e-3
"""Of that map, as a share of the embeddings' mean variance."""


class AdaptMotionStage(MotionStage):
    """The motion stage from a trained motion model."""

    name = "adapt_motion"


class AdaptStage(FinetuneStage):
    """The joint stage from a trained generator; `expert` judges sync, as in `FinetuneStage`. Where the recipe's
    `motion_rate` is 0 the motion model rests, and no gradient of it is computed."""

    name = "adapt"

    def __init__(
        self, store: ClipStore, recipe: RecipeConfig, generator: Generator, expert: SyncNet, device: torch.device
    ) -> None:
        super().__init__(store, recipe, generator, expert, device)
        if recipe.sampling.motion_rate == 0:
            self.model.motion.requires_grad_(False)

    def train_mode(self) -> None:
        """Training mode, but for normalisation's statistics."""
        super().train_mode()
        for module in self.model.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
                module.eval()


def between(start: MotionModel, trained: MotionModel, share: float) -> MotionModel:
    """The model whose weights lie `share` of the way from `start` to what training made of it.

    What was learned is kept and less is forgotten: Wortsman et al., "Robust fine-tuning of zero-shot models", 2022.
    """
    mixed = deepcopy(start)
    learned = trained.state_dict()
    mixed.load_state_dict(
        {
            name: torch.lerp(value, learned[name].to(value), share) if value.is_floating_point() else value
            for name, value in start.state_dict().items()
        }
    )
    return mixed


def hear_through(refiner: Refiner, before: Float[Tensor, "n d"], after: Float[Tensor, "n d"]) -> float:
    """Let a refiner that knows the embeddings of the sound `before` understand those that they have become: the affine
    map between them, by least squares, becomes part of its modulation. Returns the share of their variance that the
    map explains (R squared)."""
    before, after = before.double(), after.double()
    mean, old_mean = after.mean(dim=0), before.mean(dim=0)
    x, y = after - mean, before - old_mean
    power = x.T @ x
    small = RIDGE * power.diagonal().mean() * torch.eye(len(power), dtype=power.dtype, device=power.device)
    to_old = torch.linalg.solve(power + small, x.T @ y)
    shift = old_mean - mean @ to_old
    with torch.no_grad():
        for block in refiner.blocks:
            film = block.film
            assert isinstance(film, nn.Linear)
            weight = film.weight.double()
            film.bias.add_(weight @ shift)
            film.weight.copy_(weight @ to_old.T)
    return float(1 - (y - x @ to_old).square().sum() / y.square().sum())


@torch.no_grad()
def embeddings(model: MotionModel, store: ClipStore, recipe: RecipeConfig, keys: Sequence[str]) -> Float[Tensor, "n d"]:
    """A motion model's embeddings of the sound of these clips, each with a bank from another clip of the speaker."""
    training, device = model.training, device_of(model)
    model.eval()
    data, people = MotionData(store, model, recipe), by_speaker(keys)
    heard = []
    for own in people.values():
        for place, key in enumerate(own[:MOST_CLIPS]):
            bank = even_bank(data, own[place - 1], recipe.sampling.motion_bank, device)
            features = torch.from_numpy(data.plain(key).features)[None].to(device)
            heard.append(model.last_inputs(features, *bank)[1][0].float())
    model.train(training)
    return torch.cat(heard)


def adapted_recipe(recipe: RecipeConfig, model: RecipeConfig) -> RecipeConfig:
    """The settings of `recipe` for a model that was made by `model`'s: its architecture and its way of rendering."""
    return replace(recipe, model=model.model, render=model.render)
