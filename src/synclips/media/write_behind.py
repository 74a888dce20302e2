"""Frames handed to a writer that works in a thread of its own: encoding overlaps with what makes the frames."""

import queue
import threading
from types import TracebackType
from typing import Final, Protocol, runtime_checkable

from synclips.media.picture import Shown

WAITING: Final = 3
"""Frames that wait at most."""


@runtime_checkable
class FrameWriter(Protocol):
    """What writes frames in their order: `VideoWriter` or `ResumableWriter`."""

    def write(self, image: Shown, time: float) -> None:
        """Add the next frame."""


class WriteBehind:
    """Passes frames on to `writer` in their order; use it in a `with` statement, within the writer's own.

    What was handed over is written when the statement ends, by an error elsewhere too: how far a stopped run has come
    does not depend on the threads. An error of the writer is raised at the next frame, or at the end.
    """

    def __init__(self, writer: FrameWriter) -> None:
        self._writer = writer
        self._waiting: queue.Queue[tuple[Shown, float] | None] = queue.Queue(WAITING)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="encode", daemon=True)

    def __enter__(self) -> "WriteBehind":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._waiting.put(None)
        self._thread.join()
        if error is None:
            self._raise()

    def write(self, image: Shown, time: float) -> None:
        """Hand over the next frame, at `time` seconds.

        Raises:
            OutputError, ValueError: as the writer does, for this frame or one before.
        """
        self._raise()
        self._waiting.put((image, time))

    def _work(self) -> None:
        while (item := self._waiting.get()) is not None:
            if self._error is not None:
                continue  # whoever hands over must not wait for ever
            try:
                self._writer.write(*item)
            except BaseException as error:  # noqa: BLE001 - it is raised where the next frame is handed over
                self._error = error

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error
