"""Where files lie: uploads, results and half-made work, each under a name that the server chose."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from synclips.errors import OutputError
from synclips.media.resumable_writer import parts_folder

SUFFIXES: Final = frozenset(
    f".{ending}"
    for kind in (
        "mp4 m4v mov webm mkv avi mpg mpeg ts wmv flv 3gp",
        "gif jpg jpeg png webp bmp tif tiff heic avif",
        "wav mp3 m4a aac ogg oga opus flac weba wma aiff",
    )
    for ending in kind.split()
)
"""Endings that a stored file may have; another one is stored as .bin."""
RESULT: Final = "out.mp4"
PREVIEW: Final = "preview"
"""How the names of a growing preview's pieces begin."""
_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class StoreError(OutputError):
    """The object store cannot be reached, or refuses."""


class Storage:
    """Folders below `root`: uploads/, results/<job>/<fence>/ and work/<job>/<fence>/.

    Identifiers are checked to be UUIDs, and names of files are the server's own: nothing that a client sends becomes
    part of a path.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()

    def create(self) -> None:
        """Make the folders."""
        for name in ("uploads", "results", "work"):
            (self.root / name).mkdir(parents=True, exist_ok=True)

    def upload(self, asset_id: str, name: str) -> Path:
        """Where the upload lies; of the client's `name` only the ending is taken, if it is a known one."""
        suffix = Path(name).suffix.lower()
        return self.root / "uploads" / f"{checked(asset_id)}{suffix if suffix in SUFFIXES else '.bin'}"

    def stored(self, file: str) -> Path:
        """Where an upload lies on this machine, by its stored name."""
        return self.root / "uploads" / Path(file).name

    def local(self, file: str) -> Path:
        """An upload with its bytes, on this machine.

        Raises:
            FileNotFoundError: it is nowhere.
            StoreError: it is elsewhere, and cannot be fetched.
        """
        path = self.stored(file)
        if not path.is_file():
            raise FileNotFoundError(file)
        return path

    def keep_upload(self, file: str) -> None:
        """All bytes of an upload have come."""

    def remove_upload(self, file: str) -> None:
        """Remove an upload."""
        self.stored(file).unlink(missing_ok=True)

    def result(self, job_id: str, fence: int, name: str) -> Path | None:
        """A file of a result, on this machine; None where there is none.

        Raises:
            StoreError: it is elsewhere, and cannot be fetched.
        """
        path = self.results(job_id) / str(fence) / name
        return path if path.is_file() else None

    def pieces(self, job_id: str, fence: int) -> list[Path]:
        """The pieces of an attempt's growing preview that are there, on this machine.

        Raises:
            StoreError: they are elsewhere, and cannot be fetched.
        """
        return sorted((self.results(job_id) / str(fence)).glob(f"{PREVIEW}_*.m4s"))

    @contextmanager
    def showing(self, job_id: str, fence: int) -> Iterator[None]:  # noqa: ARG002 (of a store that is shared)
        """Within it others see what an attempt leaves in its folders; at a clean end its results are theirs.

        Raises:
            StoreError: the results cannot be stored.
        """
        checked(job_id)
        yield

    def remove_attempt(self, job_id: str, fence: int) -> None:
        """Remove the results of an attempt that was in vain."""
        shutil.rmtree(self.results(job_id) / str(fence), ignore_errors=True)

    def remove_others(self, job_id: str, fence: int) -> None:
        """The attempt `fence` has done the job: remove what is half-made, and the results of all other attempts."""
        shutil.rmtree(self.work(job_id), ignore_errors=True)
        for earlier in self.results(job_id).iterdir():  # of workers that were killed
            if earlier.name != str(fence):
                shutil.rmtree(earlier, ignore_errors=True)

    def unfinished(self) -> Iterator[tuple[str, float]]:
        """Jobs of which there is half-made work, and when it was changed last (seconds since 1970)."""
        for folder in (self.root / "work").iterdir():
            yield folder.name, folder.stat().st_mtime

    def remove_work(self, job_id: str) -> None:
        """Remove what is half-made of a job."""
        shutil.rmtree(self.work(job_id), ignore_errors=True)

    def remove_copies(self) -> None:
        """Remove what has long not been used and is elsewhere too."""

    def work(self, job_id: str) -> Path:
        """The folder of everything half-made of a job."""
        return self.root / "work" / checked(job_id)

    def results(self, job_id: str) -> Path:
        """The folder of a job's results."""
        return self.root / "results" / checked(job_id)

    def attempt(self, job_id: str, fence: int) -> Path:
        """A fresh folder for one attempt; the finished parts of the earlier attempts' video are moved into it.

        A worker that still runs though its lease is over goes on in its own folder and touches nothing of the new one.
        """
        folder = self.work(job_id) / str(fence)
        folder.mkdir(parents=True, exist_ok=True)
        target = parts_folder(folder / RESULT)
        for earlier in sorted(self._attempts(job_id), key=lambda path: int(path.name), reverse=True):
            parts = parts_folder(earlier / RESULT)
            if int(earlier.name) < fence and parts.is_dir() and not target.exists():
                parts.rename(target)
        return folder

    def remove_job(self, job_id: str) -> None:
        """Remove everything of a job."""
        shutil.rmtree(self.work(job_id), ignore_errors=True)
        shutil.rmtree(self.results(job_id), ignore_errors=True)

    def _attempts(self, job_id: str) -> Iterator[Path]:
        return (path for path in self.work(job_id).iterdir() if path.is_dir() and path.name.isdigit())


def checked(identifier: str) -> str:
    """The identifier, if it is a UUID.

    Raises:
        ValueError: it is not.
    """
    if not _ID.fullmatch(identifier):
        raise ValueError(f"{identifier!r} is no identifier")
    return identifier
