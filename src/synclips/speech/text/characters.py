"""Unicode to plain characters: what is invisible vanishes, and letters get their nearest English ones."""

import re
import unicodedata
from typing import Final

_QUOTES: Final = {"'": "‘’‚‛′´`ʹʻʼʽˈ＇‹›❛❜", '"': "“”„‟«»″ʺ「」『』〝〞❝❞＂"}
_PUNCTUATION: Final = str.maketrans(
    {sign: plain for plain, signs in _QUOTES.items() for sign in signs}
    | {"—": ", ", "―": ", ", "⸺": ", ", "‒": "–", "‐": "-", "‑": "-", "﹣": "-", "…": "... ", "‥": ".. ", "·": " "}
    | dict.fromkeys("•‣◦▪●○■□◆◇►▶▸⁃", ", ")
    | {
        "。": ". ",
        "．": ".",
        "｡": ". ",
        "、": ", ",
        "､": ", ",
        "，": ", ",
        "！": "! ",
        "？": "? ",
        "；": "; ",
        "：": ": ",
    }
    | {"︰": ": ", "・": " ", "〜": "–", "～": "~", "।": ". ", "॥": ". ", "؟": "? ", "،": ", ", "؛": "; ", "۔": ". "}
    | {
        "¿": "",
        "¡": "",
        "‽": "?",
        "⸮": "?",
        "\u2028": "\n",
        "\u2029": "\n\n",
        "\x85": "\n",
        "⁄": "/",
        "∕": "/",
        "№": "number ",
    }
)
_KEPT: Final = re.compile(r"([™℠®©℗])")
"""Signs that NFKC would turn into letters."""
_RAISED: Final = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ", "0123456789+-n")
_FILLERS: Final = frozenset("\u115f\u1160\u3164\uffa0\u034f")
_LETTERS: Final = {
    "ß": "ss", "ẞ": "Ss", "æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "þ": "th", "Þ": "Th", "ð": "d", "Ð": "D",
    "ı": "i", "ȷ": "j", "ə": "a", "Ə": "A", "ɘ": "e", "ɜ": "e", "ŋ": "ng", "Ŋ": "Ng", "ʃ": "sh", "Ʃ": "Sh", "ʒ": "zh",
    "Ʒ": "Zh", "ȝ": "gh", "Ȝ": "Gh", "ƣ": "gh", "Ƣ": "Gh", "ƿ": "w", "Ƿ": "W", "ƕ": "hw", "Ƕ": "Hw", "ĸ": "k",
    "ƻ": "dz", "ɯ": "u", "Ɯ": "U", "ɐ": "a", "ɒ": "o", "ʌ": "u", "Ʌ": "U", "ɥ": "u", "ʊ": "u", "Ʊ": "U", "ɩ": "i",
    "Ɩ": "I", "ʔ": "", "Ɂ": "", "ɂ": "", "ʕ": "", "ꞌ": "", "Ꞌ": "", "ƨ": "s", "Ƨ": "S", "ƽ": "", "Ƽ": "", "ƅ": "",
    "Ƅ": "", "ǀ": "", "ǁ": "", "ǂ": "", "ǃ": "", "Ƹ": "A", "ƹ": "a", "ʘ": "", "ɤ": "o", "ꝛ": "r", "ꝡ": "vy",
}  # fmt: skip
"""Latin letters whose Unicode names do not say which plain letter they come from, by their usual sound."""
_NAMED: Final = {
    "ALPHA": "a", "IOTA": "i", "UPSILON": "u", "ESH": "sh", "EZH": "zh", "ENG": "ng", "SCHWA": "a", "CHI": "h",
    "GAMMA": "g", "OMEGA": "o", "DELTA": "d", "BETA": "b", "STOP": "", "CLICK": "",
}  # fmt: skip
"""Last words of the Unicode names of Latin letters."""
_GREEK: Final = re.compile(r"(?<![\u0370-\u03ff])[\u0391-\u03c9](?![\u0370-\u03ff])")
_FRACTION: Final = re.compile(r"(\d?)([¼½¾⅐-⅞↉])")
_JOINERS: Final = ("\u200c", "\u200d")
_SHAPING: Final = re.compile("((?<=[\u0600-\u0dff])[\u200c\u200d])")
_FOOTNOTE: Final = re.compile(r"(?:(?<=[A-Za-z]{3})|(?<=[a-z][.,;:!?\"”’]))[⁰¹²³⁴-⁹]+(?![\w⁻])")
_ZERO_WIDTH_BREAK: Final = re.compile("\xad[ \t\r]*\n[ \t]*")


def plain_characters(text: str) -> str:
    """`text` in NFKC, with plain punctuation and ASCII digits, without anything invisible.

    Raised digits become `^2`, vulgar fractions `1/2`. White space of any kind stays white space.
    """
    text = _ZERO_WIDTH_BREAK.sub("", text)
    text = re.sub(r"(?<=\d) ?º(?= ?[CF]\b)", "°", text)
    text = re.sub(r"(?<=\d)[ºª]", "th", text)
    text = re.sub(r"(?<=\d)\u2212(?=\d)|(?<=[\w)] )\u2212(?= [\w(])", " minus ", text).replace("\u2212", "-")
    text = re.sub(r"[⁰¹²³⁴-⁹⁺⁻ⁿ]+", lambda found: "^" + found[0].translate(_RAISED), text)
    text = _FRACTION.sub(lambda found: f"{found[1]} {_plain_fraction(found[2])} ".lstrip(), text)
    text = text.translate(_PUNCTUATION)
    text = "".join(part if _KEPT.fullmatch(part) else unicodedata.normalize("NFKC", part) for part in _KEPT.split(text))
    return "".join(filter(None, map(_visible, text.replace("µ", "μ"))))


def without_invisible(text: str) -> str:
    """`text` without soft hyphens, marks of direction and the like, which are no spaces.

    Joiners stay in scripts whose letters they shape, as in Persian and Hindi.
    """
    parts = _SHAPING.split(_ZERO_WIDTH_BREAK.sub("", text))
    return "".join(part if part in _JOINERS else "".join(map(_visible, part)) for part in parts)


def without_note_signs(text: str) -> tuple[str, list[str]]:
    """`text` without the raised numbers that point to footnotes (`word¹`, `end.²`), and these."""
    return _FOOTNOTE.sub("", text), _FOOTNOTE.findall(text)


def _plain_fraction(sign: str) -> str:
    return unicodedata.normalize("NFKC", sign).replace("⁄", "/")


def _visible(character: str) -> str:
    if (character.isascii() and character.isprintable()) or character == "\n":
        return character
    category = unicodedata.category(character)
    if character.isspace() or category[0] == "Z":
        return "\n" if character in "\r\u2028\u2029" else " "
    if category in ("Cf", "Cc") or character in _FILLERS or unicodedata.name(character, "").startswith("VARIATION SEL"):
        return ""
    return str(unicodedata.decimal(character)) if category == "Nd" else character


def greek_names(text: str) -> str:
    """Greek letters that stand alone, as in formulas, by their names."""

    def name(found: re.Match[str]) -> str:
        words = unicodedata.name(found[0], "").lower().split()
        return f" {words[-1].replace('lamda', 'lambda')} " if "letter" in words else found[0]

    return _GREEK.sub(name, text)


def nearest_latin(character: str) -> str | None:
    """The plain letters nearest to a letter of the Latin script: `Ə` -> A, `ŋ` -> ng; None for other scripts."""
    if character in _LETTERS:
        return _LETTERS[character]
    if unicodedata.category(character) in ("Lm", "Sk"):
        return ""
    words = unicodedata.name(character, "").partition(" WITH ")[0].split()
    if not words or words[0] != "LATIN":
        return None
    last = words[-1]
    letters = _NAMED.get(last, last.lower())
    if len(letters) > 3:
        return ""
    return letters.capitalize() if "CAPITAL" in words and "SMALL" not in words else letters
