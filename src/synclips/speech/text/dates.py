"""Dates and times of day in words: `05.12.2024`, `3/4/26`, `5-Dec-2024`, `2024-12-05T10:30:00Z`, `10:30 a.m.`."""

import re
from typing import Final

from synclips.speech.text.conventions import Conventions
from synclips.speech.text.numbers import cardinal, digits, ordinal, year
from synclips.speech.text.patterns import Found, Replacements, after, replaced

MONTHS: Final = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
]  # fmt: skip
MONTH: Final = "|".join(MONTHS) + r"|(?:Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\.?"


def month_name(text: str) -> str:
    """`Sept.` -> September."""
    return next(month for month in MONTHS if month[:3].lower() == text[:3].lower())


def dates_in_words(text: str, known: Conventions) -> str:
    """`text` with its dates in words."""
    text = _STAMP.sub(_stamp, text)
    text = _YEAR_FIRST.sub(_year_first, text)
    text = _TWO_FIRST.sub(lambda found: _two_first(found, known), text)
    text = _MONTH_YEAR.sub(lambda found: f"{MONTHS[int(found[1]) - 1]} {year(int(found[2]))}", text)
    return replaced(text, _NAMED)


def times_in_words(text: str) -> str:
    """`text` with its times of day and durations in words."""
    return replaced(text, _TIMES)


def date(month: int, day: int, the_year: str | None) -> str | None:
    """`12, 5, "2024"` -> December fifth, twenty twenty four; None where there is no such day."""
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return None
    spoken = f"{MONTHS[month - 1]} {ordinal(day)}"
    return spoken if the_year is None else f"{spoken}, {_year(the_year)}"


def _year(written: str) -> str:
    number = int(written)
    return year(number + (2000 if number < 50 else 1900) if len(written) == 2 else number)


def _stamp(found: Found) -> str:
    day = date(int(found[2]), int(found[3]), found[1])
    if day is None or int(found[4]) > 24 or int(found[5]) > 59:
        return found[0]
    zone = found[6] or ""
    said = {"Z": " U T C", "": ""}.get(zone)
    if said is None:
        sign, hours, minutes = zone[0], int(zone[1:3]), int(zone[-2:])
        said = f" U T C {'minus' if sign == '-' else 'plus'} {cardinal(hours)}" + (
            f" {cardinal(minutes)}" if minutes else ""
        )
    return f"{day}, {clock(int(found[4]), found[5])}{said}"


def _year_first(found: Found) -> str:
    words = date(int(found[3]), int(found[4]), found[1])
    return words or found[0].replace("-", " dash ").replace("/", " slash ")


def _two_first(found: Found, known: Conventions) -> str:
    first, sign, second, the_year = int(found[1]), found[2], int(found[3]), found[4]
    day_first = known.day_first or sign == "."
    month, day = (second, first) if day_first else (first, second)
    words = date(month, day, the_year) or date(day, month, the_year)
    if words is None:
        return found[0] if sign == "." else f" {found[0].replace(sign, ' slash ' if sign == '/' else ' dash ')} "
    ends = sign == "." and found[5] and re.match(r"\s+[a-z(]", after(found))
    return words + (found[5] if not ends else "")


def _month_day(found: Found) -> str:
    last = f" to {ordinal(int(found[3]))}" if found[3] else ""
    the_year = f", {_year(found[4])}" if found[4] else ""
    return f"{month_name(found[1])} {ordinal(int(found[2]))}{last}{the_year}"


def _day_month(found: Found) -> str:
    last = f" to the {ordinal(int(found[2]))}" if found[2] else ""
    the_year = f", {_year(found[4].lstrip(chr(39)))}" if found[4] else ""
    stop = "." if found[3].endswith(".") and not found[4] and re.match(r"\s*$|\s+[A-Z]", after(found)) else ""
    return f"the {ordinal(int(found[1]))}{last} of {month_name(found[3])}{the_year}{stop}"


def _named_year(found: Found) -> str:
    return f"{month_name(found[1])} {_year(found[2])}"


def clock(hour: int, minute: str | None, *, half: bool = False) -> str:
    """`14, "05"` -> fourteen oh five; `half`: a. m. or p. m. follows."""
    if hour in (0, 24) and not half and not int(minute or 0):
        return "midnight"
    spoken = cardinal(hour)
    if minute and int(minute):
        return f"{spoken} {'oh ' if int(minute) < 10 else ''}{cardinal(int(minute))}"
    if half:
        return spoken
    return f"{spoken} o'clock" if 1 <= hour <= 12 else f"{spoken} hundred"


def _time(found: Found) -> str:
    hour, minute, half = int(found[1]), found[2], found[3]
    if hour > 24 or (minute and int(minute) > 59):
        return found[0].replace(":", " to ")
    if not half:
        return clock(hour, minute)
    stop = "." if half.endswith(".") and re.match(r"\s*$|\s+[A-Z]", after(found)) else ""
    return f"{clock(hour, minute, half=True)} {half[0].upper()} M{stop}"


def _duration(found: Found) -> str:
    names = ("hour", "minute", "second")
    said = []
    for written, name in zip((found[1], found[2], found[3]), names, strict=True):
        whole, _, part = written.partition(".")
        number = f"{cardinal(int(whole))} point {digits(part)}" if part else cardinal(int(whole))
        said.append(f"{number} {name if written.lstrip('0') == '1' else name + 's'}")
    return " ".join(said)


def _ratio(found: Found) -> str:
    return f"{cardinal(int(found[1]))} to {cardinal(int(found[2]))}"


_STAMP: Final = re.compile(
    r"\b(\d{4})-(\d{2})-(\d{2})[T ](\d{2}):(\d{2})(?::\d{2}(?:[.,]\d+)?)? ?(Z\b|[+-]\d{2}:?\d{2}\b)?(?![:\d])"
)
_YEAR_FIRST: Final = re.compile(r"(?<![\d./-])(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(?![\d/-]|\.\d)")
_TWO_FIRST: Final = re.compile(r"(?<![\d./-])(\d{1,2})(?:(/|-|\.) ?)(\d{1,2})\2 ?(\d{4}|\d{2})(?![\d/-]|\.\d)(\.?)")
_MONTH_YEAR: Final = re.compile(r"(?<![\d./])(0?[1-9]|1[0-2])/((?:19|20)\d{2})(?![\d/])")
_YEAR_AFTER: Final = r"(?:(?:,? |-)(\d{4}|'\d{2})(?!\d|,\d|[.-]\d| ?[$€£%]))?"
_NAMED: Final[Replacements] = (
    (
        re.compile(
            rf"\b(?:the )?(\d{{1,2}})(?:st|nd|rd|th)?(?: ?[-–] ?(\d{{1,2}})(?:st|nd|rd|th)?)?(?: of | |-)"
            rf"({MONTH})(?![a-z]){_YEAR_AFTER}"
        ),
        _day_month,
    ),
    (
        re.compile(
            rf"\b({MONTH})[ -](\d{{1,2}})(?:st|nd|rd|th)?(?: ?[-–] ?(\d{{1,2}})(?:st|nd|rd|th)?)?\b(?![:.]\d|,\d)"
            r"(?:,? (\d{4})\b)?(?![,.]?\d)(?! ?(?:[ap]\.?m|o'clock))"
        ),
        _month_day,
    ),
    (re.compile(rf"\b({MONTH})[ -]((?:19|20)\d{{2}})\b(?![,.]?\d)"), _named_year),
)
_TIMES: Final[Replacements] = (
    (
        re.compile(r"([ap]\.?m\.?|\d:\d\d)\s?[-–]\s?(?=\d{1,2}(?::\d\d|\s?[ap]\.?m))", re.IGNORECASE),
        lambda found: f"{found[1]} to ",
    ),
    (re.compile(r"\b(\d{1,2}):(\d{2}):(\d{2}(?:\.\d+)?)\b(?!:)"), _duration),
    (re.compile(r"\b(\d{1,2})(?:[:.](\d{2}))? ?([ap]\.m\.?|[ap]m\b)", re.IGNORECASE), _time),
    (
        re.compile(r"(?i:\b(aspect|ratio|scale|odds|score|map)( (?:of|at|is|was))? )(\d{1,2}):(\d{1,4})\b(?!:)"),
        lambda found: f"{found[1]}{found[2] or ''} {cardinal(int(found[3]))} to {cardinal(int(found[4]))}",
    ),
    (re.compile(r"\b(16|4|21|3|1):(9|10|3|4|1|2)\b(?!:|\d)"), _ratio),
    (re.compile(r"\b(\d{1,2}):(\d{2})()\b(?!:)"), _time),
    (re.compile(r"\b([01]?\d|2[0-4])[hH]([0-5]\d)()\b"), _time),
    (re.compile(r"(?<![\d:])(\d{1,4}):(\d{1,4})\b(?!:)"), _ratio),
)
