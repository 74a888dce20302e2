"""The voice mapper's second schooling: the speaker encoder listens, and says how like the person the line sounds.

The first schooling (`mapper_training`) compares frames, and what comes of it is an average that sounds like nobody in
particular. Here the mapped line is rendered as the spectrum that the encoder hears: the engine's own, at the person's
pitch, times the gain that the converter would apply. So the encoder's opinion reaches the mapper as a gradient (as in
YourTTS, Casanova et al., ICML 2022). Frames keep a say, so that words stay words and the encoder is not merely fooled:
those of the person where they said the same, those of the mapper before this schooling elsewhere.
"""

from copy import deepcopy
from typing import Final

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor
from torch.nn import functional

from synclips.progress import Progress, silent
from synclips.speech.mapper_lines import LARGEST_GAIN, LineBatch, Lines, band_widths, gain_of_cepstra
from synclips.speech.mapper_training import losses
from synclips.speech.speaker_encoder import STEPS as WINDOW
from synclips.speech.speaker_encoder import speaker_encoder
from synclips.speech.voice_conversion import (
    LARGEST_LEVEL_CHANGE,
    SPREAD_SCALE,
    UNVOICED_SHARE,
)
from synclips.speech.voice_mapper import VoiceMapper

STEPS: Final = 250
RATE: Final = 5e-4
_WARM_UP: Final = 15
_LIKENESS_WEIGHT: Final = 3.0


def refine_mapper(
    mapper: VoiceMapper, lines: Lines, steps: int = STEPS, seed: int = 0, on_progress: Progress = silent
) -> VoiceMapper:
    """A copy of `mapper` that sounds more like the people it is given: AdamW, a cosine schedule, `STEPS` batches."""
    torch.manual_seed(seed)
    refined, before = deepcopy(mapper).requires_grad_(True).train(), deepcopy(mapper).eval()
    optimizer = torch.optim.AdamW(refined.parameters(), RATE, weight_decay=1e-3, betas=(0.9, 0.98))
    importance = torch.from_numpy((lines.average_deviation / lines.average_deviation[1]).astype(np.float32))
    for step, batch in enumerate(lines.batches(steps)):
        rate = RATE * min(1, (step + 1) / _WARM_UP) * (0.5 * (1 + np.cos(np.pi * step / steps)) + 0.02)
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
