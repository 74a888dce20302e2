"""OpenVoice's converter, tiny and random: its shapes, its inverses, its checkpoint format and every bad file."""

from pathlib import Path

import numpy as np
import pytest
import torch

from synclips.errors import BackendError, CheckpointError
from synclips.media.audio import Waveform
from synclips.speech.conversion import openvoice
from synclips.speech.conversion.hifigan import folded
from synclips.speech.conversion.openvoice import OpenVoiceConverter, load_openvoice
from synclips.speech.conversion.openvoice_network import OpenVoiceNetwork, OpenVoiceSize
from synclips.speech.tts import hub

TINY = OpenVoiceSize(
    latent=8, hidden=8, encoder_layers=2, flows=2, flow_layers=1, colour=16, decoder=32,
    upsample_rates=(8, 8, 2, 2), upsample_kernels=(16, 16, 4, 4), block_kernels=(3,), block_dilations=(1, 3),
)  # fmt: skip


@pytest.fixture
def network() -> OpenVoiceNetwork:
    torch.manual_seed(0)
    return OpenVoiceNetwork(TINY).eval()


def _noise(seconds: float, rate: int = 16_000, seed: int = 0) -> Waveform:
    samples = np.random.default_rng(seed).uniform(-0.3, 0.3, round(seconds * rate))
    return Waveform(samples.astype(np.float32), rate)


@pytest.mark.parametrize("seconds", [0.02, 0.7, 1.3])
def test_as_long_as_the_speech_and_repeatable(network: OpenVoiceNetwork, seconds: float) -> None:
    converter, speech = OpenVoiceConverter(network), _noise(seconds)
    result = converter.convert(speech, _noise(2, seed=1))
    assert len(result.samples) == len(speech.samples)
    assert np.abs(result.samples).max() <= 1
    assert np.array_equal(result.samples, converter.convert(speech, _noise(2, seed=1)).samples)


def test_flow_undoes_itself(network: OpenVoiceNetwork) -> None:
    latent, colour = torch.randn(1, 8, 20), torch.randn(1, 16, 1)
    for layer in network.flow.flows[::2]:
        torch.nn.init.normal_(layer.post.weight)
    there = network.flow(latent, colour)
    assert not torch.allclose(there, latent, atol=1e-2)
    assert torch.allclose(network.flow(there, colour, backwards=True), latent, atol=1e-4)


def test_the_published_architecture_has_its_size() -> None:
    with torch.device("meta"):
        published = OpenVoiceNetwork()
    count = sum(parameter.numel() for parameter in published.parameters())
    assert 30e6 < count < 34e6


def test_weight_normalisation_is_folded() -> None:
    layer = torch.nn.Conv1d(3, 4, 5)
    normalised = torch.nn.utils.parametrizations.weight_norm(torch.nn.Conv1d(3, 4, 5))
    original = normalised.state_dict()
    old_names = {
        "weight_g": original["parametrizations.weight.original0"],
        "weight_v": original["parametrizations.weight.original1"],
        "bias": original["bias"],
    }
    layer.load_state_dict(folded(old_names))
    x = torch.randn(1, 3, 20)
    assert torch.allclose(layer(x), normalised(x), atol=1e-6)


def _checkpoint(network: OpenVoiceNetwork, path: Path) -> None:
    """As published: {"model": tensors}, weight-normalised."""
    tensors: dict[str, torch.Tensor] = {}
    for name, tensor in network.state_dict().items():
        if name.endswith(".weight") and tensor.dim() == 3:
            tensors[f"{name}_v"], tensors[f"{name}_g"] = 2 * tensor, tensor.flatten(1).norm(dim=1)[:, None, None]
        else:
            tensors[name] = tensor
    torch.save({"model": tensors, "iteration": 1}, path)


def test_loads_a_checkpoint_in_the_published_form(
    network: OpenVoiceNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "checkpoint.pth"
    _checkpoint(network, path)
    monkeypatch.setattr("synclips.speech.conversion.openvoice_network.OpenVoiceNetwork", lambda: OpenVoiceNetwork(TINY))
    monkeypatch.setattr(openvoice, "SHA256", "unused")
    loaded = load_openvoice(path, sha256=openvoice._hash(path))
    speech, reference = _noise(0.5), _noise(2, seed=1)
    expected = OpenVoiceConverter(network).convert(speech, reference)
    assert np.allclose(loaded.convert(speech, reference).samples, expected.samples, atol=1e-5)


def test_wrong_and_damaged_files(network: OpenVoiceNetwork, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pth"
    with pytest.raises(CheckpointError, match="no such file"):
        load_openvoice(path)
    path.write_bytes(b"garbage")
    with pytest.raises(CheckpointError, match="sha256 differs"):
        load_openvoice(path)
    with pytest.raises(CheckpointError, match="not a checkpoint") as caught:
        load_openvoice(path, sha256=None)
    assert "\n" not in str(caught.value)
    _checkpoint(network, path)
    with pytest.raises(CheckpointError, match="not a checkpoint"):
        load_openvoice(path, sha256=None)


def test_no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(hub, "is_cached", lambda *_: False)
    monkeypatch.setattr(hub, "reachable", lambda *_: False)
    with pytest.raises(BackendError, match="cannot be reached"):
        load_openvoice()
