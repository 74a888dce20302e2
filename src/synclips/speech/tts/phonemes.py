"""How English words are pronounced, in the phonemes of the CMU dictionary (ARPAbet), as eSpeak NG says them.

eSpeak NG knows every word and guesses the others; what it answers in the International Phonetic Alphabet is rewritten.
"""

import subprocess
import sys
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from synclips.errors import BackendError
from synclips.speech.tts import phonemes_process
from synclips.speech.tts.espeak import library_files, short_path

_PATIENCE: Final = 60
_VOWELS: Final = {
    "iː": "iy", "i": "iy", "ɪ": "ih", "ᵻ": "ih", "eɪ": "ey", "eː": "ey", "e": "eh", "ɛ": "eh", "æ": "ae", "a": "aa",
    "ɑː": "aa", "ɑ": "aa", "ɒ": "aa", "ɔː": "ao", "ɔ": "ao", "oʊ": "ow", "oː": "ao", "o": "ow", "ʊ": "uh", "uː": "uw",
    "u": "uw", "ʌ": "ah", "ə": "ah", "ɐ": "ah", "ɜː": "er", "ɜ": "er", "ɚ": "er", "aɪ": "ay", "aʊ": "aw", "ɔɪ": "oy",
}  # fmt: skip
_CONSONANTS: Final = {
    "b": "b", "d": "d", "f": "f", "ɡ": "g", "g": "g", "h": "hh", "dʒ": "jh", "k": "k", "l": "l", "ɫ": "l", "ɬ": "l",
    "m": "m", "n": "n", "ŋ": "ng", "p": "p", "ɹ": "r", "r": "r", "s": "s", "ʃ": "sh", "t": "t", "ɾ": "t", "ʔ": "t",
    "tʃ": "ch", "θ": "th", "ð": "dh", "v": "v", "w": "w", "ʍ": "w", "j": "y", "z": "z", "ʒ": "zh", "x": "k", "ç": "hh",
}  # fmt: skip
PHONEMES: Final = tuple(sorted({*_VOWELS.values(), *_CONSONANTS.values()}))
_LONGEST: Final = 2
_STRESS: Final = {"ˈ": 1, "ˌ": 2}
_SYLLABIC: Final = "\u0329"
_CITED: Final = {"a": "ə"}
"""Words that eSpeak, asked for them alone, takes for letters."""


@dataclass(frozen=True)
class Phoneme:
    """One of `PHONEMES`; `stress` is 1 (primary), 2 (secondary), 0 (a vowel without), or None for a consonant."""

    name: str
    stress: int | None = None


def pronounce(words: tuple[str, ...]) -> tuple[tuple[Phoneme, ...], ...]:
    """The phonemes of each word, one by one, as in a dictionary; none where eSpeak has nothing to say.

    Raises:
        BackendError: eSpeak is not installed or does not work.
    """
    return tuple(map(_arpabet, _in_ipa(tuple(word.lower() for word in words))))


@lru_cache(maxsize=64)
def _in_ipa(words: tuple[str, ...]) -> tuple[str, ...]:
    library, data = library_files()
    with short_path(data) as folder:
        command = [sys.executable, "-I", "-S", phonemes_process.__file__, library, str(folder), "en-us"]
        try:
            done = subprocess.run(
                command, input="\n".join(words).encode(), capture_output=True, timeout=_PATIENCE, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise BackendError(f"espeak cannot be run: {error}") from error
    answers = done.stdout.decode(errors="replace").splitlines()
    if done.returncode != 0 or len(answers) != len(words):
        said = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise BackendError(f"espeak failed ({''.join(said) or done.returncode}); reinstall espeakng-loader")
    return tuple(_CITED.get(word, answer) for word, answer in zip(words, answers, strict=True))


def _arpabet(ipa: str) -> tuple[Phoneme, ...]:
    """`w_ˈɔː_ɾ_ɚ` to W AO1 T ER0."""
    found: list[Phoneme] = []
    for sounds in ipa.split("_"):
        stress, at = 0, 0
        while at < len(sounds):
            if sounds[at] in _STRESS:
                stress = _STRESS[sounds[at]]
            for length in range(_LONGEST, 0, -1):
                sound = sounds[at : at + length]
                if sound in _VOWELS:
                    found.append(Phoneme(_VOWELS[sound], stress))
                    stress = 0
                elif sound in _CONSONANTS:
                    if sounds[at + length :].startswith(_SYLLABIC):
                        found.append(Phoneme("ah", stress))
                    found.append(Phoneme(_CONSONANTS[sound]))
                else:
                    continue
                at += length - 1
                break
            at += 1
    return tuple(found)
