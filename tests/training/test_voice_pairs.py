"""The training recipe on a corpus made here: it learns, it repeats itself, and what it saves loads again."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from synclips.models.checkpoint import load_into
from synclips.speech.conversion.voice_mapper import VoiceMapper, load_voice_mapper
from synclips.training.loop import run_stage
from synclips.training.voice_mapper import PAIRS, RECIPE, PairStage, losses, save_mapper
from synclips.training.voice_pairs import VOICES, Corpus, Pairs, Recording, align, grid_text


def _recording(texture: np.ndarray, offset: float, length: int = 60) -> Recording:
    times = np.linspace(0, 1, length)[:, None]
    cepstra = np.sin(2 * np.pi * times * (1 + texture)) + offset
    everywhere = np.ones(length, bool)
    return Recording(cepstra, everywhere, everywhere, everywhere, np.full(length, 4.6))


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    generator = np.random.default_rng(0)
    textures = {text: generator.uniform(0, 2, 40) for text in ("one", "two", "three", "four")}
    spoken = {
        voice: {text: _recording(texture, index * 0.5) for text, texture in textures.items()}
        for index, voice in enumerate(VOICES)
    }
    targets = {name: [(t, _recording(x, 3.0)) for t, x in textures.items()] for name in ("s1", "s2")}
    targets |= {voice: list(spoken[voice].items()) for voice in VOICES[1:]}
    every = {name: [r for _, r in rs] for name, rs in targets.items()} | {v: list(spoken[v].values()) for v in VOICES}
    statistics = {}
    for name, recordings in every.items():
        cepstra = np.concatenate([r.cepstra for r in recordings])
        statistics[name] = (cepstra.mean(axis=0), cepstra.std(axis=0))
    return Corpus(spoken, targets, statistics, np.mean([statistics[voice][1] for voice in VOICES], axis=0))


def trained(corpus: Corpus, steps: int, folder: Path) -> VoiceMapper:
    torch.manual_seed(0)
    config = replace(PAIRS, steps=steps, warmup=4, validate=steps, ema=0.0)
    return load_into(run_stage(PairStage(VoiceMapper(), corpus, config), RECIPE, folder), VoiceMapper())


def test_learns_and_repeats_itself(corpus: Corpus, tmp_path: Path) -> None:
    def error(steps: int, folder: str) -> tuple[float, torch.Tensor]:
        mapper = trained(corpus, steps, tmp_path / folder)
        source, voiced, target, weight, reference, known, present, spread = Pairs(corpus, 9).batch(0)
        with torch.no_grad():
            predicted = mapper(source, voiced, reference, known, present, spread)
        return float(losses(predicted, target, weight, torch.ones(40))["frames"]), predicted

    untrained, _ = error(1, "one")
    learnt, _ = error(40, "forty")
    assert learnt < 0.95 * untrained
    assert torch.equal(error(2, "two")[1], error(2, "again")[1])


def test_saved_and_loaded(corpus: Corpus, tmp_path: Path) -> None:
    mapper = trained(corpus, 2, tmp_path / "run")
    save_mapper(tmp_path / "mapper.safetensors", mapper, corpus)
    loaded, statistics = load_voice_mapper(tmp_path / "mapper.safetensors")
    for name, tensor in mapper.state_dict().items():
        assert torch.allclose(loaded.state_dict()[name], tensor, atol=2e-3)
    assert set(statistics) == {"average.deviation"} | {f"{v}.{kind}" for v in VOICES for kind in ("cepstra", "pitch")}


def test_alignment_follows_a_change_of_pace() -> None:
    times = np.linspace(0, 6, 50)
    one = np.stack([np.sin(times), np.cos(times)], axis=1)
    slow = np.repeat(one, 2, axis=0)
    path = align(one, slow)
    assert np.abs(path / 2 - np.arange(50)).max() <= 1
    assert (np.diff(path) >= 0).all()


def test_texts_of_grid_names() -> None:
    assert grid_text("bbaf2n") == "bin blue at f two now"
    assert grid_text("lgwaza") == "lay green with eigh zero again"
    assert grid_text("bbaw2n") is None
    assert grid_text("clip") is None
