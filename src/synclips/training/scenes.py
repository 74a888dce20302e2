"""What the refiner learns from: a few frames in a row, to be made again from other moments of the same clip.

The frame being made never lends its own lower face: skin and mouths come from frames at least `NEAREST` away, carried
over by the mesh, exactly as rendering does it.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from synclips.data.dataset import ClipStore
from synclips.data.shards import Clip, project
from synclips.features.alignment import LOWER_VIEW
from synclips.features.face_mesh import LIPS, lower_points
from synclips.features.mesh_raster import extend, face_mask, lip_masks, rasterise
from synclips.models.generator import Generator
from synclips.models.losses import sample_pixels
from synclips.models.refiner import blend
from synclips.training.motion_data import NEAREST

LENGTH = 5
"""Frames made in a row: what the SyncNet sees at once."""


@dataclass(frozen=True)
class Scene:
    """`LENGTH` frames of one clip from `start`, and the frame that lends each its skin."""

    clip: Clip
    start: int
    skin: np.ndarray
    rest: Float32[np.ndarray, "m 3"]
    photograph: bool = False
    spare: int = 0

    @property
    def index(self) -> np.ndarray:
        """The frames being made."""
        return np.arange(self.start, self.start + LENGTH)

    @property
    def lenders(self) -> np.ndarray:
        """Frames that may lend their mouth."""
        every = np.arange(len(self.clip))
        return every[(every <= self.start - NEAREST) | (every >= self.start + LENGTH - 1 + NEAREST)]

    def mouths(self, shapes: Float32[np.ndarray, "t m 3"], count: int) -> np.ndarray:
        """For each frame `count` frames whose lips come nearest to `shapes` (canonical positions), the best first.

        A photograph has one picture only. `spare` passes over that many better ones, so that training sees worse fits.
        """
        if self.photograph:
            return np.repeat(self.skin[:, None], count, axis=1)
        index = np.searchsorted(lower_points(), LIPS)
        lenders = self.lenders
        bank = self.clip.lower[lenders][:, index, :2]
        distance = np.linalg.norm(bank[None] - shapes[:, None, index, :2], axis=3).mean(axis=2)
        order = np.argsort(distance, axis=1)[:, self.spare :]
        order = np.concatenate([order] * count, axis=1) if order.shape[1] < count else order
        return lenders[order[:, :count]]


def draw_scene(store: ClipStore, key: str, rng: np.random.Generator) -> Scene:
    """A random scene of a clip."""
    clip = store[key]
    start = int(rng.integers(0, len(clip) - LENGTH + 1))
    return scene_at(store, key, start, rng, photograph=bool(rng.random() < 0.15), spare=int(rng.integers(0, 4)))


def scene_at(
    store: ClipStore, key: str, start: int, rng: np.random.Generator, *, photograph: bool = False, spare: int = 0
) -> Scene:
    """The scene of a clip that starts at a frame. A photograph lends one frame to all."""
    clip = store[key]
    far = [
        d
        for d in range(-len(clip), len(clip))
        if abs(d) >= NEAREST + LENGTH - 1 and 0 <= start + d <= len(clip) - LENGTH
    ]
    lag = int(far[int(rng.integers(len(far)))]) if far else 0
    skin = np.arange(start, start + LENGTH) + lag
    if photograph:
        skin = np.full(LENGTH, skin[0])
    return Scene(clip, start, skin, store.rest(clip.speaker), photograph, spare)


@dataclass(frozen=True)
class Made:
    """Frames made of scenes, flattened: (b, 3, h, w) in [-1, 1] over the lower-face view."""

    made: Tensor
    real: Tensor
    layers: Tensor
    masks: Tensor
    face: Tensor
    weights: Tensor
    residual: Tensor


def make_frames(
    model: Generator,
    scenes: list[Scene],
    shapes: Tensor,
    sound: Tensor,
    device: torch.device,
    light: Tensor | None = None,
) -> Made:
    """Make the scenes' frames with the lower faces `shapes` (b, m, 3; canonical positions, differentiable).

    `sound` (b, d) modulates the refiner. `light` (b, layers, 3), if given, are gains that relight skin and mouths.
    """
    view = LOWER_VIEW
    origin = np.array([view.left, view.top], np.float32)
    wanted = shapes.detach().cpu().numpy().reshape(len(scenes), LENGTH, -1, 3)
    count = model.refiner.layers - 1
    corners, weights, masks, faces, sources, pictures, real = [], [], [], [], [], [], []
    poses, meshes = [], []
    for scene, shape in zip(scenes, wanted, strict=True):
        clip = scene.clip
        lenders = np.concatenate([scene.skin[:, None], scene.mouths(shape, count)], axis=1)
        mesh = np.repeat(clip.mesh[None], LENGTH, axis=0)
        mesh[:, lower_points()] = shape
        mesh = extend(mesh)
        pose = clip.pose[scene.index]
        points = project(pose, mesh) - origin
        own = clip.to_crop(extend(clip.meshes()))
        for t in range(LENGTH):
            raster = rasterise(points[t], view.height, view.width)
            corners.append(raster.corners)
            weights.append(raster.weights)
            masks.append(lip_masks(points[t], view.height, view.width))
            faces.append(face_mask(raster))
        sources.append(own[lenders])
        pictures.append(clip.crops[lenders])
        real.append(clip.crops[scene.index][:, view.rows, view.columns])
        poses.append(pose)
        meshes.append(mesh)

    def tensor(parts: list[np.ndarray]) -> Tensor:
        return torch.from_numpy(np.concatenate(parts).astype(np.float32)).to(device)

    index = torch.from_numpy(np.stack(corners).astype(np.int64)).to(device)
    share = torch.from_numpy(np.stack(weights)).to(device)
    source = tensor(sources)  # b, layers, v, 2
    target = _move(tensor(meshes), shapes, tensor(poses))  # b, v, 2: zero, but carries the shapes' gradient
    at = _spread(source, index, share) - _spread(target[:, None], index, share)
    crops = tensor(pictures).permute(0, 1, 4, 2, 3) / 127.5 - 1
    flat = sample_pixels(crops.flatten(0, 1), at.flatten(0, 1))
    layers = flat.unflatten(0, (len(at), count + 1))
    if light is not None:
        layers = ((layers + 1) * light[..., None, None] - 1).clamp(-1, 1)
    mask = torch.from_numpy(np.stack(masks)).to(device)
    face = torch.from_numpy(np.stack(faces)).to(device)[:, None]
    chosen, residual = model.refiner(layers, mask, sound)
    residual = residual * face
    truth = tensor(real).permute(0, 3, 1, 2) / 127.5 - 1
    picture = blend(layers, chosen, residual)
    return Made(picture * face + truth * (1 - face), truth, layers, mask, face, chosen, residual)


def _move(meshes: Tensor, shapes: Tensor, poses: Tensor) -> Tensor:
    moved = shapes - shapes.detach()
    full = torch.zeros_like(meshes).index_copy(
        1, torch.from_numpy(lower_points().astype(np.int64)).to(meshes.device), moved
    )
    return torch.einsum("bij,bvj->bvi", poses[:, :2, :3], full)


def _spread(points: Tensor, index: Tensor, share: Tensor) -> Tensor:
    """Values at mesh points (b, l, v, 2) over the pixels of a raster (b, h, w, 3): (b, l, h, w, 2)."""
    b, layers = points.shape[:2]
    flat = index.flatten(1)[:, None, :, None].expand(b, layers, -1, 2)
    picked = points.gather(2, flat).unflatten(2, index.shape[1:])
    return (picked * share[:, None, ..., None]).sum(dim=4)
