"""Items made in a thread of their own, a few ahead of whoever takes them: decoding overlaps with what follows."""

import contextlib
import queue
import threading
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

Item = TypeVar("Item")
AHEAD: Final = 3
"""Items that wait at most."""


@dataclass(frozen=True)
class _Made(Generic[Item]):
    value: Item


@dataclass(frozen=True)
class _End:
    error: BaseException | None


def read_ahead(items: Iterable[Item], depth: int = AHEAD) -> Generator[Item, None, None]:
    """The same items in the same order; an error comes where it would have come.

    All of `items` runs in the thread, its closing too. The thread ends with this generator: exhaust it or close it.
    """
    waiting: queue.Queue[_Made[Item] | _End] = queue.Queue(depth)
    stopped = threading.Event()

    def work() -> None:
        error: BaseException | None = None
        source = iter(items)
        try:
            for item in source:
                if not _put(waiting, _Made(item), stopped):
                    return
        except BaseException as caught:  # noqa: BLE001 - it is raised where the items are taken
            error = caught
        finally:
            _close(source)
        _put(waiting, _End(error), stopped)

    thread = threading.Thread(target=work, name="read ahead", daemon=True)
    thread.start()
    try:
        while isinstance(found := waiting.get(), _Made):
            yield found.value
        if found.error is not None:
            raise found.error
    finally:
        stopped.set()
        with contextlib.suppress(queue.Empty):
            while True:
                waiting.get_nowait()
        thread.join()


def _put(waiting: "queue.Queue[_Made[Item] | _End]", item: "_Made[Item] | _End", stopped: threading.Event) -> bool:
    """Wait for room; false where nobody takes items any more."""
    while not stopped.is_set():
        with contextlib.suppress(queue.Full):
            waiting.put(item, timeout=0.1)
            return True
    return False


def _close(source: Iterator[Item]) -> None:
    if isinstance(source, Generator):
        source.close()
