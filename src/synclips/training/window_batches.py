"""Batches of the joint stage: windows with sound, true motion and a bank of mouths, and the frames rendered of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from synclips.config import RecipeConfig, SamplingConfig
from synclips.data.augmentation import SoundChange, draw_sound_change
from synclips.data.dataset import Clips, waveform_from
from synclips.data.grid import CLIP_FRAMES
from synclips.features.alignment import MOUTH_VIEW
from synclips.models.generator import Generator
from synclips.models.losses import Losses, picture_losses
from synclips.training.distributed import Draws, each
from synclips.training.motion_data import displacement_of
from synclips.training.threads import for_each
from synclips.training.window_frames import Generated, draw_augmentation, make_frames
from synclips.training.windows import LENGTH, Window, draw_window, window_at


@dataclass(frozen=True)
class Batch:
    """Windows with the sound and true motion around them, and banks of mouths.

    features:  (b, 300, f) sound of 75 frames from `first_frame` on, on the pictures' clock
    true:      (b, 75, k) motion components of the same frames
    mouths, shapes, present:  (b, n, 5, 48, 96, 3) in [-1, 1], (b, n, k), (b, n): the banks
    """

    windows: list[Window]
    features: Tensor
    true: Tensor
    mouths: Tensor
    shapes: Tensor
    present: Tensor

    @property
    def index(self) -> Tensor:
        """The windows' frames (b, t) among the 75."""
        return torch.from_numpy(np.stack([window.index - first_frame(window) for window in self.windows]))


def first_frame(window: Window) -> int:
    """The first of the 75 frames of a window's clip that are heard: clips of up to that length are heard whole."""
    middle = window.start + LENGTH // 2
    return int(np.clip(middle - CLIP_FRAMES // 2, 0, max(0, len(window.clip) - CLIP_FRAMES)))


class WindowBatches:
    """Draws batches of `clips` for `model`, and renders their frames."""

    def __init__(self, clips: Clips, model: Generator, recipe: RecipeConfig, device: torch.device) -> None:
        self.clips, self.model, self.device = clips, model, device
        self.augment, self.sampling = recipe.augment, recipe.sampling
        self.speech_layers = recipe.model.audio.speech_layers

    def draw(self, keys: Sequence[str], rng: Draws) -> Batch:
        """A random window of each of the clips `keys`, its sound changed, with a bank from elsewhere in the clip."""
        draws = each(rng, len(keys))

        def drawn(item: tuple[str, np.random.Generator]) -> tuple[Window, tuple[Tensor, Tensor, Tensor, Tensor]]:
            key, own = item
            window = draw_window(self.clips, key, self.sampling, own)
            sound = replace(draw_sound_change(self.augment, own), speed=1.0)
            bank = own.permutation(window.donors)[: self.sampling.refiner_bank]
            return window, self._arrays(window, sound, bank)

        # items that share a generator must draw from it in turn
        threads = self.device if len({id(own) for own in draws}) == len(draws) else torch.device("cpu")
        windows, parts = zip(*for_each(threads, drawn, list(zip(keys, draws, strict=True))), strict=True)
        features, true, mouths, shapes = zip(*parts, strict=True)
        size = self.sampling.refiner_bank
        present = torch.from_numpy(np.stack([own.random(size) < own.uniform(0.3, 1.0) for own in draws]))
        return Batch(
            list(windows),
            torch.stack(features),
            torch.stack(true),
            torch.stack(mouths),
            torch.stack(shapes),
            present.to(self.device),
        )

    def _arrays(self, window: Window, sound: SoundChange, bank: np.ndarray) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Sound features and true components over 75 frames, bank mouths (n, 5, 48, 96, 3) and their components."""
        clip, motion = window.clip, self.model.motion
        offset = self.clips.offset(clip.key)
        first = first_frame(window)
        frames = np.arange(CLIP_FRAMES)
        features = sound.features(waveform_from(clip, first), CLIP_FRAMES + abs(offset), self.speech_layers)
        # features on the pictures' clock: picture i is heard at i + offset
        steps = (4 * (frames + offset)[:, None] + np.arange(4)).ravel().clip(0, len(features) - 1)
        bank = np.resize(bank, self.sampling.refiner_bank)
        displacement = torch.from_numpy(displacement_of(self.clips, clip)).to(self.device)
        true = motion.components(displacement)
        around = (bank[:, None] + np.arange(5) - 2).clip(0, len(clip) - 1)
        mouths = torch.from_numpy(clip.crops[around][:, :, MOUTH_VIEW.rows, MOUTH_VIEW.columns].astype(np.float32))
        kept = torch.from_numpy((first + frames).clip(0, len(clip) - 1))
        return (
            torch.from_numpy(features[steps]).to(self.device),
            true[kept],
            mouths.to(self.device) / 127.5 - 1,
            true[torch.from_numpy(bank)],
        )

    def make(self, model: Generator, batch: Batch, predicted: Tensor, rng: Draws | None) -> tuple[Tensor, Generated]:
        """Motion components of the whole clips, and the windows' frames rendered with predicted or true shapes.

        `predicted` (b): which windows take the predicted shape; `rng`: draws augmentations, None for none.
        """
        components, shapes, sound = self.wanted(model, batch, predicted, rng)
        augmentation = (
            draw_augmentation(self.augment, model.refiner.layers, each(rng, len(batch.windows)), self.device)
            if rng is not None
            else None
        )
        return components, make_frames(model, batch.windows, shapes, sound, self.device, augmentation)

    def wanted(
        self, model: Generator, batch: Batch, predicted: Tensor, rng: Draws | None
    ) -> tuple[Float[Tensor, "b t k"], Float[Tensor, "f m 3"], Float[Tensor, "f d"]]:
        """Motion components of the whole clips; lower faces (canonical positions) and embeddings of the sound of the
        windows' frames, flattened. Arguments as in `make`."""
        motion = model.motion
        bank = motion.embed_mouths(batch.mouths.flatten(0, 1)).unflatten(0, batch.mouths.shape[:2])
        components, tokens = motion(batch.features, bank, batch.shapes, batch.present)
        components = components.float()
        rows = torch.arange(len(batch.windows))[:, None]
        index = batch.index
        chosen = torch.where(predicted[:, None, None].to(self.device), components[rows, index], batch.true[rows, index])
        rest = torch.from_numpy(np.stack([window.rest for window in batch.windows])).to(self.device)
        shapes = (motion.displacement(chosen) + rest[:, None]).flatten(0, 1)
        if rng is not None:  # predicted shapes are not exact: nor are the true ones, moved a little as a whole
            true_frames = (~predicted).to(self.device).repeat_interleave(LENGTH)[:, None, None]
            shapes = shapes + true_frames * self.augment.shape_noise * torch.randn_like(shapes[:, :1])
        return components, shapes, tokens[rows, index].flatten(0, 1).float()

    def window(self, key: str, start: int) -> Batch:
        """The window of a clip from frame `start`, alone, with a full bank; always the same."""
        rng = np.random.default_rng(0)
        window = window_at(self.clips, key, min(start, len(self.clips[key]) - LENGTH), rng)
        size = self.sampling.refiner_bank
        parts = self._arrays(window, SoundChange(), window.donors[:: max(1, len(window.donors) // size)][:size])
        features, true, mouths, shapes = (part[None] for part in parts)
        return Batch(
            [window], features, true, mouths, shapes, torch.ones(1, size, dtype=torch.bool, device=self.device)
        )

    def reconstruct(self, model: Generator, key: str, start: int) -> tuple[Batch, Generated]:
        """The window of a clip from frame `start`, its shape predicted, without augmentation; always the same."""
        batch = self.window(key, start)
        return batch, self.make(model, batch, torch.ones(1, dtype=torch.bool), None)[1]


def frame_losses(generated: Generated, predicted: Bool[Tensor, " b"], sampling: SamplingConfig) -> Losses:
    """The picture losses of rendered windows; `predicted`: windows whose shape was predicted from sound."""
    share = torch.where(predicted, sampling.predicted_weight, 1.0).to(generated.pictures.device)
    weight = generated.face * (1 + 4 * generated.masks[:, :1]) * share.repeat_interleave(LENGTH)[:, None, None, None]
    return picture_losses(generated.pictures, generated.target, generated.residual, weight)
