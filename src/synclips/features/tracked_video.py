"""A video whose face has been found: prepared once, dubbed as often as wanted. Small in memory however long."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Float64

from synclips.errors import NoFaceError
from synclips.features.alignment import fit_alignment
from synclips.features.face_mesh import Pose, fit_pose
from synclips.features.landmarks import FaceTrack, LandmarkDetector, bridge_gaps
from synclips.media.video import TimedFrame, VideoInfo
from synclips.progress import Progress, silent


@dataclass(frozen=True)
class TrackedVideo:
    """A video's first frames, their times in seconds, and the face in them.

    The points of `track` lie in a temporary file, not in memory; pose and alignment are small.
    """

    info: VideoInfo
    times: Float64[np.ndarray, " n"]
    track: FaceTrack
    pose: Pose
    alignment: Float64[np.ndarray, "n 2 3"]

    def __len__(self) -> int:
        return len(self.times)

    @property
    def path(self) -> Path:
        """The video file."""
        return self.info.path

    def canonical(self, index: np.ndarray) -> Float32[np.ndarray, "n 468 3"]:
        """The mesh of some frames in the canonical frame."""
        return self.pose[index].to_canonical(np.asarray(self.track.points[index]))


def track_video(
    info: VideoInfo,
    frames: Iterator[TimedFrame],
    detector: LandmarkDetector,
    *,
    expected: int = 0,
    on_progress: Progress = silent,
) -> TrackedVideo:
    """Find the face in `frames`. Gaps of up to half a second are bridged; frames in longer ones stay invisible.

    Raises:
        NoFaceError: no frame shows a face.
    """
    with tempfile.TemporaryFile(prefix="synclips-") as spool:  # what is mapped outlives the file object
        times, seen = [], []
        for count, frame in enumerate(frames):
            points = detector.detect(frame.image)
            times.append(frame.time)
            seen.append(points is not None)
            spool.write(
                np.zeros((468, 3), np.float32).tobytes() if points is None else points.astype(np.float32).tobytes()
            )
            on_progress("find the face", count + 1, max(expected, count + 1))
        if not any(seen):
            raise NoFaceError(
                f"no face was found in {info.path} ({len(seen)} frames); use a video that shows one from the front"
            )
        spool.flush()
        points = np.memmap(spool, np.float32, "r+", shape=(len(seen), 468, 3))
    visible = bridge_gaps(points, np.array(seen))
    track = FaceTrack(points, visible, info.width, info.height)
    return TrackedVideo(info, np.array(times), track, fit_pose(points), fit_alignment(points))
