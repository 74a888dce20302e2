"""Windows of spoken lines, as the motion stage draws them: each in the manner of one of the corpus's people."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float64

from synclips.config import RecipeConfig
from synclips.media.timebase import STEPS_PER_FRAME
from synclips.metrics.articulation import CLOSED, movement_rows
from synclips.metrics.lip_shape import correlation
from synclips.models.motion import MotionModel
from synclips.training.coarticulation import OPENING, Coarticulation, shipped_coarticulation
from synclips.training.motion_data import MotionData, displacement_of, even_bank
from synclips.training.spoken_lines import SpokenLines

MOST_CLIPS = 12
"""Clips of a person by which their manner is measured."""
HELD_OUT = 21
"""One line in so many is not trained on."""
NOWHERE = (-1000, -900)
"""A window that no mouth of a bank lies in: the line is not the clip's."""
LARGEST_GAIN = 2.5
"""How much further, or less far, than the average person somebody's lips move at most."""


@dataclass(frozen=True)
class LineBatch:
    """Windows of lines: features (b, 4 t, f), movements (b, t, 5) in the manner of the bank's person, the frames (b, t)
    in which lips are closed, and banks as MotionModel takes them."""

    features: torch.Tensor
    movements: torch.Tensor
    closed: torch.Tensor
    bank: tuple[torch.Tensor, torch.Tensor, torch.Tensor]


class LineWindows:
    """Draws windows of lines with banks of the corpus's people."""

    def __init__(self, lines: SpokenLines, data: MotionData, speakers: Mapping[str, Sequence[str]]) -> None:
        self._lines, self._data, self._speakers = lines, data, speakers
        self._names = list(speakers)
        numbers = range(len(lines.lines))
        self.held_out = numbers[::HELD_OUT]
        self._trained = [number for number in numbers if number % HELD_OUT] or list(numbers)
        self.manner = lru_cache(maxsize=10_000)(self._manner)

    def draw(
        self,
        rngs: Sequence[np.random.Generator],
        recipe: RecipeConfig,
        device: torch.device,
        gain: Callable[[np.random.Generator], float],
    ) -> LineBatch:
        """One window for each generator; `gain` draws how far lips and bank move of what they really do."""
        window, size = recipe.sampling.motion_window, recipe.sampling.motion_bank
        rest = self._data.components(np.zeros((1, *self._data.shape), np.float32))[0]
        features, wanted, closed, banks = [], [], [], []
        for rng in rngs:
            number = self._trained[int(rng.integers(len(self._trained)))]
            line = self._lines.variant(number, int(rng.integers(recipe.lines.variants)))
            start = int(rng.integers(max(1, len(line.movements) - window + 1)))
            index = np.minimum(np.arange(start, start + window), len(line.movements) - 1)
            speaker = self._names[int(rng.integers(len(self._names)))]
            keys = self._speakers[speaker]
            bank = self._data.bank(keys, keys[int(rng.integers(len(keys)))], NOWHERE, size, rng, mirror=False)
            scale, shift = self.manner(speaker)
            far = gain(rng)
            features.append(line.features[(STEPS_PER_FRAME * index[:, None] + np.arange(STEPS_PER_FRAME)).ravel()])
            wanted.append(far * (line.movements[index] * scale + shift))
            closed.append(line.closed[index])
            banks.append((bank.embeddings, rest + far * (bank.shapes - rest), bank.present))

        def tensor(parts: Sequence[np.ndarray]) -> torch.Tensor:
            return torch.from_numpy(np.stack(parts)).to(device)

        embeddings, shapes, present = (tensor(part) for part in zip(*banks, strict=True))
        return LineBatch(
            tensor(features), tensor(wanted).float(), tensor(closed), (embeddings, shapes.float(), present)
        )

    @torch.no_grad()
    def validate(self, model: MotionModel, recipe: RecipeConfig, device: torch.device) -> dict[str, float]:
        """On the lines that are held out, in the manner of each person in turn: `lines_closed`, the share of the frames
        with a "p", "b" or "m" in which the opening is below `CLOSED`; `lines_r`, the mean correlation of the
        movements with the rule's."""
        openings, follows = [], []
        for place, number in enumerate(self.held_out):
            line = self._lines.plain(number)
            keys = self._speakers[self._names[place % len(self._names)]]
            bank = even_bank(self._data, keys[0], recipe.sampling.motion_bank, device)
            made, _ = model(torch.from_numpy(line.features)[None].to(device), *bank)
            moved = movement_rows(model.displacement(made[0]).cpu().numpy())
            openings.append(moved[line.closed, OPENING])
            follows += [
                correlation(moved[:, i].astype(np.float32), line.movements[:, i]) for i in range(moved.shape[1])
            ]
        closed = np.concatenate(openings) < CLOSED
        return {"lines_closed": float(closed.mean()) if len(closed) else 1.0, "lines_r": float(np.mean(follows))}

    def _manner(self, speaker: str) -> tuple[Float64[np.ndarray, " 5"], Float64[np.ndarray, " 5"]]:
        """Factor and shift that make the rule's movements this person's."""
        store = self._data.store
        clips = [displacement_of(store, store[key]) for key in self._speakers[speaker][:MOST_CLIPS]]
        return manner_of(movement_rows(np.concatenate(clips)), shipped_coarticulation())


def manner_of(
    seen: Float64[np.ndarray, "n 5"], lips: Coarticulation
) -> tuple[Float64[np.ndarray, " 5"], Float64[np.ndarray, " 5"]]:
    """Factor and shift that give the rule's movements the mean and spread of what is `seen` of somebody."""
    mean, spread = lips.mean.numpy().astype(np.float64), lips.spread.numpy().astype(np.float64)
    scale = (seen.std(axis=0) / spread).clip(1 / LARGEST_GAIN, LARGEST_GAIN)
    return scale, seen.mean(axis=0) - scale * mean
