"""The International Phonetic Alphabet, read sound by sound, and which sounds lie nearest to each other.

Letters and values: Handbook of the International Phonetic Association, Cambridge University Press, 1999. Tones, linking
marks and all diacritics but length, nasality and syllabicity are passed over: no voice here makes a difference of them.
"""

import unicodedata
from collections.abc import Container
from dataclasses import dataclass
from typing import Final

VOWELS: Final = frozenset("aeiouyæøœɐɑɒɔɘəɚɛɜɝɞɤɨɪɯɵɶʉʊʌʏᵻ")
CONSONANTS: Final = frozenset("bcdfhjklmnpqrstvwxzçðħŋɕɖɟɡɢɣɥɦɧɫɬɭɮɰɱɲɳɴɸɹɻɽɾʀʁʂʃʈʋʍʎʐʑʒʔʕʙʝʟβθχ")
PRIMARY, SECONDARY = "ˈ", "ˌ"
NASAL: Final = "\u0303"
_LONG: Final = "ːˑ"
_SYLLABIC: Final = "\u0329\u030d"
_SAME: Final = str.maketrans(
    {
        "g": "ɡ", ":": "ː", "'": PRIMARY, "\N{RIGHT SINGLE QUOTATION MARK}": PRIMARY, ",": SECONDARY, "ʧ": "tʃ",
        "ʤ": "dʒ", "ʦ": "ts", "ʣ": "dz", "ʨ": "tɕ", "ʥ": "dʑ", "ⱱ": "v", "ʜ": "h", "ʡ": "ʔ", "ʢ": "ʕ", "ɺ": "l",
    }
)  # fmt: skip
_RHOTIC: Final = {"ə": "ɚ", "ɜ": "ɝ"}
_PASSED_OVER: Final = frozenset(".|‖‿͜͡ʰʱʷʲˠˤˀⁿˡ˞˥˦˧˨˩↗↘ꜛꜜ()/[]")
NEAREST: Final = {
    "y": "i", "ʏ": "ɪ", "ɨ": "ɪ", "ᵻ": "ɪ", "ʉ": "u", "ɯ": "u", "ø": "œ", "œ": "ɜ", "ɘ": "ə", "ɵ": "ʊ", "ɤ": "ʌ",
    "ɞ": "ɜ", "ɶ": "a", "ɝ": "ɜ", "ɚ": "ə", "ɜ": "ə", "ʌ": "ɐ", "ɐ": "a", "æ": "a", "a": "ɑ æ", "ɒ": "ɔ ɑ", "ɔ": "o",
    "ɑ": "a", "ɛ": "e", "e": "ɛ", "o": "ɔ", "ɪ": "i", "i": "ɪ", "ʊ": "u", "u": "ʊ ɯ", "ə": "ɛ e",
    "ʈ": "t", "ɖ": "d", "c": "k", "ɟ": "ɡ", "q": "k", "ɢ": "ɡ", "ɱ": "m", "ɳ": "n", "ɲ": "nj", "ŋ": "n", "ɴ": "ŋ",
    "ʙ": "b", "ʀ": "ʁ r", "ʁ": "r", "r": "ɹ ɾ", "ɹ": "r ɾ", "ɾ": "r", "ɽ": "ɾ", "ɸ": "f", "β": "v", "θ": "s",
    "ð": "z", "ʂ": "ʃ", "ʐ": "ʒ", "ç": "ʃ", "ʝ": "j", "x": "χ k", "ɣ": "ɡ", "χ": "x", "ħ": "h", "ɦ": "h", "ɬ": "l",
    "ɮ": "l", "ʋ": "v", "v": "ʋ f", "ɻ": "ɹ", "ɰ": "ɡ", "l": "ɫ ɭ", "ɭ": "l", "ʎ": "lj", "ʟ": "l", "ɫ": "l",
    "ɥ": "w", "ʍ": "w", "w": "u", "j": "i", "ɕ": "ʃ", "ʑ": "ʒ", "ʒ": "ʃ", "ʃ": "s", "ɧ": "ʃ", "z": "s",
}  # fmt: skip
"""What stands for a sound where a voice lacks it, the best first; those may lack there, too. Others are left out."""


@dataclass(frozen=True)
class Sound:
    """One sound: an IPA letter (nasal vowels with the tilde behind it), whether it is long, and the stress before it.

    `stress` is a mark of IPA, or empty; it stands at the beginning of the syllable.
    """

    letter: str
    long: bool = False
    stress: str = ""

    @property
    def vowel(self) -> bool:
        """Whether it is a vowel."""
        return self.letter[0] in VOWELS


def sounds_of(ipa: str) -> tuple[tuple[Sound, ...], ...]:
    """The sounds of each word in a text of IPA; words are parted by spaces.

    Raises:
        ValueError: a sign is not one of IPA, with the sign as its message.
    """
    words: list[tuple[Sound, ...]] = []
    for word in unicodedata.normalize("NFC", ipa).translate(_SAME).split():
        sounds = _word(unicodedata.normalize("NFD", word.replace("ç", "\0")).replace("\0", "ç"))
        if sounds:
            words.append(sounds)
    return tuple(words)


def _word(signs: str) -> tuple[Sound, ...]:
    sounds: list[Sound] = []
    stress = ""
    for sign in signs:
        last = sounds[-1] if sounds else None
        if sign in (PRIMARY, SECONDARY):
            stress = sign
        elif sign in VOWELS or sign in CONSONANTS:
            sounds.append(Sound(sign, stress=stress))
            stress = ""
        elif last and sign in _LONG:
            sounds[-1] = Sound(last.letter, True, last.stress)
        elif last and sign == NASAL and last.vowel and NASAL not in last.letter:
            sounds[-1] = Sound(last.letter + NASAL, last.long, last.stress)
        elif last and sign == "˞" and last.letter in _RHOTIC:
            sounds[-1] = Sound(_RHOTIC[last.letter], last.long, last.stress)
        elif last and sign in _SYLLABIC:
            sounds[-1:] = [Sound("ə", stress=last.stress), Sound(last.letter)]
        elif sign not in _PASSED_OVER and not unicodedata.combining(sign):
            raise ValueError(sign)
    return tuple(sounds)


def nearest(letter: str, known: Container[str]) -> tuple[str, ...]:
    """The letters out of `known` that stand for `letter`: itself, or what `NEAREST` leads to; perhaps none.

    A nasal vowel that is not known becomes the plain vowel and an n.
    """
    if letter.endswith(NASAL) and letter not in known:
        return (*nearest(letter[0], known), *nearest("n", known))
    options = [letter]
    for option in options:
        if option in known:
            return (option,)
        if len(option) > 1:
            return tuple(part for one in option for part in nearest(one, known))
        options += [one for one in NEAREST.get(option, "").split() if one not in options]
    return ()
