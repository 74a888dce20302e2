"""IPA to the phonemes of the English voice: what a user writes, in the signs of `english.PHONEMES`."""

from typing import Final

from synclips.speech.pronunciation.ipa import Sound, nearest, sounds_of
from synclips.speech.pronunciation.lexicon import VOWELS, stressed

_PAIRS: Final = {
    "eɪ": "A", "ei": "A", "aɪ": "I", "ai": "I", "ɑɪ": "I", "aʊ": "W", "au": "W", "ɑʊ": "W", "ɔɪ": "Y", "ɔi": "Y",
    "oi": "Y", "oʊ": "O", "ou": "O", "əʊ": "O", "tʃ": "ʧ", "dʒ": "ʤ", "ɜɹ": "ɜɹ", "əl": "ᵊl",
}  # fmt: skip
_SINGLE: Final = {sign: sign for sign in "bdfhijklmnpstuvwzæðŋɑɔəɛɪɡɹʃʊʌʒθᵻ"} | {
    "e": "ɛ", "o": "O", "ɝ": "ɜɹ", "ɚ": "əɹ", "ɜ": "ɜɹ", "ɐ": "ɐ", "ɒ": "ɑ", "a": "ɑ", "ɾ": "T", "x": "k",
}  # fmt: skip
_AT_THE_END: Final = {"e": "A", "ɛ": "A"}
"""English words end in no short e."""


def english_phonemes(ipa: str) -> str:
    """The phonemes of a word, or of several as one, the stresses before the vowels; sounds that English lacks become
    the nearest. A word of which no syllable is marked is stressed on its first.

    Raises:
        ValueError: a sign is not one of IPA, with the sign as its message.
    """
    words = sounds_of(ipa)
    marked = any(sound.stress for word in words for sound in word)
    return "".join(_word(word) if marked else stressed(_word(word), 2.0) for word in words)


def _word(sounds: tuple[Sound, ...]) -> str:
    letters = [letter for sound in sounds for letter in _with_stress(sound)]
    said: list[str] = []
    stress = ""
    index = 0
    while index < len(letters):
        letter, mark = letters[index]
        stress = mark or stress
        pair = letter + letters[index + 1][0] if index + 1 < len(letters) else ""
        if pair in _PAIRS and not letters[index + 1][1]:
            phonemes, index = _PAIRS[pair], index + 1
        else:
            last = index == len(letters) - 1
            phonemes = _AT_THE_END.get(letter, _SINGLE[letter]) if last else _SINGLE[letter]
        if VOWELS.intersection(phonemes):
            phonemes, stress = stress + phonemes, ""
        said.append(phonemes)
        index += 1
    return "".join(said).replace("ɜɹɹ", "ɜɹ")


def _with_stress(sound: Sound) -> list[tuple[str, str]]:
    """The sound in letters that English has, the first one with its stress."""
    letters = nearest(sound.letter, _SINGLE)
    return [(letter, sound.stress if place == 0 else "") for place, letter in enumerate(letters)]
