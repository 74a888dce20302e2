"""Signs in words: of mathematics, of typography, pictures; and those that have no word, which are to be named."""

import re
import unicodedata
from typing import Final

from synclips.speech.text.patterns import Found, Replacements, replaced

SIGNS: Final = {
    "&": "and", "@": "at", "+": "plus", "=": "equals", "×": "times", "÷": "divided by", "%": "percent",
    "<": "less than", ">": "greater than", "#": "number", "°": "degrees", "©": "copyright", "→": "to", "←": "from",
    "↔": "to and from", "⇒": "implies", "⇔": "if and only if", "↑": "up", "↓": "down", "$": "dollars", "€": "euros",
    "£": "pounds", "¥": "yen", "¢": "cents", "±": "plus or minus", "∓": "minus or plus", "≤": "less than or equal to",
    "≥": "greater than or equal to", "⩽": "less than or equal to", "⩾": "greater than or equal to",
    "≠": "not equal to", "≈": "approximately", "≃": "approximately", "≅": "approximately", "≡": "identical to",
    "≪": "much less than", "≫": "much greater than", "∝": "proportional to", "√": "square root of",
    "∛": "cube root of", "∞": "infinity", "∑": "sum of", "∏": "product of", "∫": "integral of", "∂": "partial",
    "∇": "nabla", "∆": "delta", "∈": "in", "∉": "not in", "⊂": "subset of", "⊆": "subset of", "∪": "union",
    "∩": "intersection", "∅": "empty set", "∀": "for all", "∃": "there exists", "∴": "therefore", "∵": "because",
    "∧": "and", "∨": "or", "¬": "not", "∠": "angle", "⊥": "perpendicular to", "∥": "parallel to", "§": "section",
    "¶": "paragraph", "‰": "per mille", "^": "caret", "\\": "backslash", "℮": "estimated", "⋅": "times", "∙": "times",
    "∗": "times", "∼": "about", "≲": "less than about", "≳": "greater than about", "⊕": "plus", "⊗": "times",
    "✓": "check", "✔": "check", "♀": "female", "♂": "male", "♯": "sharp", "♭": "flat",
}  # fmt: skip
_HEARTS: Final = "❤♥💙💚💛💜🖤🤍🤎🧡💖💗💓💕"
_SILENT: Final = frozenset("()[]{}<>\"'-–/_*|~")
"""Brackets, quotation marks, dashes and marks of emphasis: punctuation that is not read."""
_SMILEY: Final = re.compile(r"(?:(?<=\s)|^)(?:[:;=8][-^o']?[()DPpO3/|*]|<3|\^_?\^|[xX]D|:-?\\)(?=[\s.,!?]|$)")


def signs_in_words(text: str) -> str:
    """`text` with every sign that has a word in words."""
    return replaced(text, _FORMS)


def without_smileys(text: str) -> tuple[str, list[str]]:
    """`text` without the faces that are typed with punctuation, and these."""
    found = [smiley for smiley in _SMILEY.findall(text) if smiley != "<3"]
    return _SMILEY.sub(lambda face: " love " if face[0] == "<3" else " ", text), found


def wordless(character: str) -> bool:
    """Whether a character that is about to be left out means something that nobody will hear."""
    if character in _SILENT or character.isspace() or character.isalnum():
        return False
    return unicodedata.category(character) not in ("Mn", "Mc", "Me", "Sk", "Pi", "Pf", "Ps", "Pe", "Pd", "Lm")


def _star_rating(found: Found) -> str:
    count = found[0].count("★") or found[0].count("⭐")
    names = ["one", "two", "three", "four", "five"]
    if len(found[0]) != 5 or not count:
        return f" {names[count - 1]} star{'s' * (count > 1)} " if 0 < count <= 5 else found[0]
    return f" {names[count - 1]} out of five stars "


_FORMS: Final[Replacements] = (
    (re.compile(rf"(?<=\bI )[{_HEARTS}\ufe0f]+(?= ?\w)"), lambda _: "love"),
    (re.compile(r"[★☆⭐]+"), _star_rating),
    (re.compile(r"(?<=\w)\*\*?(?=\w)(?<=\d[ *])|(?<=\d)\*(?=\d)"), lambda _: " times "),
    (re.compile(r"(?<=[\w)])\s+\*\s+(?=[\w(])"), lambda _: " times "),
    (re.compile(r"(?<=\w)\s+[-–]\s+(?=\w)"), lambda _: ", "),
    (re.compile(r"&&"), lambda _: " and "),
    (re.compile(r"\|\|"), lambda _: " or "),
    (re.compile(r" [|/] "), lambda _: ", "),
    (re.compile(r"\|"), lambda _: ", "),
    (re.compile(r"(?:(?<=\s)|(?<=\()|^)[~∼≈] ?(?=[\w])"), lambda _: "about "),
    (re.compile(r"§§ ?"), lambda _: "sections "),
    (re.compile(r"\b([A-G])#(?=\W|$)"), lambda found: f"{found[1]} sharp"),
    (re.compile(r"\b([A-Za-z]+)\+\+(?=\W|$)"), lambda found: f"{found[1]} plus plus"),
    (re.compile(r"(?<![<>])>>+(?![<>])|(?<![<>])<<+"), lambda _: " "),
    (re.compile(r"<=|=<"), lambda _: " less than or equal to "),
    (re.compile(r">="), lambda _: " greater than or equal to "),
    (re.compile(r"!=(?=[\s\w])"), lambda _: " not equal to "),
    (re.compile(r"(?<![-<=])[-=]>"), lambda _: " to "),
    (re.compile(r"(?<!\w)\+/?-(?= ?\w)"), lambda _: " plus or minus "),
    (re.compile(r"={2,}"), lambda _: " equals "),
    (re.compile("|".join(re.escape(sign) for sign in SIGNS)), lambda found: f" {SIGNS[found[0]]} "),
)
