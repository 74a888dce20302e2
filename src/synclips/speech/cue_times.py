"""The slots of lines that cannot be kept as they are written: trimmed, joined or moved."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from synclips.speech.script_faults import ScriptFaults

SHORTEST: Final = 0.2
"""Seconds of a slot."""
_PER_CHARACTER: Final = 0.065
"""Seconds that a character of English takes, spoken without haste."""
_HASTE: Final = 1.6
"""How much faster a line may have to be spoken when its slot is trimmed."""


@dataclass(frozen=True)
class ScriptLine:
    """One line of a script.

    number:      of the line in the file where it begins, from 1
    start, end:  its slot, seconds
    face:        whose it is, as --face takes it; None: whom --face names
    """

    number: int
    start: float
    end: float
    text: str
    face: str | None = None

    def overlaps(self, other: "ScriptLine") -> bool:
        """Whether their slots share time."""
        return self.start < other.end and other.start < self.end


def spoken_seconds(text: str) -> float:
    """About how long a text takes."""
    return max(SHORTEST, _PER_CHARACTER * len(text))


def usable_slots(lines: Sequence[ScriptLine], faults: ScriptFaults) -> list[ScriptLine]:
    """`lines` in the order of their beginnings, each with a slot in which something can be said."""
    kept = []
    for line in sorted(lines, key=lambda line: (line.start, line.end)):
        if line.start < 0 or line.end < 0:
            done = "skipped" if line.end < SHORTEST else "it begins at 0"
            faults.found(line.number, "a time is negative; a video begins at 0", done)
            if line.end < SHORTEST:
                continue
            line = replace(line, start=0.0)
        kept.append(line)
    starts = [line.start for line in kept]
    result = []
    for line in kept:
        room = min([start for start in starts if start > line.start + SHORTEST], default=float("inf"))
        if line.end <= line.start:
            words = f"it ends at {line.end:g} s, not after its beginning at {line.start:g} s"
            line = replace(line, end=min(line.start + spoken_seconds(line.text), room))
            faults.found(line.number, words, f"it is given until {line.end:.2f} s")
        elif line.end - line.start < SHORTEST - 1e-6:
            words = f"{line.end - line.start:.2g} s are too short to say anything"
            line = replace(line, end=min(line.start + spoken_seconds(line.text), room))
            faults.found(line.number, words, f"it is given until {line.end:.2f} s")
        result.append(line)
    return result


def without_overlaps(
    lines: Sequence[ScriptLine], whose: Callable[[ScriptLine], object], faults: ScriptFaults
) -> list[ScriptLine]:
    """`lines`, those of one face (`whose`) one after the other: the earlier one is trimmed, or both become one."""
    kept: list[ScriptLine] = []
    for line in sorted(lines, key=lambda line: (line.start, line.end)):
        index = next((i for i in range(len(kept) - 1, -1, -1) if whose(kept[i]) == whose(line)), None)
        before = None if index is None else kept[index]
        if index is None or before is None or not before.overlaps(line):
            kept.append(line)
            continue
        first, second = sorted((before.number, line.number))
        words = f"it overlaps the one in line {first}; one face says one thing at a time"
        left = line.start - before.start
        if left >= max(SHORTEST, spoken_seconds(before.text) / _HASTE) or before.end - line.start < 0.1 <= left - 0.1:
            faults.found(second, words, f"line {before.number} ends {before.end - line.start:.2f} s earlier")
            kept[index] = replace(before, end=line.start)
            kept.append(line)
        else:
            faults.found(second, words, "both are spoken one after the other")
            joined = f"{before.text} {line.text}".strip()
            kept[index] = replace(before, end=max(before.end, line.end), text=joined)
    return sorted(kept, key=lambda line: (line.start, line.end))
