"""Work as tasks of a Ray cluster (extra `ray`). A task whose worker or node dies is done again elsewhere."""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from synclips.engines.engine import Item, Lost, Result
from synclips.errors import BackendError

log = logging.getLogger("synclips.ray")
PATIENCE: Final = 8.0
"""Seconds that interrupted tasks have to end."""
RETRIES: Final = 3
"""Times that a task whose worker or node died is tried again; an item that kills its worker is given up after them."""


class RayEngine:
    """Tasks of one core each. All nodes need SyncLips installed, and see the same files: a shared folder, or a store.

    Raises:
        BackendError: Ray is not installed, or the cluster does not answer.
    """

    def __init__(self, workers: int | None = None, address: str | None = None) -> None:
        try:
            import ray
        except ImportError as error:
            raise BackendError(
                "Ray is not installed; run `pip install 'synclips[ray]'`, or use --engine local"
            ) from error
        self.workers = workers
        self._ray: Any = ray
        if not ray.is_initialized():
            try:
                ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
            except (ConnectionError, RuntimeError, ValueError) as error:
                first = (str(error).strip().splitlines() or ["no answer"])[0]
                raise BackendError(
                    f"the Ray cluster at {address or 'RAY_ADDRESS'} does not answer ({first}); start one with "
                    "`ray start --head`, or name it with --ray-address HOST:6379"
                ) from error

    def run(self, work: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[tuple[Item, Result | Lost]]:
        """See `Engine`."""
        ray = self._ray
        task = ray.remote(num_cpus=1, max_retries=RETRIES)(work)
        waiting = list(range(len(items)))[::-1]
        running: dict[Any, int] = {}
        most = self.workers or len(items)
        try:
            while waiting or running:
                while waiting and len(running) < most:
                    place = waiting.pop()
                    running[task.remote(items[place])] = place
                ready, _ = ray.wait(list(running), num_returns=1)
                for reference in ready:
                    place = running.pop(reference)
                    yield items[place], self._result(reference)
        finally:
            for reference in running:
                ray.cancel(reference, force=False)

    def keep_at_work(
        self,
        work: Callable[[Item], object],
        item: Item,
        waiting: Callable[[], int],
        stopping: threading.Event,
        every: float = 0.5,
    ) -> None:
        """Until `stopping` is set keep tasks of `work(item)` running, `workers` at most, while anything waits.

        A task takes what it works on by itself; where a task is lost, so much waits again and another is started. At
        the end those that run are interrupted, and get some seconds.

        Args:
            waiting: how much there is that no task has taken.
        """
        ray = self._ray
        task = ray.remote(num_cpus=1, max_retries=0)(work)
        running: list[Any] = []
        while not stopping.wait(every):
            ended, running = ray.wait(running, num_returns=len(running), timeout=0) if running else ([], [])
            for reference in ended:
                if isinstance(lost := self._result(reference), Lost):
                    log.warning("a task was lost: %s", lost.reason)
            free = (self.workers or 1) - len(running)
            if free > 0:
                running += [task.remote(item) for _ in range(min(free, waiting()))]
        for reference in running:
            ray.cancel(reference, force=False)
        if running:
            ray.wait(running, num_returns=len(running), timeout=PATIENCE)

    def _result(self, reference: Any) -> Any:
        exceptions = self._ray.exceptions
        try:
            return self._ray.get(reference)
        except exceptions.RayTaskError as error:
            if isinstance(error.cause, Exception):
                raise error.cause from error
            raise
        except exceptions.RayError as error:
            first = (str(error).strip().splitlines() or [type(error).__name__])[0]
            return Lost(f"its worker died each time: {first}")
