"""How lips move with a sequence of sounds whose times are known: dominance functions.

After Cohen and Massaro, "Modeling coarticulation in synthetic visual speech", in "Models and Techniques in Computer
Animation", 1993. Each sound has a target for each of the five movements (`metrics.articulation`) and a dominance over
them that is greatest while it lasts and fades before and after it; lips are, at any time, the mean of all targets
weighted by dominance. So a sound is known once it has been heard in any place, and sequences of sounds that a corpus
does not hold move like those that it holds.

Targets and dominances are fitted to a corpus whose words are known (`fit`); where it has few examples of a sound, they
stay near `PRIORS`. The shipped fit is of GRID (scripts/fit_coarticulation.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from importlib.resources import as_file, files
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64, Int
from safetensors.torch import load_file, save_file
from torch import Tensor

from synclips.files import atomic_path
from synclips.media.timebase import FPS
from synclips.metrics.articulation import MOVEMENTS

WEIGHTS: Final = "coarticulation.safetensors"


class Prior(NamedTuple):
    """What a sound does to lips as far as phonetics says, in canonical units from rest, and how strongly."""

    width: float
    opening: float
    corners: float
    chin: float
    protrusion: float
    dominance: float = 0.0


PRIORS: Final[Mapping[str, Prior]] = MappingProxyType(
    {
        "silence": Prior(-0.3, 0.1, 0.0, 0.0, 0.0, 0.5),
        "p b m": Prior(-0.4, -0.2, -0.6, 0.8, 0.1, 2.5),
        "f v": Prior(-0.3, 0.6, 0.0, 0.8, -0.1, 2.0),
        "w": Prior(-3.0, 1.0, -2.2, 2.0, 0.9, 1.2),
        "θ ð": Prior(-0.3, 1.6, -0.9, 1.6, 0.0),
        "t": Prior(-0.3, 2.2, -0.6, 1.4, -0.3, -0.7),
        "d": Prior(-0.4, 2.2, -0.8, 1.6, -0.3, -0.7),
        "n": Prior(-0.3, 2.5, -1.0, 1.8, -0.4, -0.7),
        "l": Prior(-0.6, 3.0, -1.6, 2.6, -0.4, -0.5),
        "r": Prior(-1.8, 1.8, -1.4, 1.8, 0.4),
        "s": Prior(0.1, 1.8, -0.2, 0.8, -0.3),
        "z": Prior(0.1, 1.8, -0.2, 0.8, -0.3),
        "ʃ ʒ": Prior(-1.8, 2.3, -1.0, 1.5, 0.4, 1.0),
        "j": Prior(0.3, 2.2, -0.8, 1.6, -0.5, -0.3),
        "k": Prior(-0.4, 2.8, -1.2, 2.0, -0.4, -1.0),
        "ɡ ŋ": Prior(-0.4, 2.8, -1.2, 2.0, -0.4, -1.0),
        "h": Prior(-0.4, 3.0, -1.6, 2.6, -0.4, -3.0),
        "i": Prior(1.0, 2.8, -0.8, 2.0, -1.1),
        "ɪ": Prior(0.0, 3.2, -1.4, 2.6, -0.7),
        "eɪ": Prior(0.8, 4.0, -1.5, 3.2, -1.2),
        "ɛ": Prior(0.3, 4.5, -2.0, 4.0, -1.0),
        "æ": Prior(0.5, 5.0, -2.2, 5.0, -1.2),
        "ɑ": Prior(-0.5, 5.0, -2.5, 5.0, -0.8),
        "ə ʌ": Prior(-0.8, 3.0, -1.8, 3.2, -0.3),
        "ɜ": Prior(-1.3, 2.2, -1.4, 2.2, 0.2),
        "ɔ": Prior(-2.0, 4.0, -2.4, 4.0, 0.3),
        "oʊ": Prior(-2.5, 3.0, -2.4, 2.8, 0.5, 1.0),
        "ʊ": Prior(-2.0, 2.2, -1.6, 2.2, 0.4),
        "u": Prior(-2.8, 1.6, -1.6, 1.6, 0.8, 1.0),
        "aɪ": Prior(0.0, 5.0, -2.2, 5.0, -1.0),
        "aʊ": Prior(-1.2, 4.5, -2.4, 4.5, -0.3),
    }
)
"""The classes of sounds that lips can tell apart, by IPA letters of theirs."""
SOUNDS: Final = tuple(PRIORS)
SILENCE: Final = SOUNDS.index("silence")
BILABIAL: Final = SOUNDS.index("p b m")
"""The sounds that cannot be said with open lips."""
OPENING: Final = MOVEMENTS.index("opening")
SHUT: Final = 0.1
"""Opening of shut lips, canonical units from rest."""
EDGE: Final = 0.012
"""Seconds at either end of a "p", "b" or "m" in which the lips may be on their way."""
CLOSING: Final = 0.03
"""Seconds that shutting takes at most, and opening again."""
REACH: Final = 0.08
"""Seconds over which a dominance fades by a factor of e, before any fit."""
TRUST: Final = 0.1
"""Weight of a squared deviation from the priors (targets in standard deviations): that of some 40 frames."""
STEPS: Final = 800
BATCH: Final = 64


@dataclass(frozen=True)
class Sound:
    """One sound of a line: its class (an index into `SOUNDS`), and when it begins and ends, in seconds."""

    kind: int
    start: float
    end: float


@dataclass(frozen=True)
class Coarticulation:
    """A fit, of an average person.

    target:     of each sound and movement, canonical units from rest
    dominance:  logarithm of each sound's dominance over each movement
    before, after:  logarithm of the seconds over which it fades, going back from the sound's start and on from its end
    lag:        seconds by which each movement precedes the sound
    mean, spread:  of its movements over the corpus, by which a person's are compared with them. Targets are means, so
                   the rule moves less than people do (opening by a third, width by a half); the spread is the geometric
                   mean of both, which gives back half of that
    """

    target: Float[Tensor, "k 5"]
    dominance: Float[Tensor, "k 5"]
    before: Float[Tensor, "k 5"]
    after: Float[Tensor, "k 5"]
    lag: Float[Tensor, " 5"]
    mean: Float[Tensor, " 5"]
    spread: Float[Tensor, " 5"]

    def movements(self, sounds: Sequence[Sound], times: Float64[np.ndarray, " n"]) -> Float32[np.ndarray, "n 5"]:
        """Where lips are at `times` (seconds) of a line: `MOVEMENTS` of the average person, canonical units from rest.

        What precedes the first sound and follows the last one is silence.

        Raises:
            ValueError: no sounds.
        """
        if not sounds:
            raise ValueError("no sounds, no movements")
        kinds, starts, ends = _arrays(_in_silence(sounds))
        present = torch.ones(1, len(kinds))
        with torch.no_grad():
            at = torch.from_numpy(times).float()[None]
            moved = self._at(kinds[None], starts[None], ends[None], present, at)[0].numpy()
        shut = closure(sounds, times)
        opening = moved[:, OPENING]
        moved[:, OPENING] = np.where(shut > 0, np.minimum(opening, (1 - shut) * opening + shut * SHUT), opening)
        return moved

    def _at(
        self,
        kinds: Int[Tensor, "b n"],
        starts: Float[Tensor, "b n"],
        ends: Float[Tensor, "b n"],
        present: Float[Tensor, "b n"],
        times: Float[Tensor, "b t"],
    ) -> Float[Tensor, "b t 5"]:
        t = times[:, :, None, None] + self.lag
        before = (starts[:, None, :, None] - t).clamp_min(0) / self.before.exp()[kinds][:, None]
        after = (t - ends[:, None, :, None]).clamp_min(0) / self.after.exp()[kinds][:, None]
        # sqrt(x^2 + .01): an exponential without a corner where the sound begins and ends
        fade = torch.sqrt(before.square() + 0.01) + torch.sqrt(after.square() + 0.01)
        weight = torch.exp(self.dominance[kinds][:, None] - fade) * present[:, None, :, None]
        return (weight * self.target[kinds][:, None]).sum(dim=2) / (weight.sum(dim=2) + 1e-9)

    def save(self, path: Path) -> None:
        """Write it as safetensors."""
        tensors = {field.name: getattr(self, field.name).detach().clone() for field in fields(self)}
        with atomic_path(path, overwrite=True) as temporary:
            save_file(tensors, temporary, {"sounds": ", ".join(SOUNDS), "movements": ", ".join(MOVEMENTS)})


def closure(sounds: Sequence[Sound], times: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
    """How far the lips are shut at `times` by a "p", "b" or "m": 1 in it, 0 away from it.

    Dominance alone leaves them apart between wide open vowels, of which the corpus that was fitted has few.
    """
    shut = np.zeros(len(times))
    for sound in sounds:
        if sound.kind == BILABIAL:
            inside = (sound.end - sound.start) / 2 - EDGE - np.abs(times - (sound.start + sound.end) / 2)
            shut = np.maximum(shut, (1 + inside / CLOSING).clip(0, 1))
    return shut


@lru_cache(maxsize=1)
def shipped_coarticulation() -> Coarticulation:
    """The fit that is shipped: of GRID."""
    with as_file(files("synclips.training") / WEIGHTS) as path:
        return Coarticulation(**load_file(path))


@dataclass(frozen=True)
class Utterance:
    """What a fit learns from: a person, the sounds, and the movements of each frame (25 a second) from rest."""

    person: str
    sounds: Sequence[Sound]
    movements: Float32[np.ndarray, "n 5"]

    @property
    def times(self) -> Float64[np.ndarray, " n"]:
        """The middle of each frame, in seconds."""
        return (np.arange(len(self.movements)) + 0.5) / FPS


def fit(utterances: Sequence[Utterance], seed: int = 0) -> Coarticulation:
    """Targets and dominances by gradient descent on the mean absolute error over all frames, people alike in weight.

    Each person has a gain and an offset of each movement; the result is that of the average person.
    """
    people = sorted({u.person for u in utterances})
    counts = {person: sum(u.person == person for u in utterances) for person in people}
    prior = torch.tensor([PRIORS[name] for name in SOUNDS])
    target = prior[:, :5].clone().requires_grad_(True)
    dominance = prior[:, 5:].expand(-1, 5).clone().requires_grad_(True)
    before, after = (torch.full_like(target, float(np.log(REACH)), requires_grad=True) for _ in range(2))
    lag = torch.zeros(5, requires_grad=True)
    gains, offsets = (torch.zeros(len(people), 5, requires_grad=True) for _ in range(2))
    learned = [target, dominance, before, after, lag, gains, offsets]
    everything = torch.from_numpy(np.concatenate([u.movements for u in utterances]))
    mean, spread = everything.mean(dim=0), everything.std(dim=0)
    model = Coarticulation(target, dominance, before, after, lag, mean, spread)
    optimizer = torch.optim.Adam(learned, lr=0.05)
    rng = np.random.default_rng(seed)
    for step in range(STEPS):
        if step == STEPS // 2:
            optimizer.param_groups[0]["lr"] = 0.015
        drawn = [utterances[i] for i in rng.choice(len(utterances), min(BATCH, len(utterances)), replace=False)]
        batch = _batch(drawn)
        who = torch.tensor([people.index(u.person) for u in drawn])
        made = model._at(*batch.sounds, batch.times) * gains[who].exp()[:, None] + offsets[who][:, None] * spread
        weight = torch.tensor([counts[u.person] ** -0.5 for u in drawn])[:, None] * batch.seen
        error = (((made - batch.movements) / spread).abs().mean(dim=2) * weight).sum() / weight.sum()
        free = ((target - prior[:, :5]) / spread).square().sum() + (dominance - prior[:, 5:]).square().sum()
        reach = (before - np.log(REACH)).square().mean() + (after - np.log(REACH)).square().mean()
        person = gains.square().mean() + offsets.square().mean()
        middle = gains.mean(dim=0).square().sum() + offsets.mean(dim=0).square().sum()
        loss = error + TRUST * free / len(utterances) + 0.003 * reach + 0.02 * person + 0.3 * middle
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    t, d, b, a, early = (value.detach() for value in (target, dominance, before, after, lag))
    lips = Coarticulation(t, d, b, a, early, mean, spread)
    ruled = torch.from_numpy(np.concatenate([lips.movements(u.sounds, u.times) for u in utterances]))
    each = [np.concatenate([u.movements for u in utterances if u.person == person]).std(axis=0) for person in people]
    people_spread = torch.from_numpy(np.exp(np.mean(np.log(each), axis=0))).float()
    return replace(lips, mean=ruled.mean(dim=0), spread=(ruled.std(dim=0) * people_spread).sqrt())


@dataclass(frozen=True)
class _Batch:
    sounds: tuple[Tensor, Tensor, Tensor, Tensor]
    times: Float[Tensor, "b t"]
    movements: Float[Tensor, "b t 5"]
    seen: Float[Tensor, "b t"]


def _batch(utterances: Sequence[Utterance]) -> _Batch:
    lines = [_arrays(_in_silence(u.sounds)) for u in utterances]
    most, longest = max(len(kinds) for kinds, _, _ in lines), max(len(u.movements) for u in utterances)
    kinds = torch.zeros(len(lines), most, dtype=torch.long)
    starts, ends, present = (torch.zeros(len(lines), most) for _ in range(3))
    movements, seen = torch.zeros(len(lines), longest, len(MOVEMENTS)), torch.zeros(len(lines), longest)
    for i, ((kind, start, end), utterance) in enumerate(zip(lines, utterances, strict=True)):
        count, frames = len(kind), len(utterance.movements)
        kinds[i, :count], starts[i, :count], ends[i, :count], present[i, :count] = kind, start, end, 1
        movements[i, :frames], seen[i, :frames] = torch.from_numpy(utterance.movements), 1
    times = ((torch.arange(longest) + 0.5) / FPS).expand(len(lines), -1)
    return _Batch((kinds, starts, ends, present), times, movements, seen)


def _in_silence(sounds: Sequence[Sound]) -> list[Sound]:
    """The sounds, with silence for a second before them and a long one after them."""
    first, last = sounds[0].start, sounds[-1].end
    return [Sound(SILENCE, first - 1, first), *sounds, Sound(SILENCE, last, last + 10)]


def _arrays(sounds: Sequence[Sound]) -> tuple[Int[Tensor, " n"], Float[Tensor, " n"], Float[Tensor, " n"]]:
    kinds = torch.tensor([sound.kind for sound in sounds])
    return kinds, torch.tensor([s.start for s in sounds]).float(), torch.tensor([s.end for s in sounds]).float()
