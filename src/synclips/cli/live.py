"""The verb `live`: speech comes in on standard input, the person's pictures go out while it does."""

import argparse
import contextlib
import queue
import sys
import threading
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from synclips.cli.options import UsageError, Verb, add_cache, add_checkpoint, add_device, real_number, whole_number
from synclips.cli.terminal import Terminal
from synclips.errors import InputError

if TYPE_CHECKING:
    from synclips.dubbing.live import LiveFace

PIECE: Final = 0.02
"""Seconds of speech that are read at once."""
BEHIND: Final = 0.02
"""Seconds that the clock waits for speech before it takes silence."""
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
    import numpy as np

    from synclips.media.live_stream import LiveStream
    from synclips.media.sound import Resampler
    from synclips.media.timebase import SAMPLE_RATE, SAMPLES_PER_FRAME

    resampler = None if args.rate == SAMPLE_RATE else Resampler(args.rate, SAMPLE_RATE, 1)
    pieces = by_the_clock(sys.stdin.buffer, args.rate) if args.realtime else as_it_comes(sys.stdin.buffer, args.rate)
    waiting = np.zeros(0, np.float32)

    def heard() -> Iterator[np.ndarray]:
        for number, piece in enumerate(pieces):
            if number == 0 and piece.startswith(b"RIFF"):
                raise InputError("a .wav file came on standard input; give its bare samples, 16-bit mono PCM")
            samples = np.frombuffer(piece, "<i2").astype(np.float32) / 32768
            yield samples if resampler is None else resampler.next(samples[None])[0]
        if resampler is not None:
            yield resampler.last()[0]

    def frames() -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        nonlocal waiting
        for samples in heard():
            waiting = np.concatenate([waiting, samples])
            for frame in face.hear(samples):
                own, waiting = waiting[:SAMPLES_PER_FRAME], waiting[SAMPLES_PER_FRAME:]
                yield frame.number, frame.image, own
        for frame in face.finish():
            own, waiting = waiting[:SAMPLES_PER_FRAME], waiting[SAMPLES_PER_FRAME:]
            yield frame.number, frame.image, own

    made = frames()
    first = next(made, None)
    if first is None:
        raise InputError("no speech came on standard input; pipe 16-bit mono PCM into it")
    with contextlib.ExitStack() as stack:
        bare = args.format == "rgb24"
        stream = None if bare else stack.enter_context(LiveStream(file, face.width, face.height))
        for number, image, samples in chain([first], made):
            if stream is None:
                file.write(image.tobytes())
            else:
                stream.write(image, number, samples)
            file.flush()


def as_it_comes(stream: IO[bytes], rate: int) -> Iterator[bytes]:
    """Whole samples of 16 bits, until the stream ends."""
    size = 2 * round(PIECE * rate)
    while piece := stream.read(size):
        yield piece[: len(piece) // 2 * 2]


def by_the_clock(stream: IO[bytes], rate: int) -> Iterator[bytes]:
    """The same, and silence for every piece that does not come in time; the stream's end ends it."""
    size = 2 * round(PIECE * rate)
    came: queue.Queue[bytes] = queue.Queue()

    def read() -> None:
        for piece in as_it_comes(stream, rate):
            came.put(piece)
        came.put(b"")

    threading.Thread(target=read, name="listen", daemon=True).start()
    due = time.monotonic()
    while True:
        due += PIECE
        try:
            piece = came.get(timeout=max(0.0, due + BEHIND - time.monotonic()))
        except queue.Empty:
            piece = bytes(size)
        if not piece:
            return
        yield piece
        time.sleep(max(0.0, due - time.monotonic()))


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
