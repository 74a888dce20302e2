"""A sentence of normalised English to phonemes, word by word.

Each word is read with its part of speech and what follows it: "the" before a vowel, "read" in the past, "to" at the
end. Unknown words are read part by part (McDonald), or else by their letters (`spelling`).
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from synclips.speech.pronunciation.data import english_words
from synclips.speech.pronunciation.lexicon import CONSONANTS, PRIMARY, VOWELS, Following, Lexicon, stressed
from synclips.speech.pronunciation.spelling import read_letters
from synclips.speech.pronunciation.tagger import tags_of

PUNCTUATION: Final = ",;:.!?"
PHONEMES: Final = "AIOTWYbdfhijklmnpstuvwzæðŋɐɑɔəɛɜɡɪɹʃʊʌʒʤʧˈˌθᵊᵻ"
"""Every sign that `pronounced` gives."""
_TOKEN: Final = re.compile(rf"[A-Za-z']+|[{PUNCTUATION}]")
_CONTRACTION: Final = re.compile(r"(?i)(?<=[a-z])(n't|'(?:s|re|ve|ll|d|m))$")
_HUMP: Final = re.compile(r"[A-Z](?=[A-Z][a-z])|[A-Za-z]*?[a-z](?=[A-Z])|[A-Za-z]+")
_LONG_SOUNDS: Final = frozenset("AIOQWYʤʧ")
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


def pronounced(sentence: str) -> tuple[Token, ...]:
    """The words and punctuation marks of a sentence in ASCII letters, apostrophes and `,;:.!?`.

    Raises:
        BackendError: the front end's files are missing or damaged.
    """
    texts = _TOKEN.findall(sentence)
    tags = _tags(texts)
    tokens: list[Token] = []
    following = Following()
    for text, tag in zip(reversed(texts), reversed(tags), strict=True):
        phonemes = text if text in PUNCTUATION else _read(text, tag, following)
        tokens.append(Token(text, phonemes))
        to = text in ("to", "To") or (text == "TO" and tag in ("TO", "IN"))
        following = Following(_begins_with_vowel(phonemes, following.vowel), to)
    return tuple(reversed(tokens))


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
