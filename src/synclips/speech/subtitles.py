"""Cues of a subtitle file as they stand: SubRip, WebVTT, YouTube's SBV and (Advanced) SubStation Alpha.

Read here, not by a library, so that whatever is wrong is named with its line, and costs no more than its own cue.
"""

import re
from dataclasses import dataclass
from typing import Final

from synclips.speech.script_faults import ScriptFaults

_ARROW: Final = re.compile(r"\s*(?:-{2,3} ?>|[—–]>|(?:->|→)(?=\s*-?\d+\s?:))\s*")
_TIMEISH: Final = re.compile(r"(?:\d+\s+(?=\d+:))?(-?\d+(?:\s?[:.,;]\s?\d+)*)")
_CLOCK: Final = re.compile(r"(-?)(?:(?:(\d+):)?(\d{1,4}):)?(\d+)(?:[.,](\d+)|[:;](\d{2,3}))?")
_SBV: Final = re.compile(r"(\d+:\d{1,2}:\d{1,2}\.\d{1,3}),(\d+:\d{1,2}:\d{1,2}\.\d{1,3})")
_VOICE: Final = re.compile(r"<v(?:\.[^\s>]*)?\s+([^>]+)>")
_BLOCK: Final = re.compile(r"(?:NOTE|STYLE|REGION)(?:\s|$)")
_DRAWING: Final = re.compile(r"\{[^{}]*\\p[1-9][^{}]*\}.*?(?:\{[^{}]*\\p0[^{}]*\}|$)")
_FRAMES: Final = 25
"""Frames a second, where a time ends in frames."""


@dataclass(frozen=True)
class Cue:
    """What a file says: the line where it begins (from 1), seconds, rows of text with their marks, the voice's name."""

    number: int
    start: float
    end: float
    rows: tuple[str, ...]
    voice: str | None = None


def seconds_of(text: str) -> float | None:
    """`1:02:03.5`, `02:03,500`, `00:00:01:500`, `3.5` in seconds; None where it is no time."""
    found = _CLOCK.fullmatch(re.sub(r"\s", "", text))
    if found is None:
        return None
    sign, hours, minutes, seconds, part, last = found.groups()
    value = 3600 * int(hours or 0) + 60 * int(minutes or 0) + float(f"{seconds}.{part or 0}")
    if last:
        if not minutes:
            return None
        value += int(last) / 1000 if len(last) == 3 else min(int(last) / _FRAMES, 0.99)
    return -value if sign else value


def read_cues(text: str, faults: ScriptFaults, *, vtt: bool = False) -> list[Cue]:
    """The cues of SubRip, WebVTT or SBV, in the order of the file; of a cue whose times cannot be read, a fault."""
    rows = text.splitlines()
    vtt = vtt or text.lstrip().startswith("WEBVTT")
    places = [index for index, row in enumerate(rows) if _timing(row) is not None]
    cues = []
    counter = _counter(rows[places[0] - 1]) if places and places[0] else None
    for index, place in enumerate(places):
        following = places[index + 1] if index + 1 < len(places) else len(rows)
        body = rows[place + 1 : following]
        if following < len(rows):
            body, counter = _without_name(body, counter, vtt=vtt)
            if body and body[-1].strip():
                words = "an empty line is missing before it"
                faults.found(following + 1, words, "read all the same", kind="empty lines missing before cues")
        timing = _timing(rows[place])
        assert timing is not None
        begin, rest = timing
        if not rest.strip():
            faults.found(place + 1, "a time is missing after -->", "skipped")
            continue
        written = _TIMEISH.match(rest)
        start, end = seconds_of(begin), seconds_of(written[1]) if written else None
        if start is None or end is None:
            wrong = begin if start is None else rest.split()[0]
            faults.found(place + 1, f"{wrong.strip()!r} is not a time; write 00:01:02.500 or seconds", "skipped")
            continue
        said = _paragraphs(body, place + 2, faults, vtt=vtt)
        voice = _VOICE.search(" ".join(said))
        cues.append(Cue(place + 1, start, end, tuple(said), voice[1].strip() if voice else None))
    return cues


def read_events(text: str, faults: ScriptFaults) -> list[Cue]:
    """The dialogue of a file of (Advanced) SubStation Alpha."""
    columns = ["layer", "start", "end", "style", "name", "marginl", "marginr", "marginv", "effect", "text"]
    cues = []
    for number, row in enumerate(text.splitlines(), 1):
        kind, _, rest = row.partition(":")
        if kind.strip().lower() == "format" and "text" in rest.lower():
            columns = [name.strip().lower() for name in rest.split(",")]
        if kind.strip().lower() != "dialogue":
            continue
        values = dict(zip(columns, rest.split(",", len(columns) - 1), strict=False))
        start, end = seconds_of(values.get("start", "")), seconds_of(values.get("end", ""))
        if start is None or end is None:
            faults.found(number, "its times cannot be read", "skipped")
            continue
        said = _DRAWING.sub("", values.get("text", ""))
        cues.append(Cue(number, start, end, tuple(part.strip() for part in re.split(r"\\[Nn]", said))))
    return cues


def _timing(row: str) -> tuple[str, str] | None:
    """Beginning and rest of a row of times; None where it is text."""
    found = _SBV.fullmatch(row.strip())
    if found:
        return found[1], found[2]
    arrow = _ARROW.search(row)
    if arrow is None:
        return None
    begin = _TIMEISH.fullmatch(row[: arrow.start()].strip())
    if begin is None or ("--" not in arrow[0] and ":" not in begin[1]):
        return None
    return begin[1], row[arrow.end() :]


def _counter(row: str) -> int | None:
    return int(row) if row.strip().isdecimal() and len(row.strip()) < 9 else None


def _without_name(body: list[str], counter: int | None, *, vtt: bool) -> tuple[list[str], int | None]:
    """The rows of a cue without the number or name of the next one, and that number."""
    if not body or not body[-1].strip():
        return body, counter if counter is None else counter + 1
    number, alone = _counter(body[-1]), len(body) > 1 and not body[-2].strip()
    if number is not None and (alone or (counter is not None and number == counter + 1)):
        return body[:-1], number
    if vtt and alone:
        return body[:-1], None
    return body, None


def _paragraphs(body: list[str], number: int, faults: ScriptFaults, *, vtt: bool) -> list[str]:
    """The rows of text; blank ones between them are left out, and so are WebVTT's notes and styles."""
    said: list[str] = []
    blank = block = False
    for place, row in enumerate(body):
        if not row.strip():
            blank, block = True, False
            continue
        block = block or (vtt and blank and _BLOCK.match(row) is not None)
        if block:
            continue
        if blank and said:
            faults.found(number + place, "an empty line inside a cue", "joined", kind="empty lines inside cues")
        blank = False
        said.append(row.strip())
    return said
