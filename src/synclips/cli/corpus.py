"""The verbs that make a corpus: download, preprocess, verify."""

import argparse
from concurrent.futures import BrokenExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final

from synclips.cli.options import (
    RAW,
    SHARDS,
    Verb,
    add_engine,
    add_json,
    add_raw,
    add_workers,
    as_json,
    folder_or_address,
    whole_number,
)
from synclips.cli.terminal import Terminal
from synclips.errors import BackendError, DataError, InputError

if TYPE_CHECKING:
    from synclips.data.shards import Manifest

_VIDEOS: Final = (".mp4", ".mov", ".mkv", ".webm")
MOST_NAMED: Final = 20
"""Clips left out that are named on the terminal."""


def _download_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--output-dir", metavar="DIR", type=Path, default=RAW, help=f"where the clips go; default {RAW}"
    )
    parser.add_argument(
        "--num-speakers",
        metavar="N",
        type=whole_number(1),
        default=34,
        help="speakers s1 to sN; default 34, all of them (s21 has no video); about 0.5 GB each",
    )
    parser.add_argument(
        "--source",
        choices=("auto", "sheffield", "zenodo"),
        default="auto",
        help="the University of Sheffield's server, or Zenodo record 3625687; default auto, whichever answers",
    )
    parser.add_argument("--base-url", metavar="URL", help="a mirror that is laid out as the source is")


def _download(args: argparse.Namespace, terminal: Terminal) -> None:
    from synclips.data.grid_download import download_grid

    report = download_grid(
        args.output_dir,
        args.num_speakers,
        source=args.source,
        base_url=args.base_url,
        on_progress=terminal.progress,
    )
    terminal.result(str(report))


def _preprocess_arguments(parser: argparse.ArgumentParser) -> None:
    add_raw(parser)
    parser.add_argument(
        "--output-dir",
        metavar="DIR",
        type=folder_or_address,
        default=SHARDS,
        help=f"the shards: a folder, or an object store's address (s3://bucket/shards); default {SHARDS}",
    )
    add_workers(parser)
    add_engine(parser)


def _preprocess(args: argparse.Namespace, terminal: Terminal) -> None:
    manifest = preprocess_corpus(args, args.output_dir, terminal)
    shards = len(manifest.sha256)
    terminal.result(
        f"{len(manifest.clips)} clips in {shards} shard{'s' * (shards != 1)} in {args.output_dir}, "
        f"{len(manifest.rejects)} left out (corpus.html and manifest.json say why)"
    )


def preprocess_corpus(args: argparse.Namespace, output: Path | str, terminal: Terminal) -> "Manifest":
    """Preprocess as the options of `add_raw`, `add_workers` and `add_engine` say, and note what is left out."""
    from synclips.corpus.footage import FootageSettings
    from synclips.corpus.preprocess import preprocess
    from synclips.engines.engine import open_engine

    footage = FootageSettings(transcribe=_recogniser(args.transcribe, terminal))
    try:
        manifest = preprocess(
            args.raw_dir,
            output,
            engine=open_engine(args.engine, args.workers, args.ray_address),
            layout=args.layout,
            speaker=args.speaker,
            footage=footage,
            on_progress=terminal.progress,
        )
    except BrokenExecutor as error:
        raise DataError(
            "a worker process died, most likely for want of memory; run again with fewer (--workers 1): "
            "finished shards are kept"
        ) from error
    for reject in manifest.rejects[:MOST_NAMED]:
        terminal.note(f"left out: {reject.key}: {reject.reason}")
    if len(manifest.rejects) > MOST_NAMED:
        terminal.note(f"and {len(manifest.rejects) - MOST_NAMED} more")
    return manifest


def _recogniser(model: str, terminal: Terminal) -> str:
    """The model that transcribes, or "" with a note where no recogniser is installed."""
    if model:
        from synclips.speech.recognition import Recogniser

        try:
            Recogniser(model)
        except BackendError as error:
            terminal.note(f"{error}; clips without a transcript beside them will have none")
            return ""
    return model


def _verify_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "path",
        metavar="PATH",
        type=Path,
        nargs="?",
        default=SHARDS,
        help=f"a folder of shards, its manifest.json, or a video (.mp4, .mov, .mkv, .webm); default {SHARDS}",
    )
    parser.add_argument(
        "--certificate",
        metavar="PEM",
        type=Path,
        help="of a video: whose signature to trust, beside this computer's own",
    )
    add_json(parser)


def _verify(args: argparse.Namespace, terminal: Terminal) -> None:
    path: Path = args.path
    a_file = path.is_file() or (path.suffix.lower() in _VIDEOS and not path.is_dir())
    if a_file and path.name != "manifest.json":
        _verify_video(args, terminal)
        return
    from synclips.data.shards import verify

    shards = path.parent if path.name == "manifest.json" else path
    manifest = verify(shards)
    counts = {"clips": len(manifest.clips), "shards": len(manifest.sha256)}
    if args.json:
        terminal.result(as_json({"path": shards, "whole": True, **counts}))
        return
    terminal.result(f"{shards} is whole: {counts['clips']} clips in {counts['shards']} shards")


def _verify_video(args: argparse.Namespace, terminal: Terminal) -> None:
    from dataclasses import asdict

    from synclips.provenance.certificate import read_certificates
    from synclips.provenance.verify import judge

    verdict = judge(args.path, read_certificates(args.certificate) if args.certificate else b"")
    if args.json:
        terminal.result(as_json({"path": args.path, **asdict(verdict)}))
    if not verdict.genuine:
        raise InputError(verdict.line)
    if not args.json:
        terminal.result(verdict.line)


VERBS: Final = (
    Verb(
        "download",
        "fetch the GRID corpus (CC BY 4.0)",
        "Fetch the GRID corpus of talking faces: 33 speakers with 1000 clips each, 16 GB in all. Speakers that are "
        "there already are not fetched again.",
        ("download --num-speakers 2", "download --output-dir data/raw --num-speakers 34 --source zenodo"),
        _download_arguments,
        _download,
        resumable=True,
    ),
    Verb(
        "preprocess",
        "turn a corpus, or any folder of videos, into shards to train from",
        "Find the faces in each video, cut it into clips of one talking face, align and crop it, normalise the sound, "
        "and write shards, a manifest.json, and corpus.html: what was kept, what was not, and why. Any folder will do: "
        "DIR/<speaker>/<anything>.mp4, of any length, rate and size; a video in DIR itself is a person of its own. "
        "Long videos are cut at shots and pauses; of several faces the one whose lips fit the sound is taken; "
        "sound that is early or late is moved. What is said may stand beside a video as .srt, .vtt, .txt or .align; "
        "--transcribe hears it. "
        "GRID, LRS2, LRS3, HDTF (with its lists of cuts), VoxCeleb2, MEAD and RAVDESS are read as they are unpacked.",
        (
            "preprocess",
            "preprocess --raw-dir videos/ --output-dir data/shards --workers 4",
            "preprocess --raw-dir me/ --speaker me --output-dir data/me",
            "preprocess --raw-dir /shared/hdtf --output-dir /shared/shards --engine ray",
            "preprocess --raw-dir s3://bucket/videos --output-dir s3://bucket/shards",
        ),
        _preprocess_arguments,
        _preprocess,
        resumable=True,
    ),
    Verb(
        "verify",
        "check a dubbed video's signature, or shards against their manifest",
        "Of a video: whether it says that it was made by SyncLips, and whether it is unchanged since it was signed. Of "
        "shards: whether each is as manifest.json says, byte by byte. The exit status is 1 if not.",
        ("verify out.mp4", "verify data/shards"),
        _verify_arguments,
        _verify,
    ),
)
