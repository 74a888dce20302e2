"""Loudness, limiting, background and pace, on sounds whose answers are known."""

import numpy as np
import pytest

from synclips.media.audio import Waveform, loudness
from synclips.speech.conversion.world import median_pitch
from synclips.speech.loudness import TRUE_PEAK, limited, match_loudness, true_peak, with_background
from synclips.speech.time_stretch import at_speed, stretched
from synclips.speech.tts.synthesizer import Speech, WordTime

RATE = 16_000


def _tone(hertz: float = 200.0, seconds: float = 2.0, amplitude: float = 0.3) -> Waveform:
    times = np.arange(round(seconds * RATE)) / RATE
    return Waveform((amplitude * np.sin(2 * np.pi * hertz * times)).astype(np.float32), RATE)


def _buzz(hertz: float = 120.0, seconds: float = 2.0) -> Waveform:
    times = np.arange(round(seconds * RATE)) / RATE
    partials = sum(np.sin(2 * np.pi * hertz * k * times) / k for k in range(1, 20))
    return Waveform((0.2 * partials).astype(np.float32), RATE)


@pytest.mark.parametrize("target", [-30.0, -23.0, -18.0])
def test_loudness_is_matched(target: float) -> None:
    assert loudness(match_loudness(_tone(), target)) == pytest.approx(target, abs=0.3)


def test_loud_or_broken_sound_is_never_above_the_true_peak() -> None:
    noise = np.random.default_rng(0).standard_normal(RATE).astype(np.float32) * 5
    noise[100], noise[200] = np.nan, np.inf
    result = limited(Waveform(noise, RATE))
    assert np.isfinite(result.samples).all()
    assert true_peak(result) <= TRUE_PEAK * 1.001
    assert true_peak(match_loudness(_buzz(), 0.0)) <= TRUE_PEAK * 1.001


def test_quiet_sound_is_not_touched_by_the_limiter() -> None:
    sound = _tone(amplitude=0.2)
    assert np.allclose(limited(sound).samples, sound.samples, atol=1e-6)


def test_silence_stays_silent() -> None:
    silence = Waveform(np.zeros(RATE, np.float32), RATE)
    assert not match_loudness(silence, -20.0).samples.any()


def test_background_has_the_level_and_colour_of_the_pauses() -> None:
    generator = np.random.default_rng(1)
    brown = np.convolve(generator.standard_normal(2 * RATE), np.ones(8) / 8, "same") * 0.01
    noise = Waveform(brown.astype(np.float32), RATE)
    speech = Waveform(np.zeros(3 * RATE, np.float32), RATE)
    made = with_background(speech, noise)
    assert made.samples.std() == pytest.approx(noise.samples.std(), rel=0.1)
    low = lambda sound: np.abs(np.fft.rfft(sound.samples[: 2 * RATE])[:4000]).std()  # noqa: E731
    assert low(made) == pytest.approx(low(noise), rel=0.2)
    assert np.array_equal(made.samples, with_background(speech, noise).samples)


@pytest.mark.parametrize("speed", [0.5, 0.8, 1.25, 2.0])
def test_speed_changes_the_length_and_not_the_pitch(speed: float) -> None:
    speech = Speech(_buzz(), (WordTime("buzz", 0.5, 1.5),))
    result = at_speed(speech, speed)
    assert result.waveform.duration == pytest.approx(2.0 / speed, abs=1e-4)
    assert median_pitch(result.waveform) == pytest.approx(120, rel=0.03)
    assert result.words[0].start == pytest.approx(0.5 / speed, abs=1e-3)
    assert result.waveform.samples.std() == pytest.approx(speech.waveform.samples.std(), rel=0.1)


def test_stretching_to_the_same_length_changes_nothing() -> None:
    sound = _buzz()
    assert np.array_equal(stretched(sound, len(sound.samples)).samples, sound.samples)


def test_speed_out_of_range() -> None:
    with pytest.raises(ValueError, match="outside"):
        at_speed(Speech(_buzz()), 3.0)
