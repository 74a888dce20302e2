"""Rendering for training: windows become frames over the lower-face view, differentiable in the mouth's shape.

The steps are those of `rendering.lip_sync`, by the same functions; only the sampling of pixels is another (bilinear, at
the face crop's resolution, with gradients, where serving samples the video's own pixels bicubically).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Float32, Int64, UInt8
from torch import Tensor

from synclips.config import AugmentConfig, RenderConfig
from synclips.data.shards import project
from synclips.features.alignment import LOWER_VIEW
from synclips.features.face_mesh import INNER_LIPS, lower_opening, lower_points
from synclips.features.mesh_raster import extend, rasterise
from synclips.models.generator import Generator
from synclips.rendering.compositor import colour_gain, inner_mouth_light
from synclips.rendering.mesh_gain import usual_gain
from synclips.rendering.mesh_warp import (
    keep_lips_apart,
    lay_out,
    moving_share,
    painted_region,
    wanted_mesh,
    without_folds,
)
from synclips.training.threads import for_each
from synclips.training.windows import LENGTH, Window


@dataclass(frozen=True)
class Generated:
    """Frames rendered from windows, flattened: pictures (b, 3, h, w) in [-1, 1] over the lower-face view, the layers
    that they were blended of, the lip masks, the face mask, the layers' weights and the residual."""

    pictures: Tensor
    target: Tensor
    layers: Tensor
    masks: Tensor
    face: Tensor
    weights: Tensor
    residual: Tensor


@dataclass(frozen=True)
class Prepared:
    """What windows' frames are made of, flattened, over the lower-face view: the arguments of `Generator.forward`, all
    but the sound, and the real frames (b, 3, h, w)."""

    layers: Float[Tensor, "b l 3 h w"]
    lips: Float[Tensor, "b 2 h w"]
    face: Float[Tensor, "b 1 h w"]
    region: Float[Tensor, "b 1 h w"]
    target: Float[Tensor, "b 3 h w"]


@dataclass(frozen=True)
class Augmentation:
    """How a batch of frames is changed before the refiner sees it.

    light:   gains of each layer (b, layers, 3), as if each mouth had been taken in a slightly different light
    gain, gamma, saturation:  (b, 3), (b), (b): one change of colour for layers and target alike
    mirror:  (b) which frames are mirrored
    """

    light: Tensor
    gain: Tensor
    gamma: Tensor
    saturation: Tensor
    mirror: Tensor

    def relight(self, layers: Tensor) -> Tensor:
        """Layers (b, l, 3, h, w), each in its own light."""
        return ((layers + 1) * self.light[..., None, None] - 1).clamp(-1, 1)

    def recolour(self, pictures: Tensor) -> Tensor:
        """Pictures (b, 3, ..., h, w) with the frame's change of colour."""

        def shaped(value: Tensor) -> Tensor:
            return value.reshape(value.shape + (1,) * (pictures.ndim - value.ndim))

        x = ((pictures + 1) / 2).clamp_min(1e-3) ** shaped(self.gamma)
        grey = x.mean(dim=1, keepdim=True)
        x = (grey + shaped(self.saturation) * (x - grey)) * shaped(self.gain)
        return x.clamp(0, 1) * 2 - 1

    def mirrored(self, pictures: Tensor) -> Tensor:
        """The same, with some frames (first dimension) mirrored."""
        where = self.mirror.reshape((-1,) + (1,) * (pictures.ndim - 1))
        return torch.where(where, pictures.flip(-1), pictures)


def draw_augmentation(
    config: AugmentConfig,
    layers: int,
    draws: Sequence[np.random.Generator],
    device: torch.device,
    frames: int = LENGTH,
) -> Augmentation:
    """A random change of each window within `config`'s limits, alike in all its `frames`; `draws`: one a window."""
    drawn = []
    for rng in draws:
        light = 1 + rng.normal(0, config.layer_light, (layers, 1)) + rng.normal(0, config.layer_tint, (layers, 3))
        light[0] = 1 + rng.normal(0, config.base_tint, 3)
        gain = np.exp(rng.normal(0, config.gain) + rng.normal(0, config.tint, 3))
        gamma, saturation = np.exp(rng.normal(0, config.gamma)), rng.uniform(*config.saturation)
        drawn.append((light, gain, gamma, saturation, rng.random() < config.flip))

    def tensor(values: Sequence[Any], kind: Any = np.float32) -> Tensor:
        return torch.from_numpy(np.stack(values).astype(kind)).repeat_interleave(frames, dim=0).to(device)

    lights, gains, gammas, saturations, mirrors = zip(*drawn, strict=True)
    return Augmentation(tensor(lights), tensor(gains), tensor(gammas), tensor(saturations), tensor(mirrors, bool))


@dataclass(frozen=True)
class _Geometry:
    """Where everything of a window's frames lies: pixels of the lower-face view, sources in crop pixels.

    corners, weights:  of the wanted meshes' rasters, (t, h, w, 3)
    lips, face, region:  as `Generator.forward`
    source:   each layer's own mesh, (t, l, v, 2)
    crops:    each layer's picture, (t, l, 144, 144, 3)
    carry:    canonical displacements of the lower face to displacements in pixels, (t, m, 2, 3)
    openings: of each layer's mouth as it was seen, the base layer first, (t, l)
    wanted:   openings of the wanted mouths, (t)
    """

    corners: Int64[np.ndarray, "t h w 3"]
    weights: Float32[np.ndarray, "t h w 3"]
    lips: Float32[np.ndarray, "t 2 h w"]
    face: Float32[np.ndarray, "t 1 h w"]
    region: Float32[np.ndarray, "t 1 h w"]
    source: Float32[np.ndarray, "t l v 2"]
    crops: UInt8[np.ndarray, "t l 144 144 3"]
    carry: Float32[np.ndarray, "t m 2 3"]
    openings: Float32[np.ndarray, "t l"]
    wanted: Float32[np.ndarray, " t"]


def make_frames(
    model: Generator,
    windows: list[Window],
    shapes: Float[Tensor, "b m 3"],
    sound: Float[Tensor, "b d"],
    device: torch.device,
    augmentation: Augmentation | None = None,
) -> Generated:
    """Render the windows' frames with the lower faces `shapes` (canonical positions, differentiable), as serving does.

    `sound`: embeddings that modulate the refiner; for the rest see `prepare_frames`.
    """
    made = prepare_frames(model, windows, shapes, device, augmentation)
    painted = model(made.layers, made.lips, made.face, made.region, sound)
    picture = painted.picture * made.face + made.target * (1 - made.face)
    return Generated(picture, made.target, made.layers, made.lips, made.face, painted.weights, painted.residual)


def prepare_frames(
    model: Generator,
    windows: list[Window],
    shapes: Float[Tensor, "b m 3"],
    device: torch.device,
    augmentation: Augmentation | None = None,
) -> Prepared:
    """What the windows' frames are made of, with the lower faces `shapes` (canonical positions, differentiable).

    What `rendering.lip_sync` does at the video's resolution is done here at the crop's, differentiably: the mouths are
    chosen by the same path, the mesh is kept from folding and its lips from crossing, mouths are matched in colour and
    shaded by the same factors, and `Generator.forward` is the same. Choices, corrections and factors are constants; the
    gradient reaches `shapes` through the place that each pixel is sampled from.

    `augmentation`, if given, changes layers and target.
    """
    wanted = shapes.detach().cpu().numpy().reshape(len(windows), LENGTH, -1, 3)
    count, render = model.refiner.layers - 1, model.recipe.render
    parts = for_each(
        device, lambda item: _geometry(item[0], item[1], count, render), list(zip(windows, wanted, strict=True))
    )

    def gather(name: str) -> Tensor:
        return torch.from_numpy(np.concatenate([getattr(part, name) for part in parts])).to(device)

    index, share = gather("corners"), gather("weights")
    moved = torch.einsum("bmij,bmj->bmi", gather("carry"), shapes - shapes.detach())  # zero, but with a gradient
    full = moved.new_zeros(len(moved), parts[0].source.shape[2], 2)
    target = full.index_copy(1, torch.from_numpy(lower_points().astype(np.int64)).to(device), moved)
    at = _spread(gather("source"), index, share) - _spread(target[:, None], index, share)
    crops = gather("crops").permute(0, 1, 4, 2, 3).float() / 127.5 - 1
    layers = sample_pixels(crops.flatten(0, 1), at.flatten(0, 1)).unflatten(0, crops.shape[:2])
    lips, face, region = gather("lips"), gather("face"), gather("region")
    truth = torch.from_numpy(np.concatenate([_truth(w) for w in windows])).to(device).permute(0, 3, 1, 2) / 127.5 - 1
    if augmentation is not None:
        layers = augmentation.relight(layers)
    layers = _matched(layers, lips, gather("openings").tolist(), gather("wanted").tolist(), render)
    if augmentation is not None:
        layers, truth = augmentation.recolour(layers.transpose(1, 2)).transpose(1, 2), augmentation.recolour(truth)
        layers, truth, lips, face, region = map(augmentation.mirrored, (layers, truth, lips, face, region))
    return Prepared(layers, lips, face, region, truth)


def _geometry(window: Window, shapes: Float32[np.ndarray, "t m 3"], count: int, render: RenderConfig) -> _Geometry:
    """The geometry of a window whose lower faces are to be `shapes`, with `count` mouths a frame."""
    view, clip, lower = LOWER_VIEW, window.clip, lower_points()
    origin = np.array([view.left, view.top], np.float32)
    inner = np.searchsorted(lower, INNER_LIPS)
    shapes = np.stack([keep_lips_apart(shape, inner) for shape in shapes])
    gain = usual_gain(window.rest, render)
    scaled = np.stack([keep_lips_apart(gain.lower(shape), inner) for shape in shapes])
    donors = np.concatenate([window.skin[:, None], window.mouths(shapes, count, render)], axis=1)
    pose, rotation = window.pose, window.rotation
    own = gain.mesh(clip.meshes())
    layouts, carry = [], []
    for t, number in enumerate(window.index):
        share = moving_share(rotation[t], render)
        meshes = np.stack([own[number], wanted_mesh(own[number], scaled[t], share)])
        here, there = project(np.repeat(pose[[t]], 2, axis=0), extend(meshes))
        layouts.append(lay_out(without_folds(here, there) - origin, view, render, share))
        carry.append(pose[t, None, :2, :3] * share[lower, None, None] * gain.gain[:, None])
    opening = np.array([lower_opening(face) for face in clip.lower], np.float32)
    return _Geometry(
        np.stack([layout.raster.corners for layout in layouts]).astype(np.int64),
        np.stack([np.moveaxis(layout.raster.weights, 0, 2) for layout in layouts]),
        np.stack([layout.lips for layout in layouts]),
        np.stack([layout.face for layout in layouts])[:, None].astype(np.float32),
        np.stack([painted_region(layout.spoken) for layout in layouts])[:, None],
        clip.to_crop(extend(own))[donors],
        clip.crops[donors],
        np.stack(carry).astype(np.float32),
        opening[donors],
        np.array([lower_opening(shape) for shape in shapes], np.float32),
    )


def _matched(
    layers: Float[Tensor, "b l 3 h w"],
    lips: Float[Tensor, "b 2 h w"],
    openings: list[list[float]],
    wanted: list[float],
    render: RenderConfig,
) -> Float[Tensor, "b l 3 h w"]:
    """The layers with their mouths matched to the base layer in colour and shaded, as the compositor does it."""
    pictures = ((layers.detach() + 1) * 127.5).permute(0, 1, 3, 4, 2).float().cpu().numpy()
    border = lips[:, 0].cpu().numpy()
    gain = np.ones((*layers.shape[:2], 3), np.float32)
    light = np.ones(layers.shape[:2], np.float32)
    for frame, mouth in product(range(layers.shape[0]), range(1, layers.shape[1])):
        gain[frame, mouth] = colour_gain(pictures[frame, mouth], pictures[frame, 0], border[frame], render)
        light[frame, mouth] = inner_mouth_light(openings[frame][mouth], wanted[frame], render)
    factor = 1 - (1 - torch.from_numpy(light).to(layers.device)[..., None, None, None]) * lips[:, None, 1:]
    scaled = (layers + 1) * torch.from_numpy(gain).to(layers.device)[..., None, None]
    return (scaled - 1).clamp(-1, 1).add(1).mul(factor).sub(1)


def _truth(window: Window) -> UInt8[np.ndarray, "t h w 3"]:
    """The real frames over the lower-face view; those of a turned head are warped by the mesh."""
    view, clip = LOWER_VIEW, window.clip
    crops = clip.crops[window.index]
    if window.turn is None:
        return crops[:, view.rows, view.columns]
    meshes = extend(clip.meshes()[window.index])
    own = project(clip.pose[window.index], meshes)
    turned = project(window.pose, meshes) - np.array([view.left, view.top], np.float32)
    pictures = []
    for crop, here, there in zip(crops, own, turned, strict=True):
        at = rasterise(there, view.height, view.width).interpolate(here)
        pictures.append(cv2.remap(crop, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))
    return np.stack(pictures)


def _spread(points: Tensor, index: Tensor, share: Tensor) -> Tensor:
    """Values at mesh points (b, l, v, 2) interpolated over the pixels of a raster (b, h, w, 3): (b, l, h, w, 2)."""
    b, layers = points.shape[:2]
    flat = index.flatten(1)[:, None, :, None].expand(b, layers, -1, 2)
    picked = points.gather(2, flat).unflatten(2, index.shape[1:])
    return (picked * share[:, None, ..., None]).sum(dim=4)


def sample_pixels(pictures: Float[Tensor, "b c h w"], at: Float[Tensor, "b y x 2"]) -> Float[Tensor, "b c y x"]:
    """Bilinear samples at pixel coordinates (x, y; centres at whole numbers); the border repeats."""
    size = torch.tensor([pictures.shape[3] - 1, pictures.shape[2] - 1], device=at.device, dtype=at.dtype)
    return F.grid_sample(pictures, at / size * 2 - 1, mode="bilinear", padding_mode="border", align_corners=True)
