"""Fixtures that more than one test module uses."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from drawn_clips import draw_clip
from object_store_server import bucket as bucket

from synclips.config import SyncNetConfig
from synclips.features.mfcc import N_FEATURES, audio_features, mfcc
from synclips.models.encoders import sound_windows
from synclips.models.losses import contrastive_loss
from synclips.models.syncnet import SyncNet, stack_frames

SHARED_DATA = Path(__file__).parents[1] / ".." / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real clips beside the repository; the test is skipped where it is absent."""
    if not (SHARED_DATA / "grid").is_dir():
        pytest.skip("the real clips of ../shared/data are not on this machine")
    return SHARED_DATA.resolve()


@pytest.fixture(scope="session")
def grid_clips(shared_data: Path) -> Path:
    """Real GRID clips in the layout that the downloader leaves: <speaker>/<utterance>.mpg or .mp4 and .align."""
    return shared_data / "grid"


@pytest.fixture(autouse=True, scope="session")
def no_folders_of_the_user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What tests see of their videos, and the certificate they sign with, go to folders of this session."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        for module in ("synclips.tracking.detection_cache", "synclips.dubbing.prepared_video"):
            patch.setattr(f"{module}.cache_folder", lambda: folder / "cache")
        patch.setattr("synclips.provenance.certificate.config_folder", lambda: folder / "config")
        yield


@pytest.fixture(scope="session")
def syncnet() -> SyncNet:
    """A small SyncNet that has learned the drawn mouths of seeds 100 to 103."""
    torch.manual_seed(0)
    net = SyncNet(N_FEATURES, SyncNetConfig(widths=(8, 16, 24, 32), dim=32))
    optimizer = torch.optim.Adam(net.parameters(), 3e-3)
    rng = np.random.default_rng(0)
    clips = [draw_clip(100 + number) for number in range(4)]
    pictures = [torch.from_numpy(clip.crops[:, 64:112, 24:120].copy()).float() / 127.5 - 1 for clip in clips]
    features = [torch.from_numpy(audio_features(mfcc(clip.waveform, len(clip)))) for clip in clips]
    for step in range(80):
        number = step % len(clips)
        index = torch.from_numpy(rng.permutation(np.arange(6, 69))[:32])
        video = net.embed_video(stack_frames(pictures[number][index[:, None] + torch.arange(5) - 2]))
        audio = net.embed_audio(sound_windows(features[number][None], index[None])[0])
        loss, _ = contrastive_loss(video, audio, net.log_scale)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return net.eval()


def pytest_runtest_teardown() -> None:
    """SVT-AV1's encoder gives its process real-time priority where it may (as root); tests are not to run so."""
    if hasattr(os, "sched_setscheduler") and os.sched_getscheduler(0) != os.SCHED_OTHER:
        for thread in Path("/proc/self/task").iterdir():
            with contextlib.suppress(OSError):
                os.sched_setscheduler(int(thread.name), os.SCHED_OTHER, os.sched_param(0))
