"""Kill -9 of workers and of the server: no job is lost, none is done twice, half-made work goes on."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fake_dub
import httpx
import pytest
from running_server import free_port, wait_until

from synclips.server.database import Database
from synclips.server.queue import JobQueue
from synclips.server.settings import ServerSettings
from synclips.server.storage import Storage
from synclips.server.tables import Job

pytestmark = pytest.mark.long

STEPS = 60
SERVER = """
import sys, uvicorn
from synclips.server.app import create_app
from synclips.server.settings import ServerSettings

settings = ServerSettings.from_environment()
app = create_app(settings, command=[sys.executable, {worker!r}])
uvicorn.run(app, host="127.0.0.1", port=settings.port, log_config=None)
"""


class Installation:
    """Processes of one data folder and database, which can be killed."""

    def __init__(self, folder: Path, url: str) -> None:
        self.settings = ServerSettings(
            data_dir=folder, database_url=url, port=free_port(), heartbeat_seconds=0.1, lease_seconds=1.5, workers=1
        )
        self.environment = os.environ | self.settings.as_environment()
        self.database = Database(url)
        self.database.create()
        self.storage = Storage(folder)
        self.storage.create()
        self.queue = JobQueue(self.database, 1.5)
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, *command: str) -> "subprocess.Popen[bytes]":
        """A process; what it prints goes nowhere."""
        process = subprocess.Popen(
            [sys.executable, *command], env=self.environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.processes.append(process)
        return process

    def worker(self) -> "subprocess.Popen[bytes]":
        """A worker."""
        return self.start(fake_dub.__file__)

    def server(self) -> "subprocess.Popen[bytes]":
        """A server with a worker of its own."""
        return self.start("-c", SERVER.format(worker=fake_dub.__file__))

    def submit(self, text: str = f"slow {STEPS}") -> Job:
        """A job of so many steps."""
        items = [{"type": "video", "assetId": "x"}, {"type": "text", "provider": {"script": text}}]
        return self.queue.submit("generate", "local", {"input": items}, model="m")

    def job(self, job: Job) -> Job:
        """It as it is now."""
        found = self.queue.get("local", job.id)
        assert found is not None
        return found

    def steps(self, job: Job) -> list[tuple[int, int]]:
        """Each step that was made and the fence under which it was."""
        ended = self.job(job)
        assert ended.status == "COMPLETED", ended.error
        assert ended.result is not None
        log = self.storage.results(job.id) / str(ended.result["fence"]) / "steps.log"
        pairs = [line.split() for line in log.read_text().splitlines()]
        return [(int(step), int(fence)) for step, fence in pairs]

    def close(self) -> None:
        """End everything."""
        for process in self.processes:
            process.kill()
            process.wait()
            if process.stdin:
                process.stdin.close()
        self.database.close()


@pytest.fixture
def installation(tmp_path: Path, database_url: str) -> Iterator[Installation]:
    made = Installation(tmp_path / "data", database_url)
    yield made
    made.close()


def under_way(installation: Installation, job: Job, least: float = 0.05) -> Any:
    return lambda: installation.job(job).status == "PROCESSING" and installation.job(job).progress > least


def test_a_worker_that_is_killed_loses_nothing_and_another_goes_on(installation: Installation) -> None:
    job = installation.submit()
    first = installation.worker()
    wait_until(under_way(installation, job))
    time.sleep(0.3)
    first.kill()
    first.wait()
    installation.worker()
    wait_until(lambda: installation.job(job).status == "COMPLETED", 60)
    steps = installation.steps(job)
    assert min(step for step, fence in steps if fence == 2) > 0  # the second did not begin anew
    assert sorted({step for step, _ in steps}) == list(range(STEPS))
    assert len(steps) <= STEPS + 1  # the step at which it was killed may be made again
    wait_until(lambda: len(list(installation.storage.results(job.id).iterdir())) == 1, 10)


def test_a_worker_that_stood_still_beyond_its_lease_changes_nothing_when_it_wakes(installation: Installation) -> None:
    job = installation.submit()
    first = installation.worker()
    wait_until(under_way(installation, job))
    os.kill(first.pid, signal.SIGSTOP)
    installation.worker()
    wait_until(lambda: installation.job(job).fence == 2, 60)
    os.kill(first.pid, signal.SIGCONT)
    wait_until(lambda: installation.job(job).status == "COMPLETED", 60)
    assert installation.job(job).result is not None
    assert installation.job(job).result["fence"] == 2  # type: ignore[index]
    follower = installation.submit("Hello.")
    wait_until(lambda: installation.job(follower).status == "COMPLETED", 60)
    wait_until(lambda: len(list(installation.storage.results(job.id).iterdir())) == 1, 10)


def test_server_and_worker_killed_together_and_started_again_finish_everything_once(installation: Installation) -> None:
    url = f"http://127.0.0.1:{installation.settings.port}"
    server = installation.server()

    def answers() -> bool:
        try:
            return httpx.get(f"{url}/healthz").status_code == 200
        except httpx.TransportError:
            return False

    wait_until(answers, 60)
    jobs = [installation.submit("slow 20"), installation.submit("Hello.")]
    wait_until(under_way(installation, jobs[0], 0.0), 60)
    server.kill()
    server.wait()
    installation.server()
    wait_until(answers, 60)
    wait_until(lambda: all(installation.job(job).status == "COMPLETED" for job in jobs), 60)
    assert sorted({step for step, _ in installation.steps(jobs[0])}) == list(range(20))
    assert len(httpx.get(f"{url}/v2/generations").json()) == 2


def test_a_job_that_kills_every_worker_is_failed_and_the_next_is_done(installation: Installation) -> None:
    bad, good = installation.submit("crash"), installation.submit("Hello.")
    for _ in range(4):
        worker = installation.worker()
        wait_until(lambda: worker.poll() is not None or installation.job(good).status == "COMPLETED", 60)  # noqa: B023
        if installation.job(good).status == "COMPLETED":
            break
        for owner in {installation.job(bad).worker, installation.job(good).worker}:
            installation.queue.abandon(owner)
    wait_until(lambda: installation.job(bad).status == "FAILED" and installation.job(good).status == "COMPLETED", 60)
    assert installation.job(bad).error_code == "generation_worker_lost"
