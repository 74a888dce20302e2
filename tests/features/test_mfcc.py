"""MFCC equal librosa's, and lie where the frames are."""

from pathlib import Path

import numpy as np
import pytest

from synclips.features.mfcc import audio_features, mfcc
from synclips.media.audio import Waveform


def test_mfcc_equal_librosas() -> None:
    golden = np.load(Path(__file__).with_name("librosa_mfcc.npz"))
    np.testing.assert_allclose(mfcc(Waveform(golden["samples"], 16000), 25), golden["mfcc"], atol=1e-3)


def test_four_steps_a_frame_and_silence_beyond_the_end() -> None:
    sound = Waveform(np.random.default_rng(0).normal(0, 0.1, 16000).astype(np.float32), 16000)
    coefficients = mfcc(sound, 50)
    assert coefficients.shape == (200, 13)
    assert np.ptp(coefficients[110:], axis=0).max() < 1e-4


@pytest.mark.parametrize("frame", [5, 20, 44])
def test_a_click_shows_in_its_own_frame(frame: int) -> None:
    samples = np.zeros(50 * 640, np.float32)
    samples[frame * 640 + 320] = 0.9
    energy = mfcc(Waveform(samples, 16000), 50)[:, 0]
    assert int(energy.argmax()) // 4 == frame


def test_another_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="16000"):
        mfcc(Waveform(np.zeros(100, np.float32), 8000), 1)


def test_features_have_no_mean_and_do_not_hear_the_level() -> None:
    rng = np.random.default_rng(1)
    sound = rng.normal(0, 0.05, 32000).astype(np.float32)
    quiet, loud = (audio_features(mfcc(Waveform(sound * g, 16000), 50)) for g in (np.float32(1), np.float32(4)))
    assert np.abs(quiet[:, :13].mean(axis=0)).max() < 1e-4
    np.testing.assert_allclose(quiet, loud, atol=0.1)


def test_a_longer_vocal_tract_is_heard() -> None:
    sound = Waveform(np.random.default_rng(1).normal(0, 0.05, 16000).astype(np.float32), 16000)
    assert np.abs(mfcc(sound, 25, warp=1.1) - mfcc(sound, 25)).max() > 0.1
