"""Where GRID is published: which archive holds which speaker, at the University of Sheffield and at Zenodo."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal
from urllib.parse import urlsplit

from synclips.data.download import RemoteFile
from synclips.data.http import Connection, FileMissingError
from synclips.errors import DownloadError

SourceName = Literal["auto", "sheffield", "zenodo"]

SHEFFIELD_URL: Final = "http://spandh.dcs.shef.ac.uk/gridcorpus"
ZENODO_URL: Final = "https://zenodo.org"
ZENODO_RECORD: Final = 3625687


@dataclass(frozen=True)
class Archive:
    """An archive to fetch, and the name it has on disk until it is unpacked."""

    name: str
    remote: RemoteFile


class Sheffield:
    """The corpus's home: `s1/video/s1.mpg_vcd.zip` (s1/bbaf2n.mpg) and `s1/align/s1.tar` (align/bbaf2n.align)."""

    name = "sheffield"

    def __init__(self, connection: Connection, base_url: str | None = None) -> None:
        self._connection = connection
        self._root = (base_url or SHEFFIELD_URL).rstrip("/")

    def video(self, speaker: str) -> Archive:
        """The archive of `speaker`'s clips, and its size, which is asked for where it is not listed.

        Raises:
            DownloadError: the source cannot be reached (FileMissingError: it has no such archive).
        """
        url = f"{self._root}/{speaker}/video/{speaker}.mpg_vcd.zip"
        return Archive(f"{speaker}.mpg_vcd.zip", RemoteFile(url, self._connection.size(url)))

    def alignments(self, speaker: str) -> Archive:
        """The archive of `speaker`'s alignments."""
        return Archive(f"{speaker}.align.tar", RemoteFile(f"{self._root}/{speaker}/align/{speaker}.tar"))


class Zenodo:
    """Record 3625687: `s1.zip` (s1/bbaf2n.mpg) and one `alignments.zip`, with sizes and MD5 sums in its JSON.

    In alignments.zip some speakers' folders are swapped (reported for lhotse as pull request 1502): go by file name.
    A mirror may copy the site's paths, record and all, or be a plain folder of the archives (no checksums then).
    """

    name = "zenodo"

    def __init__(self, connection: Connection, base_url: str | None = None) -> None:
        self._connection = connection
        self._mirror = base_url is not None
        self._root = (base_url or ZENODO_URL).rstrip("/")

    def video(self, speaker: str) -> Archive:
        """The archive of `speaker`'s clips, and its size, which is asked for where it is not listed.

        Raises:
            DownloadError: the source cannot be reached (FileMissingError: it has no such archive).
        """
        return self._archive(f"{speaker}.zip")

    def alignments(self, speaker: str) -> Archive:
        """The archive of everybody's alignments, those of `speaker` among them.

        Raises:
            DownloadError: as above.
        """
        del speaker
        return self._archive("alignments.zip")

    def _archive(self, name: str) -> Archive:
        if self._files is None:
            url = f"{self._root}/{name}"
            return Archive(name, RemoteFile(url, self._connection.size(url)))
        if name not in self._files:
            raise FileMissingError(f"{self._record_url} lists no {name}; use another --source")
        return Archive(name, self._files[name])

    @property
    def _record_url(self) -> str:
        return f"{self._root}/api/records/{ZENODO_RECORD}"

    @cached_property
    def _files(self) -> Mapping[str, RemoteFile] | None:
        """The record's files by name; None at a mirror that is a plain folder."""
        try:
            text = self._connection.text(self._record_url)
        except FileMissingError:
            if self._mirror:
                return None
            raise
        try:
            return {file["key"]: self._remote(file) for file in json.loads(text)["files"]}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DownloadError(f"{self._record_url} is not the record it was; use --source sheffield") from error

    def _remote(self, file: Mapping[str, object]) -> RemoteFile:
        links, checksum, size = file["links"], str(file["checksum"]), file["size"]
        if not (isinstance(links, Mapping) and isinstance(size, int)):
            raise TypeError
        url = str(links["self"])
        if self._mirror:
            url = self._root + urlsplit(url).path
        kind, _, digest = checksum.rpartition(":")
        return RemoteFile(url, size, digest if kind == "md5" else None)


Source = Sheffield | Zenodo
"""A place that holds the corpus."""


def source_names(source: SourceName) -> tuple[SourceName, ...]:
    """The sources that `source` stands for, best first: Zenodo gives checksums, Sheffield is the original."""
    return ("zenodo", "sheffield") if source == "auto" else (source,)


def sources(connection: Connection, source: SourceName = "auto", base_url: str | None = None) -> list[Source]:
    """The sources to try, best first; `base_url` is the address of a mirror laid out as the source is."""
    kinds: dict[SourceName, type[Source]] = {"zenodo": Zenodo, "sheffield": Sheffield}
    return [kinds[name](connection, base_url) for name in source_names(source)]
