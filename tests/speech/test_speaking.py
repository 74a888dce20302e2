"""From text to the finished line: what is reported, what is refused, and what a bad reference leads to."""

import numpy as np
import pytest

from synclips.errors import ConfigError
from synclips.media.audio import Waveform
from synclips.speech import synthesis
from synclips.speech.conversion.world import median_pitch
from synclips.speech.loudness import TRUE_PEAK, true_peak
from synclips.speech.pronunciation.given import Pronunciation
from synclips.speech.reference_voice import analyse_reference
from synclips.speech.synthesis import SpokenLine, nearest_voice, speak
from synclips.speech.tts.espeak import EspeakSynthesizer
from synclips.speech.tts.synthesizer import Speech

RATE = 16_000
LINE = "Place red at G 9 soon."


@pytest.fixture(scope="module")
def reference() -> Waveform:
    """A synthetic woman in a quiet room."""
    engine = EspeakSynthesizer("en-us+f2")
    texts = ("please open the window", "she told me that the train was late", "he could not find his keys")
    pause = np.zeros(RATE // 2, np.float32)
    pieces = [piece for text in texts for piece in (engine.synthesize(text).waveform.resampled(RATE).samples, pause)]
    samples = np.concatenate(pieces)
    noise = 2e-3 * np.random.default_rng(0).standard_normal(len(samples))
    return Waveform((samples + noise).astype(np.float32), RATE)


@pytest.fixture(scope="module")
def line(reference: Waveform) -> SpokenLine:
    return speak(LINE, reference, synthesizer="espeak")


def test_the_report_is_complete(line: SpokenLine) -> None:
    assert line.synthesizer == "espeak:en-us+klatt4"
    assert line.converter == "world"
    assert line.similarity_before is not None
    assert line.similarity_after is not None
    assert line.similarity_after > line.similarity_before + 0.05
    assert line.f0_target is not None
    assert line.f0_result == pytest.approx(line.f0_target, rel=0.1)
    assert line.duration == pytest.approx(len(line.waveform.samples) / RATE)
    assert [word.word for word in line.words] == ["Place", "red", "at", "G", "nine", "soon"]
    assert all(0 <= word.start < word.end <= line.duration for word in line.words)


def test_loudness_is_the_reference_s_and_peaks_are_safe(line: SpokenLine, reference: Waveform) -> None:
    assert line.loudness == pytest.approx(analyse_reference(reference).loudness, abs=2)
    assert true_peak(line.waveform) <= TRUE_PEAK * 1.001


def test_same_line_same_sound(line: SpokenLine, reference: Waveform) -> None:
    assert np.array_equal(speak(LINE, reference, synthesizer="espeak").waveform.samples, line.waveform.samples)


def test_background_is_kept_or_not(line: SpokenLine, reference: Waveform) -> None:
    clean = speak(LINE, reference, synthesizer="espeak", background="none")
    added = line.waveform.samples - clean.waveform.samples
    assert added.std() == pytest.approx(2e-3, rel=0.3)


def test_without_a_reference_the_engine_s_voice_speaks() -> None:
    line = speak("Hello. Are you there?", synthesizer="espeak")
    assert line.converter is None
    assert line.similarity_after is None
    assert line.loudness == pytest.approx(-23, abs=0.5)


def test_conversion_can_be_left_out(reference: Waveform) -> None:
    line = speak(LINE, reference, synthesizer="espeak", convert=False)
    assert line.converter is None


@pytest.mark.parametrize(
    ("samples", "words"),
    [(np.zeros(3 * RATE), "silent"), (np.zeros(0), "silent"), (np.ones(10), "silent|steady|needed")],
)
def test_a_bad_reference_is_said_and_the_line_spoken(samples: np.ndarray, words: str) -> None:
    line = speak(LINE, Waveform(samples.astype(np.float32), RATE), synthesizer="espeak")
    assert line.converter is None
    assert any(word in note for note in line.notes for word in words.split("|"))
    assert line.duration > 1


def test_speed() -> None:
    slow, fast = (speak(LINE, synthesizer="espeak", speed=speed).duration for speed in (0.8, 1.6))
    assert slow == pytest.approx(2 * fast, rel=0.01)


@pytest.mark.parametrize("options", [{"strength": 1.5}, {"speed": 0.1}, {"synthesizer": "x"}])
def test_arguments_out_of_range(options: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        speak(LINE, **options)


class TwoVoices:
    """eSpeak with the reference's own voice among its voices."""

    name = "two"
    voices = ("en-us+klatt4", "en-us+f2")

    def __init__(self, voice: str = "en-us+klatt4") -> None:
        self.voice = voice

    def with_voice(self, voice: str) -> "TwoVoices":
        return TwoVoices(voice)

    def in_voice_of(self, speech: Waveform) -> None:
        del speech

    def at_pitch(self, median: float, spread: float) -> None:
        del median, spread

    def pronouncing(self, given: tuple[Pronunciation, ...]) -> None:
        del given

    def synthesize(self, text: str) -> Speech:
        return EspeakSynthesizer(self.voice).synthesize(text)


def test_the_nearest_of_an_engine_s_voices_is_taken(reference: Waveform) -> None:
    assert nearest_voice(TwoVoices(), analyse_reference(reference)).voice == "en-us+f2"


def test_a_woman_is_not_given_a_man_s_voice(reference: Waveform, monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedding may prefer him a little: the pitch decides."""
    monkeypatch.setattr(synthesis, "similarity", lambda one, _: 0.1 * float(one[0]))

    class Encoder:
        def embed(self, sound: Waveform) -> np.ndarray:
            return np.array([1.0 if (median_pitch(sound) or 0) < 150 else 0.0])

    monkeypatch.setattr(synthesis, "speaker_encoder", Encoder)
    heard = analyse_reference(reference)
    assert (median_pitch(heard.speech) or 0) > 150
    assert nearest_voice(TwoVoices(), heard).voice == "en-us+f2"
