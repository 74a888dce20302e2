"""The verb `live`: speech comes in on standard input, the person's pictures go out while it does."""

import argparse
import contextlib
import sys
import threading
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from synclips.cli.options import UsageError, Verb, add_cache, add_checkpoint, add_device, real_number, whole_number
from synclips.cli.terminal import Terminal
from synclips.errors import InputError

if TYPE_CHECKING:
    from synclips.dubbing.live import LiveFace
    from synclips.dubbing.live_speech import LiveSpeech

_READ: Final = 0.04
"""Bytes for each sample a second that are read at once: 0.02 s."""
FORMATS: Final = ("mkv", "rgb24")


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("video", metavar="VIDEO", type=Path, help="the video of the person, or a photograph")
    parser.add_argument(
        "--output", metavar="FILE", default="-", help="where the stream goes; default: standard output, for a pipe"
    )
    parser.add_argument(
        "--format",
        choices=FORMATS,
        default="mkv",
        help="mkv: Matroska with H.264 and the sound, which players take from a pipe; rgb24: bare frames, 8-bit RGB; "
        "both at 25 frames a second; default mkv",
    )
    parser.add_argument(
        "--rate", metavar="HZ", type=whole_number(8000, 192_000), default=16_000, help="of the speech; default 16000"
    )
    parser.add_argument(
        "--realtime",
        action="store_true",
        help="keep to the clock: where no speech comes in time the person waits; default: as fast as it comes",
    )
    parser.add_argument(
        "--seconds",
        metavar="S",
        type=real_number(1, 600),
        default=20.0,
        help="how much of the video is shown, forwards and back; default 20",
    )
    parser.add_argument("--face", metavar="F", default="speaker", help="whom to show speaking: as in `synclips dub`")
    parser.add_argument("--overwrite", action="store_true", help="replace FILE if it is there")
    add_cache(parser)
    add_checkpoint(parser)
    add_device(parser)


def _check(args: argparse.Namespace) -> None:
    if args.output == "-" and sys.stdout.isatty():
        raise UsageError(
            "the stream goes to standard output: pipe it into a player, as in the examples, or name --output"
        )


def _live(args: argparse.Namespace, terminal: Terminal) -> None:
    from synclips.dubbing.live import LiveFace
    from synclips.dubbing.options import DubOptions
    from synclips.dubbing.prepared_video import prepare
    from synclips.files import atomic_path, check_outputs, temporary_space

    options = DubOptions(checkpoint=args.checkpoint, device=args.device, face=args.face, cache=args.cache)
    to_pipe = args.output == "-"
    check_outputs([None if to_pipe else Path(args.output)], [args.video], overwrite=args.overwrite)
    with temporary_space():
        video = prepare(args.video, options=options, seconds=args.seconds, on_progress=terminal.progress)
        with video, LiveFace(video, terminal.progress) as face:
            if to_pipe:
                _stream(face, args, sys.stdout.buffer)
                return
            with atomic_path(Path(args.output), overwrite=args.overwrite) as temporary, temporary.open("wb") as file:
                _stream(face, args, file)


def _stream(face: "LiveFace", args: argparse.Namespace, file: IO[bytes]) -> None:
    from synclips.dubbing.live_speech import LiveSpeech, spoken_frames
    from synclips.media.live_stream import LiveStream

    speech = LiveSpeech(args.rate)
    threading.Thread(target=_listen, args=(sys.stdin.buffer, speech), name="listen", daemon=True).start()
    pieces = speech.by_the_clock() if args.realtime else speech.as_it_comes()
    made = spoken_frames(face, pieces, args.rate)
    first = next(made, None)
    if first is None:
        raise InputError("no speech came on standard input; pipe 16-bit mono PCM into it")
    with contextlib.ExitStack() as stack:
        bare = args.format == "rgb24"
        stream = None if bare else stack.enter_context(LiveStream(file, face.width, face.height, args.rate))
        for spoken in chain([first], made):
            if stream is None:
                file.write(spoken.frame.image.tobytes())
            else:
                stream.write(spoken.frame.image, spoken.frame.number, spoken.sound)
            file.flush()


def _listen(stream: IO[bytes], speech: "LiveSpeech") -> None:
    """Read the stream to its end, in pieces as small as they come."""
    size = round(_READ * speech.rate)
    while piece := stream.read(size):
        speech.put(piece)
    speech.end()


VERBS: Final = (
    Verb(
        "live",
        "the person speaks while the speech is still coming in",
        "Read speech from standard input (mono, 16-bit little-endian PCM) and write the person's pictures, each with "
        "at most 0.2 s of the sound after it. Between sentences the person waits: the own video runs forwards and "
        "back, the mouth rests.",
        (
            "live me.mp4 --realtime --output answer.mkv",
            "live me.mp4 --rate 24000 --format rgb24 --output frames.rgb",
        ),
        _arguments,
        _live,
        computes=True,
        check=_check,
    ),
)
