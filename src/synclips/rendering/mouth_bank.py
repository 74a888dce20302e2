"""The bank of the person's own mouths, at the video's resolution, and the choice of mouths for each frame."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64, UInt8

from synclips.config import RenderConfig
from synclips.errors import NoFaceError
from synclips.features.alignment import (
    CROP,
    WARP_VIEW,
    crop_box,
    crop_face,
    crop_pose,
    invert,
    moved_origin,
    transform,
)
from synclips.features.face_mesh import LIPS, OUTER_LIPS, lower_opening, lower_points, person_rest
from synclips.features.mesh_raster import extend
from synclips.media.frame_index import pictures_in_order
from synclips.media.picture import Box, Picture
from synclips.media.read_ahead import read_ahead, worked_on
from synclips.rendering.mesh_gain import MeshGain, measure_gain
from synclips.runtime import frame_workers
from synclips.tracking.tracked_video import TrackedVideo

ALIKE = 9
"""Mouths of nearest opening with which a mouth's detail is compared."""
OF_ALL = 0.9
"""Share of the median detail of all mouths that any mouth is expected to have."""
STEEP = 98
"""Percentile of gradients that stands for the steepest edges."""
NOISE = 0.1
"""Softness that mouths of equal detail may seem to have; what is beyond costs."""


@dataclass(frozen=True)
class Mouth:
    """One frame's lower face as it is in the video.

    picture: the part of the frame around the face, RGB
    points:  the extended mesh, scaled by the bank's gain, in that picture's pixels
    crops:   the face crops of this frame and its two neighbours on either side, for the video encoder
    """

    picture: UInt8[np.ndarray, "h w 3"]
    points: Float32[np.ndarray, "v 2"]
    crops: UInt8[np.ndarray, "5 144 144 3"]


@dataclass(frozen=True)
class MouthShapes:
    """What mouths are chosen by, in the order of their frames.

    lower:  canonical lower faces
    turn:   head rotation vectors in radians
    soft:   see `softness`; None where nothing is known of it
    """

    frames: Int64[np.ndarray, " n"]
    lower: Float32[np.ndarray, "n m 3"]
    turn: Float64[np.ndarray, "n 3"]
    soft: Float64[np.ndarray, " n"] | None = field(default=None, kw_only=True)

    def __len__(self) -> int:
        return len(self.frames)


@dataclass(frozen=True)
class MouthBank(MouthShapes):
    """The mouths of a video, what they are chosen by, and the gain of all meshes that are warped."""

    mouths: tuple[Mouth, ...]
    gain: MeshGain

    def without(self, frames: range) -> "MouthBank":
        """The bank without the mouths of some frames, so that a frame that is measured is not rendered from itself."""
        kept = np.array([int(f) not in frames for f in self.frames])
        mouths = tuple(m for m, k in zip(self.mouths, kept, strict=True) if k)
        soft = None if self.soft is None else self.soft[kept]
        return MouthBank(self.frames[kept], self.lower[kept], self.turn[kept], mouths, self.gain, soft=soft)


def build_bank(video: TrackedVideo, render: RenderConfig) -> MouthBank:
    """Take the usable mouths of a tracked video, evenly over its length if there are too many. Of large faces fewer are
    kept, as memory allows.

    Raises:
        NoFaceError: no frame shows a usable face.
    """
    usable = np.flatnonzero(video.track.visible)
    if len(usable) == 0:
        raise NoFaceError(f"no usable face in {video.path}; use a video that shows one from the front")
    boxes = _boxes(video)
    size = np.median(np.prod(boxes[usable, 2:] - boxes[usable, :2], axis=1)) * 3 + 5 * CROP * CROP * 3
    count = int(min(render.bank, max(2, render.bank_bytes // max(size, 1)), len(usable)))
    # runs of neighbours, so that the choice can follow real speech: every k-th run of eight frames
    chosen = usable if count == len(usable) else usable[_runs(len(usable), count)]
    found = list(_pictures(video, chosen, boxes))
    index = np.array([number for number, _, _ in found])
    meshes, turn = video.canonical(index), turns(video.pose.rotation[index])
    gain = measure_gain(
        [crops[len(crops) // 2] for _, _, crops in found],
        meshes,
        crop_pose(video.pose[index], video.alignment[index]),
        turn,
        person_rest(meshes)[lower_points()],
        render,
    )
    points = video.pose[index].to_image(extend(gain.mesh(meshes)))[..., :2] - boxes[index, None, :2]
    mouths = tuple(
        Mouth(picture, at, crops) for (_, picture, crops), at in zip(found, points.astype(np.float32), strict=True)
    )
    lower = meshes[:, lower_points()]
    return MouthBank(index, lower, turn, mouths, gain, soft=softness(mouths, lower))


def choose_mouths(
    bank: MouthShapes,
    shapes: Float32[np.ndarray, "n m 3"],
    turn: Float64[np.ndarray, "n 3"],
    count: int,
    render: RenderConfig,
    occluded: Bool[np.ndarray, " b"] | None = None,
    after: Int64[np.ndarray, " count"] | None = None,
) -> Int64[np.ndarray, "n count"]:
    """For each frame, `count` mouths whose lips come near the wanted canonical shape and whose head is turned alike.

    Each is a cheapest path (Viterbi, "Error bounds for convolutional codes", 1967) through the bank: it follows runs of
    real speech, and jumps at a cost. `occluded` mouths are chosen only where there is no other. `after`:
    the mouths of the frame before the first one, from which the paths go on. See `RenderConfig.choice` for the other
    ways.
    """
    if render.choice == "middle":
        return np.full((len(shapes), count), len(bank) // 2)
    index = np.searchsorted(lower_points(), LIPS)
    wanted, own = shapes[:, index, :2].reshape(len(shapes), -1), bank.lower[:, index, :2].reshape(len(bank), -1)
    distance = ((wanted**2).sum(1)[:, None] + (own**2).sum(1)[None] - 2 * wanted @ own.T) / len(index)
    cost = distance + render.turn_cost * ((turn[:, None] - bank.turn[None]) ** 2).sum(axis=2)
    if bank.soft is not None:
        cost = cost + render.soft_cost * np.maximum(bank.soft - NOISE, 0)
    if occluded is not None:
        cost = cost + render.occluded_cost * occluded
    follows = np.diff(bank.frames, prepend=-9) == 1
    paths = []
    for number in range(count):
        if render.choice != "path":
            path = cost.argmin(axis=1)
        elif after is None:
            path = cheapest_path(cost, follows, render.jump_cost)
        else:
            before = np.where(np.arange(len(bank)) == after[number], 0.0, np.inf)
            path = cheapest_path(np.concatenate([before[None], cost]), follows, render.jump_cost)[1:]
        paths.append(path)
        near = np.abs(np.arange(len(bank))[None] - path[:, None]) <= 2
        cost = cost + render.repeat_cost * near
    return np.stack(paths, axis=1)


def softness(mouths: Sequence[Mouth], lower: Float32[np.ndarray, "n m 3"]) -> Float64[np.ndarray, " n"]:
    """How much of its detail each mouth lacks, in [0, 1]: by motion blur, or out of focus.

    Detail is the steepest of the mouth's edges (the `STEEP`th percentile of the luminance's gradient, a pixel of the
    video), over its brightest luminance. It is compared with the median of the `ALIKE` mouths whose opening is nearest,
    since an open mouth has steeper edges than a closed one, and with `OF_ALL` of the median of all, since a mouth that
    opens fast is blurred more often than not.
    """
    detail = np.array([_detail(mouth) for mouth in mouths])
    opening = np.array([lower_opening(shape) for shape in lower])
    near = np.abs(opening[:, None] - opening[None]).argsort(axis=1, kind="stable")[:, :ALIKE]
    usual = np.maximum(np.median(detail[near], axis=1), OF_ALL * np.median(detail))
    return np.clip(1 - detail / np.maximum(usual, 1e-6), 0, 1)


def cheapest_path(
    cost: Float64[np.ndarray, "n b"], follows: Bool[np.ndarray, " b"], jump_cost: float
) -> Int64[np.ndarray, " n"]:
    """The path of least total cost: staying or going to the next mouth is free, any other move has `jump_cost`.

    `follows[j]`: mouth j is the frame right after mouth j - 1.
    """
    total = cost[0].astype(np.float64).copy()
    back = np.zeros(cost.shape, np.int64)
    every = np.arange(cost.shape[1])
    for t in range(1, len(cost)):
        best = int(total.argmin())
        value, source = total.copy(), every.copy()
        after = np.where(follows, np.roll(total, 1), np.inf)
        take = after < value
        value[take], source[take] = after[take], every[take] - 1
        jump = total[best] + jump_cost
        take = jump < value
        value[take], source[take] = jump, best
        back[t] = source
        total = value + cost[t]
    path = np.zeros(len(cost), np.int64)
    path[-1] = int(total.argmin())
    for t in range(len(cost) - 1, 0, -1):
        path[t - 1] = back[t, path[t]]
    return path


def turns(rotation: Float64[np.ndarray, "n 3 3"]) -> Float64[np.ndarray, "n 3"]:
    """Rotation vectors in radians."""
    from scipy.spatial.transform import Rotation

    return Rotation.from_matrix(rotation).as_rotvec()


def _detail(mouth: Mouth) -> float:
    lips = mouth.points[OUTER_LIPS]
    height, width = mouth.picture.shape[:2]
    border = 0.3 * np.ptp(lips[:, 0])
    low = np.clip(np.floor(lips.min(axis=0) - border).astype(int), 0, [width - 1, height - 1])
    high = np.clip(np.ceil(lips.max(axis=0) + border).astype(int), low + 1, [width, height])
    grey = cv2.cvtColor(mouth.picture[low[1] : high[1], low[0] : high[0]], cv2.COLOR_RGB2GRAY).astype(np.float32)
    if min(grey.shape) < 3:
        return 0.0
    slope = np.hypot(*np.gradient(grey))
    return float(np.percentile(slope, STEEP) / max(1.0, float(np.percentile(grey, 95))))


def face_crops(video: TrackedVideo, frames: list[int]) -> Iterator[UInt8[np.ndarray, "144 144 3"]]:
    """The face crops of some frames, in this order."""
    for number, picture in zip(frames, pictures_in_order(video.path, frames), strict=True):
        box = crop_box(video.alignment[number], picture.width, picture.height)
        yield _crop_and_cut(picture, video.alignment[number], box)[0]


def _crop_and_cut(
    picture: Picture, matrix: Float64[np.ndarray, "2 3"], box: Box
) -> tuple[UInt8[np.ndarray, "144 144 3"], UInt8[np.ndarray, "y x 3"]]:
    """The face crop (see `crop_face`), and a part of the picture. No other part of the frame is converted to RGB."""
    around = crop_box(matrix, picture.width, picture.height)
    left, top, right, bottom = box
    x, y = min(left, around[0]), min(top, around[1])
    pixels = picture.part((x, y, max(right, around[2]), max(bottom, around[3])))
    return crop_face(pixels, moved_origin(matrix, x, y)), pixels[top - y : bottom - y, left - x : right - x].copy()


def _runs(total: int, count: int, length: int = 8) -> np.ndarray:
    starts = np.linspace(0, total - length, max(1, count // length)).astype(int) if total > length else np.array([0])
    return np.unique((starts[:, None] + np.arange(min(length, total))).ravel())


def _boxes(video: TrackedVideo) -> Int64[np.ndarray, "n 4"]:
    """For each frame the rectangle that a warp may read (left, top, right, bottom), clipped to the frame."""
    view = WARP_VIEW
    corners = np.array(
        [[view.left, view.top], [view.right, view.top], [view.left, view.bottom], [view.right, view.bottom]]
    )
    image = transform(invert(video.alignment), np.repeat(corners[None].astype(np.float32), len(video), axis=0))
    low = np.floor(image.min(axis=1)).astype(np.int64).clip(0, [video.info.width - 2, video.info.height - 2])
    high = np.ceil(image.max(axis=1)).astype(np.int64) + 1
    return np.concatenate([low, np.maximum(high.clip(0, [video.info.width, video.info.height]), low + 2)], axis=1)


def _pictures(
    video: TrackedVideo, chosen: np.ndarray, boxes: np.ndarray
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Index, cut-out and the five crops around each chosen frame, in one pass over the frames."""
    around = (chosen[:, None] + np.arange(5) - 2).clip(0, len(video) - 1)
    needed = np.unique(around)
    crops: dict[int, np.ndarray] = {}
    cuts: dict[int, np.ndarray] = {}
    waiting = list(zip(chosen.tolist(), around.tolist(), strict=True))

    def cut(task: tuple[int, Picture]) -> tuple[int, np.ndarray, np.ndarray]:
        number, picture = task
        return number, *_crop_and_cut(picture, video.alignment[number], tuple(boxes[number].tolist()))

    pictures = read_ahead(pictures_in_order(video.path, needed.tolist()))
    made = worked_on(zip(needed.tolist(), pictures, strict=True), cut, frame_workers())
    for number, crop, part in made:
        crops[number], cuts[number] = crop, part
        while waiting and waiting[0][1][-1] <= number:
            index, window = waiting.pop(0)
            yield index, cuts[index], np.stack([crops[w] for w in window])
        if waiting:
            oldest = waiting[0][1][0]
            for old in [n for n in crops if n < oldest]:
                del crops[old], cuts[old]
