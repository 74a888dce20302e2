"""Which of several faces is dubbed, and whether it can be."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np

from synclips.errors import ConfigError, NoFaceError
from synclips.tracking.detections import Detections
from synclips.tracking.identities import Boxes, Identity

SPEAKER: Final = "speaker"
_POINT: Final = re.compile(r"(\d+(?:\.\d+)?),(\d+(?:\.\d+)?)(?:@(\d+(?:\.\d+)?))?")
_COUNTS: Final = 0.1
"""Prominence, as a share of the greatest, from which a face takes part in `left` and `right`: no passers-by."""

SMALL: Final = 100
"""Pixels of a face's longer side below which a dub looks soft."""
TOO_SMALL: Final = 48
"""Pixels below which its lips are not found well enough to dub it at all."""
STILL: Final = 0.0012
"""Motion of a mesh, in its own size, below which it is a picture's. Measured: pictures .0007 at most, people who sit
still .0020 and more (EXPERIMENTS.md, 2026-11-28)."""
_GROUPS, _GROUP = 30, 6
"""Detections that motion is measured on: groups spread over the video, of successive ones, whose means are compared."""


@dataclass(frozen=True)
class FaceChoice:
    """How a face is chosen.

    kind:    speaker, largest, left, right (on the picture, as the viewer sees it), point or number
    x, y, time:  for `point`: pixels of the upright picture, and seconds
    number:  for `number`: as `synclips faces` lists them
    """

    kind: Literal["speaker", "largest", "left", "right", "point", "number"]
    x: float = 0.0
    y: float = 0.0
    time: float = 0.0
    number: int = 0


def parse_choice(text: str) -> FaceChoice:
    """speaker, largest, left, right, X,Y@T (or X,Y: at the beginning), or a number.

    Raises:
        ConfigError: none of these.
    """
    word = text.strip().lower()
    match word:
        case "speaker" | "largest" | "left" | "right":
            return FaceChoice(word)
    if word.isdecimal() and int(word) > 0:
        return FaceChoice("number", number=int(word))
    point = _POINT.fullmatch(word.replace(" ", ""))
    if point:
        x, y, time = (float(value or 0) for value in point.groups())
        return FaceChoice("point", x, y, time)
    raise ConfigError(
        f"--face {text!r} is no choice; give speaker, largest, left, right, a number of `synclips faces`, or a point "
        "and a time as X,Y@SECONDS"
    )


def choose_face(choice: FaceChoice, faces: list[Identity], detections: Detections, boxes: Boxes) -> Identity:
    """The one of `faces` (at least one) that is meant; `speaker` is taken as `largest`: sound is not known here.

    Raises:
        NoFaceError: there is no such face.
    """
    prominent = [face for face in faces if face.prominence >= _COUNTS * faces[0].prominence]
    match choice.kind:
        case "left":
            return min(prominent, key=lambda face: face.centre[0])
        case "right":
            return max(prominent, key=lambda face: face.centre[0])
        case "number":
            if choice.number > len(faces):
                raise NoFaceError(f"there is no face {choice.number}; `synclips faces` lists {len(faces)}")
            return faces[choice.number - 1]
        case "point":
            return _at(choice, faces, detections, boxes)
        case _:
            return faces[0]


def moving_faces(faces: list[Identity], detections: Detections) -> list[Identity]:
    """Those of `faces` that move as living faces do: no portraits on a wall or in a slide. All of them if none does."""
    return [face for face in faces if _motion(face, detections) >= STILL] or faces


def check_size(face: Identity, path: Path) -> tuple[str, ...]:
    """What is to be said of a face that is small.

    Raises:
        NoFaceError: it is too small to be dubbed.
    """
    pixels = round(face.size)
    if face.size < TOO_SMALL:
        raise NoFaceError(
            f"a face was found, but only {pixels} pixels high, in {path}: too small to dub; use a video that shows it "
            f"larger, from about {SMALL} pixels on"
        )
    if face.size < SMALL:
        return (f"the face was found, but only {pixels} pixels high: from about {SMALL} on the lips look sharp",)
    return ()


def _motion(face: Identity, detections: Detections) -> float:
    """Standard deviation over time of the mesh's points, its place taken out, as a share of its size; mean of all.

    Of means of successive frames: a mesh on a still picture trembles from frame to frame, by compression and because
    each is computed where the last one was; what lives moves more slowly.
    """
    count = len(face.rows) // _GROUP
    if count < 2:
        return np.inf
    means = []
    for group in np.unique(np.linspace(0, count - 1, _GROUPS).round().astype(int)):
        rows = face.rows[group * _GROUP : (group + 1) * _GROUP]
        points = detections.points[rows][..., :2].astype(np.float64)
        means.append((points - points.mean(axis=1, keepdims=True)).mean(axis=0))
    return float(np.linalg.norm(np.std(means, axis=0), axis=1).mean() / face.size)


def _at(choice: FaceChoice, faces: list[Identity], detections: Detections, boxes: Boxes) -> Identity:
    """The face nearest to the point in the frame shown at that time, no farther than its own size."""
    frame = max(int(np.searchsorted(detections.times, choice.time + 1e-6, side="right")) - 1, 0)
    point = np.array([choice.x, choice.y])
    found = {}
    for face in faces:
        for row in face.rows[detections.frame[face.rows] == frame]:
            away = float(np.hypot(*(boxes.centre[row] - point))) / boxes.size[row]
            if away <= 1:
                found[away] = face
    if not found:
        raise NoFaceError(
            f"there is no face at {choice.x:g},{choice.y:g} at {choice.time:g} s; `synclips faces` lists where they are"
        )
    return found[min(found)]
