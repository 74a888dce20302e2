"""The verbs that measure: evaluate (a model, or one finished video) and compare (two reports)."""

import argparse
from collections.abc import Callable, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Final

from synclips.cli.options import (
    OUTPUTS,
    RAW,
    UsageError,
    Verb,
    add_checkpoint,
    add_device,
    add_json,
    as_json,
    text_of,
    whole_number,
)
from synclips.cli.terminal import Terminal

if TYPE_CHECKING:
    import torch

    from synclips.data.grid import Utterance
    from synclips.evaluation.protocol import Method
    from synclips.evaluation.video_report import Listeners
    from synclips.media.audio import Waveform
    from synclips.metrics.evaluators import Evaluators, LipReader

SHIPPED: Final = "shipped"
SPEAKERS: Final = "speakers"
"""What the clips of --speakers are called in place of a split."""
REPORTED: Final = ("seen", "unseen", SPEAKERS)


def _evaluate_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--output-dir",
        metavar="DIR",
        type=Path,
        help=f"for index.html and the figures; default {OUTPUTS / 'evaluation'}, for a video its name with _report",
    )
    add_device(parser)
    add_json(parser)
    add_checkpoint(parser)
    _model_arguments(parser.add_argument_group("a model"))
    video = parser.add_argument_group("one finished video, instead of a model")
    video.add_argument("--video", metavar="V", type=Path, help="measure this video, along its length")
    video.add_argument("--reference", metavar="V", type=Path, help="the video that it was made from, to set it against")
    line = video.add_mutually_exclusive_group()
    line.add_argument(
        "--text", metavar="T", help="what is said in the video, to count its words; - reads standard input"
    )
    line.add_argument("--text-file", metavar="F", help="a file with that text in UTF-8; - reads standard input")
    judges = parser.add_argument_group("the evaluators")
    judges.add_argument(
        "--judge",
        metavar="J",
        type=Path,
        help="syncnet.safetensors of `synclips judges`, or encoders of `synclips pretrain`, whose SyncNet scores the "
        "lips; default: the shipped one, with which no model was trained",
    )
    judges.add_argument(
        "--lip-reader",
        metavar="L",
        type=Path,
        help="lip_reader.safetensors of `synclips judges`; default: the shipped one",
    )
    judges.add_argument(
        "--original-syncnet",
        metavar="S",
        type=Path,
        help="syncnet_v2.model of Chung and Zisserman, if you have it: then the field's own LSE-D and LSE-C too",
    )


def _model_arguments(group: "argparse._ArgumentGroup") -> None:
    group.add_argument(
        "--method",
        metavar="NAME=C",
        type=_named,
        action="append",
        default=[],
        help="another row of the table: a checkpoint (`shipped` or base: the shipped one; fast), or a .py file that "
        "makes a method (docs/evaluation.md says how); may be given several times; the report is on --checkpoint, else "
        "on the first",
    )
    group.add_argument("--raw-dir", metavar="DIR", type=Path, default=RAW, help=f"the corpus; default {RAW}")
    group.add_argument(
        "--split",
        action="append",
        choices=("seen", "validation", "unseen"),
        help="seen (clips of a known speaker that training left out), unseen (speakers that training never saw); "
        "validation (clips of these by which models are chosen); may be given again; default seen and unseen",
    )
    group.add_argument(
        "--speakers",
        nargs="+",
        metavar="SPEAKER",
        help="in place of --split: clips of these speakers, for a model that was trained on others",
    )
    group.add_argument(
        "--task",
        action="append",
        choices=("reconstruct", "cross", "silence"),
        help="the clip's own sound, another clip's sound, or silence; may be given several times; default all",
    )
    group.add_argument(
        "--clips", metavar="N", type=whole_number(1), default=12, help="at most N clips of each split; default 12"
    )
    group.add_argument(
        "--logs", metavar="DIR", type=Path, help="a folder of training, whose log.jsonl files become training curves"
    )


def _named(text: str) -> tuple[str, Path]:
    name, equals, path = text.partition("=")
    if not (name and equals and path):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=CHECKPOINT")
    return name, Path(path)


def _evaluate(args: argparse.Namespace, terminal: Terminal) -> None:
    _check_together(args)
    from synclips.metrics.evaluators import load_evaluators
    from synclips.runtime import choose_device

    device = choose_device(args.device)
    judges, identity = load_evaluators(args.judge, args.lip_reader, args.original_syncnet, device)
    if args.video is not None:
        _evaluate_video(args, judges, terminal)
    else:
        _evaluate_model(args, judges, identity, device, terminal)


def _check_together(args: argparse.Namespace) -> None:
    of_video = {"--reference": args.reference, "--text": args.text, "--text-file": args.text_file}
    of_model = {"--checkpoint": args.checkpoint, "--method": args.method, "--split": args.split, "--task": args.task}
    of_model["--speakers"] = args.speakers
    if args.split and args.speakers:
        raise UsageError("--speakers takes the place of --split; give one of them")
    if args.video is None:
        for option in (name for name, value in of_video.items() if value is not None):
            raise UsageError(f"{option} goes with --video")
    else:
        for option in (name for name, value in (of_model | {"--logs": args.logs}).items() if value):
            raise UsageError(f"{option} is for a model and does not go with --video")


def _evaluate_model(
    args: argparse.Namespace, judges: "Evaluators", identity: str, device: "torch.device", terminal: Terminal
) -> None:
    from synclips.data.grid import find_utterances
    from synclips.evaluation.model_report import evaluate_model
    from synclips.evaluation.results import TASKS
    from synclips.tracking.detector import FaceMeshDetector

    parts = _parts(find_utterances(args.raw_dir), args.speakers)
    methods = _methods(args, device)
    report = evaluate_model(
        {name: _spread(parts[name], args.clips) for name in args.split or [n for n in parts if n in REPORTED]},
        methods,
        judges,
        identity,
        args.output_dir or OUTPUTS / "evaluation",
        FaceMeshDetector,
        drivers=parts,
        tasks=[task for task in TASKS if not args.task or task in args.task],
        logs=sorted(args.logs.glob("**/log.jsonl")) if args.logs else (),
        about={"judge": str(args.judge or SHIPPED), "lip reader": str(args.lip_reader or SHIPPED)}
        | {f"method {name}": str(path) for name, path in args.method}
        | ({"checkpoint": str(args.checkpoint or SHIPPED)} if args.checkpoint or not args.method else {}),
        on_progress=terminal.progress,
    )
    if args.json:
        terminal.result(as_json({"report": report.page, "method": report.method}))
    else:
        terminal.result(f"report: {report.page}")


def _methods(args: argparse.Namespace, device: "torch.device") -> "list[Method]":
    from synclips.evaluation.methods import foreign_method
    from synclips.evaluation.model_method import model_method

    found = [model_method(args.checkpoint, device)] if args.checkpoint or not args.method else []
    for name, path in args.method:
        if path.suffix == ".py":
            found.append(foreign_method(name, path, device))
        else:
            found.append(model_method(None if str(path) == SHIPPED else path, device, name))
    return found


def _parts(utterances: "Sequence[Utterance]", speakers: "Sequence[str] | None") -> "dict[str, list[Utterance]]":
    """The corpus's splits by name; of named speakers their clips alone."""
    from synclips.data.grid import split

    if speakers is None:
        return {str(name): clips for name, clips in split(utterances).items()}
    for speaker in speakers:
        if all(clip.speaker != speaker for clip in utterances):
            raise UsageError(f"--speakers: the corpus has no clip of {speaker!r}")
    return {SPEAKERS: [clip for clip in utterances if clip.speaker in speakers]}


def _spread(clips: "Sequence[Utterance]", most: int) -> "list[Utterance]":
    """At most `most` clips, the speakers in turn."""
    by_speaker: dict[str, list[Utterance]] = {}
    for clip in clips:
        by_speaker.setdefault(clip.speaker, []).append(clip)
    in_turn = [clip for group in zip_longest(*by_speaker.values()) for clip in group if clip is not None]
    chosen = {clip.key for clip in in_turn[:most]}
    return [clip for clip in clips if clip.key in chosen]


def _evaluate_video(args: argparse.Namespace, judges: "Evaluators", terminal: Terminal) -> None:
    from synclips.evaluation.video_report import evaluate_video
    from synclips.tracking.detection_cache import default_cache
    from synclips.tracking.detector import FaceMeshDetector

    text = text_of(args)
    report = evaluate_video(
        args.video,
        args.output_dir or OUTPUTS / f"{args.video.stem}_report",
        judges.syncnet,
        FaceMeshDetector,
        reference=args.reference,
        text=text,
        original=judges.original,
        listeners=_listeners(judges.lip_reader, text, terminal.note),
        cache=default_cache(),
        on_progress=terminal.progress,
    )
    if args.json:
        said = [{"good": finding.good, "text": finding.text} for finding in report.findings]
        terminal.result(as_json({"report": report.page, "findings": said, "figures": report.figures}))
        return
    for finding in report.findings:
        terminal.result(f"{'ok' if finding.good else '!!'}  {finding.text}")
    terminal.result(f"report: {report.page}")


def _listeners(lip_reader: "LipReader | None", text: str | None, note: Callable[[str], None]) -> "Listeners":
    """What the package's own ears tell: whose voice it is and, where pocketsphinx is installed, which words."""
    from importlib.util import find_spec

    from synclips.evaluation.video_report import Listeners
    from synclips.metrics.asr import word_accuracy
    from synclips.speech.speaker_encoder import similarity, speaker_encoder

    def likeness(one: "Waveform", other: "Waveform") -> float:
        return similarity(*(speaker_encoder().embed(sound) for sound in (one, other)))

    heard = find_spec("pocketsphinx") is not None
    if text and not heard:
        note("words are not checked: that needs pocketsphinx (pip install pocketsphinx)")
    return Listeners(likeness, word_accuracy if heard else None, lip_reader)


def _compare_arguments(parser: argparse.ArgumentParser) -> None:
    for name in "AB":
        parser.add_argument(name.lower(), metavar=name, type=Path, help="a report's folder, as `evaluate` wrote it")
    parser.add_argument(
        "--methods",
        metavar=("OF_A", "OF_B"),
        nargs=2,
        help="the rows that are compared; default: the models that the reports are on",
    )
    parser.add_argument(
        "--output-dir", metavar="DIR", type=Path, help="for index.html and comparison.json; default: none are written"
    )
    add_json(parser)


def _compare(args: argparse.Namespace, terminal: Terminal) -> None:
    from synclips.evaluation.compare import compare_reports
    from synclips.evaluation.metric_table import MEASURES

    methods = (args.methods[0], args.methods[1]) if args.methods else None
    found = compare_reports(args.a, args.b, args.output_dir, methods)
    if args.json:
        terminal.result(as_json([{**vars(d), "a": vars(d.a), "b": vars(d.b), "change": vars(d.change)} for d in found]))
        return
    place = None
    for d in found:
        if place != (place := (d.split, d.task)):
            terminal.result(f"{d.split}, {d.task} ({d.a.clips} clips): A, B, B - A with its 95 % interval")
        digits = MEASURES[d.measure].digits
        change = f"{d.change.mean:+.{digits}f} ({d.change.low:+.{digits}f} to {d.change.high:+.{digits}f})"
        means = f"{d.a.mean:9.{digits}f} {d.b.mean:9.{digits}f}"
        terminal.result(f"  {MEASURES[d.measure].label:22} {means}  {change}  {d.verdict}".rstrip())
    if args.output_dir is not None:
        terminal.result(f"comparison: {args.output_dir / 'index.html'}")


VERBS: Final = (
    Verb(
        "evaluate",
        "measure a model on clips it was not trained on, or one finished video",
        "Let models re-make real clips, measure them beside baselines that need no model, and write a report with "
        "tables, curves and pictures; the clips are ones that training never used, chosen by their names. With "
        "--video, measure one finished video: does it go out of sync, flicker, blur, show seams? docs/evaluation.md "
        "says what each figure means.",
        (
            "evaluate --checkpoint outputs/checkpoints/base.safetensors",
            "evaluate --split unseen --clips 4 --output-dir outputs/quick",
            "evaluate --method ours=shipped --method old=outputs/checkpoints/base.safetensors --task reconstruct",
            'evaluate --video dubbed.mp4 --reference original.mp4 --text "Nice to meet you."',
        ),
        _evaluate_arguments,
        _evaluate,
        computes=True,
        resumable=True,
    ),
    Verb(
        "compare",
        "set two reports of `evaluate` side by side",
        "Compare the models of two reports clip by clip, on the clips that both have: what got better, and is it more "
        "than chance (a 95 % interval from a bootstrap over speakers)?",
        (
            "compare outputs/before outputs/after --output-dir outputs/comparison",
            "compare outputs/quick outputs/quick --methods base copy-frame",
        ),
        _compare_arguments,
        _compare,
    ),
)
