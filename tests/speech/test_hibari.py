"""The built-in neural voice: it is understood, says when each word sounds, and repeats itself to the sample."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from synclips.errors import BackendError, ConfigError
from synclips.metrics.asr import word_accuracy
from synclips.speech.conversion.world import median_pitch
from synclips.speech.tts import hibari
from synclips.speech.tts.engines import choose_synthesizer, list_voices
from synclips.speech.tts.hibari import SYMBOLS, HibariSynthesizer
from synclips.speech.tts.hibari_network import HibariNetwork, HibariSize
from synclips.speech.tts.hibari_vocoder import BINS, HOP, SAMPLE_RATE, SPECTRA, pulse_train, vocode
from synclips.speech.tts.synthesizer import Synthesizer

LINE = "Please open the window and close the door."
SMALL = HibariSize(prosody=8, prosody_passes=2, text=8, text_passes=1, decoder=16, decoder_inner=24, decoder_blocks=2)


def test_words_are_understood() -> None:
    speech = HibariSynthesizer().synthesize(LINE)
    assert word_accuracy(speech.waveform, LINE) > 0.85  # seven of eight words: rounding differs between machines
    assert 150 < (median_pitch(speech.waveform.resampled(16_000)) or 0) < 230
    assert 0.1 < np.abs(speech.waveform.samples).max() <= 1


def test_word_times_follow_each_other_through_the_line() -> None:
    speech = HibariSynthesizer().synthesize(LINE)
    assert [time.word for time in speech.words] == LINE.rstrip(".").split()
    edges = [edge for time in speech.words for edge in (time.start, time.end)]
    assert edges == sorted(edges)
    assert edges[0] > 0
    assert edges[-1] < speech.waveform.duration
    loud = np.flatnonzero(np.abs(speech.waveform.samples) > 0.1 * np.abs(speech.waveform.samples).max())
    assert -0.01 < loud[0] / SAMPLE_RATE - speech.words[0].start < 0.06  # a sound begins softly, never before its time
    assert abs(loud[-1] / SAMPLE_RATE - speech.words[-1].end) < 0.4  # the last sound fades


def test_the_same_line_is_the_same_sound_whatever_was_said_before() -> None:
    engine = HibariSynthesizer()
    once = engine.synthesize("Hello.").waveform.samples
    torch.manual_seed(7)
    engine.synthesize(LINE)
    assert np.array_equal(engine.synthesize("Hello.").waveform.samples, once)


def test_punctuation_is_heard_and_odd_text_is_spoken() -> None:
    engine = HibariSynthesizer()
    plain, paused, asked = (
        engine.synthesize(text).waveform.samples for text in ("So come here.", "So, come here.", "So come here?")
    )
    assert len(paused) > len(plain)
    assert len(asked) != len(plain) or not np.array_equal(plain, asked)
    for text in ("x", "Mm.", "'tis o'clock", "Zorbifrax: xqzt; hmm!"):
        samples = engine.synthesize(text).waveform.samples
        assert np.isfinite(samples).all()
        assert np.abs(samples).max() > 0.02


def test_is_an_engine_like_the_others() -> None:
    engine, note = choose_synthesizer("hibari:heart")
    assert isinstance(engine, Synthesizer)
    assert "neural, built in" in note
    assert engine.with_voice("heart") == engine
    assert any(voice.name == "hibari:heart" and voice.problem is None for voice in list_voices())
    with pytest.raises(ConfigError, match="no voice 'male'; it has: heart"):
        choose_synthesizer("hibari:male")


def test_speaks_at_another_pitch_in_the_same_time() -> None:
    engine = HibariSynthesizer()
    plain = engine.synthesize(LINE)
    higher = engine.at_pitch(230.0, 0.2)
    assert higher is not None
    moved = higher.synthesize(LINE)
    assert median_pitch(moved.waveform.resampled(16_000)) == pytest.approx(230, rel=0.08)
    assert moved.words == plain.words
    assert word_accuracy(moved.waveform, LINE) > 0.85
    assert engine.at_pitch(100.0, 0.2) is None


def test_phones_fill_the_sound() -> None:
    sound, symbols, steps = HibariSynthesizer().phones("Hello.")
    assert "".join(SYMBOLS[place] for place in symbols) == "həlˈO."
    assert len(sound.samples) == sum(steps) * 2 * HOP


def test_needs_no_other_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "espeakng_loader", None)
    monkeypatch.setattr("subprocess.run", lambda *_, **__: pytest.fail("a process was started"))
    assert HibariSynthesizer().synthesize("Hello zorbifrax.").waveform.duration > 0.5


def test_damaged_weights_are_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "hibari.safetensors"
    broken.write_bytes(b"nothing")
    monkeypatch.setattr(hibari, "WEIGHTS", broken)
    hibari._load.cache_clear()
    try:
        with pytest.raises(BackendError, match="reinstall synclips"):
            HibariSynthesizer()
        assert choose_synthesizer("auto")[0].name != "hibari"
    finally:
        hibari._load.cache_clear()


def test_each_symbol_fills_its_steps() -> None:
    torch.manual_seed(1)
    network = HibariNetwork(len(SYMBOLS), SMALL).eval()
    symbols = torch.randint(len(SYMBOLS), (9,))
    with torch.inference_mode():
        prosody = network.plan(symbols)
        spectra = network.decode(symbols, prosody)
    assert prosody.steps.min() >= 1
    assert prosody.f0.shape == prosody.energy.shape == (2 * int(prosody.steps.sum()),)
    assert spectra.shape == (len(SPECTRA), len(prosody.f0), BINS)


def test_pulses_hold_every_harmonic_at_one_amplitude() -> None:
    pulses = pulse_train(np.full(400, 200.0, np.float32))
    level = np.abs(np.fft.rfft(pulses[:SAMPLE_RATE] * np.hanning(SAMPLE_RATE))) / (SAMPLE_RATE / 4)
    assert np.allclose(level[200:11_000:200], 1, atol=0.05)
    assert level[300:11_000:200].max() < 0.05
    assert not pulse_train(np.zeros(10, np.float32)).any()


def test_the_vocoder_gives_back_a_flat_filter_s_pulses_and_silence() -> None:
    frames = 80
    spectra = np.full((len(SPECTRA), frames, BINS), -30, np.float32)
    f0 = np.full(frames, 150, np.float32)
    assert np.abs(vocode(spectra, f0)).max() < 1e-6
    spectra[SPECTRA.index("harmonic")] = 0
    spectra[SPECTRA.index("phase")] = 0
    made, wanted = vocode(spectra, f0), pulse_train(f0)
    inside = slice(4 * HOP, -4 * HOP)
    assert np.corrcoef(made[inside], wanted[inside])[0, 1] > 0.999
    assert np.array_equal(vocode(spectra, f0), made)


def test_the_import_script_names_the_same_symbols() -> None:
    script = (Path(__file__).parents[2] / "scripts" / "import_hibari.py").read_text()
    [symbols] = re.findall(r'^SYMBOLS = "(.*)"$', script, re.MULTILINE)
    assert tuple(symbols) == SYMBOLS[1:]
