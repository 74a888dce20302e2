"""The verbs that speak: speak (a line as sound) and voices (which there are)."""

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Final

from synclips.cli.options import Verb, add_json, add_text, add_voice, as_json, text_of, voice_lines
from synclips.cli.terminal import Terminal
from synclips.errors import ConfigError
from synclips.files import check_outputs, reserved, temporary_space


def _speak_arguments(parser: argparse.ArgumentParser) -> None:
    line = parser.add_mutually_exclusive_group(required=True)
    line.add_argument("line", metavar="TEXT", nargs="?", help="the line to be spoken; - reads standard input")
    add_text(line)
    parser.add_argument("--output", metavar="OUT.wav", type=Path, required=True, help="the sound, 16-bit PCM at 16 kHz")
    parser.add_argument("--overwrite", action="store_true", help="replace OUT.wav if it is there")
    add_voice(parser)
    add_json(parser)


def _speak(args: argparse.Namespace, terminal: Terminal) -> None:
    from synclips.media.audio import read_audio, write_wav
    from synclips.speech.pronunciation.given import files_of, pronunciations
    from synclips.speech.reading import read_line
    from synclips.speech.synthesis import speak

    if args.output.suffix.lower() != ".wav":
        raise ConfigError(f"{args.output} does not end in .wav; name a .wav file")
    written = None if args.text_file in (None, "-") else Path(args.text_file)
    read = [written, args.voice_reference, *files_of(args.pronounce)]
    check_outputs([args.output], read, overwrite=args.overwrite)
    if args.line is not None:
        args.text = args.line
    text = text_of(args) or ""
    pronounce = pronunciations(args.pronounce)
    read_line(text, args.language, args.voice)
    with temporary_space(), reserved(args.output):
        reference = read_audio(args.voice_reference) if args.voice_reference else None
        line = speak(
            text,
            reference,
            synthesizer=args.voice,
            convert=args.convert_voice,
            converter=args.converter,
            strength=args.strength,
            speed=args.speed,
            background=args.background,
            language=args.language,
            pronounce=pronounce,
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
    parser.add_argument(
        "--language", metavar="L", default="en", help="the voices that speak it: en, fr, pt-BR, ...; default en"
    )
    add_json(parser)


def _voices(args: argparse.Namespace, terminal: Terminal) -> None:
    if args.json:
        from synclips.speech.tts.engines import list_voices

        terminal.result(as_json([asdict(voice) for voice in list_voices(args.language)]))
        return
    for line in voice_lines(args.language):
        terminal.result(line)


VERBS: Final = (
    Verb(
        "speak",
        "speak a line as sound, without a video",
        "Speak a line of text into a .wav file; with --like, in the voice heard in that recording or video.",
        (
            'speak "Hello there." --like me.mp4 --output hello.wav',
            "speak --text-file line.txt --voice flite:slt --output hello.wav",
        ),
        _speak_arguments,
        _speak,
    ),
    Verb(
        "voices",
        "list the voices that work here",
        "List the voices that --voice takes and, for those that do not work on this machine, how to get them.",
        ("voices", "voices --language fr", "voices --json"),
        _voices_arguments,
        _voices,
    ),
)
