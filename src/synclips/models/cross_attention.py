"""Cross-attention from the sound to the mouth bank: which of this person's mouths makes this sound?"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn


class CrossAttention(nn.Module):
    """Pre-norm attention and feed-forward; a learned token stands beside the bank's, so that the bank may be empty."""

    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.nothing = nn.Parameter(torch.zeros(1, 1, dim))
        self.query_norm, self.key_norm, self.out_norm = nn.LayerNorm(dim), nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attention = nn.MultiheadAttention(dim, heads, dropout, batch_first=True)
        self.feedforward = nn.Sequential(
            nn.Linear(dim, 2 * dim), nn.GELU(), nn.Dropout(dropout), nn.Linear(2 * dim, dim)
        )

    def forward(
        self, audio: Float[Tensor, "b t d"], bank: Float[Tensor, "b n d"], present: Bool[Tensor, "b n"]
    ) -> Float[Tensor, "b t d"]:
        """`present` is false for bank places that hold nothing."""
        keys = torch.cat([self.nothing.expand(len(bank), -1, -1), self.key_norm(bank)], dim=1)
        missing = torch.cat([torch.zeros_like(present[:, :1]), ~present], dim=1)
        found = self.attention(self.query_norm(audio), keys, keys, key_padding_mask=missing, need_weights=False)[0]
        audio = audio + found
        return audio + self.feedforward(self.out_norm(audio))
