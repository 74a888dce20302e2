"""Sums of money in words: the sign or code before or after the number, several currencies, thousands and millions."""

import re
from typing import Final

from synclips.speech.text.numbers import cardinal, number_words, whole_number
from synclips.speech.text.patterns import Found, Replacements, replaced
from synclips.speech.text.units import NUMBER, UNITS

_DOLLARS: Final = {"US": "US ", "A": "Australian ", "AU": "Australian ", "C": "Canadian ", "CA": "Canadian "} | {
    "NZ": "New Zealand ", "HK": "Hong Kong ", "S": "Singapore ", "NT": "Taiwan ",
}  # fmt: skip
_SIGNS: Final = {
    "$": ("dollar", "dollars", "cent"), "€": ("euro", "euros", "cent"), "£": ("pound", "pounds", "penny"),
    "¥": ("yen", "yen", ""), "₹": ("rupee", "rupees", "paisa"), "₽": ("rouble", "roubles", "kopeck"),
    "₩": ("won", "won", ""), "₺": ("lira", "lira", ""), "₴": ("hryvnia", "hryvnias", ""),
    "₪": ("shekel", "shekels", ""),
    "₫": ("dong", "dong", ""), "₦": ("naira", "naira", ""), "₱": ("peso", "pesos", "centavo"),
    "฿": ("baht", "baht", ""),
    "₿": ("bitcoin", "bitcoins", ""), "zł": ("zloty", "zlotys", "grosz"), "Kč": ("koruna", "korunas", ""),
    "R$": ("real", "reais", "centavo"), "Fr.": ("franc", "francs", "centime"), "kr": ("krone", "kroner", ""),
}  # fmt: skip
_CODES: Final = {
    "USD": _SIGNS["$"], "EUR": _SIGNS["€"], "GBP": _SIGNS["£"], "JPY": _SIGNS["¥"], "INR": _SIGNS["₹"],
    "CHF": ("Swiss franc", "Swiss francs", "centime"), "CAD": ("Canadian dollar", "Canadian dollars", "cent"),
    "AUD": ("Australian dollar", "Australian dollars", "cent"),
    "NZD": ("New Zealand dollar", "New Zealand dollars", "cent"),
    "HKD": ("Hong Kong dollar", "Hong Kong dollars", "cent"), "SGD": ("Singapore dollar", "Singapore dollars", "cent"),
    "CNY": ("yuan", "yuan", ""), "RMB": ("yuan", "yuan", ""), "SEK": ("Swedish krona", "Swedish kronor", ""),
    "NOK": ("Norwegian krone", "Norwegian kroner", ""), "DKK": ("Danish krone", "Danish kroner", ""),
    "PLN": _SIGNS["zł"], "CZK": _SIGNS["Kč"], "HUF": ("forint", "forints", ""), "RUB": _SIGNS["₽"], "TRY": _SIGNS["₺"],
    "BRL": _SIGNS["R$"], "MXN": ("Mexican peso", "Mexican pesos", "centavo"), "ZAR": ("rand", "rand", "cent"),
    "KRW": _SIGNS["₩"], "THB": _SIGNS["฿"], "ILS": _SIGNS["₪"], "UAH": _SIGNS["₴"], "BTC": _SIGNS["₿"],
}  # fmt: skip
_PLURALS: Final = {"penny": "pence", "paisa": "paise", "grosz": "groszy"}
_SCALES: Final = {
    "k": "thousand", "K": "thousand", "m": "million", "M": "million", "mn": "million", "mln": "million",
    "Mio.": "million", "Mio": "million", "b": "billion", "B": "billion", "bn": "billion", "Mrd.": "billion",
    "Mrd": "billion", "mld": "billion", "T": "trillion", "tn": "trillion", "thousand": "thousand",
    "million": "million", "billion": "billion", "trillion": "trillion",
}  # fmt: skip
_SCALE: Final = rf"(?:[ -]?(?P<scale>{'|'.join(map(re.escape, sorted(_SCALES, key=len, reverse=True)))})(?![\w]))?"
_SIGN: Final = (
    rf"(?P<sign>(?:{'|'.join(sorted(_DOLLARS, key=len, reverse=True))})?\$|R\$|[€£¥₹₽₩₺₴₪₫₦₱฿₿]|\bFr\.|\bkr\b)"
)
_CODE: Final = rf"\b(?P<code>{'|'.join(_CODES)})"
_SIGN_AFTER: Final = rf"(?P<sign>[$€£¥₹₽₩₺₴₪₫₦₱฿₿]|(?:zł|Kč|kr|Fr\.)(?!\w))|(?P<code>{'|'.join(_CODES)})(?!\w)"
_PER: Final = (
    rf"(?: ?/ ?(?P<per>{'|'.join(sorted((u for u in UNITS if u.isalpha()), key=len, reverse=True))}|[a-z]+)(?![\w/]))?"
)


def money_in_words(text: str) -> str:
    """`text` with its sums of money in words."""
    return replaced(text, _MONEY)


def _names(sign: str | None, code: str | None) -> tuple[str, str, str]:
    if code:
        return _CODES[code]
    assert sign is not None
    if sign.endswith("$") and sign not in ("$", "R$", "US$"):
        one, many, part = _SIGNS["$"]
        return _DOLLARS[sign[:-1]] + one, _DOLLARS[sign[:-1]] + many, part
    return _SIGNS["$" if sign == "US$" else sign]


def _sum(found: Found) -> str:
    names = _names(found["sign"], found["code"])
    minus = "minus " if found["minus"] else ""
    first = found["first"]
    words = said(found["amount"], found["scale"], names)
    if first:
        words = f"{number_words(first)} to {words}"
    per = found["per"]
    return minus + words + (f" per {UNITS[per][0] if per in UNITS else per}" if per else "")


def said(amount: str, scale: str | None, names: tuple[str, str, str]) -> str:
    """`"5.50"`, None, the dollar's names -> five dollars fifty cents."""
    one, many, part = names
    amount = amount.replace(",", "")
    if scale:
        return f"{number_words(amount)} {_SCALES[scale]} {many}"
    whole, _, cents = amount.partition(".")
    if len(cents) != 2 or not part:
        return f"{number_words(amount)} {one if amount == '1' else many}"
    pieces = [f"{whole_number(whole)} {one if whole == '1' else many}"] if whole.strip("0") or not int(cents) else []
    if int(cents):
        pieces.append(f"{cardinal(int(cents))} {part if int(cents) == 1 else _PLURALS.get(part, part + 's')}")
    return " ".join(pieces)


_MINUS: Final = r"(?P<minus>(?<![\w])-)?"
_TO: Final = r" ?[-–] ?"
_MONEY: Final[Replacements] = (
    (re.compile(r"(?<=\d)[.,](?:-{1,2}|–)(?=\s|$|[€.,;!?)])"), lambda _: ""),
    (re.compile(r"(?<![\d.,])(\d+)€(\d{2})\b"), lambda found: f"€{found[1]}.{found[2]}"),
    (
        re.compile(
            rf"{_MINUS}(?:{_SIGN}|{_CODE}) ?(?:(?P<first>{NUMBER}){_TO}(?:[$€£¥] ?)?(?=\d))?"
            rf"(?P<minus2>-)?(?P<amount>{NUMBER}){_SCALE}{_PER}"
        ),
        lambda found: ("minus " if found["minus2"] and not found["minus"] else "") + _sum(found),
    ),
    (
        re.compile(
            rf"(?<![\w.,]){_MINUS}(?:(?P<first>{NUMBER}){_TO}(?=\d))?(?P<amount>{NUMBER}){_SCALE} ?"
            rf"(?:{_SIGN_AFTER}){_PER}"
        ),
        _sum,
    ),
    (
        re.compile(rf"(?<![\w.,])({NUMBER}) ?¢"),
        lambda found: f"{number_words(found[1])} {'cent' if found[1] == '1' else 'cents'}",
    ),
)
