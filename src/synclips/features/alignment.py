"""The face crop: a square, upright, equally large picture of every face, and the way back. Shared by training and
rendering.

A crop pixel (u, v) shows the canonical point ((u + .5) / CROP_SCALE, (v + .5) / CROP_SCALE + CROP_TOP) - .5; at GRID's
size one crop pixel is about one pixel of the video, so that nothing is lost or invented.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float32, Float64, Int64, UInt8

from synclips.features.face_mesh import RIGID, Pose, template
from synclips.features.smoothing import steady

CROP = 144
"""Width and height of a face crop in pixels."""
CROP_SCALE = 1.125
"""Crop pixels for one canonical unit."""
REDUCED = 0.75
"""Crop pixels for one of the image below which it is averaged over areas first."""
CROP_TOP = 16.0
"""Canonical y at the crop's upper edge."""


@dataclass(frozen=True)
class View:
    """A part of the face crop (rows top to bottom, columns left to right), shown at `height` x `width` pixels."""

    top: int
    bottom: int
    left: int
    right: int
    height: int
    width: int

    @property
    def rows(self) -> slice:
        """Rows of the crop."""
        return slice(self.top, self.bottom)

    @property
    def columns(self) -> slice:
        """Columns of the crop."""
        return slice(self.left, self.right)

    def from_crop(self) -> Float64[np.ndarray, "2 3"]:
        """The affine map from crop pixels to this view's pixels (pixel centres at whole numbers)."""
        x, y = self.width / (self.right - self.left), self.height / (self.bottom - self.top)
        return np.array([[x, 0, (0.5 - self.left) * x - 0.5], [0, y, (0.5 - self.top) * y - 0.5]])

    def show(
        self, crops: UInt8[np.ndarray, "n 144 144 3"], matrix: Float64[np.ndarray, "2 3"] | None = None
    ) -> UInt8[np.ndarray, "n h w 3"]:
        """The view of each crop, by `from_crop` or another affine map; averaged over areas where it is much coarser."""
        matrix = self.from_crop() if matrix is None else matrix
        coarse = (self.right - self.left) / self.width
        if coarse > 1.4:
            crops = np.stack([cv2.GaussianBlur(crop, (0, 0), 0.4 * coarse) for crop in crops])
        size, flags = (self.width, self.height), cv2.INTER_LINEAR
        return np.stack([cv2.warpAffine(c, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE) for c in crops])


LOWER_VIEW = View(48, 144, 16, 128, 96, 112)
"""The lower face: what the refiner repaints."""
MOUTH_VIEW = View(64, 112, 24, 120, 48, 96)
"""The mouth: what the SyncNet sees, and where mouth quality is measured."""
WARP_VIEW = View(40, 176, -24, 168, 136, 192)
"""All that a warp may move, the ring included: it reaches beyond the crop."""
BLUEPRINT_VIEW = View(48, 144, 24, 120, 32, 32)
"""What the `blueprint` preset sees and paints."""


def fit_alignment(
    points: Float32[np.ndarray, "n 468 3"], cuts: Int64[np.ndarray, " k"] | None = None
) -> Float64[np.ndarray, "n 2 3"]:
    """For each frame the 2-D similarity from image pixels to crop pixels, from rigid points kept steady within each
    shot (`cuts`: frames that begin one)."""
    source = steady(points[:, RIGID, :2].astype(np.float64), cuts)
    target = canonical_to_crop(template()[RIGID, :2].astype(np.float64))
    s, t = source - source.mean(axis=1, keepdims=True), target - target.mean(axis=0)
    norm = (s**2).sum(axis=(1, 2))
    a = (s * t).sum(axis=(1, 2)) / norm
    b = (s[..., 0] * t[:, 1] - s[..., 1] * t[:, 0]).sum(axis=1) / norm
    linear = np.stack([np.stack([a, -b], 1), np.stack([b, a], 1)], 1)
    offset = target.mean(axis=0) - np.einsum("nij,nj->ni", linear, source.mean(axis=1))
    return np.concatenate([linear, offset[..., None]], axis=2)


def canonical_to_crop(points: Float64[np.ndarray, "*n 2"]) -> Float64[np.ndarray, "*n 2"]:
    """Canonical x, y to crop pixels."""
    return (points - [0.0, CROP_TOP]) * CROP_SCALE


def crop_pose(pose: Pose, alignment: Float64[np.ndarray, "n 2 3"]) -> Float64[np.ndarray, "n 3 4"]:
    """Canonical points to crop pixels (and depth in the image's unit), as one affine map a frame."""
    image = np.concatenate([pose.scale[:, None, None] * pose.rotation, pose.translation[..., None]], axis=2)
    crop = image.copy()
    crop[:, :2] = alignment[:, :, :2] @ image[:, :2]
    crop[:, :2, 3] += alignment[:, :, 2]
    return crop


def crop_rotation(pose: Float64[np.ndarray, "n 3 4"]) -> Float64[np.ndarray, "n 3 3"]:
    """The head's rotation in the crop's frame, from maps of canonical points to crop pixels (see `crop_pose`)."""
    across, down = (pose[:, k, :3] / np.linalg.norm(pose[:, k, :3], axis=1, keepdims=True) for k in (0, 1))
    return np.stack([across, down, np.cross(across, down)], axis=1)


def transform(
    matrix: Float64[np.ndarray, "n 2 3"], points: Float32[np.ndarray, "n p 2"]
) -> Float32[np.ndarray, "n p 2"]:
    """Apply a 2-D affine map to each frame's points."""
    return (np.einsum("nij,npj->npi", matrix[..., :2], points) + matrix[:, None, :, 2]).astype(np.float32)


def invert(matrix: Float64[np.ndarray, "n 2 3"]) -> Float64[np.ndarray, "n 2 3"]:
    """The inverse 2-D affine maps."""
    linear = np.linalg.inv(matrix[..., :2])
    return np.concatenate([linear, -linear @ matrix[..., 2:]], axis=2)


def crop_box(matrix: Float64[np.ndarray, "2 3"], width: int, height: int) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of all that `crop_face` reads of an image of this size; it holds a pixel at least."""
    corners = np.array([[[0, 0], [CROP, 0], [0, CROP], [CROP, CROP]]], np.float32)
    corners = transform(invert(matrix[None]), corners)[0]
    margin = 3 + int(2 / float(np.hypot(matrix[0, 0], matrix[1, 0])))
    low = np.clip(np.floor(corners.min(axis=0)).astype(int) - margin, 0, [width - 1, height - 1])
    high = np.clip(np.ceil(corners.max(axis=0)).astype(int) + margin, low + 1, [width, height])
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def moved_origin(matrix: Float64[np.ndarray, "2 3"], left: int, top: int) -> Float64[np.ndarray, "2 3"]:
    """The map for the part of the image that begins at this column and row."""
    moved = matrix.copy()
    moved[:, 2] += matrix[:, :2] @ [left, top]
    return moved


def crop_face(image: UInt8[np.ndarray, "h w 3"], matrix: Float64[np.ndarray, "2 3"]) -> UInt8[np.ndarray, "144 144 3"]:
    """The face crop that `matrix` (image -> crop) cuts out; outside the image its edge is repeated.

    A face larger than the crop is first reduced by area averaging, so that nothing aliases.
    """
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    if scale < REDUCED:
        corners = transform(invert(matrix[None]), np.array([[[0, 0], [CROP, 0], [0, CROP], [CROP, CROP]]], np.float32))[
            0
        ]
        low = np.floor(corners.min(axis=0)).astype(int) - 2
        high = np.ceil(corners.max(axis=0)).astype(int) + 3
        low, high = np.maximum(low, 0), np.minimum(high, [image.shape[1], image.shape[0]])
        if (high > low).all():
            image = image[low[1] : high[1], low[0] : high[0]]
            size = np.maximum(1, np.round((high - low) * scale)).astype(int)
            image = cv2.resize(image, tuple(int(v) for v in size), interpolation=cv2.INTER_AREA)
            shrink = size / (high - low)
            # pixel centres: reduced = (original - low + .5) * shrink - .5
            back = np.array(
                [[1 / shrink[0], 0, low[0] - 0.5 + 0.5 / shrink[0]], [0, 1 / shrink[1], low[1] - 0.5 + 0.5 / shrink[1]]]
            )
            matrix = matrix[:, :2] @ back + np.concatenate([np.zeros((2, 2)), matrix[:, 2:]], axis=1)
    return cv2.warpAffine(image, matrix, (CROP, CROP), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
