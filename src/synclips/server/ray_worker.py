"""Jobs as tasks of a Ray cluster. The table stays the truth: a task takes a job under a lease, as any worker does.

So a task, a node or the whole cluster may be lost: the lease ends, and the next task takes the job.
"""

import os
import socket
import threading
from functools import lru_cache

from synclips.engines.ray_engine import RayEngine
from synclips.server.database import Database
from synclips.server.logs import set_up_logs
from synclips.server.queue import JobQueue
from synclips.server.settings import ServerSettings
from synclips.server.shared_storage import open_storage
from synclips.server.worker import Runner, Worker


def run_on_ray(settings: ServerSettings, runner: Runner | None, stopping: threading.Event) -> None:
    """Start a task for each job that waits, `settings.workers` at once, until `stopping` is set.

    Raises:
        BackendError: Ray is not installed, or its cluster does not answer.
    """
    engine = RayEngine(max(1, settings.workers), settings.ray_address or None)
    database = Database(settings.database)
    database.create()
    queue = JobQueue(database, settings.lease_seconds, settings.max_attempts)
    engine.keep_at_work(do_next_job, (settings, runner), queue.waiting, stopping)
    database.close()


def do_next_job(order: tuple[ServerSettings, Runner | None]) -> bool:
    """In a process of Ray: take the next job and see it through; False where there is none any more."""
    return _worker(*order).run_one()


@lru_cache(maxsize=1)
def _worker(settings: ServerSettings, runner: Runner | None) -> Worker:
    """Of this process; it keeps prepared videos from one task to the next."""
    set_up_logs()
    database = Database(settings.database)
    storage = open_storage(settings)
    if runner is None:
        from synclips.runtime import share_cores, tune_allocator
        from synclips.server.dub_runner import DubRunner

        tune_allocator()
        share_cores()
        runner = DubRunner(settings, database, storage)
    queue = JobQueue(database, settings.lease_seconds, settings.max_attempts)
    name = f"ray-{socket.gethostname()}-{os.getpid()}"
    return Worker(
        name, queue, storage, runner,
        heartbeat_seconds=settings.heartbeat_seconds, job_seconds=settings.job_seconds,
    )  # fmt: skip
