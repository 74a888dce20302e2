"""Every detected face of every frame: the costly part, done once and cached (detection_cache).

Identities (synclips.tracking.identities) are computed from these alone. Memory does not grow with the video: the
records of the faces lie in a temporary file.
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Final

import numpy as np
from jaxtyping import Float32, Float64, Int64

from synclips.mapped_files import map_array, parts
from synclips.media.shots import ShotFinder
from synclips.media.video import TimedFrame
from synclips.progress import Progress, silent
from synclips.tracking.appearance import LOOK, look_of
from synclips.tracking.detector import FaceDetector, LandmarkDetector
from synclips.tracking.face_models import N_POINTS

RECORD: Final = np.dtype([("points", "<f4", (N_POINTS, 3)), ("look", "<f4", (LOOK,))])
"""One face in one frame: its mesh in pixels, and what it looks like (synclips.tracking.appearance)."""
_NONE: Final = np.empty(0, np.int64)
PART_SECONDS: Final = 60.0
"""Time after which what is found so far may be kept."""
PART: Final = 256
"""Records read at a time."""


@dataclass(frozen=True)
class Detections:
    """The faces in a video's first frames.

    times:    seconds of each frame
    cuts:     the frames that begin a shot, except the first
    frame:    for each detection the number of its frame; ascending
    records:  for each detection a RECORD (a mapped file)
    """

    times: Float64[np.ndarray, " n"]
    cuts: Int64[np.ndarray, " k"]
    frame: Int64[np.ndarray, " m"]
    records: np.ndarray

    def __post_init__(self) -> None:
        if len(self.frame) != len(self.records):
            raise ValueError(f"{len(self.frame)} detections but {len(self.records)} records")

    def __len__(self) -> int:
        """Number of frames, not of faces."""
        return len(self.times)

    @property
    def points(self) -> Float32[np.ndarray, "m 468 3"]:
        """The meshes, in pixels."""
        return self.records["points"]

    @property
    def looks(self) -> Float32[np.ndarray, "m d"]:
        """What the faces look like."""
        return self.records["look"]

    def first(self, count: int) -> "Detections":
        """Those in the first `count` frames."""
        end = int(np.searchsorted(self.frame, count))
        return Detections(self.times[:count], self.cuts[self.cuts < count], self.frame[:end], self.records[:end])


def detect_faces(
    frames: Iterator[TimedFrame],
    detector: LandmarkDetector,
    *,
    before: Detections | None = None,
    expected: int = 0,
    on_part: Callable[[Detections], None] | None = None,
    on_progress: Progress = silent,
) -> Detections:
    """Find the faces of `frames`: all of them if the detector is a FaceDetector, otherwise one in each.

    before:    what is known of the frames before; the result holds it too. `frames` then begins with the last one of
               them once more, so that a cut behind it is found.
    expected:  number of all frames, for the progress
    on_part:   is given what is found so far, every `PART_SECONDS` and when something interrupts the search
    """
    known = Detections(np.empty(0), _NONE, _NONE, np.empty(0, RECORD)) if before is None else before
    again = max(len(known) - 1, 0)
    finder, times, owner = ShotFinder(), known.times.tolist(), known.frame.tolist()
    with tempfile.TemporaryFile(prefix="synclips-") as spool:  # what is mapped outlives the file object
        write_records(spool, known)

        def found() -> Detections:
            spool.flush()
            cuts = np.concatenate([known.cuts, finder.cuts() + again])
            whole = int(np.searchsorted(owner, len(times)))
            index = np.array(owner[:whole], np.int64)
            return Detections(np.array(times), cuts[cuts < len(times)], index, map_records(spool, whole))

        saved = time.monotonic()
        try:
            for count, frame in enumerate(frames, again):
                new_shot = finder.see(frame.image)
                if count < len(known):
                    continue
                if new_shot and isinstance(detector, FaceDetector):
                    detector.forget()
                for points in _faces(frame, detector):
                    owner.append(count)
                    spool.write(points.astype("<f4").tobytes() + look_of(frame.image, points).astype("<f4").tobytes())
                times.append(frame.time)
                on_progress("find the face", count + 1, max(expected, count + 1))
                if on_part is not None and time.monotonic() > saved + PART_SECONDS:
                    on_part(found())
                    saved = time.monotonic()
        except BaseException:
            if on_part is not None and len(times) > len(known):
                on_part(found())
            raise
        return found()


def write_records(file: IO[bytes], detections: Detections) -> None:
    """Append the records to a file, a few at a time."""
    for part in parts(len(detections.records), PART, RECORD.itemsize):
        file.write(detections.records[part].tobytes())


def map_records(file: IO[bytes], count: int) -> np.ndarray:
    """The first `count` records of a file, mapped and read-only."""
    return map_array(file, RECORD, (count,), "r") if count else np.empty(0, RECORD)


def _faces(frame: TimedFrame, detector: LandmarkDetector) -> list[Float32[np.ndarray, "468 3"]]:
    if isinstance(detector, FaceDetector):
        return list(detector.detect_all(frame.image))
    face = detector.detect(frame.image)
    return [] if face is None else [face]
