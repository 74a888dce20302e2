"""A finished model goes on learning from another corpus: the stages of stage 2, begun with its weights.

Normalisation keeps the model's statistics: those of a few people's frames would move them too far.
"""

from dataclasses import replace

import torch
from torch import nn

from synclips.config import RecipeConfig
from synclips.data.dataset import ClipStore
from synclips.models.generator import Generator
from synclips.models.motion import MotionModel
from synclips.models.syncnet import SyncNet
from synclips.training.finetune import FinetuneStage
from synclips.training.motion import MotionStage


class AdaptMotionStage(MotionStage):
    """The motion stage from a trained motion model."""

    name = "adapt_motion"

    def __init__(self, store: ClipStore, recipe: RecipeConfig, motion: MotionModel, device: torch.device) -> None:
        super().__init__(store, recipe, motion, device)


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


def adapted_recipe(recipe: RecipeConfig, model: RecipeConfig) -> RecipeConfig:
    """The settings of `recipe` for a model that was made by `model`'s: its architecture and its way of rendering."""
    return replace(recipe, model=model.model, render=model.render)
