"""Where a long video is cut: a stretch that shows one face becomes clips of 2 to 10 seconds, cut in pauses."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float64

from synclips.media.timebase import FPS, HOP, SAMPLE_RATE
from synclips.speech.vad import Activity

STEPS: Final = SAMPLE_RATE // HOP // FPS
"""Steps of speech activity a frame."""


@dataclass(frozen=True)
class CutSettings:
    """Lengths in frames (25 a second).

    shortest, longest:  of a clip
    silence:     a pause from this length on ends a clip, however short that is
    margin:      of a pause that stays before and after the speech
    """

    shortest: int = 50
    longest: int = 250
    silence: int = 38
    margin: int = 6


def runs_of(shown: Bool[np.ndarray, " n"]) -> list[tuple[int, int]]:
    """First and last + 1 of each run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], shown.astype(np.int8), [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def speech_frames(activity: Activity, frames: int) -> Bool[np.ndarray, " n"]:
    """For each frame whether somebody speaks in the larger part of it."""
    speech = np.zeros(frames * STEPS, bool)
    count = min(len(speech), len(activity.speech))
    speech[:count] = activity.speech[:count]
    return speech.reshape(frames, STEPS).mean(axis=1) >= 0.5


def cut_at_pauses(
    start: int,
    stop: int,
    speaking: Bool[np.ndarray, " n"],
    level: Float64[np.ndarray, " n"],
    settings: CutSettings,
) -> Iterator[tuple[int, int]]:
    """Frames [start, stop) cut into clips, in order; what is shorter than `shortest` is left out.

    Long pauses are cut away; what is still too long is halved in its longest pause, or where there is none in its
    quietest frame, never so that a part becomes too short.

    speaking, level:  of each frame of the video: whether somebody speaks, and its loudness in dB
    """
    free = start
    for first, last in _spoken(start, stop, speaking, settings):
        if last - first < settings.shortest:  # a short sentence keeps more of the pauses around it
            first = max(free, min(first - (settings.shortest - last + first) // 2, stop - settings.shortest))
            last = min(stop, max(last, first + settings.shortest))
        yield from _halved(first, last, speaking, level, settings)
        free = last


def _spoken(start: int, stop: int, speaking: np.ndarray, settings: CutSettings) -> Iterator[tuple[int, int]]:
    """Stretches without long pauses."""
    begin, end = -1, -1
    for first, last in runs_of(speaking[start:stop]):
        first, last = first + start, last + start
        if begin >= 0 and first - end >= settings.silence:
            yield max(start, begin - settings.margin), min(stop, end + settings.margin)
            begin = -1
        begin, end = (first if begin < 0 else begin), last
    if begin >= 0:
        yield max(start, begin - settings.margin), min(stop, end + settings.margin)


def _halved(
    first: int, last: int, speaking: np.ndarray, level: np.ndarray, settings: CutSettings
) -> Iterator[tuple[int, int]]:
    if last - first < settings.shortest:
        return
    if last - first <= settings.longest:
        yield first, last
        return
    low, high = first + settings.shortest, last - settings.shortest
    pauses = [(b - a, (a + b) // 2 + low) for a, b in runs_of(~speaking[low:high])]
    middle = (first + last) // 2
    if pauses:
        longest = max(length for length, _ in pauses)
        at = min((place for length, place in pauses if 2 * length >= longest), key=lambda place: abs(place - middle))
    else:
        at = low + int(np.argmin(level[low:high]))
    yield from _halved(first, at, speaking, level, settings)
    yield from _halved(at, last, speaking, level, settings)
