"""The queue of jobs: the table of their records, taken by workers under a lease.

A worker takes a job with `claim`, says with `heartbeat` that it lives, and ends with `complete`, `fail` or `release`.
Each claim raises the job's fence; a worker whose lease ran out holds an old one, and nothing that it says counts.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from synclips.server.database import Database
from synclips.server.tables import FINAL, Job, Kind

Beat = Literal["go on", "cancelled", "lost"]
RETRY_SECONDS: Final = 5.0
"""Wait before a second attempt; doubled for each further one."""
CANCELLED: Final = ("generation_cancelled", "The generation was cancelled.")


@dataclass(frozen=True)
class Claim:
    """A job that a worker holds, under its fence."""

    job: Job
    fence: int

    @property
    def id(self) -> str:
        """The job's."""
        return self.job.id


class IdempotencyConflictError(Exception):
    """The key was used before, with another request."""


class QueueFullError(Exception):
    """The owner has as many unfinished jobs as it may have."""


class JobQueue:
    """The jobs of a database. Every method is one transaction."""

    def __init__(self, database: Database, lease_seconds: float = 30.0, max_attempts: int = 3) -> None:
        self.database, self.lease_seconds, self.max_attempts = database, lease_seconds, max_attempts

    def submit(self, kind: Kind, owner: str, request: dict[str, Any], *, most: int | None = None, **more: Any) -> Job:
        """Put a job into the queue; `more` are further columns.

        With an idempotency key that was used before for an equal request (`digest`), the earlier job is returned.

        Args:
            most: unfinished jobs of its kind that the owner may have.

        Raises:
            IdempotencyConflictError: the key was used for another request.
            QueueFullError: the owner has `most` already.
        """
        key, digest = more.get("idempotency_key"), more.get("digest", "")
        try:
            with self.database.writing() as session:
                if key is not None and (earlier := _earlier(session, owner, key)) is not None:
                    return _same(earlier, digest)
                if most is not None and self._unfinished(session, owner, kind) >= most:
                    raise QueueFullError
                now = self.database.now(session)
                job = Job(id=str(uuid.uuid4()), kind=kind, owner=owner, request=request, created=now, **more)
                session.add(job)
            return job
        except IntegrityError:  # the same key at the same moment, in PostgreSQL
            with self.database.reading() as session:
                earlier = _earlier(session, owner, str(key))
            if earlier is None:
                raise
            return _same(earlier, digest)

    def submit_many(self, jobs: Sequence[Job]) -> None:
        """Put several jobs into the queue, all or none."""
        with self.database.writing() as session:
            session.add_all(jobs)

    def claim(self, worker: str, kinds: Sequence[str] | None = None) -> Claim | None:
        """Take the next job: of the highest priority the oldest; also one whose worker gives no sign of life."""
        with self.database.writing() as session:
            now = self.database.now(session)
            self._end_abandoned(session, now)
            waiting = and_(Job.status == "PENDING", Job.not_before <= now)
            abandoned = and_(Job.status == "PROCESSING", Job.lease_until < now)
            wanted = select(Job).where(or_(waiting, abandoned))
            if kinds is not None:
                wanted = wanted.where(Job.kind.in_(kinds))
            wanted = wanted.order_by(Job.priority.desc(), Job.created, Job.id).limit(1)
            job = session.execute(wanted.with_for_update(skip_locked=True)).scalar_one_or_none()
            if job is None:
                return None
            job.status, job.worker, job.fence = "PROCESSING", worker, job.fence + 1
            job.attempts += 1
            job.lease_until = now + self.lease_seconds
            job.started = job.started or now
            job.eta = None
            return Claim(job, job.fence)

    def heartbeat(self, claim: Claim, stage: str, progress: float, eta: float | None) -> Beat:
        """Prolong the lease and say how far the work is."""
        with self.database.writing() as session:
            until = self.database.now(session) + self.lease_seconds
            values = {"lease_until": until, "stage": stage, "progress": progress, "eta": eta}
            held = session.execute(update(Job).where(*_held(claim)).values(values).returning(Job.cancel)).scalar()
        return "lost" if held is None else "cancelled" if held else "go on"

    def complete(self, claim: Claim, result: dict[str, Any]) -> bool:
        """The job is done; False where it is not this worker's any more."""
        return self._end(claim, status="COMPLETED", result=result, progress=1.0, eta=0.0, error=None, error_code=None)

    def fail(self, claim: Claim, code: str, message: str, *, retry: bool) -> bool:
        """The attempt failed: again later where `retry` and attempts are left, otherwise the job is FAILED."""
        if retry and claim.job.attempts < self.max_attempts:
            delay = RETRY_SECONDS * 2 ** (claim.job.attempts - 1)
            with self.database.writing() as session:
                later = self.database.now(session) + delay
                values = {"status": "PENDING", "not_before": later, "error": message, "error_code": code, "worker": ""}
                return _changed(session, claim, values)
        return self._end(claim, status="FAILED", error=message, error_code=code, eta=None)

    def release(self, claim: Claim) -> bool:
        """Give the job back unfinished, as a worker that is stopped does; the attempt does not count."""
        values = {"status": "PENDING", "attempts": claim.job.attempts - 1, "worker": "", "not_before": 0.0}
        with self.database.writing() as session:
            return _changed(session, claim, values)

    def end_cancelled(self, claim: Claim) -> bool:
        """The worker has stopped, as was asked."""
        return self._end(claim, status="REJECTED", error=CANCELLED[1], error_code=CANCELLED[0], eta=None)

    def cancel(self, owner: str, job_id: str) -> Job | None:
        """Ask that a job be stopped: at once where it waits, else as soon as its worker hears of it."""
        with self.database.writing() as session:
            job = session.execute(select(Job).where(Job.id == job_id, Job.owner == owner).with_for_update()).scalar()
            if job is None or job.status in FINAL:
                return job
            job.cancel = True
            if job.status == "PENDING":
                _finish(job, self.database.now(session), "REJECTED", *CANCELLED)
            return job

    def abandon(self, worker: str) -> None:
        """The process of a worker has ended: its job may be taken by another one at once."""
        with self.database.writing() as session:
            mine = and_(Job.status == "PROCESSING", Job.worker == worker)
            session.execute(update(Job).where(mine).values(lease_until=0.0))

    def get(self, owner: str, job_id: str) -> Job | None:
        """The owner's job of this id."""
        with self.database.reading() as session:
            return session.execute(select(Job).where(Job.id == job_id, Job.owner == owner)).scalar_one_or_none()

    def waiting(self) -> int:
        """How many jobs a worker could take now."""
        with self.database.reading() as session:
            now = self.database.now(session)
            pending = and_(Job.status == "PENDING", Job.not_before <= now)
            abandoned = and_(Job.status == "PROCESSING", Job.lease_until < now)
            return session.execute(select(func.count()).select_from(Job).where(or_(pending, abandoned))).scalar_one()

    def counts(self) -> dict[str, int]:
        """How many jobs there are in each status."""
        with self.database.reading() as session:
            rows = session.execute(select(Job.status, func.count()).group_by(Job.status)).all()
        return {status: count for status, count in rows}  # noqa: C416

    def _end(self, claim: Claim, **values: Any) -> bool:
        with self.database.writing() as session:
            now = self.database.now(session)
            if claim.job.webhook_url:
                values |= {"webhook_state": "due", "webhook_next": now}
            return _changed(session, claim, values | {"finished": now, "worker": ""})

    def _end_abandoned(self, session: Session, now: float) -> None:
        """Of the jobs whose workers give no sign of life, those that are not begun again."""
        lost = and_(Job.status == "PROCESSING", Job.lease_until < now)
        over = or_(Job.attempts >= self.max_attempts, Job.cancel)
        for job in session.execute(select(Job).where(lost, over).with_for_update(skip_locked=True)).scalars():
            if job.cancel:
                _finish(job, now, "REJECTED", *CANCELLED)
            else:
                words = f"The worker ended {job.attempts} times while it was at this job, at last during: {job.stage}."
                _finish(job, now, "FAILED", "generation_worker_lost", words)

    def _unfinished(self, session: Session, owner: str, kind: str) -> int:
        mine = select(func.count()).select_from(Job).where(Job.owner == owner, Job.kind == kind)
        return session.execute(mine.where(Job.status.in_(("PENDING", "PROCESSING")))).scalar_one()


def _finish(job: Job, now: float, status: str, code: str, message: str) -> None:
    job.status, job.error_code, job.error, job.finished, job.eta, job.worker = status, code, message, now, None, ""
    job.fence += 1
    if job.webhook_url:
        job.webhook_state, job.webhook_next = "due", now


def _held(claim: Claim) -> tuple[Any, ...]:
    return Job.id == claim.id, Job.fence == claim.fence, Job.status == "PROCESSING"


def _changed(session: Session, claim: Claim, values: dict[str, Any]) -> bool:
    return session.execute(update(Job).where(*_held(claim)).values(values).returning(Job.id)).scalar() is not None


def _earlier(session: Session, owner: str, key: str) -> Job | None:
    return session.execute(select(Job).where(Job.owner == owner, Job.idempotency_key == key)).scalar_one_or_none()


def _same(earlier: Job, digest: str) -> Job:
    if earlier.digest != digest:
        raise IdempotencyConflictError
    return earlier
