"""Whatever is given as text or as reference: a clear line or speech, never a crash, never beyond -1 dBTP."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

from synclips.errors import TextError
from synclips.media.audio import Waveform, read_audio
from synclips.speech.conversion.world import median_pitch
from synclips.speech.loudness import TRUE_PEAK, true_peak
from synclips.speech.synthesis import SpokenLine, speak
from synclips.speech.tts.espeak import EspeakSynthesizer

RATE = 16_000
LINE = "Place red at G 9."


def _said(voice: str, text: str) -> np.ndarray:
    return EspeakSynthesizer(voice).synthesize(text).waveform.resampled(RATE).samples


@pytest.fixture(scope="module")
def spoken() -> np.ndarray:
    """Some five seconds of a synthetic woman."""
    texts = ("please open the window and close the door", "she told me that the train was late")
    return np.concatenate([_said("en-us+f2", text) for text in texts])


def _chord(samples: np.ndarray) -> np.ndarray:
    """Steady notes under the speech, as loud as it is."""
    times = np.arange(len(samples)) / RATE
    notes = sum(np.sin(2 * np.pi * hertz * times) for hertz in (220, 277.2, 329.6, 440, 554.4))
    return samples + notes * (samples.std() / np.std(notes))


def _with_a_man(samples: np.ndarray) -> np.ndarray:
    """A second voice over the first."""
    other = _said("en-us+klatt4", "the weather will be fine tomorrow morning and in the evening")
    return samples + np.resize(other, len(samples))


REFERENCES: dict[str, tuple[Callable[[np.ndarray], np.ndarray], str]] = {
    "music under it": (_chord, ""),
    "two voices at once": (_with_a_man, ""),
    "half a second": (lambda x: x[: RATE // 2], "2 s are needed"),
    "clipped": (lambda x: np.clip(x * 8, -1, 1), "clipped"),
    "far beyond full scale": (lambda x: x * 1e4, ""),
    "silence": (np.zeros_like, "silent"),
    "one sample": (lambda x: x[:1], "silent"),
    "not numbers": (lambda x: np.where(np.arange(len(x)) % 97 == 0, np.nan, x), ""),
    "loud noise": (lambda x: np.random.default_rng(0).uniform(-1, 1, len(x)), "steady sound"),
    "a constant": (np.ones_like, "the synthesizer's own voice is kept"),
}


def _safe(line: SpokenLine) -> None:
    assert line.duration > 0.2
    assert np.isfinite(line.waveform.samples).all()
    assert true_peak(line.waveform) <= TRUE_PEAK * 1.001
    assert all("\n" not in note for note in line.notes)


@pytest.mark.parametrize("name", REFERENCES)
def test_any_reference(name: str, spoken: np.ndarray) -> None:
    spoil, words = REFERENCES[name]
    line = speak(LINE, Waveform(spoil(spoken).astype(np.float32), RATE), synthesizer="espeak")
    _safe(line)
    assert not words or any(words in note for note in line.notes)


@pytest.mark.parametrize(("rate", "channels"), [(8_000, 1), (44_100, 2), (8_000, 2), (48_000, 6)])
def test_any_recording(rate: int, channels: int, spoken: np.ndarray, tmp_path: Path) -> None:
    """Telephone, stereo and surround files say the same voice as the mono one."""
    samples = Waveform(spoken, RATE).resampled(rate).samples
    scaled = np.clip(samples / np.abs(samples).max() * 20_000, -32_768, 32_767).astype(np.int16)
    wavfile.write(tmp_path / "voice.wav", rate, np.repeat(scaled[:, None], channels, axis=1))
    line = speak(LINE, read_audio(tmp_path / "voice.wav"), synthesizer="espeak")
    _safe(line)
    assert line.converter == "world"
    assert line.f0_target == pytest.approx(median_pitch(Waveform(spoken, RATE)), rel=0.1)


@pytest.mark.parametrize(
    ("text", "words"),
    [("😀🎉", "nothing to speak"), ("word " * 10_000, "split it"), ("\x00\x1b\x07", "nothing")],
)
def test_texts_that_cannot_be_spoken(text: str, words: str) -> None:
    with pytest.raises(TextError, match=words) as caught:
        speak(text, synthesizer="espeak")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ['<speak>Hi<break time="9999s"/> you</speak>', "Hi\x00\x1b[31m there\x07", "a < b && c > d", "[[inp]] {x}"]
)
def test_texts_that_look_like_code_are_spoken(text: str) -> None:
    line = speak(text, synthesizer="espeak")
    _safe(line)
    assert line.duration < 8
