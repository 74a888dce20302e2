"""Worker processes: started by the server, begun anew when one ends, and ended with it."""

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from synclips.server.queue import JobQueue
from synclips.server.settings import ServerSettings

log = logging.getLogger("synclips.supervisor")
STOP_SECONDS: Final = 10.0
"""How long a worker may take to give its job back before it is killed."""
_SOON: Final = 5.0
"""Seconds that a worker must have lived to be begun anew at once."""
COMMAND: Final = (sys.executable, "-m", "synclips.server.worker_process")


class Supervisor:
    """Keeps `settings.workers` processes of `command` alive; with the engine `ray` one, which starts the tasks.

    A worker ends by itself when the pipe on its standard input closes, which happens also when this process is killed.
    """

    def __init__(self, settings: ServerSettings, queue: JobQueue, command: Sequence[str] = COMMAND) -> None:
        self._settings, self._queue, self._command = settings, queue, list(command)
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._keep, args=(number,), name=f"worker-{number}")
            for number in range(min(settings.workers, 1) if settings.engine == "ray" else settings.workers)
        ]
        self._processes: dict[int, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        """Start the workers."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ask the workers to give back what they are at, and wait until they have ended."""
        self._stopping.set()
        for process in list(self._processes.values()):
            with suppress(OSError):
                process.send_signal(signal.SIGTERM)
        for thread in self._threads:
            thread.join()

    def alive(self) -> int:
        """How many workers run."""
        return sum(process.poll() is None for process in self._processes.values())

    def pids(self) -> list[int]:
        """Their process ids."""
        return [process.pid for process in self._processes.values() if process.poll() is None]

    def _keep(self, number: int) -> None:
        while not self._stopping.is_set():
            started = time.monotonic()
            name = f"{socket.gethostname()}-{os.getpid()}-{number}-{time.time_ns()}"
            environment = os.environ | self._settings.as_environment() | {"SYNCLIPS_WORKER_NAME": name}
            process = subprocess.Popen(self._command, stdin=subprocess.PIPE, env=environment)
            self._processes[number] = process
            if self._stopping.is_set():  # `stop` may have come between
                process.terminate()
            status = self._wait(process)
            if process.stdin is not None:
                process.stdin.close()
            if not self._stopping.is_set():
                log.warning("a worker ended", extra={"worker": name, "status": status})
            with suppress(SQLAlchemyError):
                self._queue.abandon(name)
            if time.monotonic() - started < _SOON:
                self._stopping.wait(_SOON)

    def _wait(self, process: subprocess.Popen[bytes]) -> int:
        deadline: float | None = None
        while True:
            try:
                return process.wait(timeout=0.25)
            except subprocess.TimeoutExpired:
                if self._stopping.is_set():
                    deadline = deadline or time.monotonic() + STOP_SECONDS
                    if time.monotonic() > deadline:
                        process.kill()
