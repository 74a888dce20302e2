"""What `WorldConverter` makes of a mapped line, as the spectrum that the speaker encoder hears, and differentiable.

Smoothing, loudness, spread, unvoiced frames and the equaliser are the converter's own; so what is learnt is what is
done. Only the sound is left out: the unconverted line's spectrum, at the person's pitch, is multiplied by the gain.
"""

from functools import lru_cache
from typing import Final

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor
from torch.nn import functional

from synclips.speech.conversion.calibration import band_widths, gain_of_cepstra
from synclips.speech.conversion.converter import (
    LARGEST_LEVEL_CHANGE,
    LEVEL_SHARE,
    SMOOTHING,
    SPREAD_SCALE,
    UNVOICED_SHARE,
)
from synclips.speech.conversion.spectral_match import LARGEST, SHARE
from synclips.speech.speaker_encoder import STEPS, speaker_encoder
from synclips.training.voice_lines import LARGEST_GAIN, LineBatch

_REACH: Final = 6
"""Frames to either side that the smoothing looks at."""


def rendered(mapped: Float32[Tensor, "b t 40"], batch: LineBatch) -> Float32[Tensor, "b t 40"]:
    """The converted lines' mel power, each as loud as the unconverted one."""
    strong = batch.strong[..., None]
    count = strong.sum(dim=1, keepdim=True) + 1e-3
    change = smoothed(mapped - batch.source)
    line = batch.source + torch.cat([LEVEL_SHARE * change[..., :1], change[..., 1:]], dim=-1)
    mean = (line * strong).sum(dim=1, keepdim=True) / count
    deviation = torch.sqrt((((line - mean) ** 2) * strong).sum(dim=1, keepdim=True) / count + 1e-6)
    line = mean + (line - mean) * torch.clamp(1 / deviation, *SPREAD_SCALE)
    difference = line * batch.deviation[:, None] + batch.mean[:, None] - batch.cepstra
    level = difference[..., :1] - (difference[..., :1] * strong).sum(dim=1, keepdim=True) / count
    level = level.clamp(-LARGEST_LEVEL_CHANGE, LARGEST_LEVEL_CHANGE)
    voiced = functional.avg_pool1d(batch.voiced[:, None], 3, 1, 1)[:, 0, :, None]
    difference = torch.cat([level, difference[..., 1:]], dim=-1) * (voiced + (1 - voiced) * UNVOICED_SHARE)
    gain_matrix, widths = _matrices()
    mel = batch.mel * torch.exp((difference @ gain_matrix).clamp(-LARGEST_GAIN, LARGEST_GAIN))
    present = mel.mean(dim=1)
    wanted = batch.colour * ((present @ widths) / (batch.colour @ widths + 1e-9))[:, None]
    decibels = 10 * torch.log10((wanted + 1e-6) / (present + 1e-6))
    mel = mel * 10 ** (SHARE * decibels.clamp(-LARGEST, LARGEST) / 10)[:, None]
    return mel * ((batch.mel @ widths).sum(dim=1) / ((mel @ widths).sum(dim=1) + 1e-9))[:, None, None]


def smoothed(change: Float32[Tensor, "b t c"]) -> Float32[Tensor, "b t c"]:
    """Over time with a Gaussian, the ends held, as `scipy.ndimage.gaussian_filter1d` does it."""
    at = torch.arange(-_REACH, _REACH + 1, dtype=torch.float32)
    window = torch.exp(-0.5 * (at / SMOOTHING) ** 2)
    kernel = (window / window.sum())[None, None].expand(change.shape[2], 1, -1)
    held = functional.pad(change.transpose(1, 2), (_REACH, _REACH), mode="replicate")
    return functional.conv1d(held, kernel, groups=change.shape[2]).transpose(1, 2)


def likeness(mel: Float32[Tensor, "b t 40"], batch: LineBatch) -> Float32[Tensor, " b"]:
    """Cosine of each line's embedding with its person's."""
    windows = functional.pad(mel, (0, 0, 0, max(0, STEPS - mel.shape[1])))[:, :STEPS]
    return (speaker_encoder().embed_windows(windows) * batch.wanted).sum(dim=1)


@lru_cache(maxsize=1)
def _matrices() -> tuple[Float32[Tensor, "40 40"], Float32[Tensor, "40"]]:
    return torch.from_numpy(gain_of_cepstra()), torch.from_numpy(np.ascontiguousarray(band_widths()))
