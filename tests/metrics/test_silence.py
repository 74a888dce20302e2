"""Silence is found in noise and between words, and a mouth that moves in it is seen."""

from pathlib import Path

import numpy as np
import pytest
from drawn_clips import draw_clip

from synclips.data.grid import find_utterances, parse_alignment
from synclips.features.face_mesh import lower_points, template
from synclips.media.audio import Waveform, read_audio
from synclips.metrics.lip_shape import inter_ocular, lip_speed, motion_in_silence, silent_frames


def speech_between(start: int, end: int, noise: float, frames: int = 75) -> Waveform:
    rng = np.random.default_rng(0)
    samples = noise * rng.standard_normal(frames * 640)
    samples[start * 640 : end * 640] += 0.2 * rng.standard_normal((end - start) * 640)
    return Waveform(samples.astype(np.float32), 16000)


@pytest.mark.parametrize("noise", [0, 1e-4, 1e-2])
def test_silence_is_what_lies_well_beside_speech(noise: float) -> None:
    silent = silent_frames(speech_between(20, 50, noise), 75)
    np.testing.assert_array_equal(np.flatnonzero(~silent), np.arange(17, 53))


def test_pure_silence_is_all_silent_and_steady_speech_not_at_all() -> None:
    assert silent_frames(Waveform(np.zeros(16000, np.float32), 16000), 25).all()
    assert not silent_frames(speech_between(0, 75, 0), 75).any()


@pytest.mark.parametrize("frames", [1, 3, 8])
def test_beyond_the_sounds_end_there_is_silence(frames: int) -> None:
    assert silent_frames(Waveform(np.zeros(100, np.float32), 16000), frames).shape == (frames,)


def test_a_resting_mouth_does_not_move_and_a_moving_one_does() -> None:
    clip = draw_clip(3)
    silent = np.arange(75) < 7
    assert motion_in_silence(clip.lower, silent) == 0
    speaking = ~silent
    assert motion_in_silence(clip.lower, speaking) > 0.03
    moved = clip.lower.copy()
    moved[3] += [inter_ocular() / 100, 0, 0]
    assert motion_in_silence(moved, silent) == pytest.approx(2 / 6, rel=1e-3)


def test_without_silence_there_is_no_figure() -> None:
    lower = np.repeat(template()[lower_points()][None], 5, 0)
    assert np.isnan(motion_in_silence(lower, np.zeros(5, bool)))
    assert lip_speed(lower).tolist() == [0] * 5


def test_real_clips_are_silent_where_their_alignment_says(grid_clips: Path) -> None:
    at_words, beside = [], []
    for utterance in find_utterances(grid_clips)[::40]:
        assert utterance.alignment is not None
        silent = silent_frames(read_audio(utterance.video), 75)
        words = [span for span in parse_alignment(utterance.alignment) if span.word not in ("sil", "sp")]
        spoken = slice(round(words[0].start * 25) + 2, round(words[-1].end * 25) - 3)
        at_words.append(silent[spoken].mean())
        beside.append(np.concatenate([silent[:8], silent[-8:]]).mean())
    assert np.mean(at_words) < 0.02
    assert np.mean(beside) > 0.6
