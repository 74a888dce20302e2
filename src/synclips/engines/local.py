"""Work in processes of this machine."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor, as_completed
from multiprocessing.process import BaseProcess
from types import FrameType
from typing import Final

from synclips.engines.engine import Item, Lost, Result

MOST_WORKERS: Final = 16
"""Processes at most, unless more are asked for."""
PATIENCE: Final = 1.0
"""Seconds that an interrupted worker has to leave by itself."""
DIED: Final = "its process died twice, most likely for want of memory"


class LocalEngine:
    """Processes, started anew for each run. With one worker everything is done in this process.

    Where a process dies (usually for want of memory), all that was not done is done once more in one process, in order,
    so that it is known which item it dies of: the first that is not done. That one is `Lost`.
    """

    def __init__(self, workers: int | None = None) -> None:
        from synclips.runtime import available_cores  # imports torch, which workers may not need

        self.workers = workers or min(available_cores(), MOST_WORKERS)

    def run(self, work: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[tuple[Item, Result | Lost]]:
        """See `Engine`."""
        if self.workers == 1 or len(items) <= 1:
            for item in items:
                yield item, work(item)
            return
        left = list(range(len(items)))
        try:
            for place, result in _in_pool(work, items, left, self.workers):
                left.remove(place)
                yield items[place], result
            return
        except BrokenExecutor:
            pass
        while left:
            try:
                for place, result in _in_pool(work, items, left, 1):
                    left.remove(place)
                    yield items[place], result
            except BrokenExecutor:
                yield items[left.pop(0)], Lost(DIED)


def _in_pool(
    work: Callable[[Item], Result], items: Sequence[Item], places: list[int], workers: int
) -> Iterator[tuple[int, Result]]:
    # on every system alike: a process that has started threads cannot be forked safely
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(workers, len(places)), mp_context=context, initializer=_begin_work)
    try:
        running = {pool.submit(_calmly, work, items[place]): place for place in places}
        for future in as_completed(running):
            yield running[future], future.result()
    except BaseException:
        _stop(list(pool._processes.values()) if pool._processes else [])
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _stop(processes: list[BaseProcess]) -> None:
    """End the workers, by force if they do not follow."""
    for process in processes:
        process.terminate()
    for process in processes:
        process.join(PATIENCE)
        if process.is_alive():
            process.kill()
            process.join()


def _begin_work() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end_work)


def _end_work(number: int, _frame: FrameType | None) -> None:
    """The first signal ends the worker process in order: what it has half-written is removed."""
    for other in (signal.SIGINT, signal.SIGTERM):
        signal.signal(other, lambda *_: None)
    raise SystemExit(128 + number)


def _calmly(work: Callable[[Item], Result], item: Item) -> Result:
    """`work` in a worker process. Interrupted, it must not go on to the next item that the pool has for it."""
    try:
        return work(item)
    except SystemExit:
        os._exit(1)
