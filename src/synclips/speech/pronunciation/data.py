"""The files of the English front end: dictionaries, the tagger's weights, and the network that spells."""

import gzip
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from synclips.errors import BackendError

WORDS: Final = Path(__file__).parents[1] / "weights" / "english_words.json.gz"

Reading = str | dict[str, str | None]
"""Phonemes, or phonemes by part of speech; None where the word is spelled letter by letter."""


@dataclass(frozen=True)
class EnglishWords:
    """`checked` and `unchecked` dictionaries (misaki's gold and silver), and the part-of-speech tagger."""

    checked: dict[str, Reading]
    unchecked: dict[str, Reading]
    tags: tuple[str, ...]
    tags_of_words: dict[str, str]
    frequent_words: frozenset[str]
    weights: dict[str, dict[str, float]]


@lru_cache(maxsize=1)
def english_words(path: Path = WORDS) -> EnglishWords:
    """Read once, in a third of a second.

    Raises:
        BackendError: the file is missing or damaged.
    """
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            stored = json.load(file)
        tagger = stored["tagger"]
        return EnglishWords(
            stored["checked"],
            stored["unchecked"],
            tuple(tagger["tags"]),
            tagger["tagdict"],
            frozenset(tagger["vocab"]),
            tagger["weights"],
        )
    except (OSError, EOFError, ValueError, KeyError) as error:
        raise BackendError(f"{path} cannot be read ({error}); reinstall synclips") from error
