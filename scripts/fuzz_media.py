"""Feed mutated media files to every reader, and report whatever is not one of SyncLips' own errors.

    python scripts/fuzz_media.py --count 20000 --seed 0 --keep failures

Small files of every accepted container are made, mutated (bits, bytes, numbers, blocks; seeded, so that a number and a
seed always give the same file) and read by all readers, in a child process: a reader that crashes, hangs or takes too
much memory is reported as well. Exit status 1 where anything was found; `--keep` holds the files and what happened.
"""

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

BATCH = 500
"""Files that one child process reads."""
MEMORY = 6 << 30
"""Bytes of address space that a child may take."""


def main() -> int:
    """Run; 0 where nothing was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=20_000, help="how many files; default 20000")
    parser.add_argument("--start", type=int, default=0, help="number of the first one; default 0")
    parser.add_argument("--seed", type=int, default=0, help="another seed gives other files; default 0")
    parser.add_argument("--keep", type=Path, default=None, help="folder for the files that failed")
    parser.add_argument("--seconds", type=float, default=60, help="processor time for one file; default 60")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        child(Path(args.child[0]), args.seed, int(args.child[1]), int(args.child[2]), args.seconds, args.keep)
        return 0
    from mutated_media import seeds

    with tempfile.TemporaryDirectory(prefix="synclips-fuzz-") as folder:
        files = seeds(Path(folder) / "seeds")
        sys.stdout.write(f"{len(files)} kinds of file: {', '.join(path.name for path in files)}\n")
        return run(Path(folder), args)


def run(folder: Path, args: argparse.Namespace) -> int:
    """All batches; a child that died is followed by one that goes on after the file that it died of."""
    found: list[dict[str, str]] = []
    outcomes: Counter[str] = Counter()
    started, number, stop = time.monotonic(), args.start, args.start + args.count
    while number < stop:
        done, dead = batch(folder, number, min(number + BATCH, stop), args)
        for line in done:
            outcomes[line["outcome"]] += 1
            if line["outcome"] == "failed":
                found.append(line)
                sys.stdout.write(f"{line['name']}: {line['reader']}: {line['error']}\n")
        number += len(done)
        if dead is not None:
            outcomes["failed"] += 1
            found.append({"name": str(number), "reader": "process", "error": dead})
            sys.stdout.write(f"{number}: {dead}\n")
            number += 1
        sys.stdout.flush()
    words = ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()))
    sys.stdout.write(f"{args.count} files in {time.monotonic() - started:.0f} s: {words}\n")
    if args.keep is not None and found:
        args.keep.mkdir(parents=True, exist_ok=True)
        (args.keep / "found.json").write_text(json.dumps(found, indent=1))
    return 1 if found else 0


def batch(folder: Path, start: int, stop: int, args: argparse.Namespace) -> tuple[list[dict[str, str]], str | None]:
    """What became of each file that a child read, and how the child died, if it did."""
    command = [sys.executable, __file__, "--seed", str(args.seed), "--seconds", str(args.seconds)]
    command += ["--keep", str(args.keep)] if args.keep is not None else []
    command += ["--child", str(folder), str(start), str(stop)]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    done = [json.loads(line) for line in made.stdout.splitlines() if line.startswith("{")]
    if len(done) == stop - start and made.returncode == 0:
        return done, None
    if made.returncode < 0:
        return done, f"killed by {signal.Signals(-made.returncode).name}"
    return done, f"status {made.returncode}: {made.stderr.strip().splitlines()[-1] if made.stderr.strip() else ''}"


def child(folder: Path, seed: int, start: int, stop: int, seconds: float, keep: Path | None) -> None:
    """Read the files with the numbers from `start` to `stop`; one line of JSON for each."""
    import av
    from mutated_media import cases, read_everything

    av.logging.set_level(None)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    files = sorted(path for path in (folder / "seeds").iterdir() if path.is_file())
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    for name, data in cases(files, seed, start, stop):
        path = scratch / name
        path.write_bytes(data)
        if keep is not None:  # of a child that dies the last file stays there
            keep.mkdir(parents=True, exist_ok=True)
            (keep / f"last.{os.getpid()}").write_text(name)
        signal.setitimer(signal.ITIMER_PROF, seconds)
        line = {"name": name, "outcome": "read"}
        try:
            refused = read_everything(path, scratch)
            line["outcome"] = "refused" if len(refused) > 2 else "read"
        except BaseException as error:  # noqa: BLE001
            line |= {"outcome": "failed", "reader": _reader(error), "error": f"{type(error).__name__}: {error}"}
            if keep is not None:
                (keep / name).write_bytes(data)
                (keep / f"{name}.txt").write_text(traceback.format_exc())
        signal.setitimer(signal.ITIMER_PROF, 0)
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()
        for left in scratch.iterdir():
            left.unlink()
    if keep is not None:
        (keep / f"last.{os.getpid()}").unlink(missing_ok=True)


def _reader(error: BaseException) -> str:
    """Where in the package it happened."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "synclips" in frame.filename]
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"


if __name__ == "__main__":
    sys.exit(main())
