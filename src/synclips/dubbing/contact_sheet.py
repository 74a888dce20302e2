"""A contact sheet of two videos: the face at a few moments, the source above, the result below."""

from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import UInt8

from synclips.errors import NoFaceError
from synclips.files import atomic_path
from synclips.media.video import probe, read_frames
from synclips.tracking.detector import FaceMeshDetector
from synclips.tracking.track import track_face

STRIP_FRAMES: Final = 8
STRIP_HEIGHT: Final = 240
"""Pixels of one row of the strip."""


def write_strip(path: Path, original: Path, dubbed: Path, count: int = STRIP_FRAMES) -> None:
    """Write a picture of `count` moments spread over both videos' common length: the face, original above dubbed.

    Raises:
        MediaError: a video cannot be read.
        OutputError: as `atomic_path`.
    """
    from PIL import Image

    length = min(probe(original).duration, probe(dubbed).duration)
    times = (np.arange(count) + 0.5) * length / count
    above, below = _frames_at(original, times), _frames_at(dubbed, times)
    box = _face_box(above)
    rows = [np.concatenate([_tile(frame, box) for frame in frames], axis=1) for frames in (above, below)]
    with atomic_path(path) as temporary:
        Image.fromarray(np.concatenate(rows)).save(temporary)


def _frames_at(path: Path, times: np.ndarray) -> list[UInt8[np.ndarray, "h w 3"]]:
    """The frames shown at rising `times`."""
    frames: list[np.ndarray] = []
    shown = None
    for item in read_frames(path):
        while shown is not None and len(frames) < len(times) and times[len(frames)] < item.time:
            frames.append(shown)
        shown = item.image
        if len(frames) == len(times):
            return frames
    assert shown is not None
    return frames + [shown] * (len(times) - len(frames))


def _face_box(frames: list[UInt8[np.ndarray, "h w 3"]]) -> tuple[slice, slice]:
    """Rows and columns of a square around the face in all frames; the whole picture where none is found."""
    height, width = frames[0].shape[:2]
    detector = FaceMeshDetector()
    try:
        points = track_face(frames, detector).points[..., :2].reshape(-1, 2)
    except NoFaceError:
        return slice(0, height), slice(0, width)
    finally:
        detector.close()
    low, high = points.min(axis=0), points.max(axis=0)
    side = min(int(1.3 * (high - low).max()), height, width)
    left, top = np.clip(((low + high) / 2 - side / 2).round(), 0, [width - side, height - side]).astype(int)
    return slice(int(top), int(top) + side), slice(int(left), int(left) + side)


def _tile(frame: UInt8[np.ndarray, "h w 3"], box: tuple[slice, slice]) -> UInt8[np.ndarray, "th tw 3"]:
    """The frame's part at the strip's height."""
    import cv2

    part = frame[box]
    width = max(1, round(part.shape[1] * STRIP_HEIGHT / part.shape[0]))
    method = cv2.INTER_AREA if part.shape[0] > STRIP_HEIGHT else cv2.INTER_CUBIC
    return cv2.resize(part, (width, STRIP_HEIGHT), interpolation=method)
