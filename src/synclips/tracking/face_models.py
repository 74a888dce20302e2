"""The two networks of MediaPipe Face Mesh, and what is computed before and after each.

A detector finds boxes and six points of each face in a square picture of 128 pixels (Bazarevsky et al., "BlazeFace:
sub-millisecond neural face detection on mobile GPUs", 2019), a regressor the 468 points of the mesh in a square of
192 pixels around one face (Kartynnik et al., "Real-time facial surface geometry from monocular video on mobile GPUs",
2019). Weights: `weights/` (Apache-2.0; scripts/import_face_models.py takes them from MediaPipe's wheel). Anchors,
decoding, suppression and regions are those of MediaPipe 0.10.21's graph `face_landmark_front_cpu`, so that the points
agree with those that the shipped model and the face template were made with. LiteRT runs the networks.
"""

import contextlib
import os
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from jaxtyping import Float32, Float64, UInt8

WEIGHTS: Final = Path(__file__).parent / "weights"
N_POINTS: Final = 468
BOX_SIDE, MESH_SIDE = 128, 192
"""Pixels of the networks' input, which is square."""
MARGIN: Final = 1.5
"""Side of the region that the mesh is computed in, in longer sides of the face's box."""
OVERLAP: Final = 0.3
"""IoU from which two boxes are of one face."""
STRIDES: Final = (8, 16, 16, 16)
"""Of the detector's layers, in pixels of its input; each has two anchors a cell."""
BOX_EYES: Final = (0, 1)
"""The eyes among a box's six points: the picture's left one, then the right one."""
MESH_EYES: Final = (33, 263)
"""The outer corners of the eyes in the mesh, in the same order."""
_KEYPOINTS: Final = 6
_CLIP: Final = 100.0
"""Largest absolute value of a raw score."""


@dataclass(frozen=True)
class Region:
    """A square of a picture: centre and side in pixels, and how far it is turned, in radians, clockwise as seen."""

    x: float
    y: float
    side: float
    angle: float = 0.0

    def overlap(self, other: "Region") -> float:
        """IoU of the two squares, their angles left out."""
        shared = [
            max((self.side + other.side) / 2 - max(abs(a - b), abs(self.side - other.side) / 2), 0.0)
            for a, b in ((self.x, other.x), (self.y, other.y))
        ]
        both = shared[0] * shared[1]
        return both / (self.side**2 + other.side**2 - both)

    def sample(self, image: UInt8[np.ndarray, "h w 3"], size: int, border: int) -> UInt8[np.ndarray, "s s 3"]:
        """What the region shows, in `size` pixels a side, bilinear; `border`: OpenCV's mode outside of the picture."""
        scale = self.side / size
        cos, sin = np.cos(self.angle) * scale, np.sin(self.angle) * scale
        to_image = np.array(
            [
                [cos, -sin, self.x - size / 2 * (cos - sin)],
                [sin, cos, self.y - size / 2 * (sin + cos)],
            ]
        )
        return cv2.warpAffine(
            image, to_image, (size, size), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=border
        )

    def to_image(self, points: Float32[np.ndarray, "p d"]) -> Float32[np.ndarray, "p d"]:
        """Points in units of the side, from the region's upper left corner, to pixels; a third coordinate is scaled."""
        centred = points[:, :2] - 0.5
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        x = (centred[:, 0] * cos - centred[:, 1] * sin) * self.side + self.x
        y = (centred[:, 0] * sin + centred[:, 1] * cos) * self.side + self.y
        return np.column_stack([x, y, points[:, 2:] * self.side]).astype(np.float32)


@dataclass(frozen=True)
class FaceBox:
    """A face that the detector found.

    score:   from 0 to 1
    box:     left, top, right, bottom in pixels
    points:  both eyes, nose, mouth and both ears, in pixels
    """

    score: float
    box: Float32[np.ndarray, " 4"]
    points: Float32[np.ndarray, "6 2"]

    @property
    def side(self) -> float:
        """The longer side, in pixels."""
        return float(max(self.box[2] - self.box[0], self.box[3] - self.box[1]))

    @property
    def region(self) -> Region:
        """Where to compute the mesh: the box with a margin, its upper edge parallel to the line between the eyes."""
        return _region(self.box[:2], self.box[2:], *self.points[list(BOX_EYES)])


def mesh_region(points: Float32[np.ndarray, "468 3"]) -> Region:
    """Where to compute the mesh in the next frame, from this frame's."""
    flat = points[:, :2]
    return _region(flat.min(axis=0), flat.max(axis=0), *flat[list(MESH_EYES)])


def _region(
    low: Float32[np.ndarray, " 2"],
    high: Float32[np.ndarray, " 2"],
    left_eye: Float32[np.ndarray, " 2"],
    right_eye: Float32[np.ndarray, " 2"],
) -> Region:
    (x, y), side, across = (low + high) / 2, (high - low).max() * MARGIN, right_eye - left_eye
    return Region(float(x), float(y), float(side), float(np.arctan2(across[1], across[0])))


class BoxNetwork:
    """Finds faces in regions of a picture; one takes up a tenth of the region's side, or more."""

    def __init__(self, *, threads: int = 1) -> None:
        self._network = _Network("face_detection_short_range", threads)

    def find(
        self, image: UInt8[np.ndarray, "h w 3"], regions: Sequence[Region], *, confidence: float
    ) -> list[list[FaceBox]]:
        """The faces in each region (not turned) whose score reaches `confidence`, the surest first."""
        found = []
        for region in regions:
            picture = region.sample(image, BOX_SIDE, cv2.BORDER_CONSTANT)
            boxes, scores = self._network(picture.astype(np.float32) * np.float32(2 / 255) - np.float32(1))
            found.append(
                [
                    FaceBox(face.score, region.to_image(face.box.reshape(2, 2)).ravel(), region.to_image(face.points))
                    for face in suppress(decode(boxes.reshape(-1, 16), scores.ravel(), confidence))
                ]
            )
        return found


class MeshNetwork:
    """Computes the mesh of the face in a region."""

    def __init__(self, *, threads: int = 1) -> None:
        self._network = _Network("face_landmark", threads)

    def fit(
        self, image: UInt8[np.ndarray, "h w 3"], regions: Sequence[Region]
    ) -> tuple[Float32[np.ndarray, "k 468 3"], Float32[np.ndarray, " k"]]:
        """Points in pixels and z in the same unit, growing away from the camera, and how surely a face is there."""
        meshes = np.empty((len(regions), N_POINTS, 3), np.float32)
        presence = np.empty(len(regions), np.float32)
        for number, region in enumerate(regions):
            picture = region.sample(image, MESH_SIDE, cv2.BORDER_REPLICATE)
            points, score = self._network(picture.astype(np.float32) * np.float32(1 / 255))
            meshes[number] = region.to_image(points.reshape(N_POINTS, 3) / np.float32(MESH_SIDE))
            presence[number] = sigmoid(score.ravel())[0]
        return meshes, presence


def sigmoid(value: Float32[np.ndarray, " n"]) -> Float32[np.ndarray, " n"]:
    """The logistic function of raw scores."""
    return (1 / (1 + np.exp(-np.clip(value, -_CLIP, _CLIP, dtype=np.float64)))).astype(np.float32)


@cache
def anchors() -> Float32[np.ndarray, "896 2"]:
    """Centres of the detector's anchors, x and y in units of its input's side; all are of that size.

    Liu et al., "SSD: single shot multibox detector" (ECCV 2016), with cells as BlazeFace has them: layers of one
    stride share a grid, in which each cell holds all their anchors.
    """
    centres = []
    for stride in sorted(set(STRIDES)):
        cells = BOX_SIDE // stride
        middle = (np.arange(cells) + 0.5) / cells
        y, x = np.meshgrid(middle, middle, indexing="ij")
        grid = np.stack([x.ravel(), y.ravel()], axis=1)
        centres.append(np.repeat(grid, 2 * STRIDES.count(stride), axis=0))
    return np.concatenate(centres).astype(np.float32)


def decode(raw: Float32[np.ndarray, "896 16"], scores: Float32[np.ndarray, " 896"], confidence: float) -> list[FaceBox]:
    """The boxes whose score reaches `confidence`, in units of the input's side, not yet suppressed.

    A row of `raw` holds the box's centre and size, then six points; centre and points count from the anchor.
    """
    sure = sigmoid(scores)
    rows = np.flatnonzero(sure >= confidence)
    values = raw[rows] / np.float32(BOX_SIDE)
    centre, size = values[:, :2] + anchors()[rows], values[:, 2:4]
    points = values[:, 4:].reshape(-1, _KEYPOINTS, 2) + anchors()[rows, None]
    boxes = np.concatenate([centre - size / 2, centre + size / 2], axis=1)
    proper = (size > 0).all(axis=1) & np.isfinite(values).all(axis=1)
    return [FaceBox(float(sure[rows[i]]), boxes[i], points[i]) for i in np.flatnonzero(proper)]


def suppress(found: list[FaceBox]) -> list[FaceBox]:
    """One box a face, the surest first: the mean, weighted by score, of those that overlap its surest.

    BlazeFace, section 3.4: weighted boxes jitter less from frame to frame than the surest alone.
    """
    left = sorted(found, key=lambda face: -face.score)
    faces = []
    while left:
        boxes = np.stack([face.box for face in left])
        same = iou(boxes[0], boxes) > OVERLAP
        weights = np.array([face.score for face in left], np.float32)[same]
        box = np.average(boxes[same], axis=0, weights=weights)
        points = np.average(np.stack([face.points for face in left])[same], axis=0, weights=weights)
        faces.append(FaceBox(left[0].score, box.astype(np.float32), points.astype(np.float32)))
        same[0] = True
        left = [face for face, taken in zip(left, same, strict=True) if not taken]
    return faces


def iou(box: Float32[np.ndarray, " 4"], boxes: Float32[np.ndarray, "n 4"]) -> Float64[np.ndarray, " n"]:
    """Intersection over union of a box with each of others."""
    wide = boxes.astype(np.float64)
    low, high = np.maximum(wide[:, :2], box[:2]), np.minimum(wide[:, 2:], box[2:])
    shared = np.prod(np.maximum(high - low, 0), axis=1)
    areas = np.prod(wide[:, 2:] - wide[:, :2], axis=1) + np.prod(box[2:].astype(np.float64) - box[:2])
    return shared / np.maximum(areas - shared, 1e-12)


class _Network:
    """One of the networks, loaded for one user: interpreters share nothing."""

    def __init__(self, name: str, threads: int) -> None:
        from ai_edge_litert.interpreter import Interpreter

        content = (WEIGHTS / f"{name}.tflite").read_bytes()  # a path may hold letters that C++ cannot open on Windows
        with _without_greeting():
            self._interpreter: Any = Interpreter(model_content=content, num_threads=threads)
            self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._outputs = [output["index"] for output in self._interpreter.get_output_details()]

    def __call__(self, picture: Float32[np.ndarray, "s s 3"]) -> list[Any]:
        """The output arrays for one picture."""
        self._interpreter.set_tensor(self._input, picture[None])
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index) for index in self._outputs]


_GREETING: Final = b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU."
_loading = threading.Lock()
_greeted = False


@contextlib.contextmanager
def _without_greeting() -> Iterator[None]:
    """Keep from standard error the line that LiteRT's C++ code writes there once a process; it has no setting for it.

    Whatever else is written meanwhile is passed on.
    """
    global _greeted
    with _loading:
        try:
            real = None if _greeted else os.dup(2)
        except OSError:  # there is no standard error
            real = None
        _greeted = True
        if real is None:
            yield
            return
        with tempfile.TemporaryFile(prefix="synclips-") as spool:
            os.dup2(spool.fileno(), 2)
            try:
                yield
            finally:
                os.dup2(real, 2)
                spool.seek(0)
                others = spool.read().replace(_GREETING, b"").strip(b"\r\n")
                if others:
                    os.write(real, others + b"\n")
                os.close(real)
