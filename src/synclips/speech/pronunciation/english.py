"""A sentence of normalised English to phonemes, word by word.

Each word is read with its part of speech and what follows it: "the" before a vowel, "read" in the past, "to" at the
end. Unknown words are read part by part (McDonald), or else by their letters (`spelling`).
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from synclips.errors import ConfigError
from synclips.speech.pronunciation.data import english_words
from synclips.speech.pronunciation.english_sounds import english_phonemes
from synclips.speech.pronunciation.given import Pronunciation
from synclips.speech.pronunciation.lexicon import (
    CONSONANTS,
    PRIMARY,
    SECONDARY,
    VOWELS,
    Following,
    Lexicon,
    stressed,
    with_s,
)
from synclips.speech.pronunciation.spelling import read_letters
from synclips.speech.pronunciation.tagger import tags_of

PUNCTUATION: Final = ",;:.!?"
PHONEMES: Final = "AIOTWYbdfhijklmnpstuvwzæðŋɐɑɔəɛɜɡɪɹʃʊʌʒʤʧˈˌθᵊᵻ"
"""Every sign that `pronounced` gives."""
_TOKEN: Final = re.compile(rf"[A-Za-z']+|[{PUNCTUATION}]")
_CONTRACTION: Final = re.compile(r"(?i)(?<=[a-z])(n't|'(?:s|re|ve|ll|d|m))$")
_HUMP: Final = re.compile(r"[A-Z](?=[A-Z][a-z])|[A-Za-z]*?[a-z](?=[A-Z])|[A-Za-z]+")
_LONG_SOUNDS: Final = frozenset("AIOQWYʤʧ")
_STRESSES: Final = PRIMARY + SECONDARY
_Known = dict[tuple[str, ...], Pronunciation]
_AS_SAID: Final = str.maketrans({"ɾ": "T", "ʔ": "t"})


@dataclass(frozen=True)
class Token:
    """A word with its phonemes, or a punctuation mark, which stands for itself."""

    text: str
    phonemes: str

    @property
    def is_word(self) -> bool:
        """Whether it is a word."""
        return self.text not in PUNCTUATION


def pronounced(sentence: str, given: tuple[Pronunciation, ...] = ()) -> tuple[Token, ...]:
    """The words and punctuation marks of a sentence in ASCII letters, apostrophes and `,;:.!?`.

    Args:
        given: words, in the same signs, that are not looked up; in small letters or capitals, and with 's, too. Where
            one holds several words, they become one token.

    Raises:
        BackendError: the front end's files are missing or damaged.
        ConfigError: a given pronunciation has no sound of English.
    """
    texts = _TOKEN.findall(sentence)
    tags = _tags(texts)
    known = {tuple(_TOKEN.findall(one.word.casefold())): one for one in given}
    tokens: list[Token] = []
    following = Following()
    for start, stop in reversed(_spans(texts, known)):
        text = " ".join(texts[start:stop])
        told = _told(texts[start:stop], known)
        phonemes = text if text in PUNCTUATION else _read(text, tags[start], following) if told is None else told
        tokens.append(Token(text, phonemes))
        to = text in ("to", "To") or (text == "TO" and tags[start] in ("TO", "IN"))
        following = Following(_begins_with_vowel(phonemes, following.vowel), to)
    return tuple(reversed(tokens))


def _spans(texts: list[str], known: _Known) -> list[tuple[int, int]]:
    """First token and the one after the last of each unit: one token, or those of a known pronunciation."""
    spans = []
    at = 0
    longest = max(map(len, known), default=1)
    while at < len(texts):
        fits = (n for n in range(min(longest, len(texts) - at), 1, -1) if _entry(texts[at : at + n], known))
        spans.append((at, at + next(fits, 1)))
        at = spans[-1][1]
    return spans


def _entry(texts: list[str], known: _Known) -> tuple[Pronunciation, str] | None:
    """The pronunciation of some tokens, and the ending that it lacks."""
    key = tuple(text.casefold() for text in texts)
    if key in known:
        return known[key], ""
    stem = (*key[:-1], key[-1].removesuffix("'s"))
    return (known[stem], "'s") if stem in known else None


def _told(texts: list[str], known: _Known) -> str | None:
    found = _entry(texts, known)
    if found is None:
        return None
    one, ending = found
    phonemes = english_phonemes(one.ipa)
    if not phonemes.strip(_STRESSES):
        raise ConfigError(f"the pronunciation {one.word}={one.ipa} has no sound of English; give it another")
    return with_s(phonemes) or phonemes if ending else phonemes


def _tags(texts: list[str]) -> list[str]:
    """Parts of speech; a contraction (don't: do, n't) has that of its longest part."""
    parts = [[part for part in _CONTRACTION.split(text) if part] for text in texts]
    tags = iter(tags_of([part for word in parts for part in word], english_words()))
    tagged = [[(len(part) + sum(map(str.isupper, part)), next(tags)) for part in word] for word in parts]
    return [max(word, key=lambda part: part[0])[1] for word in tagged]


def _read(word: str, tag: str, following: Following) -> str:
    lexicon = _lexicon()
    phonemes = lexicon.read(word, tag, following)
    if phonemes is None and word.strip("'") not in ("", word):
        phonemes = lexicon.read(word.strip("'"), tag, following)
    if phonemes is None:
        humps = _HUMP.findall(word.replace("'", ""))
        if len(humps) > 1:
            phonemes = _joined([lexicon.read(hump, tag, following) for hump in humps])
    if phonemes is None:
        phonemes = read_letters(word)
    said = phonemes.translate(_AS_SAID)
    return "".join(sound for sound in said if sound in PHONEMES)


def _joined(parts: list[str | None]) -> str | None:
    """The parts of a word as one; the lighter half of the parts loses its main stress."""
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    main = [PRIMARY in part for part in known]
    if sum(main) > (len(known) + 1) // 2 or len(known) == 2:
        weights = [sum(2 if sound in _LONG_SOUNDS else 1 for sound in part) for part in known]
        for index in sorted(range(len(known)), key=lambda index: (main[index], weights[index]))[: len(known) // 2]:
            known[index] = stressed(known[index], -0.5)
    return "".join(known)


def _begins_with_vowel(phonemes: str, otherwise: bool | None) -> bool | None:
    for sound in phonemes:
        if sound in PUNCTUATION:
            return None
        if sound in VOWELS or sound in CONSONANTS:
            return sound in VOWELS
    return otherwise


@lru_cache(maxsize=1)
def _lexicon() -> Lexicon:
    return Lexicon(english_words())
