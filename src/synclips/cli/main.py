"""The command line: one verb per stage. Parse, call, print; every error a person can cause is one line.

Exit status: 0 done, 1 could not be done, 2 wrong usage, 130 stopped by Ctrl-C (143: by SIGTERM).
"""

import argparse
import contextlib
import errno
import os
import re
import sys
import traceback
from typing import Final

from synclips.cli import batch, corpus, dub, edit, evaluate, faces, live, serve, speak, train
from synclips.cli.options import UsageError, Verb
from synclips.cli.process import Stopped, calm_process, signal_received
from synclips.cli.terminal import Terminal, one_line, write_line
from synclips.errors import SyncLipsError
from synclips.files import lack_of_temporary_space, reason
from synclips.version import __version__

VERBS: Final[tuple[Verb, ...]] = (
    *dub.VERBS,
    *edit.VERBS,
    *live.VERBS,
    *batch.VERBS,
    *faces.VERBS,
    *speak.VERBS,
    *serve.VERBS,
    *corpus.VERBS,
    *train.VERBS,
    *evaluate.VERBS,
)


def main(argv: list[str] | None = None) -> int:
    """Run one command line (default: the process's own) and return its exit status."""
    try:
        try:
            status = _run(build_parser().parse_args(with_hyphens(sys.argv[1:] if argv is None else argv)))
        except SystemExit as stop:  # argparse's way to end: help, version, wrong usage
            status = stop.code if isinstance(stop.code, int) else 1
        sys.stdout.flush()
        return status
    except OSError as error:
        _drop_stdout()
        if isinstance(error, BrokenPipeError):
            return 128 + 13
        return _fail(error)


def build_parser() -> argparse.ArgumentParser:
    """The whole grammar: every verb with its help and examples."""
    parser = argparse.ArgumentParser(
        prog="synclips",
        description="Type a line, and the person in your video says it, in their own voice, with matching lips.",
        epilog="synclips VERB --help explains a verb. Underscores in options (--output_dir) work as hyphens do.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"synclips {__version__}")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    for verb in VERBS:
        examples = (line if "synclips " in line else f"synclips {line}" for line in verb.examples)
        own = verbs.add_parser(
            verb.name,
            help=verb.about,
            description=verb.details + (" Stopped and run again, it goes on where it was." if verb.resumable else ""),
            epilog="\n  ".join(["examples:", *examples]),
            formatter_class=_Help,
            allow_abbrev=False,
        )
        verb.arguments(own)
        own.add_argument("--quiet", action="store_true", help="no progress, no notes: only the result and errors")
        own.add_argument("--debug", action="store_true", help="show where an error arose, and what libraries say")
        own.set_defaults(verb=verb, parser=own)
    return parser


def with_hyphens(argv: list[str]) -> list[str]:
    """The author's spelling of options, --output_dir, as --output-dir; values stay as they are."""
    return [re.sub(r"^--[a-z_]+(?==|$)", lambda found: found[0].replace("_", "-"), word) for word in argv]


class _Help(argparse.RawDescriptionHelpFormatter):
    """Examples keep their lines; the description is wrapped."""

    def add_text(self, text: str | None) -> None:
        """Wrap all but the examples."""
        if text and not text.startswith("examples:"):
            text = self._fill_wrapped(text)
        super().add_text(text)

    def _fill_wrapped(self, text: str) -> str:
        import textwrap

        return textwrap.fill(text, self._width)


def _run(args: argparse.Namespace) -> int:
    verb: Verb = args.verb
    try:
        with calm_process(chatter=args.debug), Terminal(quiet=args.quiet) as terminal:
            verb.check(args)
            if verb.computes:
                _prepare_to_compute()
            verb.run(args, terminal)
        return 0
    except UsageError as error:
        parser: argparse.ArgumentParser = args.parser
        parser.error(str(error))
    except Stopped as stopped:
        return _stopped(verb, stopped.signal)
    except BrokenPipeError:
        raise
    except (SyncLipsError, OSError, MemoryError) as error:
        if args.debug:
            traceback.print_exc()
        return _fail(error)
    except Exception:
        # a signal that arrives while an extension module is imported comes out as an error of that import
        if (number := signal_received()) is None:
            raise
        return _stopped(verb, number)


def _stopped(verb: Verb, number: int) -> int:
    after = "run the same command again and it goes on from there" if verb.resumable else "nothing half-written is left"
    write_line(sys.stderr, f"synclips: stopped; {after}")
    return 128 + number


def _prepare_to_compute() -> None:
    from synclips.runtime import share_cores, tune_allocator

    tune_allocator()
    share_cores()


def _fail(error: SyncLipsError | OSError | MemoryError) -> int:
    write_line(sys.stderr, f"synclips: error: {one_line(_words(error))}")
    return 1


def _drop_stdout() -> None:
    """Standard output cannot be written: what is still buffered must not raise again when Python ends."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _words(error: SyncLipsError | OSError | MemoryError) -> str:
    if isinstance(error, MemoryError):
        return "the memory of this machine does not suffice; close other programs, or give a smaller or shorter video"
    if isinstance(error, SyncLipsError):
        return str(error)
    lack = lack_of_temporary_space(error)
    if lack is not None:
        return lack
    where = f"{str(error.filename).removeprefix('file:')}: " if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{where}the disk is full; free some space and run again"
    return f"{where}{reason(error)}"
