"""Uploads, results and half-made work in an object store, which several machines share; copies lie on each.

    <address>/uploads/<file>            <address>/results/<job>/<fence>/<file>
    <address>/work/<job>/<fence>/<part> the finished parts of a long video, and their list

What a machine has fetched or made it keeps for a day after its last use.
"""

import logging
import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from synclips.engines import object_store
from synclips.errors import BackendError, InputError, OutputError
from synclips.files import atomic_path
from synclips.media.resumable_writer import parts_folder
from synclips.server.settings import ServerSettings
from synclips.server.storage import PREVIEW, RESULT, Storage, StoreError, checked

log = logging.getLogger("synclips.storage")
COPY_SECONDS: Final = 24 * 3600.0
"""How long a copy stays on a machine after its last use."""
SHOWN_SECONDS: Final = 1.0
"""How often what a running job leaves is looked for."""
_MANIFEST: Final = "manifest.json"
_PROBE: Final = ".synclips"


def open_storage(settings: ServerSettings) -> Storage:
    """The storage that the settings name, ready for use.

    Raises:
        StoreError, BackendError: the object store cannot be used.
    """
    storage = SharedStorage(settings.data_dir, settings.storage) if settings.storage else Storage(settings.data_dir)
    storage.create()
    return storage


class SharedStorage(Storage):
    """A `Storage` whose files lie below `address`, with copies below `root`."""

    def __init__(self, root: Path, address: str) -> None:
        super().__init__(root)
        self.address = address.rstrip("/")

    def create(self) -> None:
        """Make the folders, and try the store: write, read, list."""
        super().create()
        (self.root / "copies").mkdir(exist_ok=True)
        place = self._at(_PROBE)
        with _errors():
            object_store.write_bytes(place, b"SyncLips keeps uploads and results here.\n")
            if object_store.read_bytes(place) is None or _PROBE not in object_store.names_below(self.address):
                raise StoreError(f"{self.address}: what is written cannot be read again; correct its permissions")

    def local(self, file: str) -> Path:
        """See `Storage`."""
        path = self.stored(file)
        self._fetch(self._at("uploads", path.name), path)
        return path

    def keep_upload(self, file: str) -> None:
        """See `Storage`."""
        path = self.stored(file)
        with _errors():
            object_store.store(path, self._at("uploads", path.name))

    def remove_upload(self, file: str) -> None:
        """See `Storage`."""
        super().remove_upload(file)
        self._remove("uploads", self.stored(file).name)

    def result(self, job_id: str, fence: int, name: str) -> Path | None:
        """See `Storage`."""
        path = self._copy(job_id, fence) / name
        if name == "live.jpg":
            path.unlink(missing_ok=True)
        try:
            self._fetch(self._at("results", job_id, str(fence), name), path)
        except FileNotFoundError:
            return None
        return path

    def pieces(self, job_id: str, fence: int) -> list[Path]:
        """See `Storage`."""
        with _errors():
            names = object_store.names_below(self._at("results", checked(job_id), str(fence)))
        found = (self.result(job_id, fence, name) for name in sorted(names) if name.startswith(f"{PREVIEW}_"))
        return [path for path in found if path is not None]

    @contextmanager
    def showing(self, job_id: str, fence: int) -> Iterator[None]:
        """See `Storage`."""
        pieces = (
            _Mirror(self.results(job_id) / str(fence), self._at("results", checked(job_id), str(fence))),
            _Mirror(parts_folder(self.work(job_id) / str(fence) / RESULT), self._at("work", job_id, str(fence))),
        )
        over = threading.Event()

        def show() -> None:
            while not over.wait(SHOWN_SECONDS):
                for piece in pieces:
                    try:
                        piece.show()
                    except (StoreError, OSError) as error:
                        log.warning("not shown: %s", error, extra={"job": job_id})

        thread = threading.Thread(target=show, name="show", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
        pieces[0].show()
        pieces[0].remove_gone()

    def attempt(self, job_id: str, fence: int) -> Path:
        """See `Storage`: parts that another machine finished are fetched."""
        folder = super().attempt(job_id, fence)
        target = parts_folder(folder / RESULT)
        if not target.exists():
            with _errors():
                earlier = [int(name) for name in object_store.names_below(self._at("work", job_id)) if name.isdigit()]
                for number in sorted((number for number in earlier if number < fence), reverse=True):
                    if self._fetch_parts(self._at("work", job_id, str(number)), target):
                        break
        return folder

    def remove_attempt(self, job_id: str, fence: int) -> None:
        """See `Storage`."""
        super().remove_attempt(job_id, fence)
        self._remove("results", checked(job_id), str(fence))

    def remove_others(self, job_id: str, fence: int) -> None:
        """See `Storage`."""
        shutil.rmtree(self.results(job_id), ignore_errors=True)  # they are in the store
        self.remove_work(job_id)
        with suppress(StoreError), _errors():
            for name in object_store.names_below(self._at("results", job_id)):
                if name.isdigit() and name != str(fence):
                    object_store.remove(self._at("results", job_id, name))

    def remove_job(self, job_id: str) -> None:
        """See `Storage`."""
        super().remove_job(job_id)
        shutil.rmtree(self.root / "copies" / checked(job_id), ignore_errors=True)
        self._remove("results", job_id)
        self._remove("work", job_id)

    def unfinished(self) -> Iterator[tuple[str, float]]:
        """See `Storage`; of work in the store it is not known when it was changed: now."""
        here = dict(super().unfinished())
        with _errors():
            there = object_store.names_below(self._at("work"))
        yield from (here | {name: time.time() for name in there if name not in here}).items()

    def remove_work(self, job_id: str) -> None:
        """See `Storage`."""
        super().remove_work(job_id)
        self._remove("work", checked(job_id))

    def remove_copies(self) -> None:
        """See `Storage`."""
        limit = time.time() - COPY_SECONDS
        for place in ("uploads", "copies", "results", "work"):
            for path in (self.root / place).rglob("*"):
                with suppress(OSError):
                    if path.is_file() and path.stat().st_atime < limit and path.stat().st_mtime < limit:
                        path.unlink()
            for folder in sorted((self.root / place).rglob("*/"), reverse=True):
                with suppress(OSError):  # not empty
                    if folder.stat().st_mtime < limit:
                        folder.rmdir()

    def _fetch(self, address: str, path: Path) -> None:
        """The file at `path`, fetched unless it is there; its time is that of the store's, on every machine."""
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_path(path) as temporary, _errors():
                changed = object_store.fetch_to(address, temporary)
            with suppress(OSError):
                os.utime(path, (time.time(), changed))
        else:
            with suppress(OSError):
                os.utime(path, (time.time(), path.stat().st_mtime))

    def _fetch_parts(self, source: str, target: Path) -> bool:
        names = object_store.names_below(source)
        if _MANIFEST not in names:
            return False
        target.mkdir(parents=True)
        for name in names:
            with suppress(FileNotFoundError):
                object_store.fetch_to(f"{source}/{name}", target / name)
        return True

    def _copy(self, job_id: str, fence: int) -> Path:
        return self.root / "copies" / checked(job_id) / str(fence)

    def _at(self, *names: str) -> str:
        return "/".join((self.address, *names))

    def _remove(self, *names: str) -> None:
        try:
            with _errors():
                object_store.remove(self._at(*names))
        except StoreError as error:
            log.warning("not removed: %s", error)


class _Mirror:
    """A folder whose files are put into the store as they appear and change; names that begin with a dot are not."""

    def __init__(self, folder: Path, address: str) -> None:
        self._folder, self._address = folder, address
        self._there: dict[str, tuple[int, int]] = {}

    def show(self) -> None:
        """Put what is new, the list of parts last."""
        if not self._folder.is_dir():
            return
        for path in sorted(self._folder.iterdir(), key=lambda path: (path.name == _MANIFEST, path.name)):
            try:
                stat = path.stat()
            except FileNotFoundError:
                continue
            known = (stat.st_size, stat.st_mtime_ns)
            if path.name.startswith(".") or not path.is_file() or self._there.get(path.name) == known:
                continue
            with _errors():
                object_store.store(path, f"{self._address}/{path.name}")
            self._there[path.name] = known

    def remove_gone(self) -> None:
        """Remove from the store what the folder holds no more."""
        for name in [name for name in self._there if not (self._folder / name).is_file()]:
            with _errors():
                object_store.remove(f"{self._address}/{name}")
            del self._there[name]


@contextmanager
def _errors() -> Iterator[None]:
    """Within it errors of the store are `StoreError`; that a file is missing stays what it is."""
    try:
        yield
    except (FileNotFoundError, StoreError, BackendError):
        raise
    except (InputError, OutputError) as error:
        raise StoreError(str(error)) from error
