"""Where the face is in every frame: a detector's points become a FaceTrack without gaps."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float32, Int64, UInt8

from synclips.errors import NoFaceError
from synclips.features.face_mesh import misfit

N_POINTS = 468
LONGEST_GAP = 12
"""Frames without a detection that are bridged by interpolation; longer gaps stay invisible."""


@dataclass(frozen=True)
class FaceTrack:
    """One face through the frames of one video.

    `points` are pixels of the upright frame: x right, y down, and z in the same unit, growing away from the camera.
    Where `visible` is false there is no usable face, and the points are those of the nearest frame that has one.
    """

    points: Float32[np.ndarray, "n 468 3"]
    visible: Bool[np.ndarray, " n"]
    width: int
    height: int

    def __post_init__(self) -> None:
        if len(self.points) != len(self.visible):
            raise ValueError(f"{len(self.points)} frames of points but {len(self.visible)} of visibility")

    def __len__(self) -> int:
        return len(self.points)


@runtime_checkable
class LandmarkDetector(Protocol):
    """Finds one face's 468 mesh points in successive frames."""

    def detect(self, image: UInt8[np.ndarray, "h w 3"]) -> Float32[np.ndarray, "468 3"] | None:
        """Points in pixels of the largest face, or None."""

    def close(self) -> None:
        """Free what the detector holds."""


@runtime_checkable
class FaceDetector(LandmarkDetector, Protocol):
    """Finds every face of successive frames."""

    def detect_all(self, image: UInt8[np.ndarray, "h w 3"]) -> Float32[np.ndarray, "k 468 3"]:
        """Points in pixels of each face, the largest first."""

    def forget(self) -> None:
        """A new shot begins: the next frame has nothing to do with the last."""


class MediaPipeDetector:
    """MediaPipe Face Mesh (Kartynnik et al., "Real-time facial surface geometry from monocular video", 2019).

    It looks for new faces in every frame in which it follows fewer than `faces`, and finds such as take up a tenth of
    the picture's longer side, or more.
    """

    def __init__(self, *, confidence: float = 0.5, faces: int = 2) -> None:
        import os

        os.environ.setdefault("GLOG_minloglevel", "2")
        from mediapipe.python.solutions.face_mesh import FaceMesh

        self._mesh = FaceMesh(
            static_image_mode=False,
            max_num_faces=faces,
            refine_landmarks=False,
            min_detection_confidence=confidence,
            min_tracking_confidence=confidence,
        )
        self._fresh = True

    def detect(self, image: UInt8[np.ndarray, "h w 3"]) -> Float32[np.ndarray, "468 3"] | None:
        """Points in pixels of the largest face, or None."""
        faces = self.detect_all(image)
        return faces[0] if len(faces) else None

    def detect_all(self, image: UInt8[np.ndarray, "h w 3"]) -> Float32[np.ndarray, "k 468 3"]:
        """Points in pixels of each face, the largest first; two meshes on one face count once."""
        if self._fresh:  # a first mesh lies in a rough box; the second is laid where the first one was
            self._mesh.process(image)
            self._fresh = False
        found = self._mesh.process(image).multi_face_landmarks or []
        height, width = image.shape[:2]
        faces = [
            np.array([(p.x * width, p.y * height, p.z * width) for p in face.landmark], np.float32) for face in found
        ]
        return without_doubles(np.array(faces, np.float32).reshape(-1, N_POINTS, 3))

    def forget(self) -> None:
        """Look at the next frame as at a first one."""
        self._mesh.reset()
        self._fresh = True

    def close(self) -> None:
        """Free the graph."""
        self._mesh.close()


def without_doubles(faces: Float32[np.ndarray, "k 468 3"]) -> Float32[np.ndarray, "m 468 3"]:
    """The faces, the largest first; of those whose boxes lie mostly on each other (IoU above a half), the truest.

    A face that moves fast is found anew beside the mesh that follows it, and the new mesh, laid into a rough box, may
    be off by a tenth of the face.
    """
    low, high = faces[:, :, :2].min(axis=1), faces[:, :, :2].max(axis=1)
    area = np.prod(high - low, axis=1)
    kept: list[int] = []
    for i in np.argsort(misfit(faces), kind="stable"):
        shared = [np.prod(np.maximum(np.minimum(high[i], high[j]) - np.maximum(low[i], low[j]), 0)) for j in kept]
        if all(s <= 0.5 * (area[i] + area[j] - s) for s, j in zip(shared, kept, strict=True)):
            kept.append(int(i))
    return faces[sorted(kept, key=lambda i: -area[i])]


def track_face(images: Iterable[UInt8[np.ndarray, "h w 3"]], detector: LandmarkDetector) -> FaceTrack:
    """Detect the face in each frame, bridge short gaps, and mark long ones invisible.

    Raises:
        NoFaceError: no frame shows a face, or there is no frame.
    """
    found: list[Float32[np.ndarray, "468 3"] | None] = []
    height = width = 0
    for image in images:
        height, width = image.shape[:2]
        found.append(detector.detect(image))
    return assemble_track(found, width, height)


def assemble_track(found: list[Float32[np.ndarray, "468 3"] | None], width: int, height: int) -> FaceTrack:
    """A FaceTrack of per-frame detections: see `track_face`.

    Raises:
        NoFaceError: no frame shows a face, or there is no frame.
    """
    seen = np.array([points is not None for points in found])
    if not seen.any():
        raise NoFaceError(f"no face was found in any of {len(found)} frames; use a video that shows one from the front")
    points = np.stack([np.zeros((N_POINTS, 3), np.float32) if p is None else p for p in found])
    return FaceTrack(points, bridge_gaps(points, seen), width, height)


def bridge_gaps(
    points: Float32[np.ndarray, "n 468 3"], seen: Bool[np.ndarray, " n"], cuts: Int64[np.ndarray, " k"] | None = None
) -> Bool[np.ndarray, " n"]:
    """Fill the frames that are not `seen`, in place, linearly between their neighbours; returns which are usable.

    Across `cuts` (frames that begin a shot) nothing is bridged: such frames take the nearest points as they are.
    """
    known = np.flatnonzero(seen)
    visible = seen.copy()
    shot = np.searchsorted(np.array([], np.int64) if cuts is None else cuts, np.arange(len(seen)), side="right")
    for i in np.flatnonzero(~seen):
        after = int(np.searchsorted(known, i))
        left, right = known[max(after - 1, 0)], known[min(after, len(known) - 1)]
        if shot[left] != shot[right]:
            own = [j for j in (left, right) if shot[j] == shot[i]]
            left = right = own[0] if own else left
        share = 0.0 if left == right else float(np.clip((i - left) / (right - left), 0, 1))
        points[i] = points[left] * (1 - share) + points[right] * share
        visible[i] = left < i < right and right - left <= LONGEST_GAP
    return visible
