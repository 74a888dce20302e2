"""The generator of `base`: motion and refiner as one model, the one that is shipped."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from synclips.config import ModelConfig
from synclips.models.motion import MotionModel

PRIOR = 6.0
"""Logit by which the mask favours mouth inside and skin outside before anything is learned."""


class Refiner(nn.Module):
    """Layers, masks and sound in; layer weights and a residual out."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        r, dim = config.refiner, config.audio.dim
        a, b, c = r.widths
        self.layers = 1 + r.candidates
        inputs = 3 * self.layers + 2
        self.stem = _convolution(4 * inputs, a)
        self.down1 = nn.Sequential(_convolution(a, b, 2), _convolution(b, b))
        self.down2 = _convolution(b, c, 2)
        self.blocks = nn.ModuleList(_Modulated(c, dim) for _ in range(r.blocks))
        self.up1 = _convolution(c, b)
        self.join1 = _convolution(2 * b, b)
        self.up2 = _convolution(b, a)
        self.join2 = _convolution(2 * a, a)
        self.out = nn.Conv2d(a, 4 * (self.layers + 3), 3, padding=1)
        nn.init.zeros_(self.out.weight)
        assert self.out.bias is not None
        nn.init.zeros_(self.out.bias)

    def forward(
        self, layers: Float[Tensor, "b l 3 h w"], masks: Float[Tensor, "b 2 h w"], sound: Float[Tensor, "b d"]
    ) -> tuple[Float[Tensor, "b l h w"], Float[Tensor, "b 3 h w"]]:
        """Weights of the layers (they sum to 1) and the residual.

        `layers`: skin first, then the mouths, in [-1, 1]; `masks`: the widened lip region and the inner mouth, in
        [0, 1]; h and w are multiples of 8.
        """
        x = torch.cat([layers.flatten(1, 2), masks * 2 - 1], dim=1)
        x0 = self.stem(F.pixel_unshuffle(x, 2))
        x1 = self.down1(x0)
        x2 = self.down2(x1)
        for block in self.blocks:
            x2 = block(x2, sound)
        y1 = self.join1(torch.cat([_double(self.up1(x2)), x1], dim=1))
        y0 = self.join2(torch.cat([_double(self.up2(y1)), x0], dim=1))
        out = F.pixel_shuffle(self.out(y0), 2).float()
        prior = (masks[:, :1] * 2 - 1) * PRIOR
        zero = torch.zeros_like(prior)
        logits = out[:, : self.layers] + torch.cat([-prior / 2, prior / 2] + [zero - PRIOR] * (self.layers - 2), dim=1)
        return logits.softmax(dim=1), torch.tanh(out[:, self.layers :])


def blend(
    layers: Float[Tensor, "b l 3 h w"], weights: Float[Tensor, "b l h w"], residual: Float[Tensor, "b 3 h w"]
) -> Float[Tensor, "b 3 h w"]:
    """The refined picture: the layers' weighted sum and the residual."""
    return (layers * weights[:, :, None]).sum(dim=1) + residual


class _Modulated(nn.Module):
    def __init__(self, channels: int, dim: int) -> None:
        super().__init__()
        self.first = _convolution(channels, channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)
        self.film = nn.Linear(dim, 2 * channels)

    def forward(self, x: Float[Tensor, "b c h w"], sound: Float[Tensor, "b d"]) -> Float[Tensor, "b c h w"]:
        gain, bias = self.film(sound)[..., None, None].chunk(2, dim=1)
        return torch.relu(x + self.norm(self.second(self.first(x))) * (1 + gain) + bias)


def _convolution(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())


def _double(x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h2 w2"]:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


class Generator(nn.Module):
    """`motion` turns sound into mesh motion; `refiner` turns warped layers into a picture."""

    def __init__(self, features: int, points: int, config: ModelConfig) -> None:
        super().__init__()
        self.motion = MotionModel(features, points, config)
        self.refiner = Refiner(config)
