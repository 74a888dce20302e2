"""The GRID corpus: speakers, the sentence grammar that file names spell, alignments, and the held-out splits.

Cooke, Barker, Cunningham and Shao, "An audio-visual corpus for speech perception and automatic speech recognition",
JASA 120(5), 2006. 34 speakers, 1000 utterances each, 3 seconds, 25 fps; CC BY 4.0 (Zenodo record 3625687).
On disk: `<root>/<speaker>/<utterance>.mpg` (or .mp4) with `<utterance>.align` beside it.
"""

import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal

from synclips.errors import DataError
from synclips.files import reason

CITATION: Final = (
    "GRID: M. Cooke, J. Barker, S. Cunningham, X. Shao, JASA 120(5), 2006; "
    "https://doi.org/10.5281/zenodo.3625687; licence CC BY 4.0"
)
ALIGNMENT_UNITS_PER_SECOND: Final = 25_000
VIDEO_SUFFIXES: Final = (".mpg", ".mp4")
"""Best first: .mpg is the corpus's own file, .mp4 somebody's re-encoding of it."""

NUM_SPEAKERS: Final = 34
NO_VIDEO: Final = MappingProxyType({"s21": "its video was never published (the corpus has only its sound)"})

Split = Literal["train", "seen", "validation", "unseen"]
UNSEEN_SPEAKERS: Final = frozenset({"s33"})
HELD_OUT_SPEAKER: Final = "s1"
HELD_OUT_ONE_IN: Final = 14

_DIGITS: Final = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
GRAMMAR: Final[tuple[Mapping[str, str], ...]] = tuple(
    MappingProxyType(words)
    for words in (
        {"b": "bin", "l": "lay", "p": "place", "s": "set"},
        {"b": "blue", "g": "green", "r": "red", "w": "white"},
        {"a": "at", "b": "by", "i": "in", "w": "with"},
        {letter: letter for letter in "abcdefghijklmnopqrstuvxyz"},
        dict(zip("z123456789", _DIGITS, strict=True)),
        {"a": "again", "n": "now", "p": "please", "s": "soon"},
    )
)
"""What may stand at each of a sentence's six places (command, colour, preposition, letter, digit, adverb): the word by
the character that a file name spells it with. There is no letter w: its name has three syllables."""
PLACES: Final = tuple(tuple(words.values()) for words in GRAMMAR)
"""The words of each place."""


@dataclass(frozen=True)
class Utterance:
    """One clip of one speaker. `words` is the sentence that its file name spells."""

    speaker: str
    name: str
    video: Path
    alignment: Path | None
    words: tuple[str, ...]

    @property
    def key(self) -> str:
        """See `clip_key`."""
        return clip_key(self.speaker, self.name)


@dataclass(frozen=True)
class WordSpan:
    """A word and when it is spoken, in seconds from the clip's start; "sil" and "sp" are silence."""

    start: float
    end: float
    word: str


CLIP_FRAMES: Final = 75
"""Frames of a clip: 3 s at 25 a second (six clips have one less)."""


def speaker_name(number: int) -> str:
    """The speaker's folder name: 7 -> s7."""
    return f"s{number}"


def clip_key(speaker: str, name: str) -> str:
    """What a clip is called wherever clips of several speakers are named: `s1.bbaf2n`."""
    return f"{speaker}.{name}"


def speaker_of(key: str) -> str:
    """The speaker in a clip's key."""
    return key.partition(".")[0]


def is_utterance_name(name: str) -> bool:
    """Whether `name` is spelled as GRID's file names are: bbaf2n."""
    return len(name) == len(GRAMMAR) and all(code in words for code, words in zip(name, GRAMMAR, strict=True))


def utterance_names() -> Iterator[str]:
    """Every name that an utterance can have, in the grammar's order: 64,000."""
    return ("".join(codes) for codes in product(*GRAMMAR))


def sentence_of(name: str) -> tuple[str, ...]:
    """The six words a file name spells: command, colour, preposition, letter, digit, adverb.

    `bbaf2n` -> bin blue at f two now.

    Raises:
        DataError: `name` is not spelled as GRID's file names are.
    """
    if not is_utterance_name(name):
        raise DataError(f"{name!r} is not the name of a GRID utterance; one looks like bbaf2n (bin blue at f two now)")
    return tuple(words[code] for code, words in zip(name, GRAMMAR, strict=True))


def parse_alignment(path: Path) -> tuple[WordSpan, ...]:
    """Read an .align file: one `start end word` a line, in 25,000ths of a second.

    Raises:
        DataError: the file cannot be read, is empty, or one of its lines is damaged (named by its number).
    """
    try:
        text = path.read_text(encoding="ascii")
    except OSError as error:
        raise DataError(f"the alignment {path} cannot be read ({reason(error)})") from error
    except UnicodeDecodeError as error:
        raise DataError(f"the alignment {path} is not text; download the speaker again") from error
    spans: list[WordSpan] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        match line.split():
            case [start, end, word] if start.isdecimal() and end.isdecimal():
                span = WordSpan(int(start) / ALIGNMENT_UNITS_PER_SECOND, int(end) / ALIGNMENT_UNITS_PER_SECOND, word)
            case _:
                raise DataError(f"{where}: {line.strip()[:40]!r} is not `start end word`; download the speaker again")
        if span.end <= span.start:
            raise DataError(f"{where}: {word} ends before it starts; download the speaker again")
        if spans and span.start < spans[-1].start:
            raise DataError(f"{where}: {word} starts before the word above it; download the speaker again")
        spans.append(span)
    if not spans:
        raise DataError(f"the alignment {path} is empty; download the speaker again")
    return tuple(spans)


def find_utterances(root: Path) -> list[Utterance]:
    """All utterances below `root`, ordered by speaker number and name.

    Files that are not spelled as GRID's are left out: derived clips (another sound, another offset) lie about in many
    copies of the corpus, and a name that spells nothing says nothing about what is spoken. Where a clip is there as
    .mpg and .mp4, the .mpg is taken.

    Raises:
        DataError: `root` is no folder, or holds no utterance.
    """
    if not root.is_dir():
        raise DataError(f"there is no folder {root}; run get_data.py --output_dir {root} first")
    found: list[Utterance] = []
    for folder in sorted((entry for entry in root.iterdir() if _is_speaker(entry)), key=_speaker_order):
        files = {file.name: file for file in folder.iterdir() if is_utterance_name(file.stem)}
        for name in sorted({file.stem for file in files.values()}):
            video = next((files[name + suffix] for suffix in VIDEO_SUFFIXES if name + suffix in files), None)
            if video is not None:
                alignment = files.get(name + ".align")
                found.append(Utterance(folder.name, name, video, alignment, sentence_of(name)))
    if not found:
        raise DataError(
            f"{root} holds no GRID utterance (<speaker>/<utterance>.mpg, as in s1/bbaf2n.mpg); "
            f"run get_data.py --output_dir {root} first"
        )
    return found


def split_of(speaker: str, name: str) -> Split:
    """Which split an utterance is in, as a pure function of its names: it never moves when clips are added.

    No model is trained on s33. Half of those clips, whose name's CRC-32 is odd, are `validation`: models and settings
    are chosen by them and by `seen`; the other half is `unseen`, which is reported. `seen`: the clips of s1 whose
    name's CRC-32 is divisible by 14 (about 70 of all 1000). `train`: all the rest.
    """
    if speaker in UNSEEN_SPEAKERS:
        return "validation" if zlib.crc32(name.encode()) % 2 else "unseen"
    if speaker == HELD_OUT_SPEAKER and zlib.crc32(name.encode()) % HELD_OUT_ONE_IN == 0:
        return "seen"
    return "train"


def split(utterances: Iterable[Utterance]) -> dict[Split, list[Utterance]]:
    """The utterances of each split, in the order given; every split is there, empty or not."""
    parts: dict[Split, list[Utterance]] = {"train": [], "seen": [], "validation": [], "unseen": []}
    for utterance in utterances:
        parts[split_of(utterance.speaker, utterance.name)].append(utterance)
    return parts


def _is_speaker(folder: Path) -> bool:
    return folder.is_dir() and not folder.name.startswith(".")


def _speaker_order(folder: Path) -> tuple[int, str]:
    number = re.fullmatch(r"s(\d+)", folder.name)
    return (int(number[1]) if number else NUM_SPEAKERS + 1, folder.name)
