"""How long a video is says its frames, not its headers."""

import struct
from pathlib import Path

import av
import numpy as np
import pytest
from test_video import encode, pictures

from synclips.media.frame_index import build_index
from synclips.media.video import frame_times, probe


def still_at_the_end(path: Path) -> Path:
    """Thirty frames of 40 ms, then a picture that stands still until one last frame at 2.96 s."""
    options = {"bf": "2"} if path.suffix != ".webm" else {"lag-in-frames": "0", "cpu-used": "8"}
    codec = "libvpx-vp9" if path.suffix == ".webm" else "libx264"
    stamps = [*range(0, 1200, 40), 2960]
    return encode(path, codec, "yuv420p", pictures(31), options=options, milliseconds=stamps)


def set_header_lengths(path: Path, seconds: float) -> None:
    """Overwrite what an MP4's movie, track and media headers and its edit list say of its length."""
    data = bytearray(path.read_bytes())
    scale = struct.unpack_from(">I", data, data.index(b"mvhd") + 16)[0]
    struct.pack_into(">I", data, data.index(b"mvhd") + 20, round(seconds * scale))
    struct.pack_into(">I", data, data.index(b"tkhd") + 24, round(seconds * scale))
    at = data.index(b"mdhd")
    struct.pack_into(">I", data, at + 20, round(seconds * struct.unpack_from(">I", data, at + 16)[0]))
    path.write_bytes(data)


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.webm", "a.ts"])
def test_a_picture_that_stands_still_at_the_end_lasts_as_long_as_its_last_frame(tmp_path: Path, name: str) -> None:
    path = still_at_the_end(tmp_path / name)
    assert frame_times(path)[-1] == pytest.approx(2.96, abs=2e-3)
    index = build_index(path)
    assert 2.96 < index.end < 3.2
    assert probe(path).duration == pytest.approx(index.end, abs=0.15)


@pytest.mark.parametrize("seconds", [0.0, 0.4, 1.24, 60.0])
def test_wrong_headers_do_not_shorten_or_lengthen_a_video(tmp_path: Path, seconds: float) -> None:
    path = encode(tmp_path / "a.mp4", "libx264", "yuv420p", pictures(75), options={"g": "12", "bf": "2"})
    set_header_lengths(path, seconds)
    assert probe(path).duration == pytest.approx(3, abs=1e-3)
    assert build_index(path).end == pytest.approx(3, abs=1e-3)


def test_a_last_frame_that_is_shown_for_long_counts_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"bf": "0"})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        packets = []
        for number, image in enumerate(pictures(10)):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuv420p")
            frame.pts = number
            packets += stream.encode(frame)
        packets += stream.encode(None)
        packets[-1].duration = 50
        for packet in packets:
            container.mux(packet)
    assert build_index(path).end == pytest.approx(0.36 + 2, abs=1e-3)
    assert probe(path).duration == pytest.approx(0.36 + 2, abs=1e-3)
    assert frame_times(path) == pytest.approx(np.arange(10) / 25, abs=1e-3)
