"""A script: who says what, from when to when. Read from SubRip (.srt), WebVTT (.vtt) or a table (.csv).

The two subtitle formats are read here, not by a library, so that whatever is wrong is named with its line.
"""

import csv
import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Final

from synclips.errors import ConfigError, TextError
from synclips.speech.text.normalise import spoken_sentences
from synclips.tracking.selection import parse_choice

SUFFIXES: Final = (".srt", ".vtt", ".csv")
COLUMNS: Final = ("start", "end", "text", "face")
SHORTEST: Final = 0.2
"""Seconds of a slot."""
_TIME: Final = re.compile(r"(?P<sign>-?)(?:(?:(?P<h>\d+):)?(?P<m>\d{1,2}):)?(?P<s>\d+(?:[.,]\d+)?)")
_VOICE: Final = re.compile(r"<v(?:\.[^\s>]*)?\s+([^>]+)>")
_MARKS: Final = re.compile(r"<[^>]*>|\{\\[^}]*\}")


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


@dataclass(frozen=True)
class Script:
    """The lines of a file, in the order of their beginnings."""

    path: Path
    lines: tuple[ScriptLine, ...]

    def fault(self, line: ScriptLine, words: str) -> TextError:
        """What is wrong with a line, to be raised."""
        return TextError(f"{self.path}, line {line.number}: {words}")


def read_script(path: Path) -> Script:
    """Read a script.

    Subtitles name a face by WebVTT's voice, `<v left>Hello.`; a table has the columns start, end, text and, if wanted,
    face. Times are `1:02:03.5`, `02:03,500` or seconds. Lines of two different faces may overlap.

    Raises:
        TextError: the file cannot be read, is empty, or a line of it cannot be used: the message names the line.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise TextError(f"{path} is not a script; write .srt, .vtt or .csv")
    text = _content(path)
    try:
        lines = list(_table(text) if path.suffix.lower() == ".csv" else _subtitles(text))
        for line in lines:
            _check(line)
        lines.sort(key=lambda line: (line.start, line.end))
        for one, other in combinations(lines, 2):
            if one.overlaps(other) and (one.face is None or other.face is None or one.face == other.face):
                first, second = sorted((one.number, other.number))
                raise _LineError(second, f"it overlaps the one in line {first}; one face says one thing at a time")
    except _LineError as fault:
        raise TextError(f"{path}, line {fault.number}: {fault.words}") from fault
    if not lines:
        raise TextError(f"{path} has no lines to be spoken")
    return Script(path, tuple(lines))


class _LineError(Exception):
    """What is wrong, and in which line of the file."""

    def __init__(self, number: int, words: str) -> None:
        super().__init__(words)
        self.number, self.words = number, words


def _content(path: Path) -> str:
    if not path.is_file():
        raise TextError(f"no such file: {path}" if not path.exists() else f"{path} is a folder; name a file")
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TextError(f"{path} is not text in UTF-8 (byte {error.start}); save it as UTF-8") from error


def _check(line: ScriptLine) -> None:
    if line.start < 0 or line.end < 0:
        raise _LineError(line.number, "a time is negative; a video begins at 0")
    if line.end <= line.start:
        raise _LineError(line.number, f"it ends at {line.end:g} s, not after its beginning at {line.start:g} s")
    if line.end - line.start < SHORTEST:
        raise _LineError(line.number, f"{line.end - line.start:.2g} s are too short to say anything")
    try:
        spoken_sentences(line.text)
        if line.face is not None:
            parse_choice(line.face)
    except TextError as error:
        raise _LineError(line.number, str(error)) from error
    except ConfigError as error:
        kinds = "speaker, largest, left, right, a number of `synclips faces`, or X,Y@SECONDS"
        raise _LineError(line.number, f"{line.face!r} is no face; give {kinds}") from error


def _seconds(text: str, number: int) -> float:
    found = _TIME.fullmatch(text.strip())
    if found is None:
        raise _LineError(number, f"{text.strip()!r} is not a time; write 00:01:02.500 or seconds")
    hours, minutes = int(found["h"] or 0), int(found["m"] or 0)
    seconds = 3600 * hours + 60 * minutes + float(found["s"].replace(",", "."))
    return -seconds if found["sign"] else seconds


def _subtitles(text: str) -> Iterator[ScriptLine]:
    """Cues of SubRip or WebVTT; what stands outside of them (numbers, notes, styles) is passed over."""
    rows = text.splitlines()
    row = 0
    while row < len(rows):
        if "-->" not in rows[row]:
            if rows[row].split(" ")[0] in ("NOTE", "STYLE", "REGION"):
                while row < len(rows) and rows[row].strip():
                    row += 1
            row += 1
            continue
        number = row + 1
        begin, _, rest = rows[row].partition("-->")
        if not rest.split():
            raise _LineError(number, "a time is missing after -->")
        start, end = _seconds(begin, number), _seconds(rest.split()[0], number)
        said = []
        row += 1
        while row < len(rows) and rows[row].strip():
            if "-->" in rows[row]:
                raise _LineError(row + 1, "an empty line is missing before it")
            said.append(rows[row].strip())
            row += 1
        spoken = " ".join(said)
        voice = _VOICE.search(spoken)
        yield ScriptLine(
            number, start, end, html.unescape(_MARKS.sub("", spoken)).strip(), voice[1].strip() if voice else None
        )


def _table(text: str) -> Iterator[ScriptLine]:
    """Rows of a table with a head."""
    reader = csv.reader(text.splitlines(keepends=True), strict=True)
    try:
        head = [name.strip().lower() for name in next(reader, [])]
        if not head:
            return
        missing = [name for name in COLUMNS[:3] if name not in head]
        if missing:
            raise _LineError(1, f"there is no column {missing[0]}; the first line names them: {','.join(COLUMNS)}")
        number = reader.line_num + 1
        for values in reader:
            row = dict(zip(head, values, strict=False))
            if any(value.strip() for value in values):
                if len(values) > len(head):
                    raise _LineError(number, 'it has more values than columns; put text with a comma into "quotes"')
                start, end = (_seconds(row.get(name) or "", number) for name in COLUMNS[:2])
                yield ScriptLine(
                    number, start, end, (row.get("text") or "").strip(), (row.get("face") or "").strip() or None
                )
            number = reader.line_num + 1
    except csv.Error as error:
        raise _LineError(reader.line_num, f"it is not CSV ({error})") from error
