"""A small lip reader for evaluation: mouth pictures in, per-frame log-probabilities of words or blank (CTC) out.

In the manner of LipNet (Assael et al., 2016): spatio-temporal convolutions, then a bidirectional GRU, trained with CTC
(Graves et al., 2006); far smaller, and over whole words, of which GRID has 51.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

HEIGHT, WIDTH = 48, 96
BLANK = 0
"""The class that stands for no word; word `k` of the vocabulary is class k + 1."""


class LipReader(nn.Module):
    """About a million parameters."""

    def __init__(self, words: int, dim: int = 160, dropout: float = 0.3) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv3d(1, 24, (5, 5, 5), (1, 2, 2), (2, 2, 2), bias=False), nn.BatchNorm3d(24), nn.ReLU()
        )
        self.stages = nn.Sequential(
            _convolution(24, 32, 2), _convolution(32, 48, 2), _convolution(48, 64, 2), nn.Flatten()
        )
        self.project = nn.Sequential(nn.Linear(64 * 3 * 6, dim), nn.LayerNorm(dim), nn.ReLU(), nn.Dropout(dropout))
        self.memory = nn.GRU(dim, dim, 2, batch_first=True, bidirectional=True, dropout=dropout)
        self.out = nn.Sequential(nn.Dropout(dropout), nn.Linear(2 * dim, words + 1))

    def forward(self, mouths: Float[Tensor, "b t 48 96"]) -> Float[Tensor, "b t c"]:
        """Grey pictures on any scale: each clip's are brought to mean 0 and standard deviation 1."""
        mean, spread = mouths.mean(dim=(1, 2, 3), keepdim=True), mouths.std(dim=(1, 2, 3), keepdim=True)
        x = self.stem(((mouths - mean) / (spread + 1e-4))[:, None])
        x = self.stages(x.transpose(1, 2).flatten(0, 1)).unflatten(0, mouths.shape[:2])
        return F.log_softmax(self.out(self.memory(self.project(x))[0]).float(), dim=-1)


def ctc(log_probs: Float[Tensor, "b t c"], classes: Tensor, frames: Tensor) -> Float[Tensor, ""]:
    """CTC loss a word: `classes` (b, k) are all clips' word classes, `frames` (b) how many frames each clip has."""
    lengths = torch.full((len(classes),), classes.shape[1], dtype=torch.long)
    loss = F.ctc_loss(log_probs.transpose(0, 1), classes, frames, lengths, BLANK, "sum", zero_infinity=True)
    return loss / classes.numel()


def _convolution(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())
