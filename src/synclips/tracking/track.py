"""The track of one face through the frames of a video: short gaps between detections are interpolated."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Int64, UInt8

from synclips.errors import NoFaceError
from synclips.tracking.detector import LandmarkDetector
from synclips.tracking.face_models import N_POINTS

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
