"""A script: who says what, from when to when. Read from subtitles (SubRip, WebVTT, SBV, SubStation Alpha) or a table.

One bad line never stops a scene: it is skipped, trimmed or joined, and a note says so; `strict` makes it an error.
"""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from synclips.errors import ConfigError, TextError
from synclips.speech.captions import spoken_cues
from synclips.speech.cue_times import SHORTEST as SHORTEST
from synclips.speech.cue_times import ScriptLine as ScriptLine
from synclips.speech.cue_times import usable_slots, without_overlaps
from synclips.speech.reading import read_line
from synclips.speech.script_faults import LineError, ScriptFaults
from synclips.speech.subtitles import Cue, read_cues, read_events, seconds_of
from synclips.speech.text.encoding import decode_text
from synclips.tracking.selection import parse_choice

SUFFIXES: Final = (".srt", ".vtt", ".sbv", ".ass", ".ssa", ".csv")
COLUMNS: Final = ("start", "end", "text", "face")
_FACES: Final = "speaker, largest, left, right, a number of `synclips faces`, or X,Y@SECONDS"


@dataclass(frozen=True)
class Script:
    """The lines of a file, in the order of their beginnings; `notes`: what was skipped, trimmed, joined."""

    path: Path
    lines: tuple[ScriptLine, ...]
    notes: tuple[str, ...] = ()

    def fault(self, line: ScriptLine, words: str) -> TextError:
        """What is wrong with a line, to be raised."""
        return TextError(f"{self.path}, line {line.number}: {words}")


def read_script(path: Path, *, strict: bool = False, language: str = "auto") -> Script:
    """Read a script.

    Subtitles name a face by WebVTT's voice, `<v left>Hello.`; a table has the columns start, end, text and, if wanted,
    face. Times are `1:02:03.5`, `02:03,500` or seconds. Lines of two different faces may overlap.

    Args:
        strict: what cannot be used as it is written is an error, not a note.
        language: as `read_text` takes it.

    Raises:
        TextError: the file cannot be read, or nothing in it can be spoken; `strict`: a line of it cannot be used. The
            message names the line.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise TextError(f"{path} is not a script; write {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}")
    text, guessed = _content(path)
    if guessed and strict:
        raise TextError(f"{path} is not text in UTF-8; save it as UTF-8")
    faults = ScriptFaults(strict)
    try:
        lines = usable_slots(_speakable(_lines(path, text, faults), faults, language), faults)
        lines = without_overlaps(lines, lambda line: line.face, faults)
        if strict:
            _no_doubt(lines)
    except LineError as fault:
        raise TextError(f"{path}, line {fault.number}: {fault.words}") from fault
    notes = (*filter(None, [guessed]), *faults.notes)
    if not lines:
        raise TextError(f"{path} has no lines to be spoken" + (f"; {notes[-1]}" if notes else ""))
    return Script(path, tuple(lines), notes)


def _content(path: Path) -> tuple[str, str]:
    if path.is_dir() or not path.exists():
        raise TextError(f"no such file: {path}" if not path.exists() else f"{path} is a folder; name a file")
    return decode_text(path.read_bytes(), path)


def _lines(path: Path, text: str, faults: ScriptFaults) -> Iterable[ScriptLine]:
    suffix = path.suffix.lower()
    if suffix == ".csv":
        cues = list(_table(text, faults))
    elif suffix in (".ass", ".ssa") or "\n[Events]" in text:
        cues = read_events(text, faults)
    else:
        cues = read_cues(text, faults, vtt=suffix == ".vtt")
    for cue in spoken_cues(cues, faults):
        yield ScriptLine(cue.number, cue.start, cue.end, " ".join(cue.rows), cue.voice)


def _speakable(lines: Iterable[ScriptLine], faults: ScriptFaults, language: str) -> list[ScriptLine]:
    """The lines whose text can be spoken; a face that is none is left out."""
    kept = []
    for line in lines:
        try:
            read_line(line.text, language)
        except TextError as error:
            faults.found(line.number, str(error), "skipped")
            continue
        if line.face is not None:
            try:
                parse_choice(line.face)
            except ConfigError:
                words = f"{line.face!r} is no face; give {_FACES}"
                faults.found(line.number, words, "whom --face names says it", kind=f"{line.face!r} is no face")
                line = replace(line, face=None)
        kept.append(line)
    return kept


def _no_doubt(lines: list[ScriptLine]) -> None:
    """Lines at the same time must name two faces.

    Raises:
        LineError: one of them names none.
    """
    for index, line in enumerate(lines):
        for other in lines[index + 1 :]:
            if line.overlaps(other) and (line.face is None or other.face is None):
                first, second = sorted((line.number, other.number))
                raise LineError(second, f"it overlaps the one in line {first}; one face says one thing at a time")


def _table(text: str, faults: ScriptFaults) -> Iterator[Cue]:
    """Rows of a table with a head, its columns parted by commas, semicolons or tabs."""
    first = next((row for row in text.splitlines() if row.strip()), "")
    sign = max(",;\t", key=lambda sign: sum(name.strip(' "').lower() in COLUMNS for name in first.split(sign)))
    reader = csv.reader(text.splitlines(keepends=True), strict=True, delimiter=sign)
    try:
        head: list[str] = []
        for values in reader:
            if any(value.strip() for value in values):
                head = [name.strip().lower() for name in values]
                break
        if not head:
            return
        missing = [name for name in COLUMNS[:3] if name not in head]
        if missing:
            raise LineError(1, f"there is no column {missing[0]}; the first line names them: {','.join(COLUMNS)}")
        number = reader.line_num + 1
        for values in reader:
            if any(value.strip() for value in values):
                cue = _row(number, head, values, sign, faults)
                if cue is not None:
                    yield cue
            number = reader.line_num + 1
    except csv.Error as error:
        faults.found(reader.line_num, f"it is not CSV ({error})", "skipped, with all that follows")


def _row(number: int, head: list[str], values: list[str], sign: str, faults: ScriptFaults) -> Cue | None:
    if len(values) > len(head):
        mended = head[-1] == "text"
        words = 'it has more values than columns; put text with a comma into "quotes"'
        faults.found(number, words, "the rest is taken as text" if mended else "skipped")
        if not mended:
            return None
        values = [*values[: len(head) - 1], sign.join(values[len(head) - 1 :])]
    row = dict(zip(head, values, strict=False))
    times = []
    for name in COLUMNS[:2]:
        written = (row.get(name) or "").strip()
        seconds = seconds_of(written)
        if seconds is None:
            faults.found(number, f"{written!r} is not a time; write 00:01:02.500 or seconds", "skipped")
            return None
        times.append(seconds)
    rows = tuple((row.get("text") or "").strip().splitlines())
    return Cue(number, times[0], times[1], rows, (row.get("face") or "").strip() or None)
