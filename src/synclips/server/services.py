"""What the routes work with, and the dependencies that FastAPI gives them."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import Depends, Request
from fastapi.requests import HTTPConnection
from fastapi.security import APIKeyHeader

from synclips.server.access import LOCAL, SCOPES, Caller, Keys, RateLimit
from synclips.server.answers import ApiError
from synclips.server.database import Database
from synclips.server.links import Links
from synclips.server.live_slots import LiveSlots
from synclips.server.queue import IdempotencyConflictError, JobQueue, QueueFullError
from synclips.server.settings import ServerSettings
from synclips.server.shared_storage import open_storage
from synclips.server.storage import Storage
from synclips.server.tables import Job, Kind

_UNSAFE: Final = ("POST", "PUT", "PATCH", "DELETE")
_IDEMPOTENCY: Final = re.compile(r"[A-Za-z0-9._~-]{1,128}")
header: Final = APIKeyHeader(name="x-api-key", auto_error=False, description="Not needed where the server has no keys.")


@dataclass(frozen=True)
class Services:
    """The parts of one server."""

    settings: ServerSettings
    database: Database
    queue: JobQueue
    storage: Storage
    links: Links
    keys: Keys
    posts: RateLimit
    gets: RateLimit
    strangers: RateLimit
    live: LiveSlots

    @classmethod
    def of(cls, settings: ServerSettings, database: Database) -> "Services":
        """The parts, as the settings say."""
        return cls(
            settings=settings,
            database=database,
            queue=JobQueue(database, settings.lease_seconds, settings.max_attempts),
            storage=open_storage(settings),
            links=Links(database.secret("links"), settings.link_seconds),
            keys=Keys(database),
            posts=RateLimit(settings.posts_per_minute),
            gets=RateLimit(settings.gets_per_minute),
            strangers=RateLimit(30),
            live=LiveSlots(settings.live_sessions, settings.live_sessions_each),
        )

    def submit(self, kind: Kind, caller: Caller, request: dict[str, Any], **more: Any) -> Job:
        """Put a job of the caller's into the queue; `more` are further columns.

        Raises:
            ApiError: the caller has too many unfinished jobs of its kind, or used the idempotency key for another.
        """
        try:
            return self.queue.submit(kind, caller.owner, request, most=self.settings.max_queued, **more)
        except IdempotencyConflictError as error:
            raise ApiError("IDEMPOTENCY_KEY_REUSED") from error
        except QueueFullError as error:
            raise ApiError("queue_full", headers={"Retry-After": "30"}) from error


def services(request: HTTPConnection) -> Services:
    """The server's parts."""
    found: Services = request.app.state.services
    return found


def allowed(scope: str) -> Callable[..., Caller]:
    """A dependency: who sends the request, if it may do what `scope` names."""

    def caller(request: Request, key: Annotated[str | None, Depends(header)] = None) -> Caller:
        found = identify(request, key)
        if scope not in found.scopes:
            raise ApiError("forbidden", f"The key lacks the scope {scope!r}.")
        own = services(request)
        (own.posts if request.method in _UNSAFE else own.gets).take(found.owner)
        return found

    return caller


def identify(request: HTTPConnection, key: str | None) -> Caller:
    """Who sends the request.

    Raises:
        ApiError: a key is needed, or this one is nobody's.
    """
    own = services(request)
    bearer = request.headers.get("authorization", "")
    key = key or (bearer.removeprefix("Bearer ").strip() if bearer.startswith("Bearer ") else None)
    if request.app.state.open_access:
        return Caller(LOCAL, frozenset(SCOPES))
    if key is not None and (found := own.keys.caller(key)) is not None:
        return found
    own.strangers.take(request.client.host if request.client else "")
    raise ApiError("unauthorized", "" if key is None else "The API key is not valid.")


def base_url(request: Request) -> str:
    """How clients reach this server, without a slash at the end."""
    return services(request).settings.public_url.rstrip("/") or str(request.base_url).rstrip("/")


def idempotency_key(request: Request) -> str | None:
    """The header's value.

    Raises:
        ApiError: it is malformed.
    """
    value = request.headers.get("idempotency-key")
    if value is not None and not _IDEMPOTENCY.fullmatch(value):
        raise ApiError("INVALID_IDEMPOTENCY_KEY")
    return value


def link(request: Request, path: str) -> str:
    """A complete link to a file, that works without a key."""
    return base_url(request) + services(request).links.signed(path)


def several(values: list[str]) -> list[str]:
    """The words of a parameter that is repeated, separated by commas, or (sync.'s Node client) a list in JSON."""
    return [word for value in values for word in re.split(r"[\[\]\",\s]+", value) if word]


Parts = Annotated[Services, Depends(services)]
Reader = Annotated[Caller, Depends(allowed("read"))]
Writer = Annotated[Caller, Depends(allowed("write"))]
JsonObject = dict[str, Any]
