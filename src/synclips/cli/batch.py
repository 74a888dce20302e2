"""The verb batch: many videos times many lines."""

import argparse
from pathlib import Path
from typing import Final

from synclips.cli.options import Verb, add_checkpoint, add_device, add_engine, add_json, as_json, whole_number
from synclips.cli.terminal import Terminal
from synclips.errors import InputError
from synclips.files import check_input


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "jobs",
        metavar="JOBS",
        type=Path,
        help="a .csv with a header, or a .jsonl: a row for each line, with video, one of text, audio and script, and, "
        "if wanted, output, voice, language, face and other options of `synclips dub`; paths are relative to the file, "
        "addresses such as s3://bucket/a.mp4 are taken too",
    )
    parser.add_argument(
        "--output-dir",
        metavar="DIR",
        default="out/batch",
        help="where everything goes, report.html too: a folder, or an address as s3://bucket/out; default out/batch",
    )
    parser.add_argument(
        "--workers", metavar="N", type=whole_number(1), help="videos at a time; default: one per CPU core"
    )
    add_engine(parser)
    add_checkpoint(parser)
    add_device(parser)
    add_json(parser)


def _batch(args: argparse.Namespace, terminal: Terminal) -> None:
    from dataclasses import asdict

    from synclips.batch.run import PAGE, run_batch
    from synclips.dubbing.options import DubOptions
    from synclips.engines.engine import open_engine
    from synclips.engines.object_store import join

    options = DubOptions(checkpoint=args.checkpoint, device=args.device)
    engine = open_engine(args.engine, args.workers, args.ray_address)
    report = run_batch(args.jobs, args.output_dir, engine, options, on_progress=terminal.progress)
    counts = report.counts()
    if args.json:
        terminal.result(as_json({"counts": counts, "rows": [asdict(result) for result in report.results]}))
    else:
        for result in report.failed:
            terminal.note(f"row {result.number} failed: {result.reason}")
        made = f"{counts.get('done', 0)} made, {counts.get('kept', 0)} there already, {len(report.failed)} failed"
        terminal.result(f"{made}: {join(args.output_dir, PAGE)}")
    if report.failed:
        count = len(report.failed)
        raise InputError(f"{count} of {len(report.results)} rows failed; mend what the report says and run again")


VERBS: Final = (
    Verb(
        "batch",
        "dub many videos, many lines each",
        "Dub every row of a file: in processes of this machine, or on a Ray cluster. A video is prepared once for its "
        "lines. Rows that fail are listed, and the others are made all the same; the exit status is then 1. Run again, "
        "only what is missing or has changed is made.",
        (
            "batch jobs.csv --output-dir out/monday",
            "batch jobs.jsonl --output-dir s3://bucket/out --engine ray --ray-address 10.0.0.1:6379",
        ),
        _arguments,
        _batch,
        computes=True,
        resumable=True,
        check=lambda args: check_input(args.jobs),
    ),
)
