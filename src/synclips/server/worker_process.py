"""The process of one worker: `python -m synclips.server.worker_process`, set by the environment as the server is."""

import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable

from synclips.errors import SyncLipsError
from synclips.server.database import Database
from synclips.server.logs import set_up_logs
from synclips.server.media_check import limit_process
from synclips.server.queue import JobQueue
from synclips.server.settings import ServerSettings
from synclips.server.shared_storage import open_storage
from synclips.server.storage import Storage
from synclips.server.worker import Runner, Worker


def run_worker(settings: ServerSettings, runner: Runner | None = None, *, tied: bool = True) -> None:
    """Work until SIGTERM or SIGINT, or (`tied`) until standard input closes.

    Args:
        runner: does the jobs; None: the Python API.
    """
    if settings.engine == "ray":
        _run_on_ray(settings, runner, tied=tied)
        return
    database = Database(settings.database)
    database.create()
    storage = open_storage(settings)
    queue = JobQueue(database, settings.lease_seconds, settings.max_attempts)
    name = os.environ.get("SYNCLIPS_WORKER_NAME") or f"{socket.gethostname()}-{os.getpid()}"
    if settings.worker_bytes:
        limit_process(10 * 365 * 24 * 3600, settings.worker_bytes)
    worker = Worker(
        name,
        queue,
        storage,
        runner or _dub_runner(settings, database, storage),
        heartbeat_seconds=settings.heartbeat_seconds,
        job_seconds=settings.job_seconds,
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: worker.stop())
    if tied:
        threading.Thread(target=_at_end_of_input, args=(worker.stop,), daemon=True).start()
    logging.getLogger("synclips.worker").info("worker ready", extra={"worker": name})
    worker.run()
    database.close()


def _dub_runner(settings: ServerSettings, database: Database, storage: Storage) -> Runner:
    from synclips.runtime import share_cores, tune_allocator
    from synclips.server.dub_runner import DubRunner

    tune_allocator()
    share_cores()
    return DubRunner(settings, database, storage)


def _run_on_ray(settings: ServerSettings, runner: Runner | None, *, tied: bool) -> None:
    from synclips.server.ray_worker import run_on_ray

    stopping = threading.Event()
    if tied:
        threading.Thread(target=_at_end_of_input, args=(stopping.set,), daemon=True).start()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    run_on_ray(settings, runner, stopping)


def _at_end_of_input(stop: Callable[[], None]) -> None:
    while os.read(0, 4096):  # not sys.stdin, whose lock this thread would hold when the interpreter ends
        pass
    stop()


if __name__ == "__main__":
    set_up_logs()
    try:
        run_worker(ServerSettings.from_environment(), tied="--alone" not in sys.argv)
    except SyncLipsError as error:
        logging.getLogger("synclips.worker").error("%s", error)
        sys.exit(1)
