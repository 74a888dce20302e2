"""The stages of a dub's frames, each in threads of its own: decoding, rendering by several workers, encoding.

Between the stages a few frames wait at most, so memory does not grow with the length. Frames leave in order, and what
they show depends on no thread: a job is settled (`DubPlan.job`) before workers take it, in the order of the frames.
"""

from collections.abc import Generator
from contextlib import ExitStack, closing

from synclips.dubbing.line_plan import DubPlan
from synclips.media.conversions import Conversions
from synclips.media.frame_index import pictures_in_order
from synclips.media.overlay import Label
from synclips.media.picture import Picture, Shown
from synclips.media.read_ahead import read_ahead, worked_on
from synclips.media.video import VideoInfo
from synclips.rendering.frame_part import FrameJob
from synclips.runtime import frame_workers


def rendered(
    info: VideoInfo, plan: DubPlan, first: int, conversions: Conversions, label: Label | None = None
) -> Generator[Shown, None, None]:
    """Output frames of the plan from number `first` on, in order. Close it to stop its threads before its end.

    `conversions` counts what is done to the frames that are read; `label`: words drawn on each.
    """

    def make(task: tuple[Picture, FrameJob | None]) -> Shown:
        frame, job = task
        made = frame if job is None else job.picture(frame)
        return made if label is None else label.draw(made.image)

    order = plan.timeline.source[first:].tolist()
    with ExitStack() as stack:
        stack.callback(plan.close)
        frames = stack.enter_context(closing(read_ahead(pictures_in_order(info.path, order, conversions=conversions))))
        tasks = ((frame, plan.job(step)) for step, frame in enumerate(frames, first))
        yield from stack.enter_context(closing(worked_on(tasks, make, frame_workers())))
