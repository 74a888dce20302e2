"""Warps from mesh to mesh: which points speech moves, how far, without folds, and where each pixel comes from.

One raster of the wanted mesh over a view of the face crop is shared by all layers of a frame; layers are sampled at the
video's own resolution. Masks say where the generated face replaces the frame and where mouths may show.
"""

from dataclasses import dataclass, replace
from functools import cache

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Float64, Int32, UInt8

from synclips.config import RenderConfig
from synclips.features.alignment import LOWER_VIEW, WARP_VIEW, View, invert
from synclips.features.face_mesh import (
    INNER_LIPS,
    LIPS,
    MOUTH_CENTRE,
    lower_points,
    lower_weight,
    smoothstep,
    template,
    triangles,
)
from synclips.features.mesh_raster import RING, Raster, extended_triangles, face_mask, lip_masks, rasterise
from synclips.media.picture import Box

MIDDLE, SIDE = 30.0, 52.0
"""Canonical units beside the mouth's middle up to which points move fully, and from which they do not move. At the
sides lies the outline against the background, which speech does not move and a warp could tear (EXPERIMENTS.md,
2026-11-24, "Stage 2, joint with the discriminator")."""
EDGE_ON, FACING = 0.1, 0.5
"""Cosines, seen from above, of the angle between the skin's normal and the viewer: below the first a point does not
move, from the second on it moves fully."""
NEAR_LIPS = 16.0
"""Canonical units from the lips within which that limit is lifted smoothly: the lips themselves always move."""
LEAST_AREA = 0.01
"""Share of its area in the frame that a triangle keeps at least."""
STEPS = 60
"""Most iterations of `without_folds`."""
UNSEEN = 0.02
"""Value of the face mask below which the frame is not changed at all."""
SMALLEST_GAP = 0.25
"""Canonical units that the inner lips keep apart: crossed lips would fold triangles and tear the mouth."""


@dataclass(frozen=True)
class Layout:
    """Where the parts of a wanted mesh lie in a view of the face crop, pixel by pixel.

    raster:  of the mesh
    lips:    widened lip region and inner mouth, in [0, 1]
    face:    where the generated face replaces the frame, in [0, 1]
    spoken:  around the lips, where mouths and residual may show, in [0, 1]; beyond it the base layer stands alone
    """

    raster: Raster
    lips: Float32[np.ndarray, "2 h w"]
    face: Float32[np.ndarray, "h w"]
    spoken: Float32[np.ndarray, "h w"]


@dataclass(frozen=True)
class Warp(Layout):
    """Everything one frame's warps share: the layout over WARP_VIEW, and where that lies in the frame.

    box:     left, top, right, bottom in the frame
    inward:  affine map from the box's pixels to the crop's
    """

    box: tuple[int, int, int, int]
    inward: Float64[np.ndarray, "2 3"]

    @property
    def scale(self) -> float:
        """Pixels of the crop for one of the frame."""
        return float(np.hypot(*self.inward[:, 0]))

    def around(self, view: View, border: int) -> "Warp":
        """The same warp for the part of the box that holds a view and `border` pixels around it."""
        corners = np.array([[x, y] for x in (view.left, view.right) for y in (view.top, view.bottom)], np.float64)
        places = (corners - self.inward[:, 2]) @ np.linalg.inv(self.inward[:, :2]).T
        size = np.subtract(self.box[2:], self.box[:2])
        low = np.clip(np.floor(places.min(axis=0)).astype(int) - border, 0, size - 1)
        high = np.clip(np.ceil(places.max(axis=0)).astype(int) + 1 + border, low + 1, size)
        left, top = self.box[:2]
        inward = self.inward.copy()
        inward[:, 2] += inward[:, :2] @ low
        box = int(left + low[0]), int(top + low[1]), int(left + high[0]), int(top + high[1])
        return replace(self, box=box, inward=inward)

    def to_native(
        self, values: Float32[np.ndarray, "h w *c"], view: View = WARP_VIEW, border: int = cv2.BORDER_CONSTANT
    ) -> Float32[np.ndarray, "y x *c"]:
        """A view's values at the box's pixels; outside the view they are 0, or as `border` (OpenCV's) says."""
        left, top, right, bottom = self.box
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(values, self._into(view), (right - left, bottom - top), flags=flags, borderMode=border)

    def to_lower_view(self, picture: UInt8[np.ndarray, "y x 3"]) -> UInt8[np.ndarray, "96 112 3"]:
        """The box's pixels in LOWER_VIEW, averaged over areas where it is coarser."""
        if self.scale < 0.75:
            picture = cv2.GaussianBlur(picture, (0, 0), 0.45 / self.scale)
        size = (LOWER_VIEW.width, LOWER_VIEW.height)
        flags = cv2.INTER_LINEAR
        return cv2.warpAffine(picture, self._into(LOWER_VIEW), size, flags=flags, borderMode=cv2.BORDER_REPLICATE)

    def _into(self, view: View) -> Float64[np.ndarray, "2 3"]:
        """The affine map from the box's pixels to the view's."""
        matrix = view.from_crop()
        return np.concatenate(
            [matrix[:, :2] @ self.inward[:, :2], matrix[:, :2] @ self.inward[:, 2:] + matrix[:, 2:]], axis=1
        )


def moving_share(rotation: Float64[np.ndarray, "3 3"], render: RenderConfig) -> Float32[np.ndarray, " v"]:
    """How far each point of the extended mesh moves with speech when the head is turned so, in [0, 1]."""
    normals = _normals() @ rotation.T
    across = -normals[:, 2] / np.maximum(np.hypot(normals[:, 0], normals[:, 2]), 1e-6)
    facing = smoothstep(((across - EDGE_ON) / (FACING - EDGE_ON)).astype(np.float32))
    share = _frontal() * np.maximum(facing, near_lips())
    if render.moving == "lips":
        share = np.where(np.isin(np.arange(len(share)), LIPS), share, 0)
    return np.concatenate([share, np.zeros(RING)]).astype(np.float32)


def wanted_mesh(
    own: Float32[np.ndarray, "468 3"], lower: Float32[np.ndarray, "m 3"], share: Float32[np.ndarray, " v"]
) -> Float32[np.ndarray, "468 3"]:
    """A frame's own canonical mesh with its lower face brought towards `lower`, each point as far as it moves."""
    wanted, index = own.copy(), lower_points()
    wanted[index] += share[index, None] * (lower - own[index])
    return wanted


def keep_lips_apart(lower: Float32[np.ndarray, "m 3"], position: np.ndarray) -> Float32[np.ndarray, "m 3"]:
    """The lower face with its inner lips `SMALLEST_GAP` apart; `position`: the inner lips' places in `lower`."""
    half = len(INNER_LIPS) // 2
    upper, below = position[1:half], position[:half:-1][: half - 1]
    overlap = np.maximum(0, SMALLEST_GAP - (lower[below, 1] - lower[upper, 1])) / 2
    result = lower.copy()
    result[upper, 1] -= overlap
    result[below, 1] += overlap
    return result


def without_folds(own: Float32[np.ndarray, "v 2"], wanted: Float32[np.ndarray, "v 2"]) -> Float32[np.ndarray, "v 2"]:
    """The wanted mesh (pixels), changed so that no triangle folds over that the frame's `own` mesh shows unfolded.

    Corners of a triangle whose signed area is below `LEAST_AREA` of its own are moved along the area's gradient
    (position-based dynamics: Mueller et al., "Position based dynamics", 2007). If that does not converge in `STEPS`
    iterations, the whole motion is scaled down towards the frame's own mesh.
    """
    corners = extended_triangles()
    least = double_areas(own, corners) * LEAST_AREA
    shown = least > 0
    points = wanted.astype(np.float64)
    for _ in range(STEPS):
        short = np.flatnonzero(shown & (double_areas(points, corners) < least))
        if len(short) == 0:
            return points.astype(np.float32)
        a, b, c = (points[corners[short, k]] for k in range(3))
        slopes = np.stack([b - c, c - a, a - b])[..., ::-1] * [1, -1]  # of the area, by each corner
        lack = least[short] - double_areas(points, corners[short])
        push = slopes * (lack / np.maximum((slopes**2).sum(axis=(0, 2)), 1e-9))[None, :, None]
        total, count = np.zeros_like(points), np.zeros((len(points), 1))
        for k in range(3):
            np.add.at(total, corners[short, k], push[k])
            np.add.at(count, corners[short, k], 1)
        points += 1.5 * total / np.maximum(count, 1)
    for share in 0.5 ** np.arange(1, 8):
        points = own + (wanted - own) * share
        if not (shown & (double_areas(points, corners) < least / 2)).any():
            return points.astype(np.float32)
    return own


def lay_out(
    points: Float32[np.ndarray, "v 2"],
    view: View,
    render: RenderConfig,
    share: Float32[np.ndarray, " v"] | None = None,
) -> Layout:
    """The layout of a wanted mesh, `points` in the view's pixels, for training and for rendering.

    `share`: how far each point moves with speech (see `moving_share`). Where a triangle is folded over the frame is
    kept.
    """
    raster = rasterise(points, view.height, view.width)
    face = face_mask(raster, share) * _soft(~raster.turned)
    face = np.maximum(face - UNSEEN, 0) / (1 - UNSEEN)
    spoken = raster.interpolate(around_lips(render.spoken_reach)[:, None])[..., 0]
    return Layout(raster, lip_masks(points, view.height, view.width), face, spoken)


def prepare_warp(
    points: Float32[np.ndarray, "v 2"],
    alignment: Float64[np.ndarray, "2 3"],
    width: int,
    height: int,
    render: RenderConfig,
    share: Float32[np.ndarray, " v"] | None = None,
) -> Warp | None:
    """Raster and masks for the wanted mesh `points` (pixels of the frame); None if the face lies outside the frame.

    `share`: as `lay_out`.
    """
    view = WARP_VIEW
    origin = np.array([view.left, view.top])
    layout = lay_out(into_view(points, alignment), view, render, share)
    face = layout.face
    face[[0, -1]] = 0
    face[:, [0, -1]] = 0
    outward = invert(alignment[None])[0]
    x, y = _extent(face)
    corners = np.array([[x[0], y[0]], [x[1], y[0]], [x[0], y[1]], [x[1], y[1]]]) + origin
    corners = corners @ outward[:, :2].T + outward[:, 2]
    low = np.maximum(np.floor(corners.min(axis=0)).astype(int), 0)
    high = np.minimum(np.ceil(corners.max(axis=0)).astype(int) + 1, [width, height])
    if (high - low < 8).any():
        return None
    inward = alignment.copy()
    inward[:, 2] += alignment[:, :2] @ low
    return Warp(
        layout.raster, layout.lips, face, layout.spoken, (int(low[0]), int(low[1]), int(high[0]), int(high[1])), inward
    )


def reach_of_warp(alignment: Float64[np.ndarray, "2 3"], width: int, height: int) -> Box:
    """The part of a frame that a warp may read or change: all that `prepare_warp` makes lies within it."""
    view, outward = WARP_VIEW, invert(alignment[None])[0]
    x, y = (view.left - 3, view.right + 3), (view.top - 3, view.bottom + 3)
    corners = np.array([[x[i], y[j]] for i in (0, 1) for j in (0, 1)]) @ outward[:, :2].T + outward[:, 2]
    low = np.clip(np.floor(corners.min(axis=0)).astype(int), 0, [width, height])
    high = np.clip(np.ceil(corners.max(axis=0)).astype(int) + 2, 0, [width, height])
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def warp_image(
    warp: Warp, source: UInt8[np.ndarray, "h w 3"], points: Float32[np.ndarray, "v 2"]
) -> UInt8[np.ndarray, "y x 3"]:
    """The source's pixels warped to the wanted mesh, for every pixel of the warp's box (bicubic).

    `points` are the extended mesh in the source's pixels.
    """
    at = warp.to_native(warp.raster.interpolate(points))
    return cv2.remap(source, at[..., 0], at[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def painted_region(spoken: Float32[np.ndarray, "h w"], border: int = 6) -> Float32[np.ndarray, "h w"]:
    """Where mouths and residual may show in the refiner's view: `spoken`, falling to 0 over the view's outermost
    pixels."""
    height, width = spoken.shape
    y = np.minimum(np.arange(height), np.arange(height)[::-1])
    x = np.minimum(np.arange(width), np.arange(width)[::-1])
    return np.clip(np.minimum(y[:, None], x[None]) / border, 0, 1).astype(np.float32) * spoken


def into_view(points: Float32[np.ndarray, "v 2"], alignment: Float64[np.ndarray, "2 3"]) -> Float32[np.ndarray, "v 2"]:
    """Points of the frame in WARP_VIEW's pixels."""
    return (points @ alignment[:, :2].T + alignment[:, 2] - [WARP_VIEW.left, WARP_VIEW.top]).astype(np.float32)


def double_areas(
    points: Float32[np.ndarray, "v 2"] | Float64[np.ndarray, "v 2"], corners: Int32[np.ndarray, "t 3"]
) -> Float64[np.ndarray, " t"]:
    """Twice each triangle's signed area, negative where it is folded over."""
    a, b, c = (points[corners[:, k]].astype(np.float64) for k in range(3))
    return (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])


@cache
def near_lips(reach: float = NEAR_LIPS) -> Float32[np.ndarray, " 468"]:
    """1 on the lips, falling to 0 at `reach` canonical units from them."""
    points = template()[:, :2]
    distance = np.linalg.norm(points[:, None] - points[None, LIPS], axis=2).min(axis=1)
    return smoothstep((1 - distance / reach).astype(np.float32)).astype(np.float32)


@cache
def around_lips(reach: float) -> Float32[np.ndarray, " v"]:
    """For each point of the extended mesh how far mouths and residual may show there: 1 about the lips, 0 at `reach`
    canonical units from them."""
    share = smoothstep(2 * near_lips(reach))
    return np.concatenate([share, np.zeros(RING, np.float32)])


@cache
def _frontal() -> Float32[np.ndarray, " 468"]:
    beside = np.abs(template()[:, 0] - MOUTH_CENTRE[0])
    return (lower_weight() * (1 - smoothstep((beside - MIDDLE) / (SIDE - MIDDLE)))).astype(np.float32)


@cache
def _normals() -> Float64[np.ndarray, "468 3"]:
    """Outward directions of the average face at each point, smoothed over the neighbouring points."""
    points, corners = template().astype(np.float64), triangles()
    a, b, c = (points[corners[:, k]] for k in range(3))
    flat = np.cross(b - a, c - a)
    for _ in range(3):
        total = np.zeros_like(points)
        for k in range(3):
            np.add.at(total, corners[:, k], flat)
        flat = total[corners].sum(axis=1)
    total *= -np.sign(total[:, 2].sum())  # outward: towards the viewer, against z
    return total / np.linalg.norm(total, axis=1, keepdims=True)


def _extent(face: Float32[np.ndarray, "h w"]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Columns and rows of WARP_VIEW (from, to) that hold the face's mask and LOWER_VIEW."""
    result = []
    for axis, low, high in (
        (0, LOWER_VIEW.left - WARP_VIEW.left, LOWER_VIEW.right - WARP_VIEW.left),
        (1, LOWER_VIEW.top - WARP_VIEW.top, LOWER_VIEW.bottom - WARP_VIEW.top),
    ):
        used = np.flatnonzero(face.any(axis=axis))
        result.append((int(min([low, *used[:1]])) - 1, int(max([high, *used[-1:] + 1])) + 1))
    return result[0], result[1]


def _soft(allowed: Bool[np.ndarray, "h w"], reach: int = 3) -> Float32[np.ndarray, "h w"]:
    """1 inside `allowed`, falling to 0 over its outermost `reach` pixels."""
    return np.clip(cv2.distanceTransform(allowed.astype(np.uint8), cv2.DIST_L2, 3) / reach, 0, 1)
