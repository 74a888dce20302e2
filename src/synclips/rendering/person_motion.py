"""How one person's lower face moves with sound: the motion model, their mouths, last layer and range."""

from collections.abc import Callable
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float32, Float64

from synclips.config import RenderConfig
from synclips.features.alignment import MOUTH_VIEW
from synclips.features.speech_features import sound_features
from synclips.media.timebase import FPS, STEPS_PER_FRAME
from synclips.models.motion import MotionModel
from synclips.rendering.lip_contact import with_contact
from synclips.rendering.mouth_bank import MouthBank
from synclips.rendering.own_speech import OwnSpeech, own_lips, own_sound
from synclips.rendering.speaking_range import SECONDS, speaking_gain
from synclips.runtime import device_of
from synclips.tracking.tracked_video import TrackedVideo


class PersonMotion:
    """One person's motion, which may differ from what `model`, shared with others, makes of them.

    Args:
        model: in evaluation mode, on its device.
        bank: the person's mouths.
        rest: their lower face at rest, canonical.
        settings: of rendering.

    `last`: the model's last layer, or what has taken its place; `gain`: multiplies the motion that it makes (see
    `speaking_range`); `own`: what `listen` has heard.
    """

    def __init__(
        self, model: MotionModel, bank: MouthBank, rest: Float32[np.ndarray, "m 3"], settings: RenderConfig
    ) -> None:
        self.model, self.rest, self.device = model, rest, device_of(model)
        self.last, self.gain = model.last, 1.0
        self.own: OwnSpeech | None = None
        self._bank, self._settings = bank, settings

    @torch.no_grad()
    def listen(self, video: TrackedVideo, layers: int) -> None:
        """Compare what is made of the video's own sound with the lips in its picture: sets `own` and `gain`.

        `layers`: of the speech encoder that the model hears. A video without sound changes nothing.
        """
        heard = own_sound(video, SECONDS)
        if heard is None:
            return
        lips = own_lips(video, int(heard.duration * FPS))
        inputs, _ = self.inputs(sound_features(heard, len(lips), layers))
        self.own = OwnSpeech(inputs, self._moved(self._components(inputs)) + self.rest, lips)
        self.gain = speaking_gain(self.own.following)

    @torch.no_grad()
    def shapes(
        self, features: Float32[np.ndarray, "steps f"]
    ) -> tuple[Float32[np.ndarray, "n m 3"], Float32[np.ndarray, "n d"]]:
        """The lower face of every frame at 25 a second, canonical, and the embedding of its sound."""
        inputs, sound = self.inputs(features)
        return self._shown(self._components(inputs)), sound

    @torch.no_grad()
    def shapes_at(
        self, features: Float32[np.ndarray, "steps f"], times: Float64[np.ndarray, " n"], on_frame: Callable[[], None]
    ) -> tuple[Float32[np.ndarray, "n m 3"], Float32[np.ndarray, "n d"]]:
        """The same at `times` (seconds); `on_frame` is called now and then."""
        inputs, sound = self.inputs(features, on_frame)
        components = self._components(inputs)
        at = np.clip(times * FPS, 0, len(components) - 1)
        low = np.minimum(at.astype(int), max(0, len(components) - 2))
        high, share = np.minimum(low + 1, len(components) - 1), (at - low)[:, None]
        return self._shown(components[low] * (1 - share) + components[high] * share), sound[np.round(at).astype(int)]

    @torch.no_grad()
    def inputs(
        self, features: Float32[np.ndarray, "steps f"], on_frame: Callable[[], None] = lambda: None
    ) -> tuple[Float32[np.ndarray, "n d"], Float32[np.ndarray, "n d"]]:
        """The last layer's inputs and the sound's embeddings at 25 frames a second."""
        embeddings, shapes = self._attended
        present = torch.ones(1, len(shapes), dtype=torch.bool, device=self.device)
        frames = len(features) // STEPS_PER_FRAME
        made: tuple[list[np.ndarray], list[np.ndarray]] = [], []
        chunk, overlap = self._settings.chunk, self._settings.overlap
        for start in range(0, frames, chunk):
            on_frame()
            low, high = max(0, start - overlap), min(frames, start + chunk + overlap)
            part = torch.from_numpy(features[low * STEPS_PER_FRAME : high * STEPS_PER_FRAME])[None].to(self.device)
            bank = embeddings[None], shapes[None].float(), present
            kept = slice(start - low, min(start + chunk, frames) - low)
            for parts, one in zip(made, self.model.last_inputs(part, *bank), strict=True):
                parts.append(one[0, kept].float().cpu().numpy())
        inputs, sound = (np.concatenate(parts) for parts in made)
        return inputs, sound

    @cached_property
    def _attended(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Embeddings (n, v) and components (n, k) of the bank's mouths that the motion model attends to."""
        places = np.unique(np.linspace(0, len(self._bank) - 1, self._settings.attended).astype(int))
        crops = np.stack([self._bank.mouths[i].crops[:, MOUTH_VIEW.rows, MOUTH_VIEW.columns] for i in places])
        mouths = torch.from_numpy(crops).to(self.device).float() / 127.5 - 1
        embeddings = torch.cat([self.model.embed_mouths(part) for part in mouths.split(32)])
        offsets = torch.from_numpy(self._bank.lower[places] - self.rest).to(self.device)
        return embeddings, self.model.components(offsets)

    def _components(self, inputs: Float32[np.ndarray, "n d"]) -> Float32[np.ndarray, "n k"]:
        made: np.ndarray = self.last(torch.from_numpy(inputs).to(self.device)).float().cpu().numpy()
        return made

    def _moved(self, components: np.ndarray) -> Float32[np.ndarray, "n m 3"]:
        made = self.model.displacement(torch.from_numpy(components.astype(np.float32)).to(self.device))
        moved: np.ndarray = made.cpu().numpy()
        return moved

    def _shown(self, components: np.ndarray) -> Float32[np.ndarray, "n m 3"]:
        lower = (self.gain * self._moved(components) + self.rest).astype(np.float32)
        return with_contact(lower, self.rest, self._settings.contact)
