"""Paths are paths, outputs destroy nothing, and a run that was killed leaves nothing behind that the next one keeps."""

import errno
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from synclips.cli.main import main
from synclips.errors import MediaError, OutputError
from synclips.files import (
    SHORT_NAME,
    atomic_path,
    check_input,
    check_output,
    check_outputs,
    hidden_name,
    is_same_file,
    lack_of_temporary_space,
    reserved,
)
from synclips.media.audio import Waveform, read_audio, write_wav
from synclips.media.muxer import Beside
from synclips.media.resumable_writer import PictureFormat, open_writer, parts_folder
from synclips.media.video import VideoWriter, probe, read_frames
from synclips.provenance.tags import tags_of
from synclips.provenance.verify import judge

NAMES = ["Interview:Anna", "2024-08-20T13:28:35Z", "http:x", "pipe:1", "-a", "100%d", "a?b#c&d", "é…", "concat:a|b"]
TONE = Waveform((0.1 * np.sin(np.arange(8000) * 0.2)).astype(np.float32), 16_000)
LOCK = "import sys, time, pathlib; from synclips.files import {name}; c = {name}(pathlib.Path(sys.argv[1])); "
HELD = LOCK + "p = c.__enter__(); print(p, flush=True); time.sleep(60)"


def write_video(path: Path) -> Path:
    with VideoWriter(path, 64, 48, Fraction(25), audio=TONE, duration=0.4) as writer:
        for number in range(10):
            writer.write(np.full((48, 64, 3), 60 + number, np.uint8))
    return path


@pytest.mark.parametrize("stem", NAMES)
def test_a_path_is_a_path_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stem: str) -> None:
    monkeypatch.chdir(tmp_path)
    sound, video = Path(f"{stem}.wav"), Path(f"{stem}.mp4")
    write_wav(sound, TONE)
    assert read_audio(sound).duration == pytest.approx(0.5, abs=0.01)
    assert probe(write_video(video)).frame_count == len(list(read_frames(video))) == 10
    assert tags_of(video) is not None
    assert not judge(video).genuine
    beside = Beside(TONE, 0.4, None, video)
    with open_writer(
        Path(f"{stem}.mkv"), PictureFormat(64, 48, Fraction(25)), beside, identity="x", part_seconds=0.1
    ) as w:
        for number in range(10):
            w.write(np.full((48, 64, 3), 60 + number, np.uint8), number / 25)
    assert probe(Path(f"{stem}.mkv")).frame_count == 10
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(f"{stem}.{end}" for end in ("wav", "mp4", "mkv"))


@pytest.mark.parametrize("length", [SHORT_NAME + 4, 100, 243, 255])
def test_a_long_name_is_written_and_no_temporary_one_is_longer(tmp_path: Path, length: int) -> None:
    path = tmp_path / ("é" * ((length - 4) // 2) + "a" * (length % 2) + ".mp4")
    assert len(os.fsencode(path.name)) == length
    with atomic_path(path) as temporary:
        assert len(os.fsencode(temporary.name)) <= length
        assert temporary.suffix == ".mp4"
    assert len(os.fsencode(hidden_name(path, "lock"))) <= max(100, length)
    beside = Beside(None, 0.4)
    with (
        open_writer(
            path, PictureFormat(64, 48, Fraction(25)), beside, identity="x", part_seconds=0.1, overwrite=True
        ) as writer,
        reserved(path),
    ):
        for number in range(10):
            writer.write(np.zeros((48, 64, 3), np.uint8), number / 25)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_a_name_that_is_too_long_is_refused_first(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="256 bytes, and a file's may have 255"):
        check_output(tmp_path / ("a" * 252 + ".mp4"), overwrite=True)
    with pytest.raises(OutputError, match="shorter"):
        check_output(tmp_path / ("b" * 300) / "a.mp4", overwrite=True)


def test_a_device_is_no_output(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    for path in (Path("/dev/null"), tmp_path / "pipe.mp4"):
        with pytest.raises(OutputError, match="device"):
            check_output(path, overwrite=True)


def test_the_same_file_by_another_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.mp4").write_text("a")
    (tmp_path / "sub").mkdir()
    (tmp_path / "link.mp4").symlink_to("a.mp4")
    (tmp_path / "hard.mp4").hardlink_to("a.mp4")
    (tmp_path / "folder").symlink_to("sub")
    (tmp_path / "nowhere.mp4").symlink_to("sub/new.mp4")
    here = Path("a.mp4")
    for other in ("./a.mp4", "sub/../a.mp4", str(tmp_path / "a.mp4"), "link.mp4", "hard.mp4"):
        assert is_same_file(here, Path(other)), other
    for one, other in (("sub/new.mp4", "folder/new.mp4"), ("sub/new.mp4", "nowhere.mp4"), ("b.mp4", "./b.mp4")):
        assert is_same_file(Path(one), Path(other)), one
    for other in ("b.mp4", "sub/a.mp4", "A.mp4"):
        assert not is_same_file(here, Path(other)), other
    monkeypatch.setattr("synclips.file_checks._ignores_case", lambda _folder: True)
    assert is_same_file(Path("new É.mp4"), Path("NEW E\u0301.MP4"))


def test_no_output_is_an_input_or_another_output(tmp_path: Path) -> None:
    (tmp_path / "in.mp4").write_text("a")
    (tmp_path / "link.mp4").symlink_to("in.mp4")
    with pytest.raises(OutputError, match="also an input"):
        check_outputs([tmp_path / "link.mp4"], [None, tmp_path / "in.mp4"], overwrite=True)
    with pytest.raises(OutputError, match="are the same file"):
        check_outputs([tmp_path / "c.mp4", None, tmp_path / "." / "c.mp4"], [], overwrite=True)
    check_outputs([tmp_path / "c.mp4", tmp_path / "d.mp4"], [tmp_path / "in.mp4"], overwrite=False)


@pytest.mark.parametrize(
    "argv",
    [
        ["dub", "in.mp4", "--text", "Hi.", "--output", "in.mp4"],
        ["dub", "in.mp4", "--text", "Hi.", "--output", "link.mp4"],
        ["dub", "in.mp4", "--text", "Hi.", "--output", "c.mp4", "--compare", "./c.mp4"],
        ["dub", "in.mp4", "--text", "Hi.", "--output", "c.mp4", "--compare", "in.mp4"],
        ["dub", "in.mp4", "--audio", "a.wav", "--output", "a.wav"],
        ["dub", "in.mp4", "--script", "s.srt", "--output", "s.srt"],
        ["dub", "in.mp4", "--text-file", "t.txt", "--output", "t.txt"],
        ["dub", "in.mp4", "--text", "Hi.", "--like", "a.wav", "--output", "a.wav"],
        ["dub", "in.mp4", "--text", "Hi.", "--checkpoint", "m.mp4", "--output", "m.mp4"],
        ["dub", "x_preview.mp4", "--text", "Hi.", "--preview", "--output", "x.mp4"],
        ["speak", "--text-file", "t.wav", "--output", "t.wav"],
        ["speak", "Hi.", "--like", "a.wav", "--output", "a.wav"],
    ],
)
def test_inputs_are_never_destroyed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], argv: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("in.mp4", "a.wav", "s.srt", "t.txt", "t.wav", "m.mp4", "x_preview.mp4"):
        Path(name).write_text(f"precious {name}")
    Path("link.mp4").symlink_to("in.mp4")
    before = {path: path.read_text() for path in tmp_path.iterdir()}
    assert main([*argv, "--overwrite"]) == 1
    assert "name" in capsys.readouterr().err
    assert {path: path.read_text() for path in tmp_path.iterdir()} == before


def holding(name: str, path: Path) -> "subprocess.Popen[str]":
    """Another process that is within `name` for `path`."""
    process = subprocess.Popen(
        [sys.executable, "-c", HELD.format(name=name), str(path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process


def ended(process: "subprocess.Popen[str]") -> None:
    process.kill()
    process.communicate()


def test_what_a_killed_run_left_is_removed_by_the_next_and_what_is_in_use_is_not(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    (tmp_path / ".out.notes.tmp.mp4").write_text("somebody's own")
    process = holding("atomic_path", path)
    left = {entry.name for entry in tmp_path.iterdir()}
    assert len(left) == 2
    with atomic_path(path) as temporary:
        temporary.write_text("new")
    assert {entry.name for entry in tmp_path.iterdir()} == left | {"out.mp4"}
    ended(process)
    assert {entry.name for entry in tmp_path.iterdir()} == left | {"out.mp4"}
    with atomic_path(path) as temporary:
        temporary.write_text("newer")
    assert {entry.name for entry in tmp_path.iterdir()} == {"out.mp4", ".out.notes.tmp.mp4"}


def test_parts_of_a_longer_video_are_removed_by_a_short_one(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    parts_folder(path).mkdir()
    (parts_folder(path) / "00000.mp4").write_text("x")
    with open_writer(path, PictureFormat(64, 48, Fraction(25)), Beside(None, 0.1), identity="x") as writer:
        writer.write(np.zeros((48, 64, 3), np.uint8), 0.0)
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.mp4"]


def test_the_second_of_two_runs_is_refused_until_the_first_is_over_or_dead(tmp_path: Path) -> None:
    path = tmp_path / "new" / "out.mp4"
    process = holding("reserved", path)
    with pytest.raises(OutputError, match="being written by another run"), reserved(path):
        pass
    with reserved(path.with_name("other.mp4")):
        pass
    ended(process)
    with reserved(path), pytest.raises(OutputError, match="another run"), reserved(path):
        pass
    with reserved(path):
        pass
    assert list(path.parent.iterdir()) == []


def test_folders_that_were_made_for_a_run_that_failed_go_again(tmp_path: Path) -> None:
    with reserved(tmp_path / "a" / "b" / "out.mp4"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_two_dubs_of_one_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    video = write_video(tmp_path / "in.mp4")
    process = holding("reserved", tmp_path / "out.mp4")
    assert main(["dub", str(video), "--text", "Hi.", "--output", "out.mp4", "--overwrite"]) == 1
    assert "being written by another run" in capsys.readouterr().err
    ended(process)


def test_a_file_that_came_in_the_meantime_is_not_replaced_unasked(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"

    def write() -> None:
        with atomic_path(path, overwrite=False) as temporary:
            temporary.write_text("mine")
            path.write_text("theirs")

    with pytest.raises(OutputError, match="exists already"):
        write()
    assert path.read_text() == "theirs"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("read", [check_input, probe, read_audio, tags_of])
def test_a_pipe_is_said_to_be_one(tmp_path: Path, read: Callable[[Path], object]) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(MediaError, match="is a pipe or a device, which can be read only once"):
        read(tmp_path / "pipe.mp4")


def test_a_video_on_standard_input(tmp_path: Path) -> None:
    video = write_video(tmp_path / "in.mp4")
    command = [sys.executable, "-m", "synclips", "dub", "/dev/stdin", "--text", "Hi.", "--output", "out.mp4"]
    run = subprocess.run(command, input=video.read_bytes(), capture_output=True, cwd=tmp_path, check=False)
    assert run.returncode == 1
    assert b"pipe" in run.stderr
    assert len(run.stderr.splitlines()) == 1


def test_a_full_folder_for_temporary_files_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    write_wav(tmp_path / "like.wav", TONE)
    monkeypatch.setattr("tempfile.SpooledTemporaryFile", full)
    output = str(tmp_path / "out.wav")
    assert main(["speak", "Hi.", "--like", str(tmp_path / "like.wav"), "--output", output]) == 1
    line = capsys.readouterr().err
    assert tempfile.gettempdir() in line
    assert "TMPDIR" in line
    assert lack_of_temporary_space(OSError(errno.ENOSPC, "No space left on device")) is None
    elsewhere = OSError(errno.ENOSPC, "No space left on device", "/elsewhere/x")
    assert lack_of_temporary_space(elsewhere) is None
    assert lack_of_temporary_space(OSError(errno.EACCES, "no")) is None
    nowhere = FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']")
    assert "TMPDIR" in str(lack_of_temporary_space(nowhere))
