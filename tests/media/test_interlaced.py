"""Interlaced videos come in without combs, at their own rate, and the same however they are read."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from test_video import encode, pictures

from synclips.media.video import frame_times, frames_in_order, probe, read_frames

HEIGHT, WIDTH = 144, 192


def moving_bar(field: int) -> np.ndarray:
    """A soft bright bar on grey that moves four pixels each field: 50 fields a second."""
    x = np.arange(WIDTH)
    light = 60 + 150 * np.exp(-(((x - 20 - 4 * field % WIDTH) / 9.0) ** 2))
    return np.repeat(np.tile(light, (HEIGHT, 1)).astype(np.uint8)[..., None], 3, axis=2)


def woven(number: int, *, top_first: bool) -> np.ndarray:
    first, second = moving_bar(2 * number), moving_bar(2 * number + 1)
    frame = np.empty_like(first)
    frame[0::2], frame[1::2] = (first[0::2], second[1::2]) if top_first else (second[0::2], first[1::2])
    return frame


def combs(image: np.ndarray) -> float:
    """How much the rows of one parity differ from the others: 0 where nothing is combed."""
    grey = image[..., 1].astype(float)
    between = (grey[1:-3] + grey[3:-1]) / 2
    return float(np.abs(grey[2:-2] - between).mean())


def interlaced(path: Path, count: int = 30, *, top_first: bool = True, progressive: range = range(0)) -> Path:
    codec, options = "mpeg2video", {"flags": "+ildct+ilme", "g": "6", "bf": "2", "q:v": "2", "qmin": "1"}
    if path.suffix in (".mp4", ".mkv"):
        codec, options = "libx264", {"x264-params": f"{'tff' if top_first else 'bff'}=1:keyint=6:log-level=none"}
        options |= {"flags": "+ildct+ilme", "qp": "8"}
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        if codec == "mpeg2video":
            stream.codec_context.bit_rate = 4_000_000
        field = av.filter.Graph()
        source = field.add("buffer", f"video_size={WIDTH}x{HEIGHT}:pix_fmt=yuv420p:time_base=1/25")
        mark = field.add("setfield", "tff" if top_first else "bff")
        sink = field.add("buffersink")
        source.link_to(mark)
        mark.link_to(sink)
        field.configure()
        for number in range(count):
            whole = number in progressive
            image = moving_bar(2 * number) if whole else woven(number, top_first=top_first)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            field.push(frame)
            container.mux(stream.encode(field.pull()))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("top_first", [True, False], ids=["top-first", "bottom-first"])
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.mpg", "a.ts"])
def test_combs_go_and_the_first_field_and_the_rate_stay(tmp_path: Path, name: str, top_first: bool) -> None:
    path = interlaced(tmp_path / name, top_first=top_first)
    info, frames = probe(path), list(read_frames(path))
    assert info.interlaced
    assert (info.fps, len(frames)) == (25, 30)
    assert [frame.time for frame in frames] == pytest.approx([number / 25 for number in range(30)], abs=1e-3)
    assert max(combs(frame.image) for frame in frames[1:-1]) < 2
    for number in (3, 12, 25):
        assert combs(woven(number, top_first=top_first)) > 6
        off = [float(np.abs(frames[number].image.astype(int) - moving_bar(2 * number + k)).mean()) for k in (0, 1)]
        assert off[0] < 3 < off[1]


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.mpg", "a.ts"])
def test_deinterlaced_frames_are_the_same_in_any_order(tmp_path: Path, name: str) -> None:
    path = interlaced(tmp_path / name, 150)
    frames = [frame.image for frame in read_frames(path)]
    np.testing.assert_allclose(frame_times(path), np.arange(150) / 25, atol=1e-3)
    order = [0, 140, 20, 149, *range(149, 100, -1), 3, 3, 130]
    for number, image in zip(order, frames_in_order(path, order, window_bytes=2**18), strict=True):
        np.testing.assert_array_equal(image, frames[number], err_msg=str(number))
    part = list(read_frames(path, start=3.0, stop=3.4))
    assert [frame.time for frame in part] == pytest.approx([3 + k / 25 for k in range(10)], abs=1e-3)
    for k, frame in enumerate(part):
        np.testing.assert_array_equal(frame.image, frames[75 + k])


def test_a_progressive_video_is_untouched(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mp4", "libx264", "yuv444p", pictures(10), options={"qp": "0"})
    assert not probe(path).interlaced
    with av.open(str(path)) as container:
        stored = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    for frame, image in zip(read_frames(path), stored, strict=True):
        assert np.abs(frame.image.astype(int) - image).max() <= 2
