"""The second stage: lines come out more like the person, phones stay near, and a resumed run equals a whole one."""

from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter1d

from synclips.media.audio import Waveform, write_wav
from synclips.models.checkpoint import load_into
from synclips.speech.conversion.calibration import band_widths, gain_of_cepstra
from synclips.speech.conversion.converter import SMOOTHING, average_deviation
from synclips.speech.conversion.voice_mapper import VoiceMapper, load_voice_mapper
from synclips.speech.conversion.world import Frames, analyse, envelope_of, synthesise
from synclips.speech.speaker_encoder import level_mel
from synclips.speech.tts.espeak import EspeakSynthesizer
from synclips.training import voice_lines
from synclips.training.loop import run_stage
from synclips.training.phone_recogniser import PhoneRecogniser
from synclips.training.voice_lines import (
    LineBatch,
    Lines,
    Person,
    hear_people,
    hear_person,
)
from synclips.training.voice_mapper import LINES, RECIPE, LineStage, mapped
from synclips.training.voice_rendering import likeness, rendered, smoothed

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


@pytest.fixture(scope="module")
def recogniser() -> PhoneRecogniser:
    torch.manual_seed(0)
    return PhoneRecogniser(width=16, layers=2)


def test_lines_come_nearer_to_the_person(lines: Lines, recogniser: PhoneRecogniser, tmp_path: Path) -> None:
    before, _ = load_voice_mapper()
    config = replace(LINES, steps=8, validate=8, ema=0.0)
    best = run_stage(LineStage(deepcopy(before), lines, recogniser, config), RECIPE, tmp_path)
    batch = lines.batch(99)
    alike = []
    for network in (before, load_into(best, VoiceMapper())):
        with torch.inference_mode():
            alike.append(float(likeness(rendered(mapped(network, batch), batch), batch).mean()))
    assert alike[1] > alike[0] + 0.01


def test_a_resumed_stage_is_a_whole_one(lines: Lines, recogniser: PhoneRecogniser, tmp_path: Path) -> None:
    config = replace(LINES, steps=4, validate=2)

    def run(folder: Path, stop: int | None = None) -> dict[str, torch.Tensor]:
        def leave(_: str, done: int, __: int) -> None:
            if done == stop:
                raise KeyboardInterrupt

        mapper, _ = load_voice_mapper()
        stage = LineStage(deepcopy(mapper), Lines(lines.people, lines.average_deviation), recogniser, config)
        run_stage(stage, RECIPE, folder, on_progress=leave)
        return torch.load(folder / "last.pt", weights_only=True)["networks"]["model"]

    whole = run(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "parts", stop=3)
    for name, value in run(tmp_path / "parts").items():
        assert torch.equal(value, whole[name]), name


def test_rendered_is_what_the_converter_does(lines: Lines) -> None:
    """The smoothed, levelled and spread change of a line, against the converter's own steps in numpy."""
    mapper, _ = load_voice_mapper()
    batch = lines.batch(3)
    with torch.inference_mode():
        heard = mapped(mapper, batch)
        mel = rendered(heard, batch)
    change = gaussian_filter1d((heard - batch.source)[0].numpy(), SMOOTHING, axis=0, mode="nearest")
    assert np.allclose(smoothed(heard - batch.source)[0].numpy(), change, atol=0.02)
    assert mel.shape == batch.mel.shape
    widths = torch.from_numpy(band_widths())
    assert torch.allclose((mel @ widths).sum(1), (batch.mel @ widths).sum(1), rtol=1e-3)
    unchanged = replace(batch, colour=batch.mel.mean(dim=1))
    still = rendered(batch.source, replace(unchanged, mean=own_mean(batch), deviation=own_deviation(batch)))
    assert float((torch.log(still + 1e-3) - torch.log(batch.mel + 1e-3)).abs().mean()) < 0.35


def own_mean(batch: LineBatch) -> torch.Tensor:
    """The source's statistics, solved from its cepstra and normalised frames."""
    return batch.cepstra.mean(1) - batch.source.mean(1) * own_deviation(batch)


def own_deviation(batch: LineBatch) -> torch.Tensor:
    return batch.cepstra.std(1) / batch.source.std(1)


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
