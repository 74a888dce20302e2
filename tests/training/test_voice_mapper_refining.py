"""The second schooling: lines come out more like the person, the frames stay near, and it repeats itself."""

from pathlib import Path

import numpy as np
import pytest
import torch

from synclips.media.audio import Waveform, write_wav
from synclips.speech.conversion.converter import average_deviation
from synclips.speech.conversion.voice_mapper import load_voice_mapper
from synclips.speech.conversion.world import Frames, analyse, envelope_of, synthesise
from synclips.speech.speaker_encoder import level_mel
from synclips.speech.tts.espeak import EspeakSynthesizer
from synclips.training import voice_lines
from synclips.training.voice_lines import Lines, Person, gain_of_cepstra, hear_people, hear_person
from synclips.training.voice_mapper import likeness, refine_mapper

RATE = 16_000


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> Person:
    """A synthetic woman with three clips whose names say their texts, as GRID's do."""
    folder, engine = tmp_path_factory.mktemp("s1"), EspeakSynthesizer("en-us+f2")
    texts = {
        "bbaf2n": "bin blue at f two now",
        "lgwz7p": "lay green with z seven please",
        "srik4s": "set red in k four soon",
    }
    for name, text in texts.items():
        sound = engine.synthesize(text).waveform.resampled(RATE)
        write_wav(folder / f"{name}.wav", Waveform(np.pad(sound.samples, 8000), RATE))
    return hear_person(sorted(folder.glob("*.wav")), average_deviation())


@pytest.fixture
def lines(person: Person, monkeypatch: pytest.MonkeyPatch) -> Lines:
    monkeypatch.setattr(voice_lines, "VOICES", ("espeak:en-us+klatt4",))
    monkeypatch.setattr(voice_lines, "DEFAULT_VOICE", "espeak:en-us+klatt4")
    monkeypatch.setattr(voice_lines, "SENTENCES", ("thank you very much", "where did you put it"))
    monkeypatch.setattr(voice_lines, "BATCH", 2)
    return Lines({"somebody": person}, average_deviation())


def test_lines_come_nearer_to_the_person(lines: Lines) -> None:
    mapper, _ = load_voice_mapper()
    once, again = (refine_mapper(mapper, Lines(lines.people, lines.average_deviation), 1) for _ in range(2))
    for one, other in zip(once.state_dict().values(), again.state_dict().values(), strict=True):
        assert torch.equal(one, other)
    refined = refine_mapper(mapper, lines, 8)
    batch = next(lines.batches(1))
    alike = []
    for network in (mapper, refined):
        with torch.inference_mode():
            inputs = (batch.source, batch.voiced, batch.reference, batch.reference_voiced, batch.present, batch.spread)
            alike.append(float(likeness(network(*inputs), batch).mean()))
    assert alike[1] > alike[0] + 0.01


def test_a_gain_on_the_spectrum_is_a_gain_on_the_sound() -> None:
    """What the mapper is taught with is what the converter does."""
    frames = analyse(EspeakSynthesizer().synthesize("thank you very much").waveform.resampled(RATE))
    change = np.zeros(40)
    change[1:4] = 3.0, -2.0, 1.5
    count = len(frames.f0) * 80
    sounds = [
        synthesise(Frames(frames.f0, frames.envelope + gain, frames.aperiodicity), count).samples
        for gain in (np.zeros(513), envelope_of(change[None])[0])
    ]
    plain, changed = (level_mel(sound).mean(axis=0) for sound in sounds)
    expected = plain * np.exp(change @ gain_of_cepstra())
    shift = np.log(changed) - np.log(expected)
    assert np.abs(shift - np.median(shift)).mean() < 0.15


def test_speakers_without_clips_are_said(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no voice"):
        hear_people(tmp_path, average_deviation())
