"""The cache of detections, for dubbing and for evaluation: a video is searched for faces once.

An entry is named after the video's content and the detector, never after its path. A damaged, unwritable or full cache
is no error: the video is then searched again.
"""

import contextlib
import hashlib
import io
import os
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np

from synclips.errors import OutputError
from synclips.files import atomic_path, cache_folder
from synclips.media.read_ahead import read_ahead
from synclips.media.timebase import FPS
from synclips.media.video import TimedFrame, VideoInfo, read_at_rate, read_frames
from synclips.progress import Progress, silent
from synclips.tracking.detections import RECORD, Detections, detect_faces, map_records, write_records
from synclips.tracking.detector import DETECTOR_VERSION, FaceDetector, FaceMeshDetector, LandmarkDetector

LIMIT: Final = 2_000_000_000
"""Bytes of all entries together; those that were used longest ago go first."""
FORMAT: Final = "4"
"""Of the entries, and of all that makes detections out of what the detector finds: raise it when either changes."""
MOST_FACES: Final = 5
"""Faces followed at once."""
AT_RATE: Final = "the largest face at 25 frames a second"
_BLOCK: Final = 1 << 16
_BLOCKS: Final = 24
_SUFFIX: Final = ".faces"
_END: Final = b"synclips"
_EPSILON: Final = 1e-6


@dataclass(frozen=True)
class Entry:
    """The faces of a video's first `reach` seconds (infinite: of all of it)."""

    detections: Detections
    reach: float


@dataclass(frozen=True)
class TrackCache:
    """A folder of entries; `limit` bytes of them are kept."""

    folder: Path
    limit: int = LIMIT

    def load(self, video: Path, look: str = "") -> Entry | None:
        """What is known of a video, None where nothing is; a damaged entry is removed. `look`: see `fingerprint`."""
        try:
            path = self._path(video, look)
            with path.open("rb") as file:
                entry = _read(file)
            os.utime(path)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, zlib.error):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
            return None
        return entry

    def save(self, video: Path, entry: Entry, look: str = "") -> None:
        """Keep an entry in the place of an earlier one, and remove the least recently used beyond the limit."""
        with contextlib.suppress(OSError, OutputError):
            with atomic_path(self._path(video, look)) as temporary, temporary.open("wb") as file:
                _write(file, entry)
            self._tidy()

    def _path(self, video: Path, look: str) -> Path:
        return self.folder / f"{fingerprint(video, look)}{_SUFFIX}"

    def _tidy(self) -> None:
        entries = sorted(self.folder.glob(f"*{_SUFFIX}"), key=lambda path: path.stat().st_mtime, reverse=True)
        total = 0
        for path in entries:
            total += path.stat().st_size
            if total > self.limit:
                path.unlink(missing_ok=True)


def default_cache() -> TrackCache:
    """The user's own cache."""
    return TrackCache(cache_folder() / "faces")


def detect_video(
    info: VideoInfo,
    *,
    stop: float | None = None,
    cache: TrackCache | None = None,
    detectors: Callable[[], FaceDetector] = lambda: FaceMeshDetector(faces=MOST_FACES),
    on_progress: Progress = silent,
) -> Detections:
    """Every face in a video's frames before `stop` seconds (None: in all). Cached frames are not searched again.

    A cached entry that ends earlier, also of an interrupted search, is continued; the detector starts afresh there.

    Raises:
        MediaError: the video cannot be read.
    """
    known = cache.load(info.path) if cache else None
    wanted = np.inf if stop is None else stop
    if known is not None and known.reach >= wanted - _EPSILON:
        detections = known.detections.first(int(np.searchsorted(known.detections.times, wanted - _EPSILON)))
        on_progress("find the face", len(detections), len(detections))
        return detections
    frames = _Until(read_frames(info.path, start=_end(known)), wanted)
    expected = round(min(info.duration, wanted) * float(info.fps))
    detections = _detect(frames, known, detectors, cache, info.path, "", expected, on_progress)
    if cache:
        cache.save(info.path, Entry(detections, wanted if frames.more else np.inf))
    return detections


def detect_at_rate(
    info: VideoInfo,
    detectors: Callable[[], LandmarkDetector],
    *,
    cache: TrackCache | None = None,
    on_progress: Progress = silent,
) -> Detections:
    """The largest face in each of a video's frames at 25 a second, cached and continued as by `detect_video`.

    Raises:
        MediaError: the video cannot be read.
    """
    known = cache.load(info.path, AT_RATE) if cache else None
    if known is not None and known.reach == np.inf:
        on_progress("find the face", len(known.detections), len(known.detections))
        return known.detections
    first = 0 if known is None else max(len(known.detections) - 1, 0)
    images = islice(enumerate(read_at_rate(info.path, FPS)), first, None)
    frames = (TimedFrame(number / FPS, image) for number, image in images)
    expected = round(info.duration * FPS)
    detections = _detect(frames, known, detectors, cache, info.path, AT_RATE, expected, on_progress)
    if cache:
        cache.save(info.path, Entry(detections, np.inf), AT_RATE)
    return detections


def _detect(
    frames: Iterable[TimedFrame],
    known: Entry | None,
    detectors: Callable[[], LandmarkDetector],
    cache: TrackCache | None,
    video: Path,
    look: str,
    expected: int,
    on_progress: Progress,
) -> Detections:
    """Find the faces of `frames`, which go on after what is `known`, and keep parts of what is found."""

    def keep(part: Detections) -> None:
        if cache:
            cache.save(video, Entry(part, float(part.times[-1])), look)

    before = known.detections if known is not None and len(known.detections) else None
    detector = detectors()
    ahead = read_ahead(frames)
    try:
        return detect_faces(ahead, detector, before=before, expected=expected, on_part=keep, on_progress=on_progress)
    finally:
        ahead.close()
        detector.close()


def _end(known: Entry | None) -> float:
    """Time of the last frame that is known, in seconds."""
    return float(known.detections.times[-1]) if known is not None and len(known.detections) else 0.0


def fingerprint(video: Path, look: str = "") -> str:
    """A name for a file's content and the detector that looks at it; `look`: another way of looking than at all faces.

    The size and blocks spread evenly over the file go in, its beginning and end among them: an edited video's index
    and bit stream differ in these, and a large file need not be read as a whole.
    """
    digest = hashlib.sha256(f"{FORMAT} {DETECTOR_VERSION} {look or MOST_FACES}".encode())
    size = video.stat().st_size
    digest.update(str(size).encode())
    with video.open("rb") as file:
        for number in range(_BLOCKS):
            file.seek(max(size - _BLOCK, 0) * number // (_BLOCKS - 1))
            digest.update(file.read(_BLOCK))
    return digest.hexdigest()[:32]


class _Until:
    """Frames before a time; afterwards `more` says whether there are others."""

    def __init__(self, frames: Iterator[TimedFrame], stop: float) -> None:
        self._frames, self._stop = frames, stop
        self.more = False

    def __iter__(self) -> Iterator[TimedFrame]:
        for frame in self._frames:
            if frame.time >= self._stop - _EPSILON:
                self.more = True
                return
            yield frame


def _write(file: BinaryIO, entry: Entry) -> None:
    """Records, then the small arrays as npz, then its length, a checksum of all before, and a word."""
    seen = entry.detections
    write_records(file, seen)
    small = io.BytesIO()
    np.savez(small, times=seen.times, cuts=seen.cuts, frame=seen.frame, reach=np.array(entry.reach))
    file.write(small.getvalue())
    file.write(len(small.getvalue()).to_bytes(8, "little"))
    file.flush()
    with Path(file.name).open("rb") as written:
        file.write(_checksum(written, file.tell()).to_bytes(8, "little") + _END)


def _read(file: BinaryIO) -> Entry:
    size = file.seek(0, os.SEEK_END)
    tail = len(_END) + 16
    if size < tail:
        raise ValueError("too short")
    file.seek(size - tail)
    length, checksum, word = (
        int.from_bytes(file.read(8), "little"),
        int.from_bytes(file.read(8), "little"),
        file.read(),
    )
    file.seek(0)
    if word != _END or _checksum(file, size - tail + 8) != checksum:
        raise ValueError("damaged")
    file.seek(size - tail - length)
    with np.load(io.BytesIO(file.read(length)), allow_pickle=False) as small:
        frame = small["frame"]
        if len(frame) * RECORD.itemsize != size - tail - length:
            raise ValueError("of another shape")
        return Entry(
            Detections(small["times"], small["cuts"], frame, map_records(file, len(frame))), float(small["reach"])
        )


def _checksum(file: BinaryIO, count: int) -> int:
    """CRC-32 of the first `count` bytes."""
    value = 0
    while count > 0:
        part = file.read(min(count, 1 << 20))
        if not part:
            raise ValueError("breaks off")
        value, count = zlib.crc32(part, value), count - len(part)
    return value
