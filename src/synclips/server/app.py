"""The application: routes, errors, guards, and what runs beside them while it lives."""

import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DataError, OperationalError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from synclips.errors import ConfigError
from synclips.server import (
    expiry,
    routes_assets,
    routes_batch,
    routes_catalogue,
    routes_dialogue,
    routes_generate,
    routes_live,
    routes_studio,
    routes_tts,
    routes_voices,
    shown,
)
from synclips.server.answers import CODES, ApiError
from synclips.server.database import Database
from synclips.server.guards import Guards
from synclips.server.live_session import LIVE_COMMAND
from synclips.server.measurements import Measurements
from synclips.server.services import Services
from synclips.server.settings import ServerSettings
from synclips.server.storage import StoreError
from synclips.server.supervisor import COMMAND, Supervisor
from synclips.server.tables import Job
from synclips.server.webhooks import Webhooks
from synclips.version import __version__

log = logging.getLogger("synclips.requests")
_BY_STATUS: Final = {
    404: "not_found",
    405: "method_not_allowed",
    413: "payload_too_large",
    415: "unsupported_media_type",
}
TAGS: Final = (
    *("generate", "generations", "models", "assets", "projects", "voices", "text-to-speech"),
    *("transcriptions", "dialogue-edits", "errors"),
)


def create_app(
    settings: ServerSettings,
    *,
    command: Sequence[str] = COMMAND,
    live_command: Sequence[str] = LIVE_COMMAND,
    background: bool = True,
) -> FastAPI:
    """The server. While it lives it keeps worker processes, delivers webhooks and removes what has expired.

    Args:
        command, live_command: start a worker process, and the process of a live session.
        background: whether these run.

    Raises:
        ConfigError: it would be open to other machines without a key.
        BackendError: the database does not answer.
    """
    database = Database(settings.database)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    database.create()
    own = Services.of(settings, database)
    has_keys = own.keys.any_active()
    open_access = settings.open_access and settings.is_loopback and not has_keys
    if not open_access and not has_keys:
        raise ConfigError(
            f"{settings.host} is open to other machines: first make a key with `synclips keys --create NAME`"
        )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        stop = _start(own, app, command) if background else lambda: None
        try:
            yield
        finally:
            stop()
            database.close()

    app = FastAPI(
        title="SyncLips",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        description="sync.'s API v2: type a line, and the person in your video says it.",
        openapi_tags=[{"name": name} for name in TAGS],
    )
    app.state.live_command = live_command
    app.state.services, app.state.open_access, app.state.measurements = own, open_access, Measurements()
    modules = (
        routes_batch,
        routes_generate,
        routes_assets,
        routes_tts,
        routes_voices,
        routes_dialogue,
        routes_live,
        routes_catalogue,
        routes_studio,
    )
    for module in modules:
        app.include_router(module.router)
    app.openapi = lambda: _document(app)  # type: ignore[method-assign]
    _handle_errors(app)
    app.add_middleware(Measured, measurements=app.state.measurements)
    app.add_middleware(Guards, settings=settings)
    return app


def _start(own: Services, app: FastAPI, command: Sequence[str]) -> Callable[[], None]:
    """Start what runs beside the routes; the function that ends it."""
    settings = own.settings
    supervisor = Supervisor(settings, own.queue, command)
    app.state.supervisor = supervisor
    stopping = threading.Event()

    def posted(job: Job) -> dict[str, Any]:
        return shown.as_json(shown.generation(job, own.links, job.base_url))

    secret = settings.webhook_secret or own.database.secret("webhooks")
    webhooks = Webhooks(own.database, secret, posted, allow_private=settings.allow_private_urls)
    threads = [
        threading.Thread(target=webhooks.run, args=(stopping,), name="webhooks", daemon=True),
        threading.Thread(
            target=expiry.run,
            args=(own.database, own.storage, settings.keep_days, stopping),
            name="expiry",
            daemon=True,
        ),
    ]
    supervisor.start()
    for thread in threads:
        thread.start()

    def stop() -> None:
        stopping.set()
        supervisor.stop()
        for thread in threads:
            thread.join(5)

    return stop


def _handle_errors(app: FastAPI) -> None:
    @app.exception_handler(ApiError)
    async def api_error(_request: Request, error: ApiError) -> Response:
        return JSONResponse(error.body(), error.status, headers=error.headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(_request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        where = [str(part) for part in first["loc"] if part not in ("body", "query", "path", "header")]
        field = ".".join(where)
        code = "bad_request" if first["type"] == "json_invalid" else "generation_input_validation_failed"
        if first["type"] == "string_too_long" and field.endswith("script"):
            code = "generation_text_length_exceeded"
        words = f"{field}: {first['msg']}" if field else str(first["msg"])
        return await api_error(_request, ApiError(code, words, field=field or None))

    @app.exception_handler(HTTPException)
    async def http_error(_request: Request, error: HTTPException) -> Response:
        code = _BY_STATUS.get(error.status_code, "bad_request" if error.status_code < 500 else "internal_error")
        shown_error = ApiError(code, headers=dict(error.headers or {}))
        return JSONResponse(shown_error.body(), CODES[code][0], headers=shown_error.headers)

    @app.exception_handler(OperationalError)
    async def no_database(request: Request, error: OperationalError) -> Response:
        log.error("the database does not answer: %s", str(error).partition("\n")[0])
        unsure = request.method == "POST" and "idempotency-key" in request.headers
        return await api_error(request, ApiError("IDEMPOTENCY_OUTCOME_UNKNOWN" if unsure else "service_unavailable"))

    @app.exception_handler(StoreError)
    async def no_store(request: Request, error: StoreError) -> Response:
        log.error("the object store does not answer: %s", error)
        return await api_error(request, ApiError("service_unavailable", "The store of files does not answer."))

    @app.exception_handler(DataError)
    @app.exception_handler(UnicodeEncodeError)
    async def no_text(request: Request, _error: Exception) -> Response:
        return await api_error(request, ApiError("bad_request", "The request holds characters that no text has."))

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> Response:
        log.error("unexpected error", exc_info=error, extra={"path": request.url.path})
        return await api_error(request, ApiError("internal_error"))


class Measured:
    """ASGI middleware that counts, times and logs requests."""

    def __init__(self, app: ASGIApp, measurements: Measurements) -> None:
        self._app, self._measurements = app, measurements

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.monotonic(), 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, sending)
        finally:
            self._record(scope, status, time.monotonic() - started)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "other")
        method = scope["method"] if scope["method"].isalpha() and len(scope["method"]) < 10 else "other"
        self._measurements.requests.labels(method, route, status).inc()
        self._measurements.seconds.labels(route).observe(seconds)
        if route not in ("/healthz", "/metrics", "other") and not route.startswith("/files"):
            extra = {"method": method, "route": route, "status": status, "milliseconds": round(seconds * 1e3, 1)}
            if job := scope.get("path_params", {}).get("id"):
                extra["id"] = job
            log.info("request", extra=extra)


def _document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document. Wrong fields are answered with 400 here, so FastAPI's 422 is taken out."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes, tags=app.openapi_tags
        )
        for path in document["paths"].values():
            for operation in path.values():
                answers = operation["responses"]
                if "HTTPValidationError" in str(answers.get("422")):
                    del answers["422"]
                    answers.setdefault("400", answers.get("401", {"description": "An error."}))
                for content in operation.get("requestBody", {}).get("content", {}).values():
                    document["components"]["schemas"] |= content["schema"].pop("$defs", {})
        app.openapi_schema = document
    return app.openapi_schema
