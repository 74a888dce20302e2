"""Stage 2 of the `blueprint` preset: the author's generator and discriminator, trained together."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import UInt8
from torch import Tensor, nn

from synclips.config import RecipeConfig
from synclips.data.augmentation import SoundChange, draw_sound_change
from synclips.data.dataset import BalancedSampler, ClipStore
from synclips.data.grid import CLIP_FRAMES
from synclips.features.alignment import BLUEPRINT_VIEW
from synclips.models.blueprint import WINDOW, BlueprintEncoders, BlueprintModel, Discriminator
from synclips.models.losses import weighted_sum
from synclips.runtime import autocast
from synclips.training.distributed import Draws, average_gradients, each, own_part
from synclips.training.loop import GanStage, Means, parts_of

LENGTH = 10
"""Frames generated of each clip in a step."""


class BlueprintFinetuneStage(GanStage):
    """L1 and adversarial losses, as `run_stage` wants it. Starts from stage 1's encoders."""

    name = "finetune"
    model: BlueprintModel

    def __init__(
        self, store: ClipStore, recipe: RecipeConfig, encoders: BlueprintEncoders, device: torch.device
    ) -> None:
        self.config, self.recipe, self.store, self.device = recipe.finetune, recipe, store, device
        self.model = BlueprintModel().to(device)
        self.model.audio_encoder.load_state_dict(encoders.audio_encoder.state_dict())
        self.model.video_encoder.load_state_dict(encoders.video_encoder.state_dict())
        self.discriminator = Discriminator().to(device)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), weight_decay=self.config.weight_decay)
        self.optimizer_d = torch.optim.AdamW(self.discriminator.parameters(), betas=(0.5, 0.999))
        parts = store.split()
        self.sampler = BalancedSampler(parts["train"], recipe.seed, "seed-finetune")
        self.held_out = (parts["seen"] or parts["train"])[:16]

    def step(self, step: int) -> dict[str, float]:
        """One step of the generator and one of the discriminator, over `batch` clips in `accumulate` parts."""
        rng = self.sampler.rng(step)
        self.model.train()
        self.optimizer.zero_grad(set_to_none=True)
        self.optimizer_d.zero_grad(set_to_none=True)
        figures = Means()
        keys = self.sampler.draw(rng, max(self.config.accumulate, self.config.batch))
        items = list(zip(keys, self.sampler.item_rngs(step, len(keys)), strict=True))
        for part in parts_of(items, self.config.accumulate):
            part_keys, rngs = zip(*own_part(part), strict=True)
            made, real = self._make(self.model, part_keys, rngs)
            self.discriminator.requires_grad_(True)
            features_target, features_generated = self.discriminator(real), self.discriminator(made.detach())
            loss_d = F.binary_cross_entropy_with_logits(features_target, torch.ones_like(features_target))
            loss_d = loss_d + F.binary_cross_entropy_with_logits(
                features_generated, torch.zeros_like(features_generated)
            )
            (loss_d / self.config.accumulate).backward()
            self.discriminator.requires_grad_(False)
            logits = self.discriminator(made)
            losses = {
                "pixel": F.l1_loss(made, real),
                "adversarial": F.binary_cross_entropy_with_logits(logits, torch.ones_like(logits)),
            }
            (weighted_sum(losses, self.recipe.loss) / self.config.accumulate).backward()
            figures.add({name: value.item() for name, value in losses.items()} | {"discriminator": loss_d.item()})
        average_gradients([self.model, self.discriminator.requires_grad_(True)])
        nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip)
        self.optimizer.step()
        self.optimizer_d.step()
        return figures.values()

    def validate(self, model: nn.Module) -> dict[str, float]:
        """PSNR (dB) of the generated pictures on held-out clips."""
        assert isinstance(model, BlueprintModel)
        made, real = self._make(model, self.held_out, None)
        error = ((made - real) / 2).square().mean(dim=(1, 2, 3))
        psnr = float((-10 * torch.log10(error + 1e-10)).mean())
        return {"psnr": psnr, "score": psnr}

    def picture(self, model: nn.Module) -> UInt8[np.ndarray, "h w 3"] | None:
        """Real pictures above generated ones, enlarged."""
        assert isinstance(model, BlueprintModel)
        rows = [torch.cat(list(part[:LENGTH]), dim=2) for part in reversed(self._make(model, self.held_out[:1], None))]
        canvas = ((torch.cat(rows, dim=1).permute(1, 2, 0) + 1) * 127.5).round().clip(0, 255).byte().cpu().numpy()
        return canvas.repeat(3, axis=0).repeat(3, axis=1)

    def _make(self, model: BlueprintModel, keys: Sequence[str], draws: Draws | None) -> tuple[Tensor, Tensor]:
        """Generated and real pictures (b, 3, 32, 32) in [-1, 1]; without `draws` no augmentation, from frame 20 on."""
        features, references, real, chosen = [], [], [], []
        rngs = [None] * len(keys) if draws is None else each(draws, len(keys))
        for key, rng in zip(keys, rngs, strict=True):
            clip = self.store[key]
            sound = SoundChange()
            if rng is not None:
                sound = replace(draw_sound_change(self.recipe.augment, rng), speed=1.0)
            last = max(0, min(len(clip), CLIP_FRAMES) - LENGTH)  # of longer clips the first 3 s are used
            start = int(rng.integers(last + 1)) if rng is not None else min(20, last)
            index = np.minimum(np.arange(start, start + LENGTH), len(clip) - 1)
            away = (start + len(clip) // 2) % max(1, len(clip) - WINDOW)
            heard = (index + self.store.offset(key)).clip(0, CLIP_FRAMES - 1)
            features.append(sound.features(clip.waveform, CLIP_FRAMES))
            references.append(BLUEPRINT_VIEW.show(clip.crops[away : away + WINDOW]))
            real.append(BLUEPRINT_VIEW.show(clip.crops[index]))
            chosen.append(heard)

        def pictures(parts: list[np.ndarray]) -> Tensor:
            return torch.from_numpy(np.stack(parts)).to(self.device).float() / 127.5 - 1

        frames = torch.from_numpy(np.stack(chosen)).to(self.device)
        with autocast(self.device, self.recipe.precision):
            made = model(torch.from_numpy(np.stack(features)).to(self.device), pictures(references), frames)
        return made.float().flatten(0, 1), pictures(real).flatten(0, 1).permute(0, 3, 1, 2)
