"""The generator of `base`: motion and refiner as one model, the one that is shipped."""

from torch import nn

from synclips.config import ModelConfig
from synclips.models.motion import MotionModel
from synclips.models.refiner import Refiner


class Generator(nn.Module):
    """`motion` turns sound into mesh motion; `refiner` turns warped layers into a picture."""

    def __init__(self, features: int, points: int, config: ModelConfig) -> None:
        super().__init__()
        self.motion = MotionModel(features, points, config)
        self.refiner = Refiner(config)
