"""The verbs that dub: dub (your own video) and demo (one that is at hand)."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from synclips.cli_verb import (
    UsageError,
    Verb,
    add_cache,
    add_checkpoint,
    add_device,
    add_json,
    add_text,
    add_voice,
    as_json,
    real_number,
    text_of,
    whole_number,
)
from synclips.files import atomic_path, check_output
from synclips.terminal import Terminal

if TYPE_CHECKING:
    from synclips.dub import DubOptions

LINE: Final = "Damn this is good, you're hired!!"
LABEL: Final = "Synthetic speech and lips"
SYNC_MODES: Final = ("cut_off", "loop", "bounce", "silence", "remap")


def _dub_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("video", metavar="VIDEO", type=Path, nargs="?", help="the video of the person, or a photograph")
    parser.add_argument("--video-path", metavar="VIDEO", type=Path, dest="video_path", help=argparse.SUPPRESS)
    line = parser.add_mutually_exclusive_group(required=True)
    add_text(line)
    line.add_argument("--audio", metavar="A", type=Path, help="a recording that is spoken instead of a text")
    line.add_argument(
        "--script",
        metavar="S",
        type=Path,
        help="a whole scene (.srt, .vtt, or .csv with the columns start, end, text, face): each line is fitted to its "
        "slot, sound and picture stay elsewhere",
    )
    output = parser.add_mutually_exclusive_group(required=True)
    output.add_argument("--output", metavar="OUT.mp4", type=Path, help="the dubbed video (.mp4, .mov, .mkv or .webm)")
    output.add_argument(
        "--output-dir",
        metavar="DIR",
        type=Path,
        help="instead of --output: DIR/<video name>_dubbed.mp4, with a .json beside it that says what was done",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the output if it is there")
    parser.add_argument(
        "--preview",
        action="store_true",
        help="fast: OUT_preview.mp4, the first 3 s, and OUT_preview.png, a strip of frames; earlier ones are replaced",
    )
    parser.add_argument(
        "--compare", metavar="FILE", type=Path, help="write another video: source and result side by side"
    )
    length = parser.add_argument_group("length")
    length.add_argument(
        "--sync-mode",
        metavar="M",
        type=lambda text: text.replace("-", "_"),
        choices=SYNC_MODES,
        help="where speech and video differ in length: cut_off (stop at the end of the shorter one), loop or bounce "
        "(under a longer speech the video starts again, or runs back and forth), silence (the whole video; after the "
        "speech it is silent), remap (the video is stretched or squeezed to the speech); default: the result ends with "
        "the speech, and bounces under a longer one",
    )
    length.add_argument("--keep-length", action="store_true", help="show the whole video where the speech is shorter")
    add_voice(parser)
    picture = parser.add_argument_group("the picture")
    picture.add_argument(
        "--face",
        metavar="F",
        default="speaker",
        help="whom to dub where there are several: speaker (whose lips fit the sound), largest, left, right, a number "
        "of `synclips faces`, or a place and a time as X,Y@SECONDS; default speaker",
    )
    add_cache(picture)
    picture.add_argument(
        "--fit",
        metavar="SECONDS",
        type=real_number(1, 3600),
        help="first fit the model to the person, by the video's own sound and lips, for so long; 60 is a good start",
    )
    add_checkpoint(parser)
    add_device(parser)
    picture.add_argument(
        "--quality",
        metavar="CRF",
        type=whole_number(0, 51),
        default=16,
        help="of the written picture: 0 is the best and largest file, 51 the worst; default 16",
    )
    picture.add_argument(
        "--codec", choices=("h264", "hevc", "vp9", "ffv1"), default="h264", help="of the picture; default h264"
    )
    picture.add_argument(
        "--keep-streams",
        action="store_true",
        help="carry over the video's further sound tracks, subtitles and chapters",
    )
    _add_provenance(parser)
    add_json(parser)


def _add_provenance(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("provenance")
    group.add_argument(
        "--no-provenance",
        dest="provenance",
        action="store_false",
        help="no signed C2PA manifest; the file's tags always say that it is synthetic",
    )
    group.add_argument(
        "--certificate", metavar="PEM", type=Path, help="sign with this certificate; default: one made on this computer"
    )
    group.add_argument("--private-key", metavar="PEM", type=Path, help="the certificate's private key")
    group.add_argument(
        "--label",
        metavar="TEXT",
        nargs="?",
        const=LABEL,
        help=f'write a small TEXT into a corner of every frame; without TEXT "{LABEL}"',
    )


def _dub(args: argparse.Namespace, terminal: Terminal) -> None:
    video = _video(args)
    output, report_file = _outputs(args, video)
    text = text_of(args)
    if args.preview:
        _preview(args, video, output, text, terminal)
        return

    from synclips.dub import dub

    result = dub(
        video,
        output,
        text=text,
        audio=args.audio,
        script=args.script,
        compare=args.compare,
        options=_options(args),
        overwrite=args.overwrite,
        on_progress=terminal.progress,
    )
    report = {"output": str(result.output)} | result.report
    if report_file is not None:
        with atomic_path(report_file, overwrite=args.overwrite) as temporary:
            temporary.write_text(json.dumps(json.loads(as_json(report)), indent=1, ensure_ascii=False) + "\n")
    if args.json:
        terminal.result(as_json(report))
        return
    _tell_notes(report, terminal)
    terminal.result(f"{result.output}: {summary(report)}")
    if report_file is not None:
        terminal.result(str(result.output))


def _preview(args: argparse.Namespace, video: Path, output: Path, text: str | None, terminal: Terminal) -> None:
    from synclips.preview import make_preview

    preview = make_preview(
        video,
        output,
        text=text,
        audio=args.audio,
        script=args.script,
        compare=args.compare,
        options=_options(args),
        on_progress=terminal.progress,
    )
    if args.json:
        terminal.result(as_json({"clip": preview.clip, "strip": preview.strip} | preview.report))
        return
    _tell_notes(preview.report, terminal)
    terminal.result(f"{preview.clip}: {summary(preview.report)}")
    terminal.result(f"{preview.strip}: original above, dubbed below; all in {preview.seconds:.1f} s")


def _tell_notes(report: dict[str, Any], terminal: Terminal) -> None:
    for part in (report.get("face", {}), report["speech"], report):
        for note in part.get("notes", ()):
            terminal.note(str(note))
    for name in report.get("streams_left_out", ()):
        terminal.note(f"{name} does not go into {Path(report['output']).suffix}; write an .mkv to keep it")


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
    for path in filter(None, (output, report)):
        check_output(path, overwrite=args.overwrite)
    return output, report


def _options(args: argparse.Namespace) -> "DubOptions":
    from synclips.dub import DubOptions

    return DubOptions(
        sync_mode=args.sync_mode,
        keep_length=args.keep_length,
        checkpoint=args.checkpoint,
        device=args.device,
        voice=args.voice,
        convert_voice=args.convert_voice,
        strength=args.strength,
        speed=args.speed,
        background=args.background,
        voice_reference=args.voice_reference,
        quality=args.quality,
        codec=args.codec,
        face=args.face,
        cache=args.cache,
        fit=args.fit,
        keep_streams=args.keep_streams,
        provenance=args.provenance,
        certificate=args.certificate,
        private_key=args.private_key,
        label=args.label,
    )


def summary(report: dict[str, Any]) -> str:
    """What was done, in one line to a person."""
    said = [f"{report['duration']:.1f} s of {report['width']} x {report['height']} at {report['fps']:.5g} frames/s"]
    speech = report["speech"]
    if lines := speech.get("lines"):
        said.append(f"{len(lines)} line{'s' * (len(lines) != 1)} spoken by {lines[0]['synthesizer']}")
    if speech.get("synthesizer"):
        said.append(f"spoken by {speech['synthesizer']}")
    if speech.get("converter"):
        before, after = speech.get("similarity_before"), speech.get("similarity_after")
        likeness = f" (similarity {before:.2f} -> {after:.2f})" if before is not None and after is not None else ""
        said.append(f"turned into the voice of the video{likeness}")
    if report["frames_without_face"]:
        said.append(f"{len(report['frames_without_face'])} frames without a face left as they were")
    return ", ".join([*said, f"made in {report['seconds']:.0f} s"])


def _demo_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--output-dir", metavar="DIR", type=Path, default=Path("out"), help="where everything goes; default out"
    )
    parser.add_argument("--text", metavar="T", default=LINE, help=f'the line to be spoken; default "{LINE}"')
    parser.add_argument(
        "--offline", action="store_true", help="do not ask the network for a real clip: take the portrait"
    )
    add_checkpoint(parser)
    add_device(parser)
    add_json(parser)


def _demo(args: argparse.Namespace, terminal: Terminal) -> None:
    from synclips.demo import make_demo
    from synclips.dub import DubOptions

    demo = make_demo(
        args.output_dir,
        args.text,
        DubOptions(checkpoint=args.checkpoint, device=args.device),
        offline=args.offline,
        on_progress=terminal.progress,
    )
    report = {
        "input": str(demo.source.path),
        "about": demo.source.about,
        "output": str(demo.dubbed.output),
        "strip": str(demo.strip),
    }
    if args.json:
        terminal.result(as_json(report | demo.dubbed.report))
        return
    terminal.result(f"from:   {demo.source.path} ({demo.source.about})")
    terminal.result(f"dubbed: {demo.dubbed.output} ({summary(demo.dubbed.report)})")
    terminal.result(f"frames: {demo.strip} (original above, dubbed below)")
    terminal.note('your own video: synclips dub VIDEO --text "..." --output OUT.mp4')


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
        _dub_arguments,
        _dub,
        computes=True,
        resumable=True,
    ),
    Verb(
        "demo",
        "dub a video that is at hand, and show it frame by frame",
        "Dub one clip of the GRID corpus (CC BY 4.0, a few hundred kB) where the network allows, otherwise the "
        "public-domain portrait that scikit-image carries, gently moving. Files of an earlier demo are replaced.",
        ("demo", 'demo --offline --text "Good morning!" --output-dir out'),
        _demo_arguments,
        _demo,
        computes=True,
    ),
)
