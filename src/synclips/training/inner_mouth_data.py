"""The corpus's inner mouths, on the speakers' canvases, and batches of them."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import cv2
import numpy as np
import torch
from jaxtyping import Float32, UInt8
from torch import Tensor

from synclips.data.dataset import ClipStore, by_speaker
from synclips.data.shards import Clip
from synclips.features.face_mesh import lower_opening
from synclips.features.mesh_raster import extend
from synclips.features.mouth_canvas import Canvas, depth_of_lips, light_of, lip_colours

CLIPS = 24
"""Most clips of one speaker: more people matter more than more clips."""
OPEN = 1.0
"""Canonical units of opening from which a frame shows something of the inner mouth."""
GAIN, TINT = 0.06, 0.02
"""Standard deviations of the logarithms of a picture's gain and of its colours' in training."""


@dataclass(frozen=True)
class Mouths:
    """Frames of one speaker that show something of the inner mouth.

    lower:     canonical lower faces
    pictures:  on the speaker's canvas
    colours:   of skin and lips, in [-1, 1]
    opening:   in canonical units
    """

    canvas: Canvas
    lower: Float32[np.ndarray, "n m 3"]
    pictures: UInt8[np.ndarray, "n h w 3"]
    colours: Float32[np.ndarray, "n 6"]
    opening: Float32[np.ndarray, " n"]

    def __len__(self) -> int:
        return len(self.lower)

    def some(self, count: int) -> "Mouths":
        """At most `count` of them, evenly over their openings."""
        order = np.argsort(self.opening, kind="stable")
        index = order[np.unique(np.linspace(0, len(order) - 1, count).astype(int))] if len(order) else order
        return Mouths(self.canvas, self.lower[index], self.pictures[index], self.colours[index], self.opening[index])


@dataclass(frozen=True)
class Batch:
    """Inner mouths as the network sees them: maps (b, 6, h, w), shape (b, 5), colours (b, 6), the number of each one's
    code (b), the mask of what counts (b, 1, h, w) in [0, 1], and the real picture (b, 3, h, w) in [-1, 1]."""

    maps: Tensor
    shape: Tensor
    colours: Tensor
    person: Tensor
    mask: Tensor
    target: Tensor

    def __len__(self) -> int:
        return len(self.maps)


def gather(store: ClipStore, keys: Sequence[str]) -> dict[str, Mouths]:
    """The open mouths of these clips by speaker, at most `CLIPS` of each speaker's; speakers without any are absent."""
    found = {}
    for speaker, own in by_speaker(keys).items():
        chosen = [own[i] for i in np.unique(np.linspace(0, len(own) - 1, min(CLIPS, len(own))).astype(int))]
        canvas = Canvas(store.rest(speaker))
        parts = [part for key in chosen if (part := _of_clip(store[key], canvas)) is not None]
        if parts:
            arrays = (np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Mouths)[1:])
            found[speaker] = Mouths(canvas, *arrays)
    return found


def batch_of(
    mouths: Sequence[tuple[Mouths, int, int]], device: torch.device, draws: Sequence[np.random.Generator] | None = None
) -> Batch:
    """A batch of (a speaker's mouths, number of the frame, number of the code); the light is the reference's,
    and with `draws` (one a mouth) a little off it."""
    maps = np.stack([m.canvas.maps(m.lower[i]) for m, i, _ in mouths])
    masks = np.stack([counted((picture[0] + 1) / 2) for picture in maps])[:, None]
    target = np.stack([m.pictures[i] for m, i, _ in mouths]).astype(np.float32).transpose(0, 3, 1, 2) / 127.5 - 1
    colours = np.stack([m.colours[i] for m, i, _ in mouths])
    gain = 1 / light_of(colours)
    if draws is not None:
        change = np.exp(np.stack([rng.normal(0, GAIN, 1) + rng.normal(0, TINT, 3) for rng in draws]))
        gain = gain * change.astype(np.float32)
    target = np.clip((target + 1) * gain[..., None, None] - 1, -1, 1)
    colours = np.clip((colours + 1) * np.tile(gain, 2) - 1, -1, 1)
    shape = np.stack([m.canvas.shape(m.lower[i]) for m, i, _ in mouths])
    person = np.array([number for _, _, number in mouths])
    return Batch(*(torch.from_numpy(a).to(device) for a in (maps, shape, colours, person, masks, target)))


def counted(mask: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
    """Where errors count: the inner mouth and a soft border around it, since detected contours are not exact."""
    return cv2.GaussianBlur(cv2.dilate(mask, np.ones((3, 3), np.uint8)), (0, 0), 1.0)


def on_canvas(clip: Clip, number: int, canvas: Canvas) -> UInt8[np.ndarray, "h w 3"]:
    """A frame of a clip on its speaker's canvas. The inner mouth is taken to lie as deep as the lips."""
    x, y = canvas.positions()
    depth = depth_of_lips(clip.lower[number], x)
    pose = clip.pose[number]
    at = [(pose[k, 0] * x + pose[k, 1] * y + pose[k, 2] * depth + pose[k, 3]).astype(np.float32) for k in (0, 1)]
    return cv2.remap(clip.crops[number], at[0], at[1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def _of_clip(clip: Clip, canvas: Canvas) -> Mouths | None:
    opening = np.array([lower_opening(face) for face in clip.lower], np.float32)
    places = clip.to_crop(extend(clip.meshes()))
    found = {int(i): lip_colours(clip.crops[i], places[i]) for i in np.flatnonzero(opening >= OPEN)}
    index = np.array([i for i, colours in found.items() if colours is not None], np.int64)
    if len(index) == 0:
        return None
    pictures = np.stack([on_canvas(clip, i, canvas) for i in index.tolist()])
    colours = np.stack([c for c in found.values() if c is not None])
    return Mouths(canvas, clip.lower[index], pictures, colours, opening[index])
