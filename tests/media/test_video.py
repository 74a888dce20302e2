"""Videos of many kinds, made here with PyAV, come in upright, in time and in true colours, and go out whole."""

import errno
import gc
import random
import re
import resource
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter
from scipy.signal import correlate

from synclips.errors import ConfigError, MediaError, OutputError
from synclips.media.audio import Waveform, read_audio
from synclips.media.video import (
    VideoWriter,
    frame_times,
    frames_in_order,
    is_image,
    probe,
    read_at_rate,
    read_frames,
    read_image,
)
from synclips.media.video_decode import Clock
from synclips.media.video_encode import check_format

GOP = {"g": "12", "bf": "2"}
COLORS = {"R": (220, 30, 30), "G": (30, 220, 30), "B": (30, 30, 220), "W": (225, 225, 225)}


def picture(number: int, width: int = 96, height: int = 64) -> np.ndarray:
    """A smooth picture that says its number in every pixel."""
    y, x = np.mgrid[:height, :width]
    image = np.stack([x * 2 + number * 5, y * 3 + number, x + y + number * 3], -1)
    return gaussian_filter((128 + 100 * np.sin(image / 30)).astype(np.uint8), (1, 1, 0))


def quarters(letters: str, width: int = 96, height: int = 64) -> np.ndarray:
    """A picture with one colour in each quarter, in reading order."""
    image = np.zeros((height, width, 3), np.uint8)
    for place, letter in enumerate(letters):
        rows = slice(height // 2) if place < 2 else slice(height // 2, None)
        columns = slice(width // 2, None) if place % 2 else slice(width // 2)
        image[rows, columns] = COLORS[letter]
    return image


def letters_of(image: np.ndarray) -> str:
    height, width = image.shape[:2]
    spots = [image[height * a // 4, width * b // 4].astype(int) for a in (1, 3) for b in (1, 3)]
    return "".join(min(COLORS, key=lambda name: float(np.abs(COLORS[name] - spot).sum())) for spot in spots)


def encode(
    path: Path,
    codec: str,
    pixel_format: str,
    images: Iterator[np.ndarray] | list[np.ndarray],
    *,
    options: dict[str, str] | None = None,
    rate: str | int = 25,
    milliseconds: list[int] | None = None,
    rotate: tuple[float, bool] | None = None,
    **context: Any,
) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(rate), options=options or {})
        assert isinstance(stream, av.VideoStream)
        for name, value in context.items():
            setattr(stream.codec_context, name, value)
        if rotate:
            stream.set_display_rotation(rotate[0], hflip=rotate[1])
        if milliseconds:
            stream.codec_context.time_base = Fraction(1, 1000)
        for number, image in enumerate(images):
            if number == 0:
                stream.width, stream.height, stream.pix_fmt = image.shape[1], image.shape[0], pixel_format
            frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format=pixel_format)
            frame.pts = milliseconds[number] if milliseconds else number
            if milliseconds:
                frame.time_base = Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def pictures(count: int, width: int = 96, height: int = 64) -> Iterator[np.ndarray]:
    return (picture(number, width, height) for number in range(count))


def noise(seconds: float, rate: int = 16_000) -> Waveform:
    samples = np.random.default_rng(3).standard_normal(round(seconds * rate)) * 0.2
    return Waveform(np.clip(samples, -1, 1).astype(np.float32), rate)


def delay_ms(sent: Waveform, got: Waveform) -> float:
    assert sent.sample_rate == got.sample_rate
    match = correlate(got.samples, sent.samples)
    return float(match.argmax() - (len(sent.samples) - 1)) / sent.sample_rate * 1000


# reading


KINDS = [
    ("h264.mp4", "libx264", "yuv420p", GOP),
    ("h264.avi", "libx264", "yuv420p", GOP),
    ("h264.ts", "libx264", "yuv420p", GOP),
    ("open_gop.mp4", "libx264", "yuv420p", GOP | {"x264-params": "open-gop=1:bframes=3:log-level=none"}),
    ("hevc10.mkv", "libx265", "yuv420p10le", {"x265-params": "log-level=none:keyint=12"}),
    ("vp9.webm", "libvpx-vp9", "yuv420p", {"g": "12", "lag-in-frames": "16", "auto-alt-ref": "1", "cpu-used": "5"}),
    ("vp8.webm", "libvpx", "yuv420p", {"g": "12", "lag-in-frames": "16", "auto-alt-ref": "1", "cpu-used": "5"}),
    ("mpeg1.mpg", "mpeg1video", "yuv420p", GOP),
    ("mpeg2.mpg", "mpeg2video", "yuv420p", GOP),
    ("mpeg4.avi", "mpeg4", "yuv420p", GOP),
    ("mjpeg.avi", "mjpeg", "yuvj420p", {}),
    ("ffv1.mkv", "ffv1", "bgr0", {}),
]


@pytest.mark.parametrize(("name", "codec", "pixel_format", "options"), KINDS, ids=[kind[0] for kind in KINDS])
def test_every_format_gives_each_frame_once_at_its_time_and_the_same_by_number(
    tmp_path: Path, name: str, codec: str, pixel_format: str, options: dict[str, str]
) -> None:
    path = encode(tmp_path / name, codec, pixel_format, pictures(50), options=options)
    frames = list(read_frames(path))
    assert len(frames) == 50
    assert [frame.time for frame in frames] == pytest.approx([number / 25 for number in range(50)], abs=1e-3)
    for number in (0, 17, 49):
        assert np.abs(frames[number].image.astype(int) - picture(number)).mean() < 12
    np.testing.assert_array_equal(frame_times(path), [frame.time for frame in frames])
    assert sum(1 for _ in read_at_rate(path)) == 50
    bounce = [*range(50), *range(49, -1, -1), 3, 3, 0, 49]
    jumps = random.Random(1).choices(range(50), k=20)
    for window in (2**28, frames[0].image.nbytes * 4):
        order = bounce + jumps
        for number, image in zip(order, frames_in_order(path, order, window_bytes=window), strict=True):
            np.testing.assert_array_equal(image, frames[number].image)
    part = list(read_frames(path, start=0.96, stop=1.2))
    assert [frame.time for frame in part] == [frame.time for frame in frames[24:30]]
    for a, b in zip(part, frames[24:30], strict=True):
        np.testing.assert_array_equal(a.image, b.image)


def test_a_far_jump_in_a_long_video_seeks_and_gives_the_same_pixels(tmp_path: Path) -> None:
    path = encode(tmp_path / "long.mp4", "libx264", "yuv420p", pictures(400), options=GOP | {"preset": "ultrafast"})
    frames = [frame.image for frame in read_frames(path)]
    order = [0, 350, 120, 399, 5]
    for number, image in zip(order, frames_in_order(path, order), strict=True):
        np.testing.assert_array_equal(image, frames[number])


def test_a_frame_number_that_does_not_exist_is_an_index_error(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mp4", "libx264", "yuv420p", pictures(10))
    for wrong in (10, 500, -1):
        with pytest.raises(IndexError):
            list(frames_in_order(path, [9, wrong]))


@pytest.mark.parametrize(
    ("degrees", "mirrored", "rotation", "letters"),
    [
        (0, False, 0, "RGBW"),
        (-90, False, 90, "BRWG"),
        (180, False, 180, "WBGR"),
        (90, False, 270, "GWRB"),
        (0, True, 0, "GRWB"),
        (90, True, 90, "WGBR"),
    ],
)
def test_phone_videos_come_upright(tmp_path: Path, degrees: int, mirrored: bool, rotation: int, letters: str) -> None:
    images = [quarters("RGBW")] * 3
    path = encode(tmp_path / "a.mp4", "libx264", "yuv444p", images, rotate=(degrees, mirrored))
    info = probe(path)
    assert (info.rotation, info.mirrored) == (rotation, mirrored)
    image = next(read_frames(path)).image
    assert image.shape == (info.height, info.width, 3)
    assert (info.width > info.height) == (rotation in (0, 180))
    assert letters_of(image) == letters
    assert image.flags.c_contiguous
    assert next(read_at_rate(path)).shape == image.shape


def yuv_of(rgb: tuple[int, int, int], kr: float, kb: float, *, full: bool) -> tuple[int, int, int]:
    """ITU-R BT.601 / BT.709: Y'CbCr of one colour, in 8 bits."""
    r, g, b = (value / 255 for value in rgb)
    y = kr * r + (1 - kr - kb) * g + kb * b
    u, v = (b - y) / 2 / (1 - kb), (r - y) / 2 / (1 - kr)
    if full:
        return round(255 * y), round(128 + 255 * u), round(128 + 255 * v)
    return round(16 + 219 * y), round(128 + 224 * u), round(128 + 224 * v)


def encode_planes(path: Path, yuv: tuple[int, int, int], width: int, height: int, **context: Any) -> Path:
    """One colour as raw numbers, past any conversion."""
    planes = [np.full((height, width), value, np.uint8) for value in yuv]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"qp": "0", "preset": "ultrafast"})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv444p"
        for name, value in context.items():
            setattr(stream.codec_context, name, value)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(np.stack(planes), format="yuv444p")))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("tags", "height", "weights", "full"),
    [
        ({}, 288, (0.299, 0.114), False),
        ({}, 720, (0.2126, 0.0722), False),
        ({"colorspace": 1, "color_range": 1}, 288, (0.2126, 0.0722), False),
        ({"colorspace": 5, "color_range": 1}, 720, (0.299, 0.114), False),
        ({"colorspace": 6, "color_range": 2}, 288, (0.299, 0.114), True),
        ({"colorspace": 1, "color_range": 2}, 720, (0.2126, 0.0722), True),
        ({"colorspace": 9, "color_range": 1}, 720, (0.2627, 0.0593), False),
    ],
)
def test_colours_are_true_for_each_matrix_and_range(
    tmp_path: Path, tags: dict[str, int], height: int, weights: tuple[float, float], full: bool
) -> None:
    for rgb in ((200, 60, 40), (30, 160, 90), (250, 250, 250), (12, 12, 12)):
        path = encode_planes(tmp_path / "a.mp4", yuv_of(rgb, *weights, full=full), 64, height, **tags)
        image = next(read_frames(path)).image
        assert np.abs(image.astype(int) - rgb).max() <= 3, (rgb, image[5, 5])


@pytest.mark.parametrize(
    ("rate", "count", "expected"),
    [("24000/1001", 96, 100), ("30000/1001", 90, 75), (30, 90, 75), (50, 150, 75), (60, 180, 75), (25, 74, 74)],
)
def test_any_rate_becomes_25_by_time(tmp_path: Path, rate: str | int, count: int, expected: int) -> None:
    path = encode(tmp_path / "a.mkv", "ffv1", "bgr0", pictures(count), rate=rate)
    images = list(read_at_rate(path, 25))
    assert len(images) == expected
    times = frame_times(path)
    for number, image in enumerate(images):
        nearest = int(np.abs(times - number / 25).argmin())
        neighbours = [
            k for k in range(count) if abs(abs(times[k] - number / 25) - abs(times[nearest] - number / 25)) < 2e-3
        ]
        assert any(np.array_equal(image, picture(k)) for k in neighbours), number


def test_variable_frame_rate_keeps_its_times_and_is_resampled_by_time(tmp_path: Path) -> None:
    stamps = [0, 40, 100, 110, 300, 333, 700, 720, 1000]
    path = encode(tmp_path / "a.mp4", "libx264", "yuv420p", pictures(9), milliseconds=[s + 5000 for s in stamps])
    frames = list(read_frames(path))
    assert [frame.time for frame in frames] == pytest.approx([s / 1000 for s in stamps], abs=1e-4)
    images = list(read_at_rate(path, 25))
    assert len(images) >= 26
    for number in range(26):
        nearest = min(range(9), key=lambda k: abs(stamps[k] - number * 40))
        np.testing.assert_array_equal(images[number], frames[nearest].image)


def test_times_rise_though_stamps_are_missing_stand_still_or_start_anew() -> None:
    clock = Clock(Fraction(25), Fraction(1, 1000))
    stamps = [500, None, 580, 580, 660, 0, 40, 80]
    times = [clock.place(stamp, 40).time for stamp in stamps]
    assert times == pytest.approx([0, 0.04, 0.08, 0.12, 0.16, 0.2, 0.24, 0.28])
    assert all(a < b for a, b in pairwise(times))


@pytest.mark.parametrize("name", ["whole.mp4", "whole.mkv", "whole.avi", "whole.ts", "whole.mpg"])
def test_a_truncated_file_yields_the_frames_it_has(tmp_path: Path, name: str) -> None:
    whole = tmp_path / name
    codec = "mpeg1video" if name.endswith("mpg") else "libx264"
    if name.endswith("mp4"):
        with VideoWriter(whole, 96, 64, Fraction(25)) as writer:
            for image in pictures(60):
                writer.write(image)
    else:
        encode(whole, codec, "yuv420p", pictures(60), options=GOP)
    everything = [frame.image for frame in read_frames(whole)]
    cut = tmp_path / f"cut{whole.suffix}"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    frames = list(read_frames(cut))
    assert 5 < len(frames) < 60
    for number in range(len(frames) - 5):
        np.testing.assert_array_equal(frames[number].image, everything[number])
    np.testing.assert_array_equal(frame_times(cut), [frame.time for frame in frames])
    order = list(range(len(frames) - 1, -1, -1))
    for number, image in zip(order, frames_in_order(cut, order), strict=True):
        np.testing.assert_array_equal(image, frames[number].image)


def test_probe_tells_what_the_file_is(tmp_path: Path) -> None:
    path = encode(
        tmp_path / "a.mkv",
        "libx264",
        "yuv420p10le",
        pictures(30, 98, 66),
        rate="30000/1001",
        colorspace=1,
        color_range=1,
        color_primaries=1,
        color_trc=1,
        sample_aspect_ratio=Fraction(4, 3),
    )
    info = probe(path)
    assert (info.width, info.height, info.codec, info.pixel_format, info.bit_depth) == (
        98,
        66,
        "h264",
        "yuv420p10le",
        10,
    )
    assert info.fps == Fraction(30000, 1001)
    assert info.duration == pytest.approx(30 * 1001 / 30000, abs=0.01)
    assert info.frame_count == 30
    assert (info.color_range, info.colorspace, info.color_primaries, info.color_transfer) == (1, 1, 1, 1)
    assert info.sample_aspect_ratio == Fraction(4, 3)
    assert not info.has_audio


def test_bad_input_is_one_clear_line(tmp_path: Path) -> None:
    text, empty, sound, table = (tmp_path / name for name in ("text.mp4", "empty.mp4", "sound.mp4", "cut.mp4"))
    text.write_text("not a video\n" * 100)
    (tmp_path / "text.txt").write_text("not a video\n" * 100)
    empty.touch()
    with av.open(str(sound), "w") as container:
        stream = container.add_stream("aac", rate=48_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 48_000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    whole = encode(tmp_path / "whole.mp4", "libx264", "yuv420p", pictures(5))
    table.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    none = tmp_path / "none.mp4"
    data = whole.read_bytes()
    start = data.index(b"mdat") + 4
    end = data.index(b"moov") - 4
    none.write_bytes(data[:start] + bytes(end - start) + data[end:])
    expected = {
        tmp_path / "missing.mp4": "no such file",
        tmp_path: "is a folder",
        text: "not a video",
        tmp_path / "text.txt": "not a video",
        empty: "is empty",
        sound: "only sound",
        table: "breaks off",
        none: "without a single readable frame",
    }
    for path, words in expected.items():
        calls = (probe, frame_times, lambda p: next(read_frames(p)), lambda p: next(read_at_rate(p)))
        for call in (*calls, lambda p: next(frames_in_order(p, [0]))):
            with pytest.raises(MediaError, match=words) as caught:
                call(path)
            assert str(path) in str(caught.value)
            assert "\n" not in str(caught.value)


def test_grid_clips_have_their_75_or_74_frames(grid_clips: Path) -> None:
    clips = [*sorted(grid_clips.glob("s22/*.mpg")), *sorted(grid_clips.glob("s1/*.mpg"))[:3]]
    clips += [*sorted(grid_clips.glob("s1/*.mp4"))[:2], *sorted(grid_clips.glob("s6/*.mp4"))]
    assert clips
    for clip in clips:
        frames = [frame.image for frame in read_frames(clip)]
        assert len(frames) in (74, 75)
        assert sum(1 for _ in read_at_rate(clip)) == len(frames) == len(frame_times(clip))
        info = probe(clip)
        assert (info.fps, info.has_audio, frames[0].shape) == (25, True, (info.height, info.width, 3))
        order = [*range(len(frames) - 1, -1, -1), 40, 3]
        for number, image in zip(order, frames_in_order(clip, order, window_bytes=2**22), strict=True):
            np.testing.assert_array_equal(image, frames[number])


# writing


def test_without_loss_every_pixel_comes_back_bit_identical(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    images = [generator.integers(0, 256, (63, 97, 3), dtype=np.uint8) for _ in range(12)]
    path = tmp_path / "a.mkv"
    with VideoWriter(path, 97, 63, Fraction(25), codec="ffv1") as writer:
        for image in images:
            writer.write(image)
    for frame, image in zip(read_frames(path), images, strict=True):
        np.testing.assert_array_equal(frame.image, image)


@pytest.mark.parametrize(
    ("name", "codec", "width", "height", "pixel_format"),
    [
        ("a.mp4", "h264", 96, 64, "yuv420p"),
        ("a.mov", "hevc", 96, 64, "yuv420p"),
        ("a.webm", "vp9", 95, 63, "yuv420p"),
        ("a.mp4", "h264", 95, 64, "yuv420p"),
        ("a.mkv", "h264", 96, 63, "yuv420p"),
        ("a.mkv", "hevc", 95, 63, "yuv420p"),
    ],
)
@pytest.mark.parametrize("rate", ["25", "30000/1001"])
def test_size_rate_pixels_and_sound_come_back(
    tmp_path: Path, name: str, codec: Any, width: int, height: int, pixel_format: str, rate: str
) -> None:
    path, fps, sound = tmp_path / name, Fraction(rate), noise(2.5)
    with VideoWriter(
        path, width, height, fps, codec=codec, audio=sound, metadata={"title": "t", "own_key": "v"}
    ) as out:
        for image in pictures(50, width, height):
            out.write(image)
    info = probe(path)
    stored = (width, height) if codec == "vp9" else (width + width % 2, height + height % 2)
    assert (info.width, info.height, info.pixel_format, info.has_audio) == (*stored, pixel_format, True)
    assert info.fps == pytest.approx(fps, rel=1e-3)
    assert info.duration == pytest.approx(50 / fps, abs=2e-3)
    frames = list(read_frames(path))
    assert [frame.time for frame in frames] == pytest.approx([float(k / fps) for k in range(50)], abs=1e-3)
    for number in (0, 25, 49):
        image = frames[number].image.astype(int)
        assert np.abs(image[:height, :width] - picture(number, width, height)).mean() < 4
        assert np.abs(image[:, -1] - image[:, -2]).mean() < 4, "what is added looks like what it is beside"
    heard = read_audio(path)
    assert abs(delay_ms(sound, heard)) < 5
    assert len(heard.samples) / 16_000 == pytest.approx(2.5, abs=0.05)
    with av.open(str(path)) as container:
        tags = {key.lower(): value for key, value in container.metadata.items()}
        assert container.streams.audio[0].rate == 48_000
        assert container.streams.video[0].codec_context.profile in {
            "High", "Main", "Profile 0",
        }  # fmt: skip
    assert (tags["title"], tags["own_key"]) == ("t", "v")


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
def test_a_click_is_heard_where_it_was_put(tmp_path: Path, rate: int) -> None:
    samples = np.zeros(3 * rate, np.float32)
    samples[[round(t * rate) for t in (0.5, 1.25, 2.0)]] = 0.9
    sound = Waveform(gaussian_filter(samples, rate / 8000).astype(np.float32), rate)
    path = tmp_path / "a.mp4"
    with VideoWriter(path, 64, 64, Fraction(25), audio=sound) as writer:
        for image in pictures(75, 64, 64):
            writer.write(image)
    heard = np.abs(read_audio(path, 48_000).samples)
    for t in (0.5, 1.25, 2.0):
        start = round((t - 0.1) * 48_000)
        assert (start + heard[start : start + 9600].argmax()) / 48_000 == pytest.approx(t, abs=0.001)


def test_times_of_a_variable_rate_come_back(tmp_path: Path) -> None:
    times = [0.0, 0.0417, 0.1, 0.11, 0.3, 0.3337, 0.7]
    for name in ("a.mp4", "a.mkv"):
        path = tmp_path / name
        with VideoWriter(path, 96, 64, Fraction(30)) as writer:
            for time, image in zip(times, pictures(7), strict=True):
                writer.write(image, time)
        assert [frame.time for frame in read_frames(path)] == pytest.approx(times, abs=1e-3)


@pytest.mark.parametrize(
    "tags",
    [
        {"colorspace": 1, "color_range": 1, "color_primaries": 1, "color_trc": 1},
        {"colorspace": 5, "color_range": 1, "color_primaries": 5, "color_trc": 6},
        {"colorspace": 6, "color_range": 2, "color_primaries": 6, "color_trc": 6},
        {"colorspace": 9, "color_range": 1, "color_primaries": 9, "color_trc": 14},
        {},
    ],
)
def test_colour_tags_and_pixel_shape_are_kept_and_luma_does_not_change(tmp_path: Path, tags: dict[str, int]) -> None:
    source = encode(tmp_path / "a.mp4", "libx264", "yuv420p", pictures(5), sample_aspect_ratio=Fraction(4, 3), **tags)
    info = probe(source)
    copy = tmp_path / "b.mp4"
    with VideoWriter(copy, info.width, info.height, info.fps, like=info, quality=0) as writer:
        for frame in read_frames(source):
            writer.write(frame.image)
    result = probe(copy)
    for name in ("color_range", "colorspace", "color_primaries", "color_transfer", "sample_aspect_ratio"):
        assert getattr(result, name) == getattr(info, name), name
    with av.open(str(source)) as before, av.open(str(copy)) as after:
        for old, new in zip(before.decode(video=0), after.decode(video=0), strict=True):
            difference = np.abs(old.to_ndarray().astype(int) - new.to_ndarray())
            assert difference[: info.height].max() <= 1
            assert difference[info.height :].mean() < 1


def test_without_a_source_the_tags_go_by_size(tmp_path: Path) -> None:
    for height, kind in ((288, 6), (720, 1)):
        path = tmp_path / f"{height}.mp4"
        with VideoWriter(path, 64, height, Fraction(25)) as writer:
            writer.write(np.full((height, 64, 3), (200, 60, 40), np.uint8))
        info = probe(path)
        assert (info.color_range, info.colorspace, info.color_primaries, info.color_transfer) == (1, kind, kind, kind)
        assert np.abs(next(read_frames(path)).image.astype(int) - (200, 60, 40)).max() <= 4


def test_the_index_of_an_mp4_comes_first_and_sound_lies_among_the_pictures(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with VideoWriter(path, 96, 64, Fraction(25), audio=noise(8)) as writer:
        for image in pictures(200):
            writer.write(image)
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    with av.open(str(path)) as container:
        places = {"video": [], "audio": []}
        for packet in container.demux():
            if packet.size:
                places[packet.stream.type].append((packet.pos, float(packet.pts * packet.time_base)))
    merged = sorted(place for kind in places.values() for place in kind)
    assert max(abs(a[1] - b[1]) for a, b in pairwise(merged)) < 2


def write_all(path: Path, images: Iterable[np.ndarray], times: list[float] | None = None, **options: Any) -> None:
    first, *rest = images
    with VideoWriter(path, first.shape[1], first.shape[0], Fraction(25), **options) as writer:
        for number, image in enumerate([first, *rest]):
            writer.write(image, *times[number : number + 1] if times else ())


class Stop(BaseException):
    pass


@pytest.mark.parametrize("error", [KeyboardInterrupt, MediaError, Stop])
@pytest.mark.parametrize("after", [0, 3])
def test_a_failure_leaves_nothing_behind(tmp_path: Path, error: type[BaseException], after: int) -> None:
    def fail() -> None:
        with VideoWriter(tmp_path / "a.mp4", 96, 64, Fraction(25), audio=noise(1)) as writer:
            for image in pictures(after):
                writer.write(image)
            raise error

    with pytest.raises(error):
        fail()
    assert list(tmp_path.iterdir()) == []


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """The kernel refuses to let any file of this process grow beyond `size` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4"])
def test_a_disk_that_takes_no_more_is_one_line_and_leaves_nothing_behind(tmp_path: Path, name: str) -> None:
    generator = np.random.default_rng(0)
    images = [generator.integers(0, 256, (240, 320, 3), dtype=np.uint8) for _ in range(40)]
    with largest_file(300_000), pytest.raises(OutputError, match="cannot be written") as caught:
        write_all(tmp_path / name, images)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise av.error.OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("synclips.media.video_encode.PictureEncoder.encode", full)
    with pytest.raises(OutputError, match="disk is full"):
        write_all(tmp_path / "a.mp4", pictures(3))
    assert list(tmp_path.iterdir()) == []


def test_what_exists_is_kept_unless_it_may_be_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"older")
    with pytest.raises(OutputError, match="overwrite"), VideoWriter(path, 96, 64, Fraction(25)):
        pass
    with pytest.raises(ValueError, match="shape"):
        write_all(path, [picture(0), picture(0, 64, 96)], overwrite=True)
    assert path.read_bytes() == b"older"
    with VideoWriter(path, 96, 64, Fraction(25), overwrite=True) as writer:
        writer.write(picture(0))
    assert probe(path).width == 96


def test_wrong_use_is_named(tmp_path: Path) -> None:
    for name, codec, error in (
        ("a.foo", "h264", OutputError),
        ("a.webm", "h264", ConfigError),
        ("a.mp4", "ffv1", ConfigError),
    ):
        with pytest.raises(error):
            VideoWriter(tmp_path / name, 96, 64, Fraction(25), codec=codec)
    with pytest.raises(ConfigError, match="unknown"):
        check_format(tmp_path / "a.mp4", "x", 16)
    with pytest.raises(ConfigError, match="quality"):
        check_format(tmp_path / "a.mp4", "h264", 52)
    with pytest.raises(OutputError, match="no frames"), VideoWriter(tmp_path / "a.mp4", 96, 64, Fraction(25)):
        pass
    for images, times, words in (
        ([picture(0), picture(0, 64, 96)], None, "shape"),
        ([picture(0), picture(1)], [0.0], "time"),
        ([picture(0), picture(1)], [1.0, 1.0], "after"),
    ):
        with pytest.raises(ValueError, match=words):
            write_all(tmp_path / "a.mp4", images, times)
    assert list(tmp_path.iterdir()) == []


def resident_mb() -> float:
    gc.collect()
    status = Path("/proc/self/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found
    return int(found[1]) / 1024


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_memory_does_not_grow_with_the_length(tmp_path: Path) -> None:
    path = tmp_path / "long.mp4"
    images = [picture(number, 192, 144) for number in range(20)]
    with VideoWriter(path, 192, 144, Fraction(25), audio=noise(80)) as writer:
        marks = []
        for number in range(2000):
            writer.write(images[number % 20])
            if number in (300, 1999):
                marks.append(resident_mb())
    assert marks[1] - marks[0] < 30
    for reader in (
        read_frames(path),
        read_at_rate(path),
        frames_in_order(path, [*range(2000), *range(1999, 1700, -1)], window_bytes=2**24),
    ):
        marks = [resident_mb() for number, _ in enumerate(reader) if number in (300, 1999)]
        assert marks[1] - marks[0] < 45


# stills


def test_a_still_comes_upright_as_rgb(tmp_path: Path) -> None:
    picture_ = Image.fromarray(quarters("RGBW"))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn 90 degrees clockwise to look at it
    picture_.save(tmp_path / "a.jpg", exif=exif, quality=95)
    assert letters_of(read_image(tmp_path / "a.jpg")) == "BRWG"
    assert read_image(tmp_path / "a.jpg").shape == (96, 64, 3)
    for name in ("a.png", "a.webp"):
        picture_.save(tmp_path / name, **({"lossless": True} if name == "a.webp" else {}))
        np.testing.assert_array_equal(read_image(tmp_path / name), quarters("RGBW"))
    for name in ("a.jpg", "a.png", "a.webp"):
        assert is_image(tmp_path / name)


def test_transparent_sixteen_bit_and_palette_pictures(tmp_path: Path) -> None:
    clear = np.zeros((4, 4, 4), np.uint8)
    clear[:2] = (10, 20, 30, 255)
    Image.fromarray(clear).save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")
    assert (image[0, 0] == (10, 20, 30)).all()
    assert (image[3, 3] == 255).all()
    Image.fromarray(np.full((4, 4), 0x8000, np.uint16)).save(tmp_path / "b.png")
    assert (read_image(tmp_path / "b.png") == 0x80).all()
    Image.fromarray(quarters("RGBW")).convert("P").save(tmp_path / "c.png")
    assert letters_of(read_image(tmp_path / "c.png")) == "RGBW"


def test_what_is_not_a_still_is_told_apart(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    Image.fromarray(quarters("RGBW")).save(tmp_path / "cut.png")
    data = (tmp_path / "cut.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(data[: len(data) // 2])
    video = encode(tmp_path / "a.mp4", "libx264", "yuv420p", pictures(2))
    for path in (tmp_path / "text.jpg", tmp_path / "empty.jpg", tmp_path, tmp_path / "missing.png", video):
        assert not is_image(path)
    assert is_image(tmp_path / "phone.heic")
    for name, words in (
        ("text.jpg", "not a picture"),
        ("empty.jpg", "is empty"),
        ("missing.png", "no such file"),
        ("cut.png", "damaged"),
        ("phone.heic", "HEIC|not a picture"),
        ("a.mp4", "not a picture"),
        (".", "is a folder"),
    ):
        with pytest.raises(MediaError, match=words):
            read_image(tmp_path / name)
