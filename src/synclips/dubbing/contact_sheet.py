"""A contact sheet of two videos: the face at a few moments, the source above, the result below."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Float32, Float64, UInt8

from synclips.errors import NoFaceError
from synclips.features.face_mesh import mouth_opening
from synclips.files import atomic_path
from synclips.media.video import probe, read_frames
from synclips.tracking.detector import FaceMeshDetector
from synclips.tracking.track import track_face

STRIP_FRAMES: Final = 8
STRIP_HEIGHT: Final = 240
"""Pixels of one row of the strip."""
WITHIN_WORD: Final = 5
"""Moments of a word among which the widest mouth is taken."""
FEWEST_WORDS: Final = 4
"""Fewer would make too short a strip."""
CAPTION_HEIGHT: Final = 40
"""Pixels of the row of words."""


Word = tuple[str, float, float]
"""A word, its start and its end in seconds."""


def write_strip(
    path: Path, original: Path, dubbed: Path, count: int = STRIP_FRAMES, words: Sequence[Word] = ()
) -> None:
    """Write a picture of `count` moments of both videos' common length: the face, original above dubbed.

    Where the times of `words` are known, each moment is the one of a word at which the dubbed mouth is most open, and
    the word is written below; else the moments are spread evenly.

    Raises:
        MediaError: a video cannot be read.
        OutputError: as `atomic_path`.
    """
    from PIL import Image

    length = min(probe(original).duration, probe(dubbed).duration)
    shown = _shown_words(words, length, count)
    times = _most_open(dubbed, shown) if shown else (np.arange(count) + 0.5) * length / count
    above, below = _frames_at(original, times), _frames_at(dubbed, times)
    box = _face_box(above)
    rows = [np.concatenate([_tile(frame, box) for frame in frames], axis=1) for frames in (above, below)]
    if shown:
        rows.append(_captions([word for word, _, _ in shown], rows[0].shape[1]))
    with atomic_path(path) as temporary:
        Image.fromarray(np.concatenate(rows)).save(temporary)


def _shown_words(words: Sequence[Word], length: float, count: int) -> list[Word]:
    """At most `count` words that are spoken within `length` seconds, spread over all; none where they are too few."""
    within = [word for word in words if (word[1] + word[2]) / 2 < length]
    if len(within) < FEWEST_WORDS:
        return []
    return [within[at] for at in np.unique(np.linspace(0, len(within) - 1, count).round().astype(int))]


def _most_open(dubbed: Path, words: Sequence[Word]) -> Float64[np.ndarray, " n"]:
    """Of each word, the moment at which the mouth is widest open; its middle where no face is found."""
    moments = np.stack([np.linspace(start, end, WITHIN_WORD + 2)[1:-1] for _, start, end in words])
    points = _points(_frames_at(dubbed, moments.ravel()))
    if points is None:
        return moments[:, WITHIN_WORD // 2]
    widest = mouth_opening(points).reshape(moments.shape).argmax(axis=1)
    return moments[np.arange(len(words)), widest]


def _captions(words: Sequence[str], width: int) -> UInt8[np.ndarray, "ch w 3"]:
    """One word below each tile, white on black; letters that the font lacks are left out."""
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(CAPTION_HEIGHT * 0.6)
    picture = Image.new("RGB", (width, CAPTION_HEIGHT))
    draw = ImageDraw.Draw(picture)
    for at, word in enumerate(words):
        said = word.encode("latin-1", "ignore").decode("latin-1")
        draw.text(((at + 0.5) * width / len(words), CAPTION_HEIGHT / 2), said, "white", font, anchor="mm")
    return np.asarray(picture)


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
    points = _points(frames)
    if points is None:
        return slice(0, height), slice(0, width)
    points = points[..., :2].reshape(-1, 2)
    low, high = points.min(axis=0), points.max(axis=0)
    side = min(int(1.3 * (high - low).max()), height, width)
    left, top = np.clip(((low + high) / 2 - side / 2).round(), 0, [width - side, height - side]).astype(int)
    return slice(int(top), int(top) + side), slice(int(left), int(left) + side)


def _points(frames: list[UInt8[np.ndarray, "h w 3"]]) -> Float32[np.ndarray, "n 468 3"] | None:
    """The face's mesh in each frame, in pixels; None where there is no face."""
    detector = FaceMeshDetector()
    try:
        return track_face(frames, detector).points
    except NoFaceError:
        return None
    finally:
        detector.close()


def _tile(frame: UInt8[np.ndarray, "h w 3"], box: tuple[slice, slice]) -> UInt8[np.ndarray, "th tw 3"]:
    """The frame's part at the strip's height."""
    import cv2

    part = frame[box]
    width = max(1, round(part.shape[1] * STRIP_HEIGHT / part.shape[0]))
    method = cv2.INTER_AREA if part.shape[0] > STRIP_HEIGHT else cv2.INTER_CUBIC
    return cv2.resize(part, (width, STRIP_HEIGHT), interpolation=method)
