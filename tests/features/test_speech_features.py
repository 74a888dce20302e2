"""The states of Whisper's encoder as features: the published network, and the same over a part as over the whole."""

import numpy as np
import pytest

from synclips.features.mfcc import N_FEATURES, audio_features, mfcc
from synclips.features.speech_features import WHOLE, feature_count, sound_features, speech_states
from synclips.media.audio import Waveform
from synclips.media.timebase import STEPS_PER_FRAME

GOLDEN = [-2.155, -0.858, 1.535, -0.126, -1.076, 0.836]


def vowels(seconds: float, seed: int = 0) -> Waveform:
    """A voice of 120 Hz whose two resonances move every fifth of a second."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * 16_000)) / 16_000
    place = (time * 5).astype(int)
    formants = rng.uniform([300, 900], [800, 2500], (place[-1] + 1, 2))[place]
    samples = np.zeros(len(time))
    for harmonic in range(1, 60):
        gain = sum(1 / (1 + ((120 * harmonic - formants[:, i]) / 90) ** 2) for i in range(2))
        samples += gain * np.sin(2 * np.pi * 120 * harmonic * time)
    return Waveform((0.3 * samples / np.abs(samples).max()).astype(np.float32), 16_000)


def test_states_are_those_of_the_published_encoder() -> None:
    """Values from the same wheel's four-layer model, which agrees with CTranslate2's output to 6e-3 in 1 of 5e5."""
    states = speech_states(vowels(1.0), 0, 25, 2)
    assert states.shape == (100, 384)
    np.testing.assert_allclose(states.mean(axis=1), 0, atol=1e-2)
    np.testing.assert_allclose(states[::2].std(axis=1), 1, atol=1e-2)
    np.testing.assert_allclose(states[40, :6], GOLDEN, atol=2e-2)


@pytest.mark.parametrize("frames", [WHOLE, 260])
def test_a_part_of_a_sound_has_the_states_of_the_whole(frames: int) -> None:
    sound = vowels(frames / 25)
    whole = speech_states(sound, 0, frames, 2)
    part = speech_states(sound, 37, 93, 2, total=frames)
    np.testing.assert_allclose(part, whole[37 * STEPS_PER_FRAME : 93 * STEPS_PER_FRAME], atol=1e-4)


def test_the_sound_is_told_apart_and_its_layers_too() -> None:
    one, other = speech_states(vowels(1.0, 1), 0, 25, 2), speech_states(vowels(1.0, 2), 0, 25, 2)
    assert np.abs(one - other).mean() > 0.1
    assert np.abs(one - speech_states(vowels(1.0, 1), 0, 25, 3)).mean() > 0.1
    assert np.abs(one - speech_states(vowels(1.0, 1), 0, 25, 2, warp=1.1)).mean() > 0.05


def test_features_are_mfcc_and_states() -> None:
    sound = vowels(1.0)
    alone, both = sound_features(sound, 25, 0), sound_features(sound, 25, 2)
    assert alone.shape[1] == feature_count(0) == N_FEATURES
    assert both.shape[1] == feature_count(2)
    np.testing.assert_array_equal(both[:, :N_FEATURES], audio_features(mfcc(sound, 25)))
    np.testing.assert_array_equal(both[:, N_FEATURES:], speech_states(sound, 0, 25, 2))


def test_silence_beyond_the_end_is_heard_as_silence() -> None:
    sound = vowels(1.0)
    padded = Waveform(np.pad(sound.samples, (0, 32_000)), 16_000)
    np.testing.assert_allclose(speech_states(sound, 0, 75, 2), speech_states(padded, 0, 75, 2), atol=1e-5)


def test_another_rate_is_an_error() -> None:
    with pytest.raises(ValueError, match="16000 Hz, not 8000"):
        speech_states(Waveform(np.zeros(8000, np.float32), 8000), 0, 25, 2)


@pytest.mark.parametrize("noise", [0.0, 3e-4])
def test_silence_is_one_state_however_long_it_is_and_whatever_hums_in_it(noise: float) -> None:
    voice = vowels(1.0).samples
    samples = np.concatenate([voice, np.zeros(8 * 16_000, np.float32), voice])
    samples += noise * np.random.default_rng(0).standard_normal(len(samples)).astype(np.float32)
    states = speech_states(Waveform(samples, 16_000), 0, 250, 2)
    quiet = states[130:870]
    assert np.abs(quiet - quiet[0]).max() < 1e-5
    assert np.abs(np.diff(states[:90], axis=0)).mean() > 0.1
    as_heard = speech_states(Waveform(samples, 16_000), 0, 250, 2, settled=False)
    assert np.array_equal(states[:80], as_heard[:80])
    assert np.abs(as_heard[130:870] - as_heard[130]).max() > 1
