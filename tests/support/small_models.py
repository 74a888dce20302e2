"""Untrained models small enough for tests: right in every shape, wrong in every guess."""

from dataclasses import asdict
from pathlib import Path

import torch

from synclips.config import AudioEncoderConfig, ModelConfig, MotionConfig, RecipeConfig, RefinerConfig, SyncNetConfig
from synclips.features.speech_features import feature_count
from synclips.models.checkpoint import save_model
from synclips.models.encoders import BaseEncoders
from synclips.rendering.renderer import build_model

SMALL = ModelConfig(
    audio=AudioEncoderConfig(dim=32, layers=1, heads=2, feedforward=64, speech_layers=1, speech_width=8),
    syncnet=SyncNetConfig(widths=(8, 8, 16, 16), dim=16),
    motion=MotionConfig(components=8, blocks=1, heads=2),
    refiner=RefinerConfig(widths=(8, 8, 8), blocks=1),
)
SMALL_RECIPE = RecipeConfig(model=SMALL)
FEATURES = feature_count(SMALL.audio.speech_layers)
"""Values a step of the sound features that these models hear."""


def write_generator(path: Path) -> Path:
    """A generator of `base`, as fine-tuning leaves one."""
    torch.manual_seed(0)
    metadata = {"stage": "finetune", "step": 0, "recipe": asdict(SMALL_RECIPE)}
    save_model(path, build_model(SMALL_RECIPE), metadata, half=True)
    return path


def write_encoders(path: Path) -> Path:
    """Encoders of `base`, as pretraining leaves them."""
    torch.manual_seed(0)
    metadata = {"stage": "pretrain", "step": 0, "recipe": asdict(SMALL_RECIPE)}
    save_model(path, BaseEncoders(FEATURES, SMALL), metadata)
    return path
