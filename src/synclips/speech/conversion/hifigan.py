"""HiFi-GAN (Kong, Kim and Bae, NeurIPS 2020), the decoder of VITS and of its descendants: latents to samples."""

import torch
from jaxtyping import Float32
from torch import Tensor, nn
from torch.nn import functional

_SLOPE = 0.1


class _ResidualBlock(nn.Module):
    def __init__(self, channels: int, kernel: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        self.convs1 = nn.ModuleList(
            nn.Conv1d(channels, channels, kernel, dilation=step, padding=step * (kernel - 1) // 2) for step in dilations
        )
        self.convs2 = nn.ModuleList(nn.Conv1d(channels, channels, kernel, padding=kernel // 2) for _ in dilations)

    def forward(self, x: Tensor) -> Tensor:
        for first, second in zip(self.convs1, self.convs2, strict=True):
            x = x + second(functional.leaky_relu(first(functional.leaky_relu(x, _SLOPE)), _SLOPE))
        return x


class HifiGan(nn.Module):
    """Latents (b, latent, t) to samples (b, 1, t times the product of `rates`), in -1 to 1.

    With `colour` channels it is told who speaks, otherwise it has one voice. Modules are named as in published
    checkpoints, weight normalisation folded away (`folded`).
    """

    def __init__(
        self,
        latent: int,
        width: int,
        rates: tuple[int, ...],
        kernels: tuple[int, ...],
        block_kernels: tuple[int, ...] = (3, 7, 11),
        block_dilations: tuple[int, ...] = (1, 3, 5),
        colour: int = 0,
    ) -> None:
        super().__init__()
        widths = [width >> stage for stage in range(len(rates) + 1)]
        self.conv_pre = nn.Conv1d(latent, width, 7, padding=3)
        self.cond = nn.Conv1d(colour, width, 1) if colour else None
        self.ups = nn.ModuleList(
            nn.ConvTranspose1d(widths[stage], widths[stage + 1], kernel, rate, padding=(kernel - rate) // 2)
            for stage, (rate, kernel) in enumerate(zip(rates, kernels, strict=True))
        )
        self.blocks_per_stage = len(block_kernels)
        self.resblocks = nn.ModuleList(
            _ResidualBlock(width, kernel, block_dilations) for width in widths[1:] for kernel in block_kernels
        )
        self.conv_post = nn.Conv1d(widths[-1], 1, 7, padding=3, bias=False)

    def forward(
        self, x: Float32[Tensor, "b latent t"], colour: Float32[Tensor, "b colour 1"] | None = None
    ) -> Float32[Tensor, "b 1 samples"]:
        """See the class; `colour` where the decoder was made for it."""
        x = self.conv_pre(x)
        if self.cond is not None and colour is not None:
            x = x + self.cond(colour)
        for stage, upsample in enumerate(self.ups):
            x = upsample(functional.leaky_relu(x, _SLOPE))
            blocks = self.resblocks[stage * self.blocks_per_stage : (stage + 1) * self.blocks_per_stage]
            x = torch.stack([block(x) for block in blocks]).mean(dim=0)
        return torch.tanh(self.conv_post(functional.leaky_relu(x)))


def folded(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Checkpoint tensors with each pair `weight_g`, `weight_v` of weight normalisation folded into one `weight`."""
    plain = {name: tensor for name, tensor in weights.items() if not name.endswith(("weight_g", "weight_v"))}
    for name, gain in weights.items():
        if name.endswith("weight_g"):
            direction = weights[name[:-1] + "v"]
            norm = direction.flatten(1).norm(dim=1).view(-1, *[1] * (direction.dim() - 1))
            plain[name[:-2]] = gain * direction / norm
    return plain
