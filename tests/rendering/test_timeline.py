"""The five ways in which speech and video of unlike length meet, as the sync. API names them."""

import numpy as np
import pytest

from synclips.rendering.timeline import SYNC_MODES, SyncMode, plan_timeline

EVEN = np.arange(50) / 25
UNEVEN = np.cumsum([0, *np.random.default_rng(0).uniform(0.01, 0.09, 39)])
LAST = 0.04
RATES = [24000 / 1001, 25, 30000 / 1001, 50, 60]


def end_of(times: np.ndarray) -> float:
    return float(times[-1]) + LAST


@pytest.mark.parametrize("times", [EVEN, UNEVEN], ids=["even", "uneven"])
@pytest.mark.parametrize("speech", [0.5, 1.3])
def test_cut_off_and_default_end_with_a_shorter_speech_and_keep_every_frames_time(
    times: np.ndarray, speech: float
) -> None:
    modes: tuple[SyncMode | None, ...] = ("cut_off", None, "loop", "bounce")
    for mode in modes:
        timeline = plan_timeline(times, end_of(times), speech, mode)
        assert timeline.duration == speech
        np.testing.assert_array_equal(timeline.times, times[times < speech])
        np.testing.assert_array_equal(timeline.source, np.arange(len(timeline)))


@pytest.mark.parametrize("times", [EVEN, UNEVEN], ids=["even", "uneven"])
def test_cut_off_ends_with_a_shorter_video(times: np.ndarray) -> None:
    timeline = plan_timeline(times, end_of(times), 9.0, "cut_off")
    assert timeline.duration == end_of(times)
    np.testing.assert_array_equal(timeline.times, times)


@pytest.mark.parametrize("times", [EVEN, UNEVEN], ids=["even", "uneven"])
def test_silence_and_keep_length_show_the_whole_video(times: np.ndarray) -> None:
    for timeline in (
        plan_timeline(times, end_of(times), 0.7, "silence"),
        plan_timeline(times, end_of(times), 9.0, "silence"),
        plan_timeline(times, end_of(times), 0.7, None, keep_length=True),
    ):
        assert timeline.duration == end_of(times)
        np.testing.assert_array_equal(timeline.times, times)


@pytest.mark.parametrize("times", [EVEN, UNEVEN], ids=["even", "uneven"])
def test_loop_starts_again_at_the_videos_end_with_the_same_times(times: np.ndarray) -> None:
    end = end_of(times)
    timeline = plan_timeline(times, end, 2.5 * end, "loop")
    assert timeline.duration == 2.5 * end
    assert timeline.source[len(times)] == 0
    np.testing.assert_allclose(timeline.times[len(times) : 2 * len(times)], times + end)
    np.testing.assert_allclose(timeline.times, timeline.source * 0 + times[timeline.source] + [
        end * (number // len(times)) for number in range(len(timeline))
    ])  # fmt: skip


@pytest.mark.parametrize("mode", ["bounce", None])
@pytest.mark.parametrize("times", [EVEN, UNEVEN], ids=["even", "uneven"])
def test_bounce_runs_back_as_it_came(times: np.ndarray, mode: SyncMode | None) -> None:
    timeline = plan_timeline(times, end_of(times), 5.2 * end_of(times), mode)
    steps = np.diff(timeline.source)
    assert set(steps.tolist()) == {-1, 1}
    # between two neighbouring frames lies the same time, whichever comes first
    earlier = np.minimum(timeline.source[:-1], timeline.source[1:])
    np.testing.assert_allclose(np.diff(timeline.times), np.diff(times)[earlier], atol=1e-9)
    assert timeline.times[-1] < timeline.duration
    assert timeline.duration - timeline.times[-1] < 0.1


@pytest.mark.parametrize("speech", [0.6, 1.0, 3.0])
@pytest.mark.parametrize("times", [EVEN, UNEVEN], ids=["even", "uneven"])
def test_remap_stretches_the_whole_video_and_keeps_its_rate(times: np.ndarray, speech: float) -> None:
    end = end_of(times)
    timeline = plan_timeline(times, end, speech, "remap")
    assert len(timeline) == pytest.approx(speech * len(times) / end, abs=1)
    assert timeline.duration == speech
    assert timeline.source[0] in (0, 1, 2)
    assert timeline.source[-1] >= len(times) - 4
    assert (np.diff(timeline.source) >= 0).all()
    shown = times[timeline.source] / end
    np.testing.assert_allclose(shown, timeline.times / speech, atol=0.1 / end)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("mode", [*SYNC_MODES, None])
@pytest.mark.parametrize("share", [0.3, 0.999, 1.0, 1.001, 3.7])
def test_times_rise_by_a_frame_at_every_rate(rate: float, mode: SyncMode | None, share: float) -> None:
    times = np.arange(75) / rate
    timeline = plan_timeline(times, 75 / rate, share * 75 / rate, mode)
    assert timeline.times[0] == 0
    np.testing.assert_allclose(np.diff(timeline.times), 1 / rate, rtol=0.02)
    assert timeline.duration == pytest.approx(len(timeline) / rate, abs=1.01 / rate)


@pytest.mark.parametrize("mode", [*SYNC_MODES, None])
def test_a_single_frame_serves_every_mode(mode: SyncMode | None) -> None:
    timeline = plan_timeline(np.zeros(1), 0.04, 0.2, mode)
    assert set(timeline.source.tolist()) == {0}
    assert len(timeline) == (1 if mode in ("cut_off", "silence") else 5)


def test_two_frames_bounce() -> None:
    assert plan_timeline(np.array([0, 0.04]), 0.08, 0.2, "bounce").source.tolist() == [0, 1, 0, 1, 0]
