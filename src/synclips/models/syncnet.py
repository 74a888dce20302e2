"""SyncNet: does this sound belong to these lips?

After Chung and Zisserman, "Out of time: automated lip sync in the wild", 2016, with a symmetric InfoNCE loss (van den
Oord et al., 2018) in place of pairs: other moments of the same clip are among the negatives, so that knowing the
speaker does not help, and chance is ln(batch), never a plateau at ln 2.
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from synclips.config import SyncNetConfig
from synclips.models.video_encoder import FRAMES, VideoEncoder

STEPS = 4 * FRAMES
"""MFCC steps under five frames."""


class SyncNet(nn.Module):
    """Two encoders into one space of unit vectors, and a learned temperature."""

    def __init__(self, features: int, config: SyncNetConfig) -> None:
        super().__init__()
        self.video_encoder = VideoEncoder(config)
        self.audio_encoder = nn.Sequential(
            _convolution(features, 128, 1),
            _convolution(128, 128, 2),
            _convolution(128, 192, 2),
            _convolution(192, 256, 1),
            nn.Flatten(),
            nn.Linear(256 * FRAMES, 256),
            nn.ReLU(),
            nn.Linear(256, config.dim),
        )
        self.log_scale = nn.Parameter(torch.tensor(math.log(10.0)))

    def embed_video(self, mouths: Float[Tensor, "b 15 48 96"]) -> Float[Tensor, "b d"]:
        """Unit vectors of five-frame windows."""
        return F.normalize(self.video_encoder(mouths).float(), dim=-1)

    def embed_audio(self, features: Float[Tensor, "b 20 f"]) -> Float[Tensor, "b d"]:
        """Unit vectors of the 20 steps of sound under five frames."""
        return F.normalize(self.audio_encoder(features.transpose(1, 2)).float(), dim=-1)


def contrastive_loss(
    video: Float[Tensor, "b d"], audio: Float[Tensor, "b d"], log_scale: Float[Tensor, ""]
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """Symmetric InfoNCE over a batch of matching unit vectors, and the share of rows whose match ranks first."""
    logits = video @ audio.T * log_scale.clamp(max=math.log(50)).exp()
    target = torch.arange(len(logits), device=logits.device)
    loss = (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2
    return loss, (logits.argmax(dim=1) == target).float().mean()


def _convolution(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv1d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm1d(outputs), nn.ReLU())
