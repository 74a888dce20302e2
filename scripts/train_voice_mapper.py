"""Trains the voice mapper that is shipped: an hour and a half of one core, with flite and eSpeak NG installed.

    nice -n 19 python scripts/train_voice_mapper.py [--data data/raw] [--work outputs/voice_mapper] [--output FILE]

The folder is laid out as GRID is (speaker/clip); the speakers are `voice_pairs.SPEAKERS`, and of the clips the second
stage takes only those that `benchmarks/voice.py` does not measure by. Stopped, it goes on where it was: each stage
keeps its state in the work folder, a phone recogniser (a loss, not shipped) among them.
"""

import argparse
import sys
import time
from pathlib import Path

from synclips.models.checkpoint import load_into
from synclips.runtime import tune_allocator
from synclips.speech.conversion.voice_mapper import WEIGHTS, VoiceMapper
from synclips.training.loop import run_stage
from synclips.training.phone_recogniser import PhoneRecogniser, PhoneStage
from synclips.training.voice_lines import SENTENCES, Lines, hear_people
from synclips.training.voice_mapper import RECIPE, LineStage, PairStage, save_mapper, statistics_of
from synclips.training.voice_pairs import VOICES, gather


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("data/raw"))
    parser.add_argument("--work", type=Path, default=Path("outputs/voice_mapper"))
    parser.add_argument("--output", type=Path, default=WEIGHTS)
    options = parser.parse_args()
    tune_allocator()
    started = time.monotonic()

    def show(stage: str, done: int, total: int) -> None:
        if done % 50 == 0 or done == total:
            sys.stderr.write(f"{stage}: {done} of {total}, {time.monotonic() - started:.0f} s\n")

    def trained(stage: PhoneStage | PairStage | LineStage) -> Path:
        return run_stage(stage, RECIPE, options.work / stage.name, on_progress=show)

    recogniser = load_into(trained(PhoneStage(PhoneRecogniser())), PhoneRecogniser())
    corpus = gather(options.data, SENTENCES, show)
    mapper = load_into(trained(PairStage(VoiceMapper(), corpus)), VoiceMapper())
    lines = Lines(
        hear_people(options.data, corpus.average_deviation),
        corpus.average_deviation,
        known={voice: statistics_of(corpus, voice) for voice in VOICES}.get,
    )
    refined = load_into(trained(LineStage(mapper, lines, recogniser)), VoiceMapper())
    save_mapper(options.output, refined, corpus)


if __name__ == "__main__":
    main()
