"""The motion model's last layer, fitted to the very person who is dubbed, by the sound and the lips of their video.

It is what `motion_head` does for a corpus, with what a dub has at hand anyway: the tracked part of the video. Where
sound and lips do not belong together (music, another speaker, a laugh) they are left out.
"""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from jaxtyping import Float32, Int64

from synclips.data.grid import CLIP_FRAMES
from synclips.media.timebase import FPS
from synclips.metrics.lip_shape import correlation, opening_of
from synclips.rendering.own_speech import OwnLips
from synclips.rendering.person_motion import PersonMotion
from synclips.rendering.speaking_range import Following, speaking_gain
from synclips.training.last_layer import (
    LEAST,
    STRENGTHS,
    SeenClip,
    best_strength,
    clip_figures,
    is_gain,
    mean_figures,
    ridge,
    stretches,
)

SHORTEST: Final = 25
"""Frames of a stretch at least."""
FOLLOWS: Final = 0.3
"""Correlation of the opening, predicted and seen, below which a stretch is left out: of 54 stretches whose sound and
picture were of different people two lay above it, of 66 right ones all."""


@dataclass(frozen=True)
class SpeakerFit:
    """How a fit came about.

    seconds:  of the video that served
    before, after:  mean figures (see `clip_figures`) of stretches that the layer was not fitted to, as they would be
              shown without the fit and as they are with it
    gain:     that the motion is multiplied with after the fit
    """

    seconds: float
    before: dict[str, float]
    after: dict[str, float]
    gain: float

    def __str__(self) -> str:
        """One line for a person."""
        return (
            f"lips fitted to this person from {self.seconds:.0f} s of the video: where it was not fitted, the largest "
            f"error falls from {self.before['lve']:.1f} to {self.after['lve']:.1f} % of the distance of the eyes"
        )


@torch.no_grad()
def fit_speaker(person: PersonMotion, strengths: Sequence[float] = STRENGTHS) -> SpeakerFit | None:
    """Fit the last layer of `person` to them; the model that they share with others stays as it is.

    None: nothing was changed, since the video has too little sound that the lips follow, or the fit gains no more than
    its standard error over stretches that it was not made from.
    """
    clips = _clips(person)
    seconds = sum(len(clip.made) for clip in clips.values()) / FPS
    if seconds < LEAST:
        return None
    model = person.model
    strength, made = best_strength(model, clips, stretches(list(clips)), strengths)
    gain = _gain_after(person, made, clips)
    before = [clip_figures(model, clip.made, clip.true, person.gain) for clip in clips.values()]
    after = [clip_figures(model, made[key], clip.true, gain) for key, clip in clips.items()]
    if not is_gain(after, before):
        return None
    layer = deepcopy(model.last)
    ridge(list(clips.values()), strength).add_to(layer)
    person.last, person.gain = layer, gain
    return SpeakerFit(seconds, mean_figures(before), mean_figures(after), gain)


def _clips(person: PersonMotion) -> dict[str, SeenClip]:
    """Stretches in which the lips follow the sound, by their place."""
    own = person.own
    if own is None or (found := own.following) is None:
        return {}
    clips = {}
    for frames in _stretches(own.lips, found.lag):
        heard = frames + found.lag
        made, true = own.made[heard] - person.rest, own.lips.lower[frames] - person.rest
        if correlation(opening_of(made), opening_of(true)) >= FOLLOWS:
            shapes = _components(person, made), _components(person, true)
            clips[f"{frames[0]:05d}"] = SeenClip(own.inputs[heard], *shapes)
    return clips


def _stretches(lips: OwnLips, lag: int) -> Iterator[Int64[np.ndarray, " n"]]:
    """Frames of the picture, of one shot that shows the face, of at most three seconds, whose sound there is."""
    frames = np.arange(max(0, -lag), min(len(lips), len(lips) - lag))
    edges = np.flatnonzero((np.diff(lips.shot[frames]) != 0) | (np.diff(lips.seen[frames].astype(int)) != 0)) + 1
    for run in np.split(frames, edges):
        if len(run) >= SHORTEST and lips.seen[run[0]]:
            yield from np.array_split(run, -(-len(run) // CLIP_FRAMES))


def _components(person: PersonMotion, shape: Float32[np.ndarray, "n m 3"]) -> Float32[np.ndarray, "n k"]:
    found: np.ndarray = person.model.components(torch.from_numpy(shape).to(person.device)).cpu().numpy()
    return found


def _gain_after(
    person: PersonMotion, made: Mapping[str, Float32[np.ndarray, "n k"]], clips: Mapping[str, SeenClip]
) -> float:
    """As `speaking_gain`, by the opening of the held-out clips: a ridge moves less where the sound tells little."""
    motion = person.model
    parts = [made[key] for key in clips], [clip.true for clip in clips.values()]
    planned, true = (
        opening_of(motion.displacement(torch.from_numpy(np.concatenate(part)).to(person.device)).cpu().numpy())
        for part in parts
    )
    amplitude = float(true.std()) / max(float(planned.std()), 1e-6)
    return speaking_gain(Following(0, correlation(planned, true), amplitude))
