"""What the fit at every dub brings on a part of a video that it has not seen, and what it does to other speech.

    python benchmarks/speaker_fit.py talk.mp4 --seconds 40 --others a.mp4 b.mp4
    python benchmarks/speaker_fit.py s2.mp4 --motion outputs/without/best.safetensors --strengths 100

The last layer is fitted to the first --seconds of the video as a dub of it would be; the rest, in stretches of three
seconds, is predicted with it and without. Of each other video the sound is given to the same person, and their lips are
compared with the lips that it belongs to: what is dubbed are other words by another voice. For a person whom the
shipped model knows, --motion names a motion model that was trained without them (see adapt_person.py).
"""

import argparse
import sys
from collections.abc import Sequence
from copy import copy
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32

from synclips.errors import CheckpointError, MediaError
from synclips.media.timebase import FPS
from synclips.media.video import probe
from synclips.metrics.articulation import MOVEMENTS, agreement
from synclips.metrics.lip_shape import largest_lip_error
from synclips.models.checkpoint import load_into
from synclips.models.generator import Generator
from synclips.rendering.lip_sync import LipSync
from synclips.rendering.own_speech import OwnSpeech
from synclips.rendering.person_motion import PersonMotion
from synclips.rendering.renderer import load_model
from synclips.rendering.speaking_range import following
from synclips.tracking.detection_cache import default_cache, detect_video
from synclips.tracking.tracked_video import TrackedVideo, follow_largest
from synclips.training.last_layer import STRENGTHS
from synclips.training.speaker_fit import fit_speaker

STRETCH = 75


def tracked(path: Path, seconds: float | None = None) -> TrackedVideo:
    """The largest face of the video."""
    info = probe(path)
    return follow_largest(info, detect_video(info, stop=seconds, cache=default_cache()))


def listened(person: PersonMotion, video: TrackedVideo, layers: int) -> OwnSpeech:
    """What is made of the video's sound with this person's mouths, beside the lips in its picture."""
    listener = copy(person)
    listener.own = None
    listener.listen(video, layers)
    if listener.own is None:
        raise MediaError(f"{video.path} has no sound; name a video in which somebody speaks")
    return listener.own


@torch.no_grad()
def shown(person: PersonMotion, inputs: Float32[np.ndarray, "n d"], *, fitted: bool) -> Float32[np.ndarray, "n m 3"]:
    """Displacements, by the layer and gain that `person` has, or by the model's layer and no gain."""
    layer, gain = (person.last, person.gain) if fitted else (person.model.last, 1.0)
    return gain * person.model.displacement(layer(torch.from_numpy(inputs))).numpy()


def pairs(heard: OwnSpeech, first: int, rest: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """From frame `first` on, in stretches: inputs, and displacements in the picture at the lag that is found."""
    found = following(heard.made, heard.lips.lower, heard.lips.seen)
    lag = found.lag if found else 0
    parts = []
    for start in range(max(first, -lag), min(len(heard), len(heard) - lag) - STRETCH + 1, STRETCH):
        frames = np.arange(start, start + STRETCH)
        if heard.lips.seen[frames].all():
            parts.append((heard.inputs[frames + lag], heard.lips.lower[frames] - rest))
    return parts


def figures(person: PersonMotion, parts: Sequence[tuple[np.ndarray, np.ndarray]], *, fitted: bool) -> str:
    """The largest lip error, and each movement's correlation and amplitude, means over the stretches."""
    rows = []
    for inputs, true in parts:
        made = shown(person, inputs, fitted=fitted)
        found = agreement(made, true)
        courses = [(found[name].correlation, found[name].amplitude) for name in MOVEMENTS]
        rows.append([largest_lip_error(made, true), *np.array(courses).ravel()])
    mean = np.mean(rows, axis=0)
    courses = (f"{name} {r:.2f} x {a:.2f}" for name, r, a in zip(MOVEMENTS, mean[1::2], mean[2::2], strict=True))
    return f"error {mean[0]:.2f} %, {', '.join(courses)}"


def other_speech(person: PersonMotion, video: TrackedVideo, heard: OwnSpeech, layers: int) -> str:
    """Correlation of the lips planned for another video's sound with the lips in it, without the fit -> with it."""
    mine = listened(person, video, layers)
    found = following(heard.made, heard.lips.lower, heard.lips.seen)
    lag = found.lag if found else 0
    frames = np.arange(max(0, -lag), min(len(heard), len(heard) - lag))
    frames = frames[heard.lips.seen[frames]]
    courses = []
    for fitted in (False, True):
        made = shown(person, mine.inputs[frames + lag], fitted=fitted)
        courses.append(agreement(made, heard.lips.lower[frames]))
    return ", ".join(f"{n} {courses[0][n].correlation:.2f} -> {courses[1][n].correlation:.2f}" for n in MOVEMENTS)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--seconds", type=float, default=40.0, help="that are fitted to; default 40")
    parser.add_argument("--motion", type=Path, metavar="MODEL", help="a motion model in place of the shipped one's")
    parser.add_argument("--strengths", type=float, nargs="+", default=STRENGTHS, help="of the ridge that are tried")
    parser.add_argument("--others", type=Path, nargs="*", default=[], help="videos of other people speaking")
    args = parser.parse_args()
    torch.set_num_threads(1)
    generator, _ = load_model(None, torch.device("cpu"))
    if not isinstance(generator, Generator):
        raise CheckpointError("the shipped model is not of the preset base")
    others = [(path.stem, video := tracked(path), LipSync(generator, video).motion.own) for path in args.others]
    if args.motion:
        generator.motion = load_into(args.motion, generator.motion).eval()
    layers = generator.recipe.model.audio.speech_layers
    person = LipSync(generator, tracked(args.video, args.seconds)).motion
    whole, gain, first = listened(person, tracked(args.video), layers), person.gain, int(args.seconds * FPS)
    sys.stdout.write(f"{fit_speaker(person, args.strengths) or 'no fit'}; gain {gain:.2f} -> {person.gain:.2f}\n")
    rest = pairs(whole, first, person.rest)
    for name, fitted in (("without", False), ("with", True)):
        if rest:
            sys.stdout.write(f"{len(rest)} stretches {name}: {figures(person, rest, fitted=fitted)}\n")
    for name, video, heard in others:
        if heard is not None:
            sys.stdout.write(f"{name}: {other_speech(person, video, heard, layers)}\n")


if __name__ == "__main__":
    main()
