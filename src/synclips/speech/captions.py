"""The words of subtitles: without marks, sound descriptions, music and names; rolling captions said once."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final

from synclips.speech.script_faults import ScriptFaults
from synclips.speech.subtitles import Cue
from synclips.speech.text.markup import without_tags

_MUSIC: Final = "♪♫♬♩🎵🎶🎼"
_BRACKETS: Final = re.compile(r"\[[^\[\]]*\]|［[^［］]*］|【[^【】]*】|〔[^〔〕]*〕|\{[^{}]*\}")
_ROUND: Final = re.compile(r"[(（]([^()（）]*)[)）]")
_SOUNDS: Final = re.compile(
    r"(?:\w+ly )?(?:\w+ing|sighs?|laughs?|coughs?|gasps?|sobs?|cries|cheers?|groans?|moans?|screams?|shouts?|whispers?|"
    r"applause|laughter|music|silence|static|thunder|pause|beat|beeps?|barks?|clears throat|inaudible|indistinct|"
    r"chuckles?|giggles?|sniffs?|sniffles?|gulps?|grunts?|exhales?|inhales?|off ?screen|v\.?o\.?|o\.?s\.?)\b",
    re.IGNORECASE,
)
_BARE_SOUNDS: Final = re.compile(
    r"(?:(?:SOFT|LOUD|UPBEAT|SAD|TENSE|DRAMATIC|THEME|ROCK|POP|CROWD|AUDIENCE|NO|THE) )*"
    r"(?:MUSIC|APPLAUSE|LAUGHTER|CHEERING|CHEERS|SILENCE|THUNDER|STATIC|INAUDIBLE|INDISTINCT|BEEP|BEEPING|GUNSHOTS?)"
    r"(?: (?:PLAYS|PLAYING|CONTINUES|STOPS|FADES|SWELLS|AND|APPLAUSE|CHEERING|LAUGHTER|CHATTER|DIALOGUE|SPEECH))*[.!]*"
)
_LYRICS: Final = re.compile(rf"[{_MUSIC}][^{_MUSIC}]*(?:[{_MUSIC}]|$)|^[^{_MUSIC}]*[{_MUSIC}]\s*$")
_HASH_LYRICS: Final = re.compile(r"^#\s.*\s#$|^\*[a-z][a-z ,]*\*$")
_TURN: Final = re.compile(r"^(?:>{2,3}\s*|[-–—‐]\s+|[-–—‐](?=[^\W\d_]|[\"“']))")
_CAPITALS: Final = re.compile(r"^((?:[^\W\d_a-z]\.?){2,}[^:a-z]{0,28}|[A-Z]\. [A-Z]{2,}[^:a-z]{0,24}):\s*(?=\S)")
_NAME: Final = re.compile(r"^((?:[A-Z][\w.'’-]*)(?: (?:[A-Z][\w.'’-]*|\d+)){0,2}):\s+(?=\S)")
_NO_NAMES: Final = re.compile(
    r"(?:FYI|P\.?S\.?|N\.?B\.?|OK|NOTE|WARNING|TODO|ASAP|IMPORTANT|DANGER|CAUTION|HINT|TIP|QUESTION|ANSWER|REMEMBER|"
    r"FACT|RULE|STEP|EXAMPLE|RESULT|SUMMARY|SPOILER|UPDATE|NEWS|BREAKING|SO|BUT|AND|YES|NO|FIRST|SECOND|THIRD|LOOK|"
    r"LISTEN|THINK|PLUS)(?: \d+)?",
    re.IGNORECASE,
)
_ROLLS: Final = 0.02
"""Seconds within which a cue follows the one before directly."""
_FILLER: Final = 0.06
"""Seconds of the cues that rolling captions put between two others."""
SOUNDS: Final = "sound descriptions, music and comments: not spoken"


def spoken_cues(cues: Sequence[Cue], faults: ScriptFaults) -> list[Cue]:
    """The cues that have something to be spoken, their rows as plain words, in the order of their beginnings."""
    plain = [replace(cue, rows=_plain(cue.rows)) for cue in cues]
    names = Counter(name for cue in plain for name in {found[1] for found in map(_NAME.match, cue.rows) if found})
    known = {name for name, count in names.items() if count > 1 and not _NO_NAMES.fullmatch(name)}
    kept = []
    for cue in plain:
        rows = _without_sounds(cue, known, faults)
        if rows:
            kept.append(replace(cue, rows=rows))
        elif any(cue.rows):
            faults.found(
                cue.number, "there is nothing to speak in it but a sound", "skipped", kind=SOUNDS.split(":")[0]
            )
        else:
            faults.found(cue.number, "there is nothing to speak in it", "skipped", kind="empty cues")
    return _without_repeats(sorted(kept, key=lambda cue: (cue.start, cue.end)), faults)


def _plain(rows: Sequence[str]) -> tuple[str, ...]:
    text = without_tags("\n".join(rows), captions=True)
    return tuple(" ".join(row.split()) for row in text.split("\n") if row.strip())


def _without_sounds(cue: Cue, names: set[str], faults: ScriptFaults) -> tuple[str, ...]:
    """What is to be spoken of a cue."""
    text = "\n".join(cue.rows)
    said = _LYRICS.sub("\n", _BRACKETS.sub(" ", text))
    sounds, rows = said != text, []
    for row in said.split("\n"):
        spoken, name = _without_name(_TURN.sub("", row.strip()), names)
        heard = _ROUND.sub(_round, spoken)
        sounds = sounds or heard != spoken
        spoken, later = _without_name(_TURN.sub("", heard.strip().lstrip(":：").strip()), names)
        if _BARE_SOUNDS.fullmatch(spoken) or _HASH_LYRICS.match(spoken):
            spoken, sounds = "", True
        if name or later:
            faults.noted("names of speakers: not spoken", cue.number)
        if re.search(r"[^\W_]|[^\x00-\x7f]", spoken):
            rows.append(" ".join(spoken.split()))
    if rows and sounds:
        faults.noted(SOUNDS, cue.number)
    return tuple(rows)


def _round(found: re.Match[str]) -> str:
    """What stands in parentheses: a sound, or words in passing."""
    inside, row = found[1].strip(), found.string
    whole = not row[: found.start()].strip(" -–—") and not row[found.end() :].strip(" .!-–—")
    begins = not row[: found.start()].strip(" -–—")
    capitals = inside.isupper() and len(inside) > 1
    few = len(inside.split()) <= 3
    if len(inside) < 3 and not whole:
        return " " if not inside else found[0]
    if whole or capitals or (_SOUNDS.match(inside) and (few or begins)) or (begins and few):
        return " "
    return found[0]


def _without_name(row: str, names: set[str]) -> tuple[str, str]:
    """A row without the speaker's name before it, and that name."""
    found = _CAPITALS.match(row)
    if found is None:
        found = _NAME.match(row)
        if found is None or found[1] not in names:
            return row, ""
    if _NO_NAMES.fullmatch(found[1].strip()):
        return row, ""
    return row[found.end() :], found[1]


def _without_repeats(cues: list[Cue], faults: ScriptFaults) -> list[Cue]:
    """Of captions that roll up or are typed letter by letter, each line once; of two that are the same, one."""
    rolling = any(_new_rows(one, other) not in (None, ()) for one, other in pairwise(cues))
    kept: list[Cue] = []
    before: Cue | None = None
    for cue in cues:
        new = _new_rows(before, cue) if before is not None else None
        if new == () and not rolling and before is not None:
            again = cue.start < before.end - 0.001 or min(before.end - before.start, cue.end - cue.start) < _FILLER
            new = () if again else None
            if again:
                faults.found(
                    cue.number, "it says what is being said already", "skipped", kind="cues that are there twice"
                )
        elif new is not None:
            faults.noted("captions that roll: each line is spoken once", cue.number)
        before = cue if before is None or cue.rows != before.rows else replace(cue, end=max(cue.end, before.end))
        if new is None:
            kept.append(cue)
        elif new:
            kept.append(replace(cue, rows=new))
    return kept


def _new_rows(before: Cue, cue: Cue) -> tuple[str, ...] | None:
    """What a cue that directly follows another shows anew; None where it shows nothing of that one."""
    if cue.start > before.end + _ROLLS:
        return None
    old, rows = [_key(row) for row in before.rows], [_key(row) for row in cue.rows]
    for count in range(min(len(old), len(rows)), 0, -1):
        if old[-count:] == rows[:count]:
            return cue.rows[count:]
    last = old[-1]
    if len(last) > 1 and rows[0].startswith(last + " ") and rows[0] != last:
        grown = cue.rows[0].split()[len(last.split()) :]
        return (" ".join(grown), *cue.rows[1:])
    return None


def _key(row: str) -> str:
    return " ".join(row.casefold().split())
