"""The acoustic model of hibari: phonemes to the parameters of a harmonic-plus-noise vocoder, 80 frames a second.

The architecture is that of the package `hibari-tts` 0.2.1 (Apache-2.0), read from its ONNX graph: ConvNeXt blocks
(Liu et al., CVPR 2022) around a text encoder whose one transformer layer is applied several times, a prosody network
that predicts durations, F0 and energy, and a decoder of the vocoder's spectra (see `hibari_vocoder`).
"""

from dataclasses import dataclass
from typing import Final

import torch
from jaxtyping import Float32, Int64
from torch import Tensor, nn
from torch.nn import functional

from synclips.speech.tts.hibari_vocoder import BINS, SPECTRA, STEP

_F0_SCALE: Final = 100.0
_HEADS: Final = 2
_PROSODY_DILATIONS: Final = (1, 2, 4, 8, 1, 2)


@dataclass(frozen=True)
class HibariSize:
    """Widths and depths of the networks; the defaults are those of the published weights."""

    prosody: int = 192
    prosody_passes: int = 6
    text: int = 128
    text_passes: int = 4
    decoder: int = 256
    decoder_inner: int = 768
    decoder_blocks: int = 8


@dataclass(frozen=True)
class Prosody:
    """How a line is said: steps of 25 ms for each symbol, F0 in Hz (under 40: unvoiced) and energy of each frame."""

    steps: Int64[Tensor, " symbols"]
    f0: Float32[Tensor, " frames"]
    energy: Float32[Tensor, " frames"]


class ConvBlock(nn.Module):
    """ConvNeXt block over time: depthwise convolution, two linear layers, scaled and added to its input."""

    def __init__(self, width: int, kernel: int, inner: int, dilation: int = 1) -> None:
        super().__init__()
        self.depthwise = nn.Conv1d(
            width, width, kernel, padding=dilation * (kernel // 2), dilation=dilation, groups=width
        )
        self.norm = nn.LayerNorm(width)
        self.expand = nn.Linear(width, inner)
        self.contract = nn.Linear(inner, width)
        self.scale = nn.Parameter(torch.ones(width))

    def forward(self, x: Float32[Tensor, "b c t"]) -> Float32[Tensor, "b c t"]:
        inner = self.norm(self.depthwise(x).transpose(1, 2))
        change = self.scale * self.contract(functional.gelu(self.expand(inner)))
        return x + change.transpose(1, 2)


class TextEncoder(nn.Module):
    """Symbols to vectors: two convolutions, then one transformer layer applied `passes` times."""

    def __init__(self, symbols: int, width: int, passes: int) -> None:
        super().__init__()
        self.passes = passes
        self.embedding = nn.Embedding(symbols, width)
        self.blocks = nn.Sequential(ConvBlock(width, 5, 2 * width), ConvBlock(width, 5, 2 * width))
        self.attention = nn.TransformerEncoderLayer(
            width, _HEADS, 2 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, symbols: Int64[Tensor, "b n"]) -> Float32[Tensor, "b n c"]:
        x = self.blocks(self.embedding(symbols).transpose(1, 2)).transpose(1, 2)
        for _ in range(self.passes):
            x = self.attention(x)
        read: Tensor = self.norm(x)
        return read


class HibariNetwork(nn.Module):
    """See the module. `plan` decides how a line is said, `decode` what it sounds like when it is said so."""

    def __init__(self, symbols: int, size: HibariSize | None = None) -> None:
        super().__init__()
        size = size or HibariSize()
        width = size.prosody
        self.prosody_text = TextEncoder(symbols, width, size.prosody_passes)
        self.duration = nn.Sequential(nn.Conv1d(width, width, 3, padding=1), nn.GELU(), nn.Conv1d(width, 1, 1))
        self.prosody_in = nn.Conv1d(width, width, 1)
        self.prosody = nn.Sequential(*(ConvBlock(width, 7, 2 * width, dilation) for dilation in _PROSODY_DILATIONS))
        self.prosody_out = nn.Conv1d(width, 2 * STEP, 1)
        self.text = TextEncoder(symbols, size.text, size.text_passes)
        self.decoder_in = nn.Conv1d(size.text + 2, size.decoder, 7, padding=3)
        self.decoder = nn.Sequential(
            *(ConvBlock(size.decoder, 7, size.decoder_inner) for _ in range(size.decoder_blocks))
        )
        self.decoder_norm = nn.LayerNorm(size.decoder)
        self.head = nn.Linear(size.decoder, len(SPECTRA) * BINS)

    def plan(self, symbols: Int64[Tensor, " symbols"]) -> Prosody:
        """Durations, pitch and energy of a line."""
        read = self.prosody_text(symbols[None]).transpose(1, 2)
        steps = torch.round(torch.exp(self.duration(read)[0, 0]) - 1).clamp(min=1).long()
        spread = self.prosody_in(read.repeat_interleave(steps, dim=2))
        both = self.prosody_out(self.prosody(spread))[0]
        f0, energy = both.unflatten(0, (2, STEP)).transpose(1, 2).flatten(1)
        return Prosody(steps, f0 * _F0_SCALE, energy)

    def decode(self, symbols: Int64[Tensor, " symbols"], prosody: Prosody) -> Float32[Tensor, "spectra frames bins"]:
        """The vocoder's spectra, in the order of `SPECTRA`."""
        read = self.text(symbols[None]).transpose(1, 2).repeat_interleave(STEP * prosody.steps, dim=2)
        pitch = torch.log1p(prosody.f0.relu()) / 5
        x = torch.cat([read, pitch[None, None], prosody.energy[None, None]], dim=1)
        decoded = self.decoder_norm(self.decoder(self.decoder_in(x)).transpose(1, 2))
        spectra: Tensor = self.head(decoded)[0].unflatten(1, (len(SPECTRA), BINS)).transpose(0, 1)
        return spectra
