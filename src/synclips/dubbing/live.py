"""A prepared face that says a sound while it is still being heard: chunks of speech in, frames out.

Every frame is made on a frame of the person's own video, which runs forwards and back, so the person moves, breathes
and blinks; where nothing is said the mouth rests. What is shown at a moment depends on the sound up to `DELAY` seconds
after it and on nothing else: neither on how the sound is cut into chunks nor on threads.
"""

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from types import TracebackType
from typing import Final

import numpy as np
from jaxtyping import Float32, Float64, Int64, UInt8

from synclips.dubbing.live_hearing import LiveHearing
from synclips.dubbing.prepared_video import PreparedVideo
from synclips.errors import InputError
from synclips.media.frame_index import pictures_in_order
from synclips.media.picture import Picture
from synclips.media.read_ahead import read_ahead
from synclips.media.timebase import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME
from synclips.progress import Progress, silent
from synclips.rendering.frame_part import FrameJob
from synclips.rendering.lip_sync import LipSync, Plan
from synclips.runtime import frame_workers

TOGETHER: Final = 2
"""Frames that are made at once."""
LOOK_AHEAD: Final = 3
"""Frames of sound beyond these that they are made with."""
PAST: Final = 40
"""Frames of sound before these that the motion model hears: more than its attention reaches."""
DELAY: Final = (TOGETHER + LOOK_AHEAD) / FPS
"""Seconds of sound after the beginning of a frame that are needed before it is made, at most."""


@dataclass(frozen=True)
class LiveFrame:
    """Frame `number` from 0 on, shown `time` seconds after the sound's beginning; RGB."""

    number: int
    time: float
    image: UInt8[np.ndarray, "h w 3"]


class LiveFace:
    """One person, ready to say anything at 25 frames a second. Use it in a `with` statement.

    Args:
        video: prepared with the options to use; all of its frames that were looked at are shown in turn.

    Raises:
        NoFaceError: the video does not show the face that the options mean.
        InputError: the model is a preset that cannot run live.
    """

    def __init__(self, video: PreparedVideo, on_progress: Progress = silent) -> None:
        chosen = video.choose(video.options.face_choice, on_progress)
        face = video.face(chosen.face, on_progress)
        if not isinstance(face.renderer, LipSync):
            raise InputError("a model of the preset blueprint cannot run live; give one of base")
        self.width, self.height = video.source.info.width, video.source.info.height
        self._renderer, self._path = face.renderer, video.source.info.path
        self._shown = _at_rate(face.tracked.times)
        self._occluders = self._renderer.look_for_occluders(np.unique(self._shown))
        reference = video.source.voice_reference(video.options)
        self._hearing = LiveHearing(None if reference is None else reference.mono(SAMPLE_RATE))
        self._mouths: Int64[np.ndarray, " k"] | None = None
        self._done = 0
        self._stack = ExitStack()

    def __enter__(self) -> "LiveFace":
        self._pool = self._stack.enter_context(ThreadPoolExecutor(frame_workers(), "live"))
        order = _there_and_back(self._shown)
        self._order = _there_and_back(self._shown)
        self._pictures = self._stack.enter_context(closing(read_ahead(pictures_in_order(self._path, order))))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def hear(self, samples: Float32[np.ndarray, " n"]) -> Iterator[LiveFrame]:
        """Take the next samples, at 16 kHz in [-1, 1]; the frames that are ready then. Exhaust it before the next call.

        Raises:
            MediaError: the video cannot be read any more.
        """
        self._hearing.add(samples)
        while (self._done + TOGETHER + LOOK_AHEAD) * SAMPLES_PER_FRAME <= self._hearing.heard:
            yield from self._make()

    def finish(self) -> Iterator[LiveFrame]:
        """The frames of what has been heard last; silence follows it."""
        wanted = -(-self._hearing.heard // SAMPLES_PER_FRAME)
        silence = np.zeros((TOGETHER + LOOK_AHEAD) * SAMPLES_PER_FRAME, np.float32)
        for frame in self.hear(silence):
            if frame.number < wanted:
                yield frame

    def _make(self) -> Iterator[LiveFrame]:
        """The next `TOGETHER` frames."""
        first = self._done
        low = max(0, first - PAST)
        features = self._hearing.features(low, first + TOGETHER + LOOK_AHEAD, self._renderer.speech_layers)
        sources = [next(self._order) for _ in range(TOGETHER)]
        plan = self._plan(features, first - low, np.array(sources))
        self._mouths = plan.mouths[TOGETHER - 1]
        tasks = [
            (next(self._pictures), self._job(plan, step, source) if plan.visibility[step] > 0 else None)
            for step, source in enumerate(sources)
        ]
        self._done += TOGETHER
        for number, image in enumerate(self._pool.map(_image, tasks), first):
            yield LiveFrame(number, number / FPS, image)

    def _plan(self, features: Float32[np.ndarray, "steps f"], first: int, sources: Int64[np.ndarray, " n"]) -> Plan:
        """Plan of the frames from number `first` of the features on; those beyond `sources` only guide the choice."""
        lower, sound = self._renderer.shapes(features)
        beyond = np.concatenate([sources, np.repeat(sources[-1:], len(lower) - first - len(sources))])
        return self._renderer.plan_shapes(
            lower[first:], sound[first:], beyond, occluders=self._occluders, after=self._mouths
        )

    def _job(self, plan: Plan, step: int, source: int) -> FrameJob:
        make = partial(self._renderer.render_part, source=source, plan=plan, step=step)
        return FrameJob(self._renderer.reach(source), (make,))


def _image(task: tuple[Picture, FrameJob | None]) -> UInt8[np.ndarray, "h w 3"]:
    picture, job = task
    return (picture if job is None else job.picture(picture)).image


def _at_rate(times: Float64[np.ndarray, " n"]) -> Int64[np.ndarray, " m"]:
    """The frame that is shown at each moment of 25 a second, of a video with frames at these seconds."""
    count = max(1, int(float(times[-1]) * FPS) + 1)
    at = np.searchsorted(times, np.arange(count) / FPS + 1e-6, side="right") - 1
    return np.clip(at, 0, len(times) - 1).astype(np.int64)


def _there_and_back(shown: Int64[np.ndarray, " m"]) -> Generator[int, None, None]:
    for number in cycle([*shown.tolist(), *shown[-2:0:-1].tolist()]):
        yield int(number)
