"""Typed results of an edit: the file, and a report of what was done."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from synclips.speech.transcript import Transcript


@dataclass(frozen=True)
class EditedSpan:
    """One span of the result: seconds (of source and result), frames of the result whose picture changed, words.

    pace: speed over the engine's; pitch: factor on its F0; similarity: of the new words to the person's voice.
    """

    said: str
    new: str
    start: float
    end: float
    result_start: float
    result_end: float
    frames: tuple[int, int]
    fit: str
    pace: float
    pitch: float
    similarity: float | None


@dataclass(frozen=True)
class EditReport:
    """What `edit` made and how. `frames_copied`: frames whose bits were copied, not encoded."""

    video: str
    output: str
    text: str
    spans: tuple[EditedSpan, ...]
    frames: int
    frames_copied: int
    duration: float
    notes: tuple[str, ...]
    origin: str
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class EditResult:
    """The edited file, what is said in it (times of the result), and what was done."""

    output: Path
    transcript: Transcript
    report: EditReport
