"""What is to be changed in a transcript: given as phrases or as an edited transcript, found as runs of words."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import pairwise
from typing import Final, Literal

from synclips.errors import TextError
from synclips.speech.text.normalise import normalise
from synclips.speech.transcript import Transcript, TranscriptWord, plain

Kind = Literal["replace", "insert", "delete"]
NEAR: Final = 2.0
"""Seconds from `at` within which a phrase is looked for."""
_MOST_CHANGED: Final = 0.6
"""Share of the words beyond which an edited transcript is taken for another video's."""
_NAMED: Final = 5


@dataclass(frozen=True)
class Edit:
    """One wish: `old` becomes `new` (replace), `new` is said after `old` or at `at` (insert), `old` goes (delete).

    `at`: seconds of the video; which of several places is meant.
    """

    kind: Kind
    old: str = ""
    new: str = ""
    at: float | int | None = None

    def __post_init__(self) -> None:
        if self.kind != "insert" and not self.old.strip():
            raise TextError(f"nothing is named to {self.kind}; give the words as they are said")
        if self.kind != "delete" and not self.new.strip():
            raise TextError(f"nothing is to be said instead of {self.old!r}; to take words away, delete them")
        if self.kind == "insert" and not self.old.strip() and self.at is None:
            raise TextError(f"where {self.new!r} is to be inserted is not said; give a time, or the words before it")


@dataclass(frozen=True)
class Change:
    """Words `first` to `last` (exclusive) of a transcript become `text`; equal numbers insert, no text deletes."""

    first: int
    last: int
    text: str


def parse_pair(given: str) -> tuple[str, str]:
    """`OLD=NEW` in two.

    Raises:
        TextError: there is no `=`.
    """
    old, mark, new = given.partition("=")
    if not mark:
        raise TextError(f"{given!r} is no replacement; write it as 'words that are said=words to be said'")
    return old.strip(), new.strip()


def find_changes(edits: "Sequence[Edit | Change]", transcript: Transcript) -> list[Change]:
    """Where in the transcript the edits are, in order; changes that are known already are checked.

    Raises:
        TextError: a phrase is not said, or more than once; two edits overlap.
    """
    found = [edit if isinstance(edit, Change) else _change(edit, transcript) for edit in edits]
    changes = sorted(found, key=lambda change: (change.first, change.last))
    if changes and not (changes[0].first >= 0 and changes[-1].last <= len(transcript.words)):
        raise TextError(f"a change lies beyond the transcript, which has {len(transcript.words)} words")
    for before, after in pairwise(changes):
        if after.first < before.last or (after.first, after.last) == (before.first, before.last):
            words = transcript.words[after.first : max(after.last, after.first + 1)]
            said = " ".join(word.text for word in words)
            raise TextError(f"two edits change the same words ({said!r}); make one of them")
    return changes


def difference(original: Transcript, edited: Transcript) -> list[Change]:
    """The changes that make `edited` of `original`; capitals and marks alone are none.

    Raises:
        TextError: nothing differs, or nearly everything does.
    """
    before, after = [w.plain for w in original.words], [w.plain for w in edited.words]
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    changes = [
        Change(i, j, " ".join(word.text for word in edited.words[k:m]))
        for kind, i, j, k, m in matcher.get_opcodes()
        if kind != "equal" and _spoken(before[i:j]) != _spoken(after[k:m])
    ]
    if not changes:
        raise TextError("the edited transcript says what the video says; change a word in it first")
    if sum(change.last - change.first for change in changes) > _MOST_CHANGED * len(before):
        raise TextError(
            "nearly everything in the edited transcript differs; is it this video's? For new words throughout, dub it"
        )
    return changes


def apply_changes(transcript: Transcript, changes: Sequence[Change]) -> str:
    """The text that is said afterwards."""
    words, at = [], 0
    for change in changes:
        words += [word.text for word in transcript.words[at : change.first]] + change.text.split()
        at = change.last
    return " ".join([*words, *(word.text for word in transcript.words[at:])])


def _change(edit: Edit, transcript: Transcript) -> Change:
    if not edit.old.strip():
        assert edit.at is not None
        place = _edge_at(edit.at, transcript)
        return Change(place, place, edit.new)
    first, last = _found(edit.old, edit.at, transcript)
    if edit.kind == "insert":
        return Change(last, last, edit.new)
    return Change(first, last, "" if edit.kind == "delete" else _with_marks(edit.new, transcript.words[last - 1]))


def _with_marks(new: str, replaced: TranscriptWord) -> str:
    """`new` with the comma or full stop that stood after what it replaces: it shapes the melody."""
    mark = re.search(r"[,.;:!?…]+$", replaced.text)
    return new + mark[0] if mark and new[-1:].isalnum() else new


def _edge_at(at: float | int, transcript: Transcript) -> int:
    """The number of the word before which `at` seconds lies nearest to a word's edge."""
    if at < 0 or at > transcript.duration:
        raise TextError(f"{at:g} s is not in the video, which ends at {transcript.duration:.1f} s")
    edges = [transcript.words[0].start]
    edges += [(a.end + b.start) / 2 for a, b in zip(transcript.words, transcript.words[1:], strict=False)]
    edges.append(transcript.words[-1].end)
    return min(range(len(edges)), key=lambda k: abs(edges[k] - at))


def _found(phrase: str, at: float | int | None, transcript: Transcript) -> tuple[int, int]:
    """First and last word (exclusive) of the phrase."""
    places = find_phrase(phrase, transcript.words)
    if not places:
        raise TextError(f"{phrase!r} is not said; {_nearest(phrase, transcript.words)}")
    times = [transcript.words[first].start for first, _ in places]
    if at is not None:
        distance = [
            max(0.0, transcript.words[a].start - at, at - transcript.words[b - 1].end) for a, b in places
        ]  # fmt: skip
        best = min(range(len(places)), key=lambda k: distance[k])
        if distance[best] > NEAR:
            raise TextError(f"{phrase!r} is not said at {at:g} s, but at {_times(times)}")
        return places[best]
    if len(places) > 1:
        raise TextError(
            f"{phrase!r} is said {len(places)} times, at {_times(times)}; say which by its time: --at {times[0]:.1f}"
        )
    return places[0]


def find_phrase(phrase: str, words: Sequence[TranscriptWord]) -> list[tuple[int, int]]:
    """First and last word (exclusive) of every place where the phrase is said, however its numbers are written."""
    wanted = _spoken([plain(word) for word in phrase.split()])
    said: list[str] = []
    owner: list[int] = []
    for number, word in enumerate(words):
        parts = _spoken([word.plain])
        said += parts
        owner += [number] * len(parts)
    if not wanted:
        return []
    places = []
    for start in range(len(said) - len(wanted) + 1):
        whole = (start == 0 or owner[start - 1] != owner[start]) and (
            start + len(wanted) == len(said) or owner[start + len(wanted) - 1] != owner[start + len(wanted)]
        )
        if whole and said[start : start + len(wanted)] == wanted:
            places.append((owner[start], owner[start + len(wanted) - 1] + 1))
    return places


def _nearest(phrase: str, words: Sequence[TranscriptWord]) -> str:
    """What is said that sounds most like the phrase."""
    count = max(1, len(phrase.split()))
    wanted = " ".join(_spoken([plain(word) for word in phrase.split()]))
    best, place = 0.0, (0, min(count, len(words)))
    for size in {max(1, count - 1), count, count + 1}:
        for start in range(len(words) - size + 1):
            said = " ".join(word.plain for word in words[start : start + size])
            likeness = SequenceMatcher(None, wanted, said).ratio()
            if likeness > best:
                best, place = likeness, (start, start + size)
    near = " ".join(word.text for word in words[slice(*place)])
    return f"nearest is {near!r} at {words[place[0]].start:.1f} s; `synclips transcribe` shows all that was heard"


def _times(times: Sequence[float]) -> str:
    named = " and ".join(f"{time:.1f} s" for time in times[:_NAMED])
    return named + (f" and {len(times) - _NAMED} more" if len(times) > _NAMED else "")


@lru_cache(maxsize=4096)
def _spoken_word(word: str) -> tuple[str, ...]:
    try:
        said = normalise(word).lower()
    except TextError:
        said = word
    return tuple(re.sub(r"[^\w' ]+", " ", said).split()) or ((word,) if word else ())


def _spoken(words: Sequence[str]) -> list[str]:
    """The words as they are spoken: `$10` as `ten dollars`."""
    return [part for word in words for part in _spoken_word(word)]


def spoken_count(word: str) -> int:
    """How many words a written one is when it is spoken: two for `$10`."""
    return len(_spoken_word(plain(word)))
