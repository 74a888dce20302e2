"""What is wrong with a script: an error where one is wanted, otherwise a note, and the scene goes on."""

from dataclasses import dataclass, field
from typing import Final

MOST_NAMED: Final = 6
"""Lines that a note names of one kind."""


class LineError(Exception):
    """What is wrong, and in which line of the file."""

    def __init__(self, number: int, words: str) -> None:
        super().__init__(words)
        self.number, self.words = number, words


@dataclass
class ScriptFaults:
    """Collects what is wrong; `strict`: the first fault is raised instead."""

    strict: bool = False
    _single: list[tuple[int, str]] = field(default_factory=list)
    _kinds: dict[str, list[int]] = field(default_factory=dict)

    def found(self, number: int, words: str, done: str, *, kind: str = "") -> None:
        """In line `number` is wrong what `words` say; it was mended as `done` says. `kind`: one note for all of it.

        Raises:
            LineError: `strict`.
        """
        if self.strict:
            raise LineError(number, words)
        if kind:
            self.noted(f"{kind}: {done}", number)
        else:
            self._single.append((number, f"line {number}: {words}: {done}"))

    def noted(self, kind: str, number: int) -> None:
        """Something of a kind that is no fault, but is to be known; one note for all lines of the kind."""
        self._kinds.setdefault(kind, []).append(number)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know, in the order of the file."""
        single = sorted(self._single)
        kinds = [f"{kind} ({_lines(numbers)})" for kind, numbers in self._kinds.items()]
        return (*kinds, *(words for _, words in single))


def _lines(numbers: list[int]) -> str:
    numbers = sorted(set(numbers))
    named = ", ".join(map(str, numbers[:MOST_NAMED]))
    more = f" and {len(numbers) - MOST_NAMED} more" if len(numbers) > MOST_NAMED else ""
    return f"line{'s' * (len(numbers) > 1)} {named}{more}"
