"""The evaluate verb, and the model as the method it puts to the test."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_models import write_encoders, write_generator

from synclips.cli import main
from synclips.data.grid import find_utterances
from synclips.data.synthetic import write_synthetic_corpus
from synclips.evaluation.footage import Footage, load_footage
from synclips.evaluation.protocol import Method
from synclips.evaluation.results import read_results
from synclips.features.landmarks import MediaPipeDetector
from synclips.rendering.trial import model_method


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One drawn clip of a speaker whom training never sees."""
    root = tmp_path_factory.mktemp("corpus")
    write_synthetic_corpus(root, ("s6",), clips=1, seconds=1.4)
    return root


@pytest.fixture(scope="module")
def footage(corpus: Path) -> Footage:
    return load_footage(find_utterances(corpus)[0], MediaPipeDetector)


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


def test_the_verb_writes_a_report_and_goes_on_where_it_was(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, judge = write_generator(tmp_path / "small.safetensors"), write_encoders(tmp_path / "judge.safetensors")
    argv = ["evaluate", "--raw-dir", str(corpus), "--output-dir", str(tmp_path / "report"), "--split", "unseen"]
    argv += ["--checkpoint", str(model), "--judge", str(judge), "--device", "cpu"]
    assert main(argv) == 0
    assert capsys.readouterr().out == f"report: {tmp_path / 'report' / 'index.html'}\n"
    rows = tmp_path / "report" / "unseen" / "results.jsonl"
    before = rows.read_bytes()
    found = [result for result in read_results(rows) if result.method == "small"]
    assert {result.task for result in found} == {"reconstruct", "silence"}
    metrics = json.loads((tmp_path / "report" / "metrics.json").read_text())
    assert metrics["method"] == "small"
    assert main(argv) == 0
    assert rows.read_bytes() == before
