"""Who is in a video: when, where, who speaks, and a picture of each."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from synclips.dubbing.active_speaker import find_speaking
from synclips.dubbing.prepared_video import open_source
from synclips.errors import CheckpointError, MediaError
from synclips.files import atomic_path
from synclips.media.video import VideoInfo, frames_in_order
from synclips.progress import Progress, silent
from synclips.runtime import choose_device
from synclips.tracking.detection_cache import default_cache, detect_video
from synclips.tracking.detections import Detections
from synclips.tracking.identities import Boxes, Identity, boxes_of, link_faces
from synclips.tracking.selection import SMALL
from synclips.tracking.tracked_video import no_face

THUMBNAIL: Final = 256
"""Pixels of a thumbnail's sides."""
_TRIED: Final = 100
"""Detections of a face, spread over the video, of which the most frontal is shown."""
_NOSE, _CHEEKS = 1, (234, 454)


@dataclass(frozen=True)
class ListedFace:
    """One face of a video.

    number:      as `dub --face` takes it, 1 the most prominent
    first, last: seconds at which it is seen
    share:       of the frames that show it
    size, x, y:  median height and centre in pixels
    seconds_speaking: of those that were judged; None where it cannot be told
    point:       a place and a time, as `dub --face` takes it
    thumbnail:   the file with its picture, if one was asked for
    """

    number: int
    first: float
    last: float
    share: float
    size: float
    x: float
    y: float
    seconds_speaking: float | None
    point: str
    thumbnail: Path | None


@dataclass(frozen=True)
class FaceListing:
    """The faces of a video, the most prominent first; `speaker` is the number of the one who speaks most."""

    video: Path
    frames: int
    shots: int
    speaker: int | None
    seconds_judged: float
    faces: tuple[ListedFace, ...]
    notes: tuple[str, ...]


def faces(
    video: Path | str,
    *,
    thumbnails: Path | str | None = None,
    device: str = "auto",
    cache: bool = True,
    on_progress: Progress = silent,
) -> FaceListing:
    """Find the faces of a video (or photograph), and who of them speaks.

    Args:
        thumbnails: a folder for a picture of each, <name>_face_<number>.png; None: no pictures.
        cache: what was found is kept for the next time.

    Raises:
        MediaError: the video cannot be read.
        NoFaceError: it shows no face.
        OutputError: a picture cannot be written.
    """
    video = Path(video)
    with open_source(video) as source:
        info = source.info
        kept = default_cache() if cache and not source.is_temporary else None
        detections = detect_video(info, cache=kept, on_progress=on_progress)
        boxes = boxes_of(detections)
        found = link_faces(detections, boxes)
        if not found:
            raise no_face(info, len(detections))
        notes = [
            f"face {face.number} is only {face.size:.0f} pixels high; for a dub it should have about {SMALL}"
            for face in found
            if face.size < SMALL
        ]
        try:
            speaking = find_speaking(info, detections, found, choose_device(device), on_progress)
        except (MediaError, CheckpointError) as error:
            speaking = None
            notes.append(f"who speaks cannot be told: {error}")
        rows = {face.number: _best_row(face, detections, boxes) for face in found}
        pictures = {} if thumbnails is None else _write_thumbnails(video, info, detections, rows, Path(thumbnails))
    listed = []
    for face in found:
        row = rows[face.number]
        x, y = boxes.centre[row].round().astype(int)
        listed.append(
            ListedFace(
                number=face.number,
                first=round(face.first, 3),
                last=round(face.last, 3),
                share=round(face.share, 4),
                size=round(face.size, 1),
                x=round(face.centre[0], 1),
                y=round(face.centre[1], 1),
                seconds_speaking=round(speaking.seconds(face.number), 2) if speaking else None,
                point=f"{x},{y}@{detections.times[detections.frame[row]]:.3f}",
                thumbnail=pictures.get(face.number),
            )
        )
    return FaceListing(
        video=video,
        frames=len(detections),
        shots=len(detections.cuts) + 1,
        speaker=speaking.speaker if speaking else None,
        seconds_judged=round(sum(w.end - w.start for w in speaking.windows), 2) if speaking else 0.0,
        faces=tuple(listed),
        notes=tuple(notes),
    )


def _write_thumbnails(
    video: Path, info: VideoInfo, detections: Detections, rows: dict[int, int], folder: Path
) -> dict[int, Path]:
    """By a face's number the file with its picture, taken at its row of the detections."""
    pictures = {}
    order = sorted(rows, key=lambda number: rows[number])
    images = frames_in_order(info.path, [int(detections.frame[rows[number]]) for number in order])
    for number, image in zip(order, images, strict=True):
        path = folder / f"{video.stem}_face_{number}.png"
        with atomic_path(path) as temporary:
            picture = thumbnail(image, np.array(detections.points[rows[number]]))
            temporary.write_bytes(cv2.imencode(".png", picture[..., ::-1])[1].tobytes())
        pictures[number] = path
    return pictures


def thumbnail(
    image: UInt8[np.ndarray, "h w 3"], points: Float32[np.ndarray, "468 3"]
) -> UInt8[np.ndarray, "size size 3"]:
    """Head and collar; outside the picture it is grey."""
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    scale = THUMBNAIL / (1.9 * float((high - low).max()))
    if scale < 0.5:  # so that nothing aliases
        shrunk = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        return thumbnail(np.ascontiguousarray(shrunk), (points * scale).astype(np.float32))
    x, y = THUMBNAIL / 2 - scale * (low + high) / 2
    matrix = np.array([[scale, 0, x], [0, scale, y]])
    return cv2.warpAffine(
        image, matrix, (THUMBNAIL, THUMBNAIL), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_CONSTANT,
        borderValue=(128, 128, 128),
    )  # fmt: skip


def _best_row(face: Identity, detections: Detections, boxes: Boxes) -> int:
    """A large and frontal sighting of a face."""
    rows = face.rows[np.unique(np.linspace(0, len(face.rows) - 1, _TRIED).round().astype(int))]
    points = np.array(detections.points[rows])[:, [_NOSE, *_CHEEKS], 0]
    left, right = points[:, 0] - points[:, 1], points[:, 2] - points[:, 0]
    turned = np.abs(left - right) / np.maximum(np.abs(left) + np.abs(right), 1)
    return int(rows[np.argmax(boxes.size[rows] * (1 - turned))])
