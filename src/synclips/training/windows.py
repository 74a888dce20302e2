"""What the refiner learns from: a few frames in a row, to be made again from other moments of the same clip.

The frame being made never lends its own lower face: skin and mouths come from frames at least `NEAREST` away, carried
over by the mesh, exactly as rendering does it.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from jaxtyping import Float32, Float64, UInt8
from torch import Tensor

from synclips.data.dataset import Clips
from synclips.data.shards import Clip, project
from synclips.features.alignment import LOWER_VIEW
from synclips.features.face_mesh import LIPS, lower_points
from synclips.features.mesh_raster import extend, face_mask, lip_masks, rasterise
from synclips.models.generator import Generator, blend
from synclips.models.losses import sample_pixels
from synclips.training.motion_data import NEAREST

LENGTH = 5
"""Frames made in a row: what the SyncNet sees at once."""
PHOTOGRAPH = 0.25
"""Share of the windows that have one picture only."""
TURNED = 0.4
"""Share of the windows whose head is turned: the corpus's heads hardly move."""
MOST_TURN = np.radians([10.0, 14.0, 5.0])
"""Standard deviations are half of these: pitch, yaw, roll."""


@dataclass(frozen=True)
class Window:
    """`LENGTH` frames of one clip from `start`, and the frame that lends each its skin.

    `turn`, if given, is a rotation of the head (about the mesh's middle) by which the frames being made are turned
    away from what the clip shows; the donors are not.
    """

    clip: Clip
    start: int
    skin: np.ndarray
    rest: Float32[np.ndarray, "m 3"]
    photograph: bool = False
    spare: int = 0
    turn: Float64[np.ndarray, "3 3"] | None = None

    @property
    def index(self) -> np.ndarray:
        """The frames being made."""
        return np.arange(self.start, self.start + LENGTH)

    @property
    def pose(self) -> Float64[np.ndarray, "t 3 4"]:
        """Canonical to crop pixels of the frames being made."""
        pose = self.clip.pose[self.index]
        if self.turn is None:
            return pose
        middle = self.clip.mesh.mean(axis=0)
        turned = pose[:, :, :3] @ self.turn
        moved = pose[:, :, 3] + (pose[:, :, :3] - turned) @ middle
        return np.concatenate([turned, moved[..., None]], axis=2)

    @property
    def donors(self) -> np.ndarray:
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
        donors = self.donors
        bank = self.clip.lower[donors][:, index, :2]
        distance = np.linalg.norm(bank[None] - shapes[:, None, index, :2], axis=3).mean(axis=2)
        order = np.argsort(distance, axis=1)[:, self.spare :]
        order = np.concatenate([order] * count, axis=1) if order.shape[1] < count else order
        return donors[order[:, :count]]


def draw_window(store: Clips, key: str, rng: np.random.Generator) -> Window:
    """A random window of a clip."""
    clip = store[key]
    start = int(rng.integers(0, len(clip) - LENGTH + 1))
    window = window_at(
        store, key, start, rng, photograph=bool(rng.random() < PHOTOGRAPH), spare=int(rng.integers(0, 4))
    )
    if rng.random() >= TURNED:
        return window
    from scipy.spatial.transform import Rotation

    angles = rng.normal(0, MOST_TURN / 2).clip(-MOST_TURN, MOST_TURN)
    return replace(window, turn=Rotation.from_euler("xyz", angles).as_matrix())


def window_at(
    store: Clips, key: str, start: int, rng: np.random.Generator, *, photograph: bool = False, spare: int = 0
) -> Window:
    """The window of a clip that starts at a frame. A photograph lends one frame to all."""
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
    return Window(clip, start, skin, store.rest(clip.speaker), photograph, spare)


@dataclass(frozen=True)
class Generated:
    """Frames made of windows, flattened: (b, 3, h, w) in [-1, 1] over the lower-face view."""

    pictures: Tensor
    target: Tensor
    layers: Tensor
    masks: Tensor
    face: Tensor
    weights: Tensor
    residual: Tensor


@dataclass(frozen=True)
class Augmentation:
    """How a batch of frames is bent before the refiner sees it.

    light:   gains of each layer (b, layers, 3): each mouth was taken in a slightly other light than the skin
    gain, gamma, saturation:  (b, 3), (b), (b): one change of colour for layers and truth alike
    mirror:  (b) which frames are mirrored
    """

    light: Tensor
    gain: Tensor
    gamma: Tensor
    saturation: Tensor
    mirror: Tensor

    def relight(self, layers: Tensor) -> Tensor:
        """Layers (b, l, 3, h, w), each in its own light, recoloured."""
        lit = ((layers + 1) * self.light[..., None, None] - 1).clamp(-1, 1)
        return self.recolour(lit.transpose(1, 2)).transpose(1, 2)

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


def draw_augmentation(windows: int, layers: int, rng: np.random.Generator, device: torch.device) -> Augmentation:
    """Random augmentation, alike in all frames of a window."""
    light = 1 + rng.normal(0, 0.04, (windows, layers, 1)) + rng.normal(0, 0.015, (windows, layers, 3))
    light[:, 0] = 1 + rng.normal(0, 0.01, (windows, 3))
    gain = np.exp(rng.normal(0, 0.1, (windows, 1)) + rng.normal(0, 0.04, (windows, 3)))
    gamma, saturation = np.exp(rng.normal(0, 0.15, windows)), rng.uniform(0.6, 1.3, windows)

    def tensor(values: np.ndarray) -> Tensor:
        return torch.from_numpy(values.astype(np.float32)).repeat_interleave(LENGTH, dim=0).to(device)

    mirror = torch.from_numpy(rng.random(windows) < 0.5).repeat_interleave(LENGTH).to(device)
    return Augmentation(tensor(light), tensor(gain), tensor(gamma), tensor(saturation), mirror)


def make_frames(
    model: Generator,
    windows: list[Window],
    shapes: Tensor,
    sound: Tensor,
    device: torch.device,
    augmentation: Augmentation | None = None,
) -> Generated:
    """Make the windows' frames with the lower faces `shapes` (b, m, 3; canonical positions, differentiable).

    `sound` (b, d) modulates the refiner. `augmentation`, if given, bend layers and truth.
    """
    view = LOWER_VIEW
    origin = np.array([view.left, view.top], np.float32)
    wanted = shapes.detach().cpu().numpy().reshape(len(windows), LENGTH, -1, 3)
    count = model.refiner.layers - 1
    corners, weights, masks, faces, sources, pictures, real = [], [], [], [], [], [], []
    poses, meshes = [], []
    for window, shape in zip(windows, wanted, strict=True):
        clip = window.clip
        donors = np.concatenate([window.skin[:, None], window.mouths(shape, count)], axis=1)
        mesh = np.repeat(clip.mesh[None], LENGTH, axis=0)
        mesh[:, lower_points()] = shape
        mesh = extend(mesh)
        pose = window.pose
        points = project(pose, mesh) - origin
        own = clip.to_crop(extend(clip.meshes()))
        for t in range(LENGTH):
            raster = rasterise(points[t], view.height, view.width)
            corners.append(raster.corners)
            weights.append(raster.weights)
            masks.append(lip_masks(points[t], view.height, view.width))
            faces.append(face_mask(raster))
        sources.append(own[donors])
        pictures.append(clip.crops[donors])
        real.append(_truth(window))
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
    mask = torch.from_numpy(np.stack(masks)).to(device)
    face = torch.from_numpy(np.stack(faces)).to(device)[:, None]
    truth = tensor(real).permute(0, 3, 1, 2) / 127.5 - 1
    if augmentation is not None:
        layers, truth = augmentation.relight(layers), augmentation.recolour(truth)
        layers, truth, mask, face = (augmentation.mirrored(part) for part in (layers, truth, mask, face))
    chosen, residual = model.refiner(layers, mask, sound)
    residual = residual * face
    picture = blend(layers, chosen, residual)
    return Generated(picture * face + truth * (1 - face), truth, layers, mask, face, chosen, residual)


def _truth(window: Window) -> UInt8[np.ndarray, "t h w 3"]:
    """The real frames over the lower-face view; of a turned head, carried over by the mesh."""
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
