"""Planned a block at a time, every output frame sees the sound that it would see if all were planned at once."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from synclips.features.mfcc import audio_features, mfcc
from synclips.features.speech_features import speech_states
from synclips.media.audio import Waveform, normalise_loudness
from synclips.media.picture import Box
from synclips.media.timebase import FPS, STEPS_PER_FRAME, frames_in
from synclips.rendering import chunked
from synclips.rendering.chunked import BlockPlan
from synclips.rendering.frame_part import FramePart
from synclips.rendering.timeline import Timeline
from synclips.rendering.visibility import Kept


@dataclass
class Recorded:
    """What the recorder was given for some frames."""

    features: np.ndarray
    source: np.ndarray
    visibility: np.ndarray


@dataclass
class Recorder:
    """A renderer that notes what it is given: how many frames at once, and for each the features of its moment."""

    lengths: list[int] = field(default_factory=list)
    heard: list[np.ndarray] = field(default_factory=list)
    visibility: np.ndarray = field(default_factory=lambda: np.linspace(0, 1, 2000, dtype=np.float32))
    kept: np.ndarray = field(default_factory=lambda: np.full(2000, Kept.SMALL, np.int8))
    speech_layers: int = 0

    def plan(
        self, features: np.ndarray, times: np.ndarray, source: np.ndarray, on_frame: Callable[[], None] = lambda: None
    ) -> Recorded:
        on_frame()
        self.lengths.append(len(times))
        at = np.floor(times * FPS + 0.5 + 1e-6).astype(int) * STEPS_PER_FRAME
        assert at.min() >= 0
        return Recorded(features[np.minimum(at, len(features) - 1)], source, self.visibility[source])

    def reach(self, source: int) -> Box:
        del source
        return 0, 0, 4, 4

    def render_part(self, frame: FramePart, source: int, plan: Any, step: int, skin: int | None = None) -> Any:
        assert plan.source[step] == source
        del skin
        self.heard.append(plan.features[step])
        return frame.pixels

    def render(self, frame: np.ndarray, source: int, plan: Any, step: int, skin: int | None = None) -> Any:
        return self.render_part(FramePart.whole(frame), source, plan, step, skin)


def speech(seconds: float) -> Waveform:
    generator = np.random.default_rng(0)
    swell = np.repeat(generator.uniform(0, 0.3, round(seconds * 8) + 1), 2000)[: round(seconds * 16_000)]
    return Waveform((swell * generator.standard_normal(len(swell)).clip(-3, 3)).astype(np.float32), 16_000)


@pytest.mark.parametrize("rate", [24000 / 1001, 25, 60])
@pytest.mark.parametrize(("video_seconds", "layers"), [(11.0, 0), (11.0, 2), (19.0, 2)])
def test_blocks_hear_what_the_whole_hears(
    monkeypatch: pytest.MonkeyPatch, rate: float, video_seconds: float, layers: int
) -> None:
    monkeypatch.setattr(chunked, "BLOCK", 100)
    monkeypatch.setattr(chunked, "CONTEXT", 20)
    monkeypatch.setattr(chunked, "PIECE", 30)
    sound = speech(11.0)  # under the longer video, silence follows
    times = np.arange(int(video_seconds * rate)) / rate
    timeline = Timeline(np.arange(len(times))[::-1].copy(), times, video_seconds)
    heard = mfcc(normalise_loudness(sound), int(video_seconds * FPS) + 2)
    whole = audio_features(heard, heard[: frames_in(len(sound.samples)) * STEPS_PER_FRAME].mean(axis=0))
    if layers:
        frames = len(whole) // STEPS_PER_FRAME
        total = int(times[-1] * FPS) + 2 + chunked.CONTEXT
        whole = np.concatenate(
            [whole, speech_states(normalise_loudness(sound), 0, frames, layers, total=total)], axis=1
        )
    wanted = whole[np.floor(times * FPS + 0.5 + 1e-6).astype(int) * STEPS_PER_FRAME]
    recorder, image = Recorder(speech_layers=layers), np.zeros((4, 4, 3), np.uint8)
    plan = BlockPlan(recorder, sound, timeline)
    for step in range(len(times)):
        assert plan.render(image, step) is image
    assert max(recorder.lengths) <= 140
    np.testing.assert_array_equal(plan.visibility, recorder.visibility[timeline.source])
    np.testing.assert_array_equal(plan.kept, np.where(plan.visibility == 0, Kept.SMALL, Kept.NOT))
    seen = plan.visibility > 0  # a frame that stays as it is need not be made
    np.testing.assert_allclose(np.stack(recorder.heard)[:-4], wanted[seen][:-4], atol=2e-3)


def test_a_short_result_is_planned_in_one_piece_and_a_long_one_once_a_block() -> None:
    recorder = Recorder()
    image = np.zeros((4, 4, 3), np.uint8)
    for count in (chunked.BLOCK, 2 * chunked.BLOCK + 10):
        times = np.arange(count) / 25
        plan = BlockPlan(recorder, speech(2.0), Timeline(np.arange(count), times, count / 25))
        for step in range(0, count, 50):
            plan.render(image, step)
    block, context = chunked.BLOCK, chunked.CONTEXT
    assert recorder.lengths == [block, block + context, block + context + 10, 10 + context]


def test_planned_ahead_it_is_the_same_plan() -> None:
    count = 2 * chunked.BLOCK + 10
    timeline = Timeline(np.arange(count), np.arange(count) / 25, count / 25)
    heard = []
    for ahead in (False, True):
        recorder, image = Recorder(), np.zeros((4, 4, 3), np.uint8)
        plan = BlockPlan(recorder, speech(2.0), timeline, ahead=ahead)
        for step in range(0, count, 50):
            plan.render(image, step)
        heard.append((recorder.lengths, np.stack(recorder.heard), plan.visibility, plan.kept))
    assert heard[0][0] == heard[1][0]
    for one, other in zip(heard[0][1:], heard[1][1:], strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_plan_that_nobody_waits_for_is_given_up() -> None:
    count, begun, times_called = 2 * chunked.BLOCK, threading.Event(), []

    class Endless(Recorder):
        def plan(
            self,
            features: np.ndarray,
            times: np.ndarray,
            source: np.ndarray,
            on_frame: Callable[[], None] = lambda: None,
        ) -> Recorded:
            times_called.append(len(times))
            while len(times_called) > 1:
                begun.set()
                on_frame()
            return super().plan(features, times, source)

    plan = BlockPlan(Endless(), speech(1.0), Timeline(np.arange(count), np.arange(count) / 25, count / 25), ahead=True)
    plan.job(0)
    assert begun.wait(20)
    plan.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "plan"]
