"""The voice to imitate, taken from a recording: is there a usable one, and what belongs to it."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from synclips.media.audio import Sound, Waveform, loudness
from synclips.media.timebase import HOP, SAMPLE_RATE
from synclips.speech.speaker_encoder import similarity, speaker_encoder
from synclips.speech.vad import Activity, detect_speech, only_speech

LEAST_SPEECH: Final = 2.0
"""Seconds of speech without which a voice is not taken over."""
MOST_SPEECH: Final = 30.0
"""Seconds of speech that are looked at: more does not help."""
_LEAST_SIGNAL_TO_NOISE: Final = 14.0
_SILENT: Final = -60.0
"""dB of full scale under which nothing is heard."""
_ONE_VOICE: Final = 0.72
_CLIPPED_SHARE: Final = 3e-3
_STEADY_SHARE: Final = 0.35
"""Share of loud steps with tones that stand still, above which it is music: speech has some .1 of them."""


@dataclass(frozen=True)
class Reference:
    """The voice in a recording.

    `speech` is 16 kHz, cut to the speech, at most 30 s, with the short pauses within it; `usable` says whether a
    voice can be learnt from it, and if not, `notes` begin with the reason. `loudness` is that of the speech, in LUFS.
    """

    speech: Waveform
    seconds: float
    loudness: float
    noise: Waveform | None
    usable: bool
    notes: tuple[str, ...]


def analyse_reference(recording: Waveform) -> Reference:
    """Find the voice in `recording` (any rate), or the reason why there is none to be had. Never raises."""
    sound = recording.resampled(SAMPLE_RATE)
    activity = detect_speech(sound)
    problem = _problem(sound, activity)
    speech = only_speech(sound, activity)
    notes = [problem] if problem else []
    if not problem and second_voice(speech):
        notes.append(
            "the reference seems to have two voices in it, and the result will lie between them; give one voice"
        )
    if not problem and _clipped(sound):
        notes.append("the reference is clipped (too loud when it was recorded): its voice will sound harsher")
    if len(speech.samples) > MOST_SPEECH * SAMPLE_RATE:
        speech = Waveform(speech.samples[: round(MOST_SPEECH * SAMPLE_RATE)], SAMPLE_RATE)
    level = loudness(speech)
    return Reference(speech, activity.seconds, level, _pauses(sound, activity), problem is None, tuple(notes))


def _problem(sound: Waveform, activity: Activity) -> str | None:
    keeps = "the synthesizer's own voice is kept; give a recording of the person with --voice-reference"
    if len(activity.level) == 0 or float(activity.level.max()) < _SILENT:
        return f"the reference is silent: {keeps}"
    if not activity.speech.any() or activity.signal_to_noise < _LEAST_SIGNAL_TO_NOISE:
        return f"the reference has a steady sound and no speech that stands out of it: {keeps}"
    if activity.seconds < LEAST_SPEECH:
        return f"the reference has {activity.seconds:.1f} s of speech, and {LEAST_SPEECH:.0f} s are needed: {keeps}"
    if steady_tones(sound) > _STEADY_SHARE:
        return f"the reference sounds like music: {keeps}"
    return None


def steady_tones(sound: Waveform) -> float:
    """Share of the loud steps of a 16 kHz waveform whose strongest partials stay in place for 200 ms.

    Speech glides: its harmonics move. Notes stand still.
    """
    size, hop, span = 2048, 320, 10
    if len(sound.samples) < size + hop * (span + 1):
        return 0.0
    frames = np.lib.stride_tricks.sliding_window_view(sound.samples.astype(np.float64), size)[::hop]
    power = np.abs(np.fft.rfft(frames * np.hanning(size), axis=1))[:, 10:400] ** 2
    level = 10 * np.log10(power.sum(axis=1) + 1e-12)
    loud = level > np.percentile(level, 95) - 20
    peaks = (power[:, 1:-1] > power[:, :-2]) & (power[:, 1:-1] >= power[:, 2:])
    peaks &= power[:, 1:-1] > power.max(axis=1, keepdims=True) * 0.05
    steady = np.array([peaks[start : start + span].all(axis=0).any() for start in range(len(peaks) - span)])
    loud = loud[: len(steady)]
    return float(steady[loud].mean()) if loud.any() else 0.0


def second_voice(speech: Waveform) -> bool:
    """Whether somebody else speaks in the second half.

    The halves of one GRID speaker are .86 alike or more, those of two speakers .62, and .78 at most.

    People who speak at once, or in turns shorter than that, go unnoticed.
    """
    half = len(speech.samples) // 2
    if half < LEAST_SPEECH * SAMPLE_RATE:
        return False
    encoder = speaker_encoder()
    first, second = (encoder.embed(Waveform(part, SAMPLE_RATE)) for part in np.split(speech.samples[: 2 * half], 2))
    return similarity(first, second) < _ONE_VOICE


def _clipped(sound: Waveform) -> bool:
    """Whether the peaks are cut flat: runs of four samples within 2 % of the largest."""
    magnitude = np.abs(sound.samples)
    peak = float(magnitude.max())
    at_peak = magnitude > 0.98 * peak
    flat = at_peak[:-3] & at_peak[1:-2] & at_peak[2:-1] & at_peak[3:]
    return peak > 0.5 and float(flat.mean()) > _CLIPPED_SHARE


def _pauses(sound: Waveform, activity: Activity) -> Waveform | None:
    """The recording's pauses, joined: its background noise; None where it has less than a quarter of a second."""
    quiet = ~activity.speech & (activity.level < activity.noise_floor + 6)
    keep = np.repeat(quiet, HOP)[: len(sound.samples)]
    samples = sound.samples[: len(keep)][keep]
    return Waveform(samples, SAMPLE_RATE) if len(samples) >= SAMPLE_RATE // 4 else None


def background_of(recording: Sound) -> list[Waveform | None]:
    """The pauses of each channel of `recording` (any rate), at 16 kHz: what lies under the speech there.

    None for all channels where the recording has less than a quarter of a second of pauses.
    """
    activity = detect_speech(recording.mono(SAMPLE_RATE))
    return [_pauses(recording.channel(k).mono(SAMPLE_RATE), activity) for k in range(len(recording.channels))]
