"""Stage 2, second part: the whole model, from sound to picture, together with the discriminator."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor, nn

from synclips.config import RecipeConfig
from synclips.data.augment import SoundChange, draw_sound_change
from synclips.data.dataset import BalancedSampler, ClipStore
from synclips.data.grid import CLIP_FRAMES
from synclips.features.alignment import LOWER_VIEW, MOUTH_VIEW
from synclips.models.discriminator import Discriminator, feature_matching, hinge_discriminator, hinge_generator
from synclips.models.encoders import sound_windows, stack_frames
from synclips.models.generator import Generator
from synclips.models.losses import gradient_loss, pixel_loss, structure_loss
from synclips.models.syncnet import SyncNet
from synclips.training.loop import AgainstDiscriminator, autocast
from synclips.training.motion import MotionLosses
from synclips.training.motion_data import displacement_of
from synclips.training.scenes import LENGTH, Made, Scene, draw_scene, make_frames, scene_at

BANK = 8
"""Places of the mouth bank; small, since the video encoder is trained through them."""
DISCRIMINATOR_START = 0.08
"""Share of the steps before the discriminator's losses count."""
GUESSED_WEIGHT = 0.3
"""Weight of the pixel losses where the shape was guessed from sound: the lips are not exactly where the real ones are,
and full weight would teach blur."""

_TOP, _LEFT = MOUTH_VIEW.top - LOWER_VIEW.top, MOUTH_VIEW.left - LOWER_VIEW.left
MOUTH_ROWS = slice(_TOP, _TOP + MOUTH_VIEW.height)
MOUTH_COLUMNS = slice(_LEFT, _LEFT + MOUTH_VIEW.width)
"""The mouth within the lower-face view."""


@dataclass(frozen=True)
class Batch:
    """Scenes with the whole clip's sound and true motion, and a bank of mouths."""

    scenes: list[Scene]
    features: Tensor
    true: Tensor
    mouths: Tensor
    shapes: Tensor
    present: Tensor


class FinetuneStage(AgainstDiscriminator):
    """Joint training as `run_stage` wants it. `expert` judges the sync and is not trained."""

    name = "finetune"
    model: Generator

    def __init__(
        self, store: ClipStore, recipe: RecipeConfig, generator: Generator, expert: SyncNet, device: torch.device
    ) -> None:
        self.config, self.recipe, self.store, self.device = recipe.finetune, recipe, store, device
        self.model, self.expert = generator.to(device), expert.to(device).eval().requires_grad_(False)
        self.discriminator = Discriminator().to(device)
        self.losses = MotionLosses(self.model.motion, recipe.loss)
        motion, refiner = self.model.motion.parameters(), self.model.refiner.parameters()
        # motion has been trained already: it is only bent; the discriminator learns faster than what it judges
        groups = [{"params": list(motion), "factor": 0.25}, {"params": list(refiner), "factor": 1.0}]
        self.optimizer = torch.optim.AdamW(groups, betas=(0.5, 0.99), weight_decay=self.config.weight_decay)
        self.judge_optimizer = torch.optim.AdamW(
            [{"params": list(self.discriminator.parameters()), "factor": 1.0}], betas=(0.0, 0.99), weight_decay=0.0
        )
        parts = store.split()
        self.sampler = BalancedSampler(parts["train"], recipe.seed, self.name)
        self.held_out = {"seen": (parts["seen"] or parts["train"])[:8], "unseen": parts["unseen"][:8]}

    def step(self, step: int) -> dict[str, float]:
        """One step of the generator and one of the discriminator, over `batch` scenes in `accumulate` parts."""
        rng = self.sampler.rng(step)
        self.model.train()
        self.discriminator.train()
        weights, figures = self.recipe.loss, {}
        adversarial = step >= DISCRIMINATOR_START * self.config.steps
        self.optimizer.zero_grad(set_to_none=True)
        self.judge_optimizer.zero_grad(set_to_none=True)
        for _ in range(self.config.accumulate):
            keys = self.sampler.draw(rng, self.config.batch // self.config.accumulate)
            batch = self._draw(keys, rng)
            guessed = torch.arange(len(keys)) % 2 == 1
            with autocast(self.recipe, self.device):
                components, made = self._make(self.model, batch, guessed, rng)
            losses = self.losses(components, batch.true)
            losses |= self._picture_losses(made, guessed)
            losses["sync"] = self._sync_loss(made, batch)
            if adversarial:
                pictures = torch.cat([made.made, made.masks[:, :1] * 2 - 1], dim=1)
                truth = torch.cat([made.real, made.masks[:, :1] * 2 - 1], dim=1)
                self.discriminator.requires_grad_(True)
                with autocast(self.recipe, self.device):
                    judged_real, judged_made = self.discriminator(truth), self.discriminator(pictures.detach())
                judge = hinge_discriminator(judged_real[-1].float(), judged_made[-1].float())
                (judge / self.config.accumulate).backward()
                self.discriminator.requires_grad_(False)
                with autocast(self.recipe, self.device):
                    judged = self.discriminator(pictures)
                losses["adversarial"] = hinge_generator(judged[-1].float())
                losses["matching"] = feature_matching([f.float() for f in judged_real], [f.float() for f in judged])
                figures["discriminator"] = judge.item()
            total = torch.stack([getattr(weights, name) * value for name, value in losses.items()]).sum()
            (total / self.config.accumulate).backward()
            figures |= {name: value.item() for name, value in losses.items()}
        nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip)
        self.optimizer.step()
        if adversarial:
            self.judge_optimizer.step()
        return figures

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
        """Rows of real frames above made ones, of known and of unknown speakers."""
        assert isinstance(model, Generator)
        rows = []
        for key in [*self.held_out["seen"][:2], *self.held_out["unseen"][:4]]:
            made = self._reconstruct(model, key, 30)[1]
            for pictures in (made.real, made.made):
                rows.append(torch.cat(list(pictures), dim=2))
        canvas = torch.cat(rows, dim=1).permute(1, 2, 0).float().cpu().numpy()
        return ((canvas + 1) * 127.5).round().clip(0, 255).astype(np.uint8)

    def _draw(self, keys: list[str], rng: np.random.Generator) -> Batch:
        scenes: list[Scene] = []
        features, true, mouths, shapes = (list[Tensor]() for _ in range(4))
        for key in keys:
            scene = draw_scene(self.store, key, rng)
            sound = replace(draw_sound_change(self.recipe.augment, rng), speed=1.0)
            parts = self._arrays(scene, sound, rng.permutation(scene.lenders)[:BANK])
            for group, part in zip((features, true, mouths, shapes), parts, strict=True):
                group.append(part)
            scenes.append(scene)
        present = torch.from_numpy(rng.random((len(keys), BANK)) < rng.uniform(0.3, 1.0, (len(keys), 1)))
        return Batch(
            scenes,
            torch.stack(features),
            torch.stack(true),
            torch.stack(mouths),
            torch.stack(shapes),
            present.to(self.device),
        )

    def _arrays(self, scene: Scene, sound: SoundChange, bank: np.ndarray) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Sound features and true components over 75 frames, bank mouths (n, 5, 48, 96, 3) and their components."""
        clip, motion = scene.clip, self.model.motion
        offset = self.store.offset(clip.key)
        frames = np.arange(CLIP_FRAMES)
        features = sound.features(clip.waveform, CLIP_FRAMES + abs(offset))
        # features on the pictures' clock: picture i is heard at i + offset
        steps = (4 * (frames + offset)[:, None] + np.arange(4)).ravel().clip(0, len(features) - 1)
        bank = np.resize(bank, BANK)
        displacement = torch.from_numpy(displacement_of(self.store, clip)).to(self.device)
        true = motion.components(displacement)
        window = (bank[:, None] + np.arange(5) - 2).clip(0, len(clip) - 1)
        mouths = torch.from_numpy(clip.crops[window][:, :, MOUTH_VIEW.rows, MOUTH_VIEW.columns].astype(np.float32))
        kept = torch.from_numpy(frames.clip(0, len(clip) - 1))
        return (
            torch.from_numpy(features[steps]).to(self.device),
            true[kept],
            mouths.to(self.device) / 127.5 - 1,
            true[torch.from_numpy(bank)],
        )

    def _make(
        self, model: Generator, batch: Batch, guessed: Tensor, rng: np.random.Generator | None
    ) -> tuple[Tensor, Made]:
        """Motion components of the whole clips, and the scenes' frames, their shapes guessed or true."""
        motion = model.motion
        stacked = stack_frames(batch.mouths.flatten(0, 1))
        bank = motion.video_encoder(stacked).unflatten(0, batch.mouths.shape[:2]).float()
        components, tokens = motion(batch.features, bank, batch.shapes, batch.present)
        components = components.float()
        rows = torch.arange(len(batch.scenes))[:, None]
        index = torch.from_numpy(np.stack([scene.index for scene in batch.scenes]))
        chosen = torch.where(guessed[:, None, None].to(self.device), components[rows, index], batch.true[rows, index])
        rest = torch.from_numpy(np.stack([scene.rest for scene in batch.scenes])).to(self.device)
        shapes = (motion.displacement(chosen) + rest[:, None]).flatten(0, 1)
        if rng is not None:  # the network must not trust a true shape blindly
            true_frames = (~guessed).to(self.device).repeat_interleave(LENGTH)[:, None, None]
            shapes = shapes + true_frames * 0.15 * torch.randn_like(shapes[:, :1])
        light = self._light(len(batch.scenes), rng) if rng is not None else None
        made = make_frames(model, batch.scenes, shapes, tokens[rows, index].flatten(0, 1).float(), self.device, light)
        return components, made

    def _light(self, scenes: int, rng: np.random.Generator) -> Tensor:
        """Gains of the layers: each mouth was taken in a slightly other light than the skin."""
        layers = self.model.refiner.layers
        gain = 1 + rng.normal(0, 0.04, (scenes, layers, 1)) + rng.normal(0, 0.015, (scenes, layers, 3))
        gain[:, 0] = 1 + rng.normal(0, 0.01, (scenes, 3))
        return torch.from_numpy(gain.astype(np.float32)).repeat_interleave(LENGTH, dim=0).to(self.device)

    def _picture_losses(self, made: Made, guessed: Tensor) -> dict[str, Tensor]:
        share = torch.where(guessed, GUESSED_WEIGHT, 1.0).to(self.device).repeat_interleave(LENGTH)[:, None, None, None]
        weight = made.face * (1 + 4 * made.masks[:, :1]) * share
        return {
            "pixel": pixel_loss(made.made, made.real, weight),
            "gradient": gradient_loss(made.made, made.real, weight),
            "structure": structure_loss(made.made, made.real, weight),
            "residual": made.residual.abs().mean(),
        }

    def _sync_loss(self, made: Made, batch: Batch) -> Tensor:
        lips, sound = self._sync(made.made, batch)
        return (1 - (lips * sound).sum(dim=1)).mean()

    def _sync(self, pictures: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        mouths = pictures[:, :, MOUTH_ROWS, MOUTH_COLUMNS].unflatten(0, (len(batch.scenes), LENGTH)).flatten(1, 2)
        middle = torch.tensor([[scene.start + LENGTH // 2] for scene in batch.scenes], device=self.device)
        with autocast(self.recipe, self.device):
            lips = self.expert.embed_video(mouths)
            sound = self.expert.embed_audio(sound_windows(batch.features, middle)[:, 0])
        return lips.float(), sound.float()

    def _reconstruct(self, model: Generator, key: str, start: int) -> tuple[Batch, Made]:
        rng = np.random.default_rng(0)
        scene = scene_at(self.store, key, min(start, len(self.store[key]) - LENGTH), rng)
        parts = self._arrays(scene, SoundChange(), scene.lenders[:: max(1, len(scene.lenders) // BANK)][:BANK])
        features, true, mouths, shapes = (part[None] for part in parts)
        batch = Batch(
            [scene], features, true, mouths, shapes, torch.ones(1, BANK, dtype=torch.bool, device=self.device)
        )
        return batch, self._make(model, batch, torch.ones(1, dtype=torch.bool), None)[1]

    def _judge(self, model: Generator, key: str, start: int) -> dict[str, float]:
        batch, made = self._reconstruct(model, key, start)
        scene = batch.scenes[0]
        copied = torch.from_numpy(
            scene.clip.crops[scene.skin][:, LOWER_VIEW.rows, LOWER_VIEW.columns].astype(np.float32)
        )
        copied = copied.to(self.device).permute(0, 3, 1, 2) / 127.5 - 1
        agreement = [
            (lips * sound).sum().item() for lips, sound in (self._sync(p, batch) for p in (made.made, made.real))
        ]
        return {
            "psnr": _psnr(made.made, made.real),
            "copy_psnr": _psnr(copied, made.real),
            "sync": agreement[0],
            "real_sync": agreement[1],
        }


def _psnr(made: Tensor, real: Tensor) -> float:
    error = (made - real)[:, :, MOUTH_ROWS, MOUTH_COLUMNS].float() / 2
    return float(-10 * torch.log10(error.square().mean() + 1e-10))
