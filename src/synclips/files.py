"""Atomic files (a temporary name, then a rename), checks of inputs and outputs, and the user's folders."""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from platformdirs import user_cache_path, user_config_path

from synclips.errors import MediaError, OutputError


@contextmanager
def atomic_path(path: Path, *, overwrite: bool = True) -> Iterator[Path]:
    """Yield a temporary path in `path`'s folder; on success it becomes `path`, on any failure it is removed.

    The temporary name keeps `path`'s suffix, so that container formats are still chosen by it.

    Raises:
        OutputError: `path` exists and `overwrite` is false, its folder cannot be written, or the disk is full.
    """
    check_output(path, overwrite=overwrite)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=f".tmp{path.suffix}", dir=path.parent)
        os.close(handle)
    except OSError as error:
        raise OutputError(f"{path.parent} cannot be written ({reason(error)}); choose another folder") from error
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except PermissionError as error:
        if error.filename2 is None:
            raise
        raise OutputError(
            f"{path} cannot be replaced ({reason(error)}); close what has it open and run again"
        ) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise OutputError(f"the disk is full while writing {path}; free some space and run again") from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


def check_output(path: Path, *, overwrite: bool) -> None:
    """Raise what `atomic_path` would, as far as it can be told without writing: to be called before long work.

    Raises:
        OutputError: as `atomic_path`.
    """
    if path.is_dir():
        raise OutputError(f"{path} is a folder; name a file")
    if path.exists() and not overwrite:
        raise OutputError(f"{path} exists already; pass --overwrite to replace it")
    folder = path.parent
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir():
        raise OutputError(f"{path.parent} cannot be written ({folder} is a file); choose another folder")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"{path.parent} cannot be written (permission denied); choose another folder")


def check_input(path: Path) -> None:
    """Refuse what is no readable file, before anything heavy is imported.

    Raises:
        MediaError: there is no such file, it is a folder, or empty.
    """
    if path.is_dir():
        raise MediaError(f"{path} is a folder; name a file")
    if not path.exists():
        raise MediaError(f"no such file: {path}")
    if path.is_file() and path.stat().st_size == 0:
        raise MediaError(f"{path} is empty (0 bytes); copy it again")


def config_folder() -> Path:
    """The user's own settings: on Linux $XDG_CONFIG_HOME/synclips or ~/.config/synclips; elsewhere as usual there."""
    return user_config_path("synclips", appauthor=False)


def cache_folder() -> Path:
    """What can be made again: on Linux $XDG_CACHE_HOME/synclips or ~/.cache/synclips; elsewhere as usual there."""
    return user_cache_path("synclips", appauthor=False)


def reason(error: OSError) -> str:
    """The operating system's own words for `error`, in lower case."""
    return (error.strerror or str(error)).lower()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
