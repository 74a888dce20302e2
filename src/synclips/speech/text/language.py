"""Which language a text is in: English, another one, or none for sure.

A text with enough of the commonest English words is English; of any other, `py3langid` (Lui and Baldwin, "langid.py",
ACL 2012; BSD) says how likely each of the languages is that eSpeak NG can speak. The thresholds were set on 235 English
lines (41 sentences and their first words, names and foreign phrases among them) and 36 foreign ones (EXPERIMENTS.md).
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

NAMES: Final = {
    "ar": "Arabic", "bg": "Bulgarian", "ca": "Catalan", "cs": "Czech", "da": "Danish", "de": "German", "el": "Greek",
    "en": "English", "es": "Spanish", "et": "Estonian", "fa": "Persian", "fi": "Finnish", "fr": "French",
    "he": "Hebrew", "hi": "Hindi", "hr": "Croatian", "hu": "Hungarian", "id": "Indonesian", "it": "Italian",
    "ja": "Japanese", "ko": "Korean", "lt": "Lithuanian", "lv": "Latvian", "nl": "Dutch", "no": "Norwegian",
    "pl": "Polish", "pt": "Portuguese", "ro": "Romanian", "ru": "Russian", "sk": "Slovak", "sl": "Slovenian",
    "sv": "Swedish", "tr": "Turkish", "uk": "Ukrainian", "vi": "Vietnamese", "zh": "Chinese",
}  # fmt: skip
"""Languages that are told apart, by their tags (ISO 639-1)."""
OTHERS: Final = {
    "af": "Afrikaans", "am": "Amharic", "an": "Aragonese", "as": "Assamese", "az": "Azerbaijani", "ba": "Bashkir",
    "be": "Belarusian", "bn": "Bengali", "bs": "Bosnian", "chr": "Cherokee", "cv": "Chuvash", "cy": "Welsh",
    "eo": "Esperanto", "eu": "Basque", "fo": "Faroese", "ga": "Irish", "gd": "Scottish Gaelic", "gn": "Guarani",
    "grc": "Ancient Greek", "gu": "Gujarati", "hak": "Hakka", "haw": "Hawaiian", "ht": "Haitian Creole",
    "hy": "Armenian", "ia": "Interlingua", "is": "Icelandic", "ka": "Georgian", "kk": "Kazakh", "kl": "Greenlandic",
    "kn": "Kannada", "kok": "Konkani", "ku": "Kurdish", "ky": "Kyrgyz", "la": "Latin", "lb": "Luxembourgish",
    "mi": "Maori", "mk": "Macedonian", "ml": "Malayalam", "mr": "Marathi", "ms": "Malay", "mt": "Maltese",
    "my": "Burmese", "ne": "Nepali", "om": "Oromo", "or": "Oriya", "pa": "Punjabi", "pap": "Papiamento",
    "qu": "Quechua", "quc": "K'iche'", "sd": "Sindhi", "si": "Sinhala", "sq": "Albanian", "sr": "Serbian",
    "sw": "Swahili", "ta": "Tamil", "te": "Telugu", "th": "Thai", "ti": "Tigrinya", "tk": "Turkmen", "tn": "Setswana",
    "tt": "Tatar", "ug": "Uyghur", "ur": "Urdu", "uz": "Uzbek", "yue": "Cantonese",
}  # fmt: skip
"""Languages that are spoken where they are named (`--language`), but not told from the text."""
ENGLISH: Final = "en"
SAME: Final = {"nb": "no", "nn": "no", "cmn": "zh", "iw": "he"}
"""Other tags of some of them."""
_SURE: Final = 20.0
"""Natural logarithm of how much likelier than English a language must be to count as found."""
_DOUBTFUL: Final = 7.0
"""And to be worth a note."""
_COMMON_SHARE: Final = 0.25
_COMMON: Final = frozenset(
    """
    a about after all an and are as at be been but by can could did do down for from go good had has have he her
    here him his how i if in into is it its just know like me my no not now of off on one or our out over please
    said see she should so some than thank that the their them then there they this to two up us very was we well
    were what when where which who why will with would yes you your
    """.split()  # noqa: SIM905
)
_WORD: Final = re.compile(r"[^\W\d_]+")
_SYMBOLS: Final = 2
"""Letters of the longest word (of a Greek one: 1) in a text of units and formulas, which is in no language."""


@dataclass(frozen=True)
class Language:
    """A tag of `NAMES`, and whether that is sure."""

    tag: str
    sure: bool = True

    @property
    def name(self) -> str:
        """The language in English."""
        return (NAMES | OTHERS).get(self.tag, self.tag)


def language_of(text: str) -> Language:
    """The language that `text` is in; English, unsure, where nothing speaks for any."""
    words = _words(text)
    if not words or _has_common_words(words):
        return Language(ENGLISH)
    likelihood = _likelihood(text)
    tag = max(likelihood, key=lambda name: likelihood[name])
    margin = likelihood[tag] - likelihood[ENGLISH]
    if tag == ENGLISH or margin < _DOUBTFUL:
        return Language(ENGLISH, sure=False)
    return Language(tag, margin >= _SURE or not _is_latin(words))


def may_be(text: str, tag: str) -> bool:
    """Whether `text` is at least as likely in the language `tag` as in English; of `OTHERS`, whether it may not be
    English for sure."""
    words = _words(text)
    if not words or _has_common_words(words):
        return False
    if tag in OTHERS:
        return True
    likelihood = _likelihood(text)
    return tag in likelihood and likelihood[tag] >= likelihood[ENGLISH]


def _words(text: str) -> list[str]:
    """The words of a text in lower case; none where it holds only units, formulas and numbers."""
    letters = "".join(sign if unicodedata.category(sign)[0] in "LM" else " " for sign in text)
    words = [word.lower() for word in _WORD.findall(letters)]
    return [] if all(_is_symbol(word) for word in words) else words


def _is_symbol(word: str) -> bool:
    scripts = {unicodedata.name(letter, "").split(" ")[0] for letter in word}
    if not scripts <= {"LATIN", "GREEK", "MICRO"}:
        return False
    return len(word) <= (_SYMBOLS if scripts & {"LATIN", "MICRO"} else 1)


def _is_latin(words: list[str]) -> bool:
    return all(unicodedata.name(letter, "").startswith("LATIN") for word in words for letter in word)


def _has_common_words(words: list[str]) -> bool:
    """Whether enough of the words are the commonest English ones; never where another script is among them."""
    return _is_latin(words) and sum(word in _COMMON for word in words) >= _COMMON_SHARE * len(words)


def _likelihood(text: str) -> dict[str, float]:
    return dict(_identifier().rank(text))


@lru_cache(maxsize=1)
def _identifier() -> "LanguageIdentifier":
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE)
    identifier.set_languages(sorted(NAMES))
    return identifier
