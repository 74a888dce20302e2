"""The process around a command: signals end it cleanly; native libraries do not write to its stderr."""

import contextlib
import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from types import FrameType
from typing import Final

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class Stopped(BaseException):
    """The user (SIGINT) or the system (SIGTERM) asked the command to end."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.signal = number


_received: list[int] = []


def signal_received() -> int | None:
    """The signal that has asked this process to end; None: none has."""
    return _received[0] if _received else None


@contextlib.contextmanager
def calm_process(*, chatter: bool = False) -> Iterator[None]:
    """Within it, a signal raises Stopped, and only Python writes to stderr (`chatter`: everybody may)."""
    with _signals(), contextlib.ExitStack() as stack:
        if not chatter:
            stack.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")
            stack.enter_context(_no_warnings_in_logs())
            stack.enter_context(_native_stderr_closed())
        yield


@contextlib.contextmanager
def _signals() -> Iterator[None]:
    """The first signal raises Stopped, so that everything half-written is removed; a third one ends the process."""
    owner, count = os.getpid(), 0

    def stop(number: int, _frame: FrameType | None) -> None:
        nonlocal count
        count += 1
        if count == 1 and os.getpid() != owner:  # a worker process that was forked: end without a word
            raise SystemExit(128 + number)
        if count == 1:
            _received.append(number)
            raise Stopped(number)
        if count > 2:
            os._exit(128 + number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _received.clear()
    before = {number: signal.signal(number, stop) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _no_warnings_in_logs() -> Iterator[None]:
    """Libraries' log records below errors go nowhere: Matplotlib warns so of a home folder that cannot be written."""
    before = logging.root.manager.disable
    logging.disable(max(before, logging.WARNING))
    try:
        yield
    finally:
        logging.disable(before)


@contextlib.contextmanager
def _native_stderr_closed() -> Iterator[None]:
    """What C and C++ write to file descriptor 2 goes nowhere; Python's stderr goes where it went before.

    FFmpeg, OpenCV and LiteRT write there, and not all of it can be stopped by a setting.
    """
    stream = sys.stderr
    try:
        shared = stream.fileno() == 2
    except (OSError, ValueError, AttributeError):
        shared = False
    stream.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    python_only = None
    if shared:
        sys.stderr = python_only = os.fdopen(kept, "w", 1, stream.encoding, "backslashreplace", closefd=False)
    try:
        yield
    finally:
        sys.stderr = stream
        if python_only is not None:
            python_only.close()
        os.dup2(kept, 2)
        os.close(kept)
