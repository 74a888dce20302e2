"""The discriminator of `base`: a patch discriminator (Isola et al., "Image-to-image translation with conditional
adversarial networks", 2017) with spectral normalisation (Miyato et al., 2018)."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm


class Discriminator(nn.Module):
    """Four convolutions. `forward` returns every layer's output for feature matching; the last are the patch logits."""

    def __init__(self, channels: int = 4, width: int = 32) -> None:
        super().__init__()
        sizes = [(channels, width, 2), (width, 2 * width, 2), (2 * width, 4 * width, 2), (4 * width, 1, 1)]
        self.stages = nn.ModuleList(spectral_norm(nn.Conv2d(i, o, 4, s, 1)) for i, o, s in sizes)

    def forward(self, x: Float[Tensor, "b c h w"]) -> list[Float[Tensor, "b _c _h _w"]]:
        """Pictures in [-1, 1] with the lip mask as fourth channel."""
        outputs = []
        for number, stage in enumerate(self.stages):
            x = stage(x)
            if number < len(self.stages) - 1:
                x = F.leaky_relu(x, 0.2)
            outputs.append(x)
        return outputs
