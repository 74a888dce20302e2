"""The progress of a whole job, in one number and a time that is left, from the stages that `on_progress` names."""

import time
from collections.abc import Callable
from typing import Final

WEIGHTS: Final = {
    "fetch": 0.03,
    "find the face": 0.30,
    "find who speaks": 0.05,
    "speak": 0.05,
    "speak the script": 0.10,
    "listen": 0.30,
    "learn the voice": 0.05,
    "speak the new words": 0.10,
    "convert the voice": 0.07,
    "render": 0.45,
    "measure": 0.10,
}
"""Share of a dub's time that each stage usually takes; they begin in this order."""
_SETTLED: Final = 3.0
"""Seconds of a stage after which its speed says how long it will take."""


class JobProgress:
    """How far a job is. `now`: the clock, in seconds."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self.stage, self.progress = "", 0.0
        self._done, self._total = 0, 0
        self._begun = self._stage_begun = now()
        self._first = 0

    def update(self, stage: str, done: int, total: int) -> None:
        """Take what `on_progress` is told. The progress never falls."""
        if stage != self.stage:
            self.stage, self._stage_begun, self._first = stage, self._now(), done
        self._done, self._total = done, total
        names = list(WEIGHTS)
        if stage in WEIGHTS:
            before = sum(WEIGHTS[name] for name in names[: names.index(stage)])
            share = min(done / total, 1.0) if total else 0.0
            self.progress = max(self.progress, min((before + WEIGHTS[stage] * share) / sum(WEIGHTS.values()), 0.99))

    @property
    def eta(self) -> float | None:
        """Seconds until the job is done; None while that cannot be told."""
        spent, made = self._now() - self._stage_begun, self._done - self._first
        if spent < _SETTLED or made <= 0 or not self._total or self.stage not in WEIGHTS:
            return None
        left = (self._total - self._done) * spent / made
        names = list(WEIGHTS)
        after = sum(WEIGHTS[name] for name in names[names.index(self.stage) + 1 :])
        return round(left + after / WEIGHTS[self.stage] * spent * self._total / made, 1) if made else None
