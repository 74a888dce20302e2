"""What `synclips faces` tells: who is in a video, when, where, who speaks, and a picture of each."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import torch
from jaxtyping import Float32, UInt8

from synclips.dubbing.active_speaker import find_speaking
from synclips.errors import CheckpointError, MediaError
from synclips.files import atomic_path
from synclips.media.photo_video import still_as_video
from synclips.media.video import frames_in_order, is_image, probe
from synclips.progress import Progress, silent
from synclips.tracking.detection_cache import TrackCache, detect_video
from synclips.tracking.detections import Detections
from synclips.tracking.identities import Boxes, Identity, boxes_of, link_faces
from synclips.tracking.tracked_video import no_face

THUMBNAIL: Final = 256
"""Pixels of a thumbnail's sides."""
_TRIED: Final = 100
"""Detections of a face, spread over the video, of which the most frontal is shown."""
_NOSE, _CHEEKS = 1, (234, 454)


def list_faces(
    video: Path,
    folder: Path,
    *,
    device: torch.device,
    cache: TrackCache | None,
    on_progress: Progress = silent,
) -> dict[str, Any]:
    """Find the faces of a video (or photograph), write `folder`/<name>_face_<number>.png of each; ready for JSON.

    `point` of a face is where the thumbnail was taken, as `--face` wants it.

    Raises:
        MediaError: the video cannot be read.
        NoFaceError: it shows no face.
        OutputError: a picture cannot be written.
    """
    with ExitStack() as stack:
        source = stack.enter_context(still_as_video(video)) if is_image(video) else video
        info = probe(source)
        detections = detect_video(info, cache=cache if source is video else None, on_progress=on_progress)
        boxes = boxes_of(detections)
        faces = link_faces(detections, boxes)
        if not faces:
            raise no_face(info, len(detections))
        notes = []
        try:
            speaking = find_speaking(info, detections, faces, device, on_progress)
        except (MediaError, CheckpointError) as error:
            speaking = None
            notes.append(f"who speaks cannot be told: {error}")
        best = {_best_row(face, detections, boxes): face for face in faces}
        rows = sorted(best)
        images = frames_in_order(source, [int(detections.frame[row]) for row in rows])
        pictures = {}
        for row, image in zip(rows, images, strict=True):
            number = best[row].number
            path = folder / f"{video.stem}_face_{number}.png"
            with atomic_path(path) as temporary:
                picture = thumbnail(image, np.array(detections.points[row]))
                temporary.write_bytes(cv2.imencode(".png", picture[..., ::-1])[1].tobytes())
            x, y = boxes.centre[row].round().astype(int)
            pictures[number] = path, f"{x},{y}@{detections.times[detections.frame[row]]:.3f}"
    return {
        "video": str(video),
        "frames": len(detections),
        "shots": len(detections.cuts) + 1,
        "speaker": speaking.speaker if speaking else None,
        "seconds_judged": round(sum(w.end - w.start for w in speaking.windows), 2) if speaking else 0.0,
        "faces": [
            {
                "number": face.number,
                "first": round(face.first, 3),
                "last": round(face.last, 3),
                "share": round(face.share, 4),
                "size": round(face.size, 1),
                "x": round(face.centre[0], 1),
                "y": round(face.centre[1], 1),
                "seconds_speaking": round(speaking.seconds(face.number), 2) if speaking else None,
                "point": pictures[face.number][1],
                "thumbnail": str(pictures[face.number][0]),
            }
            for face in faces
        ],
        "notes": notes,
    }


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
