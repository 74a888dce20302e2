"""Files: paths as FFmpeg takes them, atomic and exclusive writing, the user's folders.

A file is written under a temporary name beside its target, then renamed: nothing half-written is ever seen. The
temporary file is locked (flock) while its process lives, so what a killed run left behind is told from what is in use.
"""

import contextlib
import errno
import hashlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from platformdirs import user_cache_path, user_config_path

from synclips.errors import OutputError
from synclips.file_checks import check_input as check_input
from synclips.file_checks import check_output as check_output
from synclips.file_checks import check_outputs as check_outputs
from synclips.file_checks import exists_already
from synclips.file_checks import is_same_file as is_same_file
from synclips.file_checks import reason as reason

if sys.platform != "win32":  # there, an open file cannot be replaced
    import fcntl

SHORT_NAME: Final = 32
"""Bytes that a temporary name may have where its target's has fewer; otherwise it is never longer than its target's."""
_RANDOM: Final = 8
"""Characters that `mkstemp` adds."""
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)


def media_path(path: Path | str) -> str:
    """A path for `av.open`. FFmpeg takes `Interview:Anna.mp4` for an address on a network; a path is a path here."""
    return f"file:{path}"


def hidden_name(path: Path, ending: str) -> str:
    """The name beside `path` of something that belongs to it: `.out.mp4.lock`; a digest where that would be long."""
    name = f".{path.name}.{ending}"
    return name if len(os.fsencode(name)) <= 100 else f".{_digest(path)}.{ending}"


@contextmanager
def atomic_path(path: Path, *, overwrite: bool = True) -> Iterator[Path]:
    """Yield a temporary path in `path`'s folder; on success it becomes `path`, on any failure it is removed.

    The temporary name keeps `path`'s suffix, so that container formats are still chosen by it. What a run that was
    killed left behind under such a name is removed.

    Raises:
        OutputError: `path` exists and `overwrite` is false, its folder cannot be written, or the disk is full.
    """
    check_output(path, overwrite=overwrite)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(path)
        handle, temporary = _locked_temporary(path)
    except OSError as error:
        raise OutputError(f"{path.parent} cannot be written ({reason(error)}); choose another folder") from error
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        _put_in_place(temporary, path, overwrite=overwrite)
    except PermissionError as error:
        if error.filename2 is None:
            raise
        raise OutputError(
            f"{path} cannot be replaced ({reason(error)}); close what has it open and run again"
        ) from error
    except OSError as error:
        if error.errno in _FULL:
            raise OutputError(f"the disk is full while writing {path}; free some space and run again") from error
        raise
    finally:
        temporary.unlink(missing_ok=True)
        if handle is not None:
            os.close(handle)


@contextmanager
def reserved(path: Path) -> Iterator[None]:
    """Within it no other run writes `path`. The lock dies with its process; where there are no locks, nothing is done.

    Raises:
        OutputError: another run is writing it.
    """
    if sys.platform == "win32":
        yield
        return
    made = _make_folders(path.parent)
    lock = path.parent.resolve() / hidden_name(path, "lock")
    handle = None
    try:
        handle = _open_lock(lock, path)
        yield
    finally:
        if handle is not None:
            lock.unlink(missing_ok=True)
            os.close(handle)
        for folder in made:
            with contextlib.suppress(OSError):
                folder.rmdir()


def _open_lock(lock: Path, path: Path) -> int | None:
    while True:
        try:
            handle = os.open(lock, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
        except OSError as error:
            raise OutputError(f"{path.parent} cannot be written ({reason(error)}); choose another folder") from error
        taken = _lock(handle)
        if taken is None:  # the file system has no locks
            lock.unlink(missing_ok=True)
        elif not taken:
            os.close(handle)
            raise OutputError(f"{path} is being written by another run; wait for it, or name another file")
        elif _is_at(handle, lock):
            return handle
        os.close(handle)
        if taken is None:
            return None


def _make_folders(folder: Path) -> list[Path]:
    """Make `folder` and those above it; those that were made, the deepest first."""
    made = []
    while not folder.exists() and folder != folder.parent:
        made.append(folder)
        folder = folder.parent
    try:
        for missing in reversed(made):
            missing.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder} cannot be written ({reason(error)}); choose another folder") from error
    return made


def _lock(handle: int) -> bool | None:
    """Whether an open file is locked for this process alone now; None where the file system has no locks."""
    if sys.platform != "win32":
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return None
        return True
    return None


def _is_at(handle: int, path: Path) -> bool:
    """Whether an open file is the one that `path` names now."""
    with contextlib.suppress(OSError):
        return os.path.samestat(os.fstat(handle), path.stat())
    return False


def _temporary_parts(path: Path) -> tuple[str, str]:
    """What stands before and after the random part of a temporary name."""
    after = f".tmp{path.suffix}"
    before = f".{path.stem}."
    if len(os.fsencode(before + after)) + _RANDOM > SHORT_NAME:
        before = f".{_digest(path)}."
    return before, after


def _digest(path: Path) -> str:
    return hashlib.blake2b(os.fsencode(path.name), digest_size=5).hexdigest()


def _locked_temporary(path: Path) -> tuple[int | None, Path]:
    before, after = _temporary_parts(path)
    while True:
        handle, name = tempfile.mkstemp(prefix=before, suffix=after, dir=path.parent)
        temporary = Path(name)
        if sys.platform == "win32":
            os.close(handle)
            return None, temporary
        if _lock(handle) is not False and _is_at(handle, temporary):
            return handle, temporary
        os.close(handle)  # another run took it for a leftover in the moment before it was locked


def _remove_leftovers(path: Path) -> None:
    """Remove the temporary files of `path` that no living process has locked."""
    before, after = _temporary_parts(path)
    name = re.compile(re.escape(before) + rf"[a-z0-9_]{{{_RANDOM}}}" + re.escape(after))
    with contextlib.suppress(OSError), os.scandir(path.parent) as entries:
        for entry in [entry for entry in entries if name.fullmatch(entry.name)]:
            with contextlib.suppress(OSError):
                handle = os.open(entry.path, os.O_RDWR | getattr(os, "O_CLOEXEC", 0))
                try:
                    if _lock(handle):
                        Path(entry.path).unlink()
                finally:
                    os.close(handle)


def _put_in_place(temporary: Path, path: Path, *, overwrite: bool) -> None:
    """The temporary file becomes `path`; without `overwrite` only where there is nothing yet."""
    if not overwrite:
        try:
            os.link(temporary, path)
        except FileExistsError as error:
            raise exists_already(path) from error
        except OSError:  # no hard links here
            if path.exists():
                raise exists_already(path) from None
        else:
            return
    temporary.replace(path)


def config_folder() -> Path:
    """The user's own settings: on Linux $XDG_CONFIG_HOME/synclips or ~/.config/synclips; elsewhere as usual there."""
    return user_config_path("synclips", appauthor=False)


def cache_folder() -> Path:
    """What can be made again: on Linux $XDG_CACHE_HOME/synclips or ~/.cache/synclips; elsewhere as usual there."""
    return user_cache_path("synclips", appauthor=False)


@contextmanager
def temporary_space() -> Iterator[None]:
    """Within it, a full or missing folder for temporary files is named, which the operating system does not do.

    Raises:
        OutputError: nothing more can be written there.
    """
    try:
        yield
    except OSError as error:
        words = lack_of_temporary_space(error, unnamed=True)
        if words is None:
            raise
        raise OutputError(words) from error


def lack_of_temporary_space(error: OSError, *, unnamed: bool = False) -> str | None:
    """What to say of an error that comes from the folder for temporary files; None where it does not.

    `unnamed`: also one that names no file, as errors of temporary files do.
    """
    if isinstance(error, FileNotFoundError) and "temporary directory" in str(error):
        return "no folder for temporary files can be written; name one in TMPDIR"
    if error.errno not in _FULL:
        return None
    folder = Path(tempfile.gettempdir())
    named = error.filename if isinstance(error.filename, str) else ""
    if not (Path(named).is_relative_to(folder) if named else unnamed):
        return None
    return f"the folder for temporary files, {folder}, is full; free some space there, or name another one in TMPDIR"


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
