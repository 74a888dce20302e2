"""How the voice mapper was trained, so that it can be trained again: a quarter of an hour on one core."""

from pathlib import Path
from typing import Final

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from synclips.files import atomic_path
from synclips.progress import Progress, silent
from synclips.speech.mapper_pairs import VOICES, Corpus, Pairs
from synclips.speech.voice_conversion import VoiceStatistics
from synclips.speech.voice_mapper import VoiceMapper

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
    metadata = {"trained on": "GRID (CC BY 4.0), TinyTTS, eSpeak NG and Flite voices", "licence": "MIT"}
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, metadata=metadata)
