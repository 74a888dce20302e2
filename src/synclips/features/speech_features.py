"""What `base` hears: MFCC and, beside them, the states of the beginning of Whisper's encoder (models.speech_encoder).

The encoder is frozen, so its states are features like any other. It runs over pieces of the sound on a fixed grid, so
that a part of a long sound gives the same states as the whole.

Where a sound is quiet for long, the encoder's states follow its positions, the noise and what it guesses, and lips that
follow them flutter. They are replaced by one state: the mean of the short silences before and after sentences, which
the motion models know as lips at rest (scripts/measure_silence.py).
"""

from functools import cache
from importlib.resources import as_file, files

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Float32
from safetensors.numpy import load_file as load_arrays
from safetensors.torch import load_file

from synclips.features.mel import mel_spectrum
from synclips.features.mfcc import N_FEATURES, audio_features, mfcc
from synclips.media.audio import Waveform
from synclips.media.timebase import SAMPLE_RATE, SAMPLES_PER_FRAME, STEPS_PER_FRAME, WINDOW
from synclips.models.speech_encoder import MELS, WIDTH, SpeechEncoder

WEIGHTS = "whisper_tiny_en.safetensors"
SILENCE = "silence.safetensors"
"""The state of silence after each number of layers."""
MOST_LAYERS = 3
"""Layers whose weights are at hand."""
MEL_RANGE = (0.0, 8000.0)
FLOOR = 10**-6.7
"""Power below which nothing is told apart. Whisper takes 8 decades below the sound's loudest band; here sounds are
brought to one loudness, and a fixed floor does not need the whole sound."""
QUIET, SILENT = -20.0, -26.0
"""Levels in dB (of the mel power's sum, at the usual loudness, where loud speech lies near 8) from which a sound begins
to count as silence, and at which it is nothing else."""
NEAR, FADE = 41, 15
"""Steps over which a sound must be quiet to count as silence, longer than a stop's closure, and of the change to it."""
WHOLE = 100
"""Frames of a sound that is taken in one piece."""
PIECE, CONTEXT = 50, 25
"""Frames of a piece of a longer sound, and of the sound on either side that the encoder hears with it."""


def feature_count(layers: int) -> int:
    """Values a step of the features of a model that hears the states after `layers` layers; 0: MFCC alone."""
    return N_FEATURES + (WIDTH if layers else 0)


def sound_features(
    waveform: Waveform, frames: int, layers: int, *, warp: float = 1.0
) -> Float32[np.ndarray, "steps f"]:
    """`audio_features` of a 16 kHz sound's MFCC over `frames` frames, and its speech states if `layers` is not 0."""
    heard = audio_features(mfcc(waveform, frames, warp=warp))
    if not layers:
        return heard
    return np.concatenate([heard, speech_states(waveform, 0, frames, layers, warp=warp)], axis=1)


def speech_states(
    sound: Waveform,
    first: int,
    last: int,
    layers: int,
    *,
    total: int | None = None,
    gain: float = 1.0,
    warp: float = 1.0,
    settled: bool = True,
) -> Float32[np.ndarray, "steps 384"]:
    """States after `layers` layers at 100 Hz over frames `first` to `last`, each of mean 0 and variance 1.

    `total`: frames that the whole sound is said to have (default: `last`); `gain` is applied to the samples; `warp`
    stretches frequencies (see `mfcc`); `settled`: replace the states of silences by one.

    Raises:
        ValueError: the sound is not at 16 kHz.
    """
    if sound.sample_rate != SAMPLE_RATE:
        raise ValueError(f"the speech encoder is defined at {SAMPLE_RATE} Hz, not {sound.sample_rate}")
    total = last if total is None else total
    if total <= WHOLE:
        return _piece(sound, 0, total, layers, gain, warp, settled)[first * STEPS_PER_FRAME : last * STEPS_PER_FRAME]
    parts = []
    for start in range(first // PIECE * PIECE, last, PIECE):
        low, high = max(0, start - CONTEXT), min(total, start + PIECE + CONTEXT)
        states = _piece(sound, low, high, layers, gain, warp, settled)
        kept = slice(max(first, start) - low, min(last, start + PIECE) - low)
        parts.append(states[kept.start * STEPS_PER_FRAME : kept.stop * STEPS_PER_FRAME])
    return np.concatenate(parts)


@torch.no_grad()
def _piece(
    sound: Waveform, low: int, high: int, layers: int, gain: float, warp: float, settled: bool
) -> Float32[np.ndarray, "steps 384"]:
    """States over frames `low` to `high`, heard by themselves."""
    before = min(low, 1)  # a spectrum's first window reaches back
    samples = np.asarray(sound.samples[(low - before) * SAMPLES_PER_FRAME : high * SAMPLES_PER_FRAME + WINDOW])
    steps = (high - low + before) * STEPS_PER_FRAME
    power = mel_spectrum(samples * np.float32(gain), steps, MELS, MEL_RANGE, warp)[before * STEPS_PER_FRAME :]
    mel = torch.from_numpy(((np.log10(np.maximum(power, FLOOR)) + 4) / 4).astype(np.float32)).T[None]
    states = F.layer_norm(_encoder()(mel, layers)[0], (WIDTH,))
    # two steps a state: the second lies between this state and the next
    next_one = torch.cat([states[1:], states[-1:]])
    heard = torch.stack([states, (states + next_one) / 2], dim=1).flatten(0, 1).numpy()
    if not settled:
        return heard
    share = silence(power)[:, None]
    return (1 - share) * heard + share * _state_of_silence(layers)


def silence(power: Float[np.ndarray, "steps mels"]) -> Float32[np.ndarray, " steps"]:
    """How far each step of a sound at the usual loudness lies in a silence, in [0, 1]; `power`: of its mel bands."""
    level = 10 * np.log10(np.maximum(power.sum(axis=1), FLOOR))
    near = _around(level, NEAR).max(axis=1)
    return _around(np.clip((QUIET - near) / (QUIET - SILENT), 0, 1), FADE).mean(axis=1).astype(np.float32)


def _around(values: Float[np.ndarray, " steps"], count: int) -> Float[np.ndarray, "steps count"]:
    """Each value with those around it, `count` (odd) in all; beyond the ends the last ones go on."""
    return np.lib.stride_tricks.sliding_window_view(np.pad(values, count // 2, mode="edge"), count)


@cache
def _state_of_silence(layers: int) -> Float32[np.ndarray, " 384"]:
    with as_file(files("synclips.features").joinpath("weights", SILENCE)) as path:
        return load_arrays(path)[str(layers)]


@cache
def _encoder() -> SpeechEncoder:
    with torch.random.fork_rng(devices=[]):  # a stage's random numbers must not depend on when this is first called
        encoder = SpeechEncoder(MOST_LAYERS).eval().requires_grad_(False)
    with as_file(files("synclips.features").joinpath("weights", WEIGHTS)) as path:
        encoder.load_state_dict({name: value.float() for name, value in load_file(path).items()})
    return encoder
