"""IPA to eSpeak NG's own phonemes, the only ones that it takes in a text (`[[h@l'oU]]`).

Their names follow Kirshenbaum's ASCII form of IPA; which of them a voice has, and what it makes of them, differs from
language to language. So each candidate is spoken by the voice, and taken where the sound comes out that was asked for.
"""

import unicodedata
from collections.abc import Callable
from typing import Final

from synclips.speech.pronunciation.ipa import PRIMARY, Sound, nearest, sounds_of

_NAMES: Final = {
    "i": "i i:", "y": "y y:", "ɨ": 'i" y', "ʉ": 'u- u"', "ɯ": "u- U u", "u": "u u:", "ɪ": "I I; i", "ʏ": "y",
    "ʊ": "U u", "e": "e e:", "ø": "Y Y:", "ɵ": "8", "ɤ": "o-", "o": "o o:", "ə": "@", "ɛ": "E E:", "œ": "W",
    "ɜ": "3 3:", "ɞ": "3", "ʌ": "V", "ɔ": "O O:", "æ": "a &", "ɐ": "a# V &", "a": "a", "ɑ": "A A: 0", "ɒ": "0 A.",
    "ɚ": "3", "ɝ": "3:", "ᵻ": "I#",
    "ɑ̃": "A~", "ɛ̃": "E~", "ɔ̃": "O~", "œ̃": "W~", "ã": "a~", "ẽ": "e~", "ĩ": "i~", "õ": "o~", "ũ": "u~", "ɐ̃": "&~",
    "p": "p", "b": "b", "t": "t", "d": "d", "ʈ": "t.", "ɖ": "d.", "c": "c", "ɟ": "J", "k": "k", "ɡ": "g", "q": "q",
    "ʔ": "?", "m": "m", "n": "n", "ɳ": "n.", "ɲ": "n^", "ŋ": "N", "r": "R r", "ʀ": 'r"', "ɾ": "* r", "ɽ": "r`",
    "β": "B", "f": "f", "v": "v", "θ": "T", "ð": "D", "s": "s", "z": "z", "ʃ": "S", "ʒ": "Z", "ʂ": "s.", "ʐ": "z.",
    "ç": "C", "ʝ": "J^", "x": "x", "ɣ": "Q", "χ": "X", "ʁ": 'Q" r', "ħ": "H", "ʕ": "A", "h": "h", "ɬ": "l#",
    "ʋ": "v# v", "ɹ": "r r-", "j": "j", "l": "l", "ɭ": "l.", "ʎ": "l^", "w": "w", "ʍ": "w#", "ɕ": "S;", "ʑ": "Z;",
    "ɫ": "L",
}  # fmt: skip
"""Of each sound, the names that it has in one language or another."""
_PAIRS: Final = {
    "eɪ": "eI", "aɪ": "aI", "aʊ": "aU", "ɔɪ": "OI", "oʊ": "oU", "əʊ": "oU", "tʃ": "tS", "dʒ": "dZ",
}  # fmt: skip
_STRESSES: Final = {PRIMARY: "'", "ˌ": ","}
_LISTENED_TO: Final = frozenset("ˈˌː̪̞̩̈ᵝ^")

Listen = Callable[[list[str]], list[list[str]]]
"""Texts to the names of their phonemes, in IPA."""


def espeak_phonemes(ipa: str, listen: Listen) -> str:
    """The text between the brackets for a word in IPA, or for several; sounds that the voice lacks become the nearest.

    Raises:
        ValueError: a sign is not one of IPA, with the sign as its message.
        BackendError: the voice cannot be listened to.
    """
    words = sounds_of(ipa)
    marked = any(sound.stress for word in words for sound in word)
    known = _known_to(listen)
    return "_:".join(_written(word, known, marked=marked) for word in words)


def _written(word: tuple[Sound, ...], known: dict[str, str], *, marked: bool) -> str:
    names: list[str] = []
    mark = "" if marked else "'"
    index = 0
    while index < len(word):
        sound = word[index]
        mark = _STRESSES.get(sound.stress, mark)
        pair = sound.letter + word[index + 1].letter if index + 1 < len(word) else ""
        if pair in known and not word[index + 1].stress:
            found, index = [known[pair]], index + 1
        else:
            letters = nearest(sound.letter, known)
            found = [known.get(f"{letter}ː", known[letter]) if sound.long else known[letter] for letter in letters]
        if found and sound.vowel:
            found[0], mark = mark + found[0], ""
        names += found
        index += 1
    return "|".join(names)


def _known_to(listen: Listen) -> dict[str, str]:
    """Of each sound that the voice has, its name there; long ones and pairs, too."""
    wanted = [(letter, name) for letter, names in _NAMES.items() for name in names.split()]
    wanted += [(f"{letter}ː", f"{name}:") for letter, name in wanted if letter[0] in "iyueøoɛɔɑaɜœ" and name[-1] != ":"]
    wanted += list(_PAIRS.items())
    texts = [f"[[{name}]]" if _is_whole(letter) else f"[[{name}|@]]" for letter, name in wanted]
    known: dict[str, str] = {}
    for (letter, name), heard in zip(wanted, listen(texts), strict=True):
        said = "".join(heard) if _is_whole(letter) else next(iter(heard), "")
        if letter not in known and _plain(said) == _plain(letter) and ("ː" in said or not letter.endswith("ː")):
            known[letter] = name
    return known


def _is_whole(letter: str) -> bool:
    """Whether it is spoken alone; consonants are heard before a vowel, for at the end some lose their voice."""
    return letter in _PAIRS or Sound(letter).vowel


def _plain(name: str) -> str:
    return "".join(sign for sign in unicodedata.normalize("NFD", name) if sign not in _LISTENED_TO)
