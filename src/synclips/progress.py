"""Progress of long work, as a callback: the command line's bar, a server's job and the tests all subscribe to it."""

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called as `on_progress(stage, done, total)`; `total` is 0 while it is not known yet."""


def silent(stage: str, done: int, total: int) -> None:
    """The progress callback that does nothing."""
