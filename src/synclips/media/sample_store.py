"""Samples of unknown number, collected piece by piece: short ones in memory, long ones in a temporary file."""

import contextlib
import tempfile
from types import TracebackType
from typing import Final

import numpy as np
from jaxtyping import Float32

from synclips.mapped_files import map_array

BLOCK: Final = 1 << 18
"""Samples of each channel that are handled at a time."""
IN_MEMORY: Final = 8 << 20
"""Bytes from which samples go into a file: two minutes of mono at 16 kHz, twenty seconds of stereo at 48 kHz."""


class SampleStore:
    """Collects float32 samples of `channels` channels; use it in a `with` statement.

    The array that `take` returns outlives the store: where it is mapped from a file, the file has no name any more
    and its disk space is freed with the array.
    """

    def __init__(self, channels: int) -> None:
        self.channels, self.count = channels, 0
        self._limit = IN_MEMORY
        self._exit = contextlib.ExitStack()
        self._file = self._exit.enter_context(
            tempfile.SpooledTemporaryFile(max_size=self._limit, prefix="synclips-")  # noqa: SIM115
        )

    def __enter__(self) -> "SampleStore":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exit.close()

    def append(self, samples: Float32[np.ndarray, "channels n"]) -> None:
        """Add samples at the end."""
        self._file.write(np.ascontiguousarray(samples.T).tobytes())
        self.count += samples.shape[1]

    def append_silence(self, count: int) -> None:
        """Add `count` samples of silence at the end; none where it is negative."""
        for start in range(0, count, BLOCK):
            self.append(np.zeros((self.channels, min(BLOCK, count - start)), np.float32))

    def take(self) -> Float32[np.ndarray, "channels n"]:
        """All samples, writable; call it once, at the end."""
        shape = (self.count, self.channels)
        if self.count * self.channels * 4 <= self._limit:
            self._file.seek(0)
            return np.frombuffer(bytearray(self._file.read()), np.float32).reshape(shape).T
        self._file.flush()
        return map_array(self._file, np.float32, shape, "r+").T
