"""The picture of an edited video: lips in the spans only, faded in and out, looked for around them in long videos."""

import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Int8, UInt8

from synclips.dubbing.edit_sound import EditedSound
from synclips.dubbing.options import DubOptions
from synclips.dubbing.prepared_video import BANK_SECONDS, LoadedModel, SourceVideo, prepare_source
from synclips.media.audio import Waveform
from synclips.media.copied_video import write_excerpt
from synclips.media.timebase import SAMPLE_RATE
from synclips.media.video import probe
from synclips.progress import Progress
from synclips.rendering.multi_line import ScenePlan
from synclips.rendering.renderer import load_model
from synclips.rendering.timeline import Timeline
from synclips.runtime import choose_device
from synclips.speech.transcript import speakers_of
from synclips.tracking.selection import parse_choice

WHOLE: Final = 90.0
"""Seconds of a video up to which faces are looked for from its beginning on; of a longer one around the spans."""
WINDOW: Final = 20.0
"""Seconds on either side of the spans that are looked at in a long video: the person's mouths are taken from there."""
_EXTRA: Final = 3.0
"""Seconds after the last span that are looked at for the face."""


@dataclass(frozen=True)
class PicturePlan:
    """Lips for the spans: a plan of the steps from `first` on, those outside of it stay as they are."""

    plan: ScenePlan
    first: int
    steps: int
    total: int

    def render(self, frame: UInt8[np.ndarray, "h w 3"], step: int) -> UInt8[np.ndarray, "h w 3"]:
        """Frame `step` of the result, made on the source's frame that the timeline names."""
        inside = self.first <= step < self.first + self.steps
        return self.plan.render(frame, step - self.first) if inside else frame

    @property
    def touched(self) -> list[range]:
        """Steps whose pictures change."""
        return [range(steps.start + self.first, steps.stop + self.first) for steps in self.plan.touched]

    def kept(self) -> Int8[np.ndarray, " n"]:
        """Why frames keep the original though a mouth was wanted there."""
        reasons = np.zeros(self.total, np.int8)
        reasons[self.first : self.first + self.steps] = self.plan.kept()
        return reasons


def plan_pictures(
    heard: EditedSound, timeline: Timeline, options: DubOptions, stack: ExitStack, on_progress: Progress
) -> tuple[PicturePlan, list[str]]:
    """The face is looked for around the spans; in a long recording in an excerpt of it."""
    model = LoadedModel(*load_model(options.checkpoint, choose_device(options.device)))
    parsed = parse_choice(_face_of(heard, options))
    source, frames = heard.source, range(len(heard.index.times))
    start, end = max(0.0, heard.planned[0].start - WINDOW), heard.planned[-1].end + WINDOW
    reach: float | None = max(heard.planned[-1].end + _EXTRA, BANK_SECONDS)
    if parsed.kind == "number":
        reach = None
    elif source.info.duration > WHOLE and end - start < 0.7 * source.info.duration:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="synclips-")))
        cut = write_excerpt(source.info, folder / "excerpt.mkv", start, end)
        if cut is not None:
            source, frames, reach = SourceVideo(source.named, probe(folder / "excerpt.mkv")), cut, None
    prepared = prepare_source(source, model, options, reach, on_progress)
    chosen = prepared.choose(parsed, on_progress)
    face = prepared.face(chosen.face, on_progress)
    first, last = (int(k) for k in np.searchsorted(timeline.source, [frames.start, frames.stop]))
    begin = float(timeline.times[first])
    part = Timeline(
        timeline.source[first:last] - frames.start,
        timeline.times[first:last] - begin,
        (float(timeline.times[last]) if last < len(timeline) else timeline.duration) - begin,
    )
    sound = heard.sound.mono(SAMPLE_RATE)
    plan = ScenePlan(part)
    plan.add_along(
        face.renderer,
        [(a - begin, b - begin) for a, b in heard.spans],
        Waveform(np.array(sound.samples[round(begin * SAMPLE_RATE) :]), SAMPLE_RATE),
        face.tracked.cuts,
    )
    return PicturePlan(plan, first, last - first, len(timeline)), [*chosen.notes, *face.notes]


def _face_of(heard: EditedSound, options: DubOptions) -> str:
    words = heard.transcript.words
    numbers = {words[min(plan.change.first, len(words) - 1)].speaker for plan in heard.planned}
    if options.face == "speaker" and len(numbers) == 1 and len(speakers_of(heard.transcript)) > 1:
        [number] = numbers
        return options.face if number is None else str(number)
    return options.face
