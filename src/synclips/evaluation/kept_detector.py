"""Detections of a report's clips, appended to a file as they come: an interrupted report resumes."""

import json
from pathlib import Path

import numpy as np
from jaxtyping import Float32, UInt8

from synclips.errors import OutputError
from synclips.files import reason
from synclips.tracking.detector import DETECTOR_VERSION, LandmarkDetector
from synclips.tracking.face_models import N_POINTS

_BYTES = N_POINTS * 3 * 4
_WARM = 3
"""Kept frames before the first new one that the detector sees again: it remembers the face of the frame before."""


class KeptDetector:
    """A detector that knows the first frames of `video` from an interrupted run, and keeps those it finds.

    The file begins with a line that says which video it is of, and by which detector; then come 468 points a frame,
    NaN where no face was found.

    Raises:
        OutputError: `path` cannot be written.
    """

    def __init__(self, detector: LandmarkDetector, path: Path, video: Path) -> None:
        self._detector, self._path = detector, path
        state = video.stat()
        head = json.dumps([DETECTOR_VERSION, str(video.resolve()), state.st_size, state.st_mtime_ns]).encode() + b"\n"
        try:
            self._stream = path.open("r+b" if path.is_file() else "w+b")
            if self._stream.readline() != head:
                self._stream.seek(0)
                self._stream.truncate()
                self._stream.write(head)
            self._start = len(head)
            self._kept = (path.stat().st_size - self._start) // _BYTES if path.stat().st_size > self._start else 0
        except OSError as error:
            raise OutputError(f"{path} cannot be written ({reason(error)}); choose another folder") from error
        self._next = 0

    def detect(self, image: UInt8[np.ndarray, "h w 3"]) -> Float32[np.ndarray, "468 3"] | None:
        """Points in pixels of the largest face, or None; frames must come in the video's order."""
        number, self._next = self._next, self._next + 1
        if number < self._kept:
            if number >= self._kept - _WARM:
                self._detector.detect(image)
            self._stream.seek(self._start + number * _BYTES)
            points = np.frombuffer(self._stream.read(_BYTES), np.float32).reshape(N_POINTS, 3).copy()
            return None if np.isnan(points).any() else points
        found = self._detector.detect(image)
        points = np.full((N_POINTS, 3), np.nan, np.float32) if found is None else found.astype(np.float32)
        self._stream.seek(self._start + number * _BYTES)
        self._stream.write(points.tobytes())
        return found

    def close(self) -> None:
        """Keep what was found, and free the detector."""
        self._stream.close()
        self._detector.close()
