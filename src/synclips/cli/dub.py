"""The verbs that dub: dub (any video) and demo (a clip or picture that needs no file of one's own)."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

from synclips.cli.dub_options import dub_arguments, dub_options
from synclips.cli.options import (
    UsageError,
    Verb,
    add_checkpoint,
    add_device,
    add_json,
    as_json,
    text_of,
)
from synclips.cli.terminal import Terminal
from synclips.files import atomic_path, check_input, check_outputs

if TYPE_CHECKING:
    from synclips.dubbing.report import DubReport

LINE: Final = "Damn this is good, you're hired!!"


def _check(args: argparse.Namespace) -> None:
    video = _video(args)
    for path in filter(None, (video, args.audio, args.voice_reference)):
        check_input(path)
    if args.script is not None:
        check_input(args.script, pipe=True)
    _outputs(args, video)


def _dub(args: argparse.Namespace, terminal: Terminal) -> None:
    video = _video(args)
    output, report_file = _outputs(args, video)
    text = text_of(args)
    if args.preview:
        _preview(args, video, output, text, terminal)
        return

    from synclips.dubbing.pipeline import dub

    result = dub(
        video,
        output,
        text=text,
        audio=args.audio,
        script=args.script,
        compare=args.compare,
        options=dub_options(args),
        overwrite=args.overwrite,
        on_progress=terminal.progress,
    )
    if report_file is not None:
        report = json.loads(as_json(result.report.as_dict()))
        with atomic_path(report_file, overwrite=args.overwrite) as temporary:
            temporary.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if args.json:
        terminal.result(as_json(result.report.as_dict()))
        return
    _print_notes(result.report, terminal)
    terminal.result(f"{result.output}: {summary(result.report)}")
    if report_file is not None:
        terminal.result(str(result.output))


def _preview(args: argparse.Namespace, video: Path, output: Path, text: str | None, terminal: Terminal) -> None:
    from synclips.dubbing.preview import make_preview

    preview = make_preview(
        video,
        output,
        text=text,
        audio=args.audio,
        script=args.script,
        compare=args.compare,
        options=dub_options(args),
        on_progress=terminal.progress,
    )
    if args.json:
        terminal.result(as_json({"clip": preview.clip, "strip": preview.strip} | preview.report.as_dict()))
        return
    _print_notes(preview.report, terminal)
    terminal.result(f"{preview.clip}: {summary(preview.report)}")
    terminal.result(f"{preview.strip}: original above, dubbed below; all in {preview.seconds:.1f} s")


def _print_notes(report: "DubReport", terminal: Terminal) -> None:
    for note in report.all_notes:
        terminal.note(note)
    for name in report.streams_left_out:
        terminal.note(f"{name} does not go into {Path(report.output).suffix}; write an .mkv to keep it")


def _video(args: argparse.Namespace) -> Path:
    if (args.video is None) == (args.video_path is None):
        raise UsageError("name one video: as VIDEO, or with --video-path")
    return args.video or args.video_path


def _outputs(args: argparse.Namespace, video: Path) -> tuple[Path, Path | None]:
    """The dubbed file and, with --output-dir, the report beside it; neither may be there without --overwrite."""
    if args.output is not None:
        output, report = args.output, None
    else:
        output = args.output_dir / f"{video.stem}_dubbed.mp4"
        report = output.with_suffix(".json")
    text = None if args.text_file in (None, "-") else Path(args.text_file)
    read = (video, args.audio, args.script, text, args.voice_reference, args.checkpoint, args.certificate)
    check_outputs((output, report, args.compare), (*read, args.private_key), overwrite=args.overwrite)
    return output, report


def summary(report: "DubReport") -> str:
    """What was made and how long it took, in one line to a person."""
    return f"{what_was_made(report)}, made in {report.seconds:.0f} s"


def what_was_made(report: "DubReport") -> str:
    """Length, size, voice and what was left as it was, in one line."""
    said = [f"{report.duration:.1f} s of {report.width} x {report.height} at {report.fps:.5g} frames/s"]
    speech = report.speech
    if speech.lines:
        said.append(f"{len(speech.lines)} line{'s' * (len(speech.lines) != 1)} spoken by {speech.lines[0].synthesizer}")
    if speech.synthesizer:
        said.append(f"spoken by {speech.synthesizer}")
    if speech.converter:
        before, after = speech.similarity_before, speech.similarity_after
        likeness = f" (similarity {before:.2f} -> {after:.2f})" if before is not None and after is not None else ""
        said.append(f"turned into the voice of the video{likeness}")
    if report.frames_without_face:
        said.append(f"{len(report.frames_without_face)} frames without a face left as they were")
    return ", ".join(said)


def _demo_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--output-dir", metavar="DIR", type=Path, default=Path("out"), help="where everything goes; default out"
    )
    parser.add_argument("--text", metavar="T", default=LINE, help=f'the line to be spoken; default "{LINE}"')
    parser.add_argument("--offline", action="store_true", help="do not ask the network for a clip: take the portrait")
    add_checkpoint(parser)
    add_device(parser)
    add_json(parser)


def _demo(args: argparse.Namespace, terminal: Terminal) -> None:
    from synclips.dubbing.demo import make_demo
    from synclips.dubbing.demo_page import COMMAND
    from synclips.dubbing.pipeline import DubOptions

    demo = make_demo(
        args.output_dir,
        args.text,
        DubOptions(checkpoint=args.checkpoint, device=args.device),
        offline=args.offline,
        on_progress=terminal.progress,
    )
    files, report = demo.files, demo.dubbed.report
    if args.json:
        said = {"input": demo.source.path, "about": demo.source.about, "output": files.result, "strip": files.strip}
        terminal.result(as_json(said | {"page": demo.page, "demo_seconds": demo.seconds} | report.as_dict()))
        return
    terminal.result(f"source: {demo.source.path} ({demo.source.about})")
    terminal.result(f"dubbed: {files.result} ({what_was_made(report)})")
    terminal.result(f"beside: {files.side_by_side}, {files.strip}")
    terminal.result(f"time:   {demo.seconds:.0f} s")
    terminal.result(f"look:   open {demo.page} in a browser")
    terminal.note(f"next:   your own video: {COMMAND}")


VERBS: Final = (
    Verb(
        "dub",
        "make the person in your video say a line",
        "Make the person in VIDEO say a line, in the voice heard in VIDEO, with matching lips. The frame rate and the "
        "resolution stay. Dub only people who agree to it.",
        (
            'dub me.mp4 --text "Nice to meet you." --output out.mp4',
            "dub me.mp4 --text-file line.txt --output out.mp4 --overwrite --sync-mode loop",
            "echo Hello | synclips dub me.mp4 --text - --output out.mp4 --json",
            "dub me.mp4 --audio speech.wav --output out.mp4 --keep-length",
            "dub scene.mp4 --script lines.srt --output out.mp4 --compare beside.mp4",
            'dub me.mp4 --text "Hello." --output out.mp4 --preview',
            'dub --video_path me.mp4 --text "Hello." --output_dir results',
        ),
        dub_arguments,
        _dub,
        computes=True,
        resumable=True,
        check=_check,
    ),
    Verb(
        "demo",
        "dub a video that is at hand, and show it in a page for the browser",
        "Dub one clip of the GRID corpus (CC BY 4.0, a few hundred kB) where the network allows, otherwise the "
        "public-domain portrait that scikit-image carries, gently moving. Writes demo.mp4, demo_side_by_side.mp4, "
        "demo_strip.png (frames) and demo.html, which shows them. Files of an earlier demo are replaced.",
        ("demo", 'demo --offline --text "Good morning!" --output-dir out'),
        _demo_arguments,
        _demo,
        computes=True,
    ),
)
