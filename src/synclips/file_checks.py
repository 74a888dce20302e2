"""Checks of the files that are to be read and written, before any work: what would be destroyed, or cannot be used."""

import contextlib
import os
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path

from synclips.errors import MediaError, OutputError


def check_output(path: Path, *, overwrite: bool) -> None:
    """Raise what `atomic_path` would, as far as it can be told without writing: to be called before long work.

    Raises:
        OutputError: as `atomic_path`.
    """
    folder = _existing(path.parent)
    try:
        _check_name(path, folder)
        if path.is_dir():
            raise OutputError(f"{path} is a folder; name a file")
        if path.exists() and not path.is_file():
            raise OutputError(f"{path} is a device or a pipe; name a file")
        if path.exists() and not overwrite:
            raise exists_already(path)
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({reason(error)}); name another file") from error
    if not folder.is_dir():
        raise OutputError(f"{path.parent} cannot be written ({folder} is a file); choose another folder")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"{path.parent} cannot be written (permission denied); choose another folder")


def _existing(folder: Path) -> Path:
    """The nearest folder above that is there."""
    while folder != folder.parent:
        with contextlib.suppress(OSError):
            if folder.exists():
                return folder
        folder = folder.parent
    return folder


def _check_name(path: Path, folder: Path) -> None:
    longest = 255
    if sys.platform != "win32":
        with contextlib.suppress(OSError, ValueError):
            longest = os.pathconf(folder, "PC_NAME_MAX")
    for name in path.parts[len(folder.parts) :] if path.is_relative_to(folder) else (path.name,):
        if len(os.fsencode(name)) > longest:
            words = f"the name {name[:20]}... has {len(os.fsencode(name))} bytes, and a file's may have {longest}"
            raise OutputError(f"{words}; name a shorter one")


def exists_already(path: Path) -> OutputError:
    """That a file is not replaced unasked, to be raised."""
    return OutputError(f"{path} exists already; pass --overwrite to replace it")


def check_outputs(outputs: Iterable[Path | None], inputs: Iterable[Path | None], *, overwrite: bool) -> None:
    """`check_output` for all of them; and none may be one of the others or an input, by whatever name or link.

    Raises:
        OutputError: as `atomic_path`, or a file would be destroyed.
    """
    written, read = [path for path in outputs if path], [path for path in inputs if path]
    for index, path in enumerate(written):
        for other in read:
            if is_same_file(path, other):
                raise OutputError(f"{path} is also an input ({other}), which would be destroyed; name another file")
        for other in written[:index]:
            if is_same_file(path, other):
                raise OutputError(f"{other} and {path} are the same file; name two")
        check_output(path, overwrite=overwrite)


def is_same_file(one: Path, other: Path) -> bool:
    """Whether two paths name one file, there or not yet: through links, other spellings and cases."""
    with contextlib.suppress(OSError):
        if one.exists() and other.exists():
            return one.samefile(other)
    one, other = Path(os.path.realpath(one)), Path(os.path.realpath(other))
    if one == other:
        return True
    same_folder = one.parent == other.parent
    with contextlib.suppress(OSError):
        same_folder = same_folder or one.parent.samefile(other.parent)
    if not same_folder or _folded(one.name) != _folded(other.name):
        return False
    return one.name == other.name or _ignores_case(one.parent)


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _ignores_case(folder: Path) -> bool:
    """Whether the file system takes `A` and `a` for one name, as far as what is there already shows it."""
    folder = _existing(folder)
    with contextlib.suppress(OSError):
        for path in (*_some(folder), folder, *folder.parents):
            swapped = path.with_name(path.name.swapcase()) if path.name else path
            if swapped != path:
                return swapped.exists() and swapped.samefile(path)
    return False


def _some(folder: Path) -> Sequence[Path]:
    with os.scandir(folder) as entries:
        return [Path(entry.path) for entry, _ in zip(entries, range(20), strict=False)]


def check_input(path: Path, *, pipe: bool = False) -> None:
    """Refuse what is no readable file, before anything heavy is imported. `pipe`: one will do.

    Raises:
        MediaError: there is no such file, it is a folder, empty, or a pipe or device.
    """
    try:
        if path.is_dir():
            raise MediaError(f"{path} is a folder; name a file")
        if not path.exists():
            raise MediaError(f"no such file: {path}")
        if not path.is_file() and not pipe:
            raise MediaError(f"{path} is a pipe or a device, which can be read only once; save it as a file first")
        if path.is_file() and path.stat().st_size == 0:
            raise MediaError(f"{path} is empty (0 bytes); copy it again")
    except OSError as error:
        raise MediaError(f"{path} cannot be read ({reason(error)})") from error


def reason(error: OSError) -> str:
    """The operating system's own words for `error`, in lower case."""
    return (error.strerror or str(error)).lower()
