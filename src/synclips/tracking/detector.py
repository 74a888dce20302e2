"""Where the face is in every frame: a detector's points become a FaceTrack without gaps."""

from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, UInt8

from synclips.features.face_mesh import template_error

N_POINTS = 468


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
    for i in np.argsort(template_error(faces), kind="stable"):
        shared = [np.prod(np.maximum(np.minimum(high[i], high[j]) - np.maximum(low[i], low[j]), 0)) for j in kept]
        if all(s <= 0.5 * (area[i] + area[j] - s) for s, j in zip(shared, kept, strict=True)):
            kept.append(int(i))
    return faces[sorted(kept, key=lambda i: -area[i])]
