"""Trains the voice mapper that is shipped, both schoolings: half an hour on one core, with flite installed.

    python scripts/train_voice_mapper.py [--data data/raw] [--output FILE]

The folder is laid out as GRID is (speaker/clip); the speakers are `mapper_pairs.SPEAKERS`, and of the clips only those
that `benchmarks/voice.py` does not measure by are used in the second schooling.
"""

import argparse
import sys
import time
from pathlib import Path

from synclips.runtime import tune_allocator
from synclips.speech.conversion.voice_mapper import WEIGHTS
from synclips.training.voice_lines import SENTENCES, Lines, hear_people
from synclips.training.voice_mapper import STEPS, refine_mapper, save_mapper, statistics_of, train_mapper
from synclips.training.voice_mapper import STEPS as REFINING_STEPS
from synclips.training.voice_pairs import VOICES, gather


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("data/raw"))
    parser.add_argument("--output", type=Path, default=WEIGHTS)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--refining-steps", type=int, default=REFINING_STEPS)
    options = parser.parse_args()
    tune_allocator()
    started = time.monotonic()

    def show(stage: str, done: int, total: int) -> None:
        if done % 50 == 0 or done == total:
            sys.stderr.write(f"{stage}: {done} of {total}, {time.monotonic() - started:.0f} s\n")

    corpus = gather(options.data, SENTENCES, show)
    mapper = train_mapper(corpus, options.steps, on_progress=show)
    save_mapper(options.output.with_suffix(".first.safetensors"), mapper, corpus)
    lines = Lines(
        hear_people(options.data, corpus.average_deviation),
        corpus.average_deviation,
        known={voice: statistics_of(corpus, voice) for voice in VOICES}.get,
    )
    save_mapper(options.output, refine_mapper(mapper, lines, options.refining_steps, on_progress=show), corpus)


if __name__ == "__main__":
    main()
