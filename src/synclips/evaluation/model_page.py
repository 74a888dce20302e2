"""The HTML page of a model's report: tables with intervals, curves, contact sheets and clips."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from synclips.evaluation.charts import bars_by_speaker, opening_traces, sync_curves, training_curves
from synclips.evaluation.html import Cell, Page
from synclips.evaluation.metric_table import AGAINST, ARTICULATION, MEASURES
from synclips.evaluation.protocol import FROZEN, KEEP_AWAY, REAL, SHUFFLED, SILENT
from synclips.evaluation.results import TASKS, Estimate, Key, Result, by_speaker, ranked
from synclips.metrics.articulation import MOVEMENTS

TASK_WORDS = {
    "reconstruct": "Reconstruct: the clip's own sound; nothing of a frame comes from it or from "
    f"{KEEP_AWAY} frames on either side.",
    "cross": "Cross: the sound of another clip of the same speaker, whose lips are the truth.",
    "silence": "Silence: a second of silence. The row `real` shows the silent parts of real clips.",
}
SHOWN = {"reconstruct": "psnr_mouth", "cross": "lve"}
"""The measure by which a task's best, median and worst cases are chosen."""
BY_SPEAKER = (("reconstruct", "psnr_mouth"), ("cross", "lve"), ("cross", "similarity"))


def model_page(
    method: str,
    facts: Mapping[str, str],
    results: Mapping[str, Sequence[Result]],
    summary: Mapping[str, dict[Key, Estimate]],
    folder: Path,
    logs: Sequence[Path],
) -> str:
    """The report as HTML; `folder` holds the pictures that the evaluation kept."""
    page = Page(f"SyncLips model report: {method}")
    page.terms([(name, value) for name, value in facts.items()])
    page.text(
        "Means over clips with 95 % intervals from a bootstrap over speakers (over clips, where a split has one "
        "speaker). Everything is measured on finished frames at native resolution, as any stranger would look at them. "
        f"`{REAL}`: the sound's own video. `{FROZEN}`: a still picture. `{SHUFFLED}`: the clip's own video under a "
        f"sound that is not its own. `{SILENT}`: real video, its sound taken away. copy-frame: one mouth throughout. "
        "nearest-mouth: the person's mouth nearest to the right one, which it is told."
    )
    for split, rows in results.items():
        page.heading(f"Split: {split}")
        speakers = sorted({r.speaker for r in rows})
        page.text(f"{len({r.key for r in rows})} clips of {len(speakers)} speakers: {', '.join(speakers)}.")
        for task in TASKS:
            if any(r.task == task for r in rows):
                page.heading(task.capitalize(), 3)
                page.text(TASK_WORDS[task])
                add_table(page, summary[split], task, method)
                add_articulation(page, summary[split], task)
        _add_curves(page, rows, method)
        _add_speakers(page, rows, method)
        _add_cases(page, rows, method, folder / split)
    curves = training_curves(logs)
    if curves is not None:
        page.heading("Training")
        page.chart(curves, "Losses and validation figures against steps")
    page.heading("What the figures mean")
    page.terms([(m.label, m.meaning) for m in MEASURES.values()])
    return page.render()


def add_table(page: Page, summary: Mapping[Key, Estimate], task: str, own: str) -> None:
    """One task's table: a row a method, a column a measure."""
    methods = list(dict.fromkeys(m for t, m, _ in summary if t == task))
    methods.sort(key=lambda m: (m == own, m == REAL, m not in (FROZEN, SHUFFLED, SILENT)), reverse=True)
    shown = [name for name in MEASURES if name not in ARTICULATION]
    measures = [name for name in shown if any((task, m, name) in summary for m in methods)]
    rows = []
    for name in methods:
        row = [Cell(name)]
        for measure in measures:
            row.append(_estimate_cell(summary.get((task, name, measure)), MEASURES[measure].digits))
        rows.append(row)
    page.table(["", *(MEASURES[m].label for m in measures)], rows, [methods.index(own)] if own in methods else [])


def add_articulation(page: Page, summary: Mapping[Key, Estimate], task: str) -> None:
    """One task's movements of the lips, one by one, of all methods that have such figures."""
    methods = dict.fromkeys(m for t, m, name in summary if t == task and name in ARTICULATION)
    rows = []
    for method in methods:
        for movement in MOVEMENTS:
            found = [(task, method, name.format(movement)) for name in AGAINST]
            cells = [_estimate_cell(summary.get(key), MEASURES[key[2]].digits) for key in found]
            rows.append([Cell(method), Cell(movement), *cells])
    if rows:
        page.text(
            "Movements of the lips in the face's own frame, against the real lips: x is the ratio of the standard "
            "deviations, r the correlation, for the planned mesh and for what is found in the picture. Leak: the "
            "share of the source's own movement that stays in place of the planned one; partial: its correlation "
            "with the picture, the plan held fixed."
        )
        page.table(["", "", "plan x", "plan r", "picture x", "picture r", "leak", "partial"], rows)


def _articulation_by_speaker(page: Page, found: Mapping[str, Mapping[Key, Estimate]], method: str) -> None:
    for task in TASKS:
        rows = []
        for speaker, summary in found.items():
            cells = []
            for movement in MOVEMENTS:
                values = [summary.get((task, method, name.format(movement))) for name in AGAINST[2:5]]
                words = ("x", "r", "leak")
                told = [f"{w} {v.mean:.2f}" for w, v in zip(words, values, strict=True) if v is not None]
                cells.append(Cell(", ".join(told) or "–"))
            if any(cell.text != "–" for cell in cells):
                rows.append([Cell(speaker), *cells])
        if rows:
            page.text(f"Movements of the lips in the picture, {task}, {method}, person by person:")
            page.table(["", *MOVEMENTS], rows)


def _estimate_cell(value: Estimate | None, digits: int) -> Cell:
    if value is None:
        return Cell("–")
    if value.clips == 1:
        return Cell(f"{value.mean:.{digits}f}")
    return Cell(f"{value.mean:.{digits}f}", f"{value.low:.{digits}f} to {value.high:.{digits}f}")


def _add_curves(page: Page, rows: Sequence[Result], method: str) -> None:
    for task in ("reconstruct", "cross"):
        curves: dict[str, list[float]] = {}
        for name in dict.fromkeys((method, REAL, *(r.method for r in rows))):
            found = [r.traces["sync"] for r in rows if r.task == task and r.method == name and "sync" in r.traces]
            if found:
                curves[name] = np.mean(found, axis=0).tolist()
        if curves:
            page.chart(sync_curves(curves, f"Sync, {task}"), "Mean similarity of lips and sound at each offset (judge)")


def _add_speakers(page: Page, rows: Sequence[Result], method: str) -> None:
    found = by_speaker(rows)
    _articulation_by_speaker(page, found, method)
    if len(found) < 2:
        return
    methods = list(dict.fromkeys(r.method for r in rows))
    for task, measure in BY_SPEAKER:
        series = {m: [_mean(found[s].get((task, m, measure))) for s in found] for m in methods}
        series = {m: values for m, values in series.items() if any(v is not None for v in values)}
        if series:
            title = f"{MEASURES[measure].label}, {task}, by speaker"
            page.chart(bars_by_speaker(list(found), series, title))


def _mean(value: Estimate | None) -> float | None:
    return None if value is None else value.mean


def _add_cases(page: Page, rows: Sequence[Result], method: str, folder: Path) -> None:
    for task, measure in SHOWN.items():
        order = ranked(rows, method, task, measure)
        if not order:
            continue
        chosen = {"best": order[0], "median": order[len(order) // 2], "worst": order[-1]}
        page.heading(f"{task.capitalize()}: best, median and worst by {MEASURES[measure].label}", 3)
        traces = [
            (f"{name}: {r.key}", r.traces["true_opening"], r.traces["opening"])
            for name, r in chosen.items()
            if {"opening", "true_opening"} <= r.traces.keys()
        ]
        if traces:
            page.chart(opening_traces(traces), "Mouth opening, made and real, % of the inter-ocular distance")
        for name, r in chosen.items():
            label = MEASURES[measure].label
            words = (
                f"{name}: {r.key}, said as in {r.driver}; {label} {r.figures[measure]:.{MEASURES[measure].digits}f}. "
            )
            picture, clip = (folder / "pictures" / f"{r.picture}.{suffix}" for suffix in ("jpg", "mp4"))
            if picture.is_file():
                words += "Rows: made, real, and four times the change from frame to frame of each."
                page.photo(picture.read_bytes(), words)
            if clip.is_file():
                page.video(clip.read_bytes(), "Left: made. Right: real.")
