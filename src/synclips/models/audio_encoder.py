"""The audio encoder of `base`: 100 Hz MFCC features in, one embedding a video frame out."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from synclips.config import AudioEncoderConfig


class AudioEncoder(nn.Module):
    """Two strided convolutions bring 100 Hz to 25; a transformer with a window of attention gives context.

    Attention reaches `reach` frames either way in each layer, so the encoder can run over long sound in pieces.
    """

    def __init__(self, features: int, config: AudioEncoderConfig) -> None:
        super().__init__()
        dim = config.dim
        self.reach = config.reach
        self.stem = nn.Sequential(
            nn.Conv1d(features, dim, 5, stride=2, padding=2),
            nn.GELU(),
            nn.ConstantPad1d((1, 2), 0.0),  # centred on the middle of a frame's four steps
            nn.Conv1d(dim, dim, 5, stride=2),
            nn.GELU(),
            nn.Conv1d(dim, dim, 3, padding=1),
        )
        self.position = nn.Conv1d(dim, dim, 15, padding=7, groups=dim)
        layer = nn.TransformerEncoderLayer(
            dim, config.heads, config.feedforward, config.dropout, "gelu", batch_first=True, norm_first=True
        )
        self.transformer = nn.TransformerEncoder(layer, config.layers, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(dim)

    def forward(self, features: Float[Tensor, "b steps f"]) -> Float[Tensor, "b frames d"]:
        """Four steps make a frame: `steps` must be a multiple of 4."""
        x = self.stem(features.transpose(1, 2))
        x = (x + self.position(x)).transpose(1, 2)
        index = torch.arange(x.shape[1], device=x.device)
        far = (index[:, None] - index[None]).abs() > self.reach
        return self.norm(self.transformer(x, mask=far))
