"""A trained model as a method under test: it makes clips that the evaluation's protocol asks for."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8

from synclips.config import RecipeConfig, from_dict
from synclips.data.shards import sha256_of
from synclips.errors import CheckpointError
from synclips.evaluation.footage import Footage
from synclips.evaluation.protocol import KEEP_AWAY, Method
from synclips.evaluation.results import Task
from synclips.features.mfcc import N_FEATURES, audio_features, mfcc
from synclips.media.audio import Waveform, normalise_loudness
from synclips.media.timebase import FPS, frames_in
from synclips.models.checkpoint import load_into, read_metadata
from synclips.models.encoders import BaseEncoders
from synclips.models.generator import Generator
from synclips.models.seed import SeedModel
from synclips.models.syncnet import SyncNet
from synclips.rendering.lip_sync import LipSync
from synclips.rendering.mouth_bank import build_bank, turns
from synclips.rendering.renderer import build_renderer, load_model, model_path

BLOCK = 15
"""Frames of `reconstruct` made from one bank, which lacks them and their neighbours."""


def model_method(checkpoint: Path | None, device: torch.device) -> Method:
    """The model in a checkpoint (None: the shipped one), ready for the protocol, by the name of its file.

    Raises:
        CheckpointError: missing, damaged, or not a generator.
    """
    model, _ = load_model(checkpoint, device)
    with model_path(checkpoint) as path:
        return Method(path.stem, _Maker(model), sha256_of(path)[:16])


def load_judge(checkpoint: Path) -> SyncNet:
    """The SyncNet among the encoders that pretraining of `base` left in `checkpoint`.

    Raises:
        CheckpointError: missing, damaged, or not such encoders.
    """
    metadata = read_metadata(checkpoint)
    try:
        config = from_dict(RecipeConfig, metadata["recipe"], str(checkpoint)).model
    except KeyError as error:
        raise CheckpointError(f"{checkpoint} does not say what it holds; name one of `synclips pretrain`") from error
    if config.preset != "base" or metadata.get("stage") != "pretrain":
        raise CheckpointError(f"{checkpoint} holds no SyncNet; name outputs/base/pretrain/best.safetensors")
    return load_into(checkpoint, BaseEncoders(N_FEATURES, config)).eval().syncnet


@dataclass(frozen=True)
class _Maker:
    model: Generator | SeedModel

    def __call__(self, footage: Footage, waveform: Waveform, task: Task) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
        """Frames of `footage` saying `waveform`. In `reconstruct`, `seed` sees the clip itself: it knows no bank."""
        count = min(len(footage), frames_in(len(waveform.samples)))
        features = audio_features(mfcc(normalise_loudness(waveform), count))
        source = np.arange(count)
        times = source / FPS
        if task != "reconstruct" or isinstance(self.model, SeedModel):
            renderer = build_renderer(self.model, footage.video)
            plan = renderer.plan(features, times, source)
            for step in range(count):
                yield renderer.render(footage.frames[step], step, plan, step)
            return
        bank = build_bank(footage.video)
        turn = turns(footage.video.pose.rotation)
        for start in range(0, count, BLOCK):
            block = range(start, min(start + BLOCK, count))
            others = bank.without(range(block.start - KEEP_AWAY, block.stop + KEEP_AWAY))
            lip_sync = LipSync(self.model, footage.video, others)
            made = lip_sync.plan(features, times, source)
            for step in block:
                skin = int(((others.turn - turn[step]) ** 2).sum(axis=1).argmin())
                yield lip_sync.render(footage.frames[step], step, made, step, skin)
