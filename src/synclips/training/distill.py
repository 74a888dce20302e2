"""A thinner refiner learns to do what a trained one does.

After Hinton, Vinyals and Dean, "Distilling the knowledge in a neural network", 2015.

Both see the same frames; what the trained refiner makes of them is the target: its picture, the layers' weights and
the residual. That target is an exact function of what is seen, so nothing has to be averaged over and no discriminator
is needed to keep it sharp. The motion model, which gives shapes and embeddings of the sound, rests; so do the
statistics of normalisation, which the first fit (training.thinning) has set.
"""

from copy import deepcopy
from dataclasses import replace

import cv2
import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor, nn

from synclips.config import RecipeConfig, StageConfig
from synclips.data.dataset import ClipStore
from synclips.models.generator import Generator, Painted, Refine, Refiner
from synclips.models.losses import Losses, gradient_loss, pixel_loss
from synclips.models.refiner_engine import refiner_engine
from synclips.runtime import autocast, choose_precision
from synclips.training.distill_frames import DistillFrames, Seen, held_out_frames
from synclips.training.distributed import average_gradients, own_part
from synclips.training.finetune import MOUTH_COLUMNS, MOUTH_ROWS
from synclips.training.loop import OneNetwork
from synclips.training.thinning import Frames, thin
from synclips.training.window_batches import WindowBatches

STARTS = (20, 44)
"""Where the windows that are validated begin."""


class DistillStage(OneNetwork):
    """The stage as `run_stage` wants it: the network is the thinner refiner.

    `generator` is the trained model, which is not changed; `recipe.model.refiner` is what the thinner one is like.
    """

    name = "distill"
    model: Refiner

    def __init__(self, store: ClipStore, recipe: RecipeConfig, generator: Generator, device: torch.device) -> None:
        self.config: StageConfig = recipe.distill
        self.recipe, self.device = recipe, device
        self.generator = generator.to(device).eval().requires_grad_(False)
        exact = device.type == "cpu" and choose_precision(device, recipe.precision) == "fp32"
        self._teach: Refine = refiner_engine(generator.refiner, "auto", fp32_on_cpu=exact) or generator.refiner
        parts = store.split()
        self.frames = DistillFrames(store, parts["train"], self.generator, recipe, device)
        batches = WindowBatches(store, self.generator, recipe, device)
        keys = {"seen": (parts["seen"] or parts["train"])[:6], "validation": parts["validation"][:6]}
        self._held_out = {
            split: held_out_frames(batches, self.generator, own, STARTS) for split, own in keys.items() if own
        }
        self._taught = {split: self._painted(seen, self._teach) for split, seen in self._held_out.items()}
        self.model = Refiner(recipe.model).to(device).eval()
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), betas=(0.9, 0.99), weight_decay=self.config.weight_decay
        )

    def begin(self) -> None:
        """Fit the thinner refiner to the trained one, layer by layer, before the first step."""
        rng = np.random.default_rng([self.recipe.seed, *self.name.encode()])
        seen = self.frames.draw(rng, self.recipe.distill.examples)
        thin(deepcopy(self.generator.refiner), self.model, Frames(seen.made.layers, seen.masks, seen.sound))

    def step(self, step: int) -> dict[str, float]:
        """One step on frames drawn at random."""
        rngs = np.random.default_rng([self.recipe.seed, *self.name.encode(), step]).spawn(self.config.batch)
        mine = list(own_part(rngs))
        seen = self.frames.draw(mine[0], len(mine))
        taught = self._painted(seen, self._teach)
        with autocast(self.device, self.recipe.precision):
            made = self._paint(seen, self.model)
        losses = distillation_losses(made, taught, seen, self.recipe.render.mouth_power)
        self.optimizer.zero_grad(set_to_none=True)
        torch.stack([getattr(self.recipe.distill, name) * value for name, value in losses.items()]).sum().backward()
        average_gradients([self.model])
        nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip)
        self.optimizer.step()
        return {name: value.item() for name, value in losses.items()}

    @torch.no_grad()
    def validate(self, model: nn.Module) -> dict[str, float]:
        """PSNR (dB) in the mouth box of held-out frames: to the trained refiner's pictures ("taught", the score), and
        of both to the real frames; and how far they choose other mouths ("choice", as among the losses)."""
        assert isinstance(model, Refiner)
        figures: dict[str, float] = {}
        for split, seen in self._held_out.items():
            made, taught, real = self._painted(seen, model), self._taught[split], seen.made.target
            figures[f"{split}_taught"] = _psnr(made.picture, taught.picture)
            losses = distillation_losses(made, taught, seen, self.recipe.render.mouth_power)
            figures[f"{split}_choice"] = losses["choice"].item()
            figures[f"{split}_psnr"] = _psnr(made.picture, real)
            figures[f"{split}_teacher_psnr"] = _psnr(taught.picture, real)
        return figures | {"score": float(np.mean([v for k, v in figures.items() if k.endswith("_taught")]))}

    @torch.no_grad()
    def picture(self, model: nn.Module) -> UInt8[np.ndarray, "h w 3"] | None:
        """Rows of real frames, the trained refiner's pictures of them, and the thinner one's."""
        assert isinstance(model, Refiner)
        columns = []
        for split, seen in self._held_out.items():
            made = self._painted(seen, model)
            for i in range(0, len(seen.sound), 5):
                three = (seen.made.target, self._taught[split].picture, made.picture)
                columns.append(torch.cat([pictures[i] for pictures in three], dim=1))
        canvas = torch.cat(columns[:16], dim=2).permute(1, 2, 0).float().cpu().numpy()
        levels = ((canvas + 1) * 127.5).round().clip(0, 255).astype(np.uint8)
        return np.asarray(cv2.resize(levels, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC), np.uint8)

    @torch.no_grad()
    def _painted(self, seen: Seen, refine: Refine) -> Painted:
        if isinstance(refine, Refiner):
            refine.eval()
        parts = [self._paint(_part(seen, i), refine) for i in range(0, len(seen.sound), 20)]
        names = ("layers", "weights", "residual")
        return Painted(*(torch.cat([getattr(part, name) for part in parts]) for name in names))

    def _paint(self, seen: Seen, refine: Refine) -> Painted:
        m = seen.made
        painted: Painted = self.generator(m.layers, m.lips, m.face, m.region, seen.sound, refine)
        return painted


def distillation_losses(made: Painted, taught: Painted, seen: Seen, power: float) -> Losses:
    """`pixel` and `gradient` as of any picture, `shares`: the Kullback-Leibler divergence of the layers' weights,
    `residual`: its mean absolute difference; all weighted towards the lips. `choice`: the divergence of the mouths'
    parts within the lips, as `compositor.one_mouth` has them with this `power`: by those one mouth wins."""
    lips = seen.made.lips[:, :1]
    weight = seen.made.face * (1 + 4 * lips)
    target = taught.picture
    weights, wanted = made.weights.clamp_min(1e-5), taught.weights.clamp_min(1e-5)
    divergence = (wanted * (wanted / weights).log()).sum(dim=1, keepdim=True)
    parts, wanted_parts = (
        (power * (value[:, 1:] * lips + 1e-6).mean(dim=(2, 3)).log()).log_softmax(dim=1) for value in (weights, wanted)
    )
    return {
        "pixel": pixel_loss(made.picture, target, weight),
        "gradient": gradient_loss(made.picture, target, weight),
        "shares": (divergence * weight).sum() / (weight.sum() + 1e-6),
        "choice": (wanted_parts.exp() * (wanted_parts - parts)).sum(dim=1).mean(),
        "residual": pixel_loss(made.residual, taught.residual, weight),
    }


def thinner_recipe(recipe: RecipeConfig, model: RecipeConfig) -> RecipeConfig:
    """The settings of `recipe` for a thinner refiner of a model that was made by `model`'s: all that is not its
    refiner's architecture, and its way of rendering, are that model's."""
    architecture = replace(
        model.model, refiner=replace(recipe.model.refiner, candidates=model.model.refiner.candidates)
    )
    return replace(recipe, model=architecture, render=model.render)


def _part(seen: Seen, start: int, count: int = 20) -> Seen:
    m, rows = seen.made, slice(start, start + count)
    made = replace(m, **{name: getattr(m, name)[rows] for name in ("layers", "lips", "face", "region", "target")})
    return Seen(made, seen.sound[rows])


def _psnr(made: Tensor, wanted: Tensor) -> float:
    error = (made.clamp(-1, 1) - wanted)[:, :, MOUTH_ROWS, MOUTH_COLUMNS].float() / 2
    return float(-10 * torch.log10(error.square().mean() + 1e-10))
