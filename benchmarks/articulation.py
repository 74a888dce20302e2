"""Whether lips articulate sentences that no corpus of theirs holds: closed lips for each "p", "b" and "m".

    python benchmarks/articulation.py --raw-dir data/raw --speakers s33 s2 --method before=old.safetensors

hibari says everyday sentences, in the voice of each speaker, with the times of every sound; each drives a clip of that
speaker through the real renderer. Lips count as closed where the opening falls below one canonical unit from
rest, from 40 ms before the sound to 40 ms after it: in the planned mesh, and in the mesh that is found in the picture.
How well the plan follows the rule (`training.coarticulation`) is the mean correlation of each movement.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float64

from synclips.cli.terminal import Terminal
from synclips.data.grid import find_utterances
from synclips.evaluation.clip import Footage, load_footage, look
from synclips.evaluation.model_method import ModelMaker
from synclips.evaluation.protocol import Planned
from synclips.media.audio import Waveform
from synclips.media.timebase import FPS, SAMPLE_RATE
from synclips.metrics.articulation import CLOSED, MOVEMENTS, movement_rows, smallest_openings
from synclips.rendering.renderer import load_model
from synclips.runtime import share_cores, tune_allocator
from synclips.speech.conversion.converter import choose_converter
from synclips.speech.tts.hibari import NAME as HIBARI
from synclips.speech.tts.hibari import HibariSynthesizer
from synclips.tracking.detector import FaceMeshDetector
from synclips.training.coarticulation import BILABIAL, OPENING, Sound, shipped_coarticulation
from synclips.training.speech_sounds import hibari_line, sounds_of

SENTENCES = (
    "Remember the big umbrella.",
    "My mother bought some simple maps.",
    "People help me move the table.",
    "Maybe a million members came.",
    "Bob and Mabel jumped the bumpy path.",
    "I hope you both brought a lamp.",
    "Damn this is good, you're hired.",
    "The company opens in November.",
)


@dataclass
class Found:
    """Smallest openings of each closure, and correlations with the rule, of one method."""

    planned: list[float] = field(default_factory=list)
    seen: list[float] = field(default_factory=list)
    follows: list[Float64[np.ndarray, " 5"]] = field(default_factory=list)
    amplitude: list[float] = field(default_factory=list)


def main() -> None:
    """Print one row for each method."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--raw-dir", type=Path, default=Path("data/raw"))
    parser.add_argument("--speakers", nargs="+", default=["s33"])
    parser.add_argument("--method", action="append", default=[], metavar="NAME=PATH", help="beside the shipped model")
    parser.add_argument("--lines", type=int, default=len(SENTENCES))
    args = parser.parse_args()
    tune_allocator()
    share_cores()
    paths: dict[str, Path | None] = {"shipped": None}
    paths |= {name: Path(path) for name, path in (given.split("=", 1) for given in args.method)}
    makers = {name: ModelMaker(load_model(path, torch.device("cpu"))[0]) for name, path in paths.items()}
    utterances = find_utterances(args.raw_dir)
    results = {name: Found() for name in makers}
    sentences = SENTENCES[: args.lines]
    with Terminal() as terminal:
        for speaker in args.speakers:
            own = [utterance for utterance in utterances if utterance.speaker == speaker]
            clips = [load_footage(utterance, FaceMeshDetector) for utterance in own[: len(sentences)]]
            voice = Waveform(np.concatenate([clip.waveform.samples for clip in clips]), SAMPLE_RATE)
            for number, sentence in enumerate(sentences):
                sound, sounds = spoken(sentence, voice)
                clip = clips[number % len(clips)]
                for name, maker in makers.items():
                    measure(results[name], maker, clip, sound, sounds)
                terminal.progress(speaker, number + 1, len(sentences))
        columns = ("model", "closures", "plan: closed, %", "picture: closed, %", "spread of the opening", *MOVEMENTS)
        terminal.result("| " + " | ".join(columns) + " |\n" + "|---" * len(columns) + "|")
        for name, found in results.items():
            terminal.result(row(name, found))


def spoken(sentence: str, voice: Waveform) -> tuple[Waveform, list[Sound]]:
    """A sentence in a voice, and its sounds."""
    sound, signs = hibari_line(sentence, HibariSynthesizer())
    return choose_converter(source=HIBARI).convert(sound, voice), sounds_of(signs)


def measure(found: Found, maker: ModelMaker, clip: Footage, sound: Waveform, sounds: Sequence[Sound]) -> None:
    """Make the clip say the sound, as long as the clip is, and add what its lips do."""
    made = maker(clip, sound, "cross")
    assert isinstance(made, Planned)
    frames = np.stack(list(made))
    plan = made.lower - clip.rest
    seen = look(frames, FaceMeshDetector).lower - clip.rest
    times = (np.arange(len(frames)) + 0.5) / FPS
    rule = shipped_coarticulation().movements(sounds, times)
    planned = movement_rows(plan)
    spans = [(sound.start, sound.end) for sound in sounds if sound.kind == BILABIAL]
    found.planned += smallest_openings(planned[:, OPENING], times, spans)
    found.seen += smallest_openings(movement_rows(seen)[:, OPENING], times, spans)
    found.follows.append(np.array([np.corrcoef(planned[:, i], rule[:, i])[0, 1] for i in range(len(MOVEMENTS))]))
    found.amplitude.append(float(planned[:, OPENING].std()))


def row(name: str, found: Found) -> str:
    """One row of the table."""
    shares = [100 * np.mean(np.array(values) < CLOSED) for values in (found.planned, found.seen)]
    follows = " | ".join(f"{value:.2f}" for value in np.mean(found.follows, axis=0))
    spread = np.median(found.amplitude)
    return f"| {name} | {len(found.seen)} | {shares[0]:.0f} | {shares[1]:.0f} | {spread:.2f} | {follows} |"


if __name__ == "__main__":
    main()
