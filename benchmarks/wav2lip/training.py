"""Training Wav2Lip's architecture on our shards: the paper's losses and weights, our data, expert and training loop.

Of the paper: five consecutive frames painted one by one; L1, the expert's cosine loss over the five, and the visual
quality discriminator, weighted .9, .03 and .07; Adam with betas .5 and .999; references from other moments of the clip.
Ours: the expert (our SyncNet), the augmentation of pictures, a higher rate for far fewer steps, the discriminator's
delayed start, and the averaged weights that are kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Float32, Int64, UInt8
from torch import Tensor, nn

from synclips.config import RecipeConfig, StageConfig
from synclips.data.augmentation import PictureChange, SoundChange, draw_picture_change
from synclips.data.dataset import BalancedSampler, ClipStore
from synclips.data.grid import CLIP_FRAMES
from synclips.evaluation.protocol import KEEP_AWAY
from synclips.features.alignment import CROP, MOUTH_VIEW, View
from synclips.models.encoders import sound_windows
from synclips.models.syncnet import FRAMES, SyncNet, stack_frames
from synclips.runtime import autocast
from synclips.training.loop import GanStage
from wav2lip.network import SIZE, WIDTH, Discriminator, Wav2Lip
from wav2lip.sound import mel_windows

FACE_VIEW = View(0, CROP, 0, CROP, SIZE, SIZE)
"""What Wav2Lip sees and paints: the whole face crop, brows to chin; the mask begins under the nose."""
SYNC, ADVERSARIAL = 0.03, 0.07
"""The paper's weights of the expert's and the discriminator's loss; L1 has the rest."""
DISCRIMINATOR_START = 0.2
"""Share of the steps before the discriminator counts."""
WAV2LIP = StageConfig(steps=1800, batch=4, rate=5e-4, warmup=50, weight_decay=0.0, clip=1.0, ema=0.995, validate=250)
"""The stage's settings; an item of a batch is five frames."""


@dataclass(frozen=True)
class Windows:
    """Five consecutive frames of each of `c` clips, other moments of the same clips, and the sound of the five."""

    targets: Float[Tensor, "c 5 3 96 96"]
    references: Float[Tensor, "c 5 3 96 96"]
    mels: Float[Tensor, "c 5 80 16"]
    steps: Float[Tensor, "c 20 39"]


class Wav2LipStage(GanStage):
    """The whole training, as `run_stage` wants it. `expert` judges the sync and is not trained."""

    name = "wav2lip"
    model: Wav2Lip

    def __init__(
        self,
        store: ClipStore,
        recipe: RecipeConfig,
        expert: SyncNet,
        device: torch.device,
        config: StageConfig = WAV2LIP,
        width: int = WIDTH,
    ) -> None:
        self.config, self.recipe, self.store, self.device = config, recipe, store, device
        self.expert = expert.to(device).eval().requires_grad_(False)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            self.model = Wav2Lip(width).to(device).to(memory_format=torch.channels_last)
            self.discriminator = Discriminator(width).to(device)
        self.optimizer, self.optimizer_d = (
            torch.optim.Adam(network.parameters(), betas=(0.5, 0.999)) for network in (self.model, self.discriminator)
        )
        self.augment = replace(recipe.augment, picture_noise=0.0)  # noise cannot be foretold, and would be blurred away
        parts = store.split()
        self.sampler = BalancedSampler(parts["train"], recipe.seed, self.name)
        self.held_out = {"seen": (parts["seen"] or parts["train"])[:8], "validation": parts["validation"][:8]}
        self._heard: dict[str, Float32[np.ndarray, "steps 39"]] = {}

    def step(self, step: int) -> dict[str, float]:
        """One step of the generator, and one of the discriminator once it counts, over `batch` windows."""
        rng = self.sampler.rng(step)
        self.model.train()
        windows = self._draw(self.sampler.draw(rng, self.config.batch), rng)
        real = windows.targets.flatten(0, 1)
        made = self._make(self.model, windows)
        figures = {}
        losses = {"pixel": F.l1_loss(made, real), "sync": -torch.log((1 + self._agreement(made, windows)) / 2).mean()}
        weights = {"pixel": 1 - SYNC - ADVERSARIAL, "sync": SYNC, "adversarial": ADVERSARIAL}
        if step >= DISCRIMINATOR_START * self.config.steps:
            self.discriminator.requires_grad_(True)
            with autocast(self.device, self.recipe.precision):
                features_target, features_generated = (
                    self.discriminator(real).float(),
                    self.discriminator(made.detach()).float(),
                )
            judge = F.softplus(-features_target).mean() + F.softplus(features_generated).mean()
            self.optimizer_d.zero_grad(set_to_none=True)
            judge.backward()
            self.optimizer_d.step()
            self.discriminator.requires_grad_(False)
            with autocast(self.device, self.recipe.precision):
                losses["adversarial"] = F.softplus(-self.discriminator(made).float()).mean()
            figures["discriminator"] = judge.item()
        self.optimizer.zero_grad(set_to_none=True)
        torch.stack([weights[name] * value for name, value in losses.items()]).sum().backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip)
        self.optimizer.step()
        return figures | {name: value.item() for name, value in losses.items()}

    def validate(self, model: nn.Module) -> dict[str, float]:
        """PSNR in the mouth box at the crop's size, and sync similarity, beside a copied frame's and the real video's:
        the same clips, moments and score as `base`'s fine-tuning."""
        assert isinstance(model, Wav2Lip)
        figures: dict[str, float] = {}
        for split, keys in self.held_out.items():
            rows = [self._judge(model, key, start) for key in keys for start in (20, 32, 44)]
            for name in rows[0] if rows else ():
                figures[f"{split}_{name}"] = float(np.mean([row[name] for row in rows]))
        gain = figures["seen_psnr"] - figures["seen_copy_psnr"]
        return figures | {"score": gain + 5 * (figures["seen_sync"] - figures["seen_real_sync"])}

    def picture(self, model: nn.Module) -> UInt8[np.ndarray, "h w 3"] | None:
        """Rows of real frames above made ones, of known and of unknown speakers, at the crop's size."""
        assert isinstance(model, Wav2Lip)
        rows = []
        for key in [*self.held_out["seen"][:2], *self.held_out["validation"][:4]]:
            windows = self._cut([key], [30])
            for pictures in (windows.targets[0], self._make(model, windows)):
                rows.append(torch.cat(list(_at_crop_size(pictures)), dim=2))
        canvas = torch.cat(rows, dim=1).permute(1, 2, 0).cpu().numpy()
        return (canvas * 255).round().clip(0, 255).astype(np.uint8)

    def _draw(self, keys: Sequence[str], rng: np.random.Generator) -> Windows:
        starts = [int(rng.integers(max(1, len(self.store[key]) - FRAMES + 1))) for key in keys]
        return self._cut(keys, starts, rng)

    def _cut(self, keys: Sequence[str], starts: Sequence[int], rng: np.random.Generator | None = None) -> Windows:
        """The windows that begin at `starts`; without `rng` unbent, with references from half a clip away."""
        targets, references, mels, heard = [], [], [], []
        for key, start in zip(keys, starts, strict=True):
            clip = self.store[key]
            last = len(clip) - 1
            index = np.arange(start, start + FRAMES).clip(0, last)
            away = reference_starts(len(clip), start)
            other = int(away[len(away) // 2] if rng is None else rng.choice(away))
            shown = np.concatenate([index, (other + np.arange(FRAMES)).clip(0, last)])
            change = PictureChange() if rng is None else draw_picture_change(self.augment, rng)
            pictures = change.apply(clip.crops[shown], FACE_VIEW)
            sound = index + self.store.offset(key)
            targets.append(pictures[:FRAMES])
            references.append(pictures[FRAMES:])
            mels.append(mel_windows(clip.waveform, sound))
            heard.append(self._steps(key, int(sound[FRAMES // 2])))
        return Windows(*map(self._pictures, (targets, references)), *map(self._tensor, (mels, heard)))

    def _steps(self, key: str, middle: int) -> Float32[np.ndarray, "20 39"]:
        if key not in self._heard:
            self._heard[key] = SoundChange().features(self.store[key].waveform, CLIP_FRAMES)
        features = torch.from_numpy(self._heard[key])[None]
        return sound_windows(features, torch.tensor([[middle]]))[0, 0].numpy()

    def _make(self, model: Wav2Lip, windows: Windows) -> Float[Tensor, "b 3 96 96"]:
        parts = (windows.targets, windows.references, windows.mels)
        with autocast(self.device, self.recipe.precision):
            return model(*(part.flatten(0, 1) for part in parts)).float()

    def _agreement(self, pictures: Float[Tensor, "b 3 96 96"], windows: Windows) -> Float[Tensor, " c"]:
        """The expert's cosine of each window's five mouths and their sound."""
        mouths = 2 * _mouths(pictures).permute(0, 2, 3, 1).unflatten(0, (-1, FRAMES)) - 1
        with autocast(self.device, self.recipe.precision):
            lips = self.expert.embed_video(stack_frames(mouths))
            sound = self.expert.embed_audio(windows.steps)
        return (lips.float() * sound.float()).sum(dim=1)

    def _judge(self, model: Wav2Lip, key: str, start: int) -> dict[str, float]:
        crops = self.store[key].crops
        start = max(0, min(start, len(crops) - FRAMES))
        windows = self._cut([key], [start])
        real, copied = windows.targets[0], windows.references[0]
        made = self._make(model, windows)
        truth = self._pictures([crops[start : start + FRAMES]])[0][:, :, MOUTH_VIEW.rows, MOUTH_VIEW.columns]
        return {
            "psnr": _psnr(_mouths(made), truth),
            "copy_psnr": _psnr(_mouths(copied), truth),
            "sync": self._agreement(made, windows).item(),
            "real_sync": self._agreement(real, windows).item(),
        }

    def _pictures(self, parts: Sequence[UInt8[np.ndarray, "t h w 3"]]) -> Float[Tensor, "c t 3 h w"]:
        return self._tensor(parts).permute(0, 1, 4, 2, 3).float() / 255

    def _tensor(self, parts: Sequence[np.ndarray]) -> Tensor:
        return torch.from_numpy(np.stack(parts)).to(self.device)


def reference_starts(frames: int, start: int) -> Int64[np.ndarray, " n"]:
    """Where, in a clip of `frames`, five reference frames may begin: none within `KEEP_AWAY` frames of the five from
    `start` on. The end of the clip farther away, where it is too short for that."""
    begins = np.arange(max(1, frames - FRAMES + 1))
    far = begins[np.abs(begins - start) >= FRAMES + KEEP_AWAY]
    return far if len(far) else np.array([0 if start > frames // 2 else begins[-1]])


def _at_crop_size(pictures: Float[Tensor, "b 3 96 96"]) -> Float[Tensor, "b 3 144 144"]:
    return F.interpolate(pictures, (CROP, CROP), mode="bilinear", align_corners=False)


def _mouths(pictures: Float[Tensor, "b 3 96 96"]) -> Float[Tensor, "b 3 48 96"]:
    return _at_crop_size(pictures)[:, :, MOUTH_VIEW.rows, MOUTH_VIEW.columns]


def _psnr(made: Float[Tensor, "b 3 h w"], real: Float[Tensor, "b 3 h w"]) -> float:
    return float(-10 * torch.log10((made - real).square().mean() + 1e-10))
