"""The painted inner mouth: teeth, tongue and the dark between them, for lips that a person's own video never shows.

A U-Net over the mouth's canvas (see features.mouth_canvas): upright, frontal and of one size for every person, so that
the upper teeth always stand in the same place and the lower ones move with the jaw. Its only picture-like input is
geometry: the inner lips' contours, and coordinates that are fixed to the skull and to the jaw, as they are and as sines
of several periods (Tancik et al., "Fourier features let networks learn high frequency functions", NeurIPS 2020), from
which rows of teeth can be drawn. A code for the person modulates every block (FiLM, Perez et al., 2018): it is learnt
for each training speaker, and stays the same over a whole video, so that teeth do not change from frame to frame.
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from synclips.config import InnerMouthConfig

MAPS = 6
"""Geometry maps of `features.mouth_canvas.Canvas.maps`."""
SHAPE = 5
"""Figures of `features.mouth_canvas.Canvas.shape`."""
COLOURS = 6
"""Red, green and blue of the skin and of the lips."""
PERIODS = (3.0, 6.0, 12.0, 24.0)
"""Of the sines, in canonical units; an incisor is about 6 wide."""
UNITS = 16.0
"""Canonical units that a coordinate map's 1 stands for."""


class InnerMouth(nn.Module):
    """Lip shape, colours and a person's code in, the inner mouth's picture out.

    Args:
        config: architecture.
        people: how many persons' codes are learnt.

    `usual`: the number of the code for a person whose teeth are not known.
    """

    usual: Tensor

    def __init__(self, config: InnerMouthConfig, people: int) -> None:
        super().__init__()
        a, b, c = config.widths
        self.codes = nn.Embedding(people, config.code)
        nn.init.normal_(self.codes.weight, std=0.5)
        self.register_buffer("usual", torch.zeros((), dtype=torch.long))
        dim = config.hidden
        self.mix = nn.Sequential(
            nn.Linear(config.code + SHAPE + COLOURS, dim), nn.ReLU(), nn.Linear(dim, dim), nn.ReLU()
        )
        inputs = MAPS + 3 * 2 * len(PERIODS)
        self.stem = _Modulated(4 * inputs, a, dim, size=1)
        self.down1 = _Modulated(a, b, dim, 2)
        self.down2 = _Modulated(b, c, dim, 2)
        self.blocks = nn.ModuleList(_Modulated(c, c, dim) for _ in range(config.blocks))
        self.up1 = _Modulated(c + b, b, dim)
        self.up2 = _Modulated(b + a, a, dim)
        self.last = _Modulated(a, a, dim)
        self.out = nn.Conv2d(a, 12, 3, padding=1)

    def forward(
        self,
        maps: Float[Tensor, "b m h w"],
        shape: Float[Tensor, "b s"],
        colours: Float[Tensor, "b 6"],
        code: Float[Tensor, "b c"],
    ) -> Float[Tensor, "b 3 h w"]:
        """Pictures in [-1, 1]; only what lies between the lips is meant to be seen.

        `maps` and `shape`: as `Canvas` makes them, h and w multiples of 8; `colours`: of skin and lips, in [-1, 1];
        `code`: rows of `codes`, or others found for a new person.
        """
        mixed = self.mix(torch.cat([code, shape, colours], dim=1))
        x0 = self.stem(F.pixel_unshuffle(torch.cat([maps, waves(maps[:, 3:])], dim=1), 2), mixed)
        x1 = self.down1(x0, mixed)
        x2 = self.down2(x1, mixed)
        for block in self.blocks:
            x2 = x2 + block(x2, mixed)
        y1 = self.up1(torch.cat([_double(x2), x1], dim=1), mixed)
        y0 = self.last(self.up2(torch.cat([_double(y1), x0], dim=1), mixed), mixed)
        return torch.tanh(F.pixel_shuffle(self.out(y0), 2))


class MouthCritic(nn.Module):
    """A patch discriminator (Isola et al., 2017) with spectral normalisation, of small patches: teeth are small.

    `forward` returns every layer's output for feature matching; the last are the patch logits.
    """

    def __init__(self, channels: int = 4, width: int = 12) -> None:
        super().__init__()
        norm = nn.utils.parametrizations.spectral_norm
        sizes = [(channels, width, 1), (width, 2 * width, 2), (2 * width, 4 * width, 2), (4 * width, 4 * width, 1)]
        self.stages = nn.ModuleList(norm(nn.Conv2d(i, o, 4 if s == 2 else 3, s, 1)) for i, o, s in sizes)
        self.out = norm(nn.Conv2d(4 * width, 1, 3, padding=1))

    def forward(self, x: Float[Tensor, "b c h w"]) -> list[Float[Tensor, "b _c _h _w"]]:
        """Pictures in [-1, 1] with the inner mouth's mask as fourth channel."""
        outputs = []
        for stage in self.stages:
            x = F.leaky_relu(stage(x), 0.2)
            outputs.append(x)
        return [*outputs, self.out(x)]


def waves(coordinates: Float[Tensor, "b k h w"]) -> Float[Tensor, "b _k h w"]:
    """Sines and cosines of each coordinate map, by `PERIODS`."""
    angle = torch.cat([coordinates * (2 * math.pi * UNITS / period) for period in PERIODS], dim=1)
    return torch.cat([angle.sin(), angle.cos()], dim=1)


class _Modulated(nn.Module):
    """A convolution whose normalised output is scaled and shifted by the mixed condition (FiLM)."""

    def __init__(self, inputs: int, outputs: int, dim: int, stride: int = 1, size: int = 3) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        self.film = nn.Linear(dim, 2 * outputs)

    def forward(self, x: Float[Tensor, "b i h w"], mixed: Float[Tensor, "b d"]) -> Float[Tensor, "b o h2 w2"]:
        gain, bias = self.film(mixed)[..., None, None].chunk(2, dim=1)
        return torch.relu(self.norm(self.convolution(x)) * (1 + gain) + bias)


def _double(x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h2 w2"]:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
