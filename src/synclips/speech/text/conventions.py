"""How numbers and dates are written: which sign is the decimal one, and whether the day or the month comes first.

`3,5` is a decimal number in Berlin and a list in Boston; `3/4` is April in London and March in New York. The text is
English all the same: a convention decides only how what is written is read.
"""

import re
from dataclasses import dataclass
from typing import Final

from synclips.errors import ConfigError
from synclips.speech.text.language import NAMES, OTHERS, SAME
from synclips.speech.text.patterns import after, before

LANGUAGES: Final = (
    "auto",
    "en-US",
    "en-GB",
    "en-AU",
    "en-CA",
    "en-IE",
    "en-IN",
    "en-NZ",
    "en-ZA",
    "cs",
    "da",
    "de",
    "de-AT",
    "de-CH",
    "el",
    "es",
    "es-MX",
    "et",
    "fi",
    "fr",
    "fr-CA",
    "fr-CH",
    "he",
    "hu",
    "id",
    "it",
    "it-CH",
    "ja",
    "ko",
    "nb",
    "nl",
    "pl",
    "pt",
    "pt-BR",
    "ro",
    "ru",
    "sk",
    "sl",
    "sv",
    "tr",
    "uk",
    "vi",
    "zh",
)
"""Tags (BCP 47) whose conventions are known; `auto` guesses from the text itself."""
_POINT: Final = frozenset(
    {
        "en",
        "he",
        "hi",
        "ja",
        "ko",
        "zh",
        "es-MX",
        "de-CH",
        "it-CH",
        "bn",
        "cy",
        "ga",
        "gu",
        "kn",
        "ml",
        "mr",
        "ms",
        "mt",
    }
    | {"my", "ne", "pa", "si", "sw", "ta", "te", "th", "ur", "yue"}
)
"""Decimal point; the others have a decimal comma."""
_MONTH_FIRST: Final = frozenset({"en-US", "ja", "ko", "zh"})
"""Where a date of two numbers has the month first."""
_EUROPEAN: Final = re.compile(
    r"(?<![\d.,])\d{1,3}(?:\.\d{3})+,\d|(?<![\d.,])\d{1,3}(?:\.\d{3}){2,}(?![.\d])|(?<![\d.,])\d+,\d{1,2} ?[€%]|"
    r"[€] ?\d+,\d{1,2}(?!\d)"
)
_ENGLISH: Final = re.compile(
    r"(?<![\d.,])\d{1,3}(?:,\d{3})+\.\d|(?<![\d.,])\d{1,3}(?:,\d{3}){2,}(?![,\d])|(?<![\d.,])\d+\.\d{1,2} ?[$£€%]|"
    r"[$£€] ?\d+\.\d{1,2}(?!\d)"
)
_TWO_NUMBERS: Final = re.compile(r"(?<![\d/.-])(\d{1,2})([/-])(\d{1,2})\2(?:\d{4}|\d{2})(?![\d/-])")


@dataclass(frozen=True)
class Conventions:
    """How numbers and dates are read.

    decimal_comma:  `3,5` is three and a half, `1.234` a thousand; None: as the number itself and those around it say
    day_first:      `3/4/2026` is in April
    """

    decimal_comma: bool | None = None
    day_first: bool = False


def conventions(language: str, text: str) -> Conventions:
    """What holds for `text` in `language` (one of `LANGUAGES`); for `auto`, what the text itself lets one guess.

    Raises:
        ConfigError: the language is not known.
    """
    if language != "auto":
        tag = _known(language)
        return Conventions(not _in(tag, _POINT), not _in(tag, _MONTH_FIRST))
    comma = None
    european, english = bool(_EUROPEAN.search(text)), bool(_ENGLISH.search(text))
    if european != english:
        comma = european
    return Conventions(comma, _day_first(text, guess=comma is True))


def check_language(language: str) -> None:
    """Raise what `conventions` would.

    Raises:
        ConfigError: the language is not known.
    """
    if language != "auto":
        _known(language)


def _known(language: str) -> str:
    """The tag in its usual spelling (`EN_gb` -> en-GB); a region that is not listed counts as the language alone."""
    main, _, rest = language.replace("_", "-").partition("-")
    region = rest.split(".")[0]
    tags = {tag.lower(): tag for tag in LANGUAGES[1:]} | {"en": "en-US"}
    for tag in (f"{main}-{region}".lower(), main.lower()):
        if tag in tags:
            return "en-GB" if region and main.lower() == "en" and tag == "en" else tags[tag]
    if SAME.get(main.lower(), main.lower()) in NAMES | OTHERS:
        return main.lower()
    raise ConfigError(f"language {language!r} is not known; give auto, en-US, en-GB, de, fr or another of its kind")


def _in(tag: str, tags: frozenset[str]) -> bool:
    return tag in tags or tag.split("-")[0] in tags


def _day_first(text: str, *, guess: bool) -> bool:
    """By the dates in the text that can be read in one way only; else `guess`."""
    votes = [(int(found[1]), int(found[3])) for found in _TWO_NUMBERS.finditer(text)]
    day = sum(12 < first <= 31 and second <= 12 for first, second in votes)
    month = sum(12 < second <= 31 and first <= 12 for first, second in votes)
    return day > month if day != month else guess


_GROUPED: Final = re.compile(
    r"(?<![\w.,'])(?:\d{1,3}(?:(?P<sep>[., '])\d{3})(?:(?P=sep)\d{3})*(?P<rest>[.,]\d+)?"
    r"|\d{1,2}(?:,\d{2})+,\d{3}(?:\.\d+)?|\d+,\d+)(?![\d']|[.,]\d|-\d{3})"
)
_LIST_BEFORE: Final = re.compile(
    r"\b(?:pages?|items?|chapters?|questions?|lines?|days?|steps?|numbers?|verses?|levels?|parts?|nos?\.|pp?\.) ?$",
    re.IGNORECASE,
)
_MONEY_BEFORE: Final = re.compile(r"(?:[$£€¥]|\b[A-Z]{3}) ?$")
_MONEY_AFTER: Final = re.compile(r" ?(?:[$£€¥]|[A-Z]{3}\b)")
_MONTH_BEFORE: Final = re.compile(r"\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.? $")


def plain_numbers(text: str, known: Conventions) -> str:
    """Every number of `text` in one notation: groups of three behind commas, a decimal point."""

    return _GROUPED.sub(lambda found: _plain(found, before(found), after(found), known), text)


def _plain(found: re.Match[str], preceding: str, following: str, known: Conventions) -> str:
    number, separator, rest = found[0], found["sep"], found["rest"]
    money = bool(_MONEY_BEFORE.search(preceding) or _MONEY_AFTER.match(following))
    euro = preceding.rstrip()[-1:] == "€" or following.lstrip()[:1] == "€"
    if separator in (" ", "'"):
        if number.startswith("0") or _MONTH_BEFORE.search(preceding):
            return number
        return _thousands(number[: len(number) - len(rest or "")], rest)
    if separator is None and number.count(",") > 1:  # lakhs
        return _thousands(number.partition(".")[0], number[len(number.partition(".")[0]) :])
    if separator is None:  # a comma, and not three digits after it
        whole, _, part = number.partition(",")
        if known.decimal_comma is False and not money and not re.match(r" ?[%°]", following):
            return number
        if not (known.decimal_comma or money) and (
            _LIST_BEFORE.search(preceding)
            or (len(part) > 3 and len(whole) > 3)
            or re.match(r" (?:and|or|&) \d", following)
        ):
            return number
        return f"{whole}.{part}"
    if rest:
        if rest[0] == separator:  # 1,234,5: no number
            return number
        return _thousands(number[: len(number) - len(rest)], rest)
    groups = number.split(separator)
    if separator == ",":
        comma = known.decimal_comma is True and not money
        decimal = len(groups) == 2 and (number.startswith("0") or comma)
        return number.replace(",", ".") if decimal else number
    if len(groups) > 2:
        return _thousands(number, None)
    decimal = number.startswith("0") or not (known.decimal_comma or (known.decimal_comma is None and euro))
    return number if decimal else _thousands(number, None)


def _thousands(whole: str, rest: str | None) -> str:
    digits = re.sub(r"\D", "", whole)
    groups = re.sub(r"(?<=\d)(?=(?:\d{3})+$)", ",", digits.lstrip("0") or "0")
    return groups + (f".{rest[1:]}" if rest else "")
