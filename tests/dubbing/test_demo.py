"""The demo's own video and its picture; the dub between them has its own tests."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from synclips.data.portrait import demo_portrait
from synclips.dubbing.contact_sheet import STRIP_FRAMES, STRIP_HEIGHT, write_strip
from synclips.dubbing.demo import DemoInput, demo_input
from synclips.errors import DownloadError
from synclips.media.photo_video import still_to_video
from synclips.media.video import VideoWriter, probe


@pytest.fixture(scope="module")
def portrait(tmp_path_factory: pytest.TempPathFactory) -> DemoInput:
    """The demo's input where there is no network."""
    return demo_input(tmp_path_factory.mktemp("demo"), offline=True)


def test_without_a_network_the_portrait_moves(portrait: DemoInput) -> None:
    info = probe(portrait.path)
    assert (info.width, info.height, info.fps, info.has_audio) == (512, 512, 25, False)
    assert info.duration == pytest.approx(5.0)
    assert "public domain" in portrait.about
    assert "asked" in portrait.about


def test_with_a_network_a_real_clip_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = tmp_path / "clip.mpg"
    monkeypatch.setattr("synclips.data.demo_clip.fetch_demo_clip", lambda *_: clip)
    source = demo_input(tmp_path)
    assert source.path == clip
    assert "CC BY 4.0" in source.about


def test_an_unreachable_source_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> Path:
        raise DownloadError("no source of GRID answers")

    monkeypatch.setattr("synclips.data.demo_clip.fetch_demo_clip", fail)
    monkeypatch.setattr("synclips.dubbing.demo.PORTRAIT_SECONDS", 1)
    source = demo_input(tmp_path)
    assert source.path == tmp_path / "demo_portrait.mp4"
    assert "cannot be reached" in source.about


def test_the_strip_shows_the_original_above_the_dubbed(portrait: DemoInput, tmp_path: Path) -> None:
    """A darker, shorter copy stands for the dubbed video: each of its tiles is the same face, only darker."""
    darker = tmp_path / "darker.mp4"
    with VideoWriter(darker, 512, 512, Fraction(25)) as writer:
        for frame in still_to_video(demo_portrait(), 3):
            writer.write((frame * 0.5).astype(np.uint8))
    write_strip(tmp_path / "strip.png", portrait.path, darker)
    strip = np.asarray(Image.open(tmp_path / "strip.png")).astype(float)
    assert strip.shape == (2 * STRIP_HEIGHT, STRIP_FRAMES * STRIP_HEIGHT, 3)
    above, below = strip[:STRIP_HEIGHT], strip[STRIP_HEIGHT:]
    assert np.abs(above * 0.5 - below).mean() < 4
    assert np.abs(above[:, :STRIP_HEIGHT] - above[:, -STRIP_HEIGHT:]).mean() > 4  # the camera has moved on
