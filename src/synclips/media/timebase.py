"""The one home of every rate and window, and of the conversions between them.

Sound runs at 16 kHz, pictures at 25 frames a second, MFCC at 100 steps a second. These divide exactly: one frame
is 640 samples or 4 MFCC steps, one step is 160 samples. Frame `i` covers the time [i / 25, (i + 1) / 25) s and the
MFCC steps 4i .. 4i + 3; step `k` is centred on sample 160 k.
"""

from typing import Final

SAMPLE_RATE: Final = 16_000
"""Samples a second of every waveform that a network sees."""
FPS: Final = 25
"""Video frames a second of every clip that a network sees (GRID's own rate)."""
MFCC_RATE: Final = 100
"""MFCC steps a second."""
OUTPUT_SAMPLE_RATE: Final = 48_000
"""Samples a second of the sound in a finished video: AAC's start-up delay is then far below a frame."""

HOP: Final = SAMPLE_RATE // MFCC_RATE
"""Samples between two MFCC steps (10 ms)."""
WINDOW: Final = SAMPLE_RATE // 40
"""Samples under one MFCC window (25 ms)."""
SAMPLES_PER_FRAME: Final = SAMPLE_RATE // FPS
STEPS_PER_FRAME: Final = MFCC_RATE // FPS

assert HOP * MFCC_RATE == SAMPLE_RATE
assert SAMPLES_PER_FRAME * FPS == SAMPLE_RATE
assert STEPS_PER_FRAME * FPS == MFCC_RATE


def frames_in(samples: int, sample_rate: int = SAMPLE_RATE, fps: int = FPS) -> int:
    """Frames needed to cover `samples` samples (the last one may be partly silent)."""
    return -(-samples * fps // sample_rate)
