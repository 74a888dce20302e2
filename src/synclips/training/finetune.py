"""Stage 2, second part: joint training of the whole model, from sound to picture, with the discriminator."""

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor, nn

from synclips.config import RecipeConfig
from synclips.data.dataset import BalancedSampler, ClipStore
from synclips.features.alignment import LOWER_VIEW, MOUTH_VIEW
from synclips.models.discriminator import Discriminator
from synclips.models.encoders import sound_windows
from synclips.models.generator import Generator
from synclips.models.losses import (
    Losses,
    adversarial_loss,
    discriminator_loss,
    matching_loss,
    sync_loss,
    weighted_sum,
)
from synclips.models.syncnet import SyncNet
from synclips.runtime import autocast
from synclips.training.distributed import average_gradients, own_part
from synclips.training.loop import GanStage, Means, parts_of
from synclips.training.motion import motion_losses
from synclips.training.window_batches import Batch, WindowBatches, frame_losses
from synclips.training.window_frames import Generated
from synclips.training.windows import LENGTH

_TOP, _LEFT = MOUTH_VIEW.top - LOWER_VIEW.top, MOUTH_VIEW.left - LOWER_VIEW.left
MOUTH_ROWS = slice(_TOP, _TOP + MOUTH_VIEW.height)
MOUTH_COLUMNS = slice(_LEFT, _LEFT + MOUTH_VIEW.width)
"""The mouth within the lower-face view."""


class FinetuneStage(GanStage):
    """The joint stage as `run_stage` wants it. `expert`: the SyncNet of the sync loss; it is not trained."""

    name = "finetune"
    model: Generator

    def __init__(
        self, store: ClipStore, recipe: RecipeConfig, generator: Generator, expert: SyncNet, device: torch.device
    ) -> None:
        self.config, self.recipe, self.store, self.device = recipe.finetune, recipe, store, device
        self.model, self.expert = generator.to(device), expert.to(device).eval().requires_grad_(False)
        self.discriminator = Discriminator().to(device)
        self.batches = WindowBatches(store, self.model, recipe, device)
        self.losses = motion_losses(self.model.motion)
        motion, refiner = self.model.motion.parameters(), self.model.refiner.parameters()
        groups = [
            {"params": list(motion), "factor": recipe.sampling.motion_rate},
            {"params": list(refiner), "factor": 1.0},
        ]
        self.optimizer = torch.optim.AdamW(groups, betas=(0.5, 0.99), weight_decay=self.config.weight_decay)
        self.optimizer_d = torch.optim.AdamW(
            [{"params": list(self.discriminator.parameters()), "factor": 1.0}], betas=(0.0, 0.99), weight_decay=0.0
        )
        parts = store.split()
        self.sampler = BalancedSampler(parts["train"], recipe.seed, self.name)
        self.held_out = {"seen": (parts["seen"] or parts["train"])[:8], "validation": parts["validation"][:8]}

    def step(self, step: int) -> dict[str, float]:
        """One step of the generator and one of the discriminator, over `batch` windows in `accumulate` parts."""
        rng = self.sampler.rng(step)
        self.train_mode()
        adversarial = step >= self.recipe.sampling.discriminator_start * self.config.steps
        self.optimizer.zero_grad(set_to_none=True)
        self.optimizer_d.zero_grad(set_to_none=True)
        figures = Means()
        keys = self.sampler.draw(rng, self.config.batch)
        items = list(zip(keys, self.sampler.item_rngs(step, len(keys)), range(len(keys)), strict=True))
        for part in parts_of(items, self.config.accumulate):
            part_keys, rngs, numbers = zip(*own_part(part), strict=True)
            batch = self.batches.draw(part_keys, rngs)
            predicted = torch.tensor(numbers) % 2 == 1
            with autocast(self.device, self.recipe.precision):
                components, generated = self.batches.make(self.model, batch, predicted, rngs)
            losses = self.losses(components, batch.true)
            losses |= frame_losses(generated, predicted, self.recipe.sampling)
            losses["sync"] = sync_loss(*self._sync(generated.pictures, batch))
            if adversarial:
                losses |= self._against_discriminator(generated, figures)
            (weighted_sum(losses, self.recipe.loss) / self.config.accumulate).backward()
            figures.add({name: value.item() for name, value in losses.items()})
        average_gradients([self.model])
        nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip)
        self.optimizer.step()
        if adversarial:
            average_gradients([self.discriminator.requires_grad_(True)])
            self.optimizer_d.step()
        return figures.values()

    def train_mode(self) -> None:
        """Dropout, and statistics of normalisation that follow the batches."""
        self.model.train()
        self.discriminator.train()

    def validate(self, model: nn.Module) -> dict[str, float]:
        """PSNR in the mouth box beside a copied frame's, sync similarity beside the real video's, on held-out clips."""
        assert isinstance(model, Generator)
        figures: dict[str, float] = {}
        for split, keys in self.held_out.items():
            rows = [self._judge(model, key, start) for key in keys for start in (20, 32, 44)]
            for name in rows[0] if rows else ():
                figures[f"{split}_{name}"] = float(np.mean([row[name] for row in rows]))
        gain = figures["seen_psnr"] - figures["seen_copy_psnr"]
        return figures | {"score": gain + 5 * (figures["seen_sync"] - figures["seen_real_sync"])}

    def picture(self, model: nn.Module) -> UInt8[np.ndarray, "h w 3"] | None:
        """Rows of real frames above generated ones, of seen and of unseen speakers."""
        assert isinstance(model, Generator)
        rows = []
        for key in [*self.held_out["seen"][:2], *self.held_out["validation"][:4]]:
            generated = self.batches.reconstruct(model, key, 30)[1]
            for pictures in (generated.target, generated.pictures):
                rows.append(torch.cat(list(pictures), dim=2))
        canvas = torch.cat(rows, dim=1).permute(1, 2, 0).float().cpu().numpy()
        return ((canvas + 1) * 127.5).round().clip(0, 255).astype(np.uint8)

    def _against_discriminator(self, generated: Generated, figures: Means) -> Losses:
        """The generator's losses against the discriminator, after the gradient of the discriminator's own loss."""
        mask = generated.masks[:, :1] * 2 - 1
        made, target = (torch.cat([pictures, mask], dim=1) for pictures in (generated.pictures, generated.target))
        self.discriminator.requires_grad_(True)
        with autocast(self.device, self.recipe.precision):
            real, fake = self.discriminator(target), self.discriminator(made.detach())
        loss_d = discriminator_loss(real[-1].float(), fake[-1].float())
        (loss_d / self.config.accumulate).backward()
        figures.add({"discriminator": loss_d.item()})
        self.discriminator.requires_grad_(False)
        with autocast(self.device, self.recipe.precision):
            scores = [features.float() for features in self.discriminator(made)]
        return {
            "adversarial": adversarial_loss(scores[-1]),
            "matching": matching_loss([features.float() for features in real], scores),
        }

    def _sync(self, pictures: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        mouths = pictures[:, :, MOUTH_ROWS, MOUTH_COLUMNS].unflatten(0, (len(batch.windows), LENGTH)).flatten(1, 2)
        middle = batch.index[:, LENGTH // 2, None].to(self.device)
        with autocast(self.device, self.recipe.precision):
            lips = self.expert.embed_video(mouths)
            sound = self.expert.embed_audio(sound_windows(batch.features, middle)[:, 0])
        return lips.float(), sound.float()

    def _judge(self, model: Generator, key: str, start: int) -> dict[str, float]:
        batch, generated = self.batches.reconstruct(model, key, start)
        window = batch.windows[0]
        copied = torch.from_numpy(
            window.clip.crops[window.skin][:, LOWER_VIEW.rows, LOWER_VIEW.columns].astype(np.float32)
        )
        copied = copied.to(self.device).permute(0, 3, 1, 2) / 127.5 - 1
        agreement = [
            (lips * sound).sum().item()
            for lips, sound in (self._sync(p, batch) for p in (generated.pictures, generated.target))
        ]
        return {
            "psnr": _psnr(generated.pictures, generated.target),
            "copy_psnr": _psnr(copied, generated.target),
            "sync": agreement[0],
            "real_sync": agreement[1],
        }


def _psnr(generated: Tensor, real: Tensor) -> float:
    error = (generated - real)[:, :, MOUTH_ROWS, MOUTH_COLUMNS].float() / 2
    return float(-10 * torch.log10(error.square().mean() + 1e-10))
