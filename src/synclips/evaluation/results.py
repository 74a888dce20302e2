"""Results of an evaluation, one JSON line each, appended as they come; means with bootstrap intervals."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Float64

from synclips.errors import DataError, OutputError
from synclips.evaluation.metric_table import MEASURES
from synclips.files import reason

Task = Literal["reconstruct", "cross", "silence"]
TASKS: tuple[Task, ...] = get_args(Task)


@dataclass(frozen=True)
class Result:
    """What one method did on one case."""

    method: str
    identity: str
    task: Task
    key: str
    driver: str
    speaker: str
    figures: dict[str, float]
    traces: dict[str, list[float]] = field(default_factory=dict)

    @property
    def place(self) -> tuple[str, str, str]:
        """Method, task and clip: unique in a run."""
        return self.method, self.task, self.key

    @property
    def picture(self) -> str:
        """The name, without a suffix, of its pictures in a report's folder."""
        return ".".join(self.place)


class KeptResults:
    """Results on disk, one line each; a line that a killed run left half-written is dropped."""

    def __init__(self, path: Path, judges_identity: str) -> None:
        self._path, self._judges = path, judges_identity
        found: dict[tuple[str, str, str], Result] = {}
        for line in _lines(path):
            try:
                value: dict[str, Any] = json.loads(line)
                if value.pop("judges") == judges_identity:
                    result = Result(**value)
                    found[result.place] = result
            except (ValueError, KeyError, TypeError, AttributeError):
                continue
        self._found = found

    def find(self, method: str, identity: str, task: str, key: str) -> Result | None:
        """That result, if it is there and was reached by the same `identity`."""
        result = self._found.get((method, task, key))
        return result if result is not None and result.identity == identity else None

    def add(self, result: Result) -> None:
        """Keep it.

        Raises:
            OutputError: the folder cannot be written.
        """
        self._found[result.place] = result
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("ab+") as stream:
                line = json.dumps({"judges": self._judges, **asdict(result)}) + "\n"
                stream.write((line if _ends_whole(self._path) else "\n" + line).encode())
        except OSError as error:
            raise OutputError(f"{self._path} cannot be written ({reason(error)}); choose another folder") from error


def _ends_whole(path: Path) -> bool:
    with path.open("rb") as stream:
        if stream.seek(0, 2) == 0:
            return True
        stream.seek(-1, 2)
        return stream.read(1) == b"\n"


def _lines(path: Path) -> Iterator[str]:
    if path.is_file():
        yield from path.read_text(errors="replace").splitlines()


def read_results(path: Path, judges_identity: str | None = None) -> list[Result]:
    """The results in a report's results.jsonl, by those judges (None: whoever judged them); the last of each counts.

    Raises:
        DataError: the file is missing or holds none.
    """
    found: dict[tuple[str, str, str], Result] = {}
    for line in _lines(path):
        try:
            value = json.loads(line)
            if value.pop("judges", None) != judges_identity and judges_identity is not None:
                continue
            result = Result(**value)
        except (ValueError, TypeError, AttributeError):
            continue
        found[result.place] = result
    if not found:
        raise DataError(f"{path} holds no results; name the folder of a report that `synclips evaluate` wrote")
    return list(found.values())


DRAWS = 2000
"""Resamples of the bootstrap."""
LEVEL = 0.95
"""Share of them that an interval holds."""


@dataclass(frozen=True)
class Estimate:
    """A mean over clips, its 95 % interval, and how many clips and speakers it rests on."""

    mean: float
    low: float
    high: float
    clips: int
    speakers: int


Key = tuple[str, str, str]
"""Task, method, measure."""


def estimate(values: Sequence[float], speakers: Sequence[str], seed: int = 0) -> Estimate:
    """The mean and its percentile bootstrap interval (Efron and Tibshirani, "An introduction to the bootstrap", 1993).

    Speakers are drawn, each with all of its clips, since clips of one speaker are alike; where there is only one
    speaker, clips are drawn, and the interval says nothing of other speakers.
    """
    data = np.asarray(values, np.float64)
    means = _bootstrap(data, speakers, seed)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(float(data.mean()), float(low), float(high), len(data), len(set(speakers)))


def summarise(results: Iterable[Result]) -> dict[Key, Estimate]:
    """An estimate for each task, method and measure that has finite figures."""
    return _grouped(results, lambda result: (result.task, result.method))


def by_speaker(results: Iterable[Result]) -> dict[str, dict[Key, Estimate]]:
    """As `summarise`, for each speaker alone."""
    everything = list(results)
    speakers = sorted({result.speaker for result in everything}, key=_natural)
    return {name: summarise([r for r in everything if r.speaker == name]) for name in speakers}


def differences(
    a: Iterable[Result], b: Iterable[Result], method_a: str, method_b: str
) -> dict[tuple[str, str], tuple[Estimate, Estimate, Estimate]]:
    """For each task and measure, on the clips that both have: method A in run `a`, B in run `b`, and B less A."""
    first = {(r.task, r.key): r for r in a if r.method == method_a}
    second = {(r.task, r.key): r for r in b if r.method == method_b}
    found: dict[tuple[str, str], tuple[Estimate, Estimate, Estimate]] = {}
    for task in dict.fromkeys(task for task, _ in first):
        pairs = [(first[place], second[place]) for place in first if place[0] == task and place in second]
        for name in MEASURES:
            both = [(one, two) for one, two in pairs if name in one.figures and name in two.figures]
            if both:
                speakers = [one.speaker for one, _ in both]
                ones, twos = ([pair[k].figures[name] for pair in both] for k in (0, 1))
                less = [two - one for one, two in zip(ones, twos, strict=True)]
                found[task, name] = estimate(ones, speakers), estimate(twos, speakers), estimate(less, speakers)
    return found


def ranked(results: Iterable[Result], method: str, task: str, measure: str) -> list[Result]:
    """That method's results on that task, best first by that measure."""
    chosen = [r for r in results if r.method == method and r.task == task and measure in r.figures]
    return sorted(chosen, key=lambda r: -MEASURES[measure].gain(r.figures[measure], 0.0))


def _grouped(results: Iterable[Result], place: Callable[[Result], tuple[str, str]]) -> dict[Key, Estimate]:
    groups: dict[Key, tuple[list[float], list[str]]] = {}
    for result in results:
        for name, value in result.figures.items():
            if np.isfinite(value):
                values, speakers = groups.setdefault((*place(result), name), ([], []))
                values.append(value)
                speakers.append(result.speaker)
    return {key: estimate(*group) for key, group in groups.items()}


def _bootstrap(data: Float64[np.ndarray, " n"], speakers: Sequence[str], seed: int) -> Float64[np.ndarray, " draws"]:
    rng = np.random.default_rng(seed)
    names, member = np.unique(np.asarray(speakers), return_inverse=True)
    if len(names) == 1:
        return data[rng.integers(0, len(data), (DRAWS, len(data)))].mean(axis=1)
    total, count = np.bincount(member, data), np.bincount(member)
    drawn = rng.integers(0, len(names), (DRAWS, len(names)))
    return total[drawn].sum(axis=1) / count[drawn].sum(axis=1)


def _natural(name: str) -> tuple[str, int]:
    digits = "".join(c for c in name if c.isdigit())
    return name.rstrip("0123456789"), int(digits or 0)
