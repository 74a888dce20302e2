"""Comparison of two reports: differences of means with bootstrap intervals."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from synclips.errors import DataError
from synclips.evaluation.html import Cell, Page
from synclips.evaluation.metric_table import MEASURES
from synclips.evaluation.model_report import METRICS, PAGE
from synclips.evaluation.results import Estimate, differences, read_results
from synclips.files import atomic_path


@dataclass(frozen=True)
class Difference:
    """One measure in both reports, on the clips that both have; `verdict` is "better", "worse" or "" for B against A,
    where the interval of the difference leaves no doubt."""

    split: str
    task: str
    measure: str
    a: Estimate
    b: Estimate
    change: Estimate
    verdict: str


def compare_reports(
    a: Path, b: Path, output: Path | None = None, methods: tuple[str, str] | None = None
) -> list[Difference]:
    """Compare the models of two report folders, clip by clip; write index.html and comparison.json into `output`.

    `methods` names the row of each that is compared (default: the one that the report is on); with it, `a` and `b` may
    be one report.

    Raises:
        DataError: a folder holds no report, other judges judged them, or they have no clip in common.
        OutputError: `output` cannot be written.
    """
    one, two = _read(a), _read(b)
    judges = one["about"].get("judges")
    if judges != two["about"].get("judges"):
        raise DataError(f"{a} and {b} were judged by different judges; evaluate both with the same --judge")
    names = methods or (one["method"], two["method"])
    found = []
    for split in one["splits"]:
        if split in two["splits"]:
            rows_a, rows_b = (read_results(folder / split / "results.jsonl", judges) for folder in (a, b))
            pairs = differences(rows_a, rows_b, *names)
            found += [
                Difference(split, *place, *values, _verdict(place[1], values[2])) for place, values in pairs.items()
            ]
    if not found:
        raise DataError(f"{a} and {b} have no clip of {names[0]} and {names[1]} in common; evaluate both on one split")
    if output is not None:
        _write(output, found, names, (a, b))
    return found


def _verdict(measure: str, change: Estimate) -> str:
    kind = MEASURES[measure]
    if kind.better in ("neither", "near") or change.low <= 0 <= change.high:
        return ""
    return "better" if kind.gain(change.mean, 0.0) > 0 else "worse"


def _read(folder: Path) -> dict[str, Any]:
    path = folder / METRICS
    try:
        value: dict[str, Any] = json.loads(path.read_text())
        kinds = {"method": str, "splits": dict, "about": dict}
        if not all(isinstance(value[name], kind) for name, kind in kinds.items()):
            raise TypeError
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{folder} holds no report; name a folder that `synclips evaluate` wrote") from error
    return value


def _write(output: Path, found: list[Difference], names: tuple[str, str], folders: tuple[Path, Path]) -> None:
    with atomic_path(output / "comparison.json") as temporary:
        temporary.write_text(json.dumps([asdict(difference) for difference in found], indent=1) + "\n")
    page = Page(f"SyncLips comparison: {names[0]} and {names[1]}")
    page.terms([("A", f"{names[0]} ({folders[0]})"), ("B", f"{names[1]} ({folders[1]})")])
    page.text(
        "On the clips that both reports have. The change is B less A with its 95 % interval from a bootstrap over "
        "speakers; it is coloured where the interval leaves zero out."
    )
    for place in dict.fromkeys((d.split, d.task) for d in found):
        page.heading(f"{place[0]}, {place[1]}")
        rows = []
        for d in found:
            if (d.split, d.task) == place:
                digits = MEASURES[d.measure].digits
                change = f"{d.change.mean:+.{digits}f}"
                span = f"{d.change.low:+.{digits}f} to {d.change.high:+.{digits}f}"
                means = [Cell(f"{e.mean:.{digits}f}") for e in (d.a, d.b)]
                rows.append(
                    [Cell(MEASURES[d.measure].label), *means, Cell(change, span, d.verdict), Cell(str(d.a.clips))]
                )
        page.table(["", "A", "B", "B - A", "clips"], rows)
    with atomic_path(output / PAGE) as temporary:
        temporary.write_text(page.render())
