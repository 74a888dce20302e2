"""Sound files that were joined byte by byte: where each of the files begins.

FFmpeg reads joined MP3, AAC, AC-3, MPEG and transport streams to their end, but of these formats, whose header says how
long the file is or what it holds, only the first one.
"""

import mmap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

_OGG_PAGE: Final = 27
"""Bytes of an Ogg page before its segment table."""


def parts_of(path: Path) -> list[tuple[int, int]]:
    """First byte and end of each of the sound files in `path`; one part where it is an ordinary file."""
    size = path.stat().st_size
    starts = [0]
    if size:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            for begins, further in _FORMATS:
                if begins(data):
                    starts += further(data)
                    break
    return list(zip(starts, [*starts[1:], size], strict=True))


def _places(data: mmap.mmap, words: bytes, start: int = 1) -> Iterator[int]:
    place = data.find(words, start)
    while place >= 0:
        yield place
        place = data.find(words, place + 1)


def _chunked(outer: bytes, inner: bytes) -> tuple[Callable[[mmap.mmap], bool], Callable[[mmap.mmap], Iterator[int]]]:
    """Formats of chunks: `outer`, four bytes of length, `inner`."""

    def further(data: mmap.mmap) -> Iterator[int]:
        return (place - 8 for place in _places(data, inner, 16) if data[place - 8 : place - 4] == outer)

    return (lambda data: data[:4] == outer and data[8 : 8 + len(inner)] == inner), further


def _headed(words: bytes) -> tuple[Callable[[mmap.mmap], bool], Callable[[mmap.mmap], Iterator[int]]]:
    """Formats that begin with the same words always."""
    return (lambda data: data[: len(words)] == words), (lambda data: _places(data, words))


def _matroska(data: mmap.mmap) -> Iterator[int]:
    for place in _places(data, _EBML):
        head = data[place : place + 64]
        if b"matroska" in head or b"webm" in head:
            yield place


def _mp4(data: mmap.mmap) -> Iterator[int]:
    """The second and later `ftyp` boxes on the top level."""
    place, first = 0, True
    while 0 <= place <= len(data) - 16:
        length, kind = int.from_bytes(data[place : place + 4], "big"), data[place + 4 : place + 8]
        if length == 1:
            length = int.from_bytes(data[place + 8 : place + 16], "big")
        if kind == b"ftyp" and not first:
            yield place
        if length < 8:
            return
        place, first = place + length, False


def _ogg(data: mmap.mmap) -> Iterator[int]:
    """Pages that begin a stream, but for those beside the first: there, several streams begin together."""
    together = 0
    for place in _places(data, b"OggS\0\2", 0):
        head = data[place : place + _OGG_PAGE + 255]
        if len(head) < _OGG_PAGE:
            return
        if place > together:
            yield place
        segments = head[_OGG_PAGE - 1]
        together = place + _OGG_PAGE + segments + sum(head[_OGG_PAGE : _OGG_PAGE + segments])


_EBML: Final = b"\x1a\x45\xdf\xa3"
_FORMATS: Final = (
    _chunked(b"RIFF", b"WAVE"),
    _chunked(b"FORM", b"AIFF"),
    _chunked(b"FORM", b"AIFC"),
    _headed(b"fLaC\0\0\0\x22"),
    _headed(b"caff\0\1\0\0desc"),
    (lambda data: data[:4] == _EBML, _matroska),
    (lambda data: data[4:8] == b"ftyp", _mp4),
    (lambda data: data[:4] == b"OggS", _ogg),
)
