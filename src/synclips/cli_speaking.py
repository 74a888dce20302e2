"""The verbs that speak: speak (a line as sound) and voices; and the options for the voice, which dub has too."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from synclips.cli_verb import Verb, add_json, real_number
from synclips.errors import ConfigError, OutputError, TextError
from synclips.terminal import Terminal

MOST_BYTES: Final = 1 << 20
"""A text file beyond this is not read: it is no line to be spoken."""


def add_text(group: "argparse._ActionsContainer") -> None:
    """--text and --text-file"""
    group.add_argument("--text", metavar="T", help="the line to be spoken; - reads standard input")
    group.add_argument("--text-file", metavar="F", help="a file with the line in UTF-8; - reads standard input")


def add_voice(parser: argparse.ArgumentParser) -> None:
    """--voice and what goes with it"""
    group = parser.add_argument_group("the voice")
    group.add_argument(
        "--voice", metavar="V", default="auto", help="a voice of `synclips voices`; default auto, the best that works"
    )
    group.add_argument("--voice-reference", metavar="F", type=Path, help="a recording of the person, to sound like")
    group.add_argument(
        "--no-voice-conversion",
        dest="convert_voice",
        action="store_false",
        help="keep the synthesizer's own voice",
    )
    group.add_argument(
        "--strength",
        metavar="X",
        type=real_number(0, 1),
        default=0.8,
        help="how far the voice is converted, from 0 (only the pitch) to 1; default 0.8",
    )
    group.add_argument(
        "--speed", metavar="X", type=real_number(0.25, 4), default=1.0, help="2 speaks twice as fast; default 1"
    )
    group.add_argument(
        "--background",
        choices=("keep", "none"),
        default="keep",
        help="keep the recording's own background noise under the speech, or none; default keep",
    )


def text_of(args: argparse.Namespace) -> str | None:
    """The line that the arguments name; None where there is neither --text nor --text-file.

    Raises:
        TextError: the file cannot be read, is too large, or not UTF-8.
    """
    if args.text is not None and args.text != "-":
        return str(args.text)
    if args.text is None and args.text_file is None:
        return None
    if args.text == "-" or args.text_file == "-":
        where, content = "standard input", sys.stdin.buffer.read(MOST_BYTES + 1)
    else:
        where, content = args.text_file, _content(Path(args.text_file))
    if len(content) > MOST_BYTES:
        raise TextError(f"{where} holds more than {MOST_BYTES:,} bytes of text; split it")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TextError(f"{where} is not text in UTF-8 (byte {error.start}); save it as UTF-8") from error


def _content(path: Path) -> bytes:
    if path.is_dir():
        raise TextError(f"{path} is a folder; name a text file")
    try:
        with path.open("rb") as stream:
            return stream.read(MOST_BYTES + 1)
    except FileNotFoundError as error:
        raise TextError(f"no such file: {path}") from error


def _speak_arguments(parser: argparse.ArgumentParser) -> None:
    add_text(parser.add_mutually_exclusive_group(required=True))
    parser.add_argument("--output", metavar="OUT.wav", type=Path, required=True, help="the sound, 16-bit PCM at 16 kHz")
    parser.add_argument("--overwrite", action="store_true", help="replace OUT.wav if it is there")
    add_voice(parser)
    add_json(parser)


def _speak(args: argparse.Namespace, terminal: Terminal) -> None:
    from synclips.media.audio import read_audio, write_wav
    from synclips.speech.speaking import speak
    from synclips.speech.text import spoken_sentences

    if args.output.suffix.lower() != ".wav":
        raise ConfigError(f"{args.output} does not end in .wav; name a .wav file")
    if args.output.exists() and not args.overwrite:
        raise OutputError(f"{args.output} exists already; pass --overwrite to replace it")
    text = text_of(args) or ""
    spoken_sentences(text)
    reference = read_audio(args.voice_reference) if args.voice_reference else None
    line = speak(
        text,
        reference,
        synthesizer=args.voice,
        convert=args.convert_voice,
        strength=args.strength,
        speed=args.speed,
        background=args.background,
        on_progress=terminal.progress,
    )
    write_wav(args.output, line.waveform, overwrite=args.overwrite)
    if args.json:
        terminal.result(as_json({"output": str(args.output)} | asdict(line)))
        return
    for note in line.notes:
        terminal.note(note)
    terminal.result(f"{args.output}: {line.duration:.1f} s of speech")


def _voices_arguments(parser: argparse.ArgumentParser) -> None:
    add_json(parser)


def _voices(args: argparse.Namespace, terminal: Terminal) -> None:
    from synclips.speech.tts import list_voices

    voices = list_voices()
    if args.json:
        terminal.result(as_json([asdict(voice) for voice in voices]))
        return
    width = max(len(voice.name) for voice in voices)
    for voice in voices:
        problem = f"; not here: {voice.problem}" if voice.problem else ""
        terminal.result(f"{voice.name:<{width}}  {voice.about}{problem}")


def as_json(value: Any) -> str:
    """JSON on one line: arrays, paths and other values in words; numbers that JSON has no place for as null."""
    return json.dumps(_plain(value), ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items() if key != "waveform"}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if abs(value) < float("inf") else None
    return value if value is None or isinstance(value, str | int) else str(value)


VERBS: Final = (
    Verb(
        "speak",
        "speak a line as sound, without a video",
        "Speak a line of text into a .wav file; with --voice-reference, in the voice heard in that recording.",
        (
            'speak --text "Hello there." --output hello.wav',
            "speak --text-file line.txt --voice-reference me.wav --output hello.wav",
        ),
        _speak_arguments,
        _speak,
    ),
    Verb(
        "voices",
        "list the voices that work here",
        "List the voices that --voice takes and, for those that do not work on this machine, how to get them.",
        ("voices", "voices --json"),
        _voices_arguments,
        _voices,
    ),
)
