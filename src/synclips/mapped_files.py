"""Large arrays in temporary files, mapped into memory.

What has been read or written of a mapped file stays in the process's memory while the machine has room, and counts as
its own: an hour of sound and of faces is 1.5 GB. `leave_memory` hands it back to the kernel; the data stay in the file
and are read again when they are needed. So code that walks over a whole array walks in `parts`.
"""

import mmap
import os
import sys
import threading
from collections.abc import Iterator
from typing import IO, Any, Final, Literal
from weakref import WeakSet

import numpy as np

_EVERY: Final = 32 << 20
"""Bytes that a walk over an array may leave in memory."""
_BLOCK: Final = 2 << 20
"""Bytes that the kernel maps at once, at most."""
_mapped: WeakSet[mmap.mmap] = WeakSet()
_adding = threading.Lock()


def map_array(file: IO[bytes], dtype: Any, shape: tuple[int, ...], mode: Literal["r", "r+", "w+"]) -> np.ndarray:
    """An array that lies in a file: "r" is read-only, "w+" sets the file's size first. The file object may be closed
    afterwards, and the file may have no name: its space on the disk is freed with the array."""
    with os.fdopen(os.dup(file.fileno()), "rb" if mode == "r" else "r+b") as own:
        array = np.memmap(own, dtype, mode, shape=shape)
    memory = array._mmap  # type: ignore[attr-defined]
    if isinstance(memory, mmap.mmap):
        with _adding:
            _mapped.add(memory)
    return array


def leave_memory() -> None:
    """Hand back the memory of all mapped files; what they hold is read again when it is needed. On Linux only."""
    if sys.platform != "linux":
        return
    with _adding:
        all_of_them = list(_mapped)
    for memory in all_of_them:
        if not memory.closed:
            memory.madvise(mmap.MADV_DONTNEED)  # of a shared mapping it drops no data


def read_rows(array: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Some rows of an array, copied. Reading one of a mapped array brings up to `_BLOCK` bytes around it into memory:
    a few rows all over a long array would bring in all of it."""
    found = np.empty((len(index), *array.shape[1:]), array.dtype)
    for part in parts(len(index), _EVERY // _BLOCK, _BLOCK if isinstance(array, np.memmap) else 0):
        found[part] = array[index[part]]
    return found


def parts(count: int, size: int, row_bytes: int) -> Iterator[slice]:
    """Slices of `size` rows that cover `count` rows of `row_bytes` each, for a walk over mapped arrays: memory is
    handed back on the way and at the end."""
    walked = 0
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))
        walked += size * row_bytes
        if walked >= _EVERY:
            leave_memory()
            walked = 0
    if count * row_bytes >= _EVERY:
        leave_memory()
