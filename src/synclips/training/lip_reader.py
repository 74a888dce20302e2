"""Training of the evaluation's lip reader: on real clips of the training speakers; it is part of no other loss.

Its order of clips and its augmentations are drawn for its own stage name, so they differ from those of the SyncNets and
of the generator.
"""

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Int64, UInt8
from torch import Tensor, nn

from synclips.config import RecipeConfig, StageConfig
from synclips.data.augmentation import draw_picture_change
from synclips.data.dataset import BalancedSampler, ClipStore
from synclips.data.grid import CLIP_FRAMES
from synclips.data.shards import Clip
from synclips.errors import DataError
from synclips.features.alignment import MOUTH_VIEW
from synclips.media.timebase import FPS
from synclips.metrics.lip_reading import STAGE, read_lips, vocabulary, word_error_rate
from synclips.models.lip_reader import BLANK, LipReader, ctc
from synclips.training.distributed import average_gradients, own_part
from synclips.training.loop import OneNetwork

LIP_READER = StageConfig(
    steps=3000, batch=8, rate=1e-3, warmup=100, weight_decay=0.02, clip=5.0, ema=0.995, validate=250
)
"""The stage's settings."""
SPEED = 0.15
"""Largest change of speed, as a share."""
DROPPED = 0.05
"""Share of frames replaced by the one before, so that the network does not rely on single frames."""
ALIGNED = 0.5
"""Weight of the per-frame cross-entropy beside CTC; the corpus's alignments give each frame's word."""


class LipReaderStage(OneNetwork):
    """The lip reader as `run_stage` wants it.

    Raises:
        DataError: no training clip says what is spoken in it.
    """

    name = STAGE
    model: LipReader

    def __init__(
        self, store: ClipStore, recipe: RecipeConfig, device: torch.device, config: StageConfig = LIP_READER
    ) -> None:
        self.config, self.recipe, self.store, self.device = config, recipe, store, device
        self.model = LipReader(len(vocabulary())).to(device)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), weight_decay=config.weight_decay)
        parts = {name: [key for key in keys if spoken(store[key])] for name, keys in store.split().items()}
        if not parts["train"]:
            raise DataError("no training clip has its sentence; preprocess the corpus with its .align files")
        self.sampler = BalancedSampler(parts["train"], recipe.seed, self.name)
        self.augment = replace(recipe.augment, rotation=recipe.augment.rotation * 1.5, shift=recipe.augment.shift * 1.5)
        self.held_out = {"seen": parts["seen"] or parts["train"][:10], "validation": parts["validation"]}

    def step(self, step: int) -> dict[str, float]:
        """CTC over the sentence, and cross-entropy with the corpus's own alignment."""
        rng = self.sampler.rng(step)
        self.model.train()
        keys = self.sampler.draw(rng, self.config.batch)
        rngs = self.sampler.item_rngs(step, len(keys))
        batch = [self._sample(key, own) for key, own in own_part(list(zip(keys, rngs, strict=True)))]
        mouths, labels, classes = (
            torch.from_numpy(np.stack(part)).to(self.device) for part in zip(*batch, strict=True)
        )
        log_probs = self.model(mouths.float() / 127.5 - 1)
        frames = torch.full((len(mouths),), CLIP_FRAMES, dtype=torch.long)
        losses = {"ctc": ctc(log_probs, classes, frames), "aligned": aligned(log_probs, labels)}
        loss = losses["ctc"] + ALIGNED * losses["aligned"]
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        average_gradients([self.model])
        nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip)
        self.optimizer.step()
        return {name: value.item() for name, value in losses.items()}

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Word error rate (%) on held-out clips of seen and of unseen speakers."""
        assert isinstance(model, LipReader)
        figures = {
            f"{split}_wer": mean_word_error(model, self.store, keys) for split, keys in self.held_out.items() if keys
        }
        return figures | {"score": -figures["seen_wer"]}

    def picture(self, model: nn.Module) -> UInt8[np.ndarray, "h w 3"] | None:  # noqa: ARG002
        """One augmented batch, every sixth frame."""
        rng = self.sampler.rng(0)
        rows = [self._sample(key, rng)[0][::6] for key in self.sampler.draw(rng, 6)]
        grey = np.concatenate([np.concatenate(list(row), axis=1) for row in rows])
        return np.repeat(grey[..., None], 3, axis=2)

    def _sample(
        self, key: str, rng: np.random.Generator
    ) -> tuple[UInt8[np.ndarray, "t 48 96"], Int64[np.ndarray, " t"], Int64[np.ndarray, " 6"]]:
        """An augmented clip at a changed speed: pictures, each frame's class, and the sentence's classes."""
        clip = self.store[key]
        speed = float(np.exp(rng.uniform(-SPEED, SPEED)))
        start = (len(clip) - CLIP_FRAMES * speed) / 2
        at = np.round(start + np.arange(CLIP_FRAMES) * speed).astype(int).clip(0, len(clip) - 1)
        shown = at.copy()
        for i in np.flatnonzero(rng.random(CLIP_FRAMES - 1) < DROPPED) + 1:
            shown[i] = shown[i - 1]
        used, inverse = np.unique(shown, return_inverse=True)
        change = draw_picture_change(self.augment, rng)
        mouths = [cv2.cvtColor(m, cv2.COLOR_RGB2GRAY) for m in change.apply(clip.crops[used], MOUTH_VIEW)]
        labels = frame_classes(clip, self.store.offset(key))[at]
        return np.stack(mouths)[inverse], labels, np.array([vocabulary()[word] for word in spoken(clip)])


def spoken(clip: Clip) -> tuple[str, ...]:
    """The six words of a clip's sentence; empty where they are not known or not GRID's."""
    words = tuple(word for _, _, word in clip.words if word in vocabulary())
    return words if len(words) == 6 else ()


def frame_classes(clip: Clip, offset: int) -> Int64[np.ndarray, " n"]:
    """The class of the word that is heard with each picture, the sound lagging by `offset` frames."""
    classes = np.full(len(clip), BLANK, np.int64)
    for start, end, word in clip.words:
        if word in vocabulary():
            first, last = (round(t * FPS) - offset for t in (start, end))
            classes[max(0, first) : max(0, last)] = vocabulary()[word]
    return classes


def aligned(log_probs: Tensor, labels: Tensor) -> Tensor:
    """Mean negative log-likelihood of each frame's class; silence, the most frequent one, counts a third."""
    weight = torch.ones(log_probs.shape[-1], device=log_probs.device)
    weight[BLANK] = 1 / 3
    return F.nll_loss(log_probs.flatten(0, 1), labels.flatten(), weight)


def mean_word_error(reader: LipReader, store: ClipStore, keys: Sequence[str]) -> float:
    """Word error rate over real clips, in percent."""
    errors: list[float] = []
    for key in keys:
        clip = store[key]
        errors.append(word_error_rate(spoken(clip), read_lips(reader, clip.crops)))
    return float(np.mean(errors)) * 100
