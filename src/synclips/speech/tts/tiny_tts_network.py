"""The network of TinyTTS: phonemes in, speech in one voice out, of nine million numbers.

It is VITS (Kim, Kong and Son, "Conditional variational autoencoder with adversarial learning for end-to-end
text-to-speech", ICML 2021) with transformers in its flow (as VITS2, Kong et al., Interspeech 2023). Only what speaks is
here: neither the posterior encoder nor the stochastic duration predictor, and the embeddings of the one speaker and of
the language are folded into weights (`scripts/import_tiny_tts.py`).
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float32, Int64
from torch import Tensor, nn

from synclips.speech.tts.hifigan import HifiGan

_REACH = 4
"""Positions to each side that self-attention tells apart."""
_TOLD_WHO = 2
"""The layer of each transformer before which the speaker's embedding is added."""


@dataclass(frozen=True)
class TinySize:
    """Sizes of the published network."""

    symbols: int = 48
    tones: int = 4
    hidden: int = 80
    inner: int = 320
    heads: int = 2
    layers: int = 3
    kernel: int = 3
    flows: int = 4
    flow_kernel: int = 5
    duration: int = 256
    decoder: int = 256
    upsample_rates: tuple[int, ...] = (8, 8, 2, 2, 2)
    upsample_kernels: tuple[int, ...] = (16, 16, 8, 2, 2)


class _ChannelNorm(nn.LayerNorm):
    """Layer normalisation of the channels of (b, channels, t)."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.transpose(1, 2)).transpose(1, 2)


class _Attention(nn.Module):
    """Self-attention with relative positions (Shaw, Uszkoreit and Vaswani, 2018)."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.output = (nn.Conv1d(channels, channels, 1) for _ in range(4))
        self.near_keys = nn.Parameter(torch.zeros(2 * _REACH + 1, channels // heads))
        self.near_values = nn.Parameter(torch.zeros(2 * _REACH + 1, channels // heads))

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (
            part(x).unflatten(1, (self.heads, -1)).transpose(2, 3) for part in (self.query, self.key, self.value)
        )
        query = query / query.shape[-1] ** 0.5
        place = torch.arange(x.shape[2])
        offset = place[None] - place[:, None]
        near = (offset.abs() <= _REACH).float()
        offset = (offset.clamp(-_REACH, _REACH) + _REACH).expand(*query.shape[:2], -1, -1)
        scores = query @ key.transpose(2, 3) + (query @ self.near_keys.T).gather(3, offset) * near
        shares = scores.softmax(dim=-1)
        near_shares = torch.zeros(*query.shape[:3], 2 * _REACH + 1).scatter_add(3, offset, shares * near)
        found = shares @ value + near_shares @ self.near_values
        output: Tensor = self.output(found.transpose(2, 3).flatten(1, 2))
        return output


class _Transformer(nn.Module):
    """Layers of attention and convolution, each normalised after it is added; the speaker comes in between."""

    def __init__(self, size: TinySize, kernel: int) -> None:
        super().__init__()
        hidden = size.hidden
        self.attention = nn.ModuleList(_Attention(hidden, size.heads) for _ in range(size.layers))
        self.first_norm = nn.ModuleList(_ChannelNorm(hidden) for _ in range(size.layers))
        self.convolve = nn.ModuleList(
            nn.Sequential(
                nn.Conv1d(hidden, size.inner, kernel, padding=kernel // 2),
                nn.ReLU(),
                nn.Conv1d(size.inner, hidden, kernel, padding=kernel // 2),
            )
            for _ in range(size.layers)
        )
        self.second_norm = nn.ModuleList(_ChannelNorm(hidden) for _ in range(size.layers))
        self.speaker = nn.Parameter(torch.zeros(hidden))

    def forward(self, x: Tensor) -> Tensor:
        layers = zip(self.attention, self.first_norm, self.convolve, self.second_norm, strict=True)
        for place, (attend, first_norm, convolve, second_norm) in enumerate(layers):
            if place == _TOLD_WHO:
                x = x + self.speaker[:, None]
            x = first_norm(x + attend(x))
            x = second_norm(x + convolve(x))
        return x


class _Durations(nn.Module):
    """How many steps each symbol takes, as a logarithm."""

    def __init__(self, size: TinySize) -> None:
        super().__init__()
        width = size.duration
        self.speaker = nn.Parameter(torch.zeros(size.hidden))
        self.layers = nn.Sequential(
            nn.Conv1d(size.hidden, width, 3, padding=1),
            nn.ReLU(),
            _ChannelNorm(width),
            nn.Conv1d(width, width, 3, padding=1),
            nn.ReLU(),
            _ChannelNorm(width),
            nn.Conv1d(width, 1, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        logarithm: Tensor = self.layers(x + self.speaker[:, None])
        return logarithm


class _Coupling(nn.Module):
    """Half of the channels tells by how much the other half was shifted; the shift is undone."""

    def __init__(self, size: TinySize) -> None:
        super().__init__()
        self.pre = nn.Conv1d(size.hidden // 2, size.hidden, 1)
        self.transformer = _Transformer(size, size.flow_kernel)
        self.post = nn.Conv1d(size.hidden, size.hidden // 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        kept, shifted = x.chunk(2, dim=1)
        return torch.cat([kept, shifted - self.post(self.transformer(self.pre(kept)))], dim=1)


class TinyNetwork(nn.Module):
    """See the module."""

    def __init__(self, size: TinySize | None = None) -> None:
        super().__init__()
        size = self.size = size or TinySize()
        self.symbols = nn.Embedding(size.symbols, size.hidden)
        self.tones = nn.Embedding(size.tones, size.hidden)
        self.encoder = _Transformer(size, size.kernel)
        self.statistics = nn.Conv1d(size.hidden, 2 * size.hidden, 1)
        self.durations = _Durations(size)
        self.flow = nn.ModuleList(_Coupling(size) for _ in range(size.flows))
        self.decoder = HifiGan(size.hidden, size.decoder, size.upsample_rates, size.upsample_kernels)

    @property
    def step(self) -> int:
        """Samples per step."""
        return int(torch.tensor(self.size.upsample_rates).prod())

    def forward(
        self, symbols: Int64[Tensor, " n"], tones: Int64[Tensor, " n"], variety: float, generator: torch.Generator
    ) -> tuple[Float32[Tensor, " samples"], Int64[Tensor, " n"]]:
        """Samples, and how many steps each symbol takes.

        Args:
            variety: scale of the noise that the latents are drawn with; 0 is the average way of speaking.
        """
        text = self.encoder((self.symbols(symbols) + self.tones(tones)).T[None])
        mean, log_deviation = self.statistics(text).chunk(2, dim=1)
        steps = torch.exp(self.durations(text))[0, 0].ceil().long()
        mean, log_deviation = (part.repeat_interleave(steps, dim=2) for part in (mean, log_deviation))
        latent = mean + variety * torch.exp(log_deviation) * torch.randn(mean.shape, generator=generator)
        for coupling in self.flow:
            latent = coupling(latent.flip(1))
        return self.decoder(latent)[0, 0], steps
