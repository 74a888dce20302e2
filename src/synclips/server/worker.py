"""A worker: takes jobs from the queue, one at a time, and runs them until it is asked to stop."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy.exc import SQLAlchemyError

from synclips.errors import InputError, SyncLipsError
from synclips.progress import Progress
from synclips.server.job_progress import JobProgress
from synclips.server.queue import Claim, JobQueue
from synclips.server.storage import Storage
from synclips.server.tables import Job

log = logging.getLogger("synclips.worker")
POLL_SECONDS: Final = 0.5
"""How often an idle worker looks for a job."""


class JobStopped(BaseException):
    """Raised inside a job whose work is to end now: `why` is stop, cancelled, lost or timeout."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class JobFailed(SyncLipsError):  # noqa: N818 (as `JobStopped`)
    """A job failed in a way that the API has a code for; `retry`: it may succeed another time."""

    def __init__(self, code: str, message: str, *, retry: bool = False) -> None:
        super().__init__(message)
        self.code, self.retry = code, retry


@dataclass(frozen=True)
class Task:
    """What a runner is given.

    folder:      of this attempt, for half-made files, with the finished parts of earlier attempts
    inputs:      of all attempts: what was fetched stays
    results:     of this attempt: what is left here is the result
    on_progress: to be called often; it raises `JobStopped` when the work is to end
    """

    job: Job
    folder: Path
    inputs: Path
    results: Path
    on_progress: Progress


Runner = Callable[[Task], dict[str, Any]]
"""Does the work of a job and returns its `result`; raises SyncLipsError where the job fails."""


class Worker:
    """`stop()` may be called from a signal handler or another thread; the job at hand is then given back."""

    def __init__(
        self,
        name: str,
        queue: JobQueue,
        storage: Storage,
        runner: Runner,
        *,
        heartbeat_seconds: float = 1.0,
        job_seconds: float = 6 * 3600.0,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self.name, self._queue, self._storage, self._runner = name, queue, storage, runner
        self._heartbeat_seconds, self._job_seconds, self._poll = heartbeat_seconds, job_seconds, poll_seconds
        self._stopping = threading.Event()

    def stop(self) -> None:
        """End soon; a job that is at work is given back to the queue."""
        self._stopping.set()

    def run(self) -> None:
        """Take jobs until `stop` is called."""
        while not self._stopping.is_set():
            try:
                worked = self.run_one()
            except SQLAlchemyError as error:
                log.warning("the database does not answer: %s", str(error).partition("\n")[0])
                worked = False
            if not worked:
                self._stopping.wait(self._poll)

    def run_one(self) -> bool:
        """Take the next job, if there is one, and see it through."""
        claim = self._queue.claim(self.name)
        if claim is None:
            return False
        log.info("job begun", extra={"job": claim.id, "kind": claim.job.kind, "attempt": claim.job.attempts})
        started = time.monotonic()
        outcome = self._attempt(claim)
        seconds = round(time.monotonic() - started, 2)
        log.info("job ended", extra={"job": claim.id, "outcome": outcome, "seconds": seconds})
        return True

    def _attempt(self, claim: Claim) -> str:
        """Run the job under its lease and record how it ended; the outcome in a word."""
        results = self._storage.results(claim.id) / str(claim.fence)
        done = False
        try:
            with _Lease(claim, self._queue, self._stopping, self._heartbeat_seconds, self._job_seconds) as lease:
                lease.check()
                folder = self._storage.attempt(claim.id, claim.fence)
                inputs = self._storage.work(claim.id) / "inputs"
                for path in (inputs, results):
                    path.mkdir(parents=True, exist_ok=True)
                task = Task(claim.job, folder, inputs, results, lease.on_progress)
                with self._storage.showing(claim.id, claim.fence):
                    result = self._runner(task)
            done = self._queue.complete(claim, result | {"fence": claim.fence})
            ended, outcome = done, "completed"
        except JobStopped as stopped:
            ended, outcome = self._stopped(claim, stopped.why)
        except KeyboardInterrupt:  # a task of Ray that is cancelled
            ended, outcome = self._stopped(claim, "stop")
        except JobFailed as error:
            ended = self._queue.fail(claim, error.code, str(error), retry=error.retry)
            outcome = f"failed: {error}"
        except SyncLipsError as error:
            retry = not isinstance(error, InputError)
            ended = self._queue.fail(claim, code_of(error), _without_paths(str(error), self._storage), retry=retry)
            outcome = f"failed: {error}"
        except Exception as error:
            log.exception("unexpected error", extra={"job": claim.id})
            words = f"An unexpected {type(error).__name__} ended the work; the server's log has the details."
            ended, outcome = self._queue.fail(claim, "generation_internal_error", words, retry=True), "crashed"
        if not done:
            self._storage.remove_attempt(claim.id, claim.fence)
        elif outcome == "completed":  # of other jobs that have ended, `expiry` removes what is left
            self._storage.remove_others(claim.id, claim.fence)
        return outcome if ended else f"{outcome}, but the lease was lost"

    def _stopped(self, claim: Claim, why: str) -> tuple[bool, str]:
        if why == "cancelled":
            return self._queue.end_cancelled(claim), "cancelled"
        if why == "timeout":
            words = f"The work took longer than {self._job_seconds:g} s; send a shorter video."
            return self._queue.fail(claim, "generation_timeout", words, retry=False), "timed out"
        return (self._queue.release(claim) if why == "stop" else False), "given back" if why == "stop" else "lost"


class _Lease:
    """Within it a thread says that the worker lives, and `on_progress` ends the work when it is to end."""

    def __init__(self, claim: Claim, queue: JobQueue, stopping: threading.Event, every: float, most: float) -> None:
        self._claim, self._queue, self._stopping, self._every = claim, queue, stopping, every
        self._progress = JobProgress()
        self._over = threading.Event()
        self._why: str | None = None
        self._deadline = time.monotonic() + most
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> "_Lease":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def on_progress(self, stage: str, done: int, total: int) -> None:
        """Take the progress; raise `JobStopped` when the work is to end."""
        self._progress.update(stage, done, total)
        self.check()

    def check(self) -> None:
        """Raise `JobStopped` when the work is to end."""
        if self._why is None and self._stopping.is_set():
            self._why = "stop"
        if self._why is None and time.monotonic() > self._deadline:
            self._why = "timeout"
        if self._why is not None:
            raise JobStopped(self._why)

    def _beat(self) -> None:
        while not self._over.wait(self._every):
            try:
                p = self._progress
                answer = self._queue.heartbeat(self._claim, p.stage, round(p.progress, 4), p.eta)
            except SQLAlchemyError as error:
                log.warning("no heartbeat: %s", str(error).partition("\n")[0], extra={"job": self._claim.id})
                continue
            if answer != "go on":
                self._why = answer
                return


def code_of(error: SyncLipsError) -> str:
    """The API's code for an error of the library."""
    from synclips.errors import BackendError, CheckpointError, MediaError, NoFaceError, OutputError, TextError

    codes: tuple[tuple[type[SyncLipsError], str], ...] = (
        (NoFaceError, "generation_no_face_found"),
        (MediaError, "generation_media_unreadable"),
        (TextError, "generation_text_invalid"),
        (InputError, "generation_input_validation_failed"),
        (BackendError, "generation_voice_unavailable"),
        (CheckpointError, "generation_model_unavailable"),
        (OutputError, "generation_output_failed"),
    )
    return next((code for kind, code in codes if isinstance(error, kind)), "generation_internal_error")


def _without_paths(message: str, storage: Storage) -> str:
    """The message without the server's own folders: a client is told what is wrong, not where files lie here."""
    words = [
        "the file" + word[len(word.rstrip(",;:.")) :] if str(storage.root) in word else word
        for word in message.split(" ")
    ]
    return " ".join(words)
