"""Which frame of the source stands at which time of the result, when speech and video are not equally long."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float64, Int64

SyncMode = Literal["cut_off", "loop", "bounce", "silence", "remap"]
SYNC_MODES: tuple[SyncMode, ...] = get_args(SyncMode)
"""As the sync. API defines them: stop at the shorter; restart the video; play it forward and back; keep the whole video
and pad the sound; stretch the video to the sound."""


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
    longer, the video bounces. Frames that run forward keep their own times; others come at the mean rate.
    """
    if mode == "cut_off":
        return _forward(times, duration, min(speech, duration))
    if mode == "silence":
        return _forward(times, duration, duration)
    if mode == "remap":
        count = max(1, round(speech * len(times) / duration))
        at = (np.arange(count) + 0.5) / count * duration
        source = np.clip(np.searchsorted(times, at, side="right") - 1, 0, len(times) - 1)
        return Timeline(source, np.arange(count) * (speech / count), speech)
    if speech <= duration:
        return _forward(times, duration, duration if keep_length else speech)
    rate = len(times) / duration
    count = max(1, round(speech * rate))
    if mode == "loop" or len(times) == 1:
        source = np.arange(count) % len(times)
    else:
        turn = np.concatenate([np.arange(len(times)), np.arange(len(times) - 2, 0, -1)])
        source = turn[np.arange(count) % len(turn)]
    return Timeline(source, np.arange(count) / rate, speech)


def _forward(times: Float64[np.ndarray, " n"], duration: float, end: float) -> Timeline:
    count = max(1, int(np.searchsorted(times, end - 1e-6)))
    return Timeline(np.arange(count), times[:count], min(end, duration))
