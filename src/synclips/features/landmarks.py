"""Where the face is in every frame: a detector's points become a FaceTrack without gaps."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float32, UInt8

from synclips.errors import NoFaceError

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


class MediaPipeDetector:
    """MediaPipe Face Mesh (Kartynnik et al., "Real-time facial surface geometry from monocular video", 2019)."""

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

    def detect(self, image: UInt8[np.ndarray, "h w 3"]) -> Float32[np.ndarray, "468 3"] | None:
        """Points in pixels of the largest face, or None."""
        found = self._mesh.process(image).multi_face_landmarks
        if not found:
            return None
        height, width = image.shape[:2]
        faces = [np.array([(p.x * width, p.y * height, p.z * width) for p in face.landmark]) for face in found]
        return max(faces, key=lambda face: float(np.prod(np.ptp(face[:, :2], axis=0)))).astype(np.float32)

    def close(self) -> None:
        """Free the graph."""
        self._mesh.close()


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


def bridge_gaps(points: Float32[np.ndarray, "n 468 3"], seen: Bool[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
    """Fill the frames that are not `seen`, in place, linearly between their neighbours; returns which are usable."""
    known = np.flatnonzero(seen)
    visible = seen.copy()
    for i in np.flatnonzero(~seen):
        after = int(np.searchsorted(known, i))
        left, right = known[max(after - 1, 0)], known[min(after, len(known) - 1)]
        share = 0.0 if left == right else float(np.clip((i - left) / (right - left), 0, 1))
        points[i] = points[left] * (1 - share) + points[right] * share
        visible[i] = left < i < right and right - left <= LONGEST_GAP
    return visible
