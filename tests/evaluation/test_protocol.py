"""The protocol sees what was planted, scores all alike, goes on where it stopped, and the report holds it all."""

import csv
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from drawn_clips import DrawnDetector, draw_clip, write_corpus

from synclips.data.grid import Utterance
from synclips.errors import ConfigError, DataError, MediaError, OutputError
from synclips.evaluation.clip import Footage
from synclips.evaluation.compare import compare_reports
from synclips.evaluation.metric_table import ARTICULATION, MEASURES
from synclips.evaluation.model_report import ModelReport, evaluate_model
from synclips.evaluation.protocol import Made, Method, Planned, cases_of, run_protocol
from synclips.evaluation.results import Result, Task, read_results
from synclips.media.audio import Waveform
from synclips.media.timebase import frames_in
from synclips.metrics.evaluators import Evaluators
from synclips.models.syncnet import SyncNet

pytestmark = pytest.mark.long

Frames = Iterator[np.ndarray]


def count_of(footage: Footage, waveform: Waveform) -> int:
    return min(len(footage), frames_in(len(waveform.samples)))


def perfect(footage: Footage, waveform: Waveform, _task: Task) -> Frames:
    yield from footage.frames[: count_of(footage, waveform)]


def early(footage: Footage, waveform: Waveform, _task: Task) -> Frames:
    """Lips three frames ahead of the sound."""
    for i in range(count_of(footage, waveform)):
        yield footage.frames[min(i + 3, len(footage) - 1)]


def blurred(footage: Footage, waveform: Waveform, task: Task) -> Frames:
    for frame in perfect(footage, waveform, task):
        yield cv2.GaussianBlur(frame, (0, 0), 2)


def boxed(footage: Footage, waveform: Waveform, task: Task) -> Frames:
    """A visible box around the mouth."""
    for frame in perfect(footage, waveform, task):
        frame = frame.copy()
        frame[92:140, 52:148] = np.minimum(frame[92:140, 52:148].astype(int) + 10, 255)
        yield frame


def stubborn(footage: Footage, waveform: Waveform, task: Task) -> Planned:
    """The clip's own lips backwards are planned, and the clip is shown as it is."""
    return Planned(perfect(footage, waveform, task), footage.look.lower[::-1])


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> list[Utterance]:
    clips = [draw_clip(seed, frames=40, name=name) for seed, name in ((20, "bbaf2n"), (21, "lgwi4p"))]
    clips.append(draw_clip(22, frames=40, speaker="s22", name="pwbz9s"))
    return write_corpus(tmp_path_factory.mktemp("corpus"), clips)


@pytest.fixture(scope="module")
def judges(syncnet: SyncNet) -> Evaluators:
    def read(_crops: np.ndarray) -> tuple[str, ...]:
        return "bin", "blue", "at", "f", "two", "now"

    return Evaluators(syncnet, lip_reader=read)


METHODS = tuple(Method(make.__name__, make, "1") for make in (early, perfect, blurred, boxed, stubborn))


@pytest.fixture(scope="module")
def reports(
    corpus: list[Utterance], judges: Evaluators, tmp_path_factory: pytest.TempPathFactory
) -> tuple[ModelReport, ModelReport]:
    """The report of `early`, and that of `blurred`, which finds its results already there."""
    root = tmp_path_factory.mktemp("reports")
    log = root / "pretrain" / "log.jsonl"
    log.parent.mkdir()
    kinds, steps = ("train", "validate"), (25, 50)
    lines = [{"kind": kind, "step": step, "seconds": 1, "sync": 4 - step / 100} for kind in kinds for step in steps]
    log.write_text("".join(json.dumps(line) + "\n" for line in lines) + "half a li")
    seen: list[tuple[str, int, int]] = []
    made = []
    for number, output in enumerate((root / "a", root / "b")):
        made.append(
            evaluate_model(
                {"unseen": corpus, "seen": []},
                [METHODS[2 * number], *(m for m in METHODS if m is not METHODS[2 * number])],
                judges,
                "j",
                output,
                DrawnDetector,
                logs=[log, root / "absent.jsonl"],
                about={"checkpoint": "none <b>"},
                on_progress=lambda *call: seen.append(call),
            )
        )
        if number == 0:
            shutil.copytree(root / "a" / "unseen", root / "b" / "unseen", ignore=shutil.ignore_patterns("pictures"))
    assert seen[-1][1] == seen[-1][2]
    return made[0], made[1]


@pytest.fixture(scope="module")
def results(reports: tuple[ModelReport, ModelReport]) -> list[Result]:
    return read_results(reports[0].page.parent / "unseen" / "results.jsonl")


def figure(results: list[Result], method: str, task: str, measure: str) -> float:
    return float(np.mean([r.figures[measure] for r in results if r.method == method and r.task == task]))


def test_every_method_is_tried_on_every_case_that_it_can_be(results: list[Result]) -> None:
    keys = {(r.task, r.key) for r in results if r.method == "perfect"}
    assert len([key for task, key in keys if task == "reconstruct"]) == 3
    assert {key for task, key in keys if task == "cross"} == {"s33.bbaf2n", "s33.lgwi4p"}
    assert {r.method for r in results} == {
        *("real", "frozen", "shuffled", "silent", "copy-frame", "nearest-mouth"),
        *("perfect", "early", "blurred", "boxed", "stubborn"),
    }
    assert {name for r in results for name in r.figures} <= MEASURES.keys()


def test_a_clip_alone_of_its_speaker_is_driven_by_one_that_is_not_made(corpus: list[Utterance]) -> None:
    one = [clip for clip in corpus if clip.name == "bbaf2n"]
    assert [case.task for case in cases_of(one)] == ["reconstruct", "silence"]
    [cross] = [case for case in cases_of(one, drivers=corpus) if case.task == "cross"]
    assert cross.driver is not None
    assert (cross.driver.speaker, cross.driver.name) == ("s33", "lgwi4p")


def test_the_real_frames_are_perfect(results: list[Result]) -> None:
    of = {
        name: figure(results, "perfect", "reconstruct", name)
        for name in MEASURES
        if "field" not in name and "silence" not in name and name not in ARTICULATION
    }
    assert of["psnr_mouth"] == of["psnr_frame"] == 100
    assert of["ssim_mouth"] == of["ssim_frame"] == of["opening"] == of["opening_spread"] == 1
    assert of["lve"] == of["lmd"] == of["seam"] == of["no_face"] == of["offset"] == 0
    assert of["sharpness_ratio"] == of["flicker_ratio"] == 1
    assert of["within_one"] == 100
    assert of["similarity"] == pytest.approx(figure(results, "real", "reconstruct", "similarity"), abs=1e-4)

    assert of["native_sharpness"] == pytest.approx(1, abs=0.1)
    assert of["ghost"] == 0
    for movement in ("width", "opening", "corners", "chin"):
        assert figure(results, "perfect", "reconstruct", f"{movement}_amplitude") == pytest.approx(1)


def test_what_stays_of_the_source_is_a_leak(results: list[Result]) -> None:
    assert figure(results, "stubborn", "cross", "leak_opening") == pytest.approx(1, abs=1e-3)
    assert figure(results, "stubborn", "cross", "partial_leak_opening") == pytest.approx(1, abs=1e-3)
    assert figure(results, "stubborn", "reconstruct", "plan_opening_amplitude") == pytest.approx(1, abs=1e-3)
    assert figure(results, "stubborn", "reconstruct", "plan_opening_r") < 0.9
    assert not any(
        name.startswith(("leak", "plan"))
        for r in results
        if r.method != "stubborn" or r.task == "silence"
        for name in r.figures
    )
    assert not any("leak" in name for r in results if r.task == "reconstruct" for name in r.figures)


def test_planted_faults_are_seen(results: list[Result]) -> None:
    def of(method: str, measure: str) -> float:
        return figure(results, method, "reconstruct", measure)

    assert of("early", "offset") == 3
    assert of("early", "within_one") == 0
    assert of("early", "similarity") < of("perfect", "similarity") - 0.1
    assert of("early", "lve") > 0.5
    assert of("blurred", "sharpness_ratio") < 0.8
    assert of("boxed", "seam") > 6
    assert of("frozen", "opening_spread") == of("frozen", "opening_amplitude") == 0
    assert of("blurred", "native_sharpness") < 0.8
    assert of("frozen", "flicker_ratio") == 0
    assert of("frozen", "confidence") < 0.3 * of("real", "confidence")
    assert of("shuffled", "confidence") < 0.7 * of("real", "confidence")
    assert of("silent", "confidence") < 0.5 * of("real", "confidence")
    assert of("copy-frame", "lve") > of("nearest-mouth", "lve")
    assert of("copy-frame", "psnr_mouth") < of("nearest-mouth", "psnr_mouth")


def test_cross_is_measured_against_the_clip_whose_sound_is_heard(results: list[Result]) -> None:
    # the "perfect" maker shows the wrong sentence there
    assert figure(results, "perfect", "cross", "lve") > 0.5
    assert figure(results, "perfect", "cross", "confidence") < 0.7 * figure(results, "real", "cross", "confidence")
    assert {r.driver for r in results if r.task == "cross" and r.key == "s33.bbaf2n" and r.method == "early"} == {
        "s33.lgwi4p"
    }


def test_words_are_those_of_the_sound(results: list[Result]) -> None:
    wrong = {r.key: r.figures["wer"] for r in results if r.method == "real" and r.task == "reconstruct"}
    assert wrong["s33.bbaf2n"] == 0
    assert wrong["s22.pwbz9s"] == 100
    crossed = {r.key: r.figures["wer"] for r in results if r.method == "real" and r.task == "cross"}
    assert crossed["s33.lgwi4p"] == 0


def test_silence_is_still_in_real_clips_and_not_in_a_mouth_that_goes_on(results: list[Result]) -> None:
    assert figure(results, "real", "silence", "silence_motion") < 0.01
    assert figure(results, "frozen", "silence", "silence_motion") == 0
    assert figure(results, "perfect", "silence", "silence_motion") > 0.02
    assert figure(results, "shuffled", "silence", "silence_motion") > 0.02


def test_the_rows_that_tell_what_a_figure_is_worth_stand_in_every_table(results: list[Result]) -> None:
    for task in ("reconstruct", "cross", "silence"):
        methods = {r.method for r in results if r.task == task}
        assert {"real", "frozen", "shuffled"} <= methods
        assert ("silent" in methods) == (task != "silence")


def test_a_run_goes_on_where_it_stopped(corpus: list[Utterance], judges: Evaluators, tmp_path: Path) -> None:
    calls: list[str] = []

    def counted(footage: Footage, waveform: Waveform, task: Task) -> Frames:
        calls.append(footage.key)
        if len(calls) == 2:
            raise KeyboardInterrupt
        yield from perfect(footage, waveform, task)

    cases = cases_of(corpus[:2], ["silence"])
    method = Method("counted", counted, "1")
    with pytest.raises(KeyboardInterrupt):
        run_protocol(cases, [method], judges, "j", tmp_path, DrawnDetector)
    with (tmp_path / "results.jsonl").open("a") as stream:
        stream.write('{"judges": "j", "method": "counted", "ta')  # a kill in the middle of a line
    seen: list[Made] = []
    first = run_protocol(cases, [method], judges, "j", tmp_path, DrawnDetector, on_made=seen.append)
    assert calls == ["s22.pwbz9s", "s33.bbaf2n", "s33.bbaf2n"]
    assert [made.result.method for made in seen] == ["counted"]
    again = run_protocol(cases, [method], judges, "j", tmp_path, DrawnDetector)
    assert len(calls) == 3
    assert [r.figures for r in again] == [r.figures for r in first]
    run_protocol(cases, [replace(method, identity="2")], judges, "j", tmp_path, DrawnDetector)
    assert len(calls) == 5
    run_protocol(cases, [replace(method, identity="2")], judges, "other judge", tmp_path, DrawnDetector)
    assert len(calls) == 7


def test_the_page_is_one_file_with_all_in_it(reports: tuple[ModelReport, ModelReport]) -> None:
    page = reports[0].page.read_text()
    for word in (
        "early",
        "real",
        "frozen",
        "shuffled",
        "copy-frame",
        "Reconstruct",
        "Cross",
        "Silence",
        "worst",
        "Training",
        "picture x",
        "person by person",
    ):
        assert word in page
    assert "none &lt;b&gt;" in page
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert page.count("data:image/png") >= 6
    assert page.count("data:image/jpeg") == 6
    assert page.count("data:video/mp4") == 6


def test_the_figures_are_in_json_and_csv(reports: tuple[ModelReport, ModelReport]) -> None:
    folder = reports[0].page.parent
    value = json.loads((folder / "metrics.json").read_text())
    assert value["splits"]["unseen"]["reconstruct"]["early"]["offset"] == {
        "mean": 3,
        "low": 3,
        "high": 3,
        "clips": 3,
        "speakers": 2,
    }
    assert value["speakers"]["unseen"]["s22"]["reconstruct"]["real"]["wer"]["mean"] == 100
    assert value["about"]["checkpoint"] == "none <b>"
    with (folder / "metrics.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    offsets = [
        float(r["value"]) for r in rows if (r["method"], r["task"], r["measure"]) == ("early", "reconstruct", "offset")
    ]
    assert offsets == [3, 3, 3]


def test_two_reports_compare_clip_by_clip(reports: tuple[ModelReport, ModelReport], tmp_path: Path) -> None:
    found = compare_reports(reports[0].page.parent, reports[1].page.parent, tmp_path / "out")
    by_place = {(d.task, d.measure): d for d in found}
    sync = by_place["reconstruct", "similarity"]
    assert sync.change.mean == pytest.approx(sync.b.mean - sync.a.mean, abs=1e-9)
    assert sync.verdict == "better"
    assert by_place["reconstruct", "lve"].change.mean < 0
    assert {d.measure for d in found} <= MEASURES.keys()
    assert "better" in (tmp_path / "out" / "index.html").read_text()
    same = compare_reports(reports[0].page.parent, reports[0].page.parent)
    assert all(d.change.mean == 0 and d.verdict == "" for d in same)


def test_bad_input_is_one_clear_line(corpus: list[Utterance], judges: Evaluators, tmp_path: Path) -> None:
    method = Method("perfect", perfect, "1")
    file = tmp_path / "file"
    file.write_text("x")
    damaged = replace(corpus[0], video=file)
    for error, words, splits, methods, output in (
        (DataError, "no clip to evaluate", {"seen": []}, [method], tmp_path / "a"),
        (ConfigError, "at least one method", {"seen": corpus}, [], tmp_path / "a"),
        (ConfigError, "none like a baseline", {"seen": corpus}, [Method("copy-frame", perfect)], tmp_path / "a"),
        (ConfigError, "none like a baseline", {"seen": corpus}, [Method("real", perfect)], tmp_path / "a"),
        (ConfigError, "no name for a method", {"seen": corpus}, [Method("a/b", perfect)], tmp_path / "a"),
        (OutputError, "cannot be written", {"seen": corpus}, [method], file / "below"),
        (MediaError, "file", {"seen": [damaged]}, [method], tmp_path / "b"),
    ):
        with pytest.raises(error, match=words) as caught:
            evaluate_model(splits, methods, judges, "j", output, DrawnDetector)
        assert "\n" not in str(caught.value)
    with pytest.raises(DataError, match="holds no report"):
        compare_reports(tmp_path, tmp_path)
    with pytest.raises(DataError, match="holds no results"):
        read_results(file)
