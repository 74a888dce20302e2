"""Roman numbers: rulers and heirs are the second, the eighth; chapters, wars and sequels are two, eight.

They are read only where a word before says so, because most of them are also words or initials: I, MIX, DC, IV.
"""

import re
from collections.abc import Callable
from typing import Final

from synclips.speech.text.numbers import cardinal, ordinal, year

_RULERS: Final = (
    "Albert|Alexander|Alfonso|Alphonse|Artaxerxes|Baldwin|Basil|Benedict|Boniface|Carlos|Casimir|Catherine|Celestine|"
    "Charles|Christian|Clement|Cleopatra|Constantine|Darius|David|Edward|Elizabeth|Emmanuel|Ferdinand|Francis|Frederick|"
    "Frederik|George|Gregory|Gustav|Haakon|Harald|Henry|Innocent|Isabella|Ivan|James|Joseph|John|Juan|Karl|Kenneth|Leo|"
    "Leopold|Louis|Malcolm|Maria|Mary|Maximilian|Mehmed|Michael|Mohammed|Murad|Napoleon|Nicholas|Olav|Otto|Paul|Pedro|"
    "Peter|Philip|Pius|Ptolemy|Rainier|Ramesses|Ramses|Richard|Robert|Rudolf|Selim|Sixtus|Stephen|Suleiman|Theodosius|"
    "Umberto|Urban|Victor|Vittorio|Wilhelm|William|Xerxes"
)
_COUNTED: Final = (
    "Act|Appendix|Article|Book|Bowl|Canto|Chapter|Class|Episode|Figure|Grade|Lesson|Level|Mark|Page|Part|Phase|Scene|"
    r"Season|Section|Stage|Table|Title|Type|Unit|Vol\.|Volume"
)
_NUMBER: Final = r"(?=[IVXLCDM])M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})"
_SMALL: Final = r"(?:X{1,2}(?:IX|IV|V?I{1,3}|V)|VI{1,3}|I[VX]|I{2,3})"
"""2 to 4, 6 to 9, 11 to 29 without 20: of two letters or more."""
_AFTER_I: Final = r"(?=[.,;:!?)]|$|'s\b| (?:of|and|in|is|has|died|became|begins|ends)\b)"
"""What follows a one; before anything else the I may well be the speaker."""
_END: Final = r"(?![\w-]|\.\w|'(?:m|ll|ve|d)\b)"
_VALUES: Final = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}


def roman(numeral: str) -> int:
    """`XIV` -> 14."""
    values = [_VALUES[letter] for letter in numeral]
    following = [*values[1:], 0]
    return sum(-value if value < after else value for value, after in zip(values, following, strict=True))


def _counted(found: re.Match[str]) -> str:
    return f"{found[1]} {cardinal(roman(found[2]))}"


def _ruler(found: re.Match[str]) -> str:
    return f"{found[1]} the {ordinal(roman(found[2])).capitalize()}"


def _century(found: re.Match[str]) -> str:
    return ordinal(roman(found[1])) + found[2]


Form = tuple[re.Pattern[str], Callable[[re.Match[str]], str]]
ROMAN_FORMS: Final[tuple[Form, ...]] = (
    (re.compile(rf"\b({_NUMBER})(?:th|st|nd|rd)?( [Cc]entur(?:y|ies))\b"), _century),
    (re.compile(rf"\b({_NUMBER})(?<=[IVXLCDM]{{2}})(?:th|st|nd|rd)()\b"), _century),
    (re.compile(rf"\b(?=M[IVXLCDM]{{3}})({_NUMBER})\b"), lambda found: year(roman(found[1]))),
    (re.compile(rf"\b(World War) ({_NUMBER}){_END}"), _counted),
    (re.compile(rf"\b({_COUNTED}) ((?!I\b){_NUMBER}|I{_AFTER_I}){_END}"), _counted),
    (re.compile(rf"\b({_RULERS}) ({_SMALL}|[VX]|I{_AFTER_I}){_END}"), _ruler),
    (re.compile(rf"\b(?!(?:The|An?|In|By|On|With|Give|Start)\b)([A-Z][a-z]+) ((?!IV\b){_SMALL}){_END}"), _counted),
)
"""Patterns and what is said instead, in the order in which they are tried."""
