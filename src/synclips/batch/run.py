"""A whole batch: its rows become pieces of work, an engine does them, and one report says what became of each."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from synclips.batch.jobs import BatchLine, read_jobs
from synclips.batch.work import LineResult, Piece, kept_result, make_piece
from synclips.dubbing.options import DubOptions
from synclips.engines.engine import Engine, Lost
from synclips.engines.object_store import join, write_bytes
from synclips.evaluation.html import Cell, Page
from synclips.progress import Progress, silent

MOST_LINES: Final = 8
"""Lines of one video that are made in a row; the next ones are another piece, which prepares the video again."""
REPORT: Final = "report.json"
PAGE: Final = "report.html"


@dataclass(frozen=True)
class BatchReport:
    """What became of each row, in the order of the file."""

    results: tuple[LineResult, ...]

    @property
    def failed(self) -> tuple[LineResult, ...]:
        """The rows that could not be done."""
        return tuple(result for result in self.results if result.status == "failed")

    def counts(self) -> dict[str, int]:
        """Rows by their status."""
        return dict(Counter(result.status for result in self.results))


def run_batch(
    jobs: Path, folder: str, engine: Engine, options: DubOptions | None = None, *, on_progress: Progress = silent
) -> BatchReport:
    """Dub every row of `jobs` into `folder` (a path, or an address of an object store), with a report beside them.

    A row that fails is told in the report, and the others go on. Run again, only what is missing is made: a row counts
    as done where its file is there and its inputs and options are the same.

    Raises:
        ConfigError: the file as a whole cannot be used.
        OutputError: `folder` cannot be written.
    """
    options = options or DubOptions()
    lines, bad = read_jobs(jobs)
    results = [LineResult(row.number, "failed", row.video, row.output, row.reason) for row in bad]
    total = len(lines) + len(bad)
    pieces: list[Piece] = []
    for piece in _pieces(lines, folder, options):
        kept = [kept_result(line, piece) for line in piece.lines]
        results += [result for result in kept if result is not None]
        left = tuple(line for line, result in zip(piece.lines, kept, strict=True) if result is None)
        if left:
            pieces.append(Piece(piece.video, left, folder, options))
    on_progress("batch", len(results), total)
    _write(folder, results)  # says before hours of work that it can be written
    for piece, made in engine.run(make_piece, pieces):
        if isinstance(made, Lost):
            results += [_after_loss(line, piece, made) for line in piece.lines]
        else:
            results += made
        on_progress("batch", len(results), total)
        _write(folder, results)
    return _write(folder, results)


def _after_loss(line: BatchLine, piece: Piece, lost: Lost) -> LineResult:
    """Of a line whose worker died: it may have been made before that."""
    return kept_result(line, piece) or LineResult(line.number, "failed", line.video, line.output, lost.reason)


def _pieces(lines: Sequence[BatchLine], folder: str, options: DubOptions) -> Iterator[Piece]:
    by_video: dict[str, list[BatchLine]] = {}
    for line in lines:
        by_video.setdefault(line.video, []).append(line)
    for video, own in by_video.items():
        for start in range(0, len(own), MOST_LINES):
            yield Piece(video, tuple(own[start : start + MOST_LINES]), folder, options)


def _write(folder: str, results: Sequence[LineResult]) -> BatchReport:
    report = BatchReport(tuple(sorted(results, key=lambda result: result.number)))
    value = {"counts": report.counts(), "rows": [asdict(result) for result in report.results]}
    write_bytes(join(folder, REPORT), (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode())
    write_bytes(join(folder, PAGE), _page(report).encode())
    return report


def _page(report: BatchReport) -> str:
    page = Page("Batch")
    page.text(", ".join(f"{count} {status}" for status, count in sorted(report.counts().items())))
    rows = [
        [
            Cell(str(result.number)),
            Cell(result.output, result.video),
            Cell(result.status, mark="worse" if result.status == "failed" else ""),
            Cell(result.reason or "; ".join(result.notes)),
            Cell(f"{result.duration:.1f}" if result.duration else ""),
            Cell(f"{result.seconds:.0f}" if result.seconds else ""),
        ]
        for result in report.results
    ]
    page.table(["row", "file", "status", "notes", "seconds long", "seconds taken"], rows)
    return page.render()
