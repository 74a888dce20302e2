"""The original SyncNet: its weights load, its MFCC and its figures are the field's, bad files are refused."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from synclips.errors import CheckpointError
from synclips.features.face_mesh import CORNERS, EYE_CORNERS, template
from synclips.media.audio import Waveform
from synclips.metrics.lse import field_crops, field_mfcc, measure_field_sync
from synclips.models.syncnet_v2 import OriginalSyncNet, load_original_syncnet


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "syncnet_v2.model"
    torch.save(OriginalSyncNet().eval().state_dict(), path)
    return path


@pytest.fixture(scope="module")
def faces() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (12, 224, 224, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def sound() -> Waveform:
    return Waveform((0.1 * np.random.default_rng(1).standard_normal(12 * 640)).astype(np.float32), 16000)


def test_the_architecture_is_the_published_one() -> None:
    state = OriginalSyncNet().state_dict()
    assert {name.split(".")[0] for name in state} == {"netcnnaud", "netfcaud", "netcnnlip", "netfclip"}
    # the file's own places and shapes of a first, a middle and a last layer
    assert state["netcnnaud.0.weight"].shape == (64, 1, 3, 3)
    assert state["netcnnaud.18.weight"].shape == (512, 256, 5, 4)
    assert state["netcnnlip.0.weight"].shape == (96, 3, 5, 7, 7)
    assert state["netcnnlip.18.weight"].shape == (512, 256, 1, 6, 6)
    assert state["netfclip.3.weight"].shape == (1024, 512)
    assert sum(value.numel() for name, value in state.items() if name.endswith("weight")) > 10_000_000


def test_mfcc_are_those_of_python_speech_features() -> None:
    with np.load(Path(__file__).parent / "field_mfcc.npz") as data:
        found = field_mfcc((data["pcm"] / 32767).astype(np.float32))
        np.testing.assert_allclose(found, data["expected"], atol=1e-4)


def test_silence_has_finite_mfcc() -> None:
    assert np.isfinite(field_mfcc(np.zeros(1000, np.float32))).all()


def test_figures_follow_the_published_definition(weights: Path, faces: np.ndarray, sound: Waveform) -> None:
    """Recomputed from the whole clip at once, pair by pair, with torch's own distance."""
    net = load_original_syncnet(weights)
    figures = measure_field_sync(net, iter(faces), sound)
    pictures = torch.from_numpy(faces[..., ::-1].copy()).float().permute(3, 0, 1, 2)
    steps = torch.from_numpy(field_mfcc(sound.samples)).T
    with torch.no_grad():
        video = torch.cat([net.embed_video(pictures[None, :, i : i + 5]) for i in range(7)])
        audio = torch.cat([net.embed_audio(steps[None, None, :, 4 * i : 4 * i + 20]) for i in range(7)])
    padded = F.pad(audio, (0, 0, 15, 15))
    mean = torch.stack([F.pairwise_distance(video, padded[k : k + 7]).mean() for k in range(31)])
    assert figures.offset == int(mean.argmin()) - 15
    assert figures.lse_d == pytest.approx(mean.min().item(), rel=1e-4)
    assert figures.lse_c == pytest.approx((mean.median() - mean.min()).item(), rel=1e-2, abs=1e-4)


class Tracking(OriginalSyncNet):
    """Embeds what a clip's author hid in it: the brightness of the first picture, the level of the first sound."""

    def embed_audio(self, mfcc: Float[Tensor, "b 1 13 20"]) -> Float[Tensor, "b 1024"]:
        """Energy of the window's first four steps, on one axis."""
        level = mfcc[:, 0, 0, :4].mean(dim=1, keepdim=True)
        return F.pad(level, (0, 1023))

    def embed_video(self, faces: Float[Tensor, "b 3 5 224 224"]) -> Float[Tensor, "b 1024"]:
        """Brightness of the window's first picture, on the same axis and scale."""
        return F.pad(faces[:, :, 0].mean(dim=(1, 2, 3))[:, None] / 8, (0, 1023))


@pytest.mark.parametrize("lag", [-3, 0, 4])
def test_sound_that_comes_k_frames_later_measures_k(lag: int) -> None:
    level = np.random.default_rng(2).uniform(8, 24, 80)
    pictures = [np.full((224, 224, 3), round(8 * value), np.uint8) for value in level]
    heard = np.roll(level, lag)
    amplitude = np.exp(heard / 2) / 32767 * np.sqrt(512 / 400 / 257 * 2)
    noise = np.random.default_rng(3).choice([-1.0, 1.0], 80 * 640)
    waveform = Waveform((np.repeat(amplitude, 640) * noise).astype(np.float32), 16000)
    assert measure_field_sync(Tracking(), pictures, waveform).offset == lag


def test_too_short_a_clip_is_refused(weights: Path, faces: np.ndarray, sound: Waveform) -> None:
    net = load_original_syncnet(weights)
    for count in (0, 3, 5):
        with pytest.raises(ValueError, match="at least six frames"):
            measure_field_sync(net, faces[:count], sound)
    with pytest.raises(ValueError, match="at least six frames"):
        measure_field_sync(net, faces, sound.padded(640 * 5))


@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0])
def test_the_crop_holds_the_face_in_its_upper_middle(scale: float) -> None:
    points = np.repeat((template() * scale + np.array([100, 80, 0], np.float32))[None], 9, 0).astype(np.float32)
    image = np.zeros((int(400 * scale) + 200, int(400 * scale) + 200, 3), np.uint8)
    for index, colour in ((EYE_CORNERS[0], 0), (CORNERS[0], 1), (CORNERS[1], 2)):
        x, y = np.round(points[0, index, :2]).astype(int)
        image[y - 3 : y + 4, x - 3 : x + 4, colour] = 255
    crops = list(field_crops([image] * 9, points))
    assert len(crops) == 9
    eye, right, left = (np.argwhere(crops[4][..., k] > 60).mean(axis=0) for k in range(3))
    assert eye[0] < right[0]
    assert (right[1] + left[1]) / 2 == pytest.approx(112, abs=4)
    assert 90 < right[0] < 160


def test_bad_files_are_refused_in_one_line(tmp_path: Path, weights: Path) -> None:
    (tmp_path / "text.model").write_text("not weights")
    torch.save({"a": torch.zeros(1)}, tmp_path / "other.model")
    state = torch.load(weights, weights_only=True)
    torch.save(state | {"netfclip.3.weight": torch.zeros(256, 512)}, tmp_path / "wide.model")
    (tmp_path / "cut.model").write_bytes(weights.read_bytes()[:100_000])
    for name, words in {
        "missing.model": "no such file",
        "text.model": "damaged",
        "cut.model": "damaged",
        "other.model": "does not hold",
        "wide.model": "another architecture",
    }.items():
        with pytest.raises(CheckpointError, match=words) as caught:
            load_original_syncnet(tmp_path / name)
        assert "\n" not in str(caught.value)
