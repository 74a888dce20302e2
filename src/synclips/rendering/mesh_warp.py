"""Mesh to mesh at native resolution: one raster in crop space says where each layer's pixels come from."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Float64, UInt8

from synclips.features.alignment import LOWER_VIEW, WARP_VIEW, View, invert
from synclips.features.face_mesh import INNER_LIPS
from synclips.features.mesh_raster import Raster, face_mask, lip_masks, rasterise
from synclips.rendering.moving import around_lips

UNSEEN = 0.02
"""Share of the made face below which the frame is not touched at all."""
SMALLEST_GAP = 0.25
"""Canonical units that the inner lips keep apart: a crossed pair would turn triangles over and tear the mouth."""


@dataclass(frozen=True)
class Warp:
    """Everything one frame's warps share.

    raster:  of the wanted mesh over WARP_VIEW
    lips:    widened lip region and inner mouth over WARP_VIEW
    face:    where the made face replaces the frame, over WARP_VIEW
    spoken:  around the lips, where mouths and paint may show, over WARP_VIEW; beyond is the frame's own skin
    box:     left, top, right, bottom in the frame
    inward:  affine map from the box's pixels to the crop's
    """

    raster: Raster
    lips: Float32[np.ndarray, "2 h w"]
    face: Float32[np.ndarray, "h w"]
    spoken: Float32[np.ndarray, "h w"]
    box: tuple[int, int, int, int]
    inward: Float64[np.ndarray, "2 3"]

    @property
    def scale(self) -> float:
        """Pixels of the crop for one of the frame."""
        return float(np.hypot(*self.inward[:, 0]))

    def to_native(self, values: Float32[np.ndarray, "h w *c"], view: View = WARP_VIEW) -> Float32[np.ndarray, "y x *c"]:
        """A view's values at the box's pixels; outside the view they are 0."""
        left, top, right, bottom = self.box
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(values, self._into(view), (right - left, bottom - top), flags=flags)

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


def prepare_warp(
    points: Float32[np.ndarray, "v 2"],
    alignment: Float64[np.ndarray, "2 3"],
    width: int,
    height: int,
    share: Float32[np.ndarray, " v"] | None = None,
) -> Warp | None:
    """Raster and masks for the wanted mesh `points` (pixels of the frame); None if the face lies outside the frame.

    `share`: how far each point takes part (see moving.moving_share). Where a triangle lies turned over the frame stays.
    """
    view = WARP_VIEW
    origin = np.array([view.left, view.top])
    seen = into_view(points, alignment)
    raster = rasterise(seen, view.height, view.width)
    lips = lip_masks(seen, view.height, view.width)
    face = face_mask(raster, share) * _soft(~raster.turned)
    face = np.maximum(face - UNSEEN, 0) / (1 - UNSEEN)
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
    spoken = raster.interpolate(around_lips()[:, None])[..., 0]
    return Warp(raster, lips, face, spoken, (int(low[0]), int(low[1]), int(high[0]), int(high[1])), inward)


def into_view(points: Float32[np.ndarray, "v 2"], alignment: Float64[np.ndarray, "2 3"]) -> Float32[np.ndarray, "v 2"]:
    """Points of the frame in WARP_VIEW's pixels."""
    return (points @ alignment[:, :2].T + alignment[:, 2] - [WARP_VIEW.left, WARP_VIEW.top]).astype(np.float32)


def fetch(
    warp: Warp, source: UInt8[np.ndarray, "h w 3"], points: Float32[np.ndarray, "v 2"]
) -> UInt8[np.ndarray, "y x 3"]:
    """The source's pixels carried over to the wanted mesh, for every pixel of the warp's box.

    `points` are the extended mesh in the source's pixels.
    """
    at = warp.to_native(warp.raster.interpolate(points))
    return cv2.remap(source, at[..., 0], at[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def keep_lips_apart(lower: Float32[np.ndarray, "m 3"], position: np.ndarray) -> Float32[np.ndarray, "m 3"]:
    """The lower face with its inner lips not crossed; `position` are the inner lips' places in `lower`."""
    half = len(INNER_LIPS) // 2
    upper, below = position[1:half], position[:half:-1][: half - 1]
    overlap = np.maximum(0, SMALLEST_GAP - (lower[below, 1] - lower[upper, 1])) / 2
    result = lower.copy()
    result[upper, 1] -= overlap
    result[below, 1] += overlap
    return result


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
    """1 within, falling to 0 at the border: nothing outside is touched."""
    return np.clip(cv2.distanceTransform(allowed.astype(np.uint8), cv2.DIST_L2, 3) / reach, 0, 1)
