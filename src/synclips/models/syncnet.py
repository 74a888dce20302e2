"""SyncNet: embeddings of lips and of sound that are near where the two belong together, and its video encoder.

After Chung and Zisserman, "Out of time: automated lip sync in the wild", 2016, but trained with a symmetric InfoNCE
loss (`losses.contrastive_loss`; van den Oord et al., "Representation learning with contrastive predictive coding",
2018): other moments of the same clip are among the negatives, so that the speaker's identity does not help.
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from synclips.config import SyncNetConfig

FRAMES = 5
"""Frames under one video embedding, which belongs to the middle one."""
HEIGHT, WIDTH = 48, 96
STEPS = 4 * FRAMES
"""MFCC steps under five frames."""


class SyncNet(nn.Module):
    """Two encoders into one space of unit vectors, and a learned temperature."""

    def __init__(self, features: int, config: SyncNetConfig) -> None:
        super().__init__()
        self.features = features
        self.video_encoder = VideoEncoder(config)
        self.audio_encoder = nn.Sequential(
            _convolution_1d(features, 128, 1),
            _convolution_1d(128, 128, 2),
            _convolution_1d(128, 192, 2),
            _convolution_1d(192, 256, 1),
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
        """Unit vectors of the 20 steps of sound under five frames; of more features than it was made for, the first."""
        heard = features[..., : self.features].transpose(1, 2)
        return F.normalize(self.audio_encoder(heard).float(), dim=-1)


class VideoEncoder(nn.Module):
    """Four strided 3 x 3 convolutions over 48 x 96 mouth crops, frames stacked as channels; each of the last two, where
    pixels are few, is followed by one of stride 1."""

    def __init__(self, config: SyncNetConfig) -> None:
        super().__init__()
        stages: list[nn.Module] = []
        channels = 3 * FRAMES
        for number, width in enumerate(config.widths):
            stages.append(_convolution_2d(channels, width, 2))
            if number >= 2:
                stages.append(_convolution_2d(width, width, 1))
            channels = width
        self.stages = nn.Sequential(*stages)
        self.head = nn.Sequential(
            nn.Flatten(),
            nn.Linear(channels * (HEIGHT // 16) * (WIDTH // 16), 256),
            nn.ReLU(),
            nn.Linear(256, config.dim),
        )

    def forward(self, mouths: Float[Tensor, "b 15 48 96"]) -> Float[Tensor, "b d"]:
        """RGB in [-1, 1], the five frames' channels one after the other."""
        return self.head(self.stages(mouths))


def stack_frames(pictures: Float[Tensor, "b t h w 3"]) -> Float[Tensor, "b c h w"]:
    """Frames as channels: frame 0's red, green, blue, then frame 1's."""
    return pictures.permute(0, 1, 4, 2, 3).flatten(1, 2)


def _convolution_2d(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())


def _convolution_1d(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv1d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm1d(outputs), nn.ReLU())
