"""The stages of a dub's frames, each in threads of its own: decoding, rendering by several workers, encoding.

Between the stages a few frames wait at most, so memory does not grow with the length. Frames leave in order, and what
they show depends on no thread: a job is settled (`DubPlan.job`) before workers take it, in the order of the frames.
"""

from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import Final

import torch

from synclips.dubbing.line_plan import DubPlan
from synclips.media.conversions import Conversions
from synclips.media.frame_index import pictures_in_order
from synclips.media.overlay import Label
from synclips.media.picture import Picture, Shown
from synclips.media.read_ahead import read_ahead
from synclips.media.video import VideoInfo
from synclips.rendering.frame_part import FrameJob
from synclips.runtime import available_cores

MOST_WORKERS: Final = 8
WAITING: Final = 2
"""Frames that are rendered or wait for it, beyond one a worker."""


def rendered(
    info: VideoInfo, plan: DubPlan, first: int, conversions: Conversions, label: Label | None = None
) -> Generator[Shown, None, None]:
    """Output frames of the plan from number `first` on, in order. Close it to stop its threads before its end.

    `conversions` counts what is done to the frames that are read; `label`: words drawn on each.
    """
    workers = min(MOST_WORKERS, available_cores())
    order = plan.timeline.source[first:].tolist()
    frames = read_ahead(pictures_in_order(info.path, order, conversions=conversions))
    waiting: deque[Future[Shown]] = deque()
    pool = ThreadPoolExecutor(workers, "render", initializer=torch.set_num_threads, initargs=(1,))
    with closing(frames):
        try:
            for step, frame in enumerate(frames, first):
                waiting.append(pool.submit(_make, frame, plan.job(step), label))
                if len(waiting) >= workers + WAITING:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)
            plan.close()


def _make(frame: Picture, job: FrameJob | None, label: Label | None) -> Shown:
    made = frame if job is None else job.picture(frame)
    return made if label is None else label.draw(made.image)
