"""Whatever camera or program a file comes from: each container, codec, depth, rate and layout, in and out again."""

import io
import itertools
import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from test_video import delay_ms, encode, letters_of, noise, picture, pictures, quarters, yuv_of

from synclips.errors import ConfigError, MediaError
from synclips.media.audio import Waveform, read_audio
from synclips.media.image import _reads_heic
from synclips.media.video import VideoWriter, frame_times, frames_in_order, is_image, probe, read_frames, read_image

ENCODERS = {
    "h264": ("libx264", {"preset": "ultrafast"}),
    "hevc": ("libx265", {"preset": "ultrafast", "x265-params": "log-level=none"}),
    "vp9": ("libvpx-vp9", {"cpu-used": "8", "deadline": "realtime"}),
    "av1": ("libsvtav1", {"preset": "12", "svtav1-params": "lp=1"}),
    "mpeg1": ("mpeg1video", {}),
    "mpeg2": ("mpeg2video", {}),
}
HOLDS = {
    "mp4": tuple(ENCODERS),
    "mov": ("h264", "hevc", "mpeg1", "mpeg2"),
    "mkv": tuple(ENCODERS),
    "webm": ("vp9", "av1"),
    "avi": ("h264", "vp9", "av1", "mpeg1", "mpeg2"),
    "mpg": ("h264", "hevc", "mpeg1", "mpeg2"),
}
DEEP = ("h264", "hevc", "av1")
FILES = [
    (suffix, codec, depth)
    for suffix, codecs in HOLDS.items()
    for codec, depth in itertools.product(codecs, (8, 10))
    if depth == 8 or codec in DEEP
]


@pytest.fixture(autouse=True)
def quiet_av1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SVT_LOG", "0")


def rewrite(source: Path, target: Path, **options: object) -> None:
    """What a dub does with a file, without the dubbing."""
    info = probe(source)
    with VideoWriter(target, info.width, info.height, info.fps, like=info, **options) as writer:  # type: ignore[arg-type]
        for frame in read_frames(source):
            writer.write(frame.image, frame.time)


@pytest.mark.parametrize(("suffix", "codec", "depth"), FILES, ids=["-".join(map(str, file)) for file in FILES])
def test_every_container_codec_and_depth_is_read_whole(tmp_path: Path, suffix: str, codec: str, depth: int) -> None:
    name, options = ENCODERS[codec]
    pixels = "yuv420p10le" if depth == 10 else "yuv420p"
    path = encode(tmp_path / f"a.{suffix}", name, pixels, pictures(20), options=options)
    info, frames = probe(path), list(read_frames(path))
    assert (info.width, info.height, info.fps, info.bit_depth) == (96, 64, 25, depth)
    assert info.duration == pytest.approx(0.8, abs=0.002)
    assert [frame.time for frame in frames] == pytest.approx([number / 25 for number in range(20)], abs=1.1e-3)
    np.testing.assert_array_equal(frame_times(path), [frame.time for frame in frames])
    for number, frame in enumerate(frames):
        assert np.abs(frame.image.astype(int) - picture(number)).mean() < 12
    order = [19, 3, 3, 12, *range(19, -1, -1)]
    for number, image in zip(order, frames_in_order(path, order, window_bytes=2**15), strict=True):
        np.testing.assert_array_equal(image, frames[number].image)


@pytest.mark.parametrize("rate", ["24000/1001", "24", "25", "30000/1001", "30", "50", "60000/1001", "60"])
@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_the_result_keeps_the_rate(tmp_path: Path, rate: str, suffix: str) -> None:
    source = encode(tmp_path / "a.mp4", "libx264", "yuv420p", pictures(30), rate=rate)
    target = tmp_path / f"b.{suffix}"
    rewrite(source, target)
    assert probe(target).fps == pytest.approx(Fraction(rate), rel=2e-4)
    assert frame_times(target) == pytest.approx(frame_times(source), abs=1.1e-3)


@pytest.mark.parametrize("codec", ["h264", "hevc"])
@pytest.mark.parametrize("depth", [8, 10])
@pytest.mark.parametrize("full", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize("kind", [1, 6], ids=["bt709", "bt601"])
def test_the_result_keeps_colours_and_their_tags(tmp_path: Path, codec: str, depth: int, full: bool, kind: int) -> None:
    name, options = ENCODERS[codec]
    tags = {"colorspace": kind, "color_primaries": kind, "color_trc": kind, "color_range": 2 if full else 1}
    weights = (0.2126, 0.0722) if kind == 1 else (0.299, 0.114)
    source, target = tmp_path / "a.mp4", tmp_path / "b.mp4"
    y, u, v = yuv_of((200, 60, 40), *weights, full=full)
    with av.open(str(source), "w") as container:
        stream = container.add_stream(name, rate=25, options=options | {"crf": "4"})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p10le" if depth == 10 else "yuv420p"
        for key, value in tags.items():
            setattr(stream.codec_context, key, value)
        planes = [np.full(64 * 64, y), np.full(32 * 32, u), np.full(32 * 32, v)]
        numbers = np.concatenate(planes).reshape(96, 64)
        image = (numbers * 4).astype(np.uint16) if depth == 10 else numbers.astype(np.uint8)
        packets = [*stream.encode(av.VideoFrame.from_ndarray(image, format=stream.pix_fmt)), *stream.encode(None)]
        for packet in packets:
            packet.dts = packet.pts  # x265 leaves the decoding time of an only frame undefined
        container.mux(packets)
    rewrite(source, target)
    before, after = probe(source), probe(target)
    for field in ("color_range", "colorspace", "color_primaries", "color_transfer"):
        assert (
            getattr(after, field) == getattr(before, field) == tags[field if field != "color_transfer" else "color_trc"]
        )
    for path in (source, target):
        assert np.abs(next(read_frames(path)).image.astype(int) - (200, 60, 40)).max() <= 4


def test_a_file_of_one_frame_has_its_time_in_each_codec(tmp_path: Path) -> None:
    image = next(iter(pictures(1, 64, 64)))
    for number, codec in enumerate(["h264", "vp9", *["hevc"] * 24]):
        path = tmp_path / f"{number}.mp4"
        with VideoWriter(path, 64, 64, Fraction(25), codec=codec) as writer:  # type: ignore[arg-type]
            writer.write(image)
        assert frame_times(path) == [0.0], (number, codec)


def test_a_ten_bit_phone_video_on_its_side_becomes_upright_pixels_of_the_same_shape(tmp_path: Path) -> None:
    images = [quarters("RGBW", 96, 64)] * 3
    source = encode(
        tmp_path / "a.mov", "libx265", "yuv420p10le", images, options=ENCODERS["hevc"][1], rotate=(-90, False),
        sample_aspect_ratio=Fraction(4, 3),
    )  # fmt: skip
    target = tmp_path / "b.mp4"
    rewrite(source, target)
    before, after = probe(source), probe(target)
    assert (before.rotation, after.rotation) == (90, 0)
    assert (before.width, before.height) == (after.width, after.height) == (64, 96)
    assert before.sample_aspect_ratio == after.sample_aspect_ratio == Fraction(3, 4)
    assert letters_of(next(read_frames(target)).image) == letters_of(next(read_frames(source)).image) == "BRWG"


@pytest.mark.parametrize(("width", "height"), [(95, 64), (96, 63), (95, 63)])
def test_odd_sizes_become_even_where_they_must_and_pixels_that_are_not_square_stay(
    tmp_path: Path, width: int, height: int
) -> None:
    shape = Fraction(16, 15)
    images = list(pictures(3, width, height))
    source = encode(tmp_path / "a.mp4", "libx264", "yuv444p", images, sample_aspect_ratio=shape)
    for name, codec in (("b.mp4", "h264"), ("b.mkv", "h264"), ("b.mov", "hevc"), ("c.mp4", "vp9")):
        rewrite(source, tmp_path / name, codec=codec)
        info = probe(tmp_path / name)
        size = (width, height) if codec == "vp9" else (width + width % 2, height + height % 2)
        assert (info.width, info.height, info.sample_aspect_ratio) == (*size, shape), name
        assert info.pixel_format == "yuv420p"
    with pytest.raises(ConfigError, match="not square"):
        rewrite(source, tmp_path / "b.webm", codec="vp9")
    square = encode(tmp_path / "square.mp4", "libx264", "yuv444p", images)
    for name, codec in (("b.webm", "vp9"), ("d.mkv", "ffv1")):
        rewrite(square, tmp_path / name, codec=codec)
        info = probe(tmp_path / name)
        assert (info.width, info.height, info.sample_aspect_ratio) == (width, height, 1), name


def test_an_uneven_frame_rate_stays_uneven(tmp_path: Path) -> None:
    stamps = np.cumsum([0, *np.random.default_rng(1).integers(8, 90, 29)]).tolist()
    source = encode(tmp_path / "a.mp4", "libx264", "yuv420p", pictures(30), milliseconds=stamps)
    for name in ("b.mp4", "b.mkv"):
        rewrite(source, tmp_path / name)
        assert frame_times(tmp_path / name) == pytest.approx(np.array(stamps) / 1000, abs=1.1e-3)


def test_exif_in_the_pictures_of_a_cameras_film_turns_them(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path, data = tmp_path / "a.avi", io.BytesIO()
    Image.fromarray(quarters("RGBW")).save(data, format="JPEG", exif=exif, quality=95)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuvj420p"
        for number in range(3):
            packet = av.Packet(data.getvalue())
            packet.stream, packet.time_base = stream, Fraction(1, 25)
            packet.pts = packet.dts = number
            container.mux(packet)
    assert probe(path).rotation == 90
    assert [letters_of(frame.image) for frame in read_frames(path)] == ["BRWG"] * 3


# sound


def with_sound(
    path: Path, tracks: list[np.ndarray], codec: str = "aac", layout: str = "mono", video_start: float = 0.0,
    audio_start: float = 0.0,
) -> Path:  # fmt: skip
    """30 pictures at 25 a second from `video_start` seconds, and sound tracks (channels x samples, 48 kHz)."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg2video" if path.suffix == ".mpg" else "libx264", rate=25)
        assert isinstance(video, av.VideoStream)
        video.width, video.height, video.pix_fmt = 96, 64, "yuv420p"
        streams = [container.add_stream(codec, rate=48_000, layout=layout) for _ in tracks]
        for stream, samples in zip(streams, tracks, strict=True):
            for place in range(0, samples.shape[1], 4800):
                name = stream.codec_context.format.name
                part = samples[:, place : place + 4800]
                if not stream.codec_context.format.is_planar:
                    part = part.T.reshape(1, -1)
                part = part if name.startswith("flt") else np.round(part * 32767).astype(np.int16)
                frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(part), format=name, layout=layout)
                frame.sample_rate, frame.time_base = 48_000, Fraction(1, 48_000)
                frame.pts = place + round(audio_start * 48_000)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        for number, image in enumerate(pictures(30)):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = number + round(video_start * 25), Fraction(1, 25)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
    return path


def test_the_first_of_several_sound_tracks_is_heard(tmp_path: Path) -> None:
    first, second = noise(1.2, 48_000).samples[None], np.zeros((1, 57_600), np.float32)
    heard = read_audio(with_sound(tmp_path / "a.mkv", [first, second], "flac"), 48_000)
    np.testing.assert_allclose(heard.samples[:57_600], first[0], atol=1e-4)
    assert float(np.abs(heard.samples).max()) > 0.1


@pytest.mark.parametrize(("suffix", "codec"), [("mp4", "aac"), ("mkv", "flac"), ("mpg", "ac3")])
def test_the_voice_in_the_centre_of_five_point_one_is_heard_whole(tmp_path: Path, suffix: str, codec: str) -> None:
    voice = noise(1.2, 48_000)
    channels = np.zeros((6, len(voice.samples)), np.float32)
    channels[2] = voice.samples * 0.9
    heard = read_audio(with_sound(tmp_path / f"a.{suffix}", [channels], codec, "5.1"), 48_000)
    assert abs(delay_ms(voice, heard)) < 8
    share = float(np.sqrt(np.mean(heard.samples[4800:52_800] ** 2)) / np.sqrt(np.mean(channels[2, 4800:52_800] ** 2)))
    assert 0.2 < share < 0.4, "1 / (1 + 2 * 0.707 + 2 * 0.5) = 0.29, less what the codec takes"
    assert float(np.abs(heard.samples).max()) <= 1


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "mov", "ts"])
@pytest.mark.parametrize(("video_start", "audio_start"), [(0.0, 0.4), (0.4, 0.0), (5.0, 5.2), (5.2, 5.0)])
def test_sound_and_picture_that_start_apart_stay_together(
    tmp_path: Path, suffix: str, video_start: float, audio_start: float
) -> None:
    sound = noise(1.6, 48_000)
    path = with_sound(tmp_path / f"a.{suffix}", [sound.samples[None]], video_start=video_start, audio_start=audio_start)
    frames = list(read_frames(path))
    assert frames[0].time == 0
    assert len(frames) == 30
    lead = audio_start - video_start
    heard = read_audio(path, 48_000)
    if lead > 0:
        assert np.abs(heard.samples[: round((lead - 0.05) * 48_000)]).max() < 0.01
        assert abs(delay_ms(sound, heard) - lead * 1000) < 5
    else:
        rest = Waveform(sound.samples[round(-lead * 48_000) :], 48_000)
        assert abs(delay_ms(rest, heard)) < 5


def test_an_edit_list_that_begins_within_a_group_of_pictures_is_obeyed(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mp4", "libx264", "yuv420p", pictures(50), options={"g": "25", "bf": "2"})
    whole = [frame.image for frame in read_frames(path)]
    data = bytearray(path.read_bytes())
    at = data.index(b"elst") + 12  # version, flags, count; then duration, media time, rate
    duration, media_time, rate = struct.unpack_from(">IiI", data, at)
    with av.open(str(path)) as container:
        step = round(Fraction(1, 25) / container.streams.video[0].time_base)
    struct.pack_into(">IiI", data, at, duration - 10 * 40, media_time + 10 * step, rate)
    path.write_bytes(data)
    frames = list(read_frames(path))
    assert [frame.time for frame in frames] == pytest.approx([number / 25 for number in range(40)], abs=1e-3)
    for frame, image in zip(frames, whole[10:], strict=True):
        np.testing.assert_array_equal(frame.image, image)
    np.testing.assert_array_equal(frame_times(path), [frame.time for frame in frames])
    order = [39, 0, 20, *range(39, -1, -1)]
    for number, image in zip(order, frames_in_order(path, order, window_bytes=2**15), strict=True):
        np.testing.assert_array_equal(image, frames[number].image)


@pytest.mark.parametrize("suffix", ["webm", "mov"])
def test_more_files_that_break_off(tmp_path: Path, suffix: str) -> None:
    codec = "vp9" if suffix == "webm" else "h264"
    name, options = ENCODERS[codec]
    whole = encode(tmp_path / f"a.{suffix}", name, "yuv420p", pictures(60), options=options)
    cut = tmp_path / f"cut.{suffix}"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    if suffix == "mov":  # its index lies at the end
        with pytest.raises(MediaError, match="breaks off"):
            probe(cut)
        return
    frames = list(read_frames(cut))
    assert 5 < len(frames) < 60
    np.testing.assert_array_equal(frame_times(cut), [frame.time for frame in frames])


# stills


def test_a_heic_picture_is_read_where_the_package_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.HEIC"
    heif = pytest.importorskip("pillow_heif")
    heif.register_heif_opener()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(quarters("RGBW")).save(path, format="HEIF", exif=exif.tobytes(), quality=95)
    assert is_image(path)
    assert letters_of(read_image(path)) == "BRWG"
    monkeypatch.setitem(__import__("sys").modules, "pillow_heif", None)
    _reads_heic.cache_clear()
    with pytest.raises(MediaError, match="pip install pillow-heif"):
        read_image(path)
    _reads_heic.cache_clear()
