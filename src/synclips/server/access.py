"""Who may do what: API keys, their scopes, and how often each may ask."""

import hashlib
import secrets
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import func, select, update

from synclips.errors import ConfigError
from synclips.server.answers import ApiError
from synclips.server.database import Database
from synclips.server.tables import ApiKey

SCOPES: Final = ("read", "write", "metrics")
LOCAL: Final = "local"
"""The owner of everything that is made without a key."""
_KEY: Final = "slk_"
_SHOWN: Final = 12
"""Characters of a key that are kept as they are, to tell keys apart."""
_KNOWN_SECONDS: Final = 10.0
"""How long a key is taken as valid without asking the database again: how late a revocation may take effect."""


@dataclass(frozen=True)
class Caller:
    """Who sends a request: `owner` is what is theirs in the tables."""

    owner: str
    scopes: frozenset[str]
    priority: int = 0


class Keys:
    """The API keys of a database. Kept of each: its SHA-256, and its first characters. Keys are random, 256 bits."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[str, tuple[float, Caller | None]] = {}
        self._lock = threading.Lock()

    def create(self, name: str, scopes: tuple[str, ...] = ("read", "write"), priority: int = 0) -> str:
        """A new key, to be shown once.

        Raises:
            ConfigError: a scope is not known.
        """
        if unknown := set(scopes) - set(SCOPES):
            raise ConfigError(f"{sorted(unknown)[0]!r} is no scope; there are {', '.join(SCOPES)}")
        key = _KEY + secrets.token_urlsafe(32)
        with self._database.writing() as session:
            session.add(
                ApiKey(
                    id=str(uuid.uuid4()),
                    name=name,
                    prefix=key[:_SHOWN],
                    digest=_digest(key),
                    scopes=" ".join(scopes),
                    priority=priority,
                    created=time.time(),
                    revoked=None,
                )
            )
        return key

    def listed(self) -> list[ApiKey]:
        """Every key, the oldest first."""
        with self._database.reading() as session:
            return list(session.execute(select(ApiKey).order_by(ApiKey.created)).scalars())

    def revoke(self, prefix: str) -> int:
        """Make the keys that begin so worthless; how many."""
        with self._database.writing() as session:
            mine = update(ApiKey).where(ApiKey.prefix == prefix, ApiKey.revoked.is_(None))
            return len(session.execute(mine.values(revoked=time.time()).returning(ApiKey.id)).all())

    def any_active(self) -> bool:
        """Whether there is a key that is not revoked."""
        with self._database.reading() as session:
            wanted = select(func.count()).select_from(ApiKey).where(ApiKey.revoked.is_(None))
            return session.execute(wanted).scalar_one() > 0

    def caller(self, key: str) -> Caller | None:
        """Whose key it is; None: nobody's. Keys are compared by their digests."""
        digest, now = _digest(key), time.monotonic()
        with self._lock:
            known = self._known.get(digest)
        if known is not None and now - known[0] < _KNOWN_SECONDS:
            return known[1]
        with self._database.reading() as session:
            row = session.execute(
                select(ApiKey).where(ApiKey.digest == digest, ApiKey.revoked.is_(None))
            ).scalar_one_or_none()
        caller = None if row is None else Caller(row.id, frozenset(row.scopes.split()), row.priority)
        with self._lock:
            if len(self._known) > 10_000:
                self._known.clear()
            self._known[digest] = now, caller
        return caller


class RateLimit:
    """Token buckets: `per_minute` requests of each name, at most that many at once."""

    def __init__(self, per_minute: int, now: Callable[[], float] = time.monotonic) -> None:
        self._per_minute, self._now = per_minute, now
        self._buckets: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def take(self, name: str) -> None:
        """Count a request.

        Raises:
            ApiError: there were too many; it says how long to wait.
        """
        now, rate = self._now(), self._per_minute / 60
        with self._lock:
            if len(self._buckets) > 10_000:
                self._buckets = {n: b for n, b in self._buckets.items() if now - b[1] < 60}
            left, before = self._buckets.get(name, (float(self._per_minute), now))
            left = min(float(self._per_minute), left + (now - before) * rate)
            if left < 1:
                wait = max(1, round((1 - left) / rate + 0.5))
                raise ApiError("rate_limited", headers={"Retry-After": str(wait)})
            self._buckets[name] = left - 1, now


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
