"""Stage 2, first part: audio encoder, cross-attention and motion head are trained on the mesh's motion."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from jaxtyping import UInt8
from torch import nn

from synclips.config import AugmentConfig, RecipeConfig
from synclips.data.dataset import BalancedSampler, ClipStore, by_speaker
from synclips.data.grid import speaker_of
from synclips.features.face_mesh import INNER_LIPS, LIPS, lower_points
from synclips.features.speech_features import feature_count
from synclips.metrics.articulation import MOVEMENTS, agreement, movement_weights
from synclips.metrics.lip_shape import largest_lip_error, opening_of
from synclips.models.encoders import BaseEncoders
from synclips.models.losses import MotionLosses, weighted_sum
from synclips.models.motion import MotionModel
from synclips.runtime import autocast
from synclips.training.distributed import average_gradients, own_part
from synclips.training.line_windows import LineWindows
from synclips.training.loop import OneNetwork
from synclips.training.motion_data import MotionData, Style, draw_windows, even_bank, fit_population
from synclips.training.spoken_lines import SpokenLines


def build_motion(recipe: RecipeConfig, encoders: BaseEncoders) -> MotionModel:
    """A motion model that starts from stage 1's encoders."""
    model = MotionModel(feature_count(recipe.model.audio.speech_layers), len(lower_points()), recipe.model)
    model.audio_encoder.load_state_dict(encoders.audio_encoder.state_dict())
    model.video_encoder.load_state_dict(encoders.syncnet.video_encoder.state_dict())
    return model


class MotionStage(OneNetwork):
    """The motion stage as `run_stage` wants it. The video encoder is frozen: its embeddings are computed once.

    start:  stage 1's encoders, or a trained motion model to go on with
    lines:  spoken lines, from which a part of each step is drawn
    """

    name = "motion"
    model: MotionModel

    def __init__(
        self,
        store: ClipStore,
        recipe: RecipeConfig,
        start: BaseEncoders | MotionModel,
        device: torch.device,
        lines: SpokenLines | None = None,
    ) -> None:
        self.config, self.recipe, self.store, self.device = recipe.motion, recipe, store, device
        parts = store.split()
        if isinstance(start, MotionModel):
            self.model = start.to(device)
        else:
            self.model = build_motion(recipe, start).to(device)
            self.model.set_basis(*fit_population(store, parts["train"], recipe.model.motion.components))
        self.data = MotionData(store, self.model, recipe)
        self.speakers = by_speaker(parts["train"])
        self.lines = LineWindows(lines, self.data, self.speakers) if lines else None
        self.sampler = BalancedSampler(parts["train"], recipe.seed, self.name)
        self.losses = motion_losses(self.model)
        trained = [p for name, p in self.model.named_parameters() if not name.startswith("video_encoder.")]
        self.optimizer = torch.optim.AdamW(trained, weight_decay=self.config.weight_decay)
        self.held_out = {"seen": parts["seen"][:30] or parts["train"][:10], "validation": parts["validation"][:12]}

    def step(self, step: int) -> dict[str, float]:
        """One step on a batch of windows; the losses are those of `losses.MotionLosses`."""
        rng = self.sampler.rng(step)
        self.model.train()
        self.model.video_encoder.eval()
        keys = self.sampler.draw(rng, self.config.batch)
        more = self.recipe.lines.windows if self.lines else 0
        drawn = self.sampler.item_rngs(step, len(keys) + more)
        rngs, line_rngs = own_part(drawn[: len(keys)]), own_part(drawn[len(keys) :])
        sampling = self.recipe.sampling
        batch = draw_windows(
            self.data, self.speakers, own_part(keys), rngs, self.device,
            window=sampling.motion_window, bank=sampling.motion_bank,
            style=lambda rng: draw_style(self.model, self.recipe.augment, rng),
        )  # fmt: skip
        with autocast(self.device, self.recipe.precision):
            made, _ = self.model(batch.features, *batch.bank)
        losses = self.losses(made.float(), batch.true)
        self.optimizer.zero_grad(set_to_none=True)
        weighted_sum(losses, self.recipe.loss).backward()
        figures = {name: value.item() for name, value in losses.items()}
        if self.lines is not None and line_rngs:
            figures |= self._learn_lines(self.lines, line_rngs)
        average_gradients([self.model])
        nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip)
        self.optimizer.step()
        return figures

    def _learn_lines(self, lines: LineWindows, rngs: Sequence[np.random.Generator]) -> dict[str, float]:
        """Add the gradients of windows of spoken lines; returns their losses."""
        batch = lines.draw(rngs, self.recipe, self.device, partial(draw_gain, self.recipe.augment))
        with autocast(self.device, self.recipe.precision):
            made, _ = self.model(batch.features, *batch.bank)
        losses = self.losses.of_line(made.float(), batch.movements, batch.closed)
        weighted_sum(losses, self.recipe.loss).backward()
        return {f"line_{name}": value.item() for name, value in losses.items()}

    def validate(self, model: nn.Module) -> dict[str, float]:
        """On held-out clips of seen and unseen speakers: largest lip error (lve, %) and that of a face at rest;
        correlation (r) and amplitude of each movement (see `metrics.articulation`); of held-out lines as `LineWindows`
        has them."""
        assert isinstance(model, MotionModel)
        figures = {}
        for split, keys in self.held_out.items():
            if not keys:
                continue
            made, true = zip(*(self.predict(model, key) for key in keys), strict=True)
            figures[f"{split}_lve"] = float(np.mean([largest_lip_error(m, t) for m, t in zip(made, true, strict=True)]))
            figures[f"{split}_rest_lve"] = float(np.mean([largest_lip_error(0 * t, t) for t in true]))
            found = [agreement(m, t) for m, t in zip(made, true, strict=True)]
            for name in MOVEMENTS:
                figures[f"{split}_{name}_r"] = float(np.mean([clip[name].correlation for clip in found]))
                figures[f"{split}_{name}_amplitude"] = float(np.median([clip[name].amplitude for clip in found]))
        # the error alone hardly changes after the first steps (EXPERIMENTS.md, 2026-11-24, "Stage 2, motion")
        splits = [split for split, keys in self.held_out.items() if keys]
        courses = np.mean([figures[f"{split}_{name}_r"] for split in splits for name in MOVEMENTS])
        score = float(courses - np.mean([figures[f"{split}_lve"] for split in splits]) / 10)
        if self.lines is not None:
            spoken = self.lines.validate(model, self.recipe, self.device)
            figures, score = figures | spoken, score + float(np.mean(list(spoken.values())))
        return figures | {"score": score}

    def predict(self, model: MotionModel, key: str) -> tuple[np.ndarray, np.ndarray]:
        """Generated and true displacements (n, m, 3) of a clip, with a bank from another clip of the speaker."""
        speaker = speaker_of(key)
        others = [k for k in by_speaker(self.store.entries)[speaker] if k != key] or [key]
        plain = self.data.plain(key)
        bank = even_bank(self.data, others[0], self.recipe.sampling.motion_bank, self.device)
        made, _ = model(torch.from_numpy(plain.features)[None].to(self.device), *bank)
        true = torch.from_numpy(plain.components).to(self.device)
        return model.displacement(made[0]).cpu().numpy(), model.displacement(true).cpu().numpy()

    def picture(self, model: nn.Module) -> UInt8[np.ndarray, "h w 3"] | None:
        """Mouth opening over time, made (red) against true (black), of some held-out clips."""
        assert isinstance(model, MotionModel)
        rows = []
        for key in [*self.held_out["seen"][:3], *self.held_out["validation"][:3]]:
            made, true = self.predict(model, key)
            rows.append(_traces(opening_of(true), opening_of(made)))
        return np.concatenate(rows)


def draw_style(model: MotionModel, augment: AugmentConfig, rng: np.random.Generator) -> Style:
    """A random speaking style: a gain of each component, measured from rest."""
    rest = model.components(torch.zeros_like(model.mean)).cpu().numpy()
    detail = rng.normal(0, augment.style_detail, len(rest))
    gain = np.exp(rng.normal(0, augment.style) + detail).astype(np.float32)
    return lambda components: rest + gain * (components - rest)


def draw_gain(augment: AugmentConfig, rng: np.random.Generator) -> float:
    """How much more or less than in truth somebody moves."""
    return float(np.exp(rng.normal(0, augment.style)))


def motion_losses(model: MotionModel) -> MotionLosses:
    """The losses of a motion model, with the places of the lips among the lower face's points."""
    places = {int(p): i for i, p in enumerate(lower_points())}
    half = len(INNER_LIPS) // 2
    upper = INNER_LIPS[2 : half - 1]
    lower = INNER_LIPS[: half + 1 : -1][: len(upper)]
    lips, above, below = (torch.tensor([places[int(p)] for p in points]) for points in (LIPS, upper, lower))
    measures = torch.from_numpy(movement_weights()).float()
    return MotionLosses(model, lips, above, below, measures, MOVEMENTS.index("opening"))


def _traces(true: np.ndarray, made: np.ndarray) -> UInt8[np.ndarray, "h w 3"]:
    import cv2

    height, step = 120, 10
    canvas = np.full((height, 75 * step, 3), 255, np.uint8)
    for values, colour in ((true, (0, 0, 0)), (made, (220, 30, 30))):
        points = np.stack([np.arange(len(values)) * step, height - 15 - values * 6], axis=1).astype(np.int32)
        cv2.polylines(canvas, [points], False, colour, 2, cv2.LINE_AA)
    return canvas
