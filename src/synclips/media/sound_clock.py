"""The clock of a sound track: where each decoded piece lies, what is missing before it, and what of it comes twice."""

from collections import deque
from dataclasses import dataclass
from typing import Final

TOLERANCE: Final = 0.04
"""Seconds by which time stamps may be uneven: containers round them, and nobody sees less than a frame."""
LASTING: Final = 0.01
"""Seconds of a deviation that is corrected when it has lasted for `LASTING_PIECES` pieces."""
LASTING_PIECES: Final = 25
RESET: Final = 1.0
"""Seconds that a clock must fall back to count as started anew (joined files) instead of overlapping."""
LONGEST_GAP: Final = 600.0
"""Seconds above which a leap forward is not a pause in the recording but another clock."""


@dataclass(frozen=True)
class Stamped:
    """A decoded piece: its time on the file's clock in seconds (None: unknown) and its length in seconds."""

    time: float | None
    duration: float


@dataclass(frozen=True)
class Placement:
    """What to do with a piece: seconds of silence to put before it, seconds to leave out at its beginning."""

    gap: float = 0.0
    cut: float = 0.0


class SoundClock:
    """Places the pieces of a track one after another; time 0 of the result is `origin` on the file's clock.

    `origin` None: the sound stands alone, and begins with its first piece; what lies before 0 there is the encoder's
    start-up, and left out. Gaps in the time stamps are filled, overlaps cut; deviations below `TOLERANCE` count when
    they last. A clock that falls back by more than `RESET`, or to where it began, was started anew: such sound follows
    what was there. A single stamp that fits neither its predecessor nor its successor is ignored.
    """

    def __init__(self, origin: float | None) -> None:
        self._origin = origin
        self._first: float | None = None
        self._now = 0.0
        self._overlaps = False
        self._deviations: deque[float] = deque(maxlen=LASTING_PIECES)

    @property
    def origin(self) -> float:
        """Time 0 of the result on the file's clock."""
        return self._origin or 0.0

    def place(self, piece: Stamped, following: float | None = None) -> Placement:
        """The next piece; `following` is the time of the one after it, None where there is none or it has no time."""
        if piece.time is None:
            return self._put(piece, Placement())
        if self._first is None:
            if self._origin is None:
                self._origin = max(piece.time, 0.0)
            self._first = piece.time
        assert self._origin is not None
        ahead = piece.time - self._origin - self._now
        if self._now == 0:
            if ahead > LONGEST_GAP:
                self._origin, ahead = piece.time, 0.0
            return self._put(piece, Placement(max(ahead, 0.0), min(max(-ahead, 0.0), piece.duration)))
        if self._is_outlier(piece, following):
            return self._put(piece, Placement())
        least = 0.0 if self._overlaps else -TOLERANCE
        if least <= ahead <= TOLERANCE and not self._lasts(ahead):
            return self._put(piece, Placement())
        self._deviations.clear()
        if -RESET <= ahead < 0 and piece.time > self._first + TOLERANCE:
            return self._put(piece, Placement(cut=min(-ahead, piece.duration)))
        if 0 < ahead <= LONGEST_GAP:
            return self._put(piece, Placement(gap=ahead))
        self._origin, self._first = piece.time - self._now, piece.time
        return self._put(piece, Placement())

    def _lasts(self, ahead: float) -> bool:
        """Whether the stamps have deviated to the same side for so long that it is no rounding."""
        self._deviations.append(ahead)
        if len(self._deviations) < LASTING_PIECES:
            return False
        return min(self._deviations) > LASTING or max(self._deviations) < -LASTING

    def _is_outlier(self, piece: Stamped, following: float | None) -> bool:
        if following is None or piece.time is None or self._origin is None:
            return False
        if abs(piece.time - self._origin - self._now) <= TOLERANCE:
            return False
        continues = abs(following - (piece.time + piece.duration)) <= TOLERANCE
        without = abs(following - (self._origin + self._now + piece.duration)) <= TOLERANCE
        return without and not continues

    def _put(self, piece: Stamped, placement: Placement) -> Placement:
        self._overlaps = 0 < piece.duration <= placement.cut
        self._now += placement.gap + max(0.0, piece.duration - placement.cut)
        return placement
