"""One real clip to try the program on, pulled out of a speaker's archive on either source."""

import queue
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Final

from synclips.data.connection import Connection, Patience
from synclips.data.grid_sources import SourceName, source_names, sources
from synclips.data.remote_zip import read_member
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
