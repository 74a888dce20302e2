"""Photographs of every kind: what a file is says its content, and its colours come out as they were meant."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms
from test_hdr import GREEN, GREY, SKIN, hdr_value
from test_video import encode, letters_of, pictures, quarters

from synclips.dubbing.prepared_video import open_source
from synclips.errors import MediaError
from synclips.media import image as image_module
from synclips.media.image import is_animation, is_image, read_animation, read_image
from synclips.media.photo_video import LARGEST, picture_as_video
from synclips.media.video import frame_times, probe, read_frames

P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
ADOBE = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
WHITE = np.array([0.3127, 0.3290])


def to_xyz(primaries: tuple[tuple[float, float], ...]) -> np.ndarray:
    """Linear RGB to XYZ (D65)."""
    columns = np.array([[x / y, 1, (1 - x - y) / y] for x, y in primaries]).T
    white = np.array([WHITE[0] / WHITE[1], 1, (1 - WHITE.sum()) / WHITE[1]])
    return columns * np.linalg.solve(columns, white)


SRGB_XYZ = to_xyz(((0.64, 0.33), (0.30, 0.60), (0.15, 0.06)))


def in_space(rgb: tuple[int, int, int], primaries: tuple[tuple[float, float], ...], gamma: float) -> np.ndarray:
    """The values in another RGB space of an sRGB colour."""
    value = np.array(rgb) / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    other = np.linalg.solve(to_xyz(primaries), SRGB_XYZ @ linear).clip(0, 1)
    coded = np.where(other <= 0.0031308, 12.92 * other, 1.055 * other ** (1 / 2.4) - 0.055)
    return np.round(255 * (other ** (1 / gamma) if gamma != 2.4 else coded)).astype(np.uint8)


def profile(primaries: tuple[tuple[float, float], ...], gamma: float) -> bytes:
    """A matrix profile (ICC.1:2010), its colorants adapted to D50 by Bradford's transform."""
    bradford = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    d50, d65 = np.array([0.9642, 1, 0.8249]), np.array([WHITE[0] / WHITE[1], 1, (1 - WHITE.sum()) / WHITE[1]])
    adapt = np.linalg.inv(bradford) @ np.diag((bradford @ d50) / (bradford @ d65)) @ bradford
    columns = (adapt @ to_xyz(primaries)).T

    def fixed(values: np.ndarray) -> bytes:
        return b"".join(struct.pack(">i", round(float(v) * 65536)) for v in values)

    curve = b"para" + bytes(4) + struct.pack(">HH", 0, 0) + fixed(np.array([gamma]))
    if gamma == 2.4:
        curve = b"para" + bytes(4) + struct.pack(">HH", 3, 0)
        curve += fixed(np.array([2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045]))
    text = b"desc" + bytes(4) + struct.pack(">I", 5) + b"test\0" + bytes(78)
    tags = {b"desc": text, b"wtpt": b"XYZ " + bytes(4) + fixed(d50)}
    for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns, strict=True):
        tags[name] = b"XYZ " + bytes(4) + fixed(column)
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    at, table, body = 128 + 4 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        data += bytes(-len(data) % 4)
        table += name + struct.pack(">II", at + len(body), len(data))
        body += data
    head = bytearray(128)
    struct.pack_into(">I", head, 0, 128 + len(table) + len(body))
    head[8:12] = b"\x04\x20\0\0"
    head[12:24] = b"mntrRGB XYZ "
    head[36:40] = b"acsp"
    head[68:80] = fixed(d50)
    return bytes(head) + table + body


def patch(values: np.ndarray | tuple[int, ...]) -> Image.Image:
    return Image.fromarray(np.broadcast_to(np.asarray(values, np.uint8), (32, 32, 3)).copy())


def colour_of(path: Path) -> np.ndarray:
    return read_image(path)[16, 16].astype(int)


@pytest.mark.parametrize(("primaries", "gamma"), [(P3, 2.4), (ADOBE, 563 / 256)], ids=["Display P3", "Adobe RGB"])
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tif", "a.avif"])
@pytest.mark.parametrize("rgb", [SKIN, GREEN, GREY], ids=str)
def test_a_profile_says_what_colours_are_meant(
    tmp_path: Path, name: str, primaries: tuple[tuple[float, float], ...], gamma: float, rgb: tuple[int, int, int]
) -> None:
    path = tmp_path / name
    options = {"quality": 95} if path.suffix != ".png" else {}
    values = in_space(rgb, primaries, gamma)
    patch(values).save(path, icc_profile=profile(primaries, gamma), **options)
    loss = 3 if path.suffix in (".png", ".tif") else 9
    assert np.abs(colour_of(path) - rgb).max() <= loss, (values, colour_of(path))


def test_a_profile_counts_for_what_is_not_transparent(tmp_path: Path) -> None:
    values = np.zeros((8, 8, 4), np.uint8)
    values[:4] = (*in_space(SKIN, P3, 2.4), 255)
    Image.fromarray(values).save(tmp_path / "a.png", icc_profile=profile(P3, 2.4))
    image = read_image(tmp_path / "a.png").astype(int)
    assert np.abs(image[1, 1] - SKIN).max() <= 3
    assert (image[6, 6] == 255).all()


def test_half_transparent_parts_are_half_white(tmp_path: Path) -> None:
    values = np.broadcast_to(np.array([100, 50, 20, 128], np.uint8), (4, 4, 4))
    for name in ("a.png", "a.webp"):
        Image.fromarray(values.copy()).save(tmp_path / name, **({"lossless": True} if name == "a.webp" else {}))
        assert np.abs(colour_of_first(tmp_path / name) - (177, 152, 137)).max() <= 2


def colour_of_first(path: Path) -> np.ndarray:
    return read_image(path)[0, 0].astype(int)


def test_adobe_rgb_that_only_exif_names(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA001] = 0xFFFF
    exif.get_ifd(0x8769)[0xA005] = {1: "R03"}
    patch(in_space(GREEN, ADOBE, 563 / 256)).save(tmp_path / "a.jpg", exif=exif, quality=98)
    assert np.abs(colour_of(tmp_path / "a.jpg") - GREEN).max() <= 5


def test_a_damaged_profile_or_one_of_another_kind_is_left_out(tmp_path: Path) -> None:
    for number, data in enumerate((b"no profile", profile(P3, 2.4)[:300], gray_profile())):
        path = tmp_path / f"{number}.png"
        patch(SKIN).save(path, icc_profile=data)
        assert np.abs(colour_of(path) - SKIN).max() <= 1


def gray_profile() -> bytes:
    """The Lab profile says nothing of RGB either."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()


def test_cmyk_grey_float_and_deep_pictures(tmp_path: Path) -> None:
    cmyk = Image.fromarray(np.broadcast_to(np.array([0, 127, 255, 0], np.uint8), (32, 32, 4)).copy(), "CMYK")
    cmyk.save(tmp_path / "a.jpg", quality=95)
    assert np.abs(colour_of(tmp_path / "a.jpg") - (255, 128, 0)).max() <= 6
    ramp = np.linspace(0, 65535, 32 * 32).reshape(32, 32).astype(np.uint16)
    Image.fromarray(ramp).save(tmp_path / "grey16.png")
    np.testing.assert_array_equal(read_image(tmp_path / "grey16.png")[..., 0], ramp >> 8)
    deep_png(tmp_path / "deep.png", np.repeat(ramp[..., None], 3, axis=2))
    assert np.abs(read_image(tmp_path / "deep.png")[..., 1].astype(int) - (ramp >> 8)).max() <= 1
    Image.fromarray((ramp / 65535).astype(np.float32)).save(tmp_path / "float.tif")
    assert np.abs(read_image(tmp_path / "float.tif")[..., 2].astype(int) - (ramp >> 8)).max() <= 1
    Image.fromarray(np.full((8, 8), 200, np.uint8)).save(tmp_path / "grey.jpg")
    assert np.abs(read_image(tmp_path / "grey.jpg").astype(int) - 200).max() <= 1
    Image.fromarray(np.eye(8) > 0).save(tmp_path / "bits.png")
    np.testing.assert_array_equal(read_image(tmp_path / "bits.png")[..., 0], 255 * np.eye(8, dtype=np.uint8))


def deep_png(path: Path, values: np.ndarray, extra: bytes = b"") -> None:
    """A PNG of 16 bits a channel, RGB; `extra`: chunks before the pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width = values.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + head + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


@pytest.mark.parametrize("transfer", [16, 18], ids=["pq", "hlg"])
def test_an_hdr_picture_is_tone_mapped(tmp_path: Path, transfer: int) -> None:
    values = np.round(65535 * hdr_value(SKIN, transfer)).astype(np.uint16)
    data = bytes([9, transfer, 0, 1])
    extra = struct.pack(">I", 4) + b"cICP" + data + struct.pack(">I", zlib.crc32(b"cICP" + data))
    deep_png(tmp_path / "a.png", np.broadcast_to(values, (32, 32, 3)), extra)
    assert np.abs(colour_of(tmp_path / "a.png") - SKIN).max() <= 6


def test_a_photograph_by_whatever_name_is_a_photograph_and_a_video_a_video(tmp_path: Path) -> None:
    video = encode(tmp_path / "a.mp4", "libx264", "yuv420p", pictures(10)).read_bytes()
    for name in ("video.heic", "video.HEIF", "video.jpg", "video.png", "video.avif", "video"):
        (tmp_path / name).write_bytes(video)
        assert not is_image(tmp_path / name)
        assert len(list(read_frames(tmp_path / name))) == 10, name
        with open_source(tmp_path / name) as source:
            assert (source.is_photograph, source.info.path) == (False, tmp_path / name)
    still = Image.fromarray(quarters("RGBW"))
    for kind in ("JPEG", "PNG", "WEBP", "AVIF", "TIFF", "BMP", "GIF", "JPEG2000", "PPM"):
        data = io.BytesIO()
        still.save(data, kind)
        for name in ("photo.mp4", "photo.heic", "photo.mov", "photo"):
            (tmp_path / name).write_bytes(data.getvalue())
            assert is_image(tmp_path / name), (kind, name)
            assert letters_of(read_image(tmp_path / name)) == "RGBW", (kind, name)


def test_heic_by_whatever_name(tmp_path: Path) -> None:
    heif = pytest.importorskip("pillow_heif")
    heif.from_pillow(Image.fromarray(quarters("RGBW"))).save(tmp_path / "a.heic", quality=95)
    data = (tmp_path / "a.heic").read_bytes()
    odd = data.replace(b"ftypheic", b"ftypisom", 1)  # the boxes still say what it is
    for name, content in (("a.jpg", data), ("b.mp4", data), ("c", data), ("d.mov", odd)):
        (tmp_path / name).write_bytes(content)
        assert is_image(tmp_path / name), name
    assert letters_of(read_image(tmp_path / "a.jpg")) == letters_of(read_image(tmp_path / "b.mp4")) == "RGBW"


def test_a_giant_photograph_is_shrunk_while_it_is_decoded(tmp_path: Path) -> None:
    ramp = np.linspace(0, 255, 16_320).astype(np.uint8)
    tall = Image.fromarray(np.broadcast_to(ramp, (12_240, 16_320)).copy())
    tall.save(tmp_path / "a.jpg", quality=60)
    assert is_image(tmp_path / "a.jpg")
    image = read_image(tmp_path / "a.jpg", LARGEST)
    assert LARGEST <= max(image.shape) <= 3 * LARGEST
    assert image.shape[1] / image.shape[0] == pytest.approx(16_320 / 12_240, abs=0.01)
    assert np.abs(image[5, :, 0] - np.linspace(0, 255, image.shape[1])).max() < 4


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tif"])
def test_pillows_own_limit_and_a_turned_big_photograph(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(quarters("RGBW", 960, 640)).save(tmp_path / name, exif=exif)
    assert is_image(tmp_path / name)
    image = read_image(tmp_path / name, 120)
    assert 120 <= max(image.shape) <= 480
    assert image.shape[0] > image.shape[1]
    assert letters_of(image) == "BRWG"
    assert Image.MAX_IMAGE_PIXELS == 1000


def test_what_takes_too_much_memory_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_module, "MOST_BYTES", 100_000)
    Image.fromarray(quarters("RGBW", 200, 150)).save(tmp_path / "a.png")
    with pytest.raises(MediaError, match=r"200 x 150 pixels, which take .* GB of memory"):
        read_image(tmp_path / "a.png")


@pytest.mark.parametrize("kind", ["webp", "avif"])
def test_an_animation_becomes_a_video_of_its_frames_at_their_times(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"a.{kind}"
    frames = [Image.fromarray(quarters("RGBW" if n % 2 else "WBGR")) for n in range(6)]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=[100, 200, 100, 100, 300, 400])
    assert is_animation(path)
    assert not is_image(path)
    assert [round(time, 3) for time, _, _ in read_animation(path)] == [0, 0.1, 0.3, 0.4, 0.5, 0.8]
    with picture_as_video(path) as video:
        shown = list(read_frames(video))
        assert [letters_of(frame.image) for frame in shown[:6]] == ["WBGR", "RGBW"] * 3
        assert frame_times(video)[:6] == pytest.approx([0, 0.1, 0.3, 0.4, 0.5, 0.8], abs=1e-3)
        assert probe(video).duration == pytest.approx(1.2, abs=0.15)
    assert not video.exists()
    with open_source(path) as source:
        assert not source.is_photograph
        assert source.is_temporary


@pytest.mark.parametrize("kind", ["gif", "png"])
def test_other_animations_are_videos_as_they_are(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"a.{kind}"
    frames = [Image.fromarray(quarters("RGBW" if n % 2 else "WBGR")) for n in range(6)]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=100)
    assert not is_image(path)
    assert not is_animation(path)
    assert [letters_of(frame.image) for frame in read_frames(path)] == ["WBGR", "RGBW"] * 3
