"""A video's own sound and lips lie side by side at 25 frames a second, whatever the video's own rate."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from drawn_head import drawn_video
from small_models import SMALL_RECIPE

from synclips.features.face_mesh import lower_points
from synclips.media.waveform import Waveform, write_wav
from synclips.metrics.lip_shape import opening_of
from synclips.rendering.lip_sync import LipSync
from synclips.rendering.own_speech import own_lips, own_sound
from synclips.rendering.renderer import build_model
from synclips.tracking.tracked_video import TrackedVideo


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> TrackedVideo:
    """31 frames at 30 a second, whose times begin late."""
    drawn = drawn_video(tmp_path_factory.mktemp("head") / "head.mkv", 31)
    return replace(drawn, times=0.2 + np.arange(31) / 30)


def test_lips_are_interpolated_between_the_videos_frames(video: TrackedVideo) -> None:
    lips = own_lips(video, 26)
    assert lips.seen.all()
    drawn = 6 * (1 - np.cos(np.arange(26) / 25 * 30 / 3))
    opening = opening_of(lips.lower)
    np.testing.assert_allclose(opening - opening[0], drawn - drawn[0], atol=0.1)


def test_nothing_is_interpolated_across_a_cut_or_from_a_frame_without_the_face(video: TrackedVideo) -> None:
    """Output frames 7 and 8 lie at frames 8.4 and 9.6: a cut at 9 and no face at 9 concern both."""
    lips = own_lips(replace(video, cuts=np.array([9])), 26)
    assert lips.shot.tolist() == [0] * 8 + [1] * 18
    lower = own_lips(video, 26).lower
    assert not np.allclose(lips.lower[7], lower[7], atol=0.05)
    np.testing.assert_allclose(
        opening_of(lips.lower[7:8]), opening_of(video.canonical(np.array([8]))[:, lower_points()])
    )
    np.testing.assert_array_equal(lips.lower[8:], lower[8:])
    visible = video.track.visible.copy()
    visible[9] = False
    seen = own_lips(replace(video, track=replace(video.track, visible=visible)), 26).seen
    assert np.flatnonzero(~seen).tolist() == [7, 8]


def test_the_last_layer_makes_the_lips_of_its_inputs_as_long_as_there_is_sound_and_face(
    video: TrackedVideo, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    person = LipSync(build_model(SMALL_RECIPE), video, precision="fp32").motion
    assert person.own is None  # a video without sound
    assert person.gain == 1
    noise = np.random.default_rng(0).normal(0, 0.1, 3 * 16_000).astype(np.float32)
    write_wav(tmp_path / "sound.wav", Waveform(noise, 16_000))
    heard = replace(video, info=replace(video.info, path=tmp_path / "sound.wav"))
    person.listen(heard, SMALL_RECIPE.model.audio.speech_layers)
    own = person.own
    assert own is not None
    assert len(own) == len(own.lips) == 26
    sound = own_sound(heard, 0.4)
    assert sound is not None
    assert sound.duration == 0.4
    with torch.no_grad():
        made = person.model.displacement(person.last(torch.from_numpy(own.inputs))).numpy()
    np.testing.assert_allclose(made + person.rest, own.made, atol=1e-5)
