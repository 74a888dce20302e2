"""Dates and sums of money in the words of a language other than English.

eSpeak NG reads plain numbers well in every language, but `$5` as "dollar five", `5,50 €` as "five comma fifty euro",
and `3.4.2026` as three numbers. What they are called comes from Babel (CLDR) and `num2words`, both part of the extra
`espeak`; a text stays as it is where they are not installed, or do not know the language.
"""

import datetime
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from synclips.errors import ConfigError
from synclips.speech.text.conventions import Conventions, conventions

if TYPE_CHECKING:
    from babel import Locale

_LOCALES: Final = {"no": "nb", "zh": "zh_Hans"}
_WRONG_MONEY: Final = frozenset({"ar", "hu", "ro"})
"""Languages whose money num2words has as riyals, or in English."""
_ORDINAL_DAYS: Final = frozenset({"da", "de", "fi", "no", "sv"})
"""Where the day of a date is said as an ordinal number that num2words knows the form of."""
_FIRST_DAY: Final = {"fr": "premier", "it": "primo", "pt": "primeiro"}
_HUNDREDS: Final = frozenset({"da", "de", "nl", "no"})
"""Where years are said in hundreds (nineteen hundred eighty-four)."""
_YEAR_SIGN: Final = {"ru": ("г.", "года"), "uk": ("р.", "року"), "bg": ("г.", "година")}
_NO_DATES: Final = frozenset({"ja"})
"""eSpeak reads no kanji."""
_SIGNS: Final = {"$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY", "₹": "INR", "₽": "RUB", "₩": "KRW", "₺": "TRY"} | {
    "₴": "UAH", "₪": "ILS", "zł": "PLN", "Kč": "CZK", "Ft": "HUF", "R$": "BRL", "kr": "",
}  # fmt: skip
_KRONA: Final = {"da": "DKK", "no": "NOK", "sv": "SEK"}
_CODES: Final = "USD|EUR|GBP|JPY|CHF|CNY|RUB|UAH|PLN|CZK|HUF|SEK|NOK|DKK|TRY|BRL|INR|CAD|AUD"
_SIGN: Final = "|".join(re.escape(sign) for sign in sorted(_SIGNS, key=len, reverse=True))
_SCALE: Final = r"(?! ?(?:[kKM]\b|Mio|Mrd|Md|mill|milj|mln|mld|mrd|мил|млн|млрд|тыс|тис))"
_AMOUNT: Final = r"\d{1,3}(?:[., '\u00a0\u202f]\d{3})+(?:[.,]\d{1,2})?|\d+(?:[.,]\d{1,2})?"
_MONEY: Final = re.compile(
    rf"(?<![\w.,])(?:(?P<before>{_SIGN}|(?:{_CODES})(?= ))[ \u00a0]?(?P<first>{_AMOUNT}){_SCALE}"
    rf"|(?P<last>{_AMOUNT})[ \u00a0]?(?P<after>{_SIGN}|{_CODES}))(?![\w]|[.,]\d)"
)
_DATE: Final = re.compile(r"(?<![\w./-])(\d{1,2})([./-])[ ]?(\d{1,2})\2[ ]?(\d{4}|\d{2})(?![\w/-]|[.,]\d)")
_STAMP: Final = re.compile(r"(?<![\w./-])(\d{4})-(\d{2})-(\d{2})(?![\w/-])")
_HOURS: Final = re.compile(r"(?<![\w:])([01]?\d|2[0-4]) ?h ?([0-5]\d)(?!\w)")
_YEAR: Final = re.compile(r"(?<![\w.,:/-])(1[1-9]\d\d)(?![\w:/]|[.,-]\d| ?[%€$£°])")
_AFTER: Final = {
    "de": ((r"(?:am|vom|zum|bis|den|dem|ab|seit|nach|vor|beim)", "n"), (r"(?:der|die|das|dieser|jeder)", ""), ("", "r"))
}
"""Ordinal days: the ending after some words before them."""


def foreign_words(text: str, language: str) -> str:
    """`text` with dates and money in words of `language` (ISO 639-1, or with a region), or as it is."""
    tag = language.replace("_", "-").split("-")[0]
    try:
        from babel import Locale, UnknownLocaleError
    except ImportError:
        return text
    try:
        locale = Locale.parse(_LOCALES.get(tag, tag))
        known = conventions(language, text)
    except (UnknownLocaleError, ValueError):
        return text
    except ConfigError:
        known = Conventions(decimal_comma=True, day_first=True)
    if tag not in _NO_DATES:
        text = _STAMP.sub(lambda found: _date(found, (3, 2, 1), tag, locale), text)
        text = _DATE.sub(lambda found: _day_or_month_first(found, tag, locale, known), text)
    if tag in _ORDINAL_DAYS:
        months = "|".join(re.escape(name) for name in locale.months["format"]["wide"].values())
        named = re.compile(rf"(?<![\w.,])(\d{{1,2}})\.? (?={months})", re.IGNORECASE)
        text = named.sub(lambda found: f"{_day(int(found[1]), tag, text[: found.start()])} ", text)
    text = _MONEY.sub(lambda found: _money(found, tag, locale), text)
    if tag in ("fr", "pt"):
        text = _HOURS.sub(r"\1:\2", text)
    return _YEAR.sub(lambda found: _year(int(found[1]), tag), text) if tag in _HUNDREDS else text


def _day_or_month_first(found: re.Match[str], tag: str, locale: "Locale", known: Conventions) -> str:
    first = (1, 3, 4) if known.day_first or found[2] == "." else (3, 1, 4)
    other = (first[1], first[0], 4)
    said = _date(found, first, tag, locale)
    return said if said != found[0] else _date(found, other, tag, locale)


def _date(found: re.Match[str], places: tuple[int, int, int], tag: str, locale: "Locale") -> str:
    """The date in words, or as it was written where there is none. `places`: the groups of day, month and year."""
    from babel.dates import format_date

    day, month, year = (int(found[place]) for place in places)
    if year < 100:
        year += 2000 if year < 50 else 1900
    try:
        said = format_date(datetime.date(year, month, day), "long", locale)
    except ValueError:
        return found[0]
    sign, word = _YEAR_SIGN.get(tag, ("", ""))
    said = said.replace(sign, word) if sign else said
    if found.string[found.end() : found.end() + 1] == ".":
        said = said.removesuffix(".")
    if tag in _ORDINAL_DAYS:
        before = found.string[: found.start()]
        said = re.sub(r"^\d+\.?", lambda number: _day(int(number[0].rstrip(".")), tag, before), said)
    elif tag in _FIRST_DAY and day == 1:
        said = re.sub(r"^1\b", _FIRST_DAY[tag], said)
    return said.replace(str(year), _year(year, tag)) if tag in _HUNDREDS else said


def _day(day: int, tag: str, before: str) -> str:
    said = _in_words(day, tag, "ordinal")
    if said is None:
        return f"{day}."
    for words, ending in _AFTER.get(tag, ()):
        if re.search(rf"(?:^|\W){words}\s+$" if words else "", before, re.IGNORECASE):
            return said + ending
    return said


def _year(year: int, tag: str) -> str:
    if year % 1000 < 100:
        return str(year)
    return _in_words(year, tag, "year") or str(year)


def _in_words(number: int, tag: str, form: str) -> str | None:
    try:
        from num2words import num2words

        return str(num2words(number, lang=tag, to=form))
    except (ImportError, NotImplementedError, TypeError, ValueError, AttributeError, IndexError):
        return None


def _money(found: re.Match[str], tag: str, locale: "Locale") -> str:
    sign = found["before"] or found["after"]
    code = _SIGNS.get(sign, sign) or _KRONA.get(tag, "SEK")
    amount = _amount(found["first"] or found["last"])
    return _by_num2words(amount, tag, code) or _by_babel(amount, locale, code)


def _amount(written: str) -> Decimal:
    """`1.234,50` -> 1234.50; a sign before three digits parts thousands."""
    digits = re.sub(r"[ '\u00a0\u202f]", "", written)
    whole, mark, rest = re.match(r"(.*?)(?:([.,])(\d{1,2}))?$", digits).groups()  # type: ignore[union-attr]
    return Decimal(re.sub(r"\D", "", whole) + (f".{rest}" if mark else ""))


def _by_num2words(amount: Decimal, tag: str, code: str) -> str | None:
    """With `\\0` between the parts, so that no hundredths are named where there are none."""
    if tag in _WRONG_MONEY:
        return None
    try:
        from num2words import num2words

        exact = amount.quantize(Decimal("0.01"))
        parts = str(num2words(exact, lang=tag, to="currency", currency=code, separator="\0")).split("\0")
        whole = exact == exact.to_integral_value()
        return parts[0].strip() if whole else str(num2words(exact, lang=tag, to="currency", currency=code))
    except (ImportError, NotImplementedError, TypeError, ValueError, AttributeError, IndexError):
        return None


def _by_babel(amount: Decimal, locale: "Locale", code: str) -> str:
    """The amount as eSpeak reads it, and the currency's name behind it: `5 kroner 50`."""
    from babel.numbers import get_currency_name

    whole, part = divmod(amount, 1)
    name = get_currency_name(code, count=float(amount), locale=locale)
    return f"{int(whole)} {name}" + (f" {int(part * 100)}" if part else "")
