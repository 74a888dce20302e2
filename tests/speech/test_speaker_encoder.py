"""Voices as vectors: the same voice lies nearer than another, however loud, at whatever rate."""

from pathlib import Path

import numpy as np
import pytest

from synclips.media.audio import Waveform, read_audio
from synclips.speech.speaker_encoder import mel_filters, similarity, speaker_encoder
from synclips.speech.tts.espeak import EspeakSynthesizer


@pytest.fixture(scope="module")
def lines() -> list[Waveform]:
    """Two sentences of one voice, then one of another."""
    engine = EspeakSynthesizer()
    other = engine.with_voice("en-us+f2")
    return [
        engine.synthesize("the weather will be fine tomorrow morning").waveform,
        engine.synthesize("please open the window and close the door").waveform,
        other.synthesize("please open the window and close the door").waveform,
    ]


def test_same_voice_is_nearer_than_another(lines: list[Waveform]) -> None:
    one, again, other = (speaker_encoder().embed(line) for line in lines)
    assert np.linalg.norm(one) == pytest.approx(1, abs=1e-5)
    assert similarity(one, again) > similarity(one, other) + 0.05
    assert similarity(one, again) > 0.75


def test_level_and_rate_do_not_matter(lines: list[Waveform]) -> None:
    line = lines[0].resampled(16_000)
    quiet = Waveform(line.samples * np.float32(0.02), 16_000)
    embed = speaker_encoder().embed
    assert similarity(embed(line), embed(quiet)) > 0.99
    assert similarity(embed(line), embed(line.resampled(48_000))) > 0.99


def test_no_sound_is_no_voice() -> None:
    nobody = speaker_encoder().embed(Waveform(np.zeros(16_000, np.float32), 16_000))
    assert not nobody.any()
    assert similarity(nobody, nobody) == 0
    assert not speaker_encoder().embed(Waveform(np.zeros(0, np.float32), 16_000)).any()


def test_mel_filters_have_equal_area() -> None:
    areas = mel_filters()[20:].sum(axis=1) * 40
    assert areas == pytest.approx(np.ones(20), rel=0.1)


def test_grid_speakers_are_told_apart(grid_clips: Path) -> None:
    embed = speaker_encoder().embed
    names = ("s1", "s2", "s3", "s4", "s5")
    clips = {
        name: [embed(read_audio(path)) for path in sorted((grid_clips / name).glob("*.mpg"))[:5]] for name in names
    }
    centroids = np.stack([np.mean(clips[name][:4], axis=0) for name in names])
    for index, name in enumerate(names):
        assert int(np.argmax(centroids @ clips[name][4])) == index
