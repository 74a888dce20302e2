"""The forms that writing has and speech has not: dates, times, money, units, addresses, abbreviations, signs.

Each form is a pattern and what is said instead; they are tried in the order of `_FORMS`, the longer ones first.
"""

import re
from collections.abc import Callable
from typing import Final

from synclips.speech.text.numbers import (
    cardinal,
    digits,
    fraction,
    number_words,
    ordinal,
    plural,
    year,
)
from synclips.speech.text.roman import ROMAN_FORMS

_MONTHS: Final = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_MONTH: Final = "|".join(_MONTHS) + r"|(?:Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\.?"
_NUMBER: Final = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"
_CURRENCIES: Final = {
    "$": ("dollar", "dollars", "cent"),
    "€": ("euro", "euros", "cent"),
    "£": ("pound", "pounds", "penny"),
    "¥": ("yen", "yen", ""),
    "₹": ("rupee", "rupees", "paisa"),
}
_CURRENCY_CODES: Final = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "INR": "₹"}
_SCALES: Final = {
    "k": "thousand", "K": "thousand", "m": "million", "M": "million", "mn": "million", "b": "billion",
    "B": "billion", "bn": "billion", "million": "million", "billion": "billion", "trillion": "trillion",
    "thousand": "thousand",
}  # fmt: skip
_UNITS: Final = {
    "km/h": ("kilometer per hour", "kilometers per hour"), "kph": ("kilometer per hour", "kilometers per hour"),
    "mph": ("mile per hour", "miles per hour"), "m/s": ("meter per second", "meters per second"),
    "km": ("kilometer", "kilometers"), "cm": ("centimeter", "centimeters"), "mm": ("millimeter", "millimeters"),
    "m": ("meter", "meters"), "ft": ("foot", "feet"), "mi": ("mile", "miles"), "yd": ("yard", "yards"),
    "kg": ("kilogram", "kilograms"), "mg": ("milligram", "milligrams"), "g": ("gram", "grams"),
    "lbs": ("pound", "pounds"), "lb": ("pound", "pounds"), "oz": ("ounce", "ounces"),
    "ml": ("milliliter", "milliliters"), "l": ("liter", "liters"), "L": ("liter", "liters"),
    "ms": ("millisecond", "milliseconds"), "μs": ("microsecond", "microseconds"), "s": ("second", "seconds"),
    "sec": ("second", "seconds"), "min": ("minute", "minutes"), "h": ("hour", "hours"), "hrs": ("hour", "hours"),
    "hr": ("hour", "hours"), "Hz": ("hertz", "hertz"), "kHz": ("kilohertz", "kilohertz"),
    "MHz": ("megahertz", "megahertz"), "GHz": ("gigahertz", "gigahertz"), "KB": ("kilobyte", "kilobytes"),
    "kB": ("kilobyte", "kilobytes"), "MB": ("megabyte", "megabytes"), "GB": ("gigabyte", "gigabytes"),
    "TB": ("terabyte", "terabytes"), "kWh": ("kilowatt hour", "kilowatt hours"), "kW": ("kilowatt", "kilowatts"),
    "W": ("watt", "watts"), "V": ("volt", "volts"), "dB": ("decibel", "decibels"), "fps": ("frame per second",
    "frames per second"), "\u00b0C": ("degree Celsius", "degrees Celsius"), "°F": ("degree Fahrenheit",
    "degrees Fahrenheit"), "°": ("degree", "degrees"), "%": ("percent", "percent"), "px": ("pixel", "pixels"),
}  # fmt: skip
_UNIT: Final = "|".join(sorted(map(re.escape, _UNITS), key=len, reverse=True))
_POWERS: Final = {"2": "square ", "3": "cubic "}
_TITLES: Final = {
    "Dr": "Doctor", "Mr": "Mister", "Mrs": "Missus", "Ms": "Miz", "Prof": "Professor", "Rev": "Reverend",
    "Gen": "General", "Capt": "Captain", "Lt": "Lieutenant", "Sgt": "Sergeant", "Gov": "Governor",
    "Sen": "Senator", "Jr": "Junior", "Sr": "Senior", "Inc": "Incorporated", "Ltd": "Limited", "Corp": "Corporation",
    "Ave": "Avenue", "Blvd": "Boulevard", "Rd": "Road", "Mt": "Mount", "vs": "versus", "etc": "et cetera",
    "approx": "approximately", "dept": "department", "Dept": "Department", "est": "established", "Mon": "Monday",
    "Tue": "Tuesday", "Wed": "Wednesday", "Thu": "Thursday", "Fri": "Friday",
}  # fmt: skip
_SIGNS: Final = {"&": "and", "@": "at", "+": "plus", "=": "equals", "×": "times", "÷": "divided by", "%": "percent",
    "<": "less than", ">": "greater than", "#": "number", "°": "degrees", "©": "copyright", "→": "to", "~": "about",
    "$": "dollars", "€": "euros", "£": "pounds", "¥": "yen"}  # fmt: skip
_YEAR_BEFORE: Final = r"\b(?:in|since|by|from|until|till|before|after|year|of|to|around|during|late|early)"

Found = re.Match[str]


def in_words(text: str) -> str:
    """`text` (one line) with every such form put into words; what is left is letters and punctuation."""
    for pattern, say in _FORMS:
        text = pattern.sub(say, text)
    return text


def _url(found: Found) -> str:
    address = re.sub(r"^(?:https?|ftp)://", "", found[0], flags=re.IGNORECASE)
    tail = "." if address.endswith((".", ",", "!", "?", ";")) else ""
    address = re.sub(r"^www\.", "w w w.", address.rstrip("/.,!?;"), flags=re.IGNORECASE)
    for sign, word in ((".", "dot"), ("/", "slash"), ("-", "dash"), ("_", "underscore"), ("@", "at"), (":", "colon")):
        address = address.replace(sign, f" {word} ")
    for sign, word in (("?", "question mark"), ("=", "equals"), ("&", "and"), ("#", "hash"), ("+", "plus")):
        address = address.replace(sign, f" {word} ")
    return re.sub(r"\d+", lambda number: f" {digits(number[0])} ", address) + tail


def _date(month: int, day: int, the_year: str | None) -> str | None:
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return None
    spoken = f"{_MONTHS[month - 1]} {ordinal(day)}"
    if the_year is None:
        return spoken
    number = int(the_year)
    return f"{spoken}, {year(number + (2000 if number < 50 else 1900) if len(the_year) == 2 else number)}"


def _slash_date(found: Found) -> str:
    first, second = int(found[1]), int(found[2])
    return _date(first, second, found[3]) or _date(second, first, found[3]) or f" {found[0].replace('/', ' slash ')} "


def _iso_date(found: Found) -> str:
    return _date(int(found[2]), int(found[3]), found[1]) or found[0].replace("-", " dash ")


def _month_name(text: str) -> str:
    return next(month for month in _MONTHS if month[:3].lower() == text[:3].lower())


def _month_day(found: Found) -> str:
    the_year = f", {year(int(found[3]))}" if found[3] else ""
    return f"{_month_name(found[1])} {ordinal(int(found[2]))}{the_year}"


def _day_month(found: Found) -> str:
    the_year = f", {year(int(found[3]))}" if found[3] else ""
    return f"the {ordinal(int(found[1]))} of {_month_name(found[2])}{the_year}"


def _time(found: Found) -> str:
    hour, minute, half = int(found[1]), found[2], found[3]
    if hour > 24 or (minute and int(minute) > 59):
        return found[0].replace(":", " ")
    spoken = cardinal(hour)
    if minute and int(minute):
        spoken += f" {'oh ' if int(minute) < 10 else ''}{cardinal(int(minute))}"
    elif not half:
        spoken += " o'clock" if 1 <= hour <= 12 else " hundred"
    if not half:
        return spoken
    stop = "." if half.endswith(".") and re.match(r"\s*$|\s+[A-Z]", found.string[found.end() :]) else ""
    return f"{spoken} {half[0].upper()} M{stop}"


def _duration(found: Found) -> str:
    names = ("hour", "minute", "second")
    values = [int(found[index]) for index in (1, 2, 3)]
    return " ".join(f"{cardinal(value)} {_count(value, name)}" for value, name in zip(values, names, strict=True))


def _count(value: int, name: str) -> str:
    return name if value == 1 else name + "s"


def _money(found: Found) -> str:
    sign = found["sign"] or found["sign2"] or _CURRENCY_CODES[found["code"]]
    amount, scale = (found["amount"] or found["amount2"]).replace(",", ""), found["scale"]
    one, many, part = _CURRENCIES[sign]
    minus = "minus " if found["minus"] else ""
    if scale:
        return f"{minus}{number_words(amount)} {_SCALES[scale]} {many}"
    whole, _, cents = amount.partition(".")
    if len(cents) != 2 or not part:
        return f"{minus}{number_words(amount)} {one if amount == '1' else many}"
    pieces = [f"{cardinal(int(whole))} {one if int(whole) == 1 else many}"] if int(whole) or not int(cents) else []
    if int(cents):
        many_parts = {"penny": "pence", "paisa": "paise"}.get(part, part + "s")
        pieces.append(f"{cardinal(int(cents))} {part if int(cents) == 1 else many_parts}")
    return minus + " ".join(pieces)


def _phone(found: Found) -> str:
    groups = re.findall(r"\d+", found[0])
    plus = "plus " if found[0].startswith("+") else ""
    return plus + ", ".join(digits(group) for group in groups) + " "


def _unit(found: Found) -> str:
    amount, unit, power = found[1], found[2], found[3]
    one, many = _UNITS[unit]
    return f"{number_words(amount)} {_POWERS.get(power or '', '')}{one if amount.strip('-') == '1' else many}"


def _feet(found: Found) -> str:
    inches = f" {cardinal(int(found[2]))}" if found[2] else ""
    return f"{cardinal(int(found[1]))} {'feet' if int(found[1]) != 1 else 'foot'}{inches}"


def _range(found: Found) -> str:
    return f"{found[1]} to {found[2]}"


def _fraction(found: Found) -> str:
    whole, top, bottom = found[1], int(found[2]), int(found[3])
    if bottom < 2 or bottom > 100 or top >= bottom:
        return f"{whole or ''}{cardinal(top)} {cardinal(bottom)}"
    if not whole:
        return fraction(top, bottom)
    part = f"a {fraction(1, bottom).removeprefix('one ')}" if top == 1 else fraction(top, bottom)
    return f"{number_words(whole.strip())} and {part}"


def _four_digits(found: Found) -> str:
    number = int(found[1])
    return year(number) if 1100 <= number < 2000 else cardinal(number)


def _street(found: Found) -> str:
    return "Saint" if re.match(r"\s+[A-Z][a-z]", found.string[found.end() :]) else "Street" + _stop(found)


def _stop(found: Found) -> str:
    """The full stop of an abbreviation is kept where it also ends the sentence."""
    return "." if found.end() == len(found.string) else ""


def _title(found: Found) -> str:
    return _TITLES[found[1]] + _stop(found)


def _form(pattern: str, say: Callable[[Found], str], flags: int = 0) -> tuple[re.Pattern[str], Callable[[Found], str]]:
    return re.compile(pattern, flags), say


_IGNORE: Final = re.IGNORECASE
_END: Final = r"(?![\w])"
_FORMS: Final = (
    _form(r"\b(?:(?:https?|ftp)://|www\.)\S+", _url, _IGNORE),
    _form(r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+", _url),
    _form(r"\b[\w-]+(?:\.[\w-]+)*\.(?:com|org|net|edu|gov|io|co\.uk)\b(?:/\S*)?", _url, _IGNORE),
    _form(r"\b(\d{4})-(\d{1,2})-(\d{1,2})\b", _iso_date),
    _form(r"\b(\d{1,2})/(\d{1,2})/(\d{4}|\d{2})\b", _slash_date),
    _form(rf"\b({_MONTH}) (\d{{1,2}})(?:st|nd|rd|th)?\b(?:,? (\d{{4}})\b)?(?!,\d)", _month_day),
    _form(rf"\b(?:the )?(\d{{1,2}})(?:st|nd|rd|th)?(?: of)? ({_MONTH})(?![a-z])(?:,? (\d{{4}})\b)?", _day_month),
    _form(rf"(?:\+\d{{1,3}}[ -]?)?\(\d{{3}}\) ?\d{{3}}-\d{{4}}{_END}", _phone),
    _form(rf"(?<![\w.])(?:\+?\d{{1,3}}[ -])?\d{{3}}[ -]\d{{3}}[ -]\d{{4}}{_END}", _phone),
    _form(rf"(?<![\w.-])\+\d{{1,3}}(?:[ -]?\d{{2,4}}){{2,5}}{_END}", _phone),
    _form(rf"(?<![\w.-])\d{{3}}-\d{{4}}{_END}", _phone),
    _form(r"\b(\d{1,2}):(\d{2}):(\d{2})\b", _duration),
    _form(r"\b(\d{1,2})(?::(\d{2}))? ?([ap]\.m\.?|[ap]m\b)", _time, _IGNORE),
    _form(r"\b(\d{1,2}):(\d{2})()\b(?!:)", _time),
    _form(
        rf"(?P<minus>-)?(?:(?:US)?(?P<sign>[$€£¥₹]) ?|\b(?P<code>{'|'.join(_CURRENCY_CODES)}) )(?P<amount>{_NUMBER})"
        rf"(?: ?(?P<scale>{'|'.join(sorted(_SCALES, key=len, reverse=True))})\b)?(?P<sign2>)(?P<amount2>)",
        _money,
    ),
    _form(rf"(?P<minus>-)?(?P<sign>)(?P<code>)(?P<amount>)(?P<scale>)(?P<amount2>{_NUMBER})"
        r" ?(?P<sign2>[$€£¥₹])", _money),
    _form(r"\b(\d)'(?: ?(\d{1,2})(?:\"|'')?)?(?=[\s,.;!?]|$)", _feet),
    _form(r"\b(1\d{2}0|20\d0)'?s\b", lambda found: plural(year(int(found[1])))),
    _form(r"(?:(?<=\bthe )|(?<!\w)')(\d0)'?s\b", lambda found: plural(cardinal(int(found[1])))),
    _form(rf"(?<![\w.])({_NUMBER}) ?[-–] ?({_NUMBER})(?=\s|[.,;:!?)%]|$|{_UNIT})", _range),
    _form(rf"(?<![\w.])(-?{_NUMBER}) ?({_UNIT})([23])?(?![\w/])", _unit),
    _form(r"\b24/7\b", lambda _: "twenty four seven"),
    _form(r"(?<![\w/.])(\d+ )?(\d{1,2})[/⁄](\d{1,3})(?![\w/])", _fraction),
    _form(r"\b(\d+(?:,\d{3})*)(?:st|nd|rd|th)\b", lambda found: ordinal(int(found[1].replace(",", "")))),
    _form(rf"({_YEAR_BEFORE}) (20\d{{2}})\b(?![,.]\d)", lambda found: f"{found[1]} {year(int(found[2]))}", _IGNORE),
    _form(r"(?:#|\b[Nn]o\. ?|№ ?)(?=\d)", lambda _: "number "),
    _form(r"\bv?(\d+(?:\.\d+){2,})", lambda found: " point ".join(number_words(part) for part in found[1].split("."))),
    _form(r"(?<![\d.,])([1-9]\d{3})(?![\d,.]*\d)", _four_digits),
    _form(rf"(?:(?<=\s)|^)(-{_NUMBER})", lambda found: f" {number_words(found[1])} "),
    _form(_NUMBER, lambda found: f" {number_words(found[0])} "),
    *ROMAN_FORMS,
    _form(r"\bSt\.", _street),
    _form(r"\be\.g\.,?", lambda _: "for example,", _IGNORE),
    _form(r"\bi\.e\.,?", lambda _: "that is,", _IGNORE),
    _form(rf"\b({'|'.join(_TITLES)})\.(?=\W|$)", _title),
    _form(rf"\b({_MONTH})\.(?=\s|$)", lambda found: _month_name(found[1])),
    _form(r"\b(?:[A-Za-z]\.){2,}", lambda found: " ".join(found[0].replace(".", " ").upper().split()) + _stop(found)),
    _form(r"(?<![AP] )\b([A-Z])\.(?=\s[A-Z])", lambda found: found[1]),
    _form(r"\band/or\b", lambda _: "and or"),
    _form(r"(?<=\w)/(?=\w)", lambda _: " slash "),
    _form(r"[&@+=×÷%<>#°©→~$€£¥]", lambda found: f" {_SIGNS[found[0]]} "),
    _form(r"\bμ(?=\w)", lambda _: "micro"),
)  # fmt: skip
