"""The lines of a script in their slots: spoken, fitted in time, and laid over the sound that was there."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float32

from synclips.media.audio import Sound, Waveform
from synclips.media.channels import speech_gains
from synclips.media.timebase import SAMPLE_RATE
from synclips.speech.loudness import limited, with_background
from synclips.speech.script import ScriptLine
from synclips.speech.time_stretch import FASTEST, at_speed
from synclips.speech.tts.synthesizer import Speech

UNHURRIED, HURRIED = 0.9, 1.25
"""Speeds between which nobody hears that a line was fitted."""
PAUSE: Final = 0.15
"""Seconds that are left free before the next line when one runs over."""
EDGE: Final = 0.04
"""Seconds over which the original sound gives way to a line and comes back."""
_SAME_NOISE: Final = 0.7
"""Correlation from which two channels carry the same noise."""


@dataclass(frozen=True)
class FittedLine:
    """A line as it will be heard from `line.start` on: 16 kHz, without background; `end`: when its slot is over."""

    line: ScriptLine
    speech: Speech
    speed: float
    end: float
    note: str = ""


def fit_line(line: ScriptLine, speech: Speech, until: float) -> FittedLine | None:
    """`speech` at the pace that fills the slot of `line`, as far as nobody hears it.

    What then still does not fit runs over into the pause that follows, up to `until` seconds (of the video); where that
    is too short, too, it is spoken faster. None where even twice as fast is not fast enough.
    """
    natural, slot = speech.waveform.duration, line.end - line.start
    room = max(slot, until - line.start)
    speed = min(max(natural / slot, UNHURRIED), HURRIED)
    if natural / speed > room:
        speed = natural / room
    if speed > FASTEST:
        return None
    paced = speech if abs(speed - 1) < 0.01 else at_speed(speech, speed)
    end = line.start + paced.waveform.duration
    notes = []
    if speed > HURRIED:
        notes.append(f"is spoken {speed:.2f} times as fast as usual")
    if end > line.end + EDGE:
        notes.append(f"runs over its slot by {end - line.end:.1f} s")
    note = f"line {line.number} {' and '.join(notes)}" if notes else ""
    return FittedLine(line, paced, speed, max(line.end, end), note)


def free_until(line: ScriptLine, lines: tuple[ScriptLine, ...], end: float) -> float:
    """Until when a line may run over: shortly before the next one by anybody, or the video's end."""
    later = [other.start - PAUSE for other in lines if other.start >= line.end]
    return min([*later, end])


def lay_over(original: Sound, lines: list[FittedLine], noises: Sequence[Waveform | None] | None) -> Sound:
    """The original sound, but in the slots the lines, over the background of each channel.

    The lines are heard in the centre, or in front where there is no centre channel (see `speech_gains`).

    The samples of `original` are changed in place: a long recording lies in a file, and is not copied.

    Args:
        noises: for each channel the recording's own pauses (16 kHz); None: nothing lies under the lines.
    """
    rate = original.sample_rate
    last = max(line.end for line in lines) + EDGE
    if original.duration < last:
        original = original.padded(round(last * rate))
    noises = noises or [None] * len(original.channels)
    gains, seeds = speech_gains(original.channels), _noise_seeds(noises)
    for begin, end, those in _stretches(lines):
        first = round(max(0.0, begin - EDGE) * SAMPLE_RATE)
        said = np.zeros(round((end + EDGE) * SAMPLE_RATE) - first, np.float32)
        for fitted in those:
            samples = fitted.speech.waveform.samples
            at = round(fitted.line.start * SAMPLE_RATE) - first
            said[at : at + len(samples)] += samples[: len(said) - at]
        at = round(first * rate / SAMPLE_RATE)
        for channel, gain, noise, seed in zip(original.samples, gains, noises, seeds, strict=True):
            heard = limited(Waveform(said * gain, SAMPLE_RATE))
            if noise is not None:
                heard = with_background(heard, noise, seed)
            heard = heard.resampled(rate)
            under = channel[at : at + len(heard.samples)]
            weight = _weight(len(under), round(EDGE * rate), opened=begin > EDGE)
            under[:] = under * (1 - weight) + heard.samples[: len(under)] * weight
    return original


def _noise_seeds(noises: Sequence[Waveform | None]) -> list[int]:
    """Equal numbers for channels that carry the same noise, so that it is made the same again."""
    seeds: list[int] = []
    for index, noise in enumerate(noises):
        same = [seed for seed, other in zip(seeds, noises, strict=False) if _alike(other, noise)]
        seeds.append(same[0] if same else index)
    return seeds


def _alike(one: Waveform | None, other: Waveform | None) -> bool:
    if one is None or other is None:
        return False
    first, second = (wave.samples.astype(np.float64) for wave in (one, other))
    return abs(float(first @ second)) > _SAME_NOISE * float(np.sqrt((first @ first) * (second @ second)))


def _stretches(lines: list[FittedLine]) -> Iterator[tuple[float, float, list[FittedLine]]]:
    """Beginning and end of each time that is filled without a pause, and the lines in it."""
    those: list[FittedLine] = []
    for fitted in sorted(lines, key=lambda fitted: fitted.line.start):
        if those and fitted.line.start > max(one.end for one in those) + 2 * EDGE:
            yield those[0].line.start, max(one.end for one in those), those
            those = []
        those.append(fitted)
    yield those[0].line.start, max(one.end for one in those), those


def _weight(count: int, edge: int, *, opened: bool) -> Float32[np.ndarray, " n"]:
    """1, rising from 0 at the beginning (unless that is the video's) and falling to 0 at the end."""
    weight = np.ones(count, np.float32)
    ramp = np.linspace(0, 1, min(edge, count // 2), endpoint=False, dtype=np.float32)
    if opened:
        weight[: len(ramp)] = ramp
    weight[count - len(ramp) :] = np.minimum(weight[count - len(ramp) :], ramp[::-1])
    return weight
