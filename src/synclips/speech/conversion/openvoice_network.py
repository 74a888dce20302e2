"""The network of OpenVoice V2's tone colour converter: a spectrogram in, the same words in another voice out.

Qin, Zhao, Yu and Sun, "OpenVoice: versatile instant voice cloning", 2023 (arXiv 2312.01479): the posterior encoder,
flow and HiFi-GAN decoder of VITS (Kim, Kong and Son, ICML 2021) with an encoder of the reference's tone colour. Modules
are named as in the published checkpoint (MIT licence); weight normalisation is folded into the weights on loading.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Float32
from torch import Tensor, nn

from synclips.speech.conversion.hifigan import HifiGan


@dataclass(frozen=True)
class OpenVoiceSize:
    """Sizes of the published V2 converter; `zero_colour`: its encoder and decoder are not told who speaks."""

    bins: int = 513
    latent: int = 192
    hidden: int = 192
    encoder_layers: int = 16
    flows: int = 4
    flow_layers: int = 4
    colour: int = 256
    decoder: int = 512
    upsample_rates: tuple[int, ...] = (8, 8, 2, 2)
    upsample_kernels: tuple[int, ...] = (16, 16, 4, 4)
    block_kernels: tuple[int, ...] = (3, 7, 11)
    block_dilations: tuple[int, ...] = (1, 3, 5)
    zero_colour: bool = True


class _WaveNet(nn.Module):
    """Gated convolutions with skip connections, conditioned on a tone colour."""

    def __init__(self, hidden: int, layers: int, colour: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.cond_layer = nn.Conv1d(colour, 2 * hidden * layers, 1)
        self.in_layers = nn.ModuleList(nn.Conv1d(hidden, 2 * hidden, 5, padding=2) for _ in range(layers))
        self.res_skip_layers = nn.ModuleList(
            nn.Conv1d(hidden, hidden if layer == layers - 1 else 2 * hidden, 1) for layer in range(layers)
        )

    def forward(self, x: Tensor, colour: Tensor) -> Tensor:
        conditions = self.cond_layer(colour).split(2 * self.hidden, dim=1)
        output = torch.zeros_like(x)
        for convolve, mix, condition in zip(self.in_layers, self.res_skip_layers, conditions, strict=True):
            gate_input, gate = (convolve(x) + condition).split(self.hidden, dim=1)
            mixed = mix(torch.tanh(gate_input) * torch.sigmoid(gate))
            if mixed.shape[1] > self.hidden:
                x = x + mixed[:, : self.hidden]
            output = output + mixed[:, -self.hidden :]
        return output


class _PosteriorEncoder(nn.Module):
    def __init__(self, size: OpenVoiceSize) -> None:
        super().__init__()
        self.pre = nn.Conv1d(size.bins, size.hidden, 1)
        self.enc = _WaveNet(size.hidden, size.encoder_layers, size.colour)
        self.proj = nn.Conv1d(size.hidden, 2 * size.latent, 1)

    def forward(self, spectrum: Tensor, colour: Tensor, noise: Tensor) -> Tensor:
        mean, log_deviation = self.proj(self.enc(self.pre(spectrum), colour)).chunk(2, dim=1)
        return mean + noise * torch.exp(log_deviation)


class _Coupling(nn.Module):
    """Shifts half of the channels by what the other half says; the opposite shift undoes it."""

    def __init__(self, size: OpenVoiceSize) -> None:
        super().__init__()
        self.pre = nn.Conv1d(size.latent // 2, size.hidden, 1)
        self.enc = _WaveNet(size.hidden, size.flow_layers, size.colour)
        self.post = nn.Conv1d(size.hidden, size.latent // 2, 1)

    def forward(self, x: Tensor, colour: Tensor, sign: int) -> Tensor:
        kept, shifted = x.chunk(2, dim=1)
        return torch.cat([kept, shifted + sign * self.post(self.enc(self.pre(kept), colour))], dim=1)


class _Flow(nn.Module):
    """Couplings with the channels reversed after each. The odd places of the list are the reversals: no weights."""

    def __init__(self, size: OpenVoiceSize) -> None:
        super().__init__()
        self.flows = nn.ModuleList(
            _Coupling(size) if place % 2 == 0 else nn.Identity() for place in range(2 * size.flows)
        )

    def forward(self, x: Tensor, colour: Tensor, *, backwards: bool = False) -> Tensor:
        for layer in reversed(self.flows) if backwards else self.flows:
            x = layer(x, colour, -1 if backwards else 1) if isinstance(layer, _Coupling) else x.flip(1)
        return x


class _ColourEncoder(nn.Module):
    """A spectrogram's tone colour: strided convolutions, then the last state of a recurrent layer."""

    def __init__(self, size: OpenVoiceSize) -> None:
        super().__init__()
        widths = [1, 32, 32, 64, 64, 128, 128]
        self.layernorm = nn.LayerNorm(size.bins)
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in pairwise(widths))
        bins = size.bins
        for _ in self.convs:
            bins = (bins - 1) // 2 + 1
        self.gru = nn.GRU(widths[-1] * bins, 128, batch_first=True)
        self.proj = nn.Linear(128, size.colour)

    def forward(self, spectrum: Tensor) -> Tensor:
        x = self.layernorm(spectrum.transpose(1, 2))[:, None]
        for convolve in self.convs:
            x = torch.relu(convolve(x))
        _, state = self.gru(x.transpose(1, 2).flatten(2))
        colour: Tensor = self.proj(state[0])
        return colour


class OpenVoiceNetwork(nn.Module):
    """The converter. Spectrograms are magnitudes (batch, bins, steps)."""

    def __init__(self, size: OpenVoiceSize | None = None) -> None:
        super().__init__()
        self.size = size or OpenVoiceSize()
        self.dec = HifiGan(
            self.size.latent,
            self.size.decoder,
            self.size.upsample_rates,
            self.size.upsample_kernels,
            self.size.block_kernels,
            self.size.block_dilations,
            self.size.colour,
        )
        self.enc_q = _PosteriorEncoder(self.size)
        self.flow = _Flow(self.size)
        self.ref_enc = _ColourEncoder(self.size)

    def tone_colour(self, spectrum: Float32[Tensor, "b bins steps"]) -> Float32[Tensor, "b colour 1"]:
        """The tone colour heard in a spectrogram."""
        return self.ref_enc(spectrum)[:, :, None]

    def convert(
        self,
        spectrum: Float32[Tensor, "b bins steps"],
        source: Float32[Tensor, "b colour 1"],
        target: Float32[Tensor, "b colour 1"],
        noise: Float32[Tensor, "b latent steps"],
    ) -> Float32[Tensor, "b 1 samples"]:
        """The spoken words of `spectrum` as samples in the tone colour `target` instead of `source`."""
        blank = torch.zeros_like(source) if self.size.zero_colour else None
        latent = self.enc_q(spectrum, source if blank is None else blank, noise)
        latent = self.flow(self.flow(latent, source), target, backwards=True)
        return self.dec(latent, target if blank is None else blank)
