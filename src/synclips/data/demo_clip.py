"""One GRID clip for the demo, read out of a speaker's remote zip by HTTP Range requests."""

import io
import queue
import threading
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Final

from synclips.data.grid_sources import SourceName, source_names, sources
from synclips.data.http import Connection, Patience
from synclips.errors import DownloadError
from synclips.files import atomic_path
from synclips.progress import Progress, silent

DEMO_SPEAKER: Final = "s33"
DEMO_UTTERANCE: Final = "bbai4n"
"""Bin blue at i four now, by a speaker whom no model was trained on."""

_FIRST_CONTACT: Final = Patience(attempts=1, connect=3.0, read=5.0)
_FETCH: Final = Patience(attempts=3, first_pause=0.5, longest_pause=5.0, connect=3.0, read=15.0)
_STAGE: Final = "demo clip"


def fetch_demo_clip(
    cache_dir: Path,
    on_progress: Progress = silent,
    *,
    source: SourceName = "auto",
    base_url: str | None = None,
    seconds: float = 5.0,
) -> Path:
    """A GRID clip of a few hundred kB (CC BY 4.0), from `cache_dir` if it is there, else from the network.

    All sources are asked at once, and the first to answer delivers. `seconds` bounds the wait for a first answer,
    name resolution and all, so that a machine without a network knows soon.

    Raises:
        DownloadError: no source answers in time, or none delivers.
        OutputError: `cache_dir` cannot be written.
    """
    path = cache_dir / f"grid_{DEMO_SPEAKER}_{DEMO_UTTERANCE}.mpg"
    if path.is_file() and path.stat().st_size:
        return path
    on_progress(_STAGE, 0, 0)
    complaint = DownloadError(f"no source of GRID answers within {seconds:.0f} s; check the network")
    for answer in _first_contacts(source, base_url, seconds):
        try:
            if isinstance(answer, DownloadError):
                raise answer
            with Connection(_FETCH) as connection:
                content = read_member(connection, answer, _choose)
        except DownloadError as error:
            complaint = error
            continue
        with atomic_path(path) as temporary:
            temporary.write_bytes(content)
        on_progress(_STAGE, len(content), len(content))
        return path
    raise complaint


def _first_contacts(source: SourceName, base_url: str | None, seconds: float) -> Iterator[str | DownloadError]:
    """The address of the demo speaker's archive at each source, or why there is none, as they answer.

    In threads that nobody waits for: a name that does not resolve can hold one up for half a minute.
    """
    names = source_names(source)
    answers: queue.SimpleQueue[str | DownloadError] = queue.SimpleQueue()

    def ask(name: SourceName) -> None:
        with Connection(_FIRST_CONTACT) as connection:
            [place] = sources(connection, name, base_url)
            try:
                answers.put(place.video(DEMO_SPEAKER).remote.url)
            except DownloadError as error:
                answers.put(error)

    deadline = time.monotonic() + seconds
    for name in names:
        threading.Thread(target=ask, args=(name,), daemon=True).start()
    for _ in names:
        try:
            yield answers.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            return


def _choose(members: Sequence[str]) -> str | None:
    wanted = f"{DEMO_UTTERANCE}.mpg"
    return next((member for member in members if PurePosixPath(member).name == wanted), None)


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
