"""Footage of a drawn face through the whole of `synclips preprocess`: cut, judged, corrected, refused, resumed."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from synclips.cli.main import main
from synclips.corpus.footage import FootageReader, FootageSettings, _hear, _why_no_piece, margin_of
from synclips.corpus.jobs import _syncnet
from synclips.corpus.sources import find_corpus
from synclips.data.dataset import ClipStore
from synclips.data.shards import Reject
from synclips.data.synthetic import write_synthetic_corpus
from synclips.engines.object_store import fetched, list_files, store
from synclips.errors import BackendError
from synclips.media.audio import Waveform
from synclips.metrics.sync import sync_figures
from synclips.speech.recognition import Recogniser
from synclips.speech.transcript import TranscriptWord
from synclips.tracking.detector import FaceMeshDetector


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One talk of 5 s and, beside it, sound alone."""
    folder = tmp_path_factory.mktemp("raw")
    (video,) = write_synthetic_corpus(folder / "grid", ("me",), clips=1, seconds=5.0)
    (folder / "own" / "me").mkdir(parents=True)
    video.rename(folder / "own" / "me" / "my talk.mp4")
    (folder / "own" / "me" / "my talk.srt").write_text("1\n00:00:00,800 --> 00:00:04,400\none two three four\n")
    (folder / "own" / "me" / "broken.mp4").write_bytes(b"no video")
    return folder / "own"


def manifest_of(folder: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    return value


def test_footage_becomes_clips_with_reasons_and_a_page(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # drawn lips are not lips to the shipped SyncNet: what it is sure of is tested with figures below
    monkeypatch.setattr("synclips.corpus.footage.margin_of", lambda _: 1.0)
    monkeypatch.setattr("synclips.corpus.footage.FootageReader._moved", lambda *_: 0)
    arguments = ["preprocess", "--raw-dir", str(raw), "--output-dir", str(tmp_path), "--workers", "1"]
    assert main(arguments) == 0
    manifest = manifest_of(tmp_path)
    store = ClipStore(tmp_path)
    (entry,) = manifest["clips"]
    assert entry["source"] == "me/my talk.mp4"
    assert entry["split"] == "train"
    assert entry["av_offset"] == 0
    clip = store[entry["key"]]
    assert 50 <= len(clip) <= 125
    assert len(clip.waveform.samples) == len(clip) * 640
    assert [word for _, _, word in clip.words] == ["one", "two", "three", "four"]
    (reject,) = manifest["rejects"]
    assert reject["source"] == "me/broken.mp4"
    page = (tmp_path / "corpus.html").read_text()
    assert "my talk.mp4" in page
    assert "broken.mp4" in page
    made = (tmp_path / "me-v000.tar").stat().st_mtime_ns
    assert main(arguments) == 0
    assert (tmp_path / "me-v000.tar").stat().st_mtime_ns == made


def test_a_corpus_and_its_shards_may_lie_in_an_object_store(
    raw: Path, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("synclips.corpus.footage.margin_of", lambda _: 1.0)
    monkeypatch.setattr("synclips.corpus.footage.FootageReader._moved", lambda *_: 0)
    for path in sorted(raw.rglob("*.*")):
        store(path, f"{bucket}/videos/{path.relative_to(raw).as_posix()}")
    arguments = ["preprocess", "--raw-dir", f"{bucket}/videos", "--output-dir", f"{bucket}/shards", "--workers", "1"]
    assert main(arguments) == 0
    assert f"1 clips in 1 shard in {bucket}/shards, 1 left out" in capsys.readouterr().out
    stored = list_files(f"{bucket}/shards")
    assert list(stored) == ["corpus.html", "manifest.json", "me-v000.json", "me-v000.tar"]
    for name in stored:
        with fetched(f"{bucket}/shards/{name}", tmp_path) as copy:
            copy.rename(tmp_path / f"kept-{name}")
        (tmp_path / f"kept-{name}").rename(tmp_path / name)
    found = ClipStore(tmp_path)
    assert [word for _, _, word in found[next(iter(found.entries))].words] == ["one", "two", "three", "four"]
    monkeypatch.setattr("synclips.corpus.remote.make_shard", lambda _: pytest.fail("it is there already"))
    assert main(arguments) == 0
    assert main(["preprocess", "--raw-dir", f"{bucket}/nothing", "--output-dir", str(tmp_path / "s")]) == 1
    assert f"there is no file below {bucket}/nothing" in capsys.readouterr().err


def test_words_are_heard_where_nothing_is_written(
    raw: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Hearing(Recogniser):
        def __init__(self, model: str) -> None:
            self.name = model
            if model == "gone":
                raise BackendError("no words can be recognised without faster-whisper")

        def words(self, sound: Waveform) -> list[TranscriptWord]:
            return [TranscriptWord("Hello,", 0.5, 1.0, 0.9), TranscriptWord("it's", 1.0, sound.duration, 0.9)]

    monkeypatch.setattr("synclips.corpus.footage.margin_of", lambda _: 1.0)
    monkeypatch.setattr("synclips.corpus.footage.Recogniser", Hearing)
    monkeypatch.setattr("synclips.speech.recognition.Recogniser", Hearing)
    source = next(s for s in find_corpus(raw).sources if s.name == "my-talk")
    reader = FootageReader(_syncnet(), FootageSettings(transcribe="tiny.en"))
    ((clip, facts),) = reader.clips(replace(source, transcript=None), FaceMeshDetector(), [])
    assert [(start, word) for start, _, word in clip.words] == [(0.5, "hello"), (1.0, "it's")]
    assert facts.words_by == "tiny.en"
    (tmp_path / "a.mp4").write_bytes(b"no video")
    command = ["preprocess", "--raw-dir", str(tmp_path), "--output-dir", str(tmp_path / "s"), "--transcribe", "gone"]
    assert main([*command, "--workers", "1"]) == 1
    assert "faster-whisper; clips without a transcript beside them will have none" in capsys.readouterr().err


def test_sound_that_does_not_fit_is_refused(raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("synclips.corpus.footage.margin_of", lambda _: 0.0)
    source = next(s for s in find_corpus(raw).sources if s.name == "my-talk")
    rejects: list[Reject] = []
    assert list(FootageReader(_syncnet(), FootageSettings()).clips(source, FaceMeshDetector(), rejects)) == []
    assert "lips are not seen to move with the sound" in rejects[0].reason
    assert rejects[0].start is not None


@pytest.mark.parametrize(("loudness", "why"), [(0.0, "its sound track is silent"), (0.1, "nobody speaks in it")])
def test_a_silent_track_is_told_from_one_without_speech(loudness: float, why: str) -> None:
    noise = np.random.default_rng(0).uniform(-loudness, loudness, 32_000).astype(np.float32)
    assert _why_no_piece([], _hear(Waveform(noise, 16_000), 0, 50), FootageSettings()) == why


def test_the_margin_tells_a_peak_from_noise() -> None:
    rng = np.random.default_rng(0)
    sound = rng.standard_normal((150, 32)).astype(np.float32)
    sound /= np.linalg.norm(sound, axis=1, keepdims=True)
    other = rng.standard_normal((150, 32)).astype(np.float32)
    other /= np.linalg.norm(other, axis=1, keepdims=True)
    late = sync_figures(np.roll(sound, -4, axis=0), sound)
    needed = FootageSettings().margin / 150**0.5
    assert late.offset == 4
    assert margin_of(late) > needed
    assert margin_of(sync_figures(other, sound)) < needed


def test_wrong_folders_are_errors_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["preprocess", "--raw-dir", str(tmp_path / "gone"), "--output-dir", str(tmp_path / "s")]) == 1
    assert "there is no folder" in capsys.readouterr().err
    (tmp_path / "raw" / "me").mkdir(parents=True)
    (tmp_path / "raw" / "me" / "a.mp4").write_bytes(b"no video")
    assert main(["preprocess", "--raw-dir", str(tmp_path / "raw"), "--output-dir", str(tmp_path / "s")]) == 1
    assert "none of the 1 videos" in capsys.readouterr().err
