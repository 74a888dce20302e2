"""Mutated files of every accepted container end in our own errors, and in no crash, hang or traceback."""

import random
import subprocess
import sys
from pathlib import Path

import pytest
from mutated_media import cases, read_everything, seeds

pytestmark = pytest.mark.long

SCRIPT = Path(__file__).parents[2] / "scripts" / "fuzz_media.py"
COUNT = 300


def test_mutated_files_end_in_our_own_errors() -> None:
    command = [sys.executable, str(SCRIPT), "--count", str(COUNT), "--seed", "17"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    last = done.stdout.splitlines()[-1]
    assert f"{COUNT} files" in last
    assert "failed" not in last


def test_files_that_are_whole_are_read(tmp_path: Path) -> None:
    files = seeds(tmp_path / "seeds")
    suffixes = {path.suffix for path in files}
    assert {".mp4", ".mov", ".mkv", ".webm", ".avi", ".ts", ".mpg", ".wav", ".mp3", ".m4a", ".flac", ".ogg"} <= suffixes
    assert {".jpg", ".png", ".webp"} <= suffixes
    for path in files:
        refused = read_everything(path, tmp_path)
        kind = path.name.partition(".")[0]
        wanted = {"sound": {"read_sound", "read_audio", "tags"}, "image": {"read_image"}}.get(
            kind, {"picture_as_video"} if path.suffix == ".webp" else {"probe", "read_frames"}
        )
        assert not wanted & set(refused), (path.name, refused)


def test_a_number_gives_the_same_file_always(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(random.Random(0).randbytes(2000))
    files = [tmp_path / "a.bin"]
    first, again = (list(cases(files, 3, 10, 30)) for _ in range(2))
    assert first == again
    assert list(cases(files, 3, 20, 30)) == first[10:]
    assert len({data for _, data in first}) > 15
