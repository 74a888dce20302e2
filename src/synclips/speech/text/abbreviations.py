"""Abbreviations in words, and the full stops that end no sentence: titles, streets, degrees, initials, `Fig. 3`."""

import re
from collections.abc import Callable
from typing import Final

from synclips.speech.text.dates import MONTH, month_name
from synclips.speech.text.patterns import Found, after, before

_TITLES: Final = {
    "Dr": "Doctor", "Mr": "Mister", "Mrs": "Missus", "Ms": "Miz", "Prof": "Professor", "Rev": "Reverend",
    "Gen": "General", "Capt": "Captain", "Lt": "Lieutenant", "Sgt": "Sergeant", "Col": "Colonel", "Maj": "Major",
    "Gov": "Governor", "Sen": "Senator", "Rep": "Representative", "Pres": "President", "Hon": "Honorable",
    "Jr": "Junior", "Sr": "Senior", "Inc": "Incorporated", "Ltd": "Limited", "Corp": "Corporation", "Co": "Company",
    "Bros": "Brothers", "Ave": "Avenue", "Blvd": "Boulevard", "Rd": "Road", "Ln": "Lane", "Hwy": "Highway",
    "Mt": "Mount", "Ft": "Fort", "vs": "versus", "etc": "et cetera", "approx": "approximately", "dept": "department",
    "Dept": "Department", "est": "established", "Mon": "Monday", "Tue": "Tuesday", "Tues": "Tuesday",
    "Wed": "Wednesday", "Thu": "Thursday", "Thur": "Thursday", "Thurs": "Thursday", "Fri": "Friday", "Sat": "Saturday",
    "Sun": "Sunday", "max": "maximum", "min": "minimum", "avg": "average", "incl": "including", "excl": "excluding",
    "esp": "especially", "misc": "miscellaneous", "tel": "telephone", "Tel": "Telephone", "temp": "temperature",
    "govt": "government", "Univ": "University", "cf": "compare", "ca": "circa", "al": "al", "resp": "respectively",
}  # fmt: skip
_LAST: Final = frozenset({
    "etc", "Inc", "Ltd", "Corp", "Co", "Jr", "Sr", "Bros", "Ave", "Blvd", "Rd", "Ln", "Hwy", "dept", "Dept", "al",
    "est",
})  # fmt: skip
"""Abbreviations after which a sentence may well be over."""
_NUMBERED: Final = {
    "Fig": "Figure", "Figs": "Figures", "Eq": "Equation", "Eqs": "Equations", "Sec": "Section", "Sect": "Section",
    "Ch": "Chapter", "Chap": "Chapter", "Vol": "Volume", "Vols": "Volumes", "Tab": "Table", "Art": "Article",
    "App": "Appendix", "Ex": "Example", "Ref": "Reference", "Refs": "References", "Para": "Paragraph", "Pt": "Part",
    "Ep": "Episode", "Ver": "Version", "Ed": "Edition", "Rm": "Room", "Apt": "Apartment", "Ste": "Suite",
    "Ext": "Extension", "ext": "extension", "Op": "Opus", "p": "page", "pp": "pages", "Nos": "numbers",
}  # fmt: skip
_DAYS: Final = "Mon|Tues?|Wed|Thu(?:rs?)?|Fri|Sat|Sun"
_SENTENCE_STARTS: Final = frozenset({
    "A", "An", "And", "As", "At", "But", "By", "For", "From", "He", "Her", "His", "How", "I", "If", "In", "Is",
    "It", "Its", "My", "No", "Not", "Now", "Of", "On", "Or", "Our", "She", "So", "Some", "That", "The", "Their",
    "Then", "There", "These", "They", "This", "Those", "To", "We", "What", "When", "Where", "Which", "Who", "Why",
    "With", "Yes", "You", "Your",
})  # fmt: skip
_GREETINGS: Final = frozenset({
    "Hello", "Hi", "Hey", "Dear", "Ask", "See", "Meet", "Thanks", "Thank", "Is", "Are", "Was", "Tell", "Call",
    "And", "But", "The", "Our", "My", "Your", "With", "From", "Mr", "Yes", "No",
})  # fmt: skip
_LETTERED: Final = frozenset({
    "Plan", "Vitamin", "Type", "Grade", "Option", "Class", "Group", "Section", "Part", "Figure", "Team",
    "Hepatitis", "Exhibit", "Appendix", "Level", "Block", "Gate", "Terminal", "Hall", "Row", "Model", "Factor",
    "Schedule", "Form", "Line", "Route", "Unit", "Room", "Building", "Case", "Phase", "Point",
})  # fmt: skip
_DEGREE: Final = "Ph|Sc|Ed|Phil|Pharm|Psy|LL|Litt|Eng|Mus|Hons|Com|Tech|Th|Div|Dipl|Ing|Arch|Med|Vet"
Form = tuple[re.Pattern[str], Callable[[Found], str]]


def _day(written: str) -> str:
    return next(name for short, name in _TITLES.items() if written[:3] == short[:3] and name.endswith("day"))


def _street(found: Found) -> str:
    name = re.match(r"\s+([A-Z][a-z]+)", after(found))
    return "Saint" if name and name[1] not in _SENTENCE_STARTS else "Street" + _stop(found)


def _drive(found: Found) -> str:
    """`12 Elm Dr.` is a drive, `Hello Dr. No` a doctor."""
    following = after(found)
    if not found[1] and (found[2].split()[0] in _GREETINGS or re.match(r"\s+[A-Z]", following)):
        return found[0]
    return f"{found[1] or ''}{found[2]} Drive" + (
        "." if not following.strip() or re.match(r"\s+[A-Z]", following) else ""
    )


def _stop(found: Found, *, names: bool = False) -> str:
    """The full stop of an abbreviation is kept where it also ends the sentence; `names`: a name may follow it."""
    following = after(found).split()
    return "." if not following or (not names and following[0].strip(",;:!?") in _SENTENCE_STARTS) else ""


def _title(found: Found) -> str:
    return _TITLES[found[1]] + _stop(found, names=found[1] not in _LAST)


def _letters(found: Found) -> str:
    return " ".join(found[0].replace(".", " ").upper().split()) + _stop(found)


def _degree(found: Found) -> str:
    parts = re.findall(r"[A-Za-z]+", found[0])
    words = " ".join(
        part if re.search("[aeiouy]", part) and len(part) > 2 else " ".join(part.upper()) for part in parts
    )
    return words + (_stop(found) if found[0].endswith(".") else "")


def _initial(found: Found) -> str:
    """An initial is no sentence's end; `Plan B. Then` is."""
    preceding, following = before(found).split(), after(found).split()
    last = preceding[-1] if preceding else ""
    ends = following[0].strip(",.;:!?") in _SENTENCE_STARTS or last in _LETTERED
    return found[0] if ends or (last in ("A", "P") and found[1] == "M") else found[1]


def _form(pattern: str, say: Callable[[Found], str], flags: int = 0) -> Form:
    return re.compile(pattern, flags), say


_IGNORE: Final = re.IGNORECASE
DRIVE: Final = _form(r"(\d+ )?\b((?:[A-Z][a-z]+ ){0,2}[A-Z][a-z]+) Dr\.", _drive)
"""Tried while the house numbers are still digits."""
BEFORE_NUMBERS: Final = _form(
    rf"\b({'|'.join(_NUMBERED)})(?:\. ?(?=\d|[IVXLC]+\b|[A-Z]\b)| (?=\d))", lambda found: f"{_NUMBERED[found[1]]} "
)
"""Tried while what they count is still digits."""
ABBREVIATION_FORMS: Final[tuple[Form, ...]] = (
    _form(r"\bSt\.", _street),
    _form(r"\b(Dr|Mr|Mrs|Ms|Prof|St)(?= [A-Z][a-z])", lambda found: {"St": "Saint"}.get(found[1]) or _TITLES[found[1]]),
    _form(rf"\b({_DAYS})\.?[-–]({_DAYS})\b\.?", lambda found: f"{_day(found[1])} to {_day(found[2])}{_stop(found)}"),
    _form(r"\be\.g\.,?", lambda _: "for example,", _IGNORE),
    _form(r"\bi\.e\.,?", lambda _: "that is,", _IGNORE),
    _form(r"\ba\.k\.a\.?", lambda _: "also known as", _IGNORE),
    _form(r"\bw/o\b", lambda _: "without"),
    _form(r"\bw/ (?=\w)", lambda _: "with "),
    _form(r"\bc/o\b", lambda _: "care of"),
    _form(r"\bn/a\b", lambda _: "not applicable", _IGNORE),
    _form(rf"\b(?:[A-Z]{{1,2}}\.)?(?:{_DEGREE})\.(?:[A-Z][a-z]{{0,4}}\b\.?)+|\b[A-Z]\.(?:{_DEGREE})\b\.?", _degree),
    _form(r"\bPhD(s?)\b", lambda found: f"P H D{found[1]}"),
    _form(rf"\b({'|'.join(_TITLES)})\.(?=\W|$)(?! ?[A-Z]\w+\.\w)", _title),
    _form(rf"\b({MONTH})\.(?=\s|$)", lambda found: month_name(found[1])),
    _form(r"\b(?:[A-Za-z]\.){2,}(?:[A-Z]\b(?!'))?", _letters),
    _form(r"\b([A-Z])\.(?=\s+[A-Z])", _initial),
    _form(r"(?<![AP] )\b([B-HJ-Z])\.(?=\s+[a-z])", lambda found: found[1]),
)
"""Patterns and what is said instead, in the order in which they are tried."""
