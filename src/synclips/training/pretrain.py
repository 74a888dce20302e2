"""Stage 1: contrastive training of the encoders of sound and of lips, without a generator.

Each step takes `batch` moments, ten from each of batch / 10 clips: the nine other moments of a clip show the same
person in the same light, so that only the lips distinguish them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32, Int64, UInt8
from torch import Tensor, nn

from synclips.config import AugmentConfig, RecipeConfig, SamplingConfig
from synclips.data.augmentation import PictureChange, SoundChange, draw_picture_change, draw_sound_change
from synclips.data.dataset import BalancedSampler, ClipStore, waveform_from
from synclips.data.grid import CLIP_FRAMES
from synclips.features.alignment import BLUEPRINT_VIEW, MOUTH_VIEW, View
from synclips.features.speech_features import feature_count
from synclips.models.blueprint import BlueprintEncoders
from synclips.models.encoders import BaseEncoders, build_encoders
from synclips.models.losses import contrastive_loss
from synclips.runtime import autocast
from synclips.training.distributed import Draws, average_gradients, each, gather, own_part
from synclips.training.loop import OneNetwork

SHORT = CLIP_FRAMES - 1
"""Frames (a few of GRID's clips have one less) below which moments are taken only from where there are pictures."""
STUCK_AFTER, STUCK_SHARE = 300, 0.97
"""From this step on, a loss above this share of that of chance, ln(batch), is logged as `stuck_at_chance`."""


@dataclass(frozen=True)
class Moments:
    """A batch: pictures (c, m, t, h, w, 3) uint8, features (c, steps, f), frame index (c, m) in the features' time."""

    pictures: UInt8[np.ndarray, "c m t h w 3"]
    features: Float32[np.ndarray, "c steps f"]
    index: np.ndarray

    def tensors(self, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
        """Pictures in [-1, 1], features, index."""
        pictures = torch.from_numpy(self.pictures).to(device).float() / 127.5 - 1
        return pictures, torch.from_numpy(self.features).to(device), torch.from_numpy(self.index).to(device)


def draw_moments(
    store: ClipStore,
    keys: Sequence[str],
    rng: Draws,
    sampling: SamplingConfig,
    augment: AugmentConfig | None,
    window: int,
    view: View,
    speech_layers: int = 0,
) -> Moments:
    """`sampling.moments` moments of each clip, changed by `augment` (None: as they are)."""
    pictures, features, indices = [], [], []
    draws = each(rng, len(keys))
    for key, rng in zip(keys, draws, strict=True):
        clip = store[key]
        sound = draw_sound_change(augment, rng) if augment else SoundChange()
        picture = draw_picture_change(augment, rng) if augment else PictureChange()
        count = CLIP_FRAMES  # shorter clips end in silence, of longer ones a random part is taken
        first = int(rng.integers(len(clip) - count + 1)) if len(clip) > count else 0
        waveform = waveform_from(clip, first)
        whole = count if len(clip) >= SHORT else int(len(clip) / sound.speed)
        index = _moments(rng, whole, window, sampling)
        offset = store.offset(key)
        shown = np.round((index[:, None] + np.arange(window) - window // 2) * sound.speed).astype(int) - offset
        shown = (shown + first).clip(0, len(clip) - 1)
        used, inverse = np.unique(shown, return_inverse=True)
        pictures.append(picture.apply(clip.crops[used], view)[inverse.reshape(shown.shape)])
        features.append(sound.features(waveform, count, speech_layers))
        indices.append(index)
    return Moments(np.stack(pictures), np.stack(features), np.stack(indices))


class PretrainStage(OneNetwork):
    """Stage 1 as `run_stage` wants it."""

    name = "pretrain"
    model: BaseEncoders | BlueprintEncoders

    def __init__(self, store: ClipStore, recipe: RecipeConfig, device: torch.device) -> None:
        self.config, self.recipe, self.store, self.device = recipe.pretrain, recipe, store, device
        self.model = build_encoders(feature_count(recipe.model.audio.speech_layers), recipe.model).to(device)
        self.layers = recipe.model.audio.speech_layers
        self.view = MOUTH_VIEW if recipe.model.preset == "base" else BLUEPRINT_VIEW
        self.optimizer = torch.optim.AdamW(self.model.parameters(), weight_decay=self.config.weight_decay)
        parts = store.split()
        self.sampler = BalancedSampler(parts["train"], recipe.seed, self.name)
        self.held_out = parts["seen"] or parts["train"]

    def step(self, step: int) -> dict[str, float]:
        """Symmetric InfoNCE over all moments of the step."""
        rng = self.sampler.rng(step)
        self.model.train()
        keys = self.sampler.draw(rng, max(2, self.config.batch // self.recipe.sampling.moments))
        rngs = own_part(self.sampler.item_rngs(step, len(keys)))
        batch = draw_moments(
            self.store, own_part(keys), rngs, self.recipe.sampling, self.recipe.augment,
            self.model.window, self.view, self.layers,
        )  # fmt: skip
        with autocast(self.device, self.recipe.precision):
            pairs = self.model.pairs(*batch.tensors(self.device))
        results = [contrastive_loss(gather(video), gather(sound), scale) for video, sound, scale in pairs]
        loss = torch.stack([loss for loss, _ in results]).sum()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        average_gradients([self.model])
        nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip)
        self.optimizer.step()
        figures = {"sync": results[0][0].item(), "top1": results[0][1].item()}
        if len(results) > 1:
            figures |= {"context_sync": results[1][0].item(), "context_top1": results[1][1].item()}
        chance = math.log(len(keys) * self.recipe.sampling.moments)
        if step >= STUCK_AFTER and figures["sync"] > STUCK_SHARE * chance:
            figures["stuck_at_chance"] = 1.0
        return figures

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Loss and top-1 accuracy on held-out clips, without augmentation."""
        assert isinstance(model, BaseEncoders | BlueprintEncoders)
        rng = np.random.default_rng(0)
        losses, hits = [], []
        for start in range(0, min(len(self.held_out), 40), 10):
            keys = self.held_out[start : start + 10]
            batch = draw_moments(
                self.store, keys, rng, self.recipe.sampling, None, model.window, self.view, self.layers
            )
            loss, hit = contrastive_loss(*model.pairs(*batch.tensors(self.device))[0])
            losses.append(loss.item())
            hits.append(hit.item())
        return {"sync": float(np.mean(losses)), "top1": float(np.mean(hits)), "score": -float(np.mean(losses))}

    def picture(self, model: nn.Module) -> UInt8[np.ndarray, "h w 3"] | None:  # noqa: ARG002
        """One augmented batch, as the networks get it."""
        rng = self.sampler.rng(0)
        keys = self.sampler.draw(rng, 4)
        batch = draw_moments(
            self.store, keys, rng, self.recipe.sampling, self.recipe.augment, self.model.window, self.view, self.layers
        )
        return np.concatenate(
            [np.concatenate([np.concatenate(list(m), axis=1) for m in clip[:4]]) for clip in batch.pictures]
        )


def _moments(rng: np.random.Generator, frames: int, window: int, sampling: SamplingConfig) -> Int64[np.ndarray, " m"]:
    """Middle frames of a clip's moments, in order."""
    count, distance = sampling.moments, sampling.moment_distance
    first, last = window // 2, frames - (window - window // 2)
    while last - first < (count - 1) * distance and distance > 1:  # a short clip: they lie closer together
        distance -= 1
    room = max(0, last - first - (count - 1) * distance)
    return np.sort(rng.choice(room + 1, count, replace=True)) + np.arange(count) * distance + first
