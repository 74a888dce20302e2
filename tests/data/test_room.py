"""Rooms and microphones: as loud, as long, in time; what is drawn is heard."""

import numpy as np
import pytest

from synclips.config import AugmentConfig
from synclips.data.augmentation import SoundChange, draw_sound_change
from synclips.data.room import Room, draw_room
from synclips.media.audio import Waveform
from synclips.media.timebase import SAMPLE_RATE


def noise(seconds: float = 2.0) -> np.ndarray:
    return (0.1 * np.random.default_rng(0).standard_normal(round(seconds * SAMPLE_RATE))).astype(np.float32)


def level_between(samples: np.ndarray, low: float, high: float) -> float:
    power = np.abs(np.fft.rfft(samples)) ** 2
    frequency = np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE)
    return float(10 * np.log10(power[(frequency >= low) & (frequency < high)].mean()))


def test_an_empty_room_changes_nothing() -> None:
    np.testing.assert_allclose(Room().heard(noise()), noise(), atol=1e-6)


@pytest.mark.parametrize("seed", range(8))
def test_any_room_keeps_length_level_and_time(seed: int) -> None:
    click = np.zeros(SAMPLE_RATE, np.float32)
    click[5000:5400] = noise()[:400]
    heard = draw_room(np.random.default_rng(seed)).heard(click)
    assert heard.shape == click.shape
    assert heard.dtype == np.float32
    assert np.sqrt(np.mean(heard**2)) == pytest.approx(np.sqrt(np.mean(click**2)), rel=1e-3)
    energy = np.convolve(heard**2, np.ones(400), "same")
    assert abs(int(np.argmax(energy)) - 5200) < 160  # 10 ms


def test_each_part_is_heard() -> None:
    plain = noise()
    coloured = Room(gains=(0.0, 0.0, 0.0, 0.0, -20.0, 0.0, 0.0)).heard(plain)
    assert level_between(coloured, 2300, 2700) < level_between(coloured, 600, 900) - 15
    narrow = Room(low=300.0, high=3000.0).heard(plain)
    for outside in ((0, 150), (6000, 8000)):
        assert level_between(narrow, *outside) < level_between(narrow, 800, 2000) - 15
    quiet = np.pad(plain, (0, SAMPLE_RATE // 2))
    long, short = (Room(decay=decay, level=-3.0, first=0.002).heard(quiet) for decay in (0.6, 0.15))
    after = slice(len(plain) + 1600, len(plain) + 4800)
    assert np.abs(long[after]).mean() > 5 * np.abs(short[after]).mean() > 0
    tone = np.sin(np.arange(SAMPLE_RATE) / 5).astype(np.float32) * np.linspace(0, 1, SAMPLE_RATE, dtype=np.float32)
    limited = Room(drive=6.0).heard(tone)
    assert np.abs(limited).max() < np.abs(tone).max()


def test_rooms_are_drawn_as_often_as_asked_and_by_default_never() -> None:
    rng = np.random.default_rng(0)
    assert all(draw_sound_change(AugmentConfig(), rng).room is None for _ in range(50))
    drawn = [draw_sound_change(AugmentConfig(room=0.5), rng).room for _ in range(200)]
    assert 70 < sum(room is not None for room in drawn) < 130


def test_without_rooms_the_other_draws_are_as_before() -> None:
    first, second = np.random.default_rng(3), np.random.default_rng(3)
    plain = [draw_sound_change(AugmentConfig(), first) for _ in range(3)]
    assert plain == [draw_sound_change(AugmentConfig(room=0.0), second) for _ in range(3)]


def test_features_hear_the_room() -> None:
    """A sound that stops: with reverberation the steps after it are louder."""
    samples = np.where(np.arange(SAMPLE_RATE) < SAMPLE_RATE // 2, noise(1.0), 1e-4 * noise(1.0)).astype(np.float32)
    sound = Waveform(samples, SAMPLE_RATE)
    plain = SoundChange().features(sound, 25)
    late = SoundChange(room=Room(decay=0.7, level=0.0, first=0.001)).features(sound, 25)
    assert late.shape == plain.shape
    assert late[55:65, 0].mean() > plain[55:65, 0].mean() + 0.3
