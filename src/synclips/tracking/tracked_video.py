"""A video whose face has been found: prepared once, dubbed as often as wanted. Small in memory however long."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Float32, Float64, Int64

from synclips.errors import MediaError, NoFaceError
from synclips.features.alignment import fit_alignment
from synclips.features.face_mesh import Pose, fit_pose
from synclips.mapped_files import map_array, parts, read_rows
from synclips.media.video import TimedFrame, VideoInfo, frames_in_order
from synclips.progress import Progress, silent
from synclips.tracking.detections import PART, RECORD, Detections, detect_faces
from synclips.tracking.detector import LandmarkDetector
from synclips.tracking.face_models import N_POINTS, BoxNetwork
from synclips.tracking.face_search import whole
from synclips.tracking.track import FaceTrack, bridge_gaps

LOOKED_AT: Final = 5
"""Frames without a face that are looked at upside down."""
SURE: Final = 0.8
"""Score of a face there from which it is believed."""
PIECE = 1500
"""Frames fitted at once."""
OVERLAP = 150
"""Frames on either side that only give context: far more than the smoothing remembers."""


def fit_track(
    points: Float32[np.ndarray, "n 468 3"], cuts: Int64[np.ndarray, " k"] | None = None
) -> tuple[Pose, Float64[np.ndarray, "n 2 3"]]:
    """`fit_pose` and `fit_alignment` of all frames; `cuts`: frames that begin a new shot."""
    poses, alignments = [], []
    for piece in parts(len(points), PIECE, points[:1].nbytes):
        start, stop = piece.start, piece.stop
        low, high = max(0, start - OVERLAP), min(len(points), stop + OVERLAP)
        here = None if cuts is None else cuts[(cuts > low) & (cuts < high)] - low
        kept = slice(start - low, stop - low)
        part = np.asarray(points[low:high])
        poses.append(fit_pose(part, here)[kept])
        alignments.append(fit_alignment(part, here)[kept])
    joined = (np.concatenate([getattr(pose, name) for pose in poses]) for name in ("scale", "rotation", "translation"))
    return Pose(*joined), np.concatenate(alignments)


@dataclass(frozen=True)
class TrackedVideo:
    """A video's first frames, their times in seconds, and one face in them.

    The points of `track` lie in a temporary file, not in memory; pose and alignment are small. `cuts`: the frames
    that begin a shot, except the first; nothing is bridged or smoothed across them.
    """

    info: VideoInfo
    times: Float64[np.ndarray, " n"]
    track: FaceTrack
    pose: Pose
    alignment: Float64[np.ndarray, "n 2 3"]
    cuts: Int64[np.ndarray, " k"]

    def __len__(self) -> int:
        return len(self.times)

    @property
    def path(self) -> Path:
        """The video file."""
        return self.info.path

    def canonical(self, index: np.ndarray) -> Float32[np.ndarray, "n 468 3"]:
        """The mesh of some frames in the canonical frame."""
        return self.pose[index].to_canonical(read_rows(self.track.points, index))


def track_video(
    info: VideoInfo,
    frames: Iterator[TimedFrame],
    detector: LandmarkDetector,
    *,
    expected: int = 0,
    on_progress: Progress = silent,
) -> TrackedVideo:
    """Find the largest face in each of `frames`, taken for one person's: for videos of one person.

    Raises:
        NoFaceError: no frame shows a face.
    """
    return follow_largest(info, detect_faces(frames, detector, expected=expected, on_progress=on_progress))


def follow_largest(info: VideoInfo, detections: Detections) -> TrackedVideo:
    """The video with the largest face of each frame, taken for one person's.

    Raises:
        NoFaceError: no frame shows a face.
    """
    largest = np.unique(detections.frame, return_index=True)[1]  # a frame's faces are sorted by size
    return follow(info, detections, largest)


def follow(info: VideoInfo, detections: Detections, rows: Int64[np.ndarray, " r"]) -> TrackedVideo:
    """The video with the face that these detections are of. Gaps of up to half a second within a shot are bridged.

    Raises:
        NoFaceError: there is none.
    """
    count = len(detections)
    if len(rows) == 0:
        raise no_face(info, count)
    seen = np.zeros(count, bool)
    seen[detections.frame[rows]] = True
    with tempfile.TemporaryFile(prefix="synclips-") as spool:  # what is mapped outlives the file object
        points = map_array(spool, np.float32, (count, N_POINTS, 3), "w+")
    for part in parts(len(rows), PART, RECORD.itemsize + points[0].nbytes):
        for row in rows[part]:
            points[detections.frame[row]] = detections.points[row]
    visible = bridge_gaps(points, seen, detections.cuts)
    track = FaceTrack(points, visible, info.width, info.height)
    breaks = np.union1d(detections.cuts, np.flatnonzero(np.diff(visible)) + 1)  # after a long gap a head is elsewhere
    return TrackedVideo(info, detections.times, track, *fit_track(points, breaks), cuts=detections.cuts)


def no_face(info: VideoInfo, count: int) -> NoFaceError:
    """What is said where none of `count` frames shows a face, or only one that stands on its head."""
    if _upside_down(info, count):
        return NoFaceError(f"the faces in {info.path} are upside down; turn the video by 180 degrees first")
    return NoFaceError(
        f"no face was found in {info.path} ({count} frames); use a video that shows one from the front, from about "
        "100 pixels on"
    )


def _upside_down(info: VideoInfo, count: int) -> bool:
    """Most of a few of the video's first `count` frames show a face when they are turned over."""
    numbers = np.unique(np.linspace(0, max(count - 1, 0), LOOKED_AT).round().astype(int)).tolist()
    detector, found = BoxNetwork(), 0
    try:
        for image in frames_in_order(info.path, numbers):
            over = np.ascontiguousarray(image[::-1, ::-1])
            found += bool(detector.find(over, [whole(over)], confidence=SURE)[0])
    except (MediaError, IndexError):
        return False
    return 2 * found > len(numbers)
