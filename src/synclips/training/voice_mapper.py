"""Trains the voice mapper: on pairs of frames first, then on whole lines that two networks listen to.

Frames alone give an average that sounds like nobody in particular. On whole lines the converter's spectrum is rendered
(`voice_rendering`), the speaker encoder says how like the person it sounds (as in YourTTS, Casanova et al., ICML 2022),
and a phone recogniser how far its phones have moved from those of the unconverted line. Frames keep a say: those of
the person where they said the same, those of the mapper of the first stage elsewhere.
"""

from copy import deepcopy
from pathlib import Path
from typing import Final

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor, nn

from synclips.config import RecipeConfig, StageConfig
from synclips.files import atomic_path
from synclips.speech.conversion.converter import VoiceStatistics
from synclips.speech.conversion.voice_mapper import VoiceMapper
from synclips.training.loop import OneNetwork
from synclips.training.phone_recogniser import PhoneRecogniser, phone_distance
from synclips.training.voice_lines import LineBatch, Lines
from synclips.training.voice_pairs import VOICES, Corpus, Pairs
from synclips.training.voice_rendering import likeness, rendered

RECIPE: Final = RecipeConfig(precision="fp32")
PAIRS: Final = StageConfig(steps=3000, batch=10, rate=2e-3, warmup=50, ema=0.99, validate=250)
LINES: Final = StageConfig(steps=1500, batch=6, rate=6e-4, warmup=30, weight_decay=1e-3, ema=0.99, validate=100)
_CHANGES_WEIGHT: Final = 0.7
_VARIETY_WEIGHT: Final = 0.25
_LIKENESS_WEIGHT: Final = 3.0
_PHONES_WEIGHT: Final = 0.5
_HELD_OUT: Final = 1_000_000
"""Number of the first batch that is validated on: no training step reaches it."""
_VALIDATION_BATCHES: Final = 4


class MapperStage(OneNetwork):
    """What both stages share: AdamW and no pictures."""

    config: StageConfig

    def __init__(self, mapper: VoiceMapper, average_deviation: np.ndarray) -> None:
        self.model = mapper.requires_grad_(True).train()
        self.optimizer = torch.optim.AdamW(
            mapper.parameters(), self.config.rate, weight_decay=self.config.weight_decay, betas=(0.9, 0.98)
        )
        self.importance = torch.from_numpy((average_deviation / average_deviation[1]).astype(np.float32))

    def update(self, values: dict[str, Tensor]) -> dict[str, float]:
        """One optimiser step down the sum of the losses."""
        self.optimizer.zero_grad(set_to_none=True)
        torch.stack(list(values.values())).sum().backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip)
        self.optimizer.step()
        return {name: value.item() for name, value in values.items()}

    def picture(self, model: nn.Module) -> None:
        """None."""


class PairStage(MapperStage):
    """The first stage: frames of `voice_pairs`."""

    name = "voice_pairs"

    def __init__(self, mapper: VoiceMapper, corpus: Corpus, config: StageConfig = PAIRS) -> None:
        self.config, self.pairs = config, Pairs(corpus)
        super().__init__(mapper, corpus.average_deviation)

    def step(self, step: int) -> dict[str, float]:
        """The three losses of frames."""
        return self.update(self._losses(self.model, step))

    def validate(self, model: nn.Module) -> dict[str, float]:
        """The same on batches that are not trained on."""
        return _mean_figures([self._losses(model, _HELD_OUT + k) for k in range(_VALIDATION_BATCHES)])

    def _losses(self, mapper: nn.Module, number: int) -> dict[str, Tensor]:
        source, voiced, target, weight, reference, known, present, spread = self.pairs.batch(number)
        predicted = mapper(source, voiced, reference, known, present, spread)
        return losses(predicted, target, weight, self.importance)


class LineStage(MapperStage):
    """The second stage: lines of `voice_lines`, heard by the speaker encoder and by `recogniser`."""

    name = "voice_lines"

    def __init__(
        self, mapper: VoiceMapper, lines: Lines, recogniser: PhoneRecogniser, config: StageConfig = LINES
    ) -> None:
        self.config, self.lines, self.recogniser = config, lines, recogniser.eval().requires_grad_(False)
        self.before = deepcopy(mapper).eval().requires_grad_(False)
        super().__init__(mapper, lines.average_deviation)

    def step(self, step: int) -> dict[str, float]:
        """Frames, likeness and phones."""
        return self.update(self._losses(self.model, step))

    def validate(self, model: nn.Module) -> dict[str, float]:
        """The same on batches that are not trained on."""
        return _mean_figures([self._losses(model, _HELD_OUT + k) for k in range(_VALIDATION_BATCHES)])

    def _losses(self, mapper: nn.Module, number: int) -> dict[str, Tensor]:
        batch = self.lines.batch(number)
        predicted = mapped(mapper, batch)
        with torch.no_grad():
            goal = torch.where(batch.free[:, None, None], mapped(self.before, batch), batch.goal)
        mel = rendered(predicted, batch)
        return losses(predicted, goal, batch.weight, self.importance) | {
            "likeness": _LIKENESS_WEIGHT * (1 - likeness(mel, batch)).mean(),
            "phones": _PHONES_WEIGHT * phone_distance(self.recogniser, mel, batch.mel, batch.weight),
        }


def mapped(mapper: nn.Module, batch: LineBatch) -> Float32[Tensor, "b t 40"]:
    """The batch's lines in their persons' voices, in deviations from the voice's mean."""
    frames: Tensor = mapper(
        batch.source, batch.voiced, batch.reference, batch.reference_voiced, batch.present, batch.spread
    )
    return frames


def _mean_figures(results: list[dict[str, Tensor]]) -> dict[str, float]:
    figures = {name: float(torch.stack([result[name] for result in results]).mean()) for name in results[0]}
    return figures | {"score": -sum(figures.values())}


def losses(
    predicted: Float32[Tensor, "b t 40"],
    target: Float32[Tensor, "b t 40"],
    weight: Float32[Tensor, "b t"],
    importance: Float32[Tensor, "40"],
) -> dict[str, Tensor]:
    """Distance of the frames, of their changes in time, and of their variety (deviation within the line)."""
    total = weight.sum() * importance.sum()
    frames = ((predicted - target).abs() * importance * weight[..., None]).sum() / total
    changes = (predicted.diff(dim=1) - target.diff(dim=1)).abs() * importance * weight[:, 1:, None]
    spoken = (weight > 0.5).float()[..., None]
    variety = (_log_deviation(predicted, spoken) - _log_deviation(target, spoken)).abs() * importance
    return {
        "frames": frames,
        "changes": _CHANGES_WEIGHT * changes.sum() / total,
        "variety": _VARIETY_WEIGHT * variety.sum() / (importance.sum() * len(predicted)),
    }


def _log_deviation(x: Tensor, mask: Tensor) -> Tensor:
    count = mask.sum(dim=1) + 1
    mean = (x * mask).sum(dim=1, keepdim=True) / count[:, None]
    return 0.5 * torch.log((((x - mean) ** 2) * mask).sum(dim=1) / count + 1e-4)


def statistics_of(corpus: Corpus, voice: str) -> VoiceStatistics:
    """An engine's voice in numbers, from at most 60 of the lines it said."""
    log_pitch = np.concatenate([recording.log_pitch for recording in list(corpus.spoken[voice].values())[:60]])
    low, median, high = np.percentile(log_pitch, [16, 50, 84])
    return VoiceStatistics(*corpus.statistics[voice], float(median), float(high - low) / 2)


def save_mapper(path: Path, mapper: VoiceMapper, corpus: Corpus) -> None:
    """Write what `load_voice_mapper` reads: weights as float16, and the statistics of the engines' voices.

    Raises:
        OutputError: as `atomic_path`.
    """
    from safetensors.torch import save_file

    tensors = {f"network.{name}": value.half().contiguous() for name, value in mapper.state_dict().items()}
    tensors["average.deviation"] = torch.from_numpy(corpus.average_deviation).float()
    for voice in VOICES:
        known = statistics_of(corpus, voice)
        tensors[f"{voice}.cepstra"] = torch.from_numpy(np.stack([known.mean, known.deviation])).float()
        tensors[f"{voice}.pitch"] = torch.tensor([known.log_pitch, known.pitch_spread]).float()
    metadata = {"trained on": "GRID (CC BY 4.0), hibari, eSpeak NG and Flite voices", "licence": "MIT"}
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, metadata=metadata)
