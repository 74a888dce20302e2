"""The equaliser that a conversion lacks is found, kept, and taken with care where the reference is short."""

import numpy as np
import pytest

from synclips.media.audio import Waveform
from synclips.speech import synthesis
from synclips.speech.conversion import calibration, converter
from synclips.speech.conversion.calibration import DOUBTED, SENTENCES, missing_colour, trust
from synclips.speech.conversion.converter import WorldConverter
from synclips.speech.conversion.spectral_match import coloured
from synclips.speech.conversion.world import ORDER
from synclips.speech.speaker_encoder import similarity, speaker_encoder
from synclips.speech.synthesis import converter_for
from synclips.speech.tts.espeak import EspeakSynthesizer
from synclips.speech.tts.synthesizer import Speech

RATE = 16_000


@pytest.fixture(scope="module")
def lines() -> tuple[Waveform, ...]:
    engine = EspeakSynthesizer()
    return tuple(engine.synthesize(text).waveform.resampled(RATE) for text in SENTENCES)


@pytest.fixture(scope="module")
def reference() -> Waveform:
    engine = EspeakSynthesizer("en-us+f2")
    texts = ("please open the window", "she told me that the train was late")
    return Waveform(np.concatenate([engine.synthesize(t).waveform.resampled(RATE).samples for t in texts]), RATE)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A third of the steps of the descent."""
    monkeypatch.setattr(calibration, "_STEPS", 8)


@pytest.mark.usefixtures("quick")
def test_the_equaliser_between_two_copies_of_a_voice_is_found(lines: tuple[Waveform, ...]) -> None:
    known = np.zeros(ORDER)
    known[1:5] = 1.2, -1.0, 0.8, 0.6
    other = coloured(Waveform(np.concatenate([line.samples for line in lines]), RATE), known)
    found = missing_colour(lines[:2], other)
    assert found[0] == 0
    assert found[1] > 0.1
    assert found[2] < -0.1
    embed, wanted = speaker_encoder().embed, speaker_encoder().embed(other)
    before, after = (similarity(embed(line), wanted) for line in (lines[0], coloured(lines[0], found)))
    assert after > before + 0.01


def test_nothing_to_hear_changes_nothing(lines: tuple[Waveform, ...]) -> None:
    silence = Waveform(np.zeros(2 * RATE, np.float32), RATE)
    assert not missing_colour(lines, silence).any()
    assert not missing_colour((), lines[0]).any()
    assert not missing_colour((Waveform(lines[0].samples[:1000], RATE),), lines[0]).any()
    assert coloured(lines[0], np.zeros(ORDER)) is lines[0]


def test_short_references_are_trusted_less() -> None:
    assert trust(0.0) == 0
    assert trust(DOUBTED) == pytest.approx(0.5)
    assert trust(3.0) < trust(15.0) < 1


@pytest.mark.usefixtures("quick")
def test_converted_speech_comes_nearer(lines: tuple[Waveform, ...], reference: Waveform) -> None:
    plain = WorldConverter(source="espeak:en-us+klatt4")
    calibrated = plain.calibrated(lines[:2], reference)
    embed, wanted = speaker_encoder().embed, speaker_encoder().embed(reference)
    unheard = EspeakSynthesizer().synthesize("a quick brown fox jumps over the dog").waveform.resampled(RATE)
    before, after = (similarity(embed(c.convert(unheard, reference)), wanted) for c in (plain, calibrated))
    assert after > before
    assert len(calibrated.convert(unheard, reference).samples) == len(unheard.samples)


def test_one_calibration_serves_all_lines_of_a_voice(reference: Waveform, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[float] = []
    line = Speech(Waveform(np.zeros(100, np.float32), RATE))

    def counted(_lines: tuple[Waveform, ...], _reference: Waveform) -> np.ndarray:
        found.append(1.0)
        return np.ones(ORDER)

    monkeypatch.setattr(converter, "missing_colour", counted)
    monkeypatch.setattr(synthesis, "speak_sentences", lambda *_: line)
    monkeypatch.setattr(synthesis, "_MOST_CALIBRATED", 2)
    synthesis._calibrated.clear()
    engine = EspeakSynthesizer()
    first = converter_for(engine, reference)
    assert isinstance(first, WorldConverter)
    assert converter_for(engine, reference) is first
    assert first.colour == (trust(reference.duration),) * ORDER
    half = converter_for(engine, reference, strength=0.5)
    assert isinstance(half, WorldConverter)
    assert half.colour == (0.5 * trust(reference.duration),) * ORDER
    assert converter_for(engine, reference, strength=0.0) == WorldConverter(0.0, "espeak:en-us+klatt4")
    assert len(found) == 2
    assert converter_for(engine, Waveform(reference.samples[:-100], RATE)) is not first
    assert len(synthesis._calibrated) == 2
    assert converter_for(engine, reference) is not first
    synthesis._calibrated.clear()
