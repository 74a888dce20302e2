"""The two stages of personalisation, as `run_in_memory` wants them: first the motion model, then the refiner.

Both start from a trained generator, train one part of it, and hold out every fifth clip of the person's video. The
networks stay in evaluation mode: normalisation keeps its statistics, since a few frames of one person would move them
too far, and dropout is off.
"""

import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from jaxtyping import UInt8
from torch import nn

from synclips.config import StageConfig
from synclips.metrics.lip_shape import largest_lip_error
from synclips.models.generator import Generator
from synclips.models.losses import Losses, weighted_sum
from synclips.runtime import autocast, device_of
from synclips.training.loop import OneNetwork
from synclips.training.motion import motion_losses
from synclips.training.motion_data import MotionData, draw_windows, even_bank
from synclips.training.personal_clips import PERSON, PersonalClips
from synclips.training.window_batches import WindowBatches, frame_losses
from synclips.training.windows import LENGTH

NAME: Final = "fit to the person"
"""What both stages are called where progress is shown."""


class Clock:
    """Seconds from now on, to be divided among stages."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self._start = seconds, time.monotonic()

    def elapsed(self) -> float:
        """Seconds since the clock was made."""
        return time.monotonic() - self._start

    def budget(self, until: float, validations: int) -> "Seconds":
        """From now to the share `until` of the clock's seconds, with so many validations."""
        return Seconds(self, self.elapsed(), until * self.seconds, validations)


@dataclass
class Seconds:
    """A budget of time: the clock's seconds from `begin` to `end`, with `validations` evenly over it."""

    clock: Clock
    begin: float
    end: float
    validations: int
    _validated: int = 0

    def spent(self, step: int) -> float:
        """See `Budget`."""
        del step
        return min(1.0, (self.clock.elapsed() - self.begin) / max(self.end - self.begin, 1e-6))

    def validates(self, step: int) -> bool:
        """See `Budget`."""
        reached = int(self.spent(step) * self.validations)
        due, self._validated = reached > self._validated, max(reached, self._validated)
        return due

    def progress(self, step: int) -> tuple[int, int]:
        """Whole seconds."""
        del step
        return min(round(self.clock.elapsed()), round(self.clock.seconds)), round(self.clock.seconds)


class PersonalStage(OneNetwork, ABC):
    """What both stages share.

    Args:
        clips: the person's; every fifth is held out.
        model: the whole generator.
        parameters: those that are trained.
        batch: windows of a step.
    """

    name = NAME
    figure: str
    """What is measured on the held-out clips, as a report names it."""
    model: Generator

    def __init__(self, clips: PersonalClips, model: Generator, parameters: list[nn.Parameter], batch: int) -> None:
        self.clips, self.model, self.recipe, self.device = clips, model.eval(), model.recipe, device_of(model)
        settings = self.recipe.personalize
        self.config = StageConfig(
            steps=1,
            batch=batch,
            rate=settings.rate,
            warmup=settings.warmup,
            weight_decay=0.0,
            clip=settings.clip,
            ema=0.0,
        )
        self.optimizer = torch.optim.AdamW(parameters, weight_decay=0.0)
        self._parameters = parameters
        keys = list(clips)
        self.held_out = keys[2::5] or keys[-1:]
        self.trained = [key for key in keys if key not in self.held_out]

    def step(self, step: int) -> dict[str, float]:
        """One step on randomly drawn windows of what is not held out."""
        rng = np.random.default_rng([self.recipe.seed, *self.figure.encode(), step])
        keys = [self.trained[int(k)] for k in rng.integers(len(self.trained), size=self.config.batch)]
        losses = self._losses(keys, rng)
        self.optimizer.zero_grad(set_to_none=True)
        weighted_sum(losses, self.recipe.loss).backward()
        nn.utils.clip_grad_norm_(self._parameters, self.config.clip)
        self.optimizer.step()
        return {name: value.item() for name, value in losses.items()}

    def picture(self, model: nn.Module) -> UInt8[np.ndarray, "h w 3"] | None:  # noqa: ARG002
        """Nothing is written."""
        return None

    @abstractmethod
    def validate(self, model: nn.Module) -> dict[str, float]:
        """`figure` of `model` on what is held out, and "score"."""

    @abstractmethod
    def _losses(self, keys: list[str], rng: np.random.Generator) -> Losses:
        """The losses of one step on windows of the clips `keys`."""


class PersonalMotionStage(PersonalStage):
    """The motion model on the person's own sound and lips; its video encoder rests, as in the motion stage."""

    figure = "lip_error"

    def __init__(self, clips: PersonalClips, model: Generator) -> None:
        parameters = [p for name, p in model.motion.named_parameters() if not name.startswith("video_encoder.")]
        super().__init__(clips, model, parameters, model.recipe.personalize.windows)
        self.data = MotionData(clips, model.motion, self.recipe)
        self.losses = motion_losses(model.motion)

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Largest lip error (% of the inter-ocular distance) on what is held out."""
        assert isinstance(model, Generator)
        motion, size = model.motion, self.recipe.personalize.bank
        bank = even_bank(self.data, self.trained[0], size, self.device)
        errors = []
        for key in self.held_out:
            plain = self.data.plain(key)
            made = motion(torch.from_numpy(plain.features)[None].to(self.device), *bank)[0][0]
            true = torch.from_numpy(plain.components).to(self.device)
            errors.append(largest_lip_error(*(motion.displacement(c).cpu().numpy() for c in (made, true))))
        error = float(np.mean(errors))
        return {"lip_error": error, "score": -error}

    def _losses(self, keys: list[str], rng: np.random.Generator) -> Losses:
        settings = self.recipe.personalize
        batch = draw_windows(
            self.data, {PERSON: self.trained}, keys, rng, self.device, window=settings.window, bank=settings.bank
        )
        with autocast(self.device, self.recipe.precision):
            made, _ = self.model.motion(batch.features, *batch.bank)
        return self.losses(made.float(), batch.true)


class PersonalRefinerStage(PersonalStage):
    """The refiner on the person's own frames, their shapes known."""

    figure = "psnr"

    def __init__(self, clips: PersonalClips, model: Generator) -> None:
        super().__init__(clips, model, list(model.refiner.parameters()), model.recipe.personalize.refiner_windows)
        self.batches = WindowBatches(clips, model, self.recipe, self.device)

    def validate(self, model: nn.Module) -> dict[str, float]:
        """PSNR (dB) around the lips of frames that are held out, their motion predicted from the sound."""
        assert isinstance(model, Generator)
        errors = []
        for key in self.held_out:
            for start in range(0, len(self.clips[key]) - LENGTH + 1, 20):
                _, generated = self.batches.reconstruct(model, key, start)
                error = ((generated.pictures - generated.target) / 2).square() * generated.masks[:, :1]
                errors.append((error.sum() / (3 * generated.masks[:, :1].sum())).item())
        psnr = float(-10 * np.log10(np.mean(errors) + 1e-10))
        return {"psnr": psnr, "score": psnr}

    def _losses(self, keys: list[str], rng: np.random.Generator) -> Losses:
        predicted = torch.zeros(len(keys), dtype=torch.bool)
        with autocast(self.device, self.recipe.precision):
            _, generated = self.batches.make(self.model, self.batches.draw(keys, rng), predicted, rng)
        return frame_losses(generated, predicted, self.recipe.sampling)
