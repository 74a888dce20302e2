"""Work as tasks of a Ray cluster (extra `ray`). A task whose worker or node dies is done again elsewhere."""

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from synclips.engines.engine import Item, Lost, Result
from synclips.errors import BackendError

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
            return Lost(f"its worker died {RETRIES + 1} times: {first}")
