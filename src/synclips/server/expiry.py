"""What is removed by itself: work of ended jobs, uploads that never came, results and uploads after a time.

Voices that were kept stay."""

import logging
import threading
import time
from contextlib import suppress
from typing import Final

from sqlalchemy import and_, delete, not_, or_, select

from synclips.server.database import Database
from synclips.server.storage import Storage
from synclips.server.tables import FINAL, Asset, Job

log = logging.getLogger("synclips.expiry")
RESERVED_SECONDS: Final = 24 * 3600.0
"""How long an upload may take to come."""
_SETTLED_SECONDS: Final = 60.0
"""Age of a folder without a job at which it is taken for a leftover."""


def run(database: Database, storage: Storage, keep_days: float, stopping: threading.Event, every: float = 60.0) -> None:
    """Sweep now and then until `stopping` is set."""
    while True:
        try:
            sweep(database, storage, keep_days)
        except Exception:
            log.exception("nothing is removed at the moment")
        if stopping.wait(every):
            return


def sweep(database: Database, storage: Storage, keep_days: float, now: float | None = None) -> int:
    """Remove what is over; the number of jobs and assets removed."""
    now = time.time() if now is None else now
    removed = 0
    with database.writing() as session:
        never_came = and_(Asset.state == "reserved", Asset.created < now - RESERVED_SECONDS)
        expired = never_came
        if keep_days > 0:
            limit = now - keep_days * 24 * 3600
            over = and_(Job.status.in_(FINAL), Job.finished < limit)
            kept = and_(Job.kind == "voice", Job.status == "COMPLETED")  # voices stay until they are deleted
            old = session.execute(select(Job.id).where(over, not_(kept))).scalars().all()
            session.execute(delete(Job).where(Job.id.in_(old)))
            for job_id in old:
                storage.remove_job(job_id)
            removed += len(old)
            in_use = select(Job.asset).where(Job.asset.is_not(None))
            expired = or_(never_came, and_(Asset.state == "ready", Asset.updated < limit, Asset.id.not_in(in_use)))
        for asset in session.execute(select(Asset).where(expired)).scalars().all():
            if asset.file:
                storage.remove_upload(asset.file)
            session.delete(asset)
            removed += 1
    _remove_leftovers(database, storage)
    storage.remove_copies()
    return removed


def _remove_leftovers(database: Database, storage: Storage) -> None:
    """Folders of work whose jobs have ended or are gone."""
    for job_id, changed in storage.unfinished():
        with database.reading() as session:
            job = session.get(Job, job_id)
        if (job is None and time.time() - changed > _SETTLED_SECONDS) or (job and job.status in FINAL):
            with suppress(ValueError):  # a folder that is none of ours
                storage.remove_work(job_id)
