"""The built-in neural voice: it is understood, says when each word sounds, and repeats itself to the sample."""

from pathlib import Path

import numpy as np
import pytest
import torch

from synclips.errors import BackendError, ConfigError
from synclips.metrics.asr import word_accuracy
from synclips.speech.conversion.world import median_pitch
from synclips.speech.tts import tiny_tts
from synclips.speech.tts.engines import choose_synthesizer, list_voices
from synclips.speech.tts.synthesizer import Synthesizer
from synclips.speech.tts.tiny_tts import SYMBOLS, TinySynthesizer
from synclips.speech.tts.tiny_tts_network import TinyNetwork, TinySize, _Attention

LINE = "Please open the window and close the door."
SMALL = TinySize(hidden=8, inner=16, flows=2, duration=8, decoder=32, upsample_rates=(4, 2), upsample_kernels=(8, 4))


def test_words_are_understood() -> None:
    speech = TinySynthesizer().synthesize(LINE)
    assert word_accuracy(speech.waveform, LINE) > 0.85  # seven of eight words: rounding differs between machines
    assert 150 < (median_pitch(speech.waveform.resampled(16_000)) or 0) < 260
    assert 0.1 < np.abs(speech.waveform.samples).max() <= 1


def test_word_times_follow_each_other_through_the_line() -> None:
    speech = TinySynthesizer().synthesize(LINE)
    assert [time.word for time in speech.words] == LINE.rstrip(".").split()
    edges = [edge for time in speech.words for edge in (time.start, time.end)]
    assert edges == sorted(edges)
    assert edges[0] > 0
    assert edges[-1] < speech.waveform.duration
    loud = np.abs(speech.waveform.samples)
    first = np.flatnonzero(loud > 0.1 * loud.max())[0] / speech.waveform.sample_rate
    assert abs(first - speech.words[0].start) < 0.15


def test_the_same_line_is_the_same_sound_whatever_was_said_before() -> None:
    engine = TinySynthesizer()
    once = engine.synthesize("Hello.").waveform.samples
    torch.manual_seed(7)
    engine.synthesize(LINE)
    assert np.array_equal(engine.synthesize("Hello.").waveform.samples, once)
    assert np.array_equal(engine.synthesize("hello").waveform.samples, once)


def test_punctuation_is_heard_and_odd_text_is_spoken() -> None:
    engine = TinySynthesizer()
    plain, paused, asked = (
        engine.synthesize(text).waveform.samples for text in ("So come here.", "So, come here.", "So come here?")
    )
    assert len(paused) > len(plain)
    assert not np.array_equal(plain, asked)
    for text in ("x", "Mm.", "'tis o'clock", "Zorbifrax: xqzt; hmm!"):
        samples = engine.synthesize(text).waveform.samples
        assert np.isfinite(samples).all()
        assert np.abs(samples).max() > 0.02


def test_is_an_engine_like_the_others() -> None:
    engine, note = choose_synthesizer("tiny-tts:female")
    assert isinstance(engine, Synthesizer)
    assert "neural, built in" in note
    assert engine.with_voice("female") == engine
    assert any(voice.name == "tiny-tts:female" and voice.problem is None for voice in list_voices())
    with pytest.raises(ConfigError, match="no voice 'male'; it has: female"):
        choose_synthesizer("tiny-tts:male")


def test_damaged_weights_are_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "tiny.safetensors"
    broken.write_bytes(b"nothing")
    monkeypatch.setattr(tiny_tts, "WEIGHTS", broken)
    tiny_tts._load.cache_clear()
    try:
        with pytest.raises(BackendError, match="reinstall synclips"):
            TinySynthesizer()
        assert choose_synthesizer("auto")[0].name != "tiny-tts"
    finally:
        tiny_tts._load.cache_clear()


def test_relative_attention_against_its_definition() -> None:
    """Shaw et al. 2018, equations 3 and 4, written out position by position."""
    torch.manual_seed(0)
    attention, x = _Attention(6, 2), torch.randn(1, 6, 11)
    torch.nn.init.normal_(attention.near_keys)
    torch.nn.init.normal_(attention.near_values)
    query, key, value = (part(x)[0].T for part in (attention.query, attention.key, attention.value))
    found = torch.zeros(11, 6)
    for head in range(2):
        part = slice(3 * head, 3 * head + 3)
        for i in range(11):
            shifts = [j - i + 4 for j in range(11)]
            near = [attention.near_keys[s] if 0 <= s <= 8 else torch.zeros(3) for s in shifts]
            scores = torch.stack([query[i, part] @ (key[j, part] + near[j]) for j in range(11)]) / 3**0.5
            near = [attention.near_values[s] if 0 <= s <= 8 else torch.zeros(3) for s in shifts]
            for j, share in enumerate(scores.softmax(0)):
                found[i, part] += share * (value[j, part] + near[j])
    expected = attention.output(found.T[None])
    assert torch.allclose(attention(x), expected, atol=1e-5)


def test_each_symbol_fills_its_steps() -> None:
    torch.manual_seed(1)
    network = TinyNetwork(SMALL).eval()
    symbols, tones = torch.randint(len(SYMBOLS), (9,)), torch.randint(4, (9,))
    with torch.inference_mode():
        quiet, steps = network(symbols, tones, 0.0, torch.Generator().manual_seed(0))
        again, _ = network(symbols, tones, 0.0, torch.Generator().manual_seed(1))
        varied, _ = network(symbols, tones, 1.0, torch.Generator().manual_seed(1))
    assert network.step == 8
    assert len(quiet) == 8 * int(steps.sum())
    assert torch.equal(quiet, again)
    assert not torch.equal(quiet, varied)
