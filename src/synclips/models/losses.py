"""Every loss of `base`, by the names that `LossConfig` and the log use.

Pictures are (b, 3, h, w) in [-1, 1]; a weight (b, 1, h, w) says how much each pixel counts.
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from synclips.config import LossConfig
from synclips.models.motion import MotionModel

Picture = Float[Tensor, "b 3 h w"]
Weight = Float[Tensor, "b 1 h w"]
STILL = 0.05
"""Variance, in squared spreads, of a measure that hardly moves; keeps `concordance` steady there."""
LEAST_SPREAD = 0.1
REST_GAP = 1.5
"""Canonical units that are added to an opening before an error of it is related to it."""
Losses = dict[str, Tensor]
"""Losses by the names of `LossConfig`'s fields."""


def weighted_sum(losses: Losses, weights: LossConfig) -> Float[Tensor, ""]:
    """What is minimised: each loss times its weight."""
    return torch.stack([getattr(weights, name) * value for name, value in losses.items()]).sum()


class MotionLosses:
    """Predicted against true components of the lower face's motion.

    Args:
        model: gives components their displacements and spreads.
        lips: places of the lips' points among the lower face's.
        upper, lower: places of the inner lips' points, pair by pair.
        measures: what a viewer reads of a mouth (its width, opening and the like), each as a linear function of the
            displacement.
        opening: the place of the mouth's opening among them.
    """

    def __init__(
        self,
        model: MotionModel,
        lips: Int[Tensor, " l"],
        upper: Int[Tensor, " p"],
        lower: Int[Tensor, " p"],
        measures: Float[Tensor, "q m 3"],
        opening: int = 1,
    ) -> None:
        self.model, self.lips, self.upper, self.lower = model, lips, upper, lower
        self.measures, self.opening = measures, opening

    def __call__(self, made: Float[Tensor, "b t k"], true: Float[Tensor, "b t k"]) -> Losses:
        """`motion` and `velocity`: mean L1 of components and of their differences in time, weighted by spread; `lips`:
        mean and largest distance of lip points (canonical units); `opening`: relative error of the inner lips' gap;
        `shape`: mean L1 of the measures, in units of their spread; `agreement`: one less the mean of the measures'
        `concordance` over the window, which also asks that they move as far as in truth."""
        weight = self.model.spread / self.model.spread[0]
        error = (made - true) * weight
        speed = error[:, 1:] - error[:, :-1]
        shape, wanted = self.model.displacement(made), self.model.displacement(true)
        lips = (shape[..., self.lips, :2] - wanted[..., self.lips, :2]).norm(dim=-1)
        gap, wanted_gap = self.gap(shape), self.gap(wanted)
        measures = self.measures.to(shape.device)
        scale = self._scale()
        seen, true_seen = (torch.einsum("btmc,qmc->btq", value, measures) / scale for value in (shape, wanted))
        return {
            "motion": error.abs().mean() * 4,
            "velocity": speed.abs().mean() * 4,
            "lips": lips.mean() / 4 + lips.amax(dim=-1).mean() / 8,
            # a closed mouth that opens a little is seen at once; a wide one that opens wider is not
            "opening": ((gap - wanted_gap).abs() / (wanted_gap.clamp_min(0) + REST_GAP)).mean(),
            "shape": (seen - true_seen).abs().mean(),
            "agreement": 1 - concordance(seen, true_seen).mean(),
        }

    def of_line(
        self, made: Float[Tensor, "b t k"], wanted: Float[Tensor, "b t q"], closed: Bool[Tensor, "b t"]
    ) -> Losses:
        """The same where only the measures are known (canonical units): `opening`, `shape` and `agreement`, and
        `closed`: how far the inner lips are apart (mean over pairs) in the frames in which they must meet."""
        displacement = self.model.displacement(made)
        measures = self.measures.to(made.device)
        seen = torch.einsum("btmc,qmc->btq", displacement, measures)
        scale = self._scale()
        gap, wanted_gap = seen[..., self.opening], wanted[..., self.opening]
        apart = self.gap(displacement).clamp_min(0).mean(dim=-1)
        return {
            "opening": ((gap - wanted_gap).abs() / (wanted_gap.clamp_min(0) + REST_GAP)).mean(),
            "shape": ((seen - wanted).abs() / scale).mean(),
            "agreement": 1 - concordance(seen / scale, wanted / scale).mean(),
            "closed": (apart * closed).sum() / closed.sum().clamp_min(1),
        }

    def _scale(self) -> Float[Tensor, " q"]:
        """The spread of each measure over the population, canonical units; that of one that hardly moves is raised."""
        measures = self.measures.to(self.model.basis.device)
        spread = (torch.einsum("qmc,kmc->qk", measures, self.model.basis) * self.model.spread).norm(dim=1)
        return spread.clamp_min(LEAST_SPREAD)

    def gap(self, displacement: Float[Tensor, "b t m 3"]) -> Float[Tensor, "b t p"]:
        """How far the inner lips moved apart from rest, pair by pair, in canonical units."""
        return displacement[..., self.lower, 1] - displacement[..., self.upper, 1]


def concordance(made: Float[Tensor, "b t q"], true: Float[Tensor, "b t q"]) -> Float[Tensor, "b q"]:
    """Concordance correlation over time (Lin, "A concordance correlation coefficient to evaluate reproducibility",
    Biometrics 45, 1989): 1 only where both the course and its amplitude and mean agree. Values are in units of their
    spread; where neither moves, it is near 1 if the means agree."""
    mean, true_mean = made.mean(dim=1), true.mean(dim=1)
    covariance = ((made - mean[:, None]) * (true - true_mean[:, None])).mean(dim=1)
    variance, true_variance = made.var(dim=1, correction=0), true.var(dim=1, correction=0)
    return (2 * covariance + STILL) / (variance + true_variance + (mean - true_mean).square() + STILL)


def picture_losses(made: Picture, target: Picture, residual: Picture, weight: Weight) -> Losses:
    """`pixel`, `gradient`, `structure`, and `residual` (its mean size)."""
    return {
        "pixel": pixel_loss(made, target, weight),
        "gradient": gradient_loss(made, target, weight),
        "structure": structure_loss(made, target, weight),
        "residual": residual.abs().mean(),
    }


def pixel_loss(made: Picture, target: Picture, weight: Weight) -> Float[Tensor, ""]:
    """Weighted mean absolute difference."""
    return ((made - target).abs() * weight).sum() / (3 * weight.sum() + 1e-6)


def gradient_loss(made: Picture, target: Picture, weight: Weight) -> Float[Tensor, ""]:
    """Weighted mean absolute difference of horizontal and vertical gradients: edges in the same place, as sharp."""
    error = made - target
    across = (error[..., 1:] - error[..., :-1]).abs() * weight[..., 1:]
    down = (error[..., 1:, :] - error[..., :-1, :]).abs() * weight[..., 1:, :]
    return (across.sum() + down.sum()) / (6 * weight.sum() + 1e-6)


def structure_loss(made: Picture, target: Picture, weight: Weight) -> Float[Tensor, ""]:
    """1 - SSIM (Wang et al., 2004) over 7 x 7 windows, weighted."""
    made, target = (made + 1) / 2, (target + 1) / 2

    def mean(x: Tensor) -> Tensor:
        return F.avg_pool2d(x, 7, stride=1, padding=3, count_include_pad=False)

    a, b = mean(made), mean(target)
    covariance = mean(made * target) - a * b
    variance = mean(made * made) - a * a + mean(target * target) - b * b
    ssim = (2 * a * b + 1e-4) * (2 * covariance + 9e-4) / ((a * a + b * b + 1e-4) * (variance + 9e-4))
    return ((1 - ssim) * weight).sum() / (3 * weight.sum() + 1e-6)


def sync_loss(lips: Float[Tensor, "b d"], sound: Float[Tensor, "b d"]) -> Float[Tensor, ""]:
    """`sync`: 1 - the mean cosine of the SyncNet's unit vectors of lips and sound."""
    return (1 - (lips * sound).sum(dim=1)).mean()


def discriminator_loss(real: Float[Tensor, "*b"], made: Float[Tensor, "*b"]) -> Float[Tensor, ""]:
    """Hinge loss of the discriminator over its logits (Lim and Ye, "Geometric GAN", 2017)."""
    return torch.relu(1 - real).mean() + torch.relu(1 + made).mean()


def adversarial_loss(made: Float[Tensor, "*b"]) -> Float[Tensor, ""]:
    """`adversarial`: the generator's hinge loss over the discriminator's logits."""
    return -made.mean()


def matching_loss(real: list[Tensor], made: list[Tensor]) -> Float[Tensor, ""]:
    """`matching`: mean L1 distance of the discriminator's features (Salimans et al., "Improved techniques for training
    GANs", 2016); the last entry of each list, the logits, is left out."""
    terms = [F.l1_loss(m, r.detach()) for r, m in zip(real[:-1], made[:-1], strict=True)]
    return torch.stack(terms).mean()


def contrastive_loss(
    video: Float[Tensor, "b d"], audio: Float[Tensor, "b d"], log_scale: Float[Tensor, ""]
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """Symmetric InfoNCE over a batch of matching unit vectors, and the share of rows whose match ranks first."""
    logits = video @ audio.T * log_scale.clamp(max=math.log(50)).exp()
    target = torch.arange(len(logits), device=logits.device)
    loss = (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2
    return loss, (logits.argmax(dim=1) == target).float().mean()
