"""Work that goes on in a thread while something else is done, and is waited for later, with its progress."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final, TypeVar

from synclips.background import Background
from synclips.progress import Progress

Result = TypeVar("Result")
_TOLD: Final = 0.2
"""Seconds between two looks at how the work goes on."""


@contextmanager
def meanwhile(work: Callable[[Progress], Result]) -> Generator[Callable[[Progress], Result], None, None]:
    """Begin `work` in a thread. What is yielded waits for its result and tells how it goes on; it raises what `work`
    raises. If the context is left before, the work is given up the next time that it tells how it goes on."""
    told = [("", 0, 0)]

    def noted(check: Callable[[], None]) -> Result:
        def note(stage: str, done: int, total: int) -> None:
            check()
            told[0] = stage, done, total

        return work(note)

    begun = Background(noted, "meanwhile")

    def wait(on_progress: Progress) -> Result:
        last = told[0]
        while True:
            try:
                return begun.result(_TOLD)
            except TimeoutError:
                if begun.done:  # the work's own
                    raise
            finally:
                if told[0] != last:
                    last = told[0]
                    on_progress(*last)

    try:
        yield wait
    finally:
        begun.stop()
