"""Frames for distillation: rendered once from windows of the clips, kept as bytes, and changed at every use.

What is wanted of a thinner refiner is known for any input, since the trained one says it. So frames are changed further
than real ones differ, for the sake of the many faces and cameras that no corpus holds.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Float32, UInt8
from torch import Tensor

from synclips.config import AugmentConfig, RecipeConfig
from synclips.data.dataset import BalancedSampler, Clips
from synclips.models.generator import Generator
from synclips.training.window_batches import Batch, WindowBatches
from synclips.training.window_frames import Augmentation, Prepared, draw_augmentation, prepare_frames
from synclips.training.windows import LENGTH

GROUP = 4
"""Windows rendered at once; those that say another clip's sound take it from one another."""
PREDICTED = 0.75
"""Share of the windows whose shape is predicted from the sound, as a dub's is."""
EXCHANGED, BORROWED = 0.25, 0.1
"""Shares of the frames whose mouths are exchanged; whose second mouth, and whose sound, are another frame's."""
BLUR = (-0.8, 0.8)
"""Limits of the share of a 3 x 3 mean in a frame; below 0 it is sharpened. Half of the frames are changed so."""
TURN, ZOOM, SHIFT = 12.0, 0.2, 0.1
"""Most by which half of the frames are moved: degrees, logarithm of size, share of half the picture."""


@dataclass(frozen=True)
class Seen:
    """What refiners see of some frames, and the real frames: see `Prepared`; `sound`: the embeddings (b, d)."""

    made: Prepared
    sound: Float[Tensor, "b d"]

    @property
    def masks(self) -> Float[Tensor, "b 2 h w"]:
        """As `Refiner.forward` has them."""
        return self.made.lips

    def changed(self, change: Augmentation) -> "Seen":
        """The same in other colours, some mirrored."""
        m = self.made
        layers = change.recolour(m.layers.transpose(1, 2)).transpose(1, 2)
        values = layers, m.lips, m.face, m.region, change.recolour(m.target)
        return Seen(Prepared(*map(change.mirrored, values)), self.sound)


@dataclass(frozen=True)
class _Stored:
    """A window's frames in 256 levels: layers and target, masks (lips, face, region); and the sound's embeddings."""

    pictures: UInt8[np.ndarray, "t p 3 h w"]
    masks: UInt8[np.ndarray, "t 4 h w"]
    sound: Float32[np.ndarray, "t d"]


class DistillFrames:
    """Frames of `clips` as refiners see them, a function of the recipe's seed and of their number alone.

    A window is rendered when one of its frames is first asked for. `model`: gives motion and embeddings.
    """

    def __init__(
        self, clips: Clips, keys: list[str], model: Generator, recipe: RecipeConfig, device: torch.device
    ) -> None:
        self.model, self.recipe, self.device = model, recipe, device
        self._batches = WindowBatches(clips, model, replace(recipe, augment=_lights(recipe.augment)), device)
        self._sampler = BalancedSampler(keys, recipe.seed, "distill_frames")
        self._stored: dict[int, _Stored] = {}

    def __len__(self) -> int:
        return self.recipe.distill.windows * LENGTH

    def draw(self, rng: np.random.Generator, count: int) -> Seen:
        """`count` random frames, each changed in its own way."""
        seen = self.frames(rng.integers(len(self), size=count).tolist())
        layers = seen.made.layers.shape[1]
        colours = _colours(self.recipe.augment)
        change = draw_augmentation(colours, layers, rng.spawn(count), self.device, frames=1)
        return varied(seen.changed(change), rng)

    def frames(self, numbers: list[int]) -> Seen:
        """Frames by their numbers, unchanged."""
        found = [(self._window(number // LENGTH), number % LENGTH) for number in numbers]
        pictures = self._tensor(np.stack([window.pictures[t] for window, t in found])) / 127.5 - 1
        masks = self._tensor(np.stack([window.masks[t] for window, t in found])) / 255
        sound = self._tensor(np.stack([window.sound[t] for window, t in found]))
        made = Prepared(pictures[:, :-1], masks[:, :2], masks[:, 2:3], masks[:, 3:], pictures[:, -1])
        return Seen(made, sound)

    def _tensor(self, values: np.ndarray) -> Tensor:
        return torch.from_numpy(values).to(self.device).float()

    def _window(self, number: int) -> _Stored:
        if number not in self._stored:
            group = number // GROUP
            self._stored |= {group * GROUP + place: made for place, made in enumerate(self._rendered(group))}
        return self._stored[number]

    @torch.no_grad()
    def _rendered(self, group: int) -> list[_Stored]:
        rng, rngs = self._sampler.rng(group), self._sampler.item_rngs(group, GROUP)
        batch = self._batches.draw(self._sampler.draw(rng, GROUP), rngs)
        crossed = torch.from_numpy(rng.random(GROUP) < self.recipe.distill.crossed).to(self.device)
        predicted = torch.from_numpy(rng.random(GROUP) < PREDICTED)
        batch = _crossed(batch, crossed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(rng.integers(1 << 62)))
            _, shapes, sound = self._batches.wanted(self.model, batch, predicted, rngs)
        change = draw_augmentation(_lights(self.recipe.augment), self.model.refiner.layers, rngs, self.device)
        made = prepare_frames(self.model, batch.windows, shapes, self.device, change)
        pictures = torch.cat([made.layers, made.target[:, None]], dim=1)
        masks = torch.cat([made.lips, made.face, made.region], dim=1)
        stored = _bytes((pictures + 1) * 127.5), _bytes(masks * 255), sound.cpu().numpy()
        return [_Stored(*(values[i * LENGTH : (i + 1) * LENGTH] for values in stored)) for i in range(GROUP)]


def varied(seen: Seen, rng: np.random.Generator) -> Seen:
    """The frames moved, blurred or sharpened; some with their mouths exchanged, with another frame's second mouth or
    with another's sound. The real pictures are moved alike."""
    m, count = seen.made, len(seen.sound)
    layers, sound = m.layers, seen.sound

    def some(share: float) -> Tensor:
        return torch.from_numpy(rng.random(count) < share).to(layers.device)

    exchanged = torch.cat([layers[:, :1], layers[:, 1:].flip(1)], dim=1)
    layers = torch.where(some(EXCHANGED)[:, None, None, None, None], exchanged, layers)
    borrowed = torch.cat([layers[:, :-1], layers[:, -1:].roll(1, dims=0)], dim=1)
    layers = torch.where(some(BORROWED)[:, None, None, None, None], borrowed, layers)
    sound = torch.where(some(BORROWED)[:, None], sound.roll(1, dims=0), sound)
    blur = torch.from_numpy(rng.uniform(*BLUR, count).astype(np.float32)).to(layers.device)
    blur = torch.where(some(0.5), blur, 0.0)[:, None, None, None, None]
    smooth = F.avg_pool2d(layers.flatten(0, 1), 3, 1, 1, count_include_pad=False).unflatten(0, layers.shape[:2])
    layers = torch.lerp(layers, smooth, blur).clamp(-1, 1)
    stack = torch.cat([layers.flatten(1, 2), m.lips, m.face, m.region, m.target], dim=1)
    moved = F.grid_sample(stack, _moves(rng, stack), padding_mode="border", align_corners=False)
    stack = torch.where(some(0.5)[:, None, None, None], moved, stack)
    pictures, lips, face, region, target = stack.split([stack.shape[1] - 7, 2, 1, 1, 3], dim=1)
    return Seen(Prepared(pictures.unflatten(1, layers.shape[1:3]), lips, face, region, target), sound)


def _moves(rng: np.random.Generator, pictures: Float[Tensor, "b c h w"]) -> Float[Tensor, "b h w 2"]:
    """Random turns, changes of size and shifts, as `grid_sample` has them."""
    (count, _, height, width), ratio = pictures.shape, pictures.shape[2] / pictures.shape[3]
    angle = np.radians(rng.uniform(-TURN, TURN, count))
    zoom = np.exp(rng.uniform(-ZOOM, ZOOM, count))
    cos, sin = zoom * np.cos(angle), zoom * np.sin(angle)
    shift = rng.uniform(-SHIFT, SHIFT, (2, count))
    matrix = np.stack([np.stack([cos, -sin * ratio, shift[0]]), np.stack([sin / ratio, cos, shift[1]])])
    theta = torch.from_numpy(matrix.transpose(2, 0, 1).astype(np.float32)).to(pictures.device)
    return F.affine_grid(theta, [count, 1, height, width], align_corners=False)


def held_out_frames(batches: WindowBatches, model: Generator, keys: list[str], starts: tuple[int, ...]) -> Seen:
    """Frames of windows that are always the same, their shapes predicted, nothing changed."""
    parts: list[Prepared] = []
    sounds: list[Tensor] = []
    with torch.no_grad():
        for key in keys:
            for start in starts:
                batch = batches.window(key, start)
                predicted = torch.ones(1, dtype=torch.bool)
                _, shapes, sound = batches.wanted(model, batch, predicted, None)
                parts.append(prepare_frames(model, batch.windows, shapes, batches.device))
                sounds.append(sound)
    names = ("layers", "lips", "face", "region", "target")
    return Seen(Prepared(*(torch.cat([getattr(p, name) for p in parts]) for name in names)), torch.cat(sounds))


def _crossed(batch: Batch, where: Tensor) -> Batch:
    """The batch, some of its windows with the next one's sound."""
    features = torch.where(where[:, None, None], batch.features.roll(1, dims=0), batch.features)
    return replace(batch, features=features)


def _bytes(values: Tensor) -> UInt8[np.ndarray, "..."]:
    return values.round().clamp(0, 255).byte().cpu().numpy()


def _lights(config: AugmentConfig) -> AugmentConfig:
    """The changes that come before a mouth's colour is matched, alone."""
    return replace(config, gain=0.0, tint=0.0, gamma=0.0, saturation=(1.0, 1.0), flip=0.0)


def _colours(config: AugmentConfig) -> AugmentConfig:
    """The changes of whole frames, alone, and further than a corpus of few cameras goes."""
    further = replace(config, gain=2 * config.gain, tint=2 * config.tint, gamma=2 * config.gamma)
    return replace(further, layer_light=0.0, layer_tint=0.0, base_tint=0.0)
