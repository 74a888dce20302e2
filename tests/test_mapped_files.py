"""Arrays in mapped temporary files: what leaves memory comes back."""

import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from synclips.mapped_files import leave_memory, map_array, parts, read_rows


def test_written_values_come_back_after_they_left_memory() -> None:
    with tempfile.TemporaryFile() as file:
        array = map_array(file, np.float32, (3, 500_000), "w+")
    array[:] = np.arange(1_500_000, dtype=np.float32).reshape(3, -1)
    leave_memory()
    np.testing.assert_array_equal(array, np.arange(1_500_000, dtype=np.float32).reshape(3, -1))


@pytest.mark.skipif(sys.platform != "linux", reason="memory is handed back on Linux only")
def test_a_walk_in_parts_leaves_little_in_memory() -> None:
    with tempfile.TemporaryFile() as file:
        array = map_array(file, np.float32, (200_000, 256), "w+")  # 200 MB
    before = _resident()
    for part in parts(len(array), 1000, array[:1].nbytes):
        array[part] = 1
        assert _resident() - before < 60 << 20
    assert _resident() - before < 20 << 20
    assert float(array[:, 0].sum()) == 200_000


@pytest.mark.parametrize("count", [0, 1, 999, 1000, 1001])
def test_parts_cover_every_row_once(count: int) -> None:
    assert [row for part in parts(count, 1000, 1 << 20) for row in range(count)[part]] == list(range(count))


def _resident() -> int:
    """Bytes of mapped files in this process's memory."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("RssFile:")[1].split()[0]) * 1024


@pytest.mark.parametrize("mapped", [True, False])
def test_a_few_rows_of_a_long_array_do_not_bring_in_the_rest(mapped: bool) -> None:
    with tempfile.TemporaryFile() as file:
        array = map_array(file, np.float32, (100_000, 256), "w+")  # 100 MB
    array[:] = np.arange(len(array), dtype=np.float32)[:, None]
    leave_memory()
    before, index = _resident(), np.linspace(0, len(array) - 1, 500).astype(int)
    found = read_rows(array if mapped else np.array(array[:]), index)
    np.testing.assert_array_equal(found[:, 0], index.astype(np.float32))
    if mapped and sys.platform == "linux":
        assert _resident() - before < 40 << 20
