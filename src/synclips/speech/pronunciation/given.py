"""Pronunciations that a user gives: `word=IPA`, on the command line or line by line in a file."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from synclips.errors import ConfigError, TextError
from synclips.speech.pronunciation.ipa import sounds_of
from synclips.speech.text.encoding import decode_text

_EXAMPLE: Final = "write it as tomato=təˈmeɪtoʊ, with the word's sounds in the International Phonetic Alphabet"


@dataclass(frozen=True)
class Pronunciation:
    """A word, or several, as it is written, and its sounds in IPA."""

    word: str
    ipa: str


def parse_pronunciation(text: str, where: str = "--pronounce") -> Pronunciation:
    """`word=IPA` as a user writes it; slashes or brackets around the sounds may stand.

    Args:
        where: where it stands, for the error.

    Raises:
        ConfigError: there is no word, or no sound, or a sign that is not one of IPA.
    """
    word, equals, ipa = (part.strip() for part in text.partition("="))
    ipa = ipa.strip("/[]").strip()
    if not (word and equals and ipa):
        raise ConfigError(f"{where} {text.strip()!r} is no pronunciation: {_EXAMPLE}")
    if not any(sign.isalnum() for sign in word):
        raise ConfigError(f"{where} {text.strip()!r}: {word!r} has no letter in it; {_EXAMPLE}")
    try:
        sounds = sounds_of(ipa)
    except ValueError as error:
        sign = str(error)
        raise ConfigError(
            f"{where} {text.strip()!r}: {sign!r} (U+{ord(sign):04X}) is no sign of the International Phonetic Alphabet"
        ) from error
    if not sounds:
        raise ConfigError(f"{where} {text.strip()!r} holds no sound: {_EXAMPLE}")
    return Pronunciation(word, ipa)


def read_pronunciations(path: Path) -> tuple[Pronunciation, ...]:
    """A file of lines `word=IPA`; empty ones and what follows a # at the beginning of a line do not count.

    Raises:
        ConfigError: it cannot be read, or a line is no pronunciation.
    """
    try:
        text, _ = decode_text(path.read_bytes(), path)
    except OSError as error:
        raise ConfigError(
            f"--pronounce {path} is neither word=IPA nor a file that can be read ({error.strerror}); {_EXAMPLE}"
        ) from error
    except TextError as error:
        raise ConfigError(str(error)) from error
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1)]
    return tuple(parse_pronunciation(line, f"{path}, line {n}:") for n, line in lines if line and line[0] != "#")


def pronunciations(given: Iterable[str]) -> tuple[Pronunciation, ...]:
    """Each `word=IPA`, and those in each file: what holds no `=` is a file's name. Of one word the last counts.

    Raises:
        ConfigError: as `parse_pronunciation` and `read_pronunciations`.
    """
    told = [(parse_pronunciation(text),) if "=" in text else read_pronunciations(Path(text)) for text in given]
    kept = {one.word.casefold(): one for several in told for one in several}
    return tuple(kept.values())


def files_of(given: Iterable[str]) -> tuple[Path, ...]:
    """The files among them."""
    return tuple(Path(text) for text in given if "=" not in text)


def is_in(one: Pronunciation, text: str) -> bool:
    """Whether the word stands in a text."""
    return re.search(rf"(?<!\w){re.escape(one.word)}(?!\w)", text, re.IGNORECASE) is not None


def unused(given: tuple[Pronunciation, ...], text: str) -> tuple[str, ...]:
    """A note for the user where words are not in the text."""
    words = [one.word for one in given if not is_in(one, text)]
    return (f"pronunciations of words that are not in the text: {', '.join(words)}",) if words else ()


def as_spoken(given: tuple[Pronunciation, ...], normalise: Callable[[str], str]) -> tuple[Pronunciation, ...]:
    """With each word as the normalised text has it; those of words that cannot stand in it are left out."""
    spoken: list[Pronunciation] = []
    for one in given:
        try:
            word = normalise(one.word).strip(",;:.!? ")
        except TextError:
            continue
        if word:
            spoken.append(replace(one, word=word))
    return tuple(spoken)
