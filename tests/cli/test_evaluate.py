"""The verbs evaluate and compare, and the model as the method that they put to the test."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_models import write_encoders, write_generator

from synclips.cli.main import main
from synclips.data.grid import find_utterances
from synclips.data.synthetic import write_synthetic_corpus
from synclips.evaluation.clip import Footage, load_footage
from synclips.evaluation.model_method import model_method
from synclips.evaluation.protocol import Method
from synclips.evaluation.results import read_results
from synclips.media.audio import Waveform, read_audio
from synclips.tracking.detector import FaceMeshDetector


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One drawn clip of a speaker whom training never sees."""
    root = tmp_path_factory.mktemp("corpus")
    write_synthetic_corpus(root, ("s33",), clips=1, seconds=1.4)
    return root


@pytest.fixture(scope="module")
def footage(corpus: Path) -> Footage:
    return load_footage(find_utterances(corpus)[0], FaceMeshDetector)


@pytest.fixture(scope="module")
def method(tmp_path_factory: pytest.TempPathFactory) -> Method:
    path = write_generator(tmp_path_factory.mktemp("model") / "small.safetensors")
    return model_method(path, torch.device("cpu"))


def lips_of(footage: Footage, step: int) -> tuple[slice, slice]:
    """A box well inside the lower face, around the mouth's corners and lips (points 61, 291, 0 and 17)."""
    points = footage.look.points[step][[61, 291, 0, 17], :2]
    left, top = np.floor(points.min(axis=0)).astype(int)
    right, bottom = np.ceil(points.max(axis=0)).astype(int)
    return slice(top, bottom), slice(left, right)


def test_the_method_is_known_by_its_files_content(method: Method, tmp_path: Path) -> None:
    other = write_generator(tmp_path / "renamed.safetensors")
    again = model_method(other, torch.device("cpu"))
    assert (method.name, again.name) == ("small", "renamed")
    assert method.identity == again.identity
    assert len(method.identity) == 16


def test_a_frame_lends_nothing_to_its_own_reconstruction(method: Method, footage: Footage) -> None:
    """With its mouth painted over, a frame comes out with the same mouth as before."""
    assert method.make is not None
    painted = footage.frames.copy()
    for step in range(len(painted)):
        painted[step][lips_of(footage, step)] = 0
    blind = replace(footage, frames=painted)
    made = list(method.make(footage, footage.waveform, "reconstruct"))
    same = list(method.make(blind, footage.waveform, "reconstruct"))
    assert len(made) == len(same) == len(footage)
    for step in range(0, len(made), 7):
        box = lips_of(footage, step)
        assert np.abs(made[step][box].astype(int) - same[step][box]).mean() < 1
        assert np.abs(footage.frames[step][box].astype(int) - painted[step][box]).mean() > 20


def test_a_shorter_sound_makes_fewer_frames(method: Method, footage: Footage) -> None:
    assert method.make is not None
    half = footage.waveform.padded(len(footage.waveform.samples) // 2)
    made = list(method.make(footage, half, "cross"))
    assert len(made) == -(-len(footage) // 2)
    assert made[0].shape == footage.frames[0].shape


def evaluating(corpus: Path, output: Path, *more: str) -> list[str]:
    argv = ["evaluate", "--raw-dir", str(corpus), "--split", "unseen", "--device", "cpu", "--quiet"]
    return [*argv, "--output-dir", str(output), *more]


def test_the_verb_writes_a_report_and_goes_on_where_it_was(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, judge = write_generator(tmp_path / "small.safetensors"), write_encoders(tmp_path / "judge.safetensors")
    argv = evaluating(corpus, tmp_path / "report", "--checkpoint", str(model), "--judge", str(judge))
    argv += ["--method", f"again={model}", "--task", "reconstruct", "--task", "silence"]
    assert main(argv) == 0
    assert capsys.readouterr().out == f"report: {tmp_path / 'report' / 'index.html'}\n"
    rows = tmp_path / "report" / "unseen" / "results.jsonl"
    before = rows.read_bytes()
    found = [result for result in read_results(rows) if result.method == "small"]
    assert {result.task for result in found} == {"reconstruct", "silence"}
    metrics = json.loads((tmp_path / "report" / "metrics.json").read_text())
    assert metrics["method"] == "small"
    table = metrics["splits"]["unseen"]["reconstruct"]
    assert {"small", "again", "real", "frozen", "silent", "copy-frame", "nearest-mouth"} == table.keys()
    assert table["small"]["psnr_mouth"] == table["again"]["psnr_mouth"]
    assert "wer" in table["small"]
    assert {"small", "again", "real", "frozen", "shuffled"} <= metrics["splits"]["unseen"]["silence"].keys()
    assert main(argv) == 0
    assert rows.read_bytes() == before
    capsys.readouterr()

    report = str(tmp_path / "report")
    assert main(["compare", report, report, "--methods", "small", "frozen", "--output-dir", str(tmp_path / "c")]) == 0
    shown = capsys.readouterr().out
    assert "unseen, reconstruct (1 clips): A, B, B - A" in shown
    assert "Opening spread" in shown
    assert shown.endswith(f"comparison: {tmp_path / 'c' / 'index.html'}\n")
    assert main(["compare", report, report, "--json"]) == 0
    differences = json.loads(capsys.readouterr().out)
    assert {d["change"]["mean"] for d in differences} == {0}
    other = json.loads((tmp_path / "report" / "metrics.json").read_text())
    other["about"]["judges"] = "others"
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "metrics.json").write_text(json.dumps(other))
    assert main(["compare", report, str(tmp_path / "other")]) == 1
    assert "different judges" in capsys.readouterr().err


def test_a_video_is_measured_and_its_faults_are_said(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video = find_utterances(corpus)[0].video
    argv = ["evaluate", "--video", str(video), "--reference", str(video), "--text", "bin blue", "--quiet"]
    argv += ["--output-dir", str(tmp_path / "report"), "--device", "cpu"]
    assert main([*argv, "--json"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert value["figures"]["speaker_similarity"] == pytest.approx(1, abs=1e-3)
    assert value["figures"]["sharpness_ratio"] == 1
    assert 0 <= value["figures"]["word_accuracy"] <= 1
    assert main(argv) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == f"report: {tmp_path / 'report' / 'index.html'}"
    assert {line[:2] for line in lines[:-1]} <= {"ok", "!!"}


def test_named_speakers_take_the_place_of_a_split(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["evaluate", "--raw-dir", str(corpus), "--device", "cpu", "--quiet", "--output-dir", str(tmp_path)]
    argv += ["--method", f"small={write_generator(tmp_path / 'small.safetensors')}", "--task", "silence"]
    argv += ["--judge", str(write_encoders(tmp_path / "judge.safetensors"))]
    speaker = find_utterances(corpus)[0].speaker
    assert main([*argv, "--speakers", speaker]) == 0
    assert json.loads((tmp_path / "metrics.json").read_text())["splits"].keys() == {"speakers"}
    assert main([*argv, "--speakers", "s29"]) == 2
    assert "the corpus has no clip of 's29'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--reference", "a.mp4"], "--reference goes with --video"),
        (["--text", "hello"], "--text goes with --video"),
        (["--video", "a.mp4", "--clips", "2", "--split", "seen"], "--split is for a model"),
        (["--video", "a.mp4", "--method", "a=b"], "--method is for a model"),
        (["--method", "just-a-name"], "is not NAME=CHECKPOINT"),
        (["--split", "seen", "--speakers", "s2"], "--speakers takes the place of --split"),
    ],
)
def test_options_that_do_not_go_together_are_wrong_usage(
    argv: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", *argv]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--video", "absent.mp4"], "no such file: absent.mp4"),
        (["--judge", "absent.safetensors"], "no such checkpoint: absent.safetensors"),
        (["--lip-reader", "absent.safetensors"], "no such checkpoint: absent.safetensors"),
        (["--original-syncnet", "absent.model"], "no such file: absent.model"),
        (["--method", "a=absent.py"], "no such file: absent.py"),
        (["--method", "a=absent.safetensors"], "no such checkpoint: absent.safetensors"),
        (["--method", "real=shipped"], "none like a baseline"),
        (["--method", "a/b=shipped"], "no name for a method"),
    ],
)
def test_what_cannot_be_used_is_one_line(
    corpus: Path, tmp_path: Path, argv: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    own = ["--output-dir", str(tmp_path / "report"), "--device", "cpu", *argv]
    assert main(["evaluate", *own] if "--video" in argv else evaluating(corpus, tmp_path / "report", *own[2:])) == 1
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def test_a_swapped_speaker_is_heard(grid_clips: Path) -> None:
    from synclips.cli.evaluate import _listeners

    def first(speaker: str, count: int) -> list[Waveform]:
        clips = [u for u in find_utterances(grid_clips) if u.speaker == speaker]
        return [read_audio(clip.video) for clip in clips[:count]]

    likeness = _listeners(None, None, str).speaker_similarity
    assert likeness is not None
    one, again = first("s1", 2)
    [other] = first("s4", 1)
    assert likeness(one, one) == pytest.approx(1, abs=1e-3)
    assert likeness(one, other) < 0.7 < likeness(one, again)
