"""Training of the painted inner mouth: on the training speakers' own inner mouths, against a patch discriminator.

Every frame of the corpus becomes a picture on its speaker's canvas (features.mouth_canvas). The network sees the
geometry of the lips, the colours of skin and lips and the speaker's code; it is to paint what lies between the lips.
"""

import cv2
import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor, nn

from synclips.config import LossConfig, RecipeConfig
from synclips.data.dataset import ClipStore
from synclips.errors import DataError
from synclips.models.inner_mouth import InnerMouth, MouthCritic
from synclips.models.losses import (
    Losses,
    adversarial_loss,
    discriminator_loss,
    gradient_loss,
    matching_loss,
    pixel_loss,
    weighted_sum,
)
from synclips.training.distributed import average_gradients, own_part
from synclips.training.inner_mouth_data import Batch, batch_of, gather
from synclips.training.loop import GanStage

WEIGHTS = LossConfig(pixel=6.0, gradient=6.0, matching=4.0, adversarial=0.4)
ADVERSARY = 0.6
"""Share of the steps before the discriminator counts: it costs as much as the network, which has to learn first where
teeth are."""
CRITIC_RATE = 0.5
"""Factor on the learning rate of the discriminator."""
FEWEST = 20
"""Frames with an open mouth that a speaker needs to have a code."""
CLIPS_HELD_OUT = 4
VALIDATION = 40
"""Frames of each held-out speaker that are validated."""
MOST = 4.0
"""Opening (canonical units) beyond which a frame is not drawn more often; below it in proportion."""


class InnerMouthStage(GanStage):
    """The inner mouth as `run_stage` wants it.

    Raises:
        DataError: no training clip shows an open mouth.
    """

    name = "inner_mouth"
    model: InnerMouth

    def __init__(self, store: ClipStore, recipe: RecipeConfig, device: torch.device) -> None:
        self.config, self.recipe, self.device = recipe.inner_mouth, recipe, device
        parts = store.split()
        found = gather(store, parts["train"])
        self.people = {speaker: mouths for speaker, mouths in found.items() if len(mouths) >= FEWEST}
        if not self.people:
            raise DataError("no training clip shows an open mouth; preprocess clips of people who speak")
        held_out = gather(store, parts["seen"][:CLIPS_HELD_OUT] + parts["unseen"][:CLIPS_HELD_OUT])
        self.held_out = {name: mouths.some(VALIDATION) for name, mouths in held_out.items()}
        share = np.sqrt([len(mouths) for mouths in self.people.values()])
        self._share = share / share.sum()
        self._weight = [np.minimum(m.opening, MOST) / np.minimum(m.opening, MOST).sum() for m in self.people.values()]
        self.model = InnerMouth(recipe.model.inner_mouth, len(self.people)).to(device)
        self.discriminator = MouthCritic().to(device)
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), betas=(0.5, 0.99), weight_decay=self.config.weight_decay
        )
        critic = [{"params": list(self.discriminator.parameters()), "factor": CRITIC_RATE}]
        self.optimizer_d = torch.optim.AdamW(critic, betas=(0.0, 0.99), weight_decay=0.0)

    def step(self, step: int) -> dict[str, float]:
        """One step of the network, after one of the discriminator once that counts."""
        self.model.train()
        batch = self._draw(step)
        made = paint(self.model, batch, self.model.codes(batch.person))
        losses = {
            "pixel": pixel_loss(made, batch.target, batch.mask),
            "gradient": gradient_loss(made, batch.target, batch.mask),
        }
        figures: dict[str, float] = {}
        if step >= ADVERSARY * self.config.steps:
            losses |= self._against_discriminator(made, batch, figures)
        self.optimizer.zero_grad(set_to_none=True)
        weighted_sum(losses, WEIGHTS).backward()
        average_gradients([self.model])
        nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip)
        self.optimizer.step()
        return {name: value.item() for name, value in losses.items()} | figures

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Mean error (grey levels) and sharpness (share of the real gradients' energy) between the lips of held-out
        frames, by speaker; one who was not trained on has the code that fits best. The code whose pictures of such
        speakers are as sharp as real ones becomes the usual one: the best fit is a blurred average of teeth."""
        assert isinstance(model, InnerMouth)
        figures: dict[str, float] = {}
        strangers = np.full(len(self.people), 1e-9)
        for name, mouths in self.held_out.items():
            batch = batch_of([(mouths, i, 0) for i in range(len(mouths))], self.device)
            rows = [self._judge(model, batch, code) for code in self._candidates(name)]
            best = min(rows, key=lambda row: row["error"])
            figures |= {f"{name}_{key}": value for key, value in best.items()}
            if name not in self.people:
                strangers += [abs(np.log(row["sharpness"])) for row in rows]
        well_known = np.array([len(mouths) for mouths in self.people.values()])
        strangers[well_known < well_known.mean()] = np.inf
        model.usual.fill_(int(strangers.argmin()))
        error = [v for k, v in figures.items() if k.endswith("_error")]
        blur = [abs(np.log(max(v, 1e-3))) for k, v in figures.items() if k.endswith("_sharpness")]
        return figures | {"score": -float(np.mean(error)) - 2 * float(np.mean(blur)) if error else 0.0}

    @torch.no_grad()
    def picture(self, model: nn.Module) -> UInt8[np.ndarray, "h w 3"] | None:
        """For each held-out speaker a row of real mouths and one for each of six codes, their own first."""
        assert isinstance(model, InnerMouth)
        rows = []
        for name, mouths in self.held_out.items():
            some = mouths.some(8)
            batch = batch_of([(some, i, 0) for i in range(len(some))], self.device)
            rows.append(torch.cat(list(batch.target), dim=2))
            codes = dict.fromkeys([*self._candidates(name), *range(len(self.people))])
            for code in list(codes)[:6]:
                made = paint(model, batch, _repeat(model, code, len(batch)))
                rows.append(torch.cat(list(_composed(made, batch)), dim=2))
        if not rows:
            return None
        width = max(row.shape[2] for row in rows)
        canvas = torch.cat([nn.functional.pad(row, (0, width - row.shape[2])) for row in rows], dim=1)
        levels = ((canvas.permute(1, 2, 0).float().cpu().numpy() + 1) * 127.5).round().clip(0, 255).astype(np.uint8)
        return np.asarray(cv2.resize(levels, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC), np.uint8)

    def _against_discriminator(self, made: Tensor, batch: Batch, figures: dict[str, float]) -> Losses:
        """The network's losses against the discriminator, after a step of the discriminator."""
        shown, real = (torch.cat([_composed(p, batch), batch.mask * 2 - 1], dim=1) for p in (made, batch.target))
        self.discriminator.requires_grad_(True)
        scores_real, scores_made = self.discriminator(real), self.discriminator(shown.detach())
        loss = discriminator_loss(scores_real[-1], scores_made[-1])
        self.optimizer_d.zero_grad(set_to_none=True)
        loss.backward()
        average_gradients([self.discriminator])
        self.optimizer_d.step()
        figures["discriminator"] = loss.item()
        self.discriminator.requires_grad_(False)
        scores = self.discriminator(shown)
        return {"matching": matching_loss(scores_real, scores), "adversarial": adversarial_loss(scores[-1])}

    def _draw(self, step: int) -> Batch:
        rng = np.random.default_rng([self.recipe.seed, step])
        people = list(self.people.values())
        chosen = rng.choice(len(people), self.config.batch, p=self._share)
        rows = [(people[p], int(rng.choice(len(people[p]), p=self._weight[p])), int(p)) for p in chosen]
        rngs = [np.random.default_rng([self.recipe.seed, step, 1 + item]) for item in range(len(rows))]
        return batch_of(own_part(rows), self.device, own_part(rngs))

    def _candidates(self, speaker: str) -> list[int]:
        names = list(self.people)
        return [names.index(speaker)] if speaker in names else list(range(len(names)))

    @torch.no_grad()
    def _judge(self, model: InnerMouth, batch: Batch, code: int) -> dict[str, float]:
        made = paint(model, batch, _repeat(model, code, len(batch)))
        inside = (batch.maps[:, :1] + 1) / 2
        energy = [gradient_energy(_composed(p, batch), inside) for p in (made, batch.target)]
        return {"error": pixel_loss(made, batch.target, inside).item() * 127.5, "sharpness": energy[0] / energy[1]}


def paint(model: InnerMouth, batch: Batch, codes: Tensor) -> Tensor:
    """The network's pictures of a batch."""
    painted: Tensor = model(batch.maps, batch.shape, batch.colours, codes)
    return painted


def _composed(picture: Tensor, batch: Batch) -> Tensor:
    return picture * batch.mask + batch.target * (1 - batch.mask)


def _repeat(model: InnerMouth, code: int, count: int) -> Tensor:
    return model.codes.weight[code][None].expand(count, -1)


def gradient_energy(picture: Tensor, where: Tensor) -> float:
    """Sum of squared differences between neighbouring pixels, weighted by `where`."""
    across = (picture[..., 1:] - picture[..., :-1]).square() * where[..., 1:]
    down = (picture[..., 1:, :] - picture[..., :-1, :]).square() * where[..., 1:, :]
    return float(across.sum() + down.sum()) + 1e-6
