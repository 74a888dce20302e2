"""The verbs that work on what is said in a recording: transcribe (words with times) and edit (change some of them)."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from synclips.cli.dub_options import add_provenance
from synclips.cli.options import (
    UsageError,
    Verb,
    add_cache,
    add_checkpoint,
    add_device,
    add_json,
    add_voice,
    as_json,
    whole_number,
)
from synclips.cli.terminal import Terminal
from synclips.errors import OutputError
from synclips.files import atomic_path, check_input, check_outputs

if TYPE_CHECKING:
    from synclips.speech.edits import Edit

FORMATS: Final = (".json", ".srt", ".vtt")
FITS: Final = ("auto", "speed", "retime")


def _add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model",
        metavar="M",
        default="tiny.en",
        help="the recogniser: tiny.en (comes with the extra transcribe, English), a folder with a Whisper model in "
        "CTranslate2's format, or a name such as small that faster-whisper can load; default tiny.en",
    )


def _add_track(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--audio-track", metavar="N", type=whole_number(1, 999), help="which sound track is heard, from 1"
    )


def _transcribe_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("video", metavar="VIDEO", type=Path, help="a video or a recording")
    parser.add_argument(
        "--output", metavar="OUT", type=Path, help="lines.json (words with times), lines.srt or lines.vtt"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace OUT if it is there")
    _add_model(parser)
    _add_track(parser)
    parser.add_argument(
        "--no-speakers",
        dest="speakers",
        action="store_false",
        help="do not look whose line each is, where several faces are seen",
    )
    add_device(parser)
    add_cache(parser)
    add_json(parser)


def _check_transcribe(args: argparse.Namespace) -> None:
    check_input(args.video)
    if args.output is not None:
        if args.output.suffix.lower() not in FORMATS:
            raise OutputError(f"{args.output} is no transcript's name; end it in {', '.join(FORMATS)}")
        check_outputs([args.output], [args.video], overwrite=args.overwrite)


def _transcribe(args: argparse.Namespace, terminal: Terminal) -> None:
    from synclips.dubbing.transcription import transcribe

    transcript = transcribe(
        args.video,
        model=args.model,
        speakers=args.speakers,
        audio_track=args.audio_track,
        device=args.device,
        cache=args.cache,
        on_progress=terminal.progress,
    )
    if args.output is not None:
        with atomic_path(args.output, overwrite=args.overwrite) as temporary:
            temporary.write_text(transcript.as_text(args.output.suffix.lower()), encoding="utf-8")
    if args.json:
        terminal.result(as_json(transcript.as_dict()))
        return
    for note in transcript.notes:
        terminal.note(note)
    if args.output is not None:
        lines = len(transcript.lines())
        terminal.result(f"{args.output}: {len(transcript.words)} words in {lines} line{'s' * (lines != 1)}")
        return
    for line in transcript.lines():
        who = "" if line.speaker is None else f" [{line.speaker}]"
        terminal.result(f"{line.start:8.2f} {line.end:8.2f}{who}  {line.text}")


class _AddEdit(argparse.Action):
    """--replace, --insert and --delete collect in order; --at belongs to the one before it."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, _: str | None = None
    ) -> None:
        """Take one in."""
        edits: list[tuple[str, str, float | None]] = list(getattr(namespace, "edits", None) or [])
        if self.dest == "at":
            if not edits or edits[-1][2] is not None:
                parser.error("--at belongs to the --replace, --insert or --delete before it; give one first")
            edits[-1] = (*edits[-1][:2], values)
        else:
            edits.append((self.dest, values, None))
        namespace.edits = edits


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value < 1e6:
        raise argparse.ArgumentTypeError(f"{text} is no time in a video; give seconds")
    return value


_seconds.__name__ = "number"


def _edit_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("video", metavar="VIDEO", type=Path, help="the recording of the person")
    parser.set_defaults(edits=None)
    what = parser.add_argument_group("what is changed (each may be given again)")
    what.add_argument(
        "--replace", metavar="OLD=NEW", action=_AddEdit, help="words that are said = words to be said instead"
    )
    what.add_argument(
        "--insert",
        metavar="[AFTER=]NEW",
        action=_AddEdit,
        help="words to be said after others, or, with --at, at the nearest word's edge",
    )
    what.add_argument("--delete", metavar="OLD", action=_AddEdit, help="words to be taken away")
    what.add_argument(
        "--at",
        metavar="SECONDS",
        type=_seconds,
        action=_AddEdit,
        help="where the edit before it is meant, if its words are said more than once",
    )
    what.add_argument(
        "--edited",
        metavar="FILE",
        type=Path,
        help="instead: a transcript of VIDEO (.json, .srt or .vtt) in which words were changed; the difference is made",
    )
    parser.add_argument(
        "--transcript",
        metavar="FILE",
        type=Path,
        help="the words and their times, as `synclips transcribe` wrote them and you may have put them right; default: "
        "the video is transcribed",
    )
    parser.add_argument("--output", metavar="OUT.mp4", type=Path, required=True, help="the edited video")
    parser.add_argument("--overwrite", action="store_true", help="replace the output if it is there")
    parser.add_argument(
        "--fit",
        choices=FITS,
        default="auto",
        dest="how",
        help="new words that take another time than the old ones: speed (they are said faster or slower), retime (the "
        "frames of the place are shown for longer or shorter), auto (speed where nobody would hear it); default auto",
    )
    parser.add_argument(
        "--no-copy",
        dest="copy",
        action="store_false",
        help="encode every frame anew; by default H.264 that is not touched is copied as it is",
    )
    _add_model(parser)
    _add_track(parser)
    add_voice(parser, within=True)
    picture = parser.add_argument_group("the picture")
    picture.add_argument(
        "--face", metavar="F", default="speaker", help="whose lips are made, as in `synclips dub`; default speaker"
    )
    add_cache(picture)
    add_checkpoint(parser)
    add_device(parser)
    picture.add_argument(
        "--quality", metavar="CRF", type=whole_number(0, 51), default=16, help="of what is encoded; default 16"
    )
    picture.add_argument("--codec", choices=("h264", "hevc", "vp9", "ffv1"), default="h264", help="default h264")
    picture.add_argument(
        "--keep-streams", action="store_true", help="carry over further sound tracks, subtitles and chapters"
    )
    add_provenance(parser)
    add_json(parser)


def _check_edit(args: argparse.Namespace) -> None:
    if bool(args.edits) == (args.edited is not None):
        raise UsageError("say what is to be changed: --replace, --insert or --delete, or --edited FILE")
    for path in filter(None, (args.video, args.edited, args.transcript, args.voice_reference)):
        check_input(path)
    read = (args.video, args.edited, args.transcript, args.voice_reference, args.checkpoint)
    check_outputs([args.output], read, overwrite=args.overwrite)


def edits_of(given: list[tuple[str, str, float | None]]) -> "list[Edit]":
    """The edits that --replace, --insert, --delete and --at mean.

    Raises:
        TextError: one is incomplete.
    """
    from synclips.speech.edits import Edit, parse_pair

    edits = []
    for kind, value, at in given:
        if kind == "replace":
            old, new = parse_pair(value)
            edits.append(Edit("replace", old, new, at))
        elif kind == "insert":
            old, new = parse_pair(value) if "=" in value else ("", value.strip())
            edits.append(Edit("insert", old, new, at))
        else:
            edits.append(Edit("delete", value.strip(), "", at))
    return edits


def _edit(args: argparse.Namespace, terminal: Terminal) -> None:
    from synclips.cli.dub_options import dub_options
    from synclips.dubbing.edit import edit

    result = edit(
        args.video,
        args.output,
        edits_of(args.edits or []),
        edited=args.edited,
        transcript=args.transcript,
        fit=args.how,
        model=args.model,
        copy=args.copy,
        options=dub_options(args),
        overwrite=args.overwrite,
        on_progress=terminal.progress,
    )
    report = result.report
    if args.json:
        terminal.result(as_json(report.as_dict()))
        return
    for note in report.notes:
        terminal.note(note)
    for span in report.spans:
        new = repr(span.new) if span.new else "nothing"
        terminal.result(f"{span.start:8.2f} s: {span.said!r} -> {new} ({span.result_end - span.result_start:.2f} s)")
    copied = f", {report.frames_copied} of {report.frames} frames copied as bits" if report.frames_copied else ""
    terminal.result(f"{result.output}: {report.duration:.1f} s{copied}, made in {report.seconds:.0f} s")


VERBS: Final = (
    Verb(
        "transcribe",
        "the words that are said in a video, with their times",
        "Write down what is said in VIDEO: words with times and confidences, in lines; where several faces are seen, "
        "whose line each is. Nothing is sent anywhere.",
        ("transcribe talk.mp4 --output lines.json", "transcribe talk.mp4 --output lines.srt", "transcribe talk.mp4"),
        _transcribe_arguments,
        _transcribe,
        computes=True,
        resumable=True,
        check=_check_transcribe,
    ),
    Verb(
        "edit",
        "change words in what is said, in the same voice, and leave all else as it is",
        "Change words in the recording VIDEO. Only the place that changes is spoken anew, in the person's own voice, "
        "and only there the lips are made; every other sample and frame stays. Edit only people who agree to it.",
        (
            'edit talk.mp4 --replace "ten dollars=twelve dollars" --output out.mp4',
            'edit talk.mp4 --delete "you know" --at 12.3 --insert "good=morning" --output out.mp4',
            "edit talk.mp4 --edited lines.json --output out.mp4 --fit speed",
        ),
        _edit_arguments,
        _edit,
        computes=True,
        resumable=True,
        check=_check_edit,
    ),
)
