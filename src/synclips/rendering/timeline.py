"""Which frame of the source stands at which time of the result, when speech and video are not equally long."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float64, Int64

SyncMode = Literal["cut_off", "loop", "bounce", "silence", "remap"]
SYNC_MODES: tuple[SyncMode, ...] = get_args(SyncMode)
"""As the sync. API defines them: stop at the shorter; restart the video; play it forward and back; keep the whole video
and pad the sound; stretch the video to the sound."""
_EPSILON = 1e-6


@dataclass(frozen=True)
class Timeline:
    """For each output frame its source frame and its time in seconds."""

    source: Int64[np.ndarray, " n"]
    times: Float64[np.ndarray, " n"]
    duration: float

    def __len__(self) -> int:
        return len(self.source)


def plan_timeline(
    times: Float64[np.ndarray, " n"],
    duration: float,
    speech: float,
    mode: SyncMode | None,
    *,
    keep_length: bool = False,
) -> Timeline:
    """Lay the source frames (at `times`, `duration` seconds in all) under `speech` seconds of sound.

    Without a mode the result ends with the speech, or keeps the video's length if asked to; where the speech is the
    longer, the video bounces. Frames keep the time between them, however uneven, also where they run back or start
    again; only `remap` gives them new times, at the video's mean rate.
    """
    if mode == "cut_off":
        return _until(times, np.arange(len(times)), min(speech, duration))
    if mode == "silence":
        return _until(times, np.arange(len(times)), duration)
    if mode == "remap":
        step = duration / len(times)
        even = np.arange(np.ceil(speech / step)) * step
        shown = np.searchsorted(times, (even + step / 2) * (duration / speech), side="right") - 1
        return _until(even, np.clip(shown, 0, len(times) - 1), speech)
    if speech <= duration + _EPSILON:
        return _until(times, np.arange(len(times)), duration if keep_length else min(speech, duration))
    if mode == "loop" or len(times) == 1:
        return _repeated(times, np.arange(len(times)), duration, speech)
    back = np.arange(len(times) - 2, 0, -1)
    there_and_back = np.concatenate([times, 2 * times[-1] - times[back]])
    return _repeated(there_and_back, np.concatenate([np.arange(len(times)), back]), 2 * float(times[-1]), speech)


def _repeated(times: Float64[np.ndarray, " n"], source: Int64[np.ndarray, " n"], period: float, end: float) -> Timeline:
    """The frames `source` at `times`, again every `period` seconds, up to `end` seconds."""
    rounds = int(np.ceil(end / period))
    starts = np.repeat(np.arange(rounds) * period, len(times))
    return _until(np.tile(times, rounds) + starts, np.tile(source, rounds), end)


def _until(times: Float64[np.ndarray, " n"], source: Int64[np.ndarray, " n"], end: float) -> Timeline:
    count = max(1, int(np.searchsorted(times, end - _EPSILON)))
    return Timeline(source[:count], times[:count], end)
