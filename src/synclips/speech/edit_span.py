"""Where a recording is cut to change words in it: at pauses, else at the quietest place near a word's edge."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from jaxtyping import Float64

from synclips.media.audio import Waveform
from synclips.media.timebase import SAMPLE_RATE
from synclips.speech.tts.synthesizer import WordTime

STEP: Final = 0.005
"""Seconds between places that are tried."""
_WINDOW: Final = 0.02
"""Seconds over which the level of a place is taken."""
NEXT: Final = 0.05
"""Seconds between a word and a cut in the pause beside it."""
REACH: Final = 0.07
"""Seconds from a word's edge within which a cut is looked for."""
PER_WORD: Final = 7.0
"""Decibels by which a cut must be quieter to be worth one more word that is spoken anew."""
MOST_MORE: Final = 2
"""Words on either side that are spoken anew for a better cut."""
PAUSE_BELOW: Final = 24.0
"""Decibels under the speech (or less than 6 above the noise) at which a place counts as a pause."""
_FAR: Final = 40.0
"""Decibels a second by which a cut loses that lies away from the edge."""


@dataclass(frozen=True)
class Cut:
    """A place to cut: seconds of the recording, level in dB relative to the speech, and whether it is a pause."""

    time: float
    level: float
    pause: bool


@dataclass(frozen=True)
class Span:
    """Words `first` to `last` (exclusive) that are spoken anew, and the cuts around them."""

    first: int
    last: int
    left: Cut
    right: Cut

    @property
    def duration(self) -> float:
        """Seconds of the recording that are replaced."""
        return self.right.time - self.left.time


class Cutter:
    """Finds cuts in a recording (16 kHz) whose words' times are known."""

    def __init__(self, recording: Waveform, words: Sequence[WordTime]) -> None:
        self.words = words
        self._end = recording.duration
        self._level = _levels(recording)
        loud = self._level[self._level > -90]
        self.floor = float(np.percentile(self._level, 5)) if len(self._level) else -100.0
        self.speech = float(np.percentile(loud, 90)) if len(loud) else -100.0

    def edge(self, before: int, *, near: int | None = None) -> Cut:
        """The best cut before word number `before`; beyond the last word: after it.

        `near`: the word that a pause is cut next to, so that the rest of it stays.
        """
        if before == 0:
            end = self.words[0].start
            low, high = max(0.0, end - 0.3), min(end + REACH / 2, self._middle(0))
            nominal = end - 0.04
        elif before == len(self.words):
            begin = self.words[-1].end
            low, high = max(begin - REACH / 2, self._middle(-1)), min(self._end, begin + 0.3)
            nominal = begin + 0.04
        else:
            left, right = self.words[before - 1].end, self.words[before].start
            low = max(min(left, right) - REACH, self._middle(before - 1))
            high = min(max(left, right) + REACH, self._middle(before))
            nominal = (left + right) / 2
            if near is not None and right - left > 2 * NEXT:
                nominal = left + NEXT if near < before else right - NEXT
        places = np.arange(round(low / STEP), max(round(low / STEP) + 1, round(high / STEP) + 1))
        places = places[(places >= 0) & (places < len(self._level))]
        if not len(places):
            return Cut(min(max(nominal, 0.0), self._end), 0.0, False)
        score = self._level[places] + _FAR * np.abs(places * STEP - nominal)
        best = int(places[int(np.argmin(score))])
        level = float(self._level[best])
        pause = level < max(self.speech - PAUSE_BELOW, self.floor + 6)
        return Cut(best * STEP, level - self.speech, pause)

    def span(self, first: int, last: int, *, low: int = 0, high: int | None = None) -> Span:
        """Words `first` to `last` with cuts, and up to two more words on either side where that cuts better.

        `low`, `high`: words beyond which nothing is spoken anew.
        """
        high = len(self.words) if high is None else high
        lefts = [(k, self.edge(k, near=k)) for k in range(first, max(low, first - MOST_MORE) - 1, -1)]
        rights = [(k, self.edge(k, near=k - 1)) for k in range(last, min(high, last + MOST_MORE) + 1)]
        a, left = min(lefts, key=lambda item: _cost(item[1]) + PER_WORD * (first - item[0]))
        b, right = min(rights, key=lambda item: _cost(item[1]) + PER_WORD * (item[0] - last))
        if right.time <= left.time:  # nothing lies between: one cut for both
            middle = (left.time + right.time) / 2
            left, right = replace(left, time=middle), replace(right, time=middle)
        return Span(a, b, left, right)

    def wider(self, span: Span, *, low: int = 0, high: int | None = None) -> Span | None:
        """The span with one more word, on the side that cuts better; None where there is none."""
        high = len(self.words) if high is None else high
        more = []
        if span.first > low:
            more.append(replace(span, first=span.first - 1, left=self.edge(span.first - 1, near=span.first - 1)))
        if span.last < high:
            more.append(replace(span, last=span.last + 1, right=self.edge(span.last + 1, near=span.last)))
        return min(more, key=lambda s: _cost(s.left) + _cost(s.right)) if more else None

    def _middle(self, number: int) -> float:
        word = self.words[number]
        return (word.start + word.end) / 2


def _cost(cut: Cut) -> float:
    """Pauses are alike; elsewhere the louder the worse."""
    return -PAUSE_BELOW if cut.pause else max(cut.level, -PAUSE_BELOW)


def _levels(recording: Waveform) -> Float64[np.ndarray, " n"]:
    """Level in dB of full scale around every place, `STEP` apart."""
    window, step = round(_WINDOW * SAMPLE_RATE), round(STEP * SAMPLE_RATE)
    squares = np.pad(recording.samples.astype(np.float64) ** 2, (window // 2, window))
    sums = np.concatenate([[0.0], np.cumsum(squares)])
    starts = np.arange(0, max(1, len(recording.samples)), step)
    return 10 * np.log10(np.maximum((sums[starts + window] - sums[starts]) / window, 1e-10))
