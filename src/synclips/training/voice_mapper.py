"""How the voice mapper was trained, so that it can be trained again: a quarter of an hour on one core."""

from copy import deepcopy
from pathlib import Path
from typing import Final

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor
from torch.nn import functional

from synclips.files import atomic_path
from synclips.progress import Progress, silent
from synclips.speech.conversion.converter import (
    LARGEST_LEVEL_CHANGE,
    SPREAD_SCALE,
    UNVOICED_SHARE,
    VoiceStatistics,
)
from synclips.speech.conversion.voice_mapper import VoiceMapper
from synclips.speech.speaker_encoder import STEPS as WINDOW
from synclips.speech.speaker_encoder import speaker_encoder
from synclips.training.voice_lines import LARGEST_GAIN, LineBatch, Lines, band_widths, gain_of_cepstra
from synclips.training.voice_pairs import VOICES, Corpus, Pairs

STEPS: Final = 3000
RATE: Final = 2e-3
_WARM_UP: Final = 50
_CHANGES_WEIGHT: Final = 0.7
_VARIETY_WEIGHT: Final = 0.25


def train_mapper(corpus: Corpus, steps: int = STEPS, seed: int = 0, on_progress: Progress = silent) -> VoiceMapper:
    """Train the mapper on `gather`'s corpus: AdamW, a cosine schedule, three losses (see `losses`)."""
    torch.manual_seed(seed)
    mapper = VoiceMapper()
    optimizer = torch.optim.AdamW(mapper.parameters(), RATE, weight_decay=1e-2)
    importance = torch.from_numpy((corpus.average_deviation / corpus.average_deviation[1]).astype(np.float32))
    warm_up = max(1, min(_WARM_UP, steps // 10))
    for step, (source, voiced, target, weight, reference, known_voiced, present, spread) in enumerate(
        Pairs(corpus, seed).batches(steps)
    ):
        rate = RATE * min(1, step / warm_up) * (0.5 * (1 + np.cos(np.pi * step / steps)) + 0.02)
        for group in optimizer.param_groups:
            group["lr"] = rate
        predicted = mapper(source, voiced, reference, known_voiced, present, spread)
        optimizer.zero_grad()
        torch.stack(list(losses(predicted, target, weight, importance).values())).sum().backward()
        torch.nn.utils.clip_grad_norm_(mapper.parameters(), 1.0)
        optimizer.step()
        on_progress("train the voice mapper", step + 1, steps)
    return mapper.eval()


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


REFINING_STEPS: Final = 250
_REFINING_RATE: Final = 5e-4
_REFINING_WARM_UP: Final = 15
_LIKENESS_WEIGHT: Final = 3.0


def refine_mapper(
    mapper: VoiceMapper, lines: Lines, steps: int = REFINING_STEPS, seed: int = 0, on_progress: Progress = silent
) -> VoiceMapper:
    """A copy of `mapper` that sounds more like the people it is given: AdamW, a cosine schedule, `steps` batches."""
    torch.manual_seed(seed)
    refined, before = deepcopy(mapper).requires_grad_(True).train(), deepcopy(mapper).eval()
    optimizer = torch.optim.AdamW(refined.parameters(), _REFINING_RATE, weight_decay=1e-3, betas=(0.9, 0.98))
    importance = torch.from_numpy((lines.average_deviation / lines.average_deviation[1]).astype(np.float32))
    for step, batch in enumerate(lines.batches(steps)):
        rate = _REFINING_RATE * min(1, (step + 1) / _REFINING_WARM_UP)
        rate *= 0.5 * (1 + np.cos(np.pi * step / steps)) + 0.02
        for group in optimizer.param_groups:
            group["lr"] = rate
        predicted = _mapped(refined, batch)
        with torch.no_grad():
            goal = torch.where(batch.free[:, None, None], _mapped(before, batch), batch.goal)
        frames = torch.stack(list(losses(predicted, goal, batch.weight, importance).values())).sum()
        optimizer.zero_grad()
        (frames + _LIKENESS_WEIGHT * (1 - likeness(predicted, batch)).mean()).backward()
        torch.nn.utils.clip_grad_norm_(refined.parameters(), 1.0)
        optimizer.step()
        on_progress("refine the voice mapper", step + 1, steps)
    return refined.eval().requires_grad_(False)


def _mapped(mapper: VoiceMapper, batch: LineBatch) -> Float32[Tensor, "b t 40"]:
    mapped: Tensor = mapper(
        batch.source, batch.voiced, batch.reference, batch.reference_voiced, batch.present, batch.spread
    )
    return mapped


def likeness(mapped: Float32[Tensor, "b t 40"], batch: LineBatch) -> Float32[Tensor, " b"]:
    """Cosine of each rendered line's embedding with its person's: `WorldConverter` at strength 1, unsmoothed."""
    strong = batch.strong[..., None]
    count = strong.sum(dim=1, keepdim=True) + 1e-3
    mean = (mapped * strong).sum(dim=1, keepdim=True) / count
    deviation = torch.sqrt((((mapped - mean) ** 2) * strong).sum(dim=1, keepdim=True) / count + 1e-6)
    own = mean + (mapped - mean) * torch.clamp(1 / deviation, *SPREAD_SCALE)
    change = own * batch.deviation[:, None] + batch.mean[:, None] - batch.cepstra
    level = change[..., :1] - (change[..., :1] * strong).sum(dim=1, keepdim=True) / count
    level = level.clamp(-LARGEST_LEVEL_CHANGE, LARGEST_LEVEL_CHANGE)
    voiced = functional.avg_pool1d(batch.voiced[:, None], 3, 1, 1)[:, 0, :, None]
    change = torch.cat([level, change[..., 1:]], dim=-1) * (voiced + (1 - voiced) * UNVOICED_SHARE)
    gain = (change @ torch.from_numpy(gain_of_cepstra())).clamp(-LARGEST_GAIN, LARGEST_GAIN)
    widths = torch.from_numpy(band_widths())
    mel = batch.mel * torch.exp(gain)
    mel = mel * ((batch.mel @ widths).sum(dim=1) / ((mel @ widths).sum(dim=1) + 1e-9))[:, None, None]
    windows = functional.pad(mel, (0, 0, 0, max(0, WINDOW - mel.shape[1])))[:, :WINDOW]
    return (speaker_encoder().embed_windows(windows) * batch.wanted).sum(dim=1)
