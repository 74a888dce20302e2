"""The forms that writing has and speech has not, each a pattern and what is said instead, the longer ones first.

Addresses, dates, telephone numbers, times, money, units and signs have modules of their own; `in_words` is the order.
"""

import re
from collections.abc import Callable
from typing import Final

from synclips.speech.text.abbreviations import ABBREVIATION_FORMS, BEFORE_NUMBERS, DRIVE
from synclips.speech.text.addresses import addresses_in_words, phones_in_words
from synclips.speech.text.conventions import Conventions, plain_numbers
from synclips.speech.text.dates import dates_in_words, times_in_words
from synclips.speech.text.money import money_in_words
from synclips.speech.text.numbers import cardinal, fraction, number_words, ordinal, plural, year
from synclips.speech.text.patterns import Found, after, before, replaced
from synclips.speech.text.roman import ROMAN_FORMS
from synclips.speech.text.signs import signs_in_words
from synclips.speech.text.units import NUMBER, UNIT, UNIT_FORMS

_YEAR_BEFORE: Final = (
    r"\b(?:in|since|by|from|until|till|before|after|year|of|to|around|during|late|early|mid|and|between)"
)
_DECADE_NOUNS: Final = (
    r"(?:music|movies?|films?|style|hits?|songs?|fashion|rock|pop|disco|classics?|kids?|cars?|shows?|party|theme|vibe|"
    r"aesthetic|hair|band|era|child|version|look|sound|design|nostalgia|icon|star|sitcom|cartoon|club|dance|techno|remix)s?"
)
_WAITING: Final = r"(?:wait|for|lasts?|lasted|takes?|took|after|every|within|another|about|only|than|least|most) "
_OUT_OF: Final = r"(?:rated?|rating|scored?|scores|got|gave|give|gives|gets|an?|solid) "


def in_words(text: str, known: Conventions) -> str:
    """`text` (one line) with every such form put into words; what is left is letters and punctuation."""
    text = addresses_in_words(text)
    text = _powers(text)
    text = dates_in_words(text, known)
    text = phones_in_words(text)
    text = plain_numbers(text, known)
    text = times_in_words(text)
    text = money_in_words(text)
    return signs_in_words(replaced(text, _FORMS))


def _powers(text: str) -> str:
    """`10^6` and `mc^2` in words; a raised number after a word is a note's, and is left as it is."""

    def power(found: Found) -> str:
        base, exponent = found[1], found[2]
        words = {"2": "squared", "3": "cubed"}.get(exponent)
        if words is None:
            words = "to the power of " + (number_words(exponent) if exponent.strip("-").isdigit() else exponent)
        if base.isalpha() and len(base) > 1:
            base = " ".join(base)
        return f"{base} {words}"

    text = re.sub(r"(?<=\d) ?(?:[x×*·]|times) ?10\^", " times 10^", text)
    return re.sub(
        r"(?:(?<![\w.])(?!(?:[kdcmμn]?m|ft|mi|yd|s|h)\^)|(?=\)))(\d+(?:\.\d+)?|[A-Za-zΑ-ω]{1,2}|\))\^\(?(-?\d+|[a-z])\)?(?!\w)",
        power,
        text,
    )


def _feet(found: Found) -> str:
    inches = f" {cardinal(int(found[2]))}" if found[2] else ""
    return f"{cardinal(int(found[1]))} {'feet' if int(found[1]) != 1 else 'foot'}{inches}"


def _inches(found: Found) -> str:
    opened = len(re.findall(r"(?<!\d)\"", found.string[: found.start()])) % 2
    if opened:  # the end of what somebody says
        return found[0]
    return f"{number_words(found[1])} {'inch' if found[1] == '1' else 'inches'}"


def _place(found: Found) -> str:
    """`48°51'24"N` -> forty eight degrees fifty one minutes twenty four seconds north."""
    names = ("degree", "minute", "second")
    words = [
        f"{number_words(value)} {name if value == '1' else name + 's'}"
        for value, name in zip((found[1], found[2], found[3]), names, strict=True)
        if value
    ]
    direction = {"N": " north", "S": " south", "E": " east", "W": " west"}.get(found[4] or "", "")
    return " ".join(words) + direction


def _range(found: Found) -> str:
    return f"{found[1]} to {found[2]}"


def _fraction(found: Found) -> str:
    whole, top, bottom = found[1], int(found[2]), int(found[3])
    following = after(found)
    if (top, bottom) in ((9, 11), (7, 7), (24, 7)) and not whole and not re.match(r" (?:of|inch|cup)", following):
        return f"{cardinal(top)} {cardinal(bottom)}" if (top, bottom) != (24, 7) else "twenty four seven"
    if re.match(r" stars?\b", following) or (bottom in (5, 10, 100) and re.search(_OUT_OF + "$", before(found))):
        return f"{cardinal(top)} out of {cardinal(bottom)}"
    if top == bottom and top in (5, 10, 100):
        return f"{cardinal(top)} out of {cardinal(bottom)}"
    if (
        bottom < 2
        or bottom > 100
        or (top >= bottom and not (whole is None and bottom in (2, 3, 4, 8) and top % bottom))
    ):
        return f"{whole or ''}{cardinal(top)} {cardinal(bottom)}"
    if not whole:
        return fraction(top, bottom)
    part = f"a {fraction(1, bottom).removeprefix('one ')}" if top == 1 else fraction(top, bottom)
    return f"{number_words(whole.strip())} and {part}"


def _four_digits(found: Found) -> str:
    number = int(found[1])
    return year(number) if 1100 <= number < 2000 else cardinal(number)


def _decade(found: Found) -> str:
    return plural(cardinal(int(found[1])))


def _decade_or_seconds(found: Found) -> str:
    """`80s` after `wait` or `for` are seconds."""
    return found[0] if re.search(rf"{_WAITING}$", before(found), _IGNORE) else _decade(found)


def _lines(found: Found) -> str:
    """`1080p` -> ten eighty P."""
    number = int(found[1])
    return f"{cardinal(number // 100)} {cardinal(number % 100)} {found[2].upper()}"


def _dimensions(found: Found) -> str:
    """`1920x1080` -> nineteen twenty by ten eighty."""
    sides = re.split(r" ?[x×] ?", found[0])
    if all(side.isdigit() for side in sides) and any(len(side) == 4 for side in sides):
        sides = [f"{side[:2]} {side[2:]}" if len(side) == 4 and side[2] != "0" else side for side in sides]
    return " by ".join(" ".join(map(number_words, side.split())) for side in sides)


def _scientific(found: Found) -> str:
    return f"{number_words(found[1])} times ten to the power of {number_words(found[2])}"


def _form(pattern: str, say: Callable[[Found], str], flags: int = 0) -> tuple[re.Pattern[str], Callable[[Found], str]]:
    return re.compile(pattern, flags), say


_IGNORE: Final = re.IGNORECASE
_FORMS: Final = (
    DRIVE,
    _form(r"(?<![\w.])(\d+(?:\.\d+)?)[eE]([+-]?\d+)\b", _scientific),
    _form(r"(?<![\w.])\.(?=\d)", lambda _: "0."),
    _form(
        r"(?<![\w.,])((?:1[1-9]|20)\d\d) ?[-–] ?((?:1[1-9]|20)\d\d)(?!\w|[-,.]\d)",
        lambda found: f"{year(int(found[1]))} to {year(int(found[2]))}",
    ),
    _form(
        r"\b(\d{1,3}(?:\.\d+)?) ?° ?(?:(\d{1,2}(?:\.\d+)?) ?' ?)(?:(\d{1,2}(?:\.\d+)?) ?(?:\"|'') ?)?([NSEW]\b)?",
        _place,
    ),
    _form(r"\b(\d{1,3}(?:\.\d+)?) ?°()() ?([NSEW]\b)", _place),
    _form(r"\b(\d)' ?(\d{1,2})(?:\"|''|(?=\W|$))", _feet),
    _form(r"\b(\d{1,3})'()(?=[\s,.;!?]|$)", _feet),
    _form(r"(?<=\d/\d)\"|(?<=\d/\d\d)\"", lambda _: " inch"),
    _form(r"(?<![\w.\"/])(\d+(?:\.\d+)?)\"(?=[\s,.;!?)]|$)", _inches),
    _form(r"\b(1\d{2}0|20\d0)'?s\b", lambda found: plural(year(int(found[1])))),
    _form(r"(?<!\w)'(\d0)'?s\b", _decade),
    _form(
        r"(?:(?<=\bthe )|(?<=\bhis )|(?<=\bher )|(?<=\bmy )|(?<=\bearly[ -])|(?<=\bmid[ -])|(?<=\blate[ -])|"
        r"(?<=\btheir )|(?<=\byour )|(?<=\bour ))(\d0)'?s\b",
        _decade,
        _IGNORE,
    ),
    _form(rf"\b([2-9]0)'?s\b(?= {_DECADE_NOUNS}\b)", _decade, _IGNORE),
    _form(r"\b([5-9]0)s\b(?! (?:long|timer|clip|delay|window|limit|timeout|later|ago))", _decade_or_seconds),
    _form(r"\b(360|480|540|576|720|1080|1440|2160|4320)([pi])\b", _lines),
    _form(rf"(?<![\w.]){NUMBER}(?: ?[x×] ?{NUMBER})+(?= ?(?:pixels|px|inch|feet|{UNIT})?(?!\w))(?! ?=)", _dimensions),
    _form(r"(?<![\w.])(\d+(?:\.\d+)?)x(?!\w)", lambda found: f"{number_words(found[1])} times"),
    _form(rf"(?<![\w.])({NUMBER}) ?[-–] ?({NUMBER})(?= ?=)", lambda found: f"{found[1]} minus {found[2]}"),
    _form(rf"(?<![\w.])({NUMBER}) ?[-–] ?({NUMBER})(?=\s|[.,;:!?)%]|$|(?:{UNIT})(?!\w))", _range),
    *UNIT_FORMS,
    _form(r"(?<=[a-z]) ?– ?(?=\d)", lambda _: " to "),
    _form(r"\b((?:19|20)\d\d)/(\d\d)\b(?!/)", lambda found: f"{year(int(found[1]))} {cardinal(int(found[2]))}"),
    _form(r"(?<![\w/.])(\d+ )?(\d{1,2}|100)/(\d{1,3})(?![\w/])", _fraction),
    _form(r"\b(\d{1,15}(?:,\d{3}){0,4})(?:st|nd|rd|th)\b", lambda found: ordinal(int(found[1].replace(",", "")))),
    _form(rf"({_YEAR_BEFORE}) (20\d{{2}})\b(?![,.]\d)", lambda found: f"{found[1]} {year(int(found[2]))}", _IGNORE),
    _form(r"\b(Q[1-4]) (20\d\d)\b", lambda found: f"{found[1]} {year(int(found[2]))}"),
    _form(r"(?<!\w)'(\d\d)\b(?!')", lambda found: cardinal(int(found[1]))),
    _form(r"(?:#|\b[Nn][or]\. ?|№ ?)(?=\d)", lambda _: "number "),
    _form(r"(?<![\d.,])([1-9]\d{3})(?![\d,.]*\d)", _four_digits),
    _form(rf"(?:(?<=\s)|^|(?<=[(=,]))(-{NUMBER})", lambda found: f" {number_words(found[1])} "),
    _form(rf"(?:(?<=\s)|^)\+(?={NUMBER})", lambda _: "plus "),
    _form(r"(?<=[=<>]) ?-(?=[A-Za-z]\b)", lambda _: " minus "),
    BEFORE_NUMBERS,
    _form(r"(?<=\w)\^\(?(-?\d+)\)?", lambda found: f" to the power of {number_words(found[1])} "),
    _form(r"(?<=[A-Za-z])\.(?=\d)", lambda _: " point "),
    _form(NUMBER, lambda found: f" {number_words(found[0])} "),
    *ROMAN_FORMS,
    *ABBREVIATION_FORMS,
    _form(r"\band/or\b", lambda _: "and or"),
    _form(r"(?<=\w)/(?=\w)", lambda _: " slash "),
    _form(r"\bμ(?=[a-zA-Z])", lambda _: "micro"),
)
