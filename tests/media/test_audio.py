"""Loudness is the standard's however long the sound, and long sound does not lie in memory."""

from pathlib import Path

import numpy as np
import pyloudnorm
import pytest

from synclips.errors import MediaError
from synclips.media import audio, sample_store
from synclips.media.audio import Waveform, loudness, loudness_gain, normalise_loudness, read_audio, write_wav


def speech(seconds: float, rate: int = 16_000) -> Waveform:
    generator = np.random.default_rng(0)
    swell = np.repeat(generator.uniform(0, 0.3, round(seconds * 4) + 1), rate // 4)[: round(seconds * rate)]
    return Waveform((swell * generator.standard_normal(len(swell)).clip(-3, 3)).astype(np.float32), rate)


@pytest.mark.parametrize("rate", [16_000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("seconds", [0.4, 0.43, 1.0, 3.33, 61.7, 130.0])
def test_loudness_is_that_of_the_reference_implementation(seconds: float, rate: int) -> None:
    sound = speech(seconds, rate)
    expected = pyloudnorm.Meter(rate).integrated_loudness(sound.samples.astype(np.float64))
    assert loudness(sound) == pytest.approx(expected, abs=1e-4)


def test_silence_and_snippets_have_no_loudness_and_stay() -> None:
    for sound in (speech(0.3), Waveform(np.zeros(16_000, np.float32), 16_000)):
        assert loudness(sound) == float("-inf")
        assert loudness_gain(sound) == 1
        assert normalise_loudness(sound) is sound


def test_loudness_is_normalised_up_to_the_peak() -> None:
    sound = speech(5)
    assert loudness(normalise_loudness(sound, -35.0)) == pytest.approx(-35, abs=0.01)
    assert float(np.abs(normalise_loudness(sound, 0.0).samples).max()) == pytest.approx(audio.PEAK, rel=1e-5)


def test_long_sound_is_mapped_and_equal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.wav"
    write_wav(path, speech(3))
    whole = read_audio(path)
    monkeypatch.setattr(sample_store, "IN_MEMORY", 10_000)
    mapped = read_audio(path)
    assert isinstance(mapped.samples, np.memmap)
    np.testing.assert_array_equal(mapped.samples, whole.samples)
    np.testing.assert_array_equal(read_audio(path, stop=1.25).samples, whole.samples[:20_000])
    assert loudness(mapped) == loudness(whole)


def test_a_file_without_sound_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"no sound" * 100)
    with pytest.raises(MediaError, match="cannot be read as sound"):
        read_audio(tmp_path / "a.wav")
    with pytest.raises(MediaError, match="no such file"):
        read_audio(tmp_path / "b.wav")
