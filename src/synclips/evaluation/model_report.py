"""A model's report: the protocol over the splits, written as index.html, metrics.json and metrics.csv."""

import csv
import json
import platform
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import UInt8

from synclips.data.grid import Utterance
from synclips.errors import ConfigError, DataError, OutputError
from synclips.evaluation.charts import changes, strip
from synclips.evaluation.clip import Detectors
from synclips.evaluation.methods import baselines
from synclips.evaluation.model_page import model_page
from synclips.evaluation.protocol import BUILT_IN, Made, Method, cases_of, run_protocol
from synclips.evaluation.results import TASKS, Estimate, Key, Result, Task, by_speaker, summarise
from synclips.files import atomic_path, reason
from synclips.media.timebase import FPS
from synclips.media.video import VideoWriter
from synclips.metrics.evaluators import Evaluators
from synclips.progress import Progress, silent
from synclips.version import __version__

METRICS, PAGE, TABLE = "metrics.json", "index.html", "metrics.csv"


@dataclass(frozen=True)
class ModelReport:
    """Where the report lies, and its estimates by split."""

    page: Path
    method: str
    summary: dict[str, dict[Key, Estimate]]


def evaluate_model(
    splits: Mapping[str, Sequence[Utterance]],
    methods: Sequence[Method],
    judges: Evaluators,
    judges_identity: str,
    output: Path,
    detectors: Detectors,
    *,
    tasks: Sequence[Task] = TASKS,
    drivers: Mapping[str, Sequence[Utterance]] | None = None,
    logs: Sequence[Path] = (),
    about: Mapping[str, str] | None = None,
    on_progress: Progress = silent,
) -> ModelReport:
    """Score `methods` (the first is the one reported on) beside the baselines, and write the report into `output`.

    What is done is kept there, so an interrupted run goes on; `judges_identity` names the judges (their files' hashes)
    and results of other judges are not used again. `drivers` are further clips of each split, whose sound may drive
    those that are made. `logs` are log.jsonl files of training, `about` facts to print.

    Raises:
        ConfigError: no method, two of one name, or one named like a baseline.
        DataError: no split has a clip.
        OutputError: `output` cannot be written.
    """
    names = [method.name for method in (*methods, *baselines())]
    taken = {method.name for method in BUILT_IN}
    if not methods or len(set(names)) < len(names) or taken & set(names):
        raise ConfigError("name at least one method to evaluate, each differently, and none like a baseline")
    for name in names:
        if not re.fullmatch(r"[\w .+-]+", name):
            raise ConfigError(f"{name!r} is no name for a method; use letters, digits, spaces and . + - _ only")
    filled = {split: list(clips) for split, clips in splits.items() if clips}
    if not filled:
        raise DataError("there is no clip to evaluate; preprocess or download speakers of the splits asked for")
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{output} cannot be written ({reason(error)}); choose another folder") from error
    results: dict[str, list[Result]] = {}
    for split, clips in filled.items():
        folder = output / split
        results[split] = run_protocol(
            cases_of(clips, tasks, (drivers or {}).get(split, ())),
            [*methods, *baselines()],
            judges,
            judges_identity,
            folder,
            detectors,
            on_made=partial(_keep_pictures, {method.name for method in methods}, folder),
            on_progress=on_progress,
        )
    facts = {"machine": _machine(), "judges": judges_identity, "SyncLips": __version__} | dict(about or {})
    summary = {split: summarise(found) for split, found in results.items()}
    _write_metrics(output / METRICS, names[0], facts, results, summary)
    _write_table(output / TABLE, results)
    page = model_page(names[0], facts, results, summary, output, logs)
    with atomic_path(output / PAGE) as temporary:
        temporary.write_text(page)
    return ModelReport(output / PAGE, names[0], summary)


def _keep_pictures(methods: Collection[str], folder: Path, made: Made) -> None:
    """Strips (made, real, and how each changes from frame to frame) and a side-by-side clip, for the page to choose."""
    if made.result.method not in methods:
        return
    real = made.target or made.source
    count = min(len(made.look), len(real))
    crops, true = made.look.crops[:count], real.look.crops[:count]
    name = made.result.picture
    with atomic_path(folder / "pictures" / f"{name}.jpg") as temporary:
        temporary.write_bytes(strip([crops, true, changes(crops), changes(true)]))
    if made.target is None:
        return
    path = folder / "pictures" / f"{name}.mp4"
    with VideoWriter(path, 576, 288, Fraction(FPS), quality=24, audio=made.waveform, overwrite=True) as writer:
        for one, two in zip(crops, true, strict=True):
            writer.write(np.concatenate([_doubled(one), _doubled(two)], axis=1))


def _doubled(crop: UInt8[np.ndarray, "144 144 3"]) -> UInt8[np.ndarray, "288 288 3"]:
    return cv2.resize(crop, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)


def _machine() -> str:
    import torch

    return f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}"


def _write_metrics(
    path: Path,
    method: str,
    facts: Mapping[str, str],
    results: Mapping[str, Sequence[Result]],
    summary: Mapping[str, dict[Key, Estimate]],
) -> None:
    value = {
        "method": method,
        "about": dict(facts),
        "splits": {split: _nested(found) for split, found in summary.items()},
        "speakers": {
            split: {name: _nested(found) for name, found in by_speaker(rows).items()} for split, rows in results.items()
        },
    }
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1) + "\n")


def _nested(summary: dict[Key, Estimate]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for (task, method, measure), value in summary.items():
        rounded = {k: round(v, 5) if isinstance(v, float) else v for k, v in asdict(value).items()}
        nested.setdefault(task, {}).setdefault(method, {})[measure] = rounded
    return nested


def _write_table(path: Path, results: Mapping[str, Sequence[Result]]) -> None:
    with atomic_path(path) as temporary, temporary.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["split", "task", "method", "speaker", "clip", "driver", "measure", "value"])
        for split, rows in results.items():
            for r in rows:
                place = [split, r.task, r.method, r.speaker, r.key, r.driver]
                writer.writerows([*place, name, value] for name, value in r.figures.items())
