"""The queue: every job is done once, whatever happens to its worker; on SQLite and on PostgreSQL."""

import threading
from pathlib import Path
from typing import Any

import fake_dub
import pytest
from running_server import wait_until

from synclips.server import queue as queue_module
from synclips.server.database import Database
from synclips.server.job_progress import JobProgress
from synclips.server.queue import IdempotencyConflictError, JobQueue, QueueFullError
from synclips.server.storage import Storage
from synclips.server.tables import Job
from synclips.server.worker import Worker


def body(text: str = "Hello.") -> dict[str, Any]:
    return {"input": [{"type": "video", "url": "x"}, {"type": "text", "provider": {"script": text}}]}


def submitted(queue: JobQueue, text: str = "Hello.", **more: Any) -> Job:
    return queue.submit("generate", "me", body(text), **more)


def state(queue: JobQueue, job: Job) -> Job:
    found = queue.get("me", job.id)
    assert found is not None
    return found


@pytest.fixture
def queue(database: Database) -> JobQueue:
    return JobQueue(database)


@pytest.fixture
def worker(queue: JobQueue, tmp_path: Path) -> Worker:
    storage = Storage(tmp_path / "data")
    storage.create()
    return Worker("w", queue, storage, fake_dub.fake_dub, heartbeat_seconds=0.02)


def test_the_highest_priority_and_then_the_oldest_is_taken_first(queue: JobQueue) -> None:
    old, new, urgent = submitted(queue), submitted(queue), submitted(queue, priority=1)
    taken = [queue.claim("w") for _ in range(4)]
    assert [claim.id if claim else None for claim in taken] == [urgent.id, old.id, new.id, None]


def test_many_workers_at_once_take_every_job_once(queue: JobQueue) -> None:
    jobs = {submitted(queue).id for _ in range(20)}
    taken: list[str] = []

    def take(name: str) -> None:
        while (claim := queue.claim(name)) is not None:
            taken.append(claim.id)

    threads = [threading.Thread(target=take, args=(str(number),)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # with SKIP LOCKED a claim may see nothing while others hold the rows: what is left is taken now
    take("last")
    assert sorted(taken) == sorted(jobs)


def test_what_a_worker_says_after_its_lease_counts_for_nothing(queue: JobQueue) -> None:
    job = submitted(queue)
    first = queue.claim("slow")
    assert first is not None
    queue.abandon("slow")
    second = queue.claim("other")
    assert second is not None
    assert (second.id, second.fence) == (job.id, first.fence + 1)
    assert queue.heartbeat(first, "render", 0.9, 1.0) == "lost"
    assert not queue.complete(first, {"duration": 1})
    assert not queue.fail(first, "code", "words", retry=False)
    assert not queue.release(first)
    assert state(queue, job).status == "PROCESSING"
    assert queue.complete(second, {"duration": 2})
    assert state(queue, job).result == {"duration": 2}
    assert not queue.complete(second, {"duration": 3})


def test_a_lease_that_is_prolonged_is_not_taken(database: Database) -> None:
    queue = JobQueue(database, lease_seconds=0.3)
    submitted(queue)
    claim = queue.claim("w")
    assert claim is not None
    for _ in range(5):
        threading.Event().wait(0.1)
        assert queue.heartbeat(claim, "render", 0.5, None) == "go on"
        assert queue.claim("other") is None
    wait_until(lambda: queue.claim("other"), 2)


def test_a_job_whose_workers_die_three_times_fails_and_says_so(queue: JobQueue) -> None:
    job = submitted(queue)
    for attempt in range(3):
        claim = queue.claim(f"w{attempt}")
        assert claim is not None
        queue.heartbeat(claim, "find the face", 0.1, None)
        queue.abandon(f"w{attempt}")
    assert queue.claim("w3") is None
    ended = state(queue, job)
    assert (ended.status, ended.error_code) == ("FAILED", "generation_worker_lost")
    assert "find the face" in str(ended.error)


def test_an_attempt_that_was_given_back_does_not_count(queue: JobQueue) -> None:
    job = submitted(queue)
    for _ in range(5):
        claim = queue.claim("w")
        assert claim is not None
        assert queue.release(claim)
    assert (state(queue, job).status, state(queue, job).attempts) == ("PENDING", 0)


def test_a_failure_that_may_pass_is_tried_three_times_with_waits(
    queue: JobQueue, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_module, "RETRY_SECONDS", 0.5)
    job = submitted(queue, "again")
    assert worker.run_one()
    assert state(queue, job).status == "PENDING"
    assert not worker.run_one()  # not before its time
    wait_until(lambda: worker.run_one() and state(queue, job).status == "FAILED", 5)
    assert (state(queue, job).attempts, state(queue, job).error_code) == (3, "generation_voice_unavailable")


def test_a_wrong_input_is_not_tried_again(queue: JobQueue, worker: Worker) -> None:
    job = submitted(queue, "fail")
    assert worker.run_one()
    assert (state(queue, job).status, state(queue, job).error_code) == ("FAILED", "generation_text_invalid")


def test_a_waiting_job_is_cancelled_at_once_and_a_running_one_soon(queue: JobQueue, worker: Worker) -> None:
    running, waiting = submitted(queue, "slow 400"), submitted(queue)
    thread = threading.Thread(target=worker.run_one)
    thread.start()
    wait_until(lambda: state(queue, running).progress > 0)
    queue.cancel("me", waiting.id)
    assert state(queue, waiting).status == "REJECTED"
    queue.cancel("me", running.id)
    thread.join(10)
    assert (state(queue, running).status, state(queue, running).error_code) == ("REJECTED", "generation_cancelled")
    assert queue.claim("w") is None


def test_nobody_cancels_or_sees_the_job_of_somebody_else(queue: JobQueue) -> None:
    job = submitted(queue)
    assert queue.cancel("you", job.id) is None
    assert queue.get("you", job.id) is None
    assert state(queue, job).status == "PENDING"


def test_a_worker_that_is_stopped_gives_its_job_back_and_another_goes_on_where_it_was(
    queue: JobQueue, worker: Worker, tmp_path: Path
) -> None:
    job = submitted(queue, "slow 30")
    thread = threading.Thread(target=worker.run)
    thread.start()
    wait_until(lambda: state(queue, job).progress > 0)
    worker.stop()
    thread.join(10)
    assert (state(queue, job).status, state(queue, job).attempts) == ("PENDING", 0)
    Worker("other", queue, Storage(tmp_path / "data"), fake_dub.fake_dub).run_one()
    ended = state(queue, job)
    assert ended.status == "COMPLETED"
    assert ended.result is not None
    folder = Storage(tmp_path / "data").results(job.id) / str(ended.result["fence"])
    steps = [line.split() for line in (folder / "steps.log").read_text().splitlines()]
    assert [int(step) for step, _ in steps] == list(range(30))  # none left out, none made twice
    assert {fence for _, fence in steps} == {"1", "2"}
    assert not Storage(tmp_path / "data").work(job.id).exists()


def test_a_job_beyond_its_time_is_failed(queue: JobQueue, tmp_path: Path) -> None:
    storage = Storage(tmp_path / "data")
    storage.create()
    job = submitted(queue, "slow 400")
    Worker("w", queue, storage, fake_dub.fake_dub, heartbeat_seconds=0.02, job_seconds=0.1).run_one()
    assert (state(queue, job).status, state(queue, job).error_code) == ("FAILED", "generation_timeout")


def test_an_idempotency_key_makes_one_job_also_of_requests_at_the_same_moment(queue: JobQueue) -> None:
    made: list[str] = []

    def send() -> None:
        made.append(submitted(queue, idempotency_key="k", digest="d").id)

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 6
    assert len(set(made)) == 1
    with pytest.raises(IdempotencyConflictError):
        submitted(queue, idempotency_key="k", digest="other")
    assert queue.submit("generate", "you", body(), idempotency_key="k", digest="x").id not in made


def test_an_owner_has_only_so_many_unfinished_jobs(queue: JobQueue) -> None:
    for _ in range(2):
        submitted(queue, most=2)
    with pytest.raises(QueueFullError):
        submitted(queue, most=2)
    queue.submit("generate", "you", body(), most=2)


def test_progress_never_falls_and_tells_the_time_that_is_left() -> None:
    clock = [0.0]
    progress = JobProgress(lambda: clock[0])
    seen = []
    for stage, steps in (("find the face", 10), ("speak", 1), ("find the face", 10), ("render", 100)):
        for step in range(steps + 1):
            clock[0] += 0.1
            progress.update(stage, step, steps)
            seen.append(progress.progress)
    assert seen == sorted(seen)
    assert 0.5 < seen[-1] < 1
    progress = JobProgress(lambda: clock[0])
    for step in range(51):
        clock[0] += 0.1
        progress.update("render", step, 100)
    assert progress.eta is not None
    assert 5 <= progress.eta <= 8
