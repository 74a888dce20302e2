"""Occluders of the mouth (a hand, a microphone): where a frame's lower face differs from the person's others.

Every frame's lower face is warped by the mesh to one texture, so that lips lie on lips whatever the head pose. It is
compared with the textures of the bank's mouths that are most similar in shape and pose: their median is the expected
texture, their spread its tolerance. What differs coherently, over an area and over frames, is an occluder.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cache, partial

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64, UInt8

from synclips.features.alignment import transform
from synclips.features.face_mesh import LIPS, OUTER_LIPS, lower_weight, template
from synclips.features.mesh_raster import RING, Raster, extend, rasterise
from synclips.mapped_files import parts
from synclips.media.read_ahead import read_ahead, worked_on
from synclips.rendering.mouth_bank import MouthBank, face_crops
from synclips.runtime import frame_workers
from synclips.tracking.tracked_video import TrackedVideo

HEIGHT, WIDTH = 49, 63
"""Texels of a texture."""
LEFT, TOP, DENSITY = 22.0, 60.0, 0.75
"""Canonical position of its corner, and texels a canonical unit."""
ALIKE = 15
"""Most similar mouths from which the expected texture is computed: an odd number, so that one is the median."""
TOGETHER = 64
"""Frames whose meshes are computed at once."""
FEWEST = 30
"""Mouths that a bank must have for occluders to be looked for."""
TOLERANCE = np.array([9.0, 3.5, 3.5], np.float32)
"""Differences in L, a, b (OpenCV's 8-bit scale) that are tolerated beyond 1.5 spreads of the similar mouths."""
CHROMA = np.array([1.0, 2.0, 2.0], np.float32)
"""Weights of differences in L, a, b."""
TURN_COUNTS = 60.0
"""Squared canonical units of lip shape that a squared radian of head pose counts in the search for them."""
FAR = 6.0
"""Squared canonical units of distance to the similar mouths at which the tolerance doubles."""
WEAK, STRONG = 3.0, 14.0
"""Differences from which texels may belong to an occluder, and from which they are its core."""
LEAST_AREA, LEAST_CORE = 40, 15
"""Least number of an occluder's texels, and of those in its core."""
ISLAND = 0.5
"""Share of the lips that an occluder covers at least which does not reach the compared texels' border at the sides or
below. What covers less is the person's own: a corner of the mouth beside a mesh that lies wrong, with the fold from
there to the nose, as in a grimace. A hand or a microphone comes from outside."""
MOST_COVERED = 0.1
"""Share of its lips covered from which a mouth of the bank is not used."""


@dataclass(frozen=True)
class Appearance:
    """How the person's lower face looks. lips: canonical shape; turn: rotation vectors; occluded: covered mouths."""

    textures: Float32[np.ndarray, "m a 3"]
    frames: Int64[np.ndarray, " m"]
    lips: Float32[np.ndarray, "m p"]
    turn: Float64[np.ndarray, "m 3"]
    occluded: Bool[np.ndarray, " m"]

    def difference(
        self,
        texture: Float32[np.ndarray, "a 3"],
        frame: int,
        lips: Float32[np.ndarray, " p"],
        turn: Float64[np.ndarray, " 3"],
    ) -> Float32[np.ndarray, "h w"]:
        """How far each texel of a frame differs from what is expected there, beyond the tolerance."""
        off = ((self.lips - lips) ** 2).mean(axis=1) + TURN_COUNTS * ((self.turn - turn) ** 2).sum(axis=1)
        near = np.abs(self.frames - frame) <= min(12, len(self.frames) // 30)
        off = np.where(near | self.occluded, np.inf, off)
        alike = np.argpartition(off, ALIKE)[:ALIKE]
        alike = alike[np.isfinite(off[alike])]
        result = np.zeros((HEIGHT, WIDTH), np.float32)
        if len(alike) < ALIKE:
            return result
        textures = self.textures[alike]
        expected = np.partition(textures, ALIKE // 2, axis=0)[ALIKE // 2]
        spread = np.partition(np.abs(textures - expected), ALIKE // 2, axis=0)[ALIKE // 2] * np.float32(1.48)
        error = texture - expected
        error -= np.median(error, axis=0)  # the light
        allowed = 1.5 * spread + TOLERANCE * np.float32(1 + np.median(off[alike]) / FAR)
        beyond = np.maximum(np.abs(error) - allowed, 0) * CHROMA
        result[_area()] = np.sqrt((beyond**2).sum(axis=1))
        return cv2.GaussianBlur(result, (0, 0), 1)


@dataclass(frozen=True)
class Occluders:
    """What occludes the lower face. masks: by frame, only where there is something; covered: share of the lips."""

    masks: dict[int, Bool[np.ndarray, "49 63"]]
    covered: Float32[np.ndarray, " n"]

    def in_front(
        self, frame: int, points: Float32[np.ndarray, "v 2"], height: int, width: int
    ) -> Float32[np.ndarray, "h w"]:
        """Where the frame must stay as it is, 0 to 1; `points`: its own extended mesh, in pixels of the result."""
        mask = cv2.dilate(self.masks[frame].astype(np.float32), np.ones((3, 3), np.uint8))
        mask = cv2.GaussianBlur(mask[_nearest()], (0, 0), 0.8)
        at = rasterise(points, height, width).interpolate(_flat_points())
        return cv2.remap(mask, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


@dataclass(frozen=True)
class _Seen:
    """A frame that is looked at: its face crop (None: its texture is known), the mesh there, the lips' shape."""

    number: int
    crop: UInt8[np.ndarray, "144 144 3"] | None
    points: Float32[np.ndarray, "v 2"]
    lips: Float32[np.ndarray, " p"]


def learn_appearance(video: TrackedVideo, bank: MouthBank) -> Appearance:
    """The textures of a bank's mouths; occluded mouths are found and marked.

    They are looked for twice: once some are known, they no longer spread what is expected of the others.
    """
    lips, points = _lips(video, bank.frames), crop_points(video, bank.frames)
    crops = (mouth.crops[len(mouth.crops) // 2] for mouth in bank.mouths)
    made = worked_on(zip(crops, points, strict=True), lambda seen: _texture(*seen), frame_workers())
    textures = np.stack(list(made))
    first = Appearance(textures, bank.frames, lips, bank.turn, np.zeros(len(bank), bool))
    if len(bank) < FEWEST:
        return first
    found = first
    for _ in range(2):
        each = zip(textures, bank.frames.tolist(), lips, bank.turn, strict=True)
        shares = worked_on(each, partial(_covered_lips, found), frame_workers())
        occluded = np.array(list(shares)) > MOST_COVERED
        if not occluded.any() or occluded.mean() > 0.5:
            break
        found = replace(first, occluded=found.occluded | occluded)
    return found if found.occluded.mean() <= 0.5 else first


def find_occluders(
    video: TrackedVideo,
    appearance: Appearance,
    turn: Float64[np.ndarray, "n 3"],
    frames: Int64[np.ndarray, " k"],
    on_frame: Callable[[], None] = lambda: None,
) -> Occluders:
    """What occludes the lower face in some frames (ascending) of a video; `turn`: rotation vectors of all.

    An occluder found in one frame must overlap one in half of its neighbours. `on_frame` is called before each
    frame, and may raise to end the search.
    """
    masks: dict[int, np.ndarray] = {}
    covered = np.zeros(len(video), np.float32)
    frames = frames[video.track.visible[frames]]
    if len(appearance.frames) < FEWEST:
        return Occluders(masks, covered)
    known = {int(frame): row for row, frame in enumerate(appearance.frames)}
    crops = read_ahead(face_crops(video, [number for number in frames.tolist() if number not in known]))

    def tasks() -> Iterator[_Seen]:
        lips, points = _lips(video, frames), crop_points(video, frames)
        for number, shape, at in zip(frames.tolist(), lips, points, strict=True):
            on_frame()
            yield _Seen(number, None if number in known else next(crops), at, shape)

    def look(task: _Seen) -> Bool[np.ndarray, "h w"]:
        texture = appearance.textures[known[task.number]] if task.crop is None else _texture(task.crop, task.points)
        return find_occluded(appearance.difference(texture, task.number, task.lips, turn[task.number]))

    with closing(crops), closing(worked_on(tasks(), look, frame_workers())) as found:
        seen = list(found)
    for row, mask in enumerate(seen):
        around = [seen[k] for k in (row - 2, row - 1, row + 1, row + 2) if 0 <= k < len(seen)]
        if mask.any() and sum(bool((_widened(other) & mask).any()) for other in around) * 2 >= max(1, len(around)):
            masks[int(frames[row])] = mask
            covered[frames[row]] = _share_of_lips(mask)
    return Occluders(masks, covered)


def find_occluded(difference: Float32[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """Connected texels that differ, as far as some of each group differ strongly."""
    weak = cv2.morphologyEx((difference > WEAK).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    count, label, stats, _ = cv2.connectedComponentsWithStats(weak)
    core = np.bincount(label[difference > STRONG], minlength=count)
    kept = (stats[:, cv2.CC_STAT_AREA] >= LEAST_AREA) & (core >= LEAST_CORE)
    reaching = np.bincount(label[_border()], minlength=count) > 0
    covering = np.bincount(label[_lip_texels()], minlength=count) >= ISLAND * _lip_texels().sum()
    kept &= reaching | covering
    kept[0] = False
    return kept[label]


def _covered_lips(known: Appearance, seen: tuple[np.ndarray, int, np.ndarray, np.ndarray]) -> float:
    return _share_of_lips(find_occluded(known.difference(*seen)))


def _widened(mask: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    return cv2.dilate(mask.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0


def _share_of_lips(mask: Bool[np.ndarray, "h w"]) -> float:
    return float(mask[_lip_texels()].mean())


def _texture(crop: UInt8[np.ndarray, "144 144 3"], points: Float32[np.ndarray, "v 2"]) -> Float32[np.ndarray, "a 3"]:
    """The lower face's texture, in Lab; `points`: the extended mesh in the crop's pixels."""
    at = _flat().interpolate(points)
    smooth = cv2.GaussianBlur(crop, (0, 0), 1.0)
    flat = cv2.remap(smooth, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    lab = cv2.cvtColor(flat, cv2.COLOR_RGB2LAB).astype(np.float32)
    return cv2.GaussianBlur(lab, (0, 0), 1.2)[_area()]


def _lips(video: TrackedVideo, frames: Int64[np.ndarray, " k"]) -> Float32[np.ndarray, "k p"]:
    return video.canonical(frames)[:, LIPS, :2].reshape(len(frames), 2 * len(LIPS))


def crop_points(video: TrackedVideo, frames: Int64[np.ndarray, " k"]) -> Iterator[Float32[np.ndarray, "v 2"]]:
    """The extended mesh of some frames in the pixels of their face crops."""
    for part in parts(len(frames), TOGETHER, video.track.points[:1].nbytes):
        some = frames[part]
        image = video.pose[some].to_image(extend(video.canonical(some)))[..., :2]
        yield from transform(video.alignment[some], image)


@cache
def _flat_points() -> Float32[np.ndarray, "v 2"]:
    return ((extend(template()[None])[0, :, :2] - [LEFT, TOP]) * DENSITY - 0.5).astype(np.float32)


@cache
def _flat() -> Raster:
    return rasterise(_flat_points(), HEIGHT, WIDTH)


@cache
def _area() -> Bool[np.ndarray, "h w"]:
    weight = np.concatenate([lower_weight(), np.zeros(RING, np.float32)])
    return (_flat().corners < len(lower_weight())).all(axis=2) & (_flat().interpolate(weight[:, None])[..., 0] > 0.25)


@cache
def _border(width: int = 3) -> Bool[np.ndarray, "h w"]:
    """The texels beside or below which at most `width` are compared."""
    area = _area().astype(np.int64)
    left, right = area.cumsum(axis=1), area[:, ::-1].cumsum(axis=1)[:, ::-1]
    below = area[::-1].cumsum(axis=0)[::-1]
    return _area() & ((left <= width) | (right <= width) | (below <= width))


@cache
def _nearest() -> tuple[np.ndarray, np.ndarray]:
    """For each texel the nearest of those that are compared: an occluder of the chin is continued below it."""
    from scipy.ndimage import distance_transform_edt

    rows, columns = distance_transform_edt(~_area(), return_distances=False, return_indices=True)
    return rows, columns


@cache
def _lip_texels() -> Bool[np.ndarray, "h w"]:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.fillPoly(mask, [np.round(_flat_points()[OUTER_LIPS]).astype(np.int32)], 1)
    return mask > 0
