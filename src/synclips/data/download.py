"""Resumable downloads whose size and checksum are verified before the file gets its name.

A file grows as `<name>.part`, with `<name>.part.json` beside it saying which version of which URL it is a piece of
(RFC 9110, sections 13.1.5 and 14: If-Range, Range, Content-Range).
"""

import errno
import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from synclips.data.http import Answer, Connection, TransientError
from synclips.errors import DownloadError, OutputError
from synclips.files import atomic_path, reason

OnBytes = Callable[[int, int], None]
"""Called as `on_bytes(done, total)`; `total` is 0 while it is not known."""


def quiet(done: int, total: int) -> None:
    """The byte callback that does nothing."""


@dataclass(frozen=True)
class RemoteFile:
    """Something to fetch; `size` in bytes and `md5` in hex where its source gives them."""

    url: str
    size: int | None = None
    md5: str | None = None


@dataclass(frozen=True)
class _Tracklet:
    """Which version of which file a .part is the beginning of."""

    url: str
    total: int | None = None
    etag: str | None = None
    modified: str | None = None

    @property
    def validator(self) -> str | None:
        return self.etag or self.modified


def fetch(connection: Connection, remote: RemoteFile, destination: Path, on_bytes: OnBytes = quiet) -> Path:
    """Bring `remote` to `destination`, going on with an earlier broken transfer where that is safe.

    Does nothing if `destination` is there: it only ever gets that name when whole. A wrong checksum is given one
    more chance, from the first byte.

    Raises:
        DownloadError: the transfer failed for good, or the bytes are not those that its source promises.
        OutputError: the folder cannot be written, or the disk is full.
    """
    if destination.exists():
        return destination
    part = destination.with_name(destination.name + ".part")
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        for chances_left in (1, 0):
            _fill(connection, remote, part, on_bytes)
            if remote.md5 is None or _md5(part) == remote.md5.lower():
                break
            _discard(part)
            if not chances_left:
                raise DownloadError(
                    f"{remote.url} came twice with another checksum than its source promises; use another --source"
                )
        part.replace(destination)
        _discard(part)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            message = f"the disk is full at {part}; free some space and run again: it goes on from there"
        else:
            message = f"{destination.parent} cannot be written ({reason(error)}); choose another folder"
        raise OutputError(message) from error
    return destination


def bytes_on_disk(destination: Path) -> int:
    """How much of a file to be fetched to `destination` is there already, whole or in part."""
    return _size(destination) or _size(destination.with_name(destination.name + ".part"))


def _fill(connection: Connection, remote: RemoteFile, part: Path, on_bytes: OnBytes) -> None:
    """Make `part` whole. Patience is for attempts that bring nothing: a line that breaks hourly still gets there."""
    failures = 0
    while True:
        before = _size(part)
        try:
            _go_on(connection, remote, part, on_bytes)
        except TransientError as error:
            if error.stale:
                _discard(part)
            failures = 0 if _size(part) > before else failures + 1
            connection.wait(remote.url, failures, error)
        else:
            return


def _go_on(connection: Connection, remote: RemoteFile, part: Path, on_bytes: OnBytes) -> None:
    """One request: append to `part` if the server still has the same file, else begin it again."""
    piece = _read_piece(part)
    total = remote.size or piece.total
    start = _size(part)
    if piece.url != remote.url or not (piece.validator or total) or (total is not None and start > total):
        start = 0
    if start and start == total:
        on_bytes(start, start)
        return
    span = (start, None) if start else None
    with connection.get(remote.url, span, piece.validator if start else None) as answer:
        if answer.start and not _continues(piece, answer, start):
            raise TransientError("the file changed on the server meanwhile", stale=True)
        if remote.size is not None and answer.total not in (None, remote.size):
            raise DownloadError(
                f"{remote.url} has {answer.total} bytes where its source promises {remote.size}; use another --source"
            )
        total = answer.total or remote.size
        _write_piece(part, _Tracklet(remote.url, total, answer.etag, answer.modified))
        done = answer.start
        on_bytes(done, total or 0)
        with part.open("ab" if answer.start else "wb") as file:
            for chunk in answer.body:
                file.write(chunk)
                done += len(chunk)
                if total is not None and done > total:
                    raise TransientError(f"the server sends more than the {total} bytes it promised", stale=True)
                on_bytes(done, total or 0)
    if total is not None and done < total:
        raise TransientError(f"the connection broke off at {done} of {total} bytes")


def _continues(piece: _Tracklet, answer: Answer, start: int) -> bool:
    """Whether `answer` goes on at `start` of the very file that `piece` is of; some servers ignore If-Range."""
    versions = ((piece.total, answer.total), (piece.etag, answer.etag), (piece.modified, answer.modified))
    return answer.start == start and all(a == b or a is None or b is None for a, b in versions)


def _read_piece(part: Path) -> _Tracklet:
    try:
        return _Tracklet(**json.loads(_notes(part).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return _Tracklet(url="")


def _write_piece(part: Path, piece: _Tracklet) -> None:
    with atomic_path(_notes(part)) as temporary:
        temporary.write_text(json.dumps(asdict(piece)), encoding="utf-8")


def _notes(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _discard(part: Path) -> None:
    part.unlink(missing_ok=True)
    _notes(part).unlink(missing_ok=True)


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
