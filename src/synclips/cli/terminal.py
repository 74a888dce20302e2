"""Terminal output: a progress bar with the time left, notes, results, each message on one line.

Progress and notes go to stderr, results to stdout. Where stderr is no terminal (a log, a pipe), progress is a plain
line now and then.
"""

import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import IO, TYPE_CHECKING, Final, Protocol, cast, runtime_checkable

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

BYTE_STAGES: Final = frozenset({"download", "demo clip", "download the voice"})
"""Stages whose `done` and `total` count bytes."""
PLAIN_EVERY: Final = 10.0
"""Seconds between two progress lines where no bar can be drawn."""
RATE_WINDOW: Final = 60.0
"""Seconds over which the rate is taken, so that the time left follows a change of pace."""


@runtime_checkable
class Stream(Protocol):
    """Where text is written to, as far as it is needed here."""

    @property
    def encoding(self) -> str | None:
        """Its encoding, where it has one."""

    def write(self, text: str, /) -> int:
        """Write."""

    def flush(self) -> None:
        """Pass on what was written."""

    def isatty(self) -> bool:
        """A person reads it."""


@dataclass
class Stage:
    """How far one stage is, and how fast it has been going for the last minute."""

    name: str
    done: int = 0
    total: int = 0
    _seen: deque[tuple[float, int]] = field(default_factory=deque)

    def update(self, done: int, total: int, now: float) -> None:
        """Take in one call of the progress callback, at `now` seconds."""
        if self._seen and done < self.done:
            self._seen.clear()
        self.done, self.total = done, total
        self._seen.append((now, done))
        while len(self._seen) > 2 and now - self._seen[1][0] > RATE_WINDOW:
            self._seen.popleft()

    @property
    def rate(self) -> float | None:
        """Items or bytes a second; None while it cannot be told."""
        if not self._seen:
            return None
        (start, before), (end, after) = self._seen[0], self._seen[-1]
        return (after - before) / (end - start) if after > before and end > start else None

    def __str__(self) -> str:
        parts = [self._amount()]
        rate = self.rate
        if rate is not None:
            parts.append(self._pace(rate))
            if self.total > self.done:
                parts.append(f"{in_words((self.total - self.done) / rate)} left")
        return ", ".join(parts)

    def _amount(self) -> str:
        if self.name in BYTE_STAGES:
            done, total, unit = f"{self.done / 1e6:.1f}", f"{self.total / 1e6:.1f}", " MB"
        else:
            done, total, unit = str(self.done), str(self.total), ""
        if not self.total:
            return f"{done}{unit}" if self.done else "at work"
        return f"{done} of {total}{unit} ({self.done / self.total:.0%})"

    def _pace(self, rate: float) -> str:
        if self.name in BYTE_STAGES:
            return f"{rate / 1e6:.1f} MB/s"
        return f"{rate:.1f}/s" if rate >= 1 else f"{1 / rate:.1f} s each"


class Terminal:
    """Draws progress and writes messages; `quiet` leaves only results and errors. Use it in a `with` statement."""

    def __init__(
        self, *, quiet: bool = False, stream: Stream | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._quiet, self._clock = quiet, clock
        self._stream = stream or sys.stderr
        self._stages: dict[str, Stage] = {}
        self._tasks: dict[str, TaskID] = {}
        self._bars: Progress | None = None
        self._spoke = clock()

    def __enter__(self) -> "Terminal":
        if not self._quiet and self._stream.isatty():
            self._bars = _bars(self._stream)
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def progress(self, stage: str, done: int, total: int) -> None:
        """The progress callback for the library."""
        if self._quiet:
            return
        now = self._clock()
        state = self._stages.setdefault(stage, Stage(stage))
        state.update(done, total, now)
        if self._bars is not None:
            self._draw(self._bars, state)
        elif now - self._spoke >= PLAIN_EVERY:
            self._spoke = now
            write_line(self._stream, f"{stage}: {state}")

    def note(self, line: str) -> None:
        """A line to a person, beside the result."""
        if not self._quiet:
            write_line(self._stream, line)

    def result(self, text: str) -> None:
        """What the command was asked for, on stdout; the bars stay above it as they are."""
        self._stop()
        write_line(sys.stdout, text)

    def _stop(self) -> None:
        if self._bars is not None:
            self._bars.stop()
            self._bars = None

    def _draw(self, bars: "Progress", state: Stage) -> None:
        if state.name not in self._tasks:
            self._tasks[state.name] = bars.add_task(state.name, total=None, figures="")
        task = self._tasks[state.name]
        bars.update(task, completed=state.done, total=state.total or None, figures=str(state))


def in_words(seconds: float) -> str:
    """A length of time as a person says it: 40 s, 12 min, 3 h 5 min."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def write_line(stream: Stream, text: str) -> None:
    """Write and flush; what the stream's encoding does not have (odd file names) is written as escapes."""
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
    stream.flush()


def one_line(text: str) -> str:
    """`text` without line breaks or control characters."""
    return " ".join(
        "".join(c if c.isprintable() or c.isspace() or "\udc80" <= c <= "\udcff" else "?" for c in text).split()
    )


def _bars(stream: Stream) -> "Progress":
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        TextColumn("{task.fields[figures]}", markup=False),
        console=Console(file=cast(IO[str], stream)),
        refresh_per_second=4,
    )
