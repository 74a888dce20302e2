"""What goes wrong is one clear line and exit status 1; nothing half-written stays, nothing is overwritten."""

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from small_models import write_generator

from synclips.cli.main import main
from synclips.data.synthetic import write_synthetic_corpus
from synclips.media.audio import Waveform
from synclips.media.video import VideoWriter, probe

REPOSITORY = Path(__file__).parents[2]

Fails = Callable[..., str]
"""Run the command line, prove that it fails as it should, and return its one line."""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two drawn clips in GRID's layout."""
    root = tmp_path_factory.mktemp("corpus")
    write_synthetic_corpus(root, ("s1",), clips=2, seconds=1.2)
    return root


@pytest.fixture(scope="module")
def face(corpus: Path) -> Path:
    """A video with a face and sound."""
    return sorted(corpus.glob("s1/*.mp4"))[0]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model that was never trained: enough to come as far as the mistake."""
    return write_generator(tmp_path_factory.mktemp("model") / "small.safetensors")


@pytest.fixture
def fails(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Fails:
    """Runs in `tmp_path`, and looks at all files below it before and after."""
    monkeypatch.chdir(tmp_path)

    def files() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    def run(*argv: str | Path, status: int = 1) -> str:
        before = files()
        assert main([str(word) for word in argv]) == status
        out, err = capsys.readouterr()
        assert out == ""
        assert files() == before
        assert "Traceback" not in err
        *progress, line = err.splitlines()
        assert not [other for other in progress if " of " not in other]
        assert line.startswith("synclips: error: ")
        return line

    return run


def write_plain_video(path: Path, frames: int = 30, *, sound: bool = True) -> Path:
    """Grey frames without a face."""
    tone = 0.1 * np.sin(np.arange(16_000 * frames // 25) * 0.2).astype(np.float32)
    audio = Waveform(tone, 16_000) if sound else None
    with VideoWriter(path, 128, 96, Fraction(25), audio=audio) as writer:
        for number in range(frames):
            writer.write(np.full((96, 128, 3), 60 + number, np.uint8))
    return path


@pytest.fixture
def text_as_mp4(tmp_path: Path) -> Path:
    path = tmp_path / "text.mp4"
    path.write_text("This is no video.\n" * 50)
    return path


def test_video_that_is_not_there(fails: Fails) -> None:
    assert "no such file: gone.mp4" in fails("dub", "gone.mp4", "--text", "Hello.", "--output", "out.mp4")


def test_folder_as_video(fails: Fails, tmp_path: Path) -> None:
    (tmp_path / "folder.mp4").mkdir()
    assert "folder.mp4 is a folder" in fails("dub", "folder.mp4", "--text", "Hello.", "--output", "out.mp4")


def test_text_named_mp4(fails: Fails, text_as_mp4: Path) -> None:
    assert "not a video that can be read" in fails("dub", text_as_mp4, "--text", "Hello.", "--output", "out.mp4")


def test_empty_file(fails: Fails, tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    assert "is empty (0 bytes)" in fails("dub", "empty.mp4", "--text", "Hello.", "--output", "out.mp4")


def test_sound_only(fails: Fails, tmp_path: Path) -> None:
    from synclips.media.audio import write_wav

    write_wav(tmp_path / "sound.wav", Waveform(np.zeros(16_000, np.float32), 16_000))
    assert "no video track" in fails("dub", "sound.wav", "--text", "Hello.", "--output", "out.mp4")


def test_video_cut_off_before_its_first_frame(fails: Fails, tmp_path: Path, face: Path) -> None:
    content = face.read_bytes()
    (tmp_path / "cut.mp4").write_bytes(content[: content.index(b"mdat") + 8])
    line = fails("dub", "cut.mp4", "--text", "Hello.", "--output", "out.mp4")
    assert "cut.mp4" in line


def test_zero_frames(fails: Fails, tmp_path: Path) -> None:
    import av

    with av.open(str(tmp_path / "none.mkv"), "w") as container:
        container.add_stream("libx264", rate=25, width=64, height=64).pix_fmt = "yuv420p"
        container.start_encoding()
    assert "none.mkv" in fails("dub", "none.mkv", "--text", "Hello.", "--output", "out.mp4")


def test_video_without_a_face(fails: Fails, tmp_path: Path, checkpoint: Path) -> None:
    video = write_plain_video(tmp_path / "grey.mp4")
    line = fails("dub", video, "--text", "Hi.", "--output", "o.mp4", "--checkpoint", checkpoint, "--voice", "espeak")
    assert "no face" in line


@pytest.mark.parametrize("text", ["", "   \n", "?!"])
def test_nothing_to_speak(fails: Fails, face: Path, checkpoint: Path, text: str) -> None:
    line = fails("dub", face, "--text", text, "--output", "out.mp4", "--checkpoint", checkpoint)
    assert "nothing to speak" in line


def test_a_text_of_100_000_characters(fails: Fails, face: Path, checkpoint: Path) -> None:
    line = fails("dub", face, "--text", "Ab " * 33_334, "--output", "out.mp4", "--checkpoint", checkpoint)
    assert "100,002 characters" in line
    assert len(line) < 300


def test_text_file_that_cannot_be_read(fails: Fails, tmp_path: Path, face: Path) -> None:
    (tmp_path / "latin.txt").write_bytes("schön".encode("latin-1"))
    (tmp_path / "huge.txt").write_bytes(b"a" * ((1 << 20) + 1))
    for file, words in (
        ("gone.txt", "no such file"),
        (".", "is a folder"),
        ("latin.txt", "not text in UTF-8"),
        ("huge.txt", "split it"),
    ):
        assert words in fails("dub", face, "--text-file", file, "--output", "out.mp4")


def test_recording_that_cannot_be_used(fails: Fails, text_as_mp4: Path, face: Path, checkpoint: Path) -> None:
    for recording in ("gone.wav", text_as_mp4):
        line = fails("dub", face, "--audio", recording, "--output", "out.mp4", "--checkpoint", checkpoint)
        assert str(recording) in line


@pytest.mark.parametrize("verb", ["dub", "speak"])
def test_output_that_cannot_be_written(fails: Fails, tmp_path: Path, face: Path, checkpoint: Path, verb: str) -> None:
    (tmp_path / "file").write_text("in the way")
    begin = ["dub", face, "--checkpoint", checkpoint] if verb == "dub" else ["speak"]
    suffix = "mp4" if verb == "dub" else "wav"
    for output in (f"file/out.{suffix}", f"/proc/nowhere/out.{suffix}"):
        assert "cannot be written" in fails(*begin, "--text", "Hi.", "--voice", "espeak", "--output", output)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_read_only_folder(fails: Fails, tmp_path: Path, face: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o555)
    assert "permission denied" in fails("dub", face, "--text", "Hello.", "--output", "locked/out.mp4")


def test_read_only_folder_is_seen_before_any_work(fails: Fails, face: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda _path, mode: not mode & os.W_OK)
    monkeypatch.delattr("synclips.dubbing.pipeline.dub")
    assert "permission denied" in fails("dub", face, "--text", "Hello.", "--output", "out.mp4")


def test_nothing_is_overwritten_unless_asked(fails: Fails, tmp_path: Path, face: Path) -> None:
    (tmp_path / "out.mp4").write_text("precious")
    (tmp_path / f"{face.stem}_dubbed.json").write_text("precious, too")
    assert "--overwrite" in fails("dub", face, "--text", "Hello.", "--output", "out.mp4")
    assert "_dubbed.json exists" in fails("dub", "--video_path", face, "--text", "Hello.", "--output_dir", tmp_path)
    (tmp_path / "out.wav").write_text("precious")
    assert "--overwrite" in fails("speak", "--text", "Hello.", "--output", "out.wav")


def test_failure_with_overwrite_keeps_the_old_file(fails: Fails, tmp_path: Path, checkpoint: Path) -> None:
    video = write_plain_video(tmp_path / "grey.mp4")
    (tmp_path / "out.mp4").write_text("precious")
    fails("dub", video, "--text", "", "--output", "out.mp4", "--overwrite", "--checkpoint", checkpoint)
    assert (tmp_path / "out.mp4").read_text() == "precious"


def test_missing_or_damaged_checkpoint(fails: Fails, tmp_path: Path, face: Path, checkpoint: Path) -> None:
    content = checkpoint.read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(content[: len(content) // 2])
    (tmp_path / "empty.safetensors").touch()
    for name, words in (
        ("gone.safetensors", "no such checkpoint"),
        ("cut.safetensors", "damaged"),
        ("empty.safetensors", "damaged"),
        (".", "checkpoint"),
    ):
        assert words in fails("dub", face, "--text", "Hello.", "--output", "out.mp4", "--checkpoint", name)


def test_evaluation_without_corpus_model_or_judge(fails: Fails, corpus: Path, checkpoint: Path) -> None:
    given = ["evaluate", "--raw-dir", corpus, "--checkpoint", checkpoint]
    assert "there is no folder gone" in fails("evaluate", "--raw-dir", "gone")
    assert "no such checkpoint: gone" in fails(*given[:-1], "gone")
    assert "no such checkpoint: gone" in fails(*given, "--judge", "gone")
    assert "holds no SyncNet" in fails(*given, "--judge", checkpoint)


def test_device_that_is_not_there(fails: Fails, face: Path, checkpoint: Path) -> None:
    line = fails(
        "dub", face, "--text", "Hello.", "--output", "out.mp4", "--checkpoint", checkpoint, "--device", "cuda:9"
    )
    assert "cuda:9" in line


def test_voice_that_is_not_there(fails: Fails) -> None:
    assert "nobody" in fails("speak", "--text", "Hello.", "--output", "out.wav", "--voice", "nobody")


def test_video_without_sound_is_dubbed(
    tmp_path: Path, face: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    silent = tmp_path / "silent.mp4"
    from synclips.media.video import read_frames

    with VideoWriter(silent, 360, 288, Fraction(25)) as writer:
        for item in read_frames(face):
            writer.write(item.image)
    assert not probe(silent).has_audio
    argv = ["dub", str(silent), "--text", "Hi.", "--output", str(tmp_path / "out.mp4"), "--voice", "espeak"]
    assert main([*argv, "--checkpoint", str(checkpoint), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    made = probe(tmp_path / "out.mp4")
    assert made.has_audio
    assert made.frame_count == report["frames"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.mp4", "silent.mp4"]


def test_corpus_that_is_not_there_or_empty(fails: Fails, tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    for folder in ("gone", "raw"):
        assert folder in fails("preprocess", "--raw-dir", folder, "--output-dir", "shards")


def test_corpus_without_a_usable_clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "raw" / "s1").mkdir(parents=True)
    (tmp_path / "raw" / "s1" / "bbaf2n.mpg").write_text("This is no video.")
    before = set(tmp_path.iterdir())
    assert main(["preprocess", "--raw-dir", "raw", "--output-dir", "shards", "--workers", "1"]) == 1
    assert set(tmp_path.iterdir()) - before == {tmp_path / "shards"}
    assert not list(tmp_path.rglob("*.tmp*"))


def test_shards_missing_or_corrupt(
    fails: Fails, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "no manifest.json" in fails("verify", "shards")
    assert main(["preprocess", "--raw-dir", str(corpus), "--output-dir", "shards", "--workers", "1"]) == 0
    assert main(["verify", "shards"]) == 0
    capsys.readouterr()
    shard = tmp_path / "shards" / "s1-000.tar"
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 0xFF
    shard.write_bytes(content)
    assert "s1-000.tar is not what manifest.json says" in fails("verify", "shards")
    shard.unlink()
    assert "s1-000.tar is missing" in fails("verify", "shards")
    (tmp_path / "shards" / "manifest.json").write_text("{")
    assert "manifest.json is damaged" in fails("verify", "shards")


@pytest.mark.parametrize("verb", ["pretrain", "finetune", "recipe"])
def test_recipe_that_is_wrong(fails: Fails, tmp_path: Path, verb: str) -> None:
    pytest.importorskip("synclips.recipe")
    (tmp_path / "broken.toml").write_text("seed = ")
    (tmp_path / "unknown.toml").write_text("sede = 1")
    for config, words in (
        ("nothing", "no recipe named 'nothing'"),
        ("gone.toml", "no such file: gone.toml"),
        ("broken.toml", "is not TOML"),
        ("unknown.toml", "unknown key 'sede'"),
    ):
        assert words in fails(verb, "--config", config)


def test_full_disk(fails: Fails, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "shards/s1-000.tar")

    monkeypatch.setattr("synclips.corpus.preprocess.preprocess", full)
    assert fails("preprocess").endswith("shards/s1-000.tar: the disk is full; free some space and run again")


def test_full_disk_under_the_output(tmp_path: Path) -> None:
    """Standard output on a full disk, in a real process."""
    command = [sys.executable, "-m", "synclips", "verify", "--help"]
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=buffered, check=False
        )
    assert ended.returncode == 1
    assert ended.stderr.splitlines() == ["synclips: error: the disk is full; free some space and run again"]


def test_odd_file_names_are_one_line(fails: Fails) -> None:
    line = fails("dub", "new\nline \x1b[31mred\udcff.mp4", "--text", "Hello.", "--output", "out.mp4")
    assert "\x1b" not in line
    assert "no such file: new line ?[31mred" in line


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["sing"],
        ["dub"],
        ["dub", "a.mp4", "--output", "b.mp4"],
        ["dub", "a.mp4", "--text", "Hello."],
        ["dub", "--text", "Hello.", "--output", "b.mp4"],
        ["dub", "a.mp4", "--video_path", "b.mp4", "--text", "Hello.", "--output", "c.mp4"],
        ["dub", "a.mp4", "--text", "Hello.", "--audio", "a.wav", "--output", "b.mp4"],
        ["dub", "a.mp4", "--text", "Hello.", "--output", "b.mp4", "--sync-mode", "stretch"],
        ["dub", "a.mp4", "--text", "Hello.", "--output", "b.mp4", "--strength", "2"],
        ["dub", "a.mp4", "--text", "Hello.", "--output", "b.mp4", "--speed", "nan"],
        ["dub", "a.mp4", "--text", "Hello.", "--output", "b.mp4", "--quality", "sixteen"],
        ["dub", "a.mp4", "--text", "Hello.", "--out", "b.mp4"],
        ["preprocess", "--workers", "0"],
        ["download", "--source", "elsewhere"],
    ],
)
def test_wrong_usage_is_status_2(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("usage: synclips")
    assert "error: " in err.splitlines()[-1]
