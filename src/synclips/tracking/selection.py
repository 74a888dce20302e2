"""Which of several people a line is put into the mouth of."""

import re
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from synclips.errors import ConfigError, NoFaceError
from synclips.tracking.detections import Detections
from synclips.tracking.identities import Boxes, Identity

SPEAKER: Final = "speaker"
_POINT: Final = re.compile(r"(\d+(?:\.\d+)?),(\d+(?:\.\d+)?)(?:@(\d+(?:\.\d+)?))?")
_COUNTS: Final = 0.1
"""Prominence, as a share of the greatest, from which a face takes part in `left` and `right`: no passers-by."""


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
