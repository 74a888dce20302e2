"""Numbers in English words."""

from typing import Final

_ONES: Final = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS: Final = ["_", "_", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_SCALES: Final = ((10**12, "trillion"), (10**9, "billion"), (10**6, "million"), (1000, "thousand"))
_ORDINALS: Final = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
LARGEST: Final = 10**15
"""Whole numbers from here on are read digit by digit."""


def cardinal(number: int) -> str:
    """`1234` -> one thousand two hundred thirty four; from 10^15 on digit by digit."""
    if number < 0:
        return f"minus {cardinal(-number)}"
    if number >= LARGEST:
        return digits(str(number))
    words: list[str] = []
    for scale, name in _SCALES:
        if number >= scale:
            words += [_below_thousand(number // scale), name]
            number %= scale
    if number or not words:
        words.append(_below_thousand(number))
    return " ".join(words)


def _below_thousand(number: int) -> str:
    if number < 20:
        return _ONES[number]
    if number < 100:
        return _TENS[number // 10] + (f" {_ONES[number % 10]}" if number % 10 else "")
    return f"{_ONES[number // 100]} hundred" + (f" {_below_thousand(number % 100)}" if number % 100 else "")


def ordinal(number: int) -> str:
    """`22` -> twenty second."""
    return _as_ordinal(cardinal(number))


def _as_ordinal(words: str) -> str:
    head, _, last = words.rpartition(" ")
    regular = last[:-1] + "ieth" if last.endswith("y") else last + "th"
    return f"{head} {_ORDINALS.get(last, regular)}".strip()


def year(number: int) -> str:
    """`1984` -> nineteen eighty four, `2005` -> two thousand five, `2026` -> twenty twenty six."""
    century, rest = divmod(number, 100)
    if not 11 <= century <= 99 or (century % 10 == 0 and rest < 10):
        return cardinal(number)
    if rest == 0:
        return f"{cardinal(century)} hundred"
    return f"{cardinal(century)} {'oh ' if rest < 10 else ''}{cardinal(rest)}"


def digits(text: str) -> str:
    """`007` -> zero zero seven; anything that is not a digit is left out."""
    return " ".join(_ONES[int(character)] for character in text if character in "0123456789")


def number_words(text: str) -> str:
    """A number as written (`1,234`, `3.14`, `-5`, `007`) in words."""
    text = text.replace(",", "")
    sign = "minus " if text.startswith("-") else ""
    whole, dot, fraction = text.lstrip("+-").partition(".")
    spoken = digits(whole) if len(whole) > 1 and whole.startswith("0") else whole_number(whole)
    return sign + spoken + (f" point {digits(fraction)}" if dot and fraction else "")


def whole_number(text: str) -> str:
    """`cardinal` of digits, however many."""
    return digits(text) if len(text) > len(str(LARGEST)) else cardinal(int(text or "0"))


def plural(words: str) -> str:
    """`nineteen eighty` -> nineteen eighties."""
    return words[:-1] + "ies" if words.endswith("y") else words + ("es" if words.endswith(("x", "s")) else "s")


def fraction(top: int, bottom: int) -> str:
    """`3, 4` -> three quarters."""
    name = {2: "half", 4: "quarter"}.get(bottom) or ordinal(bottom)
    if top != 1:
        name = "halves" if name == "half" else name + "s"
    return f"{cardinal(top)} {name}"
