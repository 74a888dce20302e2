"""Work in a thread of its own, which ends early where nobody wants its result any more."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

Result = TypeVar("Result")


class GivenUpError(Exception):
    """Nobody wants the result any more."""


class Background(Generic[Result]):
    """Begins `work` in a thread. It is given a call to make now and then, which raises once `stop` has been called."""

    def __init__(self, work: Callable[[Callable[[], None]], Result], name: str) -> None:
        self._unwanted = threading.Event()
        self._future: Future[Result] = Future()
        self._thread = threading.Thread(target=self._run, args=(work,), name=name, daemon=True)
        self._thread.start()

    @property
    def done(self) -> bool:
        """The result, or an error, is there."""
        return self._future.done()

    def result(self, seconds: float | None = None) -> Result:
        """What `work` returns or raises; TimeoutError where it takes longer than `seconds`."""
        return self._future.result(seconds)

    def stop(self) -> None:
        """Give up, and wait until the thread has ended."""
        self._unwanted.set()
        self._thread.join()

    def _run(self, work: Callable[[Callable[[], None]], Result]) -> None:
        try:
            self._future.set_result(work(self._check))
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is asked for
            self._future.set_exception(error)

    def _check(self) -> None:
        if self._unwanted.is_set():
            raise GivenUpError
