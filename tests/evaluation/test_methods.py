"""Anybody's Python file can be a method, and what is wrong with it is one line."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from drawn_clips import DrawnDetector, draw_clip, write_corpus

from synclips.errors import ConfigError
from synclips.evaluation.methods import foreign_method
from synclips.evaluation.protocol import cases_of, run_protocol
from synclips.metrics.evaluators import Evaluators
from synclips.models.syncnet import SyncNet

CPU = torch.device("cpu")
GOOD = """
from lips_of_mine import paint
from synclips.evaluation.protocol import Method

def method(device):
    assert device.type == "cpu"
    return Method("theirs", paint, identity="weights 3")
"""
LIPS = """
from synclips.media.timebase import frames_in

def paint(footage, waveform, task):
    for frame in footage.frames[: frames_in(len(waveform.samples))]:
        yield frame
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    (tmp_path / "lips_of_mine.py").write_text(LIPS)
    path = tmp_path / "theirs.py"
    path.write_text(GOOD)
    return path


def test_a_file_makes_a_method_that_is_scored_like_any_other(script: Path, syncnet: SyncNet, tmp_path: Path) -> None:
    method = foreign_method("mine", script, CPU)
    assert method.name == "mine"
    assert method.identity.startswith("weights 3 ")
    corpus = write_corpus(tmp_path / "corpus", [draw_clip(40, frames=20)])
    results = run_protocol(
        cases_of(corpus, ["reconstruct"]), [method], Evaluators(syncnet), "j", tmp_path / "run", DrawnDetector
    )
    [result] = [r for r in results if r.method == "mine"]
    assert result.figures["psnr_mouth"] == 100


def test_a_changed_file_is_another_method(script: Path) -> None:
    before = foreign_method("mine", script, CPU)
    script.write_text(GOOD + "\n# changed\n")
    assert foreign_method("mine", script, CPU).identity != before.identity


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "makes no method"),
        ("def method(device): return 3", "makes no method"),
        ("import no_such_package", "cannot be loaded: No module named"),
        ("def method(", "cannot be loaded"),
    ],
)
def test_what_is_wrong_with_a_file_is_one_line(script: Path, content: str, words: str) -> None:
    script.write_text(content)
    with pytest.raises(ConfigError, match=words) as caught:
        foreign_method("mine", script, CPU)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        foreign_method("mine", tmp_path / "absent.py", CPU)


@pytest.mark.parametrize("body", ["return iter(())", "yield footage.frames[0][:10]", "yield footage.frames[0] / 255"])
def test_something_else_than_frames_is_one_line(script: Path, syncnet: SyncNet, tmp_path: Path, body: str) -> None:
    (tmp_path / "lips_of_mine.py").write_text("def paint(footage, waveform, task):\n    " + body)
    import sys

    sys.modules.pop("lips_of_mine", None)
    method = replace(foreign_method("mine", script, CPU), identity=body)
    corpus = write_corpus(tmp_path / "corpus", [draw_clip(40, frames=12)])
    with pytest.raises(ConfigError, match="must make uint8 frames"):
        run_protocol(
            cases_of(corpus, ["reconstruct"]), [method], Evaluators(syncnet), "j", tmp_path / "run", DrawnDetector
        )
