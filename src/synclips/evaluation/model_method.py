"""A trained model as a method of the evaluation: it generates the clips that the protocol asks for."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32, UInt8

from synclips.evaluation.clip import Footage
from synclips.evaluation.protocol import KEEP_AWAY, Method, Planned
from synclips.evaluation.results import Task
from synclips.features.speech_features import sound_features
from synclips.media.audio import Waveform, normalise_loudness
from synclips.media.timebase import FPS, frames_in
from synclips.models.blueprint import BlueprintModel
from synclips.models.generator import Generator
from synclips.rendering.lip_sync import LipSync, Plan
from synclips.rendering.mouth_bank import build_bank, turns
from synclips.rendering.renderer import build_renderer, load_model, model_digest, model_path

BLOCK = 15
"""Frames of `reconstruct` made from one bank, which lacks them and their neighbours."""


def model_method(checkpoint: Path | None, device: torch.device, name: str | None = None) -> Method:
    """The model in a checkpoint (None: the shipped one), ready for the protocol; by default named after its file.

    Raises:
        CheckpointError: missing, damaged, or not a generator.
    """
    model, _ = load_model(checkpoint, device)
    with model_path(checkpoint) as path:
        return Method(name or path.stem, ModelMaker(model), model_digest(checkpoint)[:16])


@dataclass(frozen=True)
class ModelMaker:
    """Makes the frames that the protocol asks of a model."""

    model: Generator | BlueprintModel

    def __call__(self, footage: Footage, waveform: Waveform, task: Task) -> Iterable[UInt8[np.ndarray, "h w 3"]]:
        """Frames of `footage` saying `waveform`. In `reconstruct`, `blueprint` sees the clip itself."""
        count = min(len(footage), frames_in(len(waveform.samples)))
        layers = self.model.recipe.model.audio.speech_layers if isinstance(self.model, Generator) else 0
        features = sound_features(normalise_loudness(waveform), count, layers)
        if task == "reconstruct" and isinstance(self.model, Generator):
            return self._reconstructed(footage, features, count)
        renderer = build_renderer(self.model, footage.video)
        plan = renderer.plan(features, np.arange(count) / FPS, np.arange(count))
        frames = (renderer.render(footage.frames[step], step, plan, step) for step in range(count))
        return Planned(frames, plan.lower) if isinstance(plan, Plan) else frames

    def _reconstructed(
        self, footage: Footage, features: Float32[np.ndarray, "steps f"], count: int
    ) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
        """Frames made from others of the clip alone, a block at a time."""
        assert isinstance(self.model, Generator)
        source = np.arange(count)
        bank = build_bank(footage.video, self.model.recipe.render)
        turn = turns(footage.video.pose.rotation)
        for start in range(0, count, BLOCK):
            block = range(start, min(start + BLOCK, count))
            others = bank.without(range(block.start - KEEP_AWAY, block.stop + KEEP_AWAY))
            lip_sync = LipSync(self.model, footage.video, others)
            made = lip_sync.plan(features, source / FPS, source)
            for step in block:
                skin = int(((others.turn - turn[step]) ** 2).sum(axis=1).argmin())
                yield lip_sync.render(footage.frames[step], step, made, step, skin)
