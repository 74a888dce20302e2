"""A voice is found where there is one, and refused with a reason where there is none."""

import numpy as np
import pytest

from synclips.media.audio import Waveform
from synclips.speech.reference_voice import MOST_SPEECH, analyse_reference
from synclips.speech.tts.espeak import EspeakSynthesizer
from synclips.speech.vad import detect_speech, only_speech

RATE = 16_000


def _waveform(samples: np.ndarray, rate: int = RATE) -> Waveform:
    return Waveform(samples.astype(np.float32), rate)


@pytest.fixture(scope="module")
def spoken() -> Waveform:
    """Some four seconds of speech in a quiet room."""
    engine = EspeakSynthesizer()
    pause, generator = np.zeros(RATE // 2, np.float32), np.random.default_rng(0)
    lines = [engine.synthesize(t).waveform.resampled(RATE).samples for t in ("place red at g nine soon", "he is here")]
    samples = np.concatenate([pause, lines[0], pause, lines[1], pause, lines[0], pause])
    return _waveform(samples + 1e-3 * generator.standard_normal(len(samples)))


def _music() -> np.ndarray:
    generator, samples = np.random.default_rng(0), np.zeros(8 * RATE)
    times = np.arange(RATE // 2) / RATE
    for start in range(0, 8 * RATE, RATE // 2):
        for note in generator.choice([220, 247, 262, 294, 330, 349, 392, 440], 3):
            samples[start : start + RATE // 2] += np.exp(-6 * times) * sum(
                np.sin(2 * np.pi * note * k * times) / k for k in (1, 2, 3)
            )
    return samples / np.abs(samples).max() / 2


def test_speech_is_usable_and_its_pauses_are_found(spoken: Waveform) -> None:
    heard = analyse_reference(spoken)
    assert heard.usable
    assert heard.notes == ()
    assert 2 < heard.seconds < spoken.duration
    assert heard.noise is not None
    assert heard.noise.samples.std() == pytest.approx(1e-3, rel=0.3)


def test_activity_marks_the_speech(spoken: Waveform) -> None:
    activity = detect_speech(spoken)
    assert not activity.speech[:30].any()
    assert activity.speech[60:150].mean() > 0.8
    assert only_speech(spoken, activity).duration == pytest.approx(activity.seconds, abs=0.02)


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        (np.zeros(0), "silent"),
        (np.zeros(5 * RATE), "silent"),
        (0.1 * np.random.default_rng(0).standard_normal(5 * RATE), "steady sound"),
        (0.1 * np.sin(2 * np.pi * 50 * np.arange(5 * RATE) / RATE), "steady sound"),
        (_music(), "music"),
    ],
)
def test_no_voice_and_the_reason(samples: np.ndarray, reason: str) -> None:
    heard = analyse_reference(_waveform(samples))
    assert not heard.usable
    assert reason in heard.notes[0]
    assert "\n" not in heard.notes[0]


def test_half_a_second_is_too_little(spoken: Waveform) -> None:
    heard = analyse_reference(_waveform(spoken.samples[RATE // 4 : RATE]))
    assert not heard.usable
    assert "2 s are needed" in heard.notes[0]


def test_clipping_is_noted_and_used(spoken: Waveform) -> None:
    heard = analyse_reference(_waveform(np.clip(spoken.samples * 30, -1, 1)))
    assert heard.usable
    assert "clipped" in heard.notes[0]


def test_two_voices_are_noted() -> None:
    texts = ("the weather will be fine tomorrow morning", "please open the window and close the door")
    halves = [
        EspeakSynthesizer(voice).synthesize(text).waveform.resampled(RATE).samples
        for voice in ("en-us+klatt4", "en-us+f2")
        for text in texts
    ]
    assert any("two voices" in note for note in analyse_reference(_waveform(np.concatenate(halves))).notes)
    alone = analyse_reference(_waveform(np.concatenate([*halves[:2], np.zeros(4000), *halves[:2]])))
    assert not any("two voices" in note for note in alone.notes)


def test_eight_kilohertz_and_long_recordings(spoken: Waveform) -> None:
    assert analyse_reference(spoken.resampled(8000)).usable
    long = analyse_reference(_waveform(np.tile(spoken.samples, 15)))
    assert long.speech.duration <= MOST_SPEECH
