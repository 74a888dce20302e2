"""What is written to what is spoken: one text for every engine, in plain words and sentences."""

import re
from typing import Final

from synclips.errors import TextError

LONGEST_TEXT: Final = 50_000
"""Characters: about an hour of speech."""


def spoken_sentences(text: str) -> tuple[str, ...]:
    """The sentences to speak one after another.

    Raises:
        TextError: nothing in `text` can be spoken, or it is too long.
    """
    if len(text) > LONGEST_TEXT:
        raise TextError(f"the text has {len(text):,} characters; at most {LONGEST_TEXT:,} can be spoken: split it")
    sentences = [" ".join(part.split()) for part in re.split(r"(?<=[.!?])\s+", text)]
    sentences = [sentence for sentence in sentences if re.search(r"\w", sentence)]
    if not sentences:
        raise TextError("there is nothing to speak in the text; type at least one word")
    return tuple(sentences)
