"""What the motion model learns from: sound features, motion components and mouth embeddings of whole clips."""

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Bool, Float32

from synclips.config import RecipeConfig
from synclips.data.augmentation import SoundChange, draw_sound_change
from synclips.data.dataset import Clips, by_speaker
from synclips.data.grid import speaker_of
from synclips.data.shards import Clip
from synclips.features.alignment import MOUTH_VIEW
from synclips.features.face_mesh import lower_points, mirror_points
from synclips.media.timebase import STEPS_PER_FRAME
from synclips.models.motion import MotionModel, fit_basis
from synclips.models.syncnet import FRAMES, VideoEncoder, stack_frames
from synclips.runtime import device_of
from synclips.training.distributed import Draws, each

NEAREST = 5
"""Frames between the frames to be predicted or rendered and any frame that mouths or pixels are taken from, so that
the answer is not among them."""


Style = Callable[[Float32[np.ndarray, "n k"]], Float32[np.ndarray, "n k"]]
"""A map of components to those of the same motion in another speaking style."""


@dataclass(frozen=True)
class Variant:
    """One augmented copy of a clip: features (4 n, f) and true components (n, k)."""

    features: Float32[np.ndarray, "steps f"]
    components: Float32[np.ndarray, "n k"]


@dataclass(frozen=True)
class Bank:
    """Mouths of one person: embeddings, shapes (components), and which places hold one."""

    embeddings: Float32[np.ndarray, "n v"]
    shapes: Float32[np.ndarray, "n k"]
    present: Bool[np.ndarray, " n"]


def displacement_of(store: Clips, clip: Clip, *, mirror: bool = False) -> Float32[np.ndarray, "n m 3"]:
    """The lower face's offset from the speaker's rest in each frame, in canonical units; mirrored if asked."""
    rest = clip.mesh.copy()
    rest[lower_points()] = store.rest(clip.speaker)
    if not mirror:
        return clip.lower - rest[lower_points()]
    return (mirror_points(clip.meshes()) - mirror_points(rest))[:, lower_points()]


def fit_population(
    store: Clips, keys: Sequence[str], components: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """`fit_basis` over the keys' clips, at most 30 a speaker, each with its mirror image."""
    displacements = []
    for group in by_speaker(keys).values():
        for key in group[:30]:
            displacements += [displacement_of(store, store[key], mirror=mirror)[::2] for mirror in (False, True)]
    return fit_basis(torch.from_numpy(np.concatenate(displacements)), components)


class MotionData:
    """Variants and banks of clips, made when first needed and cached."""

    def __init__(self, store: Clips, model: MotionModel, recipe: RecipeConfig) -> None:
        self.store, self.augment, self.sampling, self.seed = store, recipe.augment, recipe.sampling, recipe.seed
        self._model, self._layers = model, recipe.model.audio.speech_layers
        self.variant = lru_cache(maxsize=20_000)(self._variant)
        self.plain = lru_cache(maxsize=4_000)(self._plain)
        self.embeddings = lru_cache(maxsize=20_000)(self._embeddings)

    @property
    def shape(self) -> tuple[int, int]:
        """Of one frame's displacement: points of the lower face, and three."""
        return self._model.mean.shape[0], 3

    def components(self, displacement: Float32[np.ndarray, "n m 3"]) -> Float32[np.ndarray, "n k"]:
        """As MotionModel.components."""
        return self._model.components(torch.from_numpy(displacement).to(self._model.mean.device)).cpu().numpy()

    def _plain(self, key: str) -> Variant:
        """The clip as it is."""
        clip = self.store[key]
        features = SoundChange().features(clip.waveform, len(clip), self._layers)
        components = self.components(displacement_of(self.store, clip))
        return Variant(features, _shifted(components, self.store.offset(key)))

    def _variant(self, key: str, number: int) -> Variant:
        """Augmented copy `number` of the clip; odd numbers are mirrored."""
        rng = np.random.default_rng([self.seed, zlib.crc32(key.encode()), number])
        clip = self.store[key]
        sound = draw_sound_change(self.augment, rng)
        frames = int(len(clip) / sound.speed)
        true = _shifted(
            self.components(displacement_of(self.store, clip, mirror=number % 2 == 1)), self.store.offset(key)
        )
        at = np.minimum(np.arange(frames) * sound.speed, len(clip) - 1)
        low = np.minimum(at.astype(int), len(clip) - 2)
        share = (at - low)[:, None].astype(np.float32)
        components = true[low] * (1 - share) + true[low + 1] * share
        return Variant(sound.features(clip.waveform, frames, self._layers), components.astype(np.float32))

    def _embeddings(self, key: str) -> Float32[np.ndarray, "n v"]:
        """The video encoder's embedding of each frame of the clip."""
        return embed_mouths(self._model.video_encoder, self.store[key])

    def bank(
        self,
        speaker_keys: Sequence[str],
        key: str,
        window: tuple[int, int],
        size: int,
        rng: np.random.Generator,
        *,
        mirror: bool,
    ) -> Bank:
        """Up to `size` mouths of the speaker, from the clip itself away from `window`, or from another clip."""
        other = speaker_keys[int(rng.integers(len(speaker_keys)))] if rng.random() < self.sampling.other_clip else key
        shapes = self.variant(other, 1 if mirror else 0).components if mirror else self.plain(other).components
        embeddings = self.embeddings(other)
        usable = np.arange(min(len(shapes), len(embeddings)))
        if other == key:
            usable = usable[(usable < window[0] - NEAREST) | (usable >= window[1] + NEAREST)]
        count = int(rng.integers(0, size + 1)) if rng.random() < self.sampling.partial_bank else size
        chosen = rng.permutation(usable)[:count]
        bank = Bank(
            np.zeros((size, embeddings.shape[1]), np.float32),
            np.zeros((size, shapes.shape[1]), np.float32),
            np.zeros(size, bool),
        )
        bank.embeddings[: len(chosen)], bank.shapes[: len(chosen)] = embeddings[chosen], shapes[chosen]
        bank.present[: len(chosen)] = True
        return bank


def even_bank(
    data: MotionData, key: str, size: int, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """`size` mouths evenly over one clip, as `MotionModel` takes a bank: (1, size, v), (1, size, k), (1, size)."""
    shapes = data.plain(key).components
    take = np.linspace(0, len(shapes) - 1, size).astype(int)
    parts = (data.embeddings(key)[take], shapes[take], np.ones(size, bool))
    embeddings, chosen, present = (torch.from_numpy(part)[None].to(device) for part in parts)
    return embeddings, chosen, present


@dataclass(frozen=True)
class MotionBatch:
    """Windows of clips: features (b, 4 t, f), true components (b, t, k), and banks as MotionModel takes them."""

    features: torch.Tensor
    true: torch.Tensor
    bank: tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def draw_windows(
    data: MotionData,
    speakers: Mapping[str, Sequence[str]],
    keys: Sequence[str],
    rng: Draws,
    device: torch.device,
    *,
    window: int,
    bank: int,
    style: Callable[[np.random.Generator], Style] | None = None,
) -> MotionBatch:
    """One window of `window` frames of each clip, with a bank of `bank` places; `style` draws a style for each."""
    features, true, banks = [], [], []
    draws = each(rng, len(keys))
    for key, rng in zip(keys, draws, strict=True):
        number = int(rng.integers(data.sampling.variants))
        variant = data.variant(key, number)
        start = int(rng.integers(max(1, len(variant.components) - window + 1)))
        index = np.minimum(np.arange(start, start + window), len(variant.components) - 1)
        steps = (STEPS_PER_FRAME * index[:, None] + np.arange(STEPS_PER_FRAME)).ravel()
        span = (start, start + window)
        mouths = data.bank(speakers[speaker_of(key)], key, span, bank, rng, mirror=number % 2 == 1)
        restyle = style(rng) if style else _as_it_is
        features.append(variant.features[steps])
        true.append(restyle(variant.components[index]))
        banks.append((mouths.embeddings, restyle(mouths.shapes), mouths.present))

    def tensor(parts: Sequence[np.ndarray]) -> torch.Tensor:
        return torch.from_numpy(np.stack(parts)).to(device)

    embeddings, shapes, present = zip(*banks, strict=True)
    return MotionBatch(tensor(features), tensor(true), (tensor(embeddings), tensor(shapes), tensor(present)))


def _as_it_is(components: Float32[np.ndarray, "n k"]) -> Float32[np.ndarray, "n k"]:
    return components


@torch.no_grad()
def embed_mouths(encoder: VideoEncoder, clip: Clip) -> Float32[np.ndarray, "n v"]:
    """Embeddings of the five frames around each frame; the ends repeat."""
    device = device_of(encoder)
    mouths = torch.from_numpy(clip.crops[:, MOUTH_VIEW.rows, MOUTH_VIEW.columns].copy()).to(device).float() / 127.5 - 1
    index = (torch.arange(len(clip))[:, None] + torch.arange(FRAMES) - FRAMES // 2).clamp(0, len(clip) - 1)
    training = encoder.training
    encoder.eval()
    out = [encoder(stack_frames(mouths[part])) for part in index.split(64)]
    encoder.train(training)
    return torch.cat(out).float().cpu().numpy()


def _shifted(components: Float32[np.ndarray, "n k"], offset: int) -> Float32[np.ndarray, "n k"]:
    """Components on the sound's clock: frame i of the sound shows picture i - offset."""
    return components[(np.arange(len(components)) - offset).clip(0, len(components) - 1)]
