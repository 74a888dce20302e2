"""Where a text is cut for the engines, and how long the voice rests there.

People who read aloud rest longer at a paragraph than at a sentence, and longer where they breathe in, which they do at
the end of a sentence rather than within one; after some fifteen words, which take five seconds, it is time to.
"""

import re
from dataclasses import dataclass
from typing import Final

LONGEST_SENTENCE: Final = 300
"""Characters that an engine is given at once."""
CUT_PAUSE: Final = 0.05
"""Seconds between words, where a sentence is too long and has no mark to be cut at."""
CLAUSE_PAUSE: Final = 0.2
SENTENCE_PAUSE: Final = 0.35
BREATH_PAUSE: Final = 0.55
PARAGRAPH_PAUSE: Final = 0.8
BREATH: Final = 15
"""Words after which the voice breathes in at the next end of a sentence."""
_WORD_LENGTH: Final = 2
"""Letters of a word where words are not parted by spaces."""
_SENTENCE_END: Final = re.compile(r"[.!?。！？…][\"'»”’)\]]*$")
_UNSPACED: Final = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u3040-\u30ff\u3400-\u9fff]")


@dataclass(frozen=True)
class Sentence:
    """What an engine speaks at once, and the seconds of silence after it."""

    text: str
    pause: float


def with_pauses(paragraphs: list[list[str]]) -> tuple[Sentence, ...]:
    """The parts of each paragraph with the pauses after them; none after the last."""
    sentences: list[Sentence] = []
    words = 0
    for parts in paragraphs:
        for index, part in enumerate(parts):
            words += word_count(part)
            if index == len(parts) - 1:
                pause = PARAGRAPH_PAUSE
            elif not _SENTENCE_END.search(part):
                pause = CLAUSE_PAUSE if part[-1:] in ",;:" else CUT_PAUSE
            else:
                pause = BREATH_PAUSE if words >= BREATH else SENTENCE_PAUSE
            if pause >= BREATH_PAUSE:
                words = 0
            sentences.append(Sentence(part, pause))
    if sentences:
        sentences[-1] = Sentence(sentences[-1].text, 0.0)
    return tuple(sentences)


def word_count(text: str) -> int:
    """Words, or what takes as long to say where they are not parted by spaces."""
    return len(text.split()) + len(_UNSPACED.findall(text)) // _WORD_LENGTH


def pieces_of(sentence: str) -> list[str]:
    """Parts of at most 300 characters, cut at commas or, failing that, between words."""
    pieces: list[str] = []
    while len(sentence) > LONGEST_SENTENCE:
        at = max(sentence.rfind(mark, 0, LONGEST_SENTENCE) for mark in (", ", "; ", ": ", "，", "、"))
        at = at + 1 if at > LONGEST_SENTENCE // 3 else sentence.rfind(" ", 1, LONGEST_SENTENCE)
        at = at if at > 0 else LONGEST_SENTENCE
        pieces.append(sentence[:at].strip())
        sentence = sentence[at:].strip()
    return [*pieces, sentence.strip()]
