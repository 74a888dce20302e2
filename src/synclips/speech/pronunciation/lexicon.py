"""How a word is pronounced: dictionary, function words, endings and letters.

The rules are those of misaki 0.9.4 (Apache-2.0, by hexgrad) for American English, after the port of them in the package
`hibari-tts` 0.2.1 (Apache-2.0, by Maureese Williams); rewritten here for words of ASCII letters and apostrophes.
Phonemes are misaki's: one character each, `A I O W Y` for the diphthongs of face, price, goat, mouth, choice.
"""

import re
from dataclasses import dataclass
from typing import Final

from synclips.speech.pronunciation.data import EnglishWords, Reading

VOWELS: Final = frozenset("AIOQWYaiuæɑɒɔəɛɜɪʊʌᵻ")
CONSONANTS: Final = frozenset("bdfhjklmnpstvwzðŋɡɹɾʃʒʤʧθ")
PRIMARY, SECONDARY = "ˈ", "ˌ"
_FLAPPING: Final = frozenset("AIOWYiuæɑəɛɪɹʊʌ")
"""Sounds after which a t before a vowel is a flap."""
_LONGEST_NAME: Final = 7
"""Letters up to which an unknown capitalised name is not read as the common word."""
_CAPITALISED, _ALL_CAPITALS = 0.5, 2.0


@dataclass(frozen=True)
class Following:
    """What comes after a word: does it begin with a vowel (None: nothing, or a pause), and is it the word `to`?"""

    vowel: bool | None = None
    to: bool = False


def stressed(phonemes: str, change: float | None) -> str:
    """`phonemes` with other stress: -1 weakens the main one, .5 and 1 add one where there is none, 2 a main one."""
    has_primary, has_any = PRIMARY in phonemes, PRIMARY in phonemes or SECONDARY in phonemes
    if change is None or not VOWELS.intersection(phonemes):
        return phonemes
    if change < -1:
        return phonemes.replace(PRIMARY, "").replace(SECONDARY, "")
    if change == -1 or (change in (0, -0.5) and has_primary):
        return phonemes.replace(SECONDARY, "").replace(PRIMARY, SECONDARY)
    if change >= 1 and not has_primary and has_any:
        return phonemes.replace(SECONDARY, PRIMARY)
    if not has_any and change in (0, 0.5, 1):
        return _before_first_vowel(phonemes, SECONDARY)
    if not has_any and change > 1:
        return _before_first_vowel(phonemes, PRIMARY)
    return phonemes


def _before_first_vowel(phonemes: str, mark: str) -> str:
    at = next(index for index, sound in enumerate(phonemes) if sound in VOWELS)
    return phonemes[:at] + mark + phonemes[at:]


class Lexicon:
    """Reads words that the dictionaries hold, directly or without their ending."""

    def __init__(self, words: EnglishWords) -> None:
        self._checked, self._unchecked = words.checked, words.unchecked

    def read(self, word: str, tag: str, following: Following) -> str | None:
        """The phonemes of `word`, a part of speech `tag`, or None where it is unknown."""
        stress = None if word == word.lower() else _ALL_CAPITALS if word == word.upper() else _CAPITALISED
        special = self._function_word(word, tag, stress, following)
        if special is not None:
            return special
        word = self._in_known_case(word, tag, stress, following)
        if self._is_known(word):
            return self._look_up(word, tag, stress, following)
        if word.endswith("s'") and self._is_known(word[:-2] + "'s"):
            return self._look_up(word[:-2] + "'s", tag, stress, following)
        if word.endswith("'") and self._is_known(word[:-1]):
            return self._look_up(word[:-1], tag, stress, following)
        return self._with_ending(word, tag, stress, following)

    def spelled(self, letters: str) -> str | None:
        """Letter by letter, the last one stressed."""
        names = [_plain(self._find(self._checked, letter.upper())) for letter in letters if letter.isalpha()]
        if not names or None in names:
            return None
        joined = stressed("".join(name for name in names if name), 0.0)
        return PRIMARY.join(joined.rsplit(SECONDARY, 1))

    def _function_word(self, word: str, tag: str, stress: float | None, following: Following) -> str | None:
        lower, noun = word.lower(), tag.startswith("NN")
        if lower == "a":
            return "ɐ" if tag == "DT" else "ˈA"
        if lower in ("am", "an") and noun and (lower == "am" or word == "AN"):
            return self.spelled(word)
        if lower == "am":
            weak = following.vowel is not None and word == "am" and not (stress and stress > 0)
            return "ɐm" if weak else _plain(self._checked.get("am"))
        if lower == "an":
            return "ɐn"
        if word == "I" and tag == "PRP":
            return "ˌI"
        if lower == "by" and _group(tag) == "ADV":
            return "bˈI"
        if lower == "to" and (word != "TO" or tag in ("TO", "IN")):
            plain = _plain(self._checked.get("to"))
            return plain if following.vowel is None else "tʊ" if following.vowel else "tə"
        if lower == "in" and (word != "IN" or tag != "NNP"):
            return ("ˈ" if following.vowel is None or tag != "IN" else "") + "ɪn"
        if lower == "the" and (word != "THE" or tag == "DT"):
            return "ði" if following.vowel else "ðə"
        if lower == "used":
            readings = self._checked["used"]
            habit = tag in ("VBD", "JJ") and following.to
            return _plain(readings, "VBD" if habit else "DEFAULT")
        return None

    def _in_known_case(self, word: str, tag: str, stress: float | None, following: Following) -> str:
        """`word`, or in lower case where only that is in the dictionaries and it is not a short name."""
        lower = word.lower()
        regular = word in (word.upper(), word[:1] + lower[1:]) and word.replace("'", "").isalpha()
        if word == lower or len(word) < 2 or not regular or (tag == "NNP" and len(word) <= _LONGEST_NAME):
            return word
        if any(self._find(held, word) is not None for held in (self._checked, self._unchecked)):
            return word
        found = any(self._find(held, lower) is not None for held in (self._checked, self._unchecked))
        return lower if found or self._with_ending(lower, tag, stress, following) is not None else word

    def _with_ending(self, word: str, tag: str, stress: float | None, following: Following) -> str | None:
        for stems, join in ((_stems_of_s(word), with_s), (_stems_of_ed(word), _join_ed)):
            stem = next((stem for stem in stems if self._is_known(stem)), None)
            if stem is not None:
                return join(self._look_up(stem, tag, stress, following))
        stem = next((stem for stem in _stems_of_ing(word) if self._is_known(stem)), None)
        if stem is None:
            return None
        return _join_ing(self._look_up(stem, tag, 0.5 if stress is None else stress, following))

    @staticmethod
    def _find(held: dict[str, Reading], word: str) -> Reading | None:
        """An entry also answers for the word with a capital, and one with a capital for the word without."""
        found = held.get(word)
        if found is not None or len(word) < 2:
            return found
        if word == word.lower():
            return held.get(word.capitalize())
        return held.get(word.lower()) if word == word.capitalize() else None

    def _is_known(self, word: str) -> bool:
        if any(self._find(held, word) is not None for held in (self._checked, self._unchecked)):
            return True
        if not word.isalpha():
            return False
        capitals = word[1:] == word[1:].upper()
        return (
            len(word) == 1 or capitals or (word == word.upper() and self._find(self._checked, word.lower()) is not None)
        )

    def _look_up(self, word: str, tag: str, stress: float | None, following: Following) -> str | None:
        name = False
        if word == word.upper() and self._find(self._checked, word) is None:
            word, name = word.lower(), tag == "NNP"
        reading = self._find(self._checked, word)
        if reading is None and not name:
            reading = self._find(self._unchecked, word)
        if isinstance(reading, dict):
            end = following.vowel is None and "None" in reading
            tag = "None" if end else tag if tag in reading else _group(tag)
        phonemes = _plain(reading, tag)
        if phonemes is None or (name and PRIMARY not in phonemes):
            letters = self.spelled(word)
            if letters is not None:
                return letters
        return None if phonemes is None else stressed(phonemes, stress)


def _plain(reading: Reading | None, tag: str = "DEFAULT") -> str | None:
    return reading.get(tag, reading["DEFAULT"]) if isinstance(reading, dict) else reading


def _group(tag: str) -> str:
    """The dictionaries' name of a tag's part of speech."""
    groups = {"VB": "VERB", "NN": "NOUN", "RB": "ADV", "JJ": "ADJ"}
    return groups.get(tag[:2], tag)


def _stems_of_s(word: str) -> list[str]:
    if len(word) < 3 or not word.endswith("s"):
        return []
    stems = [] if word.endswith("ss") else [word[:-1]]
    if word.endswith("'s") or (len(word) > 4 and word.endswith("es") and not word.endswith("ies")):
        stems.append(word[:-2])
    return [*stems, word[:-3] + "y"] if len(word) > 4 and word.endswith("ies") else stems


def _stems_of_ed(word: str) -> list[str]:
    if len(word) < 4 or not word.endswith("d"):
        return []
    stems = [] if word.endswith("dd") else [word[:-1]]
    return [*stems, word[:-2]] if len(word) > 4 and word.endswith("ed") and not word.endswith("eed") else stems


def _stems_of_ing(word: str) -> list[str]:
    if len(word) < 5 or not word.endswith("ing"):
        return []
    stems = [word[:-3]] if len(word) > 5 else []
    stems.append(word[:-3] + "e")
    doubled = len(word) > 5 and re.search(r"([bcdgklmnprstvxz])\1ing$|cking$", word)
    return [*stems, word[:-4]] if doubled else stems


def with_s(stem: str | None) -> str | None:
    if not stem:
        return None
    return stem + ("s" if stem[-1] in "ptkfθ" else "ᵻz" if stem[-1] in "szʃʒʧʤ" else "z")


def _join_ed(stem: str | None) -> str | None:
    if not stem:
        return None
    if stem[-1] in "pkfθʃsʧ":
        return stem + "t"
    if stem[-1] == "d":
        return stem + "ᵻd"
    if stem[-1] != "t":
        return stem + "d"
    if len(stem) < 2:
        return stem + "ɪd"
    return stem[:-1] + "ɾᵻd" if stem[-2] in _FLAPPING else stem + "ᵻd"


def _join_ing(stem: str | None) -> str | None:
    if not stem:
        return None
    return stem[:-1] + "ɾɪŋ" if len(stem) > 1 and stem[-1] == "t" and stem[-2] in _FLAPPING else stem + "ɪŋ"
