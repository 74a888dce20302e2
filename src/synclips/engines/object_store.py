"""Files that lie in an object store (s3://, gs://, ...), by fsspec: fetched whole, stored whole.

An object appears when all of it is there, so what is stored is never half-written. Credentials and endpoints are the
store's own settings (for S3: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL).
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

from synclips.errors import BackendError, InputError, OutputError


def is_remote(address: str) -> bool:
    """Whether an address is of an object store; `file://` is not."""
    scheme, found, _ = address.partition("://")
    return bool(found) and scheme.isalnum() and scheme != "file"


def join(folder: str, name: str) -> str:
    """An address or path below another."""
    return f"{folder.rstrip('/')}/{name}" if is_remote(folder) else str(Path(folder) / name)


def identity_of(address: str) -> str:
    """What changes when the file does: its size and time, or its size and entity tag.

    Raises:
        InputError: there is no such file.
    """
    if not is_remote(address):
        try:
            stat = Path(address).stat()
        except OSError as error:
            raise InputError(f"no such file: {address}") from error
        return f"{stat.st_size} {stat.st_mtime_ns}"
    with _errors(address, InputError):
        found = _store(address).info(address)
        return f"{found.get('size')} {found.get('ETag') or found.get('etag') or found.get('mtime') or ''}"


@dataclass(frozen=True)
class StoredFile:
    """Of a file in a store: bytes, and when it was written (nanoseconds since 1970; 0 where the store does not say)."""

    size: int
    modified: int


def list_files(address: str) -> dict[str, StoredFile]:
    """Every file below a folder of a store, by its path below it.

    Raises:
        InputError: the store cannot be read.
    """
    with _errors(address, InputError):
        files = _store(address)
        root = str(files._strip_protocol(address)).rstrip("/") + "/"
        found = files.find(address, detail=True)
    return {
        name.removeprefix(root): StoredFile(int(facts.get("size") or 0), _nanoseconds(facts))
        for name, facts in sorted(found.items())
        if name.startswith(root)
    }


def _nanoseconds(facts: Mapping[str, Any]) -> int:
    given = next((facts[key] for key in ("LastModified", "mtime", "updated", "last_modified") if facts.get(key)), 0)
    if isinstance(given, str):
        given = datetime.fromisoformat(given)
    seconds = given.timestamp() if isinstance(given, datetime) else float(given)
    return round(seconds * 1000) * 1_000_000


def exists(address: str) -> bool:
    """Whether the file is there."""
    if not is_remote(address):
        return Path(address).is_file()
    with _errors(address, InputError):
        return bool(_store(address).isfile(address))


@contextmanager
def fetched(address: str, folder: Path) -> Iterator[Path]:
    """The file as a local one: itself, or a copy in `folder`, removed afterwards.

    Raises:
        InputError: it cannot be read.
        BackendError: the library for such addresses is not installed.
    """
    if not is_remote(address):
        yield Path(address)
        return
    path = folder / PurePosixPath(address).name
    with _errors(address, InputError):
        _store(address).get_file(address, str(path))
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def store(path: Path, address: str) -> None:
    """Put a local file into the store.

    Raises:
        OutputError: it cannot be written.
    """
    with _errors(address, OutputError):
        _store(address).put_file(str(path), address)


def fetch_to(address: str, path: Path) -> float:
    """Get a file of a store; its time of change there, in seconds since 1970.

    Raises:
        FileNotFoundError: it is not there.
        InputError: the store does not give it.
        BackendError: the library for such addresses is not installed.
    """
    with _errors(address, InputError, missing=False):
        found = _store(address)
        found.get_file(address, str(path))
        changed = found.modified(address)
    return float(changed.timestamp())


def remove(address: str) -> None:
    """Remove a file of a store, or all below an address; nothing happens where there is none.

    Raises:
        OutputError: the store refuses.
    """
    with _errors(address, OutputError), suppress(FileNotFoundError):
        _store(address).rm(address, recursive=True)


def names_below(folder: str) -> list[str]:
    """What lies directly below an address in a store: last parts of the names.

    Raises:
        InputError: the store refuses.
    """
    with _errors(folder, InputError), suppress(FileNotFoundError):
        return [str(name).rstrip("/").rpartition("/")[2] for name in _store(folder).ls(folder, detail=False)]
    return []


def read_bytes(address: str) -> bytes | None:
    """The contents of a file here or in a store; None where it is not there."""
    if not exists(address):
        return None
    if not is_remote(address):
        return Path(address).read_bytes()
    with _errors(address, InputError):
        content: bytes = _store(address).cat_file(address)
        return content


def write_bytes(address: str, content: bytes) -> None:
    """Write a file here (in one step) or into a store.

    Raises:
        OutputError: it cannot be written.
    """
    if is_remote(address):
        with _errors(address, OutputError):
            _store(address).pipe_file(address, content)
        return
    from synclips.files import atomic_path

    with atomic_path(Path(address)) as temporary:
        temporary.write_bytes(content)


def _store(address: str) -> Any:
    import fsspec

    scheme = address.partition("://")[0]
    try:
        return fsspec.filesystem(scheme, use_listings_cache=False)
    except (ImportError, ValueError) as error:
        extra = {"s3": "synclips[s3]", "gs": "gcsfs", "gcs": "gcsfs", "abfs": "adlfs"}.get(scheme)
        advice = f"run `pip install '{extra}'`" if extra else "fsspec knows no such store"
        raise BackendError(f"{scheme}:// cannot be read here: {advice}") from error


@contextmanager
def _errors(address: str, kind: type[InputError] | type[OutputError], *, missing: bool = True) -> Iterator[None]:
    """Within it the store's errors become ours, in one line; `missing`: that there is no such file, too."""
    try:
        yield
    except (BackendError, InputError, OutputError):
        raise
    except FileNotFoundError as error:
        if not missing:
            raise
        raise kind(f"no such file: {address}") from error
    except Exception as error:  # libraries of stores raise what they like: there is no common base
        raise kind(f"{address}: the store refuses ({_first_line(error)})") from error


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
