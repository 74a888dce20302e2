"""What is written to what is spoken: one text for every engine, in plain words and sentences.

Engines read `$5`, `Baker St.` or `3/4/2026` each in their own way, and often wrongly; here such things are put into
words before any engine sees them. What is spoken is English; the `language` decides how numbers and dates are written.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from synclips.errors import TextError
from synclips.speech.text.characters import greek_names, nearest_latin, plain_characters, without_note_signs
from synclips.speech.text.conventions import Conventions, conventions
from synclips.speech.text.forms import in_words
from synclips.speech.text.markup import without_tags
from synclips.speech.text.pauses import Sentence, pieces_of, with_pauses
from synclips.speech.text.signs import without_smileys, wordless

LONGEST_TEXT: Final = 20_000
"""Characters: some twenty minutes of speech."""
_LONGEST_WORD: Final = 50
_LONGEST_TOKEN: Final = 400
"""Characters without a space: addresses on networks may be that long."""
_GRID: Final = re.compile(
    r"\b((?:bin|lay|place|set) (?:blue|green|red|white) (?:at|by|in|with)) a "
    r"(?=(?:zero|one|two|three|four|five|six|seven|eight|nine)\b)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Reading:
    """What is to be spoken, what a person should know of it, and in which language (ISO 639-1)."""

    sentences: tuple[Sentence, ...]
    notes: tuple[str, ...] = ()
    language: str = "en"


def read_text(text: str, language: str = "auto") -> Reading:
    """What is to be spoken of `text`, sentence by sentence; signs that have no word are named in a note.

    Raises:
        TextError: nothing in it can be spoken, it is in a script that no engine here speaks, or it is too long.
        ConfigError: the language is not known.
    """
    known = conventions(language, text)
    if len(text) > LONGEST_TEXT:
        raise TextError(
            f"the text has {len(text):,} characters, and at most {LONGEST_TEXT:,} can be spoken at once: split it"
        )
    paragraphs: list[list[str]] = []
    unspoken: dict[str, None] = {}
    for paragraph in re.split(r"\n\s*\n", without_tags(text).replace("\r\n", "\n").replace("\r", "\n")):
        words, without = _spoken(paragraph, known)
        unspoken |= dict.fromkeys(without)
        paragraphs.append(_parts(words))
    sentences = with_pauses(paragraphs)
    if not sentences:
        raise TextError("there is nothing to speak in the text: type at least one word")
    notes = (f"not spoken, for it has no word: {' '.join(unspoken)}",) if unspoken else ()
    return Reading(sentences, notes)


def spoken_sentences(text: str, language: str = "auto") -> tuple[Sentence, ...]:
    """The sentences of `read_text`, which says what it raises."""
    return read_text(text, language).sentences


def normalise(text: str, language: str = "auto") -> str:
    """Written to spoken English: ASCII letters and `,;:.!?'` only, numbers and signs in words, single spaces.

    Raises:
        TextError: a word is in a script other than Latin.
        ConfigError: the language is not known.
    """
    return _spoken(text, conventions(language, text))[0]


def _spoken(text: str, known: Conventions) -> tuple[str, list[str]]:
    """The words, and the signs without a word."""
    text, notes = without_note_signs(text)
    text = " ".join(_split_word(word, _LONGEST_TOKEN) for word in plain_characters(text).split())
    text, smileys = without_smileys(text)
    unspoken = notes + smileys
    text = greek_names(in_words(text, known))
    text, signs = _latin(text)
    unspoken += signs
    text = _GRID.sub(r"\1 eigh ", text)
    text = re.sub(r"[^A-Za-z,;:.!?']+", " ", text)
    text = re.sub(r"(?<![A-Za-z])'|'(?![A-Za-z])", " ", text)
    text = re.sub(r"\s+(?=[,;:.!?])", "", text)
    text = re.sub(r"[,;:]*([.!?])[,;:.!?]*", r"\1", text)
    text = re.sub(r"([,;:])[,;:]+", r"\1", text)
    text = re.sub(r"([,;:.!?])(?=[A-Za-z])", r"\1 ", text)
    text = " ".join(_split_word(word) for word in text.split())
    return text.lstrip(",;:.!? ").strip(), unspoken


def _latin(text: str) -> tuple[str, list[str]]:
    """ASCII, and the signs that were left out; accents are dropped, other Latin letters become the nearest ones.

    Raises:
        TextError: a letter is not Latin.
    """
    plain: list[str] = []
    unspoken: list[str] = []
    for character in unicodedata.normalize("NFD", text):
        category = unicodedata.category(character)
        if category == "Mn":
            continue
        if character.isascii():
            plain.append(character)
        elif category[0] == "L":
            letters = nearest_latin(character)
            if letters is None:
                raise _not_latin(character, text)
            plain.append(letters)
            continue
        else:
            plain.append(" ")
        if wordless(character) and character not in ",;:.!?":
            unspoken.append(character)
    return "".join(plain), unspoken


def _not_latin(character: str, text: str) -> TextError:
    script = unicodedata.name(character, "unknown").split()[0].capitalize()
    word = next((word for word in text.split() if character in unicodedata.normalize("NFKD", word)), character)
    return TextError(
        f"the voices here speak English, and cannot read {word[:20]!r} ({script}): "
        "write it in Latin letters, or bring a recording with --audio"
    )


def _split_word(word: str, longest: int = _LONGEST_WORD) -> str:
    return " ".join(word[start : start + longest] for start in range(0, len(word), longest))


def _parts(text: str) -> list[str]:
    """Sentences, or parts of those that are too long for an engine."""
    parts = [part for sentence in re.split(r"(?<=[.!?])\s+", text) for part in pieces_of(sentence)]
    return [part for part in parts if re.search(r"[A-Za-z]", part)]
