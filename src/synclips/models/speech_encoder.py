"""The beginning of Whisper's encoder: what a recogniser of speech makes of sound before it looks for words.

Radford et al., "Robust speech recognition via large-scale weak supervision", 2022: two convolutions over a logarithmic
mel spectrogram, sinusoidal positions, pre-norm transformer layers. Of tiny.en's four layers only the first are needed
here: their states say what sound it is and hardly whose (EXPERIMENTS.md, "Whisper's states as input").
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

MELS = 80
WIDTH = 384
HEADS = 6


class SpeechEncoder(nn.Module):
    """Logarithmic mel spectrogram in, the states after some of `layers` layers out."""

    def __init__(self, layers: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(MELS, WIDTH, 3, padding=1)
        self.conv2 = nn.Conv1d(WIDTH, WIDTH, 3, stride=2, padding=1)
        self.layers = nn.ModuleList(_Layer() for _ in range(layers))

    def forward(self, mel: Float[Tensor, "b 80 steps"], layers: int | None = None) -> Float[Tensor, "b half 384"]:
        """States after `layers` layers (default: all), at 50 Hz.

        `mel`: as Whisper takes it, (log10 of the power + 4) / 4, at 100 Hz; an even number of steps.
        """
        x = F.gelu(self.conv2(F.gelu(self.conv1(mel)))).transpose(1, 2)
        x = x + _positions(x.shape[1], x.device)
        for layer in self.layers[:layers]:
            x = layer(x)
        return x


class _Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(WIDTH)
        self.attention = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
        self.feedforward_norm = nn.LayerNorm(WIDTH)
        self.expand = nn.Linear(WIDTH, 4 * WIDTH)
        self.contract = nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x: Float[Tensor, "b n 384"]) -> Float[Tensor, "b n 384"]:
        y = self.attention_norm(x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        return x + self.contract(F.gelu(self.expand(self.feedforward_norm(x))))


def _positions(length: int, device: torch.device) -> Float[Tensor, "n 384"]:
    """Sinusoids of wavelengths from 2 pi to 20,000 pi, sines first."""
    rate = 10_000 ** -(torch.arange(WIDTH // 2, device=device) / (WIDTH // 2 - 1))
    angle = torch.arange(length, device=device)[:, None] * rate
    return torch.cat([angle.sin(), angle.cos()], dim=1)
