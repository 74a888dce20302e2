"""The generator of `base`: motion and refiner as one model, the one that is shipped.

`MotionModel` (models.motion) turns sound into the motion of the lower-face mesh; the layers (the frame's own lower face
and the person's mouths, each warped to the moved mesh) are prepared outside, since that needs pictures and geometry;
`Generator.forward` turns the layers into one picture. Training and rendering both call it.

The refiner is a U-Net (Ronneberger et al., "U-Net: convolutional networks for biomedical image segmentation", 2015)
over the lower-face crop at half resolution, pixels folded into channels (pixel unshuffle). Its innermost blocks are
modulated by the sound with FiLM (Perez et al., "FiLM: visual reasoning with a general conditioning layer", 2018). It
returns weights and a residual. The weights apply to the layers' own pixels, so that sharp layers give a sharp picture;
only the residual is painted. Untrained, it returns exactly the lip mask's blend of base layer and first mouth.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from synclips.config import ModelConfig, RecipeConfig
from synclips.models.inner_mouth import InnerMouth
from synclips.models.motion import MotionModel


@dataclass(frozen=True)
class Painted:
    """The refiner's result over the lower-face view, pictures in [-1, 1].

    layers:    the base layer, then the mouths
    weights:   of each layer in each pixel; they sum to 1
    residual:  what is added
    """

    layers: Float[Tensor, "b l 3 h w"]
    weights: Float[Tensor, "b l h w"]
    residual: Float[Tensor, "b 3 h w"]

    @property
    def picture(self) -> Float[Tensor, "b 3 h w"]:
        """The weighted sum of the layers, and the residual."""
        return blend(self.layers, self.weights, self.residual)


Refine = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
"""As `Refiner.forward`."""


class Generator(nn.Module):
    """`motion`: sound to mesh motion; `refiner`: warped layers to a picture.

    Args:
        features: values a step of the sound features.
        points: points of the lower face.
        recipe: architecture, and the settings of training and of rendering, as they travel in the checkpoint.
    """

    def __init__(self, features: int, points: int, recipe: RecipeConfig) -> None:
        super().__init__()
        self.recipe = recipe
        self.motion = MotionModel(features, points, recipe.model)
        self.refiner = Refiner(recipe.model)
        self.painters: tuple[InnerMouth, ...] = ()

    @property
    def inner_mouth(self) -> InnerMouth | None:
        """The network that paints inner mouths, if there is one. It is trained and stored apart, so it is none of this
        network's submodules."""
        return self.painters[0] if self.painters else None

    def forward(
        self,
        layers: Float[Tensor, "b l 3 h w"],
        lips: Float[Tensor, "b 2 h w"],
        face: Float[Tensor, "b 1 h w"],
        region: Float[Tensor, "b 1 h w"],
        sound: Float[Tensor, "b d"],
        refine: Refine | None = None,
    ) -> Painted:
        """One picture of the warped layers, for training and for rendering.

        `layers`: in [-1, 1], colour-matched and shaded, the base layer first; `lips`: the widened lip region and the
        inner mouth; `face`: where the generated face replaces the frame; `region`: where mouths and residual may show,
        beyond it the base layer stands alone; all three in [0, 1]. `sound`: the motion model's embedding of the frame.
        `refine`: computes what the refiner does (see models.refiner_engine).

        In evaluation mode only `recipe.render.residual_colour` of the residual's colour (beside its lightness) is kept:
        the layers bring the person's own colours, and the corpus's would tint another camera's teeth. In training all
        of it is kept, or the network would learn to undo the reduction.
        """
        weights, residual = (refine or self.refiner)(layers, lips, sound)
        if not self.training:
            grey = residual.mean(dim=1, keepdim=True)
            residual = grey + self.recipe.render.residual_colour * (residual - grey)
        base = torch.zeros_like(weights)
        base[:, 0] = 1
        return Painted(layers, weights * region + base * (1 - region), residual * face * region)


class Refiner(nn.Module):
    """Layers, masks and sound in; layer weights and a residual out (see the module's description)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        r, dim = config.refiner, config.audio.dim
        a, b, c = r.widths
        self.layers, self.prior = 1 + r.candidates, r.prior
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

        `layers`: the base layer first, then the mouths, in [-1, 1]; `masks`: the widened lip region and the inner
        mouth, in [0, 1]; h and w are multiples of 8.
        """
        x = torch.cat([layers.flatten(1, 2), masks * 2 - 1], dim=1)
        x0 = self.stem(F.pixel_unshuffle(x, 2))
        x1 = self.down1(x0)
        x2 = self.down2(x1)
        for block in self.blocks:
            x2 = block(x2, sound)
        y1 = self.join1(torch.cat([_double(self.up1(x2)), x1], dim=1))
        y0 = self.join2(torch.cat([_double(self.up2(y1)), x0], dim=1))
        return self.finish(F.pixel_shuffle(self.out(y0), 2).float(), masks)

    def finish(
        self, out: Float[Tensor, "b c h w"], masks: Float[Tensor, "b 2 h w"]
    ) -> tuple[Float[Tensor, "b l h w"], Float[Tensor, "b 3 h w"]]:
        """Weights and residual of the last convolution's output: the lip mask is where the weights start from."""
        prior = (masks[:, :1] * 2 - 1) * self.prior
        zero = torch.zeros_like(prior)
        logits = out[:, : self.layers] + torch.cat(
            [-prior / 2, prior / 2] + [zero - self.prior] * (self.layers - 2), dim=1
        )
        return logits.softmax(dim=1), torch.tanh(out[:, self.layers :])


def blend(
    layers: Float[Tensor, "b l 3 h w"], weights: Float[Tensor, "b l h w"], residual: Float[Tensor, "b 3 h w"]
) -> Float[Tensor, "b 3 h w"]:
    """The refined picture: the layers' weighted sum and the residual."""
    return (layers * weights[:, :, None]).sum(dim=1) + residual


class _Modulated(nn.Module):
    """A residual block of two convolutions, its output scaled and shifted by the sound (FiLM)."""

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
