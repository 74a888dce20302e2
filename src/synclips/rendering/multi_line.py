"""Several lines in one video: a mouth is generated only during its face's lines, with a fade on either side."""

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float32, Int8, Int64, UInt8

from synclips.media.audio import Waveform
from synclips.media.timebase import SAMPLE_RATE
from synclips.rendering.chunked import BlockPlan
from synclips.rendering.frame_part import FrameJob, joined
from synclips.rendering.renderer import Renderer
from synclips.rendering.timeline import Timeline
from synclips.rendering.visibility import FADE, fade

AROUND: Final = FADE + 1
"""Frames before and after a line in which its face fades."""
CONTEXT_SECONDS: Final = 1.0
"""Sound before and after a passage that the motion model hears, too."""


@dataclass(frozen=True)
class _Passage:
    """One or more parts of a face: the steps that they touch, those of them in which nothing fades, and the plan."""

    steps: range
    whole: Bool[np.ndarray, " k"]
    plan: BlockPlan


@dataclass(frozen=True)
class Part:
    """What one face says: from `start` to `end` (seconds); `speech` (16 kHz) begins at `start`."""

    start: float
    end: float
    speech: Waveform


class ScenePlan:
    """Frames along `timeline`; every face's lines are added to it."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._passages: list[_Passage] = []

    def add(self, renderer: Renderer, parts: list[Part], cuts: Int64[np.ndarray, " k"]) -> None:
        """A face's lines; a copy of its renderer shows them only around them."""
        self._add(renderer, parts, cuts, lambda shown, steps, said: self._plan(shown, steps, said))

    def add_along(
        self, renderer: Renderer, spans: list[tuple[float, float]], sound: Waveform, cuts: Int64[np.ndarray, " k"]
    ) -> None:
        """A face whose mouth is made in `spans` (seconds) only, and fades around them; `sound` (16 kHz) is all that is
        heard along the timeline."""
        none = Waveform(np.zeros(0, np.float32), SAMPLE_RATE)
        parts = [Part(start, end, none) for start, end in spans]
        self._add(renderer, parts, cuts, lambda shown, steps, _: self._plan_along(shown, steps, sound))

    @property
    def touched(self) -> list[range]:
        """The steps of each passage, those in which it fades among them."""
        return [passage.steps for passage in self._passages]

    def _add(
        self,
        renderer: Renderer,
        parts: list[Part],
        cuts: Int64[np.ndarray, " k"],
        plan: Callable[[Renderer, range, list[Part]], BlockPlan],
    ) -> None:
        passages = self._merged(parts)
        within = np.zeros(len(renderer.visibility), np.float32)
        for steps, _ in passages:
            within[self._timeline.source[steps.start + 1 : max(steps.start + 1, steps.stop - 1)]] = 1
            if steps.start == 0:
                within[self._timeline.source[0]] = 1
            if steps.stop == len(self._timeline):
                within[self._timeline.source[-1]] = 1
        within = fade(within, cuts)
        renderer = copy(renderer)
        renderer.visibility = np.minimum(renderer.visibility, within)
        for steps, said in passages:
            whole = within[self._timeline.source[steps.start : steps.stop]] == 1
            self._passages.append(_Passage(steps, whole, plan(renderer, steps, said)))

    def add_throughout(self, renderer: Renderer, parts: list[Part]) -> None:
        """A face whose mouth is made in every frame, and rests between its lines."""
        steps = range(len(self._timeline))
        self._passages.append(_Passage(steps, np.ones(len(steps), bool), self._plan(renderer, steps, parts)))

    def visibility(self) -> Float32[np.ndarray, " n"]:
        """For each frame made so far, how far the mouth could be made there; 1 where none was wanted."""
        visibility = np.ones(len(self._timeline), np.float32)
        for passage in self._passages:
            place = slice(passage.steps.start, passage.steps.stop)
            visibility[place] = np.minimum(visibility[place], np.where(passage.whole, passage.plan.visibility, 1))
        return visibility

    def kept(self) -> Int8[np.ndarray, " n"]:
        """For each frame made so far why it keeps the original though a mouth was wanted there (`Kept`)."""
        kept = np.zeros(len(self._timeline), np.int8)
        for passage in self._passages:
            place = slice(passage.steps.start, passage.steps.stop)
            kept[place] = np.where(passage.whole & (kept[place] == 0), passage.plan.kept, kept[place])
        return kept

    def job(self, step: int) -> FrameJob | None:
        """What makes output frame `step` of the source's frame that the timeline names: see `BlockPlan.job`."""
        return joined(
            [passage.plan.job(step - passage.steps.start) for passage in self._passages if step in passage.steps]
        )

    def render(self, frame: UInt8[np.ndarray, "h w 3"], step: int) -> UInt8[np.ndarray, "h w 3"]:
        """Output frame `step`, made on `frame`, which is the source frame that the timeline names."""
        job = self.job(step)
        return frame if job is None else job.frame(frame)

    def close(self) -> None:
        """Plan nothing further."""
        for passage in self._passages:
            passage.plan.close()

    def _merged(self, parts: list[Part]) -> list[tuple[range, list[Part]]]:
        """The parts whose fading meets, together, with the steps that they touch."""
        merged: list[tuple[range, list[Part]]] = []
        for part in sorted(parts, key=lambda part: part.start):
            first, last = np.searchsorted(self._timeline.times, [part.start, part.end])
            steps = range(max(0, int(first) - AROUND), min(len(self._timeline), int(last) + AROUND))
            if merged and steps.start <= merged[-1][0].stop:
                before, said = merged.pop()
                merged.append((range(before.start, max(before.stop, steps.stop)), [*said, part]))
            else:
                merged.append((steps, [part]))
        return merged

    def _plan(self, renderer: Renderer, steps: range, parts: list[Part]) -> BlockPlan:
        begin = float(self._timeline.times[steps.start]) if steps.start else 0.0
        ends = self._timeline.times[steps.stop] if steps.stop < len(self._timeline) else self._timeline.duration
        places = slice(steps.start, steps.stop)
        timeline = Timeline(self._timeline.source[places], self._timeline.times[places] - begin, float(ends) - begin)
        said = Waveform(_joined(parts, begin, timeline.duration), SAMPLE_RATE)
        return BlockPlan(renderer, said, timeline, ahead=True)

    def _plan_along(self, renderer: Renderer, steps: range, sound: Waveform) -> BlockPlan:
        begin = float(self._timeline.times[steps.start]) if steps.start else 0.0
        ends = self._timeline.times[steps.stop] if steps.stop < len(self._timeline) else self._timeline.duration
        lead = min(CONTEXT_SECONDS, begin)
        places = slice(steps.start, steps.stop)
        heard = sound.samples[
            round((begin - lead) * SAMPLE_RATE) : round((float(ends) + CONTEXT_SECONDS) * SAMPLE_RATE)
        ]
        times = self._timeline.times[places] - begin + lead
        timeline = Timeline(self._timeline.source[places], times, float(ends) - begin + lead)
        return BlockPlan(renderer, Waveform(np.array(heard), SAMPLE_RATE), timeline)


def _joined(parts: list[Part], begin: float, duration: float) -> Float32[np.ndarray, " n"]:
    """The parts in their places, silence between them."""
    samples = np.zeros(round(duration * SAMPLE_RATE), np.float32)
    for part in parts:
        at = max(0, round((part.start - begin) * SAMPLE_RATE))
        said = part.speech.samples[: max(0, len(samples) - at)]
        samples[at : at + len(said)] += said
    return samples
