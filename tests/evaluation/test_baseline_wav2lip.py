"""The baseline of Wav2Lip's architecture: it trains, resumes, makes frames, and its own lips do not leak into them."""

import runpy
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from small_models import SMALL

from synclips.config import RecipeConfig
from synclips.corpus.utterance import Settings, prepare_clip
from synclips.data.dataset import ClipStore
from synclips.data.grid import find_utterances
from synclips.data.shards import Manifest, sha256_of, write_shard
from synclips.data.synthetic import write_synthetic_corpus
from synclips.evaluation.clip import Footage, load_footage
from synclips.evaluation.protocol import KEEP_AWAY, Method
from synclips.features.alignment import CROP, crop_face
from synclips.features.mfcc import N_FEATURES
from synclips.media.audio import Waveform
from synclips.media.timebase import SAMPLE_RATE
from synclips.models.checkpoint import save_model
from synclips.models.syncnet import SyncNet
from synclips.tracking.detector import FaceMeshDetector
from synclips.training.loop import run_stage

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path.append(str(BENCHMARKS))

from wav2lip.method import keep, paste_face, reference_frames, wav2lip_method  # noqa: E402
from wav2lip.network import SIZE, Discriminator, Wav2Lip, masked  # noqa: E402
from wav2lip.sound import mel_windows  # noqa: E402
from wav2lip.training import FACE_VIEW, WAV2LIP, Wav2LipStage, reference_starts  # noqa: E402

WIDTH = 2


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("raw")
    write_synthetic_corpus(root, ("s2",), clips=1, seconds=1.4)
    return root


@pytest.fixture(scope="module")
def footage(corpus: Path) -> Footage:
    return load_footage(find_utterances(corpus)[0], FaceMeshDetector)


@pytest.fixture(scope="module")
def store(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> ClipStore:
    folder = tmp_path_factory.mktemp("shards")
    shard = folder / "s2-000.tar"
    entries = write_shard(shard, [prepare_clip(find_utterances(corpus)[0], FaceMeshDetector(), Settings())])
    Manifest(tuple(entries), (), {shard.name: sha256_of(shard)}, {}).write(folder)
    return ClipStore(folder)


@pytest.fixture(scope="module")
def method(tmp_path_factory: pytest.TempPathFactory) -> Method:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("model")
    save_model(folder / "best.safetensors", Wav2Lip(WIDTH), {"stage": "wav2lip"})
    return wav2lip_method(keep(folder / "best.safetensors", folder / "wav2lip.safetensors", WIDTH), torch.device("cpu"))


def stage(store: ClipStore, steps: int) -> tuple[Wav2LipStage, RecipeConfig]:
    recipe = RecipeConfig(precision="fp32", model=SMALL)
    config = replace(WAV2LIP, steps=steps, batch=2, warmup=1, validate=1)
    torch.manual_seed(0)
    expert = SyncNet(N_FEATURES, SMALL.syncnet)
    return Wav2LipStage(store, recipe, expert, torch.device("cpu"), config, WIDTH), recipe


def test_a_painted_face_does_not_know_its_own_lower_half() -> None:
    torch.manual_seed(0)
    net = Wav2Lip(WIDTH).eval()
    target, reference, mel = torch.rand(2, 3, SIZE, SIZE), torch.rand(2, 3, SIZE, SIZE), torch.rand(2, 80, 16)
    other = target.clone()
    other[:, :, SIZE // 2 :] = torch.rand_like(other[:, :, SIZE // 2 :])
    made = net(target, reference, mel)
    assert made.shape == target.shape
    torch.testing.assert_close(made, net(other, reference, mel), rtol=0, atol=0)
    assert not torch.equal(made, net(target.flip(0), reference, mel))
    assert not torch.equal(made, net(target, reference.flip(0), mel))
    assert not torch.equal(made, net(target, reference, mel.flip(0)))
    assert float(masked(target)[:, :, SIZE // 2 :].abs().max()) == 0
    assert Discriminator(WIDTH)(made).shape == (2,)


def test_references_keep_away_from_their_frames() -> None:
    for start in (0, 20, 70):
        begins = reference_starts(75, start)
        distance = np.abs(begins[:, None, None] + np.arange(5)[:, None] - (start + np.arange(5)))
        assert distance.min() > KEEP_AWAY
    index = reference_frames(75, "reconstruct")
    assert np.abs(index - np.arange(75)).min() > KEEP_AWAY
    assert sorted(index) == list(range(75))
    np.testing.assert_array_equal(reference_frames(75, "cross"), np.arange(75))
    with pytest.raises(ValueError, match="too few"):
        reference_frames(10, "reconstruct")


def test_the_sound_heard_is_that_of_the_frame() -> None:
    """A click in the middle of frame 10 lies in the middle of that frame's window, and in no window far from it."""
    samples = np.zeros(SAMPLE_RATE, np.float32)
    samples[6720] = 1
    mels = mel_windows(Waveform(samples, SAMPLE_RATE), np.array([10, 11, 20]))
    assert mels.shape == (3, 80, 16)
    loud = np.abs(mels[0] - mels[2]).mean(axis=0)
    assert abs(float(np.average(np.arange(16), weights=loud)) - 8) < 0.6
    assert np.abs(mels[1] - mels[2]).mean(axis=0).argmax() < 8
    np.testing.assert_allclose(mels[2], -1, atol=1e-6)


def test_it_trains_and_a_resumed_run_equals_an_uninterrupted_one(store: ClipStore, tmp_path: Path) -> None:
    whole, recipe = stage(store, 3)
    before = whole.model.output[1].weight.detach().clone()
    best = run_stage(whole, recipe, tmp_path / "whole")
    assert not torch.equal(before, whole.model.output[1].weight)
    assert best.is_file()
    assert list((tmp_path / "whole").glob("step_*.png"))

    broken, _ = stage(store, 3)
    step = broken.step

    def interrupted(number: int) -> dict[str, float]:
        if number == 2:
            raise KeyboardInterrupt
        return step(number)

    broken.step = interrupted  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        run_stage(broken, recipe, tmp_path / "broken")
    resumed, _ = stage(store, 3)
    run_stage(resumed, recipe, tmp_path / "broken")
    for network, again in zip(whole.networks().values(), resumed.networks().values(), strict=True):
        for a, b in zip(network.parameters(), again.parameters(), strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=0)


def test_it_makes_whole_frames_and_reconstructs_without_their_lips(method: Method, footage: Footage) -> None:
    assert method.make is not None
    made = list(method.make(footage, footage.waveform, "reconstruct"))
    assert len(made) == len(footage)
    assert made[0].shape == footage.frames[0].shape
    assert not np.array_equal(made[0], footage.frames[0])
    step = 12
    height, width = footage.frames.shape[1:3]
    inside = np.zeros((CROP, CROP), np.uint8)
    inside[CROP // 2 + 6 : CROP - 6, 6 : CROP - 6] = 1
    flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    lower = cv2.warpAffine(inside, footage.video.alignment[step], (width, height), flags=flags)
    frames = footage.frames.copy()
    frames[step][lower > 0] = 0
    assert np.abs(frames[step].astype(int) - footage.frames[step]).mean() > 5
    blind = list(method.make(replace(footage, frames=frames), footage.waveform, "reconstruct"))
    np.testing.assert_array_equal(blind[step], made[step])


def test_a_face_is_put_back_where_it_was(footage: Footage) -> None:
    """Cut out and put back, it changes the box by the loss of sharpness only, and nothing beyond it."""
    frame, alignment = footage.frames[0], footage.video.alignment[0]
    face = FACE_VIEW.show(crop_face(frame, alignment)[None])[0].astype(np.float32)
    again = paste_face(frame, face, alignment)
    assert np.abs(again.astype(int) - frame).mean() < 2
    red = paste_face(frame, np.broadcast_to(np.float32([255, 0, 0]), face.shape).copy(), alignment)
    changed = (red != frame).any(axis=2)
    assert 0.02 < changed.mean() < 0.9
    assert (red[changed].astype(int) - [255, 0, 0] == 0).all(axis=1).mean() > 0.9


def test_the_file_is_a_method_of_the_evaluation(
    method: Method, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_model(tmp_path / "best.safetensors", Wav2Lip(WIDTH), {})
    kept = keep(tmp_path / "best.safetensors", tmp_path / "mine.safetensors", WIDTH)
    monkeypatch.setenv("WAV2LIP", str(kept))
    found = runpy.run_path(str(BENCHMARKS / "wav2lip.py"))["method"](torch.device("cpu"))
    assert (found.name, len(found.identity)) == ("mine", 16)
    assert found.identity != method.identity
