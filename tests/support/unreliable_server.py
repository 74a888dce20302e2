"""A real HTTP server on loopback that can be told to misbehave."""

import socket
import struct
import threading
from collections import defaultdict, deque
from dataclasses import dataclass
from email.utils import formatdate
from hashlib import md5
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Fault:
    """One bad answer: a status with headers; or a body that breaks off, is cut short, or whose length is not told."""

    status: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    break_after: int | None = None
    close_after: int | None = None
    ignore_range: bool = False
    length_untold: bool = False


@dataclass(frozen=True)
class Request:
    """What was asked for, and the status it was answered with."""

    path: str
    range: str | None
    if_range: str | None
    status: int
    user_agent: str | None


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        pass


class UnreliableServer:
    """Serves `files` (path to content) with ETag and Range; the faults of a path are used up one a request."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.faults: defaultdict[str, deque[Fault]] = defaultdict(deque)
        self.ranges = True
        self.etags = True
        self.heeds_if_range = True
        self.requests: list[Request] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                site.answer(self)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = _QuietServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def asked(self, path: str) -> list[Request]:
        return [request for request in self.requests if request.path == path]

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        path = handler.path.split("?")[0]
        faults = self.faults[path]
        fault = faults.popleft() if faults else Fault()
        content = self.files.get(path)
        if fault.status or content is None:
            self._send(handler, path, fault.status or 404, dict(fault.headers), b"no", fault)
            return
        headers = {"Last-Modified": formatdate(1_000_000_000, usegmt=True)}
        if self.etags:
            headers["ETag"] = f'"{md5(content).hexdigest()}"'
        wanted, if_range = handler.headers.get("Range"), handler.headers.get("If-Range")
        same = if_range in (None, *headers.values()) or not self.heeds_if_range
        if wanted is None or fault.ignore_range or not self.ranges or not same:
            self._send(handler, path, 200, headers, content, fault)
            return
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        start, stop = int(first), min(int(last or len(content)) + 1, len(content))
        if start >= len(content):
            self._send(handler, path, 416, {"Content-Range": f"bytes */{len(content)}"}, b"", fault)
            return
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(content)}"
        self._send(handler, path, 206, headers, content[start:stop], fault)

    def _send(
        self,
        handler: BaseHTTPRequestHandler,
        path: str,
        status: int,
        headers: dict[str, str],
        body: bytes,
        fault: Fault,
    ) -> None:
        asked = handler.headers
        self.requests.append(Request(path, asked.get("Range"), asked.get("If-Range"), status, asked.get("User-Agent")))
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        if fault.length_untold:
            handler.send_header("Connection", "close")
        else:
            handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        stop = fault.break_after if fault.break_after is not None else fault.close_after
        try:
            handler.wfile.write(body[:stop])
            handler.wfile.flush()
        except OSError:  # the client has heard enough
            handler.close_connection = True
            return
        if fault.break_after is not None:  # a reset, as when a router gives up
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            handler.connection.close()
        handler.close_connection = handler.close_connection or stop is not None
