"""What the refiner learns from: windows of a few successive frames, each to be rendered from other frames of its clip.

A frame never uses its own lower face: base layer and mouths come from frames at least `NEAREST` away, chosen as
rendering chooses them (`rendering.mouth_bank.choose_mouths`) and warped by the mesh.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float32, Float64, Int64

from synclips.config import RenderConfig, SamplingConfig
from synclips.data.dataset import Clips
from synclips.data.shards import Clip
from synclips.features.alignment import crop_rotation
from synclips.features.face_mesh import LIPS, lower_points
from synclips.rendering.mouth_bank import MouthShapes, choose_mouths, turns
from synclips.training.motion_data import NEAREST

LENGTH = 5
"""Frames of a window: as many as lie under one embedding of the SyncNet."""


@dataclass(frozen=True)
class Window:
    """`LENGTH` frames of one clip from `start`, to be rendered.

    skin:        for each, the frame that its base layer is taken from
    rest:        the speaker's lower face at rest, canonical
    photograph:  base layer and mouths come from one frame only
    skipped:     number of best-fitting mouths that are left out (see `mouths`)
    turn:        a rotation of the head about the mesh's middle by which the rendered frames are turned away from what
                 the clip shows; the frames that layers are taken from are not turned
    """

    clip: Clip
    start: int
    skin: np.ndarray
    rest: Float32[np.ndarray, "m 3"]
    photograph: bool = False
    skipped: int = 0
    turn: Float64[np.ndarray, "3 3"] | None = None

    @property
    def index(self) -> np.ndarray:
        """The frames to be rendered."""
        return np.arange(self.start, self.start + LENGTH)

    @property
    def pose(self) -> Float64[np.ndarray, "t 3 4"]:
        """Maps of canonical points to crop pixels of the frames to be rendered."""
        pose = self.clip.pose[self.index]
        if self.turn is None:
            return pose
        middle = self.clip.mesh.mean(axis=0)
        turned = pose[:, :, :3] @ self.turn
        moved = pose[:, :, 3] + (pose[:, :, :3] - turned) @ middle
        return np.concatenate([turned, moved[..., None]], axis=2)

    @property
    def donors(self) -> np.ndarray:
        """Frames that mouths may be taken from."""
        every = np.arange(len(self.clip))
        return every[(every <= self.start - NEAREST) | (every >= self.start + LENGTH - 1 + NEAREST)]

    @property
    def rotation(self) -> Float64[np.ndarray, "t 3 3"]:
        """The head's rotation in the frames to be rendered."""
        return crop_rotation(self.pose)

    def mouths(
        self, shapes: Float32[np.ndarray, "t m 3"], count: int, render: RenderConfig
    ) -> Int64[np.ndarray, "t count"]:
        """For each frame `count` frames of the clip whose mouths are warped to `shapes` (canonical positions).

        A photograph has one picture only. The `skipped` mouths nearest to the middle frame's shape are left out, so
        that training also sees banks that fit less well.
        """
        if self.photograph:
            return np.repeat(self.skin[:, None], count, axis=1)
        donors = self.donors
        if self.skipped:
            index = np.searchsorted(lower_points(), LIPS)
            away = self.clip.lower[donors][:, index, :2] - shapes[len(shapes) // 2, index, :2]
            nearest = np.linalg.norm(away, axis=2).mean(axis=1).argsort()[: min(self.skipped, len(donors) - 1)]
            donors = np.delete(donors, nearest)
        turn = turns(crop_rotation(self.clip.pose[donors]))
        bank = MouthShapes(donors, self.clip.lower[donors], turn)
        return donors[choose_mouths(bank, shapes, turns(self.rotation), count, render)]


def draw_window(store: Clips, key: str, sampling: SamplingConfig, rng: np.random.Generator) -> Window:
    """A random window of a clip."""
    clip = store[key]
    start = int(rng.integers(0, len(clip) - LENGTH + 1))
    photograph, skipped = bool(rng.random() < sampling.photograph), int(rng.integers(sampling.skipped + 1))
    window = window_at(store, key, start, rng, photograph=photograph, skipped=skipped)
    if rng.random() >= sampling.turned:
        return window
    from scipy.spatial.transform import Rotation

    largest = np.radians(sampling.largest_turn)
    angles = rng.normal(0, largest / 2).clip(-largest, largest)
    return replace(window, turn=Rotation.from_euler("xyz", angles).as_matrix())


def window_at(
    store: Clips, key: str, start: int, rng: np.random.Generator, *, photograph: bool = False, skipped: int = 0
) -> Window:
    """The window of a clip that starts at a frame; its base layers come from a random other time of the clip."""
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
    return Window(clip, start, skin, store.rest(clip.speaker), photograph, skipped)
