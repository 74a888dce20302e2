"""One piece of a batch: a video, prepared once, and the lines that it says. What is there already is not made again."""

import json
import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from synclips.batch.jobs import BatchLine
from synclips.dubbing.options import DubOptions
from synclips.dubbing.pipeline import dub
from synclips.dubbing.prepared_video import PreparedVideo, prepare
from synclips.engines.object_store import exists, fetched, identity_of, is_remote, join, read_bytes, store, write_bytes
from synclips.errors import SyncLipsError

RECORDS = ".batch"
"""Folder below the batch's, with a note of each line that is done."""
FAILURES = (SyncLipsError, OSError, MemoryError, RuntimeError, ValueError)


@dataclass(frozen=True)
class LineResult:
    """What became of a row: `kept` was there already. `seconds` that it took by the clock, and `cpu` seconds of the
    processor, the preparation of the video with its first row; of `duration` and the notes see `dub`."""

    number: int
    status: Literal["done", "kept", "failed"]
    video: str
    output: str
    reason: str = ""
    seconds: float = 0.0
    duration: float = 0.0
    notes: tuple[str, ...] = ()
    cpu: float = 0.0


@dataclass(frozen=True)
class Piece:
    """Lines of one video, and where they go."""

    video: str
    lines: tuple[BatchLine, ...]
    folder: str
    options: DubOptions

    def __len__(self) -> int:
        return len(self.lines)


class Clock:
    """Seconds since it was made, by the clock and of this process's processor time."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.monotonic(), time.process_time()

    def seconds(self) -> float:
        """By the clock."""
        return round(time.monotonic() - self._wall, 1)

    def cpu(self) -> float:
        """Of the processor, all threads together."""
        return round(time.process_time() - self._cpu, 1)


def make_piece(piece: Piece) -> list[LineResult]:
    """Make every line of the piece that is not there; what fails is told in its result, and the others go on."""
    results: list[LineResult] = []
    with ExitStack() as stack:
        space = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="synclips-batch-")))
        prepared: PreparedVideo | None = None
        refusal = ""
        for line in piece.lines:
            known = kept_result(line, piece)
            if known is not None:
                results.append(known)
                continue
            started = Clock()
            try:
                if prepared is None and not refusal:
                    identity_of(piece.video)  # says what is missing in one line, here as in a store
                    video = stack.enter_context(fetched(piece.video, space))
                    prepared = stack.enter_context(prepare(video, options=piece.options))
            except FAILURES as error:
                refusal = _reason(error)
            if prepared is None:
                results.append(LineResult(line.number, "failed", line.video, line.output, refusal))
                continue
            try:
                results.append(_made(line, piece, prepared, space, started))
            except FAILURES as error:
                failed = LineResult(line.number, "failed", line.video, line.output, _reason(error))
                results.append(replace(failed, seconds=started.seconds(), cpu=started.cpu()))
    return results


def kept_result(line: BatchLine, piece: Piece) -> LineResult | None:
    """The result of a line that an earlier run made of the same inputs and that is still there, else None."""
    try:
        record = read_bytes(_record(line, piece))
        if record is None or not exists(join(piece.folder, line.output)):
            return None
        value: dict[str, Any] = json.loads(record)
        if value.pop("digest") != line.digest(piece.options):
            return None
        return LineResult(**value | {"number": line.number, "status": "kept", "notes": tuple(value["notes"])})
    except (SyncLipsError, ValueError, KeyError, TypeError):
        return None


def _made(line: BatchLine, piece: Piece, prepared: PreparedVideo, space: Path, started: Clock) -> LineResult:
    target = join(piece.folder, line.output)
    output = space / Path(line.output).name if is_remote(target) else Path(target)
    options = replace(piece.options, **line.options)
    digest = line.digest(piece.options)
    with ExitStack() as stack:
        said: dict[str, Any] = {"text": line.spoken}
        if line.kind != "text":
            said = {line.kind: stack.enter_context(fetched(line.spoken, space))}
        report = dub(prepared, output, options=options, overwrite=True, **said).report
    if is_remote(target):
        store(output, target)
        output.unlink(missing_ok=True)
    duration, notes, seconds = round(report.duration, 2), tuple(report.all_notes), started.seconds()
    result = LineResult(line.number, "done", line.video, line.output, "", seconds, duration, notes, started.cpu())
    write_bytes(_record(line, piece), json.dumps(asdict(result) | {"digest": digest}).encode())
    return result


def _record(line: BatchLine, piece: Piece) -> str:
    return join(piece.folder, f"{RECORDS}/{line.output.replace('/', '_')}.json")


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
