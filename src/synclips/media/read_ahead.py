"""Work on a stream of items in other threads, a few items ahead of whoever takes them, in the items' order."""

import contextlib
import queue
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
AHEAD: Final = 3
"""Items that wait at most."""
WAITING: Final = 2
"""Items that are worked on or wait for it, beyond one a worker."""


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


def worked_on(items: Iterable[Item], work: Callable[[Item], Result], workers: int) -> Generator[Result, None, None]:
    """`work` done on each item by several threads at once; the results in the items' order.

    `items` are taken in this thread. A few results wait at most. Exhaust it or close it.
    """
    waiting: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(workers, "work", initializer=_alone)
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) >= workers + WAITING:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _alone() -> None:
    """The workers share the cores: torch, where it is used, takes one for each of them."""
    if (torch := sys.modules.get("torch")) is not None:
        torch.set_num_threads(1)


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
