"""What a verb of the command line is, and the arguments that several verbs share."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from synclips.terminal import Terminal

RAW: Final = Path("data/raw")
SHARDS: Final = Path("data/shards")
OUTPUTS: Final = Path("outputs")


class UsageError(Exception):
    """Arguments that do not go together: reported as argparse reports its own, with exit status 2."""


@dataclass(frozen=True)
class Verb:
    """One verb: its words in the help, its arguments, and what it does.

    examples:   command lines without the leading `synclips `
    computes:   it runs networks
    resumable:  stopped and run again, it goes on where it was
    """

    name: str
    about: str
    details: str
    examples: tuple[str, ...]
    arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace, Terminal], None]
    computes: bool = False
    resumable: bool = False


def add_device(parser: argparse.ArgumentParser) -> None:
    """--device"""
    parser.add_argument(
        "--device",
        metavar="D",
        default="auto",
        help="auto (CUDA, then Apple's MPS, then the CPU), cpu, cuda, cuda:1, mps; default auto",
    )


def add_checkpoint(parser: argparse.ArgumentParser) -> None:
    """--checkpoint"""
    parser.add_argument(
        "--checkpoint", metavar="C", type=Path, help="model to use (.safetensors); default: the one that is shipped"
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """--json"""
    parser.add_argument("--json", action="store_true", help="print what was done as one JSON object on stdout")


def add_workers(parser: argparse.ArgumentParser) -> None:
    """--workers"""
    parser.add_argument(
        "--workers", metavar="N", type=whole_number(1), help="processes for preprocessing; default: one per CPU core"
    )


def add_config(parser: argparse.ArgumentParser) -> None:
    """--config"""
    parser.add_argument(
        "--config",
        metavar="R",
        default="base",
        help="recipe: base, seed (the author's five modules), tiny (minutes on a CPU), or a .toml file; default base",
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


def whole_number(least: int, most: int | None = None) -> Callable[[str], int]:
    """A parser of whole numbers from `least` to `most`."""

    def number(text: str) -> int:
        value = int(text)
        if value < least or (most is not None and value > most):
            raise argparse.ArgumentTypeError(f"{value} is not {_range(least, most)}")
        return value

    number.__name__ = "whole number"
    return number


def real_number(least: float, most: float) -> Callable[[str], float]:
    """A parser of numbers from `least` to `most`."""

    def number(text: str) -> float:
        value = float(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text} is not {_range(least, most)}")
        return value

    number.__name__ = "number"
    return number


def _range(least: float, most: float | None) -> str:
    return f"at least {least:g}" if most is None else f"from {least:g} to {most:g}"
