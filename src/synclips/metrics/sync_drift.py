"""Drift of the sound against the lips along a video: sync in overlapping windows, and the likeliest path of offsets."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Int64

from synclips.media.timebase import FPS
from synclips.metrics.sync import CONFIDENT, FEWEST, HALF, REACH, sync_figures

WINDOW, STEP = 3 * FPS, FPS // 2
"""Frames over which sync is measured at a time, and from one such time to the next."""
DRIFT = 1
"""Largest offset, in frames, that is not a drift."""
CHANGE = 0.3
"""Cost of a change of offset, in similarity summed over windows."""


@dataclass(frozen=True)
class SyncWindow:
    """Sync around one moment: the AV offset (frames, positive: the sound lags) and the confidence in it."""

    seconds: float
    offset: int
    confidence: float

    @property
    def sure(self) -> bool:
        """The offset is reliable."""
        return self.confidence >= CONFIDENT


@dataclass(frozen=True)
class SyncDrift:
    """From `seconds` on (up to the next one) the sound is `frames` off; positive: late; 0: on time again."""

    seconds: float
    frames: int


def sync_windows(
    video: Float32[np.ndarray, "n d"], audio: Float32[np.ndarray, "n d"], usable: Bool[np.ndarray, " n"]
) -> tuple[SyncWindow, ...]:
    """Offset and confidence of `WINDOW` frames at every `STEP`, where there are enough `usable` ones.

    The offsets are one path through all windows, which changes only where that gains `CHANGE`: a chance similarity of
    one window does not count as a drift.
    """
    found = list(_curves(video, audio, usable))
    if not found:
        return ()
    curves = np.stack([curve for _, curve in found])
    path = likeliest_path(np.where(np.isnan(curves), -1, curves))
    at = curves[np.arange(len(path)), path]
    confidence = np.nan_to_num(at - np.nanmedian(curves, axis=1))
    return tuple(
        SyncWindow(middle / FPS, int(k) - REACH, float(sure))
        for (middle, _), k, sure in zip(found, path, confidence, strict=True)
    )


def likeliest_path(gain: Float32[np.ndarray, "w k"]) -> Int64[np.ndarray, " w"]:
    """The column for each row that makes the sum largest, each change of column costing `CHANGE` (Viterbi)."""
    total, back = gain[0], []
    for row in gain[1:]:
        best = int(total.argmax())
        stays = total >= total[best] - CHANGE
        back.append(np.where(stays, np.arange(len(total)), best))
        total = np.where(stays, total, total[best] - CHANGE) + row
    path = [int(total.argmax())]
    for before in reversed(back):
        path.append(int(before[path[-1]]))
    return np.array(path[::-1])


def find_drifts(windows: tuple[SyncWindow, ...]) -> tuple[SyncDrift, ...]:
    """The moments at which the sound begins to be off, off by another amount, or on time again (`frames` is 0), as far
    as the windows are sure."""
    drifts: list[SyncDrift] = []
    before = 0
    for window in windows:
        off = window.offset if abs(window.offset) > DRIFT else 0
        if window.sure and off != before:
            drifts.append(SyncDrift(round(window.seconds, 2), off))
            before = off
    return tuple(drifts)


def _curves(
    video: Float32[np.ndarray, "n d"], audio: Float32[np.ndarray, "n d"], usable: Bool[np.ndarray, " n"]
) -> Iterator[tuple[int, Float32[np.ndarray, " k"]]]:
    """The middle frame of each window, and its similarity at every offset."""
    for start in range(0, max(1, len(video) - WINDOW + 1), STEP):
        part = slice(start, min(start + WINDOW, len(video)))
        if usable[part].sum() < FEWEST + 2 * HALF:
            continue
        try:
            found = sync_figures(video[part], audio[part], usable=usable[part])
        except ValueError:
            continue
        yield (part.start + part.stop) // 2, found.similarities
