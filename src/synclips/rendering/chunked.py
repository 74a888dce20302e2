"""Plans a renderer's frames a block at a time, so that memory does not grow with the video's length."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import numpy as np
from jaxtyping import Float32, UInt8

from synclips.background import Background
from synclips.features.mfcc import audio_features, mfcc
from synclips.features.speech_features import speech_states
from synclips.mapped_files import leave_memory, parts
from synclips.media.audio import Waveform, loudness_gain
from synclips.media.timebase import FPS, SAMPLES_PER_FRAME, STEPS_PER_FRAME, frames_in
from synclips.rendering.frame_part import FrameJob
from synclips.rendering.renderer import Renderer
from synclips.rendering.timeline import Timeline
from synclips.rendering.visibility import Kept
from synclips.runtime import release_memory

BLOCK: Final = 750
"""Output frames planned at once; a result that is not longer is planned in one piece."""
PIECE: Final = 250
"""Frames at 25 a second whose coefficients are computed at once."""
CONTEXT: Final = 75
"""Output frames on either side that a block is planned with, so that neighbours agree where they meet."""


class BlockPlan:
    """`renderer` saying `sound` (16 kHz) along `timeline`.

    Ask for the frames in order: a block is planned when the first frame of the one before is asked for, in a thread of
    its own, and forgotten when the last of its frames is made. `close` ends that thread.
    `ahead`: plan the next block meanwhile.
    `visibility`: for each output frame planned so far, how far the generated mouth replaces the original, in [0, 1].
    `kept`: why the original is kept where `visibility` is 0 (`synclips.rendering.visibility.Kept`).
    """

    def __init__(self, renderer: Renderer, sound: Waveform, timeline: Timeline, *, ahead: bool = False) -> None:
        self._renderer, self._sound, self._timeline = renderer, sound, timeline
        self._gain, self._ahead = loudness_gain(sound), ahead
        self._mean = _mean_coefficients(sound, self._gain)
        last = float(timeline.times[-1]) if len(timeline) else 0.0
        self._heard = max(frames_in(len(sound.samples)), int(last * FPS) + 2) + CONTEXT  # silence at the end
        self._plan: Any = None
        self._next: Background[Any] | None = None
        self.visibility = np.ones(len(timeline), np.float32)
        self.kept = np.zeros(len(timeline), np.int8)
        self._first = self._start = self._stop = 0

    def job(self, step: int) -> FrameJob | None:
        """What makes output frame `step` of the source's frame that the timeline names; None: that one stays."""
        if not self._start <= step < self._stop:
            self._go_to(step)
        if self.visibility[step] == 0:
            return None
        source = int(self._timeline.source[step])
        make = partial(self._renderer.render_part, source=source, plan=self._plan, step=step - self._first)
        return FrameJob(self._renderer.reach(source), (make,))

    def render(self, frame: UInt8[np.ndarray, "h w 3"], step: int) -> UInt8[np.ndarray, "h w 3"]:
        """Output frame `step`, made on `frame`, which is the source frame that the timeline names."""
        job = self.job(step)
        return frame if job is None else job.frame(frame)

    def close(self) -> None:
        """Plan nothing further."""
        if self._next is not None:
            self._next.stop()
            self._next = None

    def _go_to(self, step: int) -> None:
        start = step // BLOCK * BLOCK
        self._plan = None
        leave_memory()
        release_memory()
        if self._next is not None and self._stop == start:
            self._plan = self._next.result()
            self._next = None
        else:
            self.close()
            self._plan = self._planned(start, _go_on)
        self._start, self._stop = start, min(start + BLOCK, len(self._timeline))
        self._first = max(0, start - CONTEXT)
        block = slice(self._start, self._stop)
        visibility = self._plan.visibility[self._start - self._first :][: self._stop - self._start]
        self.visibility[block] = visibility
        self.kept[block] = np.where(visibility == 0, self._renderer.kept[self._timeline.source[block]], Kept.NOT)
        if self._ahead and self._stop < len(self._timeline):
            self._next = Background(partial(self._planned, self._stop), "plan")

    def _planned(self, start: int, on_frame: Callable[[], None]) -> Any:
        """The renderer's plan of the block that begins with output frame `start`, and of some frames around it."""
        whole, first, stop = len(self._timeline), max(0, start - CONTEXT), min(start + BLOCK, len(self._timeline))
        steps = slice(first, min(stop + CONTEXT, whole))
        times = self._timeline.times[steps]
        # whole frames of 25 a second, with as much sound around the block as it has context
        low = max(0, int(times[0] * FPS) - CONTEXT) if first else 0
        high = int(times[-1] * FPS) + 2 + (CONTEXT if steps.stop < whole else 0)
        features = self._features(low, high)
        return self._renderer.plan(features, times - low / FPS, self._timeline.source[steps], on_frame)

    def _features(self, low: int, high: int) -> Float32[np.ndarray, "steps f"]:
        """Features of the sound's frames `low` to `high` at 25 a second, as the whole sound would give them."""
        begin = max(0, low - 1)  # the differences look at the neighbours
        features = audio_features(_coefficients(self._sound, self._gain, begin, high + 1), self._mean)
        heard = features[(low - begin) * STEPS_PER_FRAME :][: (high - low) * STEPS_PER_FRAME]
        layers = self._renderer.speech_layers
        if not layers:
            return heard
        states = speech_states(self._sound, low, high, layers, total=self._heard, gain=self._gain)
        return np.concatenate([heard, states], axis=1)


def _go_on() -> None:
    """Nothing stops a plan that is waited for."""


def _coefficients(sound: Waveform, gain: float, low: int, high: int) -> Float32[np.ndarray, "steps 13"]:
    """MFCC of the sound times `gain` over frames `low` to `high`, a piece at a time; beyond its end it is silent."""
    pieces = []
    for start in range(low, high, PIECE):
        stop, before = min(start + PIECE, high), max(0, start - 1)
        samples = sound.samples[before * SAMPLES_PER_FRAME : (stop + 1) * SAMPLES_PER_FRAME] * np.float32(gain)
        piece = mfcc(Waveform(np.asarray(samples), sound.sample_rate), stop - before)
        pieces.append(piece[(start - before) * STEPS_PER_FRAME :])
    return np.concatenate(pieces)


def _mean_coefficients(sound: Waveform, gain: float) -> Float32[np.ndarray, " 13"]:
    """The mean over the sound: silence that a longer video adds to it does not count."""
    frames = max(1, frames_in(len(sound.samples)))
    blocks = parts(frames, BLOCK, 4 * SAMPLES_PER_FRAME)
    total = sum(_coefficients(sound, gain, b.start, b.stop).sum(axis=0, dtype=np.float64) for b in blocks)
    return np.asarray(total / (frames * STEPS_PER_FRAME), np.float32)
