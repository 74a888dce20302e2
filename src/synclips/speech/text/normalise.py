"""What is written to what is spoken: one text for every engine, in plain words and sentences.

Engines read `$5`, `Baker St.` or `3/4/2026` each in their own way, and often wrongly; here such things are put into
words before any engine sees them. Month comes before day (3/4 is the fourth of March), as in American English.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from synclips.errors import TextError
from synclips.speech.text.forms import in_words

LONGEST_TEXT: Final = 20_000
"""Characters: some twenty minutes of speech."""
SENTENCE_PAUSE: Final = 0.35
PARAGRAPH_PAUSE: Final = 0.7
_LONGEST_SENTENCE: Final = 300
_LONGEST_WORD: Final = 50
_LETTERS: Final = str.maketrans(
    {"ß": "ss", "æ": "ae", "Æ": "Ae", "ø": "o", "Ø": "O", "œ": "oe", "Œ": "Oe", "ł": "l", "Ł": "L", "đ": "d"}
    | {"Đ": "D", "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th", "ı": "i", "µ": "μ"}
)
_PUNCTUATION: Final = str.maketrans(
    {"‘": "'", "’": "'", "‚": "'", "′": "'", "`": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "″": '"'}
    | {"–": "–", "—": ", ", "―": ", ", "‒": "–", "−": "-", "‐": "-", "‑": "-", "…": "... ", "•": ", ", "·": " "}
    | {"。": ". ", "，": ", ", "¿": "", "¡": "", "\u2028": "\n", "\u2029": "\n\n"}
)
_FRACTIONS: Final = re.compile(r"(\d?)([¼½¾⅓⅔⅛⅜⅝⅞])")
_GRID: Final = re.compile(
    r"\b((?:bin|lay|place|set) (?:blue|green|red|white) (?:at|by|in|with)) a "
    r"(?=(?:zero|one|two|three|four|five|six|seven|eight|nine)\b)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Sentence:
    """Words and plain punctuation (`,;:.!?'`), and the seconds of silence after them."""

    text: str
    pause: float


def spoken_sentences(text: str) -> tuple[Sentence, ...]:
    """What is to be spoken of `text`, sentence by sentence.

    Raises:
        TextError: nothing in it can be spoken, it is in a script that no engine here speaks, or it is too long.
    """
    if len(text) > LONGEST_TEXT:
        raise TextError(
            f"the text has {len(text):,} characters, and at most {LONGEST_TEXT:,} can be spoken at once: split it"
        )
    sentences: list[Sentence] = []
    for paragraph in re.split(r"\n\s*\n", _without_markup(text)):
        spoken = _parts(normalise(paragraph))
        sentences += [Sentence(part, SENTENCE_PAUSE) for part in spoken[:-1]]
        sentences += [Sentence(part, PARAGRAPH_PAUSE) for part in spoken[-1:]]
    if not sentences:
        raise TextError("there is nothing to speak in the text: type at least one word")
    sentences[-1] = Sentence(sentences[-1].text, 0.0)
    return tuple(sentences)


def normalise(text: str) -> str:
    """Written to spoken English: ASCII letters and `,;:.!?'` only, numbers and signs in words, single spaces.

    Raises:
        TextError: a word is in a script other than Latin.
    """
    text = _FRACTIONS.sub(lambda found: f"{found[1]} {_plain_fraction(found[2])} ".lstrip(), text)
    text = unicodedata.normalize("NFKC", text.translate(_PUNCTUATION)).translate(_LETTERS)
    text = "".join(character if unicodedata.category(character)[0] != "C" else " " for character in text)
    text = in_words(" ".join(text.split()))
    text = _latin(text)
    text = _GRID.sub(r"\1 eigh ", text)
    text = re.sub(r"[^A-Za-z,;:.!?']+", " ", text)
    text = re.sub(r"(?<![A-Za-z])'|'(?![A-Za-z])", " ", text)
    text = re.sub(r"\s+(?=[,;:.!?])", "", text)
    text = re.sub(r"[,;:]*([.!?])[,;:.!?]*", r"\1", text)
    text = re.sub(r"([,;:])[,;:]+", r"\1", text)
    text = re.sub(r"([,;:.!?])(?=[A-Za-z])", r"\1 ", text)
    text = " ".join(_split_word(word) for word in text.split())
    return text.lstrip(",;:.!? ").strip()


def _plain_fraction(sign: str) -> str:
    return unicodedata.normalize("NFKC", sign).replace("⁄", "/")


def _without_markup(text: str) -> str:
    """Tags (SSML, HTML) are not read out."""
    text = re.sub(r"<!--.*?-->|</?[A-Za-z][^<>]*>|<[?!][^<>]*>", " ", text, flags=re.DOTALL)
    for entity, sign in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'"), ("&nbsp;", " ")):
        text = text.replace(entity, sign)
    return text.replace("&amp;", "&")


def _latin(text: str) -> str:
    """Accents are dropped; a letter that is not Latin is an error, any other sign becomes a space."""
    plain: list[str] = []
    for character in unicodedata.normalize("NFKD", text):
        category = unicodedata.category(character)
        if category == "Mn":
            continue
        if category[0] == "L" and not character.isascii():
            script = unicodedata.name(character, "unknown").split()[0].capitalize()
            word = next((word for word in text.split() if character in unicodedata.normalize("NFKD", word)), character)
            raise TextError(
                f"the voices here speak English, and cannot read {word[:20]!r} ({script}): "
                "write it in Latin letters, or bring a recording with --audio"
            )
        plain.append(character if character.isascii() else " ")
    return "".join(plain)


def _split_word(word: str) -> str:
    return " ".join(word[start : start + _LONGEST_WORD] for start in range(0, len(word), _LONGEST_WORD))


def _parts(text: str) -> list[str]:
    """Sentences, those too long for an engine cut at commas or, failing that, between words."""
    parts: list[str] = []
    for sentence in re.split(r"(?<=[.!?])\s+", text):
        while len(sentence) > _LONGEST_SENTENCE:
            at = max(sentence.rfind(mark, 0, _LONGEST_SENTENCE) for mark in (", ", "; ", ": "))
            at = at + 1 if at > _LONGEST_SENTENCE // 3 else sentence.rfind(" ", 0, _LONGEST_SENTENCE)
            parts.append(sentence[:at].strip())
            sentence = sentence[at:].strip()
        parts.append(sentence.strip())
    return [part for part in parts if re.search(r"[A-Za-z]", part)]
