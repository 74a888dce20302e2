"""The Verb value that every verb of the command line is, and the arguments that several verbs share."""

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from synclips.cli.process import calm_process
from synclips.cli.terminal import Terminal, write_line
from synclips.corpus.layouts import LAYOUTS
from synclips.engines.engine import ENGINES
from synclips.errors import TextError
from synclips.speech.text.encoding import decode_text

RAW: Final = Path("data/raw")
SHARDS: Final = Path("data/shards")
OUTPUTS: Final = Path("outputs")
MOST_BYTES: Final = 1 << 20
"""A text file beyond this is not read: it is no line to be spoken."""


class UsageError(Exception):
    """Arguments that do not go together: reported as argparse reports its own, with exit status 2."""


@dataclass(frozen=True)
class Verb:
    """One verb: its words in the help, its arguments, and what it does.

    examples:   command lines without the leading `synclips `
    computes:   it runs networks
    resumable:  stopped and run again, it goes on where it was
    check:      refuses what can be refused at once, before torch and its like are imported
    """

    name: str
    about: str
    details: str
    examples: tuple[str, ...]
    arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace, Terminal], None]
    computes: bool = False
    resumable: bool = False
    check: Callable[[argparse.Namespace], None] = lambda _: None


def add_device(parser: argparse.ArgumentParser) -> None:
    """--device"""
    parser.add_argument(
        "--device",
        metavar="D",
        default="auto",
        help="auto (CUDA, then Apple's MPS, then the CPU), cpu, cuda, cuda:1, mps; default auto",
    )


def add_cache(parser: "argparse._ActionsContainer") -> None:
    """--no-cache"""
    parser.add_argument(
        "--no-cache",
        dest="cache",
        action="store_false",
        help="look for faces anew, and keep nothing; by default what was found in a video is kept for the next time",
    )


def add_checkpoint(parser: argparse.ArgumentParser) -> None:
    """--checkpoint"""
    parser.add_argument(
        "--checkpoint",
        metavar="C",
        type=Path,
        help="model to use: base (the shipped one, default), fast (the same with a thinner refiner, in half of "
        "the refiner's time), or a .safetensors file",
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """--json"""
    parser.add_argument("--json", action="store_true", help="print what was done as one JSON object on stdout")


def add_workers(parser: argparse.ArgumentParser) -> None:
    """--workers"""
    parser.add_argument(
        "--workers", metavar="N", type=whole_number(1), help="processes for preprocessing; default: one per CPU core"
    )


def folder_or_address(text: str) -> Path | str:
    """A path, or an object store's address as it is written."""
    from synclips.engines.object_store import is_remote

    return text if is_remote(text) else Path(text)


def add_raw(parser: argparse.ArgumentParser) -> None:
    """--raw-dir and how it is read"""
    parser.add_argument(
        "--raw-dir",
        metavar="DIR",
        type=folder_or_address,
        default=RAW,
        help="the videos: DIR/<speaker>/<anything>.mp4 (.mov, .mkv, .mpg, ...), or a known corpus; a folder, or an "
        f"object store's address (s3://bucket/videos); default {RAW}",
    )
    parser.add_argument(
        "--layout",
        choices=LAYOUTS,
        default="auto",
        help="how the folder is laid out: own is <speaker>/<anything>; default auto, recognised file by file",
    )
    parser.add_argument(
        "--speaker", metavar="NAME", help="all the videos show this one person, wherever they lie in the folder"
    )
    parser.add_argument(
        "--transcribe",
        metavar="MODEL",
        nargs="?",
        const="tiny.en",
        default="",
        help="hear the words of clips that have no transcript beside them, by Whisper (extra transcribe): tiny.en by "
        "default, a model's folder, or a name that faster-whisper knows; default: they have none",
    )


def add_engine(parser: "argparse._ActionsContainer") -> None:
    """--engine and --ray-address"""
    parser.add_argument(
        "--engine",
        choices=ENGINES,
        default="local",
        help="where the work is done: in processes of this machine, or as tasks of a Ray cluster (extra ray); default "
        "local",
    )
    parser.add_argument(
        "--ray-address",
        metavar="A",
        help="the cluster's, as HOST:6379; default: RAY_ADDRESS, else one is started on this machine",
    )


def add_config(parser: argparse.ArgumentParser) -> None:
    """--config"""
    parser.add_argument(
        "--config",
        metavar="R",
        default="base",
        help="recipe: base, gpu (base within nine minutes of one data-centre GPU), blueprint (the author's five "
        "modules), tiny (a minute on a CPU, only to try the path), or a .toml file; default base",
    )


def add_shards(parser: argparse.ArgumentParser) -> None:
    """--shards"""
    parser.add_argument(
        "--shards", metavar="DIR", type=Path, default=SHARDS, help=f"preprocessed corpus; default {SHARDS}"
    )


def add_outputs(parser: argparse.ArgumentParser) -> None:
    """--output-dir of training"""
    parser.add_argument(
        "--output-dir",
        metavar="DIR",
        type=Path,
        default=OUTPUTS,
        help=f"for checkpoints, logs and pictures; default {OUTPUTS}",
    )


def add_text(group: "argparse._ActionsContainer") -> None:
    """--text and --text-file"""
    group.add_argument("--text", metavar="T", help="the line to be spoken; - reads standard input")
    group.add_argument("--text-file", metavar="F", help="a file with the line in UTF-8; - reads standard input")


def add_voice(parser: argparse.ArgumentParser, *, within: bool = False) -> None:
    """--voice and what goes with it; `within`: of words in a recording, whose pace and background are given"""
    group = parser.add_argument_group("the voice")
    group.add_argument(
        "--voice",
        metavar="V",
        default="auto",
        action=_Voice,
        help="a voice of `synclips voices`; default auto, the best that works; list prints them and ends",
    )
    group.add_argument(
        "--language",
        metavar="L",
        default="auto",
        help="the text's language: en, fr, de, es, ja, ...; or, for an English text, whose way of writing numbers and "
        "dates it follows: en-US, en-GB, de, ... (3/4 is in March or in April, 1.234 a decimal number or a thousand); "
        "default auto, by the text itself; other languages than English are spoken by eSpeak NG (extra espeak)",
    )
    group.add_argument(
        "--pronounce",
        metavar="WORD=IPA",
        action="append",
        default=[],
        help="how a word is spoken, in the International Phonetic Alphabet: nginx=ˈɛndʒɪnˌɛks; or a text "
        "file of such lines; may be given again",
    )
    group.add_argument(
        "--voice-reference",
        "--like",
        metavar="F",
        type=Path,
        dest="voice_reference",
        help="a recording or video with the voice to sound like; `dub` takes VIDEO by default",
    )
    group.add_argument(
        "--no-voice-conversion",
        dest="convert_voice",
        action="store_false",
        help="keep the synthesizer's own voice",
    )
    group.add_argument(
        "--converter",
        choices=("world", "openvoice"),
        default="world",
        help="how the voice is converted: world, built in, or openvoice (OpenVoice V2, 131 MB to download once; "
        "pip install 'synclips[openvoice]'); default world",
    )
    group.add_argument(
        "--strength",
        metavar="X",
        type=real_number(0, 1),
        default=1.0,
        help="how far the voice is converted, from 0 (only the pitch and the average timbre) to 1; default 1",
    )
    if within:
        return
    group.add_argument(
        "--speed", metavar="X", type=real_number(0.5, 2), default=1.0, help="2 speaks twice as fast; default 1"
    )
    group.add_argument(
        "--background",
        choices=("keep", "none"),
        default="keep",
        help="keep the recording's own background noise under the speech, or none; default keep",
    )


class _Voice(argparse.Action):
    """--voice V; `--voice list` prints the voices and ends, whatever else is missing, as --help does."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, _: str | None = None
    ) -> None:
        """Take the voice, or list them."""
        if values == "list":
            with calm_process():
                lines = voice_lines()
            for line in lines:
                write_line(sys.stdout, line)
            parser.exit()
        setattr(namespace, self.dest, values)


def voice_lines(language: str = "en") -> list[str]:
    """Every voice of a language that --voice takes, and for those that do not work here, why."""
    from synclips.speech.tts.engines import list_voices

    voices = list_voices(language)
    width = max(len(voice.name) for voice in voices)
    problems = (f"; not here: {voice.problem}" if voice.problem else "" for voice in voices)
    return [f"{voice.name:<{width}}  {voice.about}{problem}" for voice, problem in zip(voices, problems, strict=True)]


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
    text, guessed = decode_text(content, where)
    if guessed:
        raise TextError(f"{where} is not text in UTF-8; save it as UTF-8")
    return text


def _content(path: Path) -> bytes:
    if path.is_dir():
        raise TextError(f"{path} is a folder; name a text file")
    try:
        with path.open("rb") as stream:
            return stream.read(MOST_BYTES + 1)
    except FileNotFoundError as error:
        raise TextError(f"no such file: {path}") from error


def whole_number(least: int, most: int | None = None) -> Callable[[str], int]:
    """A parser of whole numbers from `least` to `most`."""

    def number(text: str) -> int:
        value = int(text)
        if value < least or (most is not None and value > most):
            raise argparse.ArgumentTypeError(f"{value} is not {_range(least, most)}")
        return value

    number.__name__ = "whole number"
    return number


def real_number(least: float | int, most: float | int) -> Callable[[str], float]:
    """A parser of numbers from `least` to `most`."""

    def number(text: str) -> float:
        value = float(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text} is not {_range(least, most)}")
        return value

    number.__name__ = "number"
    return number


def _range(least: float | int, most: float | int | None) -> str:
    return f"at least {least:g}" if most is None else f"from {least:g} to {most:g}"


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
