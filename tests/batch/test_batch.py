"""A batch does each row once, whatever else fails; again it does what is missing; files may lie in an object store."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from synclips.batch import work
from synclips.batch.jobs import read_jobs
from synclips.batch.run import run_batch
from synclips.cli.main import main
from synclips.dubbing.options import DubOptions
from synclips.dubbing.prepared_video import PreparedVideo
from synclips.engines.local import LocalEngine
from synclips.errors import BackendError, ConfigError, InputError, MediaError, TextError

HERE = LocalEngine(1)


@dataclass
class Fake:
    """Stands in for preparing and dubbing: what was asked for."""

    prepared: list[str] = field(default_factory=list)
    lines: list[tuple[str, str, DubOptions]] = field(default_factory=list)

    def prepare(self, video: Path, *, options: DubOptions) -> Any:
        assert options.checkpoint is None
        if video.read_bytes() == b"no face":
            raise MediaError(f"{video.name} shows no face")
        self.prepared.append(video.name)
        return _Prepared(video)

    def dub(self, prepared: Any, output: Path, *, options: DubOptions, overwrite: bool, **said: Any) -> Any:
        assert overwrite
        words = said.get("text") or Path(next(iter(said.values()))).read_text()
        if words == "?":
            raise TextError("there is nothing to be spoken")
        self.lines.append((prepared.video.name, words, options))
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(f"{prepared.video.read_text()}: {words}")
        report = type("Report", (), {"duration": 1.5, "all_notes": ["a note"]})
        return type("Result", (), {"report": report})


class _Prepared(PreparedVideo):
    video: Path

    def __init__(self, video: Path) -> None:
        object.__setattr__(self, "video", video)

    def __enter__(self) -> "_Prepared":
        return self

    def __exit__(self, *_: object) -> None:
        pass


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    fake = Fake()
    monkeypatch.setattr(work, "prepare", fake.prepare)
    monkeypatch.setattr(work, "dub", fake.dub)
    return fake


@pytest.fixture
def jobs(tmp_path: Path) -> Path:
    for name in ("a", "b"):
        (tmp_path / f"{name}.mp4").write_text(name)
    (tmp_path / "bad.mp4").write_bytes(b"no face")
    (tmp_path / "said.wav").write_text("recorded")
    path = tmp_path / "jobs.csv"
    path.write_text(
        "video,text,audio,output,face,strength\n"
        'a.mp4,"Hello, you",,,,\n'
        "b.mp4,Good day,,greetings/b,left,0.5\n"
        "a.mp4,?,,,,\n"
        "bad.mp4,Hello,,,,\n"
        "a.mp4,,said.wav,,,\n"
        "gone.mp4,Hello,,,,\n"
        "b.mp4,Hello,,../b.mp4,,\n"
        "b.mp4,Hello,said.wav,,,\n"
        "b.mp4,Hello,,,,much\n"
    )
    return path


def test_rows_that_fail_are_listed_and_the_others_made(jobs: Path, fake: Fake, tmp_path: Path) -> None:
    out = tmp_path / "out"
    report = run_batch(jobs, str(out), HERE)
    assert [result.status for result in report.results] == ["done", "done", "failed", "failed", "done", *4 * ["failed"]]
    assert (out / "a-0001.mp4").read_text() == "a: Hello, you"
    assert (out / "greetings" / "b.mp4").read_text() == "b: Good day"
    assert (out / "a-0005.mp4").read_text() == "a: recorded"
    assert fake.prepared == ["a.mp4", "b.mp4"]  # once for all lines of a video
    assert (fake.lines[-1][2].face, fake.lines[-1][2].strength) == ("left", 0.5)
    reasons = {result.number: result.reason for result in report.failed}
    expected = {3: "nothing to be spoken", 4: "no face", 6: "no such file", 7: "below --output-dir"}
    expected |= {8: "one of text, audio and script", 9: "strength is a number"}
    assert {number: words for number, words in expected.items() if words not in reasons[number]} == {}
    written = json.loads((out / "report.json").read_text())
    assert written["counts"] == {"done": 3, "failed": 6}
    assert "nothing to be spoken" in (out / "report.html").read_text()


def test_run_again_it_does_what_is_missing_or_changed(jobs: Path, fake: Fake, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run_batch(jobs, str(out), HERE)
    fake.lines.clear()
    assert run_batch(jobs, str(out), HERE).counts() == {"kept": 3, "failed": 6}
    assert fake.lines == []
    (out / "a-0001.mp4").unlink()
    (tmp_path / "b.mp4").write_text("another b")
    (tmp_path / "bad.mp4").write_text("mended")
    report = run_batch(jobs, str(out), HERE)
    assert report.counts() == {"done": 3, "kept": 1, "failed": 5}
    assert [words for _, words, _ in fake.lines] == ["Hello, you", "Good day", "Hello"]


def test_json_lines_and_wrong_files(tmp_path: Path) -> None:
    path = tmp_path / "jobs.jsonl"
    path.write_text('{"video": "a.mp4", "text": "Hi", "sync-mode": "loop"}\n\nnot json\n[1]\n')
    lines, bad = read_jobs(path)
    assert (lines[0].options, lines[0].video) == ({"sync_mode": "loop"}, str(tmp_path / "a.mp4"))
    assert [(row.number, row.reason[:8]) for row in bad] == [(2, "not JSON"), (3, "not a JS")]
    path.write_text('{"video": "a.mp4", "txt": "Hi"}\n')
    with pytest.raises(ConfigError, match="no column 'txt'"):
        read_jobs(path)
    path.write_text("\n")
    with pytest.raises(ConfigError, match="has no row"):
        read_jobs(path)


@pytest.mark.usefixtures("fake")
def test_the_command_line_ends_with_1_where_rows_failed(
    jobs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["batch", str(jobs), "--output-dir", str(tmp_path / "out"), "--workers", "1"]
    assert main(arguments) == 1
    said = capsys.readouterr()
    assert "3 made, 0 there already, 6 failed" in said.out
    assert "6 of 9 rows failed" in said.err
    jobs.write_text("video,text\na.mp4,Hello\n")
    assert main(arguments) == 0


def test_files_may_lie_in_an_object_store(bucket: str, jobs: Path, fake: Fake, tmp_path: Path) -> None:
    from synclips.engines.object_store import exists, read_bytes, store

    store(tmp_path / "a.mp4", f"{bucket}/videos/a.mp4")
    jobs.write_text(
        f"video,text,output\n{bucket}/videos/a.mp4,Hello,one\n{bucket}/videos/a.mp4,?,two\n{bucket}/gone.mp4,Hello,three\n"
    )
    report = run_batch(jobs, f"{bucket}/out", HERE)
    assert [result.status for result in report.results] == ["done", "failed", "failed"]
    assert "no such file" in report.results[2].reason
    assert read_bytes(f"{bucket}/out/one.mp4") == b"a: Hello"
    assert exists(f"{bucket}/out/report.html")
    assert not exists(f"{bucket}/out/two.mp4")
    fake.lines.clear()
    assert run_batch(jobs, f"{bucket}/out", HERE).counts() == {"kept": 1, "failed": 2}
    assert fake.lines == []


def test_a_store_that_cannot_be_reached_is_an_error_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    from synclips.engines.object_store import identity_of

    with pytest.raises(BackendError, match="fsspec"):
        identity_of("nosuchscheme://a/b.mp4")
    pytest.importorskip("s3fs").S3FileSystem.clear_instance_cache()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(InputError, match="the store refuses"):
        identity_of("s3://bucket/a.mp4")
