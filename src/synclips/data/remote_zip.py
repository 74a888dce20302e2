"""One file out of a zip on a web server, without fetching the zip: the end of it, its directory, the one member.

The standard library's zipfile reads the format (zip64 and CRC too); this gives it a file that lives behind HTTP Range.
"""

import io
import zipfile
import zlib
from collections.abc import Callable, Sequence
from typing import Final

from synclips.data.connection import Connection
from synclips.errors import DownloadError

_BLOCK: Final = 256 << 10
_MOST_BYTES: Final = 32 << 20
_MOST_MEMBER: Final = 16 << 20
_HEADER_ROOM: Final = 1 << 10


def read_member(connection: Connection, url: str, choose: Callable[[Sequence[str]], str | None]) -> bytes:
    """The content of the member of the zip at `url` that `choose` picks among all names.

    A zip of 1000 clips costs three requests and its directory (100 kB) besides the member.

    Raises:
        DownloadError: the server cannot be reached or ignores Range, there is no such member, or it is damaged.
    """
    size = connection.size(url)
    if size is None:
        raise DownloadError(f"{url} cannot be read in parts: its server does not tell its size; use another --source")
    remote = _RangeFile(connection, url, size)
    try:
        with zipfile.ZipFile(io.BufferedReader(remote)) as archive:
            name = choose(archive.namelist())
            if name is None:
                raise DownloadError(f"{url} does not hold the clip that was looked for; use another --source")
            member = archive.getinfo(name)
            if max(member.file_size, member.compress_size) > _MOST_MEMBER:
                raise DownloadError(f"{name} in {url} has {member.file_size} bytes, too many for a clip")
            remote.load(member.header_offset, member.header_offset + member.compress_size + _HEADER_ROOM)
            return archive.read(member)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
        raise DownloadError(f"{url} is a damaged zip ({error}); use another --source") from error


class _RangeFile(io.RawIOBase):
    """A read-only, seekable view of a URL. It keeps what it fetched, in blocks, and never fetches much."""

    def __init__(self, connection: Connection, url: str, size: int) -> None:
        super().__init__()
        self._connection, self._url, self._size = connection, url, size
        self._position = 0
        self._fetched = 0
        self._pieces: list[tuple[int, bytes]] = []
        self.load(size - _BLOCK, size)

    def load(self, start: int, stop: int) -> None:
        """Fetch bytes [start, stop), cut to the file, in one request."""
        start, stop = max(0, start), min(stop, self._size)
        if stop <= start:
            return
        self._fetched += stop - start
        if self._fetched > _MOST_BYTES:
            raise DownloadError(f"{self._url} has a directory too large to be one of clips; use another --source")
        self._pieces.append((start, self._connection.span(self._url, start, stop)))

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if origin + offset < 0:
            raise ValueError("a seek before the start of the file")
        self._position = origin + offset
        return self._position

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        if self._position >= self._size:
            return 0
        piece = self._piece()
        if piece is None:
            self.load(self._position, self._position + max(_BLOCK, len(buffer)))
            piece = self._piece()
        assert piece is not None
        start, content = piece
        chunk = content[self._position - start : self._position - start + len(buffer)]
        buffer[: len(chunk)] = chunk
        self._position += len(chunk)
        return len(chunk)

    def _piece(self) -> tuple[int, bytes] | None:
        return next((p for p in self._pieces if p[0] <= self._position < p[0] + len(p[1])), None)
