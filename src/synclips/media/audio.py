"""Sound as the rest of the program uses it; each idea has its own module below."""

from synclips.media.sound import Sound
from synclips.media.sound_read import read_audio, read_sound
from synclips.media.waveform import (
    LOUDNESS,
    PEAK,
    Waveform,
    loudness,
    loudness_gain,
    normalise_loudness,
    write_wav,
)

__all__ = [
    "LOUDNESS",
    "PEAK",
    "Sound",
    "Waveform",
    "loudness",
    "loudness_gain",
    "normalise_loudness",
    "read_audio",
    "read_sound",
    "write_wav",
]
