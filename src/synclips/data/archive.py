"""Unpacking of downloaded archives: nothing outside the folder, no links, no decompression bombs, only known names."""

import stat
import tarfile
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from synclips.errors import DownloadError


@dataclass(frozen=True)
class Limits:
    """What an archive may hold at most; sizes in unpacked bytes, `ratio` unpacked to packed."""

    members: int = 100_000
    member_bytes: int = 64 << 20
    total_bytes: int = 4 << 30
    ratio: float = 100.0


@dataclass(frozen=True)
class Member:
    """A file inside an archive: its folder there, its own name, its size in bytes, and how to unpack its first n."""

    folder: str
    name: str
    size: int
    unpack: Callable[[int], bytes]

    def read(self) -> bytes:
        """The content, of exactly the announced size.

        Raises:
            DownloadError: it unpacks to more or less than announced.
        """
        content = self.unpack(self.size + 1)
        if len(content) != self.size:
            raise DownloadError(f"{self.name} is not of the size that its archive announces")
        return content


@contextmanager
def opened(
    archive: Path, wanted: Callable[[str], bool], limits: Limits | None = None
) -> Iterator[dict[str, list[Member]]]:
    """The members of a .zip or .tar whose bare file name is `wanted`, by that name; more than one where folders differ.

    Folders inside the archive are told, never obeyed.

    Raises:
        DownloadError: the archive is damaged, or not to be trusted. Also while members are read inside the block.
    """
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as file:
                yield _sorted_out(_zip_members(file, archive, wanted, limits or Limits()))
        else:
            with tarfile.open(archive) as file:
                yield _sorted_out(_tar_members(file, archive, wanted, limits or Limits()))
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, RuntimeError) as error:
        raise DownloadError(f"{archive} is damaged or no archive at all ({error}); download it again") from error


def _zip_members(
    file: zipfile.ZipFile, archive: Path, wanted: Callable[[str], bool], limits: Limits
) -> Iterator[Member]:
    guard = _Guard(archive, limits)
    for info in file.infolist():
        guard.count(info.filename, info.file_size)
        path = PurePosixPath(info.filename.replace("\\", "/"))
        if info.is_dir() or not wanted(path.name):
            continue
        guard.check_path(path)
        mode = info.external_attr >> 16
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            guard.refuse(f"{path} is a link or a device, not a file")
        if info.file_size > limits.ratio * max(1, info.compress_size):
            guard.refuse(f"{path} unpacks to {info.file_size // max(1, info.compress_size)} times its size")
        yield Member(path.parent.name, path.name, info.file_size, partial(_from_zip, file, info))


def _tar_members(
    file: tarfile.TarFile, archive: Path, wanted: Callable[[str], bool], limits: Limits
) -> Iterator[Member]:
    guard = _Guard(archive, limits)
    for info in file:
        guard.count(info.name, info.size)
        path = PurePosixPath(info.name)
        if info.isdir() or not wanted(path.name):
            continue
        guard.check_path(path)
        if not info.isreg():
            guard.refuse(f"{path} is a link or a device, not a file")
        yield Member(path.parent.name, path.name, info.size, partial(_from_tar, file, info))


def _from_zip(file: zipfile.ZipFile, info: zipfile.ZipInfo, most: int) -> bytes:
    with file.open(info) as content:
        return content.read(most)


def _from_tar(file: tarfile.TarFile, info: tarfile.TarInfo, most: int) -> bytes:
    content = file.extractfile(info)
    if content is None:
        raise tarfile.ReadError(f"{info.name} has no content")
    with content:
        return content.read(most)


def _sorted_out(members: Iterator[Member]) -> dict[str, list[Member]]:
    by_name: defaultdict[str, list[Member]] = defaultdict(list)
    for member in members:
        by_name[member.name].append(member)
    return dict(by_name)


class _Guard:
    """Counts what an archive announces, wanted or not, and refuses it whole when it goes too far."""

    def __init__(self, archive: Path, limits: Limits) -> None:
        self._archive, self._limits = archive, limits
        self._members = self._bytes = 0

    def refuse(self, why: str) -> None:
        raise DownloadError(f"{self._archive} is not to be trusted: {why}; use another --source")

    def count(self, name: str, size: int) -> None:
        self._members += 1
        self._bytes += size
        if self._members > self._limits.members:
            self.refuse(f"it holds more than {self._limits.members} files")
        if size > self._limits.member_bytes:
            self.refuse(f"{name} unpacks to {size} bytes")
        if self._bytes > self._limits.total_bytes:
            self.refuse(f"it unpacks to more than {self._limits.total_bytes} bytes")

    def check_path(self, path: PurePosixPath) -> None:
        if path.is_absolute() or ".." in path.parts or (path.parts and path.parts[0].endswith(":")):
            self.refuse(f"{path} leads out of its folder")
