"""Webhooks: the end of a generation, posted to the address that its request named, signed.

`Sync-Signature: t=<seconds>,v1=<hex>` is the HMAC-SHA256, by the shared secret, of `<seconds>.<body>`, as sync. signs.
A delivery is recorded only when it has been answered: after a crash it is sent again (at least once), with the same
generation id.
"""

import asyncio
import hashlib
import hmac
import json
import logging
import threading
import time
from collections.abc import Callable
from typing import Any, Final

import httpx
from httpx_secure import SSRFProtectionError
from sqlalchemy import select, update

from synclips.server.database import Database
from synclips.server.fetch import safe_client
from synclips.server.tables import Job

log = logging.getLogger("synclips.webhooks")
WAITS: Final = (5.0, 30.0, 120.0, 600.0, 3600.0)
"""Seconds between one attempt and the next."""
_CLAIM_SECONDS: Final = 60.0
_ANSWER_SECONDS: Final = 15.0


class Webhooks:
    """Delivers what is due. `shown` makes a job the body that is posted."""

    def __init__(
        self, database: Database, secret: str, shown: Callable[[Job], dict[str, Any]], *, allow_private: bool = False
    ) -> None:
        self._database, self._secret, self._shown, self._allow_private = database, secret, shown, allow_private

    def run(self, stopping: threading.Event, every: float = 1.0) -> None:
        """Deliver until `stopping` is set."""
        while not stopping.wait(every):
            try:
                while self.deliver_one() and not stopping.is_set():
                    pass
            except Exception:
                log.exception("webhooks are delayed")

    def deliver_one(self) -> bool:
        """Deliver the next one that is due, if there is one."""
        with self._database.writing() as session:
            now = self._database.now(session)
            due = (
                select(Job)
                .where(Job.webhook_state == "due", Job.webhook_next <= now)
                .order_by(Job.webhook_next)
                .limit(1)
            )
            job = session.execute(due.with_for_update(skip_locked=True)).scalar_one_or_none()
            if job is None:
                return False
            job.webhook_next = now + _CLAIM_SECONDS  # for others; this process may end before it has an answer
            job.webhook_attempts += 1
        answer = asyncio.run(self._post(job))
        with self._database.writing() as session:
            if answer is None:
                state: dict[str, Any] = {"webhook_state": "delivered"}
            elif answer == "forbidden" or job.webhook_attempts > len(WAITS):
                state = {"webhook_state": "failed"}
            else:
                state = {"webhook_next": self._database.now(session) + WAITS[job.webhook_attempts - 1]}
            session.execute(update(Job).where(Job.id == job.id).values(state))
        log.info("webhook", extra={"job": job.id, "outcome": answer or "delivered", "attempt": job.webhook_attempts})
        return True

    async def _post(self, job: Job) -> str | None:
        """None where it was taken, otherwise why not."""
        body = json.dumps(self._shown(job), separators=(",", ":"), ensure_ascii=False).encode()
        headers = {"content-type": "application/json", "sync-signature": signature(self._secret, body)}
        try:
            async with (
                asyncio.timeout(_ANSWER_SECONDS),
                safe_client(allow_private=self._allow_private, redirects=False) as client,
                client.stream("POST", str(job.webhook_url), content=body, headers=headers) as answer,
            ):
                return None if answer.is_success else f"status {answer.status_code}"
        except SSRFProtectionError:
            return "forbidden"
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError) as error:
            return type(error).__name__


def signature(secret: str, body: bytes, now: float | None = None) -> str:
    """The value of the header `Sync-Signature`."""
    stamp = int(time.time() if now is None else now)
    return f"t={stamp},v1={hmac.new(secret.encode(), str(stamp).encode() + b'.' + body, hashlib.sha256).hexdigest()}"
