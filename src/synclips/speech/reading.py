"""What is to be spoken of a text, and in which language: English by the engines here, others by eSpeak NG's voices."""

import re
from typing import Final

from synclips.errors import BackendError, TextError
from synclips.speech.text.characters import without_invisible
from synclips.speech.text.foreign import foreign_words
from synclips.speech.text.language import ENGLISH, NAMES, OTHERS, SAME, Language, language_of, may_be
from synclips.speech.text.markup import without_tags
from synclips.speech.text.normalise import LONGEST_TEXT, Reading, read_text
from synclips.speech.text.pauses import Sentence, pieces_of, with_pauses
from synclips.speech.tts.espeak import library_files

FOREIGN_VOICES: Final = ("auto", "espeak")
"""What `--voice` may be where another language than English is spoken."""
_ENDS: Final = re.compile(r"(?<=[.!?。！？…])\s*")


def read_line(text: str, language: str = "auto", synthesizer: str = "auto") -> Reading:
    """The sentences of `text` and their language; a text in a language that nothing here speaks is read as English with
    a note, or refused where it has other letters.

    Args:
        language: the text's (BCP 47), or `auto`. An English text may have a foreign one, whose way of writing numbers
            and dates it then follows.
        synthesizer: as `choose_synthesizer` takes it.

    Raises:
        TextError: nothing in it can be spoken here, or it is too long.
        ConfigError: the language is not known.
    """
    spoken = spoken_language(text, language)
    if spoken.tag == ENGLISH:
        return read_text(text, language)
    problem = _problem(spoken, synthesizer)
    if problem is None:
        return Reading(_sentences(text, spoken, regional(language, spoken.tag)), language=spoken.tag)
    try:
        reading = read_text(text, language)
    except TextError as error:
        raise TextError(f"{error}; {problem}") from error
    return Reading(reading.sentences, (f"{problem}: it is read as English", *reading.notes))


def spoken_language(text: str, language: str) -> Language:
    """The language that a text is to be spoken in: its own, or `language` where it may be in that."""
    plain = without_tags(text)
    wanted = language.replace("_", "-").split("-")[0].lower()
    wanted = SAME.get(wanted, wanted)
    if wanted == "auto":
        return language_of(plain)
    if wanted == ENGLISH or wanted not in NAMES | OTHERS or not may_be(plain, wanted):
        return Language(ENGLISH)
    return Language(wanted)


def regional(language: str, spoken: str) -> str:
    """`spoken` (ISO 639-1) with the region that `language` names, if that is the language that is spoken."""
    main = language.replace("_", "-").split("-")[0].lower()
    return language if SAME.get(main, main) == spoken else spoken


def _problem(spoken: Language, synthesizer: str) -> str | None:
    """Why a text is not spoken in its language, in words for the user, or None."""
    recording = "or bring a recording with --audio"
    if not spoken.sure:
        return f"the text may be {spoken.name}; if it is, give --language {spoken.tag}, {recording}"
    if synthesizer.partition(":")[0] not in FOREIGN_VOICES:
        return f"the text is {spoken.name}, and {synthesizer} speaks English only; leave --voice out, {recording}"
    try:
        library_files()
    except BackendError:
        return f"the text is {spoken.name}; for a voice of it: pip install 'synclips[espeak]', {recording}"
    return None


def _sentences(text: str, spoken: Language, language: str) -> tuple[Sentence, ...]:
    """The text in pieces, with dates and money in words; eSpeak reads other numbers and signs in the language itself.

    Raises:
        TextError: there is no word in it, or it is too long.
    """
    if len(text) > LONGEST_TEXT:
        raise TextError(
            f"the text has {len(text):,} characters, and at most {LONGEST_TEXT:,} can be spoken at once: split it"
        )
    paragraphs: list[list[str]] = []
    for paragraph in re.split(r"\n\s*\n", without_tags(text)):
        plain = foreign_words(without_invisible(paragraph), language)
        parts = [part for whole in _ENDS.split(" ".join(plain.split())) for part in pieces_of(whole)]
        paragraphs.append([part for part in parts if any(sign.isalnum() for sign in part)])
    sentences = with_pauses(paragraphs)
    if not sentences:
        raise TextError(f"there is nothing to speak in the text: type at least one word ({spoken.name})")
    return sentences
