"""What a conversion still lacks of a voice, as one fixed equaliser for each reference.

A few sentences are converted, and mel-cepstra are sought that, laid on all of them alike, bring their embeddings
nearest to the reference's: gradient descent through the speaker encoder, held back by the square of the cepstra. An
encoder that has no part in it hears half of the gain, too, and no more words are misheard (EXPERIMENTS.md). Where the
reference is short, its embedding is as much that of its words, and only part of the equaliser is taken.
"""

from typing import Final

import numpy as np
from jaxtyping import Float32, Float64

from synclips.media.audio import Waveform
from synclips.media.timebase import SAMPLE_RATE
from synclips.speech.conversion.world import ORDER, envelope_of, interpolation
from synclips.speech.speaker_encoder import STEPS, level_mel, mel_filters, speaker_encoder

SENTENCES: Final = (
    "the lamp on the shelf needs a new bulb",
    "we walked until it was getting dark",
    "nobody told me about the meeting",
)
"""About as long as the encoder's window each; six of them give almost the same equaliser."""
DOUBTED: Final = 2.0
"""Seconds of reference of which half of the equaliser is taken."""
_EDGE: Final = 10
"""Frames (10 ms) at the beginning of a sentence that are left out."""
_STEPS: Final = 24
_RATE: Final = 0.25
_RESTRAINT: Final = 0.003
"""What a square of the cepstra costs in cosine."""
_LARGEST: Final = 3.0
"""Log power (13 dB) by which a band may change."""


def trust(seconds: float) -> float:
    """How much of the equaliser is taken where the reference has so many seconds of speech."""
    return seconds / (seconds + DOUBTED)


def missing_colour(lines: tuple[Waveform, ...], reference: Waveform) -> Float64[np.ndarray, "40"]:
    """Mel-cepstra to add to every frame of converted `lines` (16 kHz), so that they sound more like `reference`.

    Zeros where there is nothing to hear. The first one, the level, is 0.
    """
    import torch

    windows = [_window(line) for line in lines if len(line.samples) > SAMPLE_RATE // 2]
    wanted = torch.from_numpy(speaker_encoder().embed(reference))
    if not windows or not wanted.any():
        return np.zeros(ORDER)
    mel = torch.from_numpy(np.stack(windows).astype(np.float32))
    gain, widths = (torch.from_numpy(values) for values in (gain_of_cepstra(), band_widths()))
    power = (mel @ widths).sum(dim=1)
    colour = torch.zeros(ORDER, requires_grad=True)
    optimizer = torch.optim.Adam([colour], lr=_RATE)
    for _ in range(_STEPS):
        heard = mel * torch.exp((colour @ gain).clamp(-_LARGEST, _LARGEST))
        heard = heard * (power / ((heard @ widths).sum(dim=1) + 1e-9))[:, None, None]
        likeness = (speaker_encoder().embed_windows(heard) * wanted).sum(dim=1).mean()
        optimizer.zero_grad()
        (_RESTRAINT * (colour**2).sum() - likeness).backward()
        optimizer.step()
    found = colour.detach().double().numpy().copy()
    found[0] = 0
    return found


def _window(line: Waveform) -> np.ndarray:
    """One of the encoder's windows of a line, zeros behind it where it is shorter."""
    mel = level_mel(line.samples)
    start = min(_EDGE, max(0, len(mel) - STEPS))
    mel = mel[start : start + STEPS]
    return np.pad(mel, ((0, STEPS - len(mel)), (0, 0)))


def gain_of_cepstra() -> Float32[np.ndarray, "40 40"]:
    """Matrix from a difference of mel-cepstra to the log gain in the encoder's 40 bands."""
    filters = mel_filters().astype(np.float64)
    bins = interpolation(np.linspace(0, 1, filters.shape[1]), np.linspace(0, 1, 513))
    shares = filters / filters.sum(axis=1, keepdims=True)
    return np.asarray(envelope_of(np.eye(ORDER)) @ bins.T @ shares.T, np.float32)


def band_widths() -> Float32[np.ndarray, "40"]:
    """Weights that turn the encoder's bands, filters of equal area, into power."""
    return np.asarray(1 / mel_filters().max(axis=1), np.float32)
