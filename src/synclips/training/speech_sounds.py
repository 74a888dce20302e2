"""The sounds of speech with their times: of what hibari and eSpeak NG say, and of a recording whose words are known."""

import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Final

from synclips.media.audio import Waveform
from synclips.speech.tts.hibari import SYMBOLS, HibariSynthesizer, edges
from synclips.speech.tts.synthesizer import Speech, WordTime
from synclips.speech.word_alignment import align_words
from synclips.training.coarticulation import SILENCE, SOUNDS, Sound

_LETTERS: Final = {
    "p b m": "pbm", "f v": "fvʋɱβɸ", "w": "wɥʍ", "θ ð": "θð", "t": "tʈ", "d": "dɖɾrɽ", "n": "nɳ", "l": "lʎɫɭɬ",
    "r": "ɹɻ", "s": "s", "z": "z", "ʃ ʒ": "ʃʒɕʑʂʐçʤʧ", "j": "jɲʝ", "k": "kxχqc", "ɡ ŋ": "ɡgŋɣʁʀɟ", "h": "hɦħʔ",
    "i": "i", "ɪ": "ɪᵻɨɯ", "eɪ": "eA", "ɛ": "ɛ", "æ": "æ", "ɑ": "aɑ", "ə ʌ": "əʌɐɤᵊ", "ɜ": "ɜɚɝɞ", "ɔ": "ɔɒ",
    "oʊ": "oøœO", "ʊ": "ʊɵ", "u": "uyʏʉ", "aɪ": "I", "aʊ": "W",
}  # fmt: skip
"""Signs of IPA, and hibari's capitals for diphthongs, by the class that their lips are most like."""
_PAIRS: Final = {
    "eɪ": ("eɪ",), "aɪ": ("aɪ",), "aʊ": ("aʊ",), "oʊ": ("oʊ",), "əʊ": ("oʊ",), "ɔɪ": ("ɔ", "i"), "tʃ": ("ʃ ʒ",),
    "dʒ": ("ʃ ʒ",),
}  # fmt: skip
_KINDS: Final = {letter: SOUNDS.index(name) for name, letters in _LETTERS.items() for letter in letters}
_OI: Final = ("Y", ("ɔ", "i"))
"""hibari's sign for the vowel of "boy"."""
_FLAP: Final = "T"
_STRESSES: Final = "ˈˌ"
Timed = tuple[str, float, float]
"""What an engine says it spoke: signs, start and end in seconds."""


def sounds_of(spoken: Iterable[Timed]) -> list[Sound]:
    """Classes and times of an engine's signs. A stress mark's time is the next vowel's, a blank's the last sound's."""
    sounds: list[Sound] = []
    waiting: float | None = None
    for signs, start, end in spoken:
        if signs and signs in _STRESSES:
            waiting = start if waiting is None else waiting
            continue
        kinds = kinds_of(signs)
        if not kinds:
            if sounds:
                sounds[-1] = Sound(sounds[-1].kind, sounds[-1].start, end)
            continue
        start, waiting = start if waiting is None else waiting, None
        step = (end - start) / len(kinds)
        sounds += [Sound(kind, start + i * step, start + (i + 1) * step) for i, kind in enumerate(kinds)]
    return sounds


@lru_cache(maxsize=1024)
def kinds_of(signs: str) -> tuple[int, ...]:
    """The classes of one sound as an engine writes it, diphthongs and affricates included: indices into `SOUNDS`.

    Nothing and punctuation are silence; what is no sound at all (a blank, a language mark) gives none.
    """
    if not signs or signs in ",;:.!?_":
        return (SILENCE,)
    if signs.isspace() or signs.startswith("("):
        return ()
    if signs == _OI[0]:
        return tuple(SOUNDS.index(name) for name in _OI[1])
    if signs == _FLAP:
        return (_KINDS["d"],)
    whole = unicodedata.normalize("NFD", signs.replace("ç", "ʃ"))
    letters = "".join(sign for sign in whole if sign in _KINDS)
    kinds: list[int] = []
    while letters:
        pair = _PAIRS.get(letters[:2])
        kinds += [SOUNDS.index(name) for name in pair] if pair else [_KINDS[letters[0]]]
        letters = letters[2 if pair else 1 :]
    return tuple(kinds)


def hibari_line(text: str, voice: HibariSynthesizer) -> tuple[Waveform, list[Timed]]:
    """A line of normalised text as hibari says it, and its signs."""
    waveform, symbols, steps = voice.phones(text)
    times = pairwise(edges(steps).tolist())
    return waveform, [(SYMBOLS[symbol], start, end) for symbol, (start, end) in zip(symbols, times, strict=True)]


def heard_sounds(recording: Waveform, words: Sequence[str]) -> list[Sound]:
    """The sounds of a recording (16 kHz) of these English words, by laying it on hibari's saying of them."""
    text = " ".join(word.upper() if len(word) == 1 else word for word in words)
    aligned = align_words(recording, _spoken(f"{text}."))
    return sounds_of((word.word, word.start, word.end) for word in aligned)


@lru_cache(maxsize=256)
def _spoken(text: str) -> Speech:
    waveform, signs = hibari_line(text, HibariSynthesizer())
    return Speech(waveform, tuple(WordTime(*sign) for sign in signs))
