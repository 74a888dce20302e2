"""The video encoder of `base`: five mouth pictures in a row become one embedding."""

from jaxtyping import Float
from torch import Tensor, nn

from synclips.config import SyncNetConfig

FRAMES = 5
"""Pictures that one embedding sees; it belongs to the middle one."""
HEIGHT, WIDTH = 48, 96


class VideoEncoder(nn.Module):
    """Four strided 3 x 3 convolutions over 48 x 96 mouth crops, frames stacked as channels; a plain one behind each of
    the last two, where pixels are few."""

    def __init__(self, config: SyncNetConfig) -> None:
        super().__init__()
        stages: list[nn.Module] = []
        channels = 3 * FRAMES
        for number, width in enumerate(config.widths):
            stages.append(_convolution(channels, width, 2))
            if number >= 2:
                stages.append(_convolution(width, width, 1))
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


def _convolution(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())
