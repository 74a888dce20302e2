"""Identities: the detections of a video are linked into one track for each person.

Two steps. Within a shot, faces are matched from frame to frame by their predicted place (constant velocity),
size and appearance, all at once (the Hungarian method; Kuhn, 1955), as in DeepSORT (Wojke,
Bewley and Paulus, "Simple online and realtime tracking with a deep association metric", ICIP 2017). Tracklets that
end at a gap, a crossing or a cut are then joined to the person of most similar appearance, never to one who is visible
at the same time.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import compress, groupby
from typing import Final

import numpy as np
from jaxtyping import Float32, Float64, Int64

from synclips.mapped_files import leave_memory, parts
from synclips.tracking.appearance import MeanLook, difference
from synclips.tracking.detections import PART, RECORD, Detections
from synclips.tracking.track import LONGEST_GAP

REACH: Final = 0.6
"""Distance from its expected place, in face sizes, within which the next frame's face can be the same."""
LATER: Final = 0.1
"""By how much of it `REACH` grows with each further frame of a gap."""
ZOOM: Final = 0.4
"""Largest logarithm of the ratio of sizes between two detections of one face."""
OTHER: Final = 1.2
"""Difference of two looks from which faces of successive detections are not the same, wherever they are."""
ALIKE: Final = 0.75
"""Difference of two looks below which they are one person's: close-up or not, GRID's people differ from themselves
by 0.2 to 0.8, from others by 0.8 to 3."""
RETURN: Final = 50
"""Frames within which the distance of a face that reappears where it was lost is halved."""
RELEASED: Final = 4096
"""Frames after which the memory of what was read of them is handed back."""
FEWEST: Final = 5
"""Frames of a person at least; fewer are taken for a false detection, unless there is nothing else."""


@dataclass(frozen=True)
class Identity:
    """One person's face in one video.

    number:       1 is the most prominent (size and presence together)
    rows:         its detections, as indices into them; one a frame at most
    first, last:  seconds of the first and the last frame that show it
    share:        of the frames
    size:         mean of the longer side of the mesh, in pixels
    centre:       mean place: x, y in pixels
    """

    number: int
    rows: Int64[np.ndarray, " r"]
    first: float
    last: float
    share: float
    size: float
    centre: tuple[float, float]

    @property
    def prominence(self) -> float:
        """Pixels that it takes up, on average over all frames."""
        return self.share * self.size**2


@dataclass(frozen=True)
class Boxes:
    """Where the detections are: middle and longer side of each mesh, in pixels."""

    centre: Float64[np.ndarray, "m 2"]
    size: Float64[np.ndarray, " m"]


def boxes_of(detections: Detections) -> Boxes:
    """The boxes of all detections, read a few at a time."""
    centre, size = np.empty((len(detections.frame), 2)), np.empty(len(detections.frame))
    for rows in parts(len(size), PART, RECORD.itemsize):
        points = detections.points[rows, :, :2]
        low, high = points.min(axis=1), points.max(axis=1)
        centre[rows], size[rows] = (low + high) / 2, (high - low).max(axis=1)
    return Boxes(centre, size)


def link_faces(detections: Detections, boxes: Boxes | None = None) -> list[Identity]:
    """The people of a video, the most prominent first."""
    boxes = boxes or boxes_of(detections)
    people = _join(list(_pieces(detections, boxes)), len(detections))
    faces = [_identity(person.rows, detections, boxes) for person in people]
    faces.sort(key=lambda face: -face.prominence)
    return [replace(face, number=number) for number, face in enumerate(faces, 1)]


@dataclass(frozen=True)
class _Seen:
    """One detection."""

    row: int
    frame: int
    centre: Float64[np.ndarray, " 2"]
    size: float
    look: Float32[np.ndarray, " d"]

    def away(self, place: Float64[np.ndarray, " 2"], size: float) -> float:
        """Distance from a place, in sizes of the larger of the two faces."""
        return float(np.hypot(*(self.centre - place))) / max(self.size, size)

    def zoom(self, size: float) -> float:
        """Absolute logarithm of the ratio of sizes."""
        return abs(float(np.log(self.size / size)))


class _Tracklet:
    """A face tracked through a part of one shot."""

    def __init__(self, shot: int, seen: _Seen) -> None:
        self.shot = shot
        self.rows = [seen.row]
        self.first = self.last = seen
        self.velocity = np.zeros(2)
        self.looks = MeanLook()
        self.looks.add(seen.look)

    def add(self, seen: _Seen) -> None:
        moved = (seen.centre - self.last.centre) / (seen.frame - self.last.frame)
        self.velocity = moved if len(self.rows) == 1 else (self.velocity + moved) / 2
        self.rows.append(seen.row)
        self.last = seen
        self.looks.add(seen.look)

    @property
    def frames(self) -> slice:
        return slice(self.first.frame, self.last.frame + 1)

    def cost(self, seen: _Seen) -> float:
        """Cost of adding a detection to this tracklet; infinite if it cannot be the same face."""
        gap = seen.frame - self.last.frame
        away = seen.away(self.last.centre + self.velocity * gap, self.last.size)
        zoom = seen.zoom(self.last.size)
        if away > REACH * (1 + LATER * (gap - 1)) or zoom > ZOOM or difference(self.last.look, seen.look) > OTHER:
            return np.inf
        return away + zoom + difference(self.looks.look, seen.look)

    def returns(self, other: "_Tracklet") -> bool:
        """Whether of two tracklets of one shot the later begins soon after, and where, the earlier ends."""
        before, after = (self, other) if self.first.frame < other.first.frame else (other, self)
        lost, found = before.last, after.first
        soon = self.shot == other.shot and found.frame - lost.frame <= RETURN
        return soon and found.away(lost.centre, lost.size) < 1 and found.zoom(lost.size) < ZOOM


def _pieces(detections: Detections, boxes: Boxes) -> Iterator[_Tracklet]:
    """Faces followed from frame to frame within each shot."""
    shots = np.searchsorted(detections.cuts, detections.frame, side="right").tolist()
    active: list[_Tracklet] = []
    for frame, rows in groupby(range(len(shots)), key=lambda row: int(detections.frame[row])):
        faces = [
            _Seen(row, frame, boxes.centre[row], float(boxes.size[row]), np.array(detections.looks[row]))
            for row in rows
        ]
        shot = shots[faces[0].row]
        if frame % RELEASED == 0:
            leave_memory()
        over = [piece.shot != shot or frame - piece.last.frame > LONGEST_GAP for piece in active]
        yield from compress(active, over)
        active = [piece for piece, ended in zip(active, over, strict=True) if not ended]
        matched = _cheapest(np.array([[piece.cost(seen) for seen in faces] for piece in active])) if active else {}
        for number, seen in enumerate(faces):
            if number in matched:
                active[matched[number]].add(seen)
            else:
                active.append(_Tracklet(shot, seen))
    yield from active


def _cheapest(cost: Float64[np.ndarray, "p k"]) -> dict[int, int]:
    """The cheapest matching of columns to rows; infinite costs are left out."""
    if min(cost.shape) == 1:  # as with one person, for whom importing the optimiser (half a second) is not worth it
        row, column = np.unravel_index(int(cost.argmin()), cost.shape)
        return {int(column): int(row)} if np.isfinite(cost[row, column]) else {}

    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(np.where(np.isfinite(cost), cost, 1e6))
    return {int(c): int(r) for r, c in zip(rows, columns, strict=True) if np.isfinite(cost[r, c])}


class _Person:
    """The tracklets of one person so far."""

    def __init__(self, piece: _Tracklet, frames: int) -> None:
        self.pieces: list[_Tracklet] = []
        self.present = np.zeros(frames, bool)
        self.looks = MeanLook()
        self.add(piece)

    def add(self, piece: _Tracklet) -> None:
        self.pieces.append(piece)
        self.present[piece.frames] = True
        self.looks.join(piece.looks)

    @property
    def rows(self) -> Int64[np.ndarray, " r"]:
        return np.sort(np.concatenate([np.array(piece.rows, np.int64) for piece in self.pieces]))

    def unlike(self, piece: _Tracklet) -> float:
        """Appearance distance of a tracklet to this person; infinite if both are visible at once."""
        if self.present[piece.frames].any():
            return np.inf
        unlike = difference(self.looks.look, piece.looks.look)
        return unlike / 2 if any(piece.returns(own) for own in self.pieces) else unlike


def _join(pieces: list[_Tracklet], frames: int) -> list[_Person]:
    """Tracklets joined into people, the longest first; only long ones start a new person."""
    fewest = FEWEST if any(len(piece.rows) >= FEWEST for piece in pieces) else 1
    people: list[_Person] = []
    for piece in sorted(pieces, key=lambda piece: (-len(piece.rows), piece.first.frame)):
        unlike = [person.unlike(piece) for person in people]
        if unlike and min(unlike) < ALIKE:
            people[int(np.argmin(unlike))].add(piece)
        elif len(piece.rows) >= fewest:
            people.append(_Person(piece, frames))
    return people


def _identity(rows: Int64[np.ndarray, " r"], detections: Detections, boxes: Boxes) -> Identity:
    times = detections.times[detections.frame[rows]]
    x, y = boxes.centre[rows].mean(axis=0)
    share, size = len(rows) / len(detections), float(boxes.size[rows].mean())
    return Identity(0, rows, float(times[0]), float(times[-1]), share, size, (float(x), float(y)))
