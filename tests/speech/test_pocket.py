"""Pocket TTS through its real loading code, with a tiny random model made here, and every way it can be missing."""

import os
from pathlib import Path

import numpy as np
import pytest

from synclips.errors import BackendError, ConfigError
from synclips.media.audio import Waveform, write_wav
from synclips.speech.tts import engines, hub, pocket
from synclips.speech.tts.pocket import PocketSynthesizer, load_pocket

CONFIG = """
default_temperature: 0.3
weights_path: {weights}
flow_lm:
  dtype: float32
  insert_bos_before_voice: true
  flow: {{depth: 1, dim: 16}}
  transformer: {{d_model: 32, hidden_scale: 2, max_period: 10000, num_heads: 2, num_layers: 1}}
  lookup_table: {{dim: 32, n_bins: 60, tokenizer: tokenizers, tokenizer_path: {tokenizer}}}
mimi:
  dtype: float32
  sample_rate: 24000
  inner_dim: 8
  outer_dim: 16
  channels: 1
  frame_rate: 12.5
  seanet: {{dimension: 16, channels: 1, n_filters: 2, n_residual_layers: 1, ratios: [6, 5, 4], kernel_size: 7,
    residual_kernel_size: 3, last_kernel_size: 3, dilation_base: 2, pad_mode: constant, compress: 2}}
  transformer: {{d_model: 16, num_heads: 2, num_layers: 1, layer_scale: 0.01, context: 50, dim_feedforward: 16,
    input_dimension: 16, output_dimensions: [16]}}
  quantizer: {{dimension: 8, output_dimension: 16}}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random model as files: config, tokenizer, weights and a voice to imitate."""
    import torch
    from pocket_tts import TTSModel
    from safetensors.torch import save_file
    from tokenizers import Tokenizer, models, trainers

    folder = tmp_path_factory.mktemp("pocket")
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.train_from_iterator(
        ["Hello there. abcdefghijklmnopqrstuvwxyz"], trainers.BpeTrainer(vocab_size=60, special_tokens=["<unk>"])
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    write = lambda weights: (folder / "tiny.yaml").write_text(  # noqa: E731
        CONFIG.format(weights=weights, tokenizer=folder / "tokenizer.json")
    )
    write("null")
    torch.manual_seed(0)
    model = TTSModel.load_model(config=folder / "tiny.yaml")
    torch.nn.init.normal_(model.flow_lm.speaker_proj_weight)
    save_file({name: tensor.clone() for name, tensor in model.state_dict().items()}, folder / "tiny.safetensors")
    write(folder / "tiny.safetensors")
    tone = 0.3 * np.sin(2 * np.pi * 150 * np.arange(24_000) / 24_000)
    write_wav(folder / "voice.wav", Waveform(tone.astype(np.float32), 24_000))
    return folder


@pytest.fixture(scope="module")
def synthesizer(folder: Path) -> PocketSynthesizer:
    return load_pocket(config=folder / "tiny.yaml", voice=folder / "voice.wav")


def test_speaks_and_always_the_same(synthesizer: PocketSynthesizer) -> None:
    first = synthesizer.synthesize("Hello there.").waveform
    assert first.sample_rate == 24_000
    assert len(first.samples) > 0
    assert np.isfinite(first.samples).all()
    synthesizer.synthesize("hello")
    assert np.array_equal(first.samples, synthesizer.synthesize("Hello there.").waveform.samples)


def test_imitates_a_voice(synthesizer: PocketSynthesizer) -> None:
    assert synthesizer.clones
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, 16_000).astype(np.float32)
    other = synthesizer.in_voice_of(Waveform(noise, 16_000))
    assert other is not None
    one, two = (engine.synthesize("Hello").waveform.samples for engine in (synthesizer, other))
    assert len(one) != len(two) or not np.allclose(one, two)


def test_weights_without_cloning_do_not_imitate(synthesizer: PocketSynthesizer) -> None:
    synthesizer.model.has_voice_cloning = False
    try:
        assert synthesizer.in_voice_of(Waveform(np.zeros(16_000, np.float32), 16_000)) is None
    finally:
        synthesizer.model.has_voice_cloning = True


def test_unknown_voice(synthesizer: PocketSynthesizer) -> None:
    with pytest.raises(ConfigError, match="no voice 'nobody'"):
        synthesizer.with_voice("nobody")


def test_broken_weights_are_one_line(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.safetensors").write_bytes(b"not weights")
    config = tmp_path / "broken.yaml"
    config.write_text(CONFIG.format(weights=tmp_path / "broken.safetensors", tokenizer=folder / "tokenizer.json"))
    with pytest.raises(BackendError) as caught:
        load_pocket(config=config, voice=folder / "voice.wav")
    assert "\n" not in str(caught.value)


@pytest.fixture
def no_weights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(pocket, "_weights_are_here", lambda: False)


@pytest.mark.usefixtures("no_weights")
def test_no_network_is_said_at_once_and_auto_falls_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "reachable", lambda *_: False)
    with pytest.raises(BackendError, match="cannot be reached"):
        load_pocket()
    engine, line = engines.choose_synthesizer("auto")
    assert engine.name == "hibari"
    assert "for a better one" in line


@pytest.mark.usefixtures("no_weights")
def test_a_failure_is_remembered_until_it_is_old_or_somebody_asks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(hub, "reachable", lambda host, _: bool(asked.append(host)))
    for times in (1, 1):
        assert any(voice.problem for voice in engines.list_voices())
        assert len(asked) == times
    os.utime(tmp_path / ".synclips-no-network", (0, 0))
    engines.list_voices()
    assert len(asked) == 2
    with pytest.raises(BackendError):
        engines.choose_synthesizer("pocket-tts")
    assert len(asked) == 3


@pytest.mark.usefixtures("no_weights")
def test_offline_switch_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(BackendError, match="HF_HUB_OFFLINE"):
        load_pocket()


def test_a_name_server_that_hangs_costs_seconds_only(monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    released = threading.Event()

    def hang(*_: object, **__: object) -> None:
        released.wait(30)
        raise OSError("gave up")

    monkeypatch.setattr(hub, "_PATIENCE", 0.05)
    monkeypatch.setattr(hub.socket, "create_connection", hang)
    assert not hub.reachable("example.org", 443)
    released.set()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(28, "No space left on device"), "disk is full"),
        (RuntimeError("401 Client Error: gated"), "accepted their terms"),
        (ConnectionError("refused"), "does not answer"),
        (TimeoutError("timed out"), "does not answer"),
        (ValueError("size mismatch\nfor weight"), "size mismatch"),
    ],
)
def test_failures_of_the_hub_are_one_line_each(error: Exception, words: str) -> None:
    with pytest.raises(BackendError, match=words) as caught, hub.hub_errors("pocket-tts"):
        raise error
    assert "\n" not in str(caught.value)
