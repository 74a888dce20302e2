"""The languages and regions that eSpeak NG has voices of, as its data say."""

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from synclips.errors import ConfigError
from synclips.speech.text.language import SAME
from synclips.speech.tts.espeak import library_files

VARIANT: Final = "klatt4"
"""The variant that every voice is taken in."""
_TAGS: Final = {"no": "nb", "zh": "cmn"}
_NAME: Final = re.compile(r"^name +([^/\n]*[^/\n ])", re.MULTILINE)
_LANGUAGE: Final = re.compile(r"^language +(\S+)(?: +(\d+))?", re.MULTILINE)
_PRIORITY: Final = 5
"""Of a language that a voice's file gives none for; the lowest is taken."""
_LATIN_AMERICA: Final = "es-419"


@dataclass(frozen=True)
class EspeakVoice:
    """A voice: the name that the library knows it by, that of what it speaks, and each language that it answers for
    (BCP 47) with its priority."""

    tag: str
    name: str
    languages: tuple[tuple[str, int], ...]


@lru_cache(maxsize=1)
def espeak_voices() -> tuple[EspeakVoice, ...]:
    """All of them, by tag.

    Raises:
        BackendError: eSpeak NG is not installed.
    """
    found: dict[str, EspeakVoice] = {}
    for file in sorted((Path(library_files()[1]) / "lang").rglob("*")):
        if not file.is_file():
            continue
        text = file.read_text(encoding="utf-8", errors="replace")
        name, languages = _NAME.search(text), _LANGUAGE.findall(text)
        if name and languages:
            ranked = tuple((tag.lower(), int(rank or _PRIORITY)) for tag, rank in languages)
            found[file.name.lower()] = EspeakVoice(file.name.lower(), name[1], ranked)
    return tuple(found[tag] for tag in sorted(found))


def voices_of(language: str) -> tuple[EspeakVoice, ...]:
    """The voices of a language (BCP 47), that of its region first where there is one, else the commonest.

    Raises:
        BackendError: eSpeak NG is not installed.
        ConfigError: it has none.
    """
    wanted = language.replace("_", "-").lower()
    main, _, region = wanted.partition("-")
    main = SAME.get(main, main)
    tag = _TAGS.get(main, main)
    if main == "es" and region and region != "es":
        region = _LATIN_AMERICA.partition("-")[2]
    exact = f"{tag}-{region}" if region else tag

    def rank(voice: EspeakVoice) -> tuple[bool, bool, int, str]:
        ranks = dict(voice.languages)
        return exact not in ranks, voice.tag != tag, ranks.get(exact, ranks.get(tag, 99)), voice.tag

    found = [voice for voice in espeak_voices() if tag in {name.split("-")[0] for name, _ in voice.languages}]
    if not found:
        raise ConfigError(f"espeak has no voice of the language {language!r}; see `synclips voices`")
    return tuple(sorted(found, key=rank))
