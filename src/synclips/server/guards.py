"""What every request passes before it reaches the API, as ASGI middleware: size, host, origin, headers."""

import json
import secrets
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from synclips.server.answers import ApiError
from synclips.server.settings import ServerSettings

_UPLOADS: Final = ("/v2/uploads/", "/v2/generate", "/v2/batch")


class BodyTooLarge(HTTPException):
    """More bytes came than the path takes."""

    def __init__(self) -> None:
        super().__init__(413)


class Guards:
    """Refuses what is too large, for another host, or sent by a page of another site; adds the security headers.

    Bytes are counted as they arrive: chunked bodies do not say their length.
    """

    def __init__(self, app: ASGIApp, settings: ServerSettings) -> None:
        self._app, self._settings = app, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await (self._websocket if scope["type"] == "websocket" else self._app)(scope, receive, send)
            return
        headers = Headers(scope=scope)
        nonce = secrets.token_urlsafe(16)
        scope["state"] = {**scope.get("state", {}), "nonce": nonce}
        limit = self._limit(scope)
        body = _Body(receive, headers, limit)
        with_headers = _adding_headers(send, scope["path"], nonce, body)
        try:
            self._check(headers, limit)
            await self._app(scope, body.receive, with_headers)
        except ApiError as error:
            await _answer(with_headers, error)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A connection that is refused is so before it is opened, with the answer that a request would get."""
        try:
            self._check(Headers(scope=scope), self._settings.max_body_bytes)
        except ApiError as error:
            await receive()
            if "websocket.http.response" in scope.get("extensions", {}):
                await _answer(send, error, kind="websocket.http.response")
            else:
                await send({"type": "websocket.close", "code": 4000 + error.status, "reason": error.code})
            return
        await self._app(scope, receive, send)

    def _limit(self, scope: Scope) -> int:
        s = self._settings
        kind = Headers(scope=scope).get("content-type", "")
        takes_files = scope["path"].startswith(_UPLOADS) and not kind.startswith("application/json")
        return s.max_upload_bytes + (1 << 20) if takes_files else s.max_body_bytes

    def _check(self, headers: Headers, limit: int) -> None:
        host = _name(headers.get("host", ""))
        if host not in self._settings.hosts:
            raise ApiError("forbidden", f"This server is not called {host[:80]!r}; its operator sets allowed hosts.")
        length = headers.get("content-length", "")
        if length.isdigit() and int(length) > limit:
            raise ApiError("payload_too_large")
        if headers.get("sec-fetch-site") in ("cross-site", "same-site") and headers.get("sec-fetch-mode") != "navigate":
            raise ApiError("forbidden", "Pages of other sites may not use this server.")
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != headers.get("host"):
            raise ApiError("forbidden", "Pages of other sites may not use this server.")


def _name(host: str) -> str:
    """The host without its port, in lower case."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


class _Body:
    """The body of one request, counted while it comes."""

    def __init__(self, receive: Receive, headers: Headers, limit: int) -> None:
        self._receive, self._limit, self._count = receive, limit, 0
        self.complete = "transfer-encoding" not in headers and headers.get("content-length", "0") == "0"

    async def receive(self) -> Message:
        """The next part.

        Raises:
            BodyTooLarge: with it there are more bytes than the path takes.
        """
        message = await self._receive()
        self._count += len(message.get("body", b""))
        self.complete = self.complete or not message.get("more_body", False)
        if self._count > self._limit:
            raise BodyTooLarge
        return message


def _adding_headers(send: Send, path: str, nonce: str, body: _Body) -> Send:
    fixed = {
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "x-frame-options": "DENY",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "permissions-policy": "camera=(self), microphone=(self), geolocation=()",
        "content-security-policy": (
            "default-src 'none'; script-src 'self'; connect-src 'self'; font-src 'self'; manifest-src 'self'; "
            f"style-src 'self' 'nonce-{nonce}'; img-src 'self' blob: data:; media-src 'self' blob:; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        ),
    }
    if not path.startswith(("/files/", "/studio/")):
        fixed["cache-control"] = "no-store"

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in fixed.items():
                headers.setdefault(name, value)
            if not body.complete:  # what is still being sent is not waited for
                headers["connection"] = "close"
        await send(message)

    return sending


async def _answer(send: Send, error: ApiError, kind: str = "http.response") -> None:
    body = json.dumps(error.body()).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    headers += [(name.lower().encode(), value.encode()) for name, value in error.headers.items()]
    await send({"type": f"{kind}.start", "status": error.status, "headers": headers})
    await send({"type": f"{kind}.body", "body": body})
