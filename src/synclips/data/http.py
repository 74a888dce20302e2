"""HTTP with separate limits for connecting and reading, retries with back-off, and failures sorted by kind."""

import random
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, TypeVar

import requests
from urllib3.exceptions import HTTPError, ProtocolError, ReadTimeoutError

from synclips.errors import DownloadError
from synclips.version import __version__

T = TypeVar("T")

_CHUNK: Final = 1 << 16
_MOST_TEXT: Final = 16 << 20
_MAY_PASS: Final = frozenset({408, 416, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524})
_GONE: Final = frozenset({404, 410})
_BAD_ADDRESS: Final = (
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.MissingSchema,
)


class FileMissingError(DownloadError):
    """The server answers, and says that it has no such file: trying again is of no use."""


class TransientError(Exception):
    """A failure that may pass: never seen outside this package's transfers, which try again or raise DownloadError.

    `pause` is what the server asked for, in seconds; `stale` says that what was fetched so far is of no use.
    """

    def __init__(self, message: str, *, pause: float = 0.0, stale: bool = False) -> None:
        super().__init__(message)
        self.pause = pause
        self.stale = stale


@dataclass(frozen=True)
class Patience:
    """How much to put up with: attempts in a row without a new byte, and limits in seconds."""

    attempts: int = 6
    first_pause: float = 1.0
    longest_pause: float = 60.0
    connect: float = 10.0
    read: float = 60.0

    def pause(self, failures: int, asked: float = 0.0) -> float:
        """Exponential back-off with jitter, or what the server asked for if that is longer; at most `longest_pause`."""
        backoff = self.first_pause * 2.0 ** (failures - 1) * random.uniform(0.5, 1.0)
        return min(max(backoff, asked), self.longest_pause)


@dataclass(frozen=True)
class Answer:
    """One HTTP answer: where its body starts in the file, the file's size if told, its version, and its bytes."""

    start: int
    total: int | None
    etag: str | None
    modified: str | None
    body: Iterator[bytes]


class Connection:
    """Kept-alive HTTP connections through the machine's proxies, if it has any."""

    def __init__(self, patience: Patience | None = None) -> None:
        self.patience = patience or Patience()
        self._session = requests.Session()
        self._session.headers.update({"User-Agent": f"synclips/{__version__}", "Accept-Encoding": "identity"})

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections."""
        self._session.close()

    @contextmanager
    def get(
        self, url: str, span: tuple[int, int | None] | None = None, if_range: str | None = None
    ) -> Iterator[Answer]:
        """One GET, of the bytes from span[0] to span[1] (both included; None: the end) if the server will.

        Raises:
            TransientError: it failed in a way that may pass, before or while the body came.
            DownloadError: it failed for good (FileMissingError: there is no such file).
        """
        headers = {}
        if span is not None:
            headers["Range"] = f"bytes={span[0]}-{'' if span[1] is None else span[1]}"
            if if_range is not None:
                headers["If-Range"] = if_range
        timeout = (self.patience.connect, self.patience.read)
        try:
            with self._session.get(url, headers=headers, stream=True, timeout=timeout) as response:
                yield _answer(response)
        except _BAD_ADDRESS:
            raise DownloadError(f"{url!r} is not a web address; check --base-url") from None
        except (requests.RequestException, HTTPError) as error:
            raise TransientError(_in_words(error)) from error

    def text(self, url: str) -> str:
        """The body of `url`, at most 16 MiB, as UTF-8 text.

        Raises:
            DownloadError: no usable answer came (FileMissingError: there is no such file).
        """

        def once() -> str:
            content = bytearray()
            with self.get(url) as answer:
                for chunk in answer.body:
                    content += chunk
                    if len(content) > _MOST_TEXT:
                        raise DownloadError(f"{url} answers with far more than a list of files; check --base-url")
            return content.decode("utf-8", errors="replace")

        return self.patiently(url, once)

    def size(self, url: str) -> int | None:
        """The size of `url` in bytes, or None where the server does not tell.

        Asked with a one-byte range, not with HEAD, to which Zenodo answers "Accept-Ranges: none".

        Raises:
            DownloadError: no usable answer came (FileMissingError: there is no such file).
        """

        def once() -> int | None:
            with self.get(url, span=(0, 0)) as answer:
                return answer.total

        return self.patiently(url, once)

    def span(self, url: str, start: int, stop: int) -> bytes:
        """Bytes [start, stop) of `url`.

        Raises:
            DownloadError: no usable answer came, or the server sends whole files only.
        """

        def once() -> bytes:
            content = bytearray()
            with self.get(url, span=(start, stop - 1)) as answer:
                if answer.start != start:
                    raise DownloadError(
                        f"{url} cannot be read in parts: its server ignores Range; use another --source"
                    )
                for chunk in answer.body:
                    content += chunk
                    if len(content) >= stop - start:
                        break
            if len(content) < stop - start:
                raise TransientError("the connection broke off")
            return bytes(content[: stop - start])

        return self.patiently(url, once)

    def patiently(self, url: str, once: Callable[[], T]) -> T:
        """The result of `once`, tried again as long as it raises TransientError and patience lasts."""
        failures = 0
        while True:
            try:
                return once()
            except TransientError as error:
                failures += 1
                self.wait(url, failures, error)

    def wait(self, url: str, failures: int, error: TransientError) -> None:
        """Sleep before the next attempt; `failures` have come in a row since the last byte.

        Raises:
            DownloadError: they are enough.
        """
        if failures >= self.patience.attempts:
            attempts = "1 attempt" if failures == 1 else f"{failures} attempts"
            raise DownloadError(
                f"{url} could not be fetched in {attempts} ({error}); check the network and run again"
            ) from error
        time.sleep(self.patience.pause(max(1, failures), error.pause))


def _answer(response: requests.Response) -> Answer:
    """Sort an answer's status, and read its headers (RFC 9110, sections 8.8, 14.4 and 15)."""
    status, headers, url = response.status_code, response.headers, response.url
    if status in _GONE:
        raise FileMissingError(f"{url} does not exist ({status}); check --source and --base-url")
    if status in _MAY_PASS:
        pause = _seconds(headers.get("Retry-After"))
        raise TransientError(f"the server answers {status} {response.reason}", pause=pause, stale=status == 416)
    if status not in (200, 206):
        raise DownloadError(f"{url} is refused ({status} {response.reason}); check --source and --base-url")
    start, total = 0, None
    length = headers.get("Content-Length", "")
    if status == 206:
        match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", headers.get("Content-Range", "").strip())
        if match is None:
            raise DownloadError(f"{url} answers a Range without saying which part it sends; use another --source")
        start, total = int(match[1]), None if match[2] == "*" else int(match[2])
    elif length.isdecimal():
        total = int(length)
    etag, modified = headers.get("ETag"), headers.get("Last-Modified")
    body = _body(response)
    if headers.get("Content-Encoding", "identity") != "identity":  # unasked: sizes and versions are those of the coding
        start, total, etag, modified, body = 0, None, None, None, response.iter_content(_CHUNK)
    if etag is not None and etag.startswith("W/"):
        etag = None
    return Answer(start, total, etag, modified, body)


def _body(response: requests.Response) -> Iterator[bytes]:
    """What has come is given on at once: requests' own iterator loses up to a chunk when the line breaks."""
    while chunk := response.raw.read1(_CHUNK, decode_content=False):
        yield chunk


def _seconds(retry_after: str | None) -> float:
    """Retry-After as seconds from now: a number or an HTTP date; 0 if absent or unreadable."""
    if retry_after is None:
        return 0.0
    if retry_after.strip().isdecimal():
        return float(retry_after)
    try:
        until = parsedate_to_datetime(retry_after)
    except ValueError:
        return 0.0
    return max(0.0, (until.replace(tzinfo=until.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _in_words(error: requests.RequestException | HTTPError) -> str:
    """What went wrong, without the nest of class names and addresses that requests' own messages are."""
    match error:
        case requests.exceptions.ProxyError():
            return "the proxy cannot be reached"
        case requests.exceptions.SSLError():
            return "the server's certificate cannot be trusted"
        case requests.exceptions.ConnectTimeout():
            return "no connection in time"
        case requests.exceptions.Timeout() | ReadTimeoutError():
            return "no answer in time"
        case requests.exceptions.TooManyRedirects():
            return "redirected in circles"
        case requests.exceptions.ChunkedEncodingError() | ProtocolError():
            return "the connection broke off"
        case requests.exceptions.ConnectionError():
            text = str(error)
            return "the server's name cannot be resolved" if "resolve" in text else "the server cannot be reached"
        case _:
            return type(error).__name__
