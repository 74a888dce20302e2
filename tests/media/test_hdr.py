"""HDR videos (HLG, PQ) come in as SDR pictures of the same scene, and never go out as 8 bits that claim to be HDR."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from synclips.media.tone_map import GAMMA, HLG, PQ, WHITE, nits_to_pq, pq_to_nits, to_sdr
from synclips.media.video import VideoWriter, frames_in_order, probe, read_frames

BT709_TO_BT2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])
"""ITU-R BT.2087-0."""
BT2020 = (0.2627, 0.0593)
SKIN, GREEN, GREY = (150, 112, 92), (30, 120, 50), (128, 128, 128)


def hdr_value(rgb: tuple[int, int, int], transfer: int) -> np.ndarray:
    """R'G'B' in [0, 1] of an SDR colour, shown as bright as on an SDR display of 203 cd/m2, in BT.2020."""
    nits = 203 * BT709_TO_BT2020 @ (np.array(rgb) / 255) ** GAMMA
    if transfer == PQ:
        y = (nits / 10000) ** (2610 / 16384)
        return ((3424 / 4096 + 2413 / 128 * y) / (1 + 2392 / 128 * y)) ** (2523 / 32)
    luminance = (0.2627 * nits[0] + 0.6780 * nits[1] + 0.0593 * nits[2]) / 1000
    scene = nits / 1000 * max(luminance, 1e-9) ** (1 / 1.2 - 1)
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), a * np.log(np.maximum(12 * scene - b, 1e-9)) + c)


def hdr_file(
    path: Path, rgb: tuple[int, int, int], transfer: int, *, pixels: str = "yuv420p10le", matrix: int = 9,
    primaries: int = 9, full: bool = False,
) -> Path:  # fmt: skip
    kr, kb = BT2020
    r, g, b = hdr_value(rgb, transfer)
    y = kr * r + (1 - kr - kb) * g + kb * b
    u, v = (b - y) / 2 / (1 - kb), (r - y) / 2 / (1 - kr)
    most = 1023 if "10" in pixels else 255
    unit = (most + 1) / 256
    levels = (most * y, (most + 1) / 2 + most * u, (most + 1) / 2 + most * v)
    if not full:
        levels = (unit * (16 + 219 * y), unit * (128 + 224 * u), unit * (128 + 224 * v))
    kind = np.uint16 if most > 255 else np.uint8
    planes = [np.full((64, 64), levels[0]), np.full((16, 64), levels[1]), np.full((16, 64), levels[2])]
    image = np.concatenate(planes).round().astype(kind)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"qp": "0", "preset": "ultrafast"})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 64, pixels
        context = stream.codec_context
        context.color_range, context.colorspace = 2 if full else 1, matrix
        context.color_primaries, context.color_trc = primaries, transfer
        for _ in range(5):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format=pixels)))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("transfer", [PQ, HLG], ids=["pq", "hlg"])
@pytest.mark.parametrize("rgb", [SKIN, GREEN, GREY, (20, 20, 20), (0, 0, 0)], ids=str)
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.mov"])
def test_what_is_no_brighter_than_skin_comes_out_as_it_would_on_an_sdr_display(
    tmp_path: Path, name: str, rgb: tuple[int, int, int], transfer: int
) -> None:
    path = hdr_file(tmp_path / name, rgb, transfer)
    assert probe(path).color_transfer == transfer
    images = [frame.image for frame in read_frames(path)]
    assert np.abs(images[0].astype(int) - rgb).max() <= 4, images[0][9, 9]
    for image in frames_in_order(path, [3, 0]):
        np.testing.assert_array_equal(image, images[0])


@pytest.mark.parametrize(
    "kind",
    [
        {"pixels": "yuv420p"},
        {"full": True},
        {"matrix": 2, "primaries": 2},
        {"pixels": "yuv420p", "matrix": 2},
    ],
    ids=["8 bits", "full range", "no matrix named", "8 bits, no matrix"],
)
@pytest.mark.parametrize("transfer", [PQ, HLG], ids=["pq", "hlg"])
def test_other_depths_ranges_and_missing_tags(tmp_path: Path, kind: dict[str, object], transfer: int) -> None:
    path = hdr_file(tmp_path / "a.mp4", SKIN, transfer, **kind)  # type: ignore[arg-type]
    assert np.abs(next(read_frames(path)).image.astype(int) - SKIN).max() <= 8


@pytest.mark.parametrize("transfer", [PQ, HLG], ids=["pq", "hlg"])
@pytest.mark.parametrize(("name", "codec"), [("b.mp4", "h264"), ("b.webm", "vp9"), ("b.mkv", "ffv1")])
def test_the_result_is_sdr_and_says_so(tmp_path: Path, transfer: int, name: str, codec: str) -> None:
    source, target = hdr_file(tmp_path / "a.mp4", SKIN, transfer), tmp_path / name
    info = probe(source)
    with VideoWriter(target, 64, 64, Fraction(25), like=info, codec=codec) as writer:  # type: ignore[arg-type]
        for frame in read_frames(source):
            writer.write(frame.image)
    made = probe(target)
    assert (made.bit_depth, made.color_transfer, made.color_primaries) == (8, 1, 1)
    assert codec == "ffv1" or made.colorspace == 1
    assert np.abs(next(read_frames(target)).image.astype(int) - SKIN).max() <= 6


def test_highlights_are_compressed_and_never_fall() -> None:
    nits = np.linspace(0, 1000, 500)
    values = np.round(1023 * nits_to_pq(nits)).astype(np.uint16)[None]
    grey = to_sdr(values, values, values, PQ, 9)
    assert np.ptp(grey.astype(int), axis=2).max() <= 1
    codes = grey[0, :, 1].astype(int)
    assert (np.diff(codes) >= 0).all()
    assert codes[-1] == 255
    white = int(codes[np.abs(nits - WHITE).argmin()])
    assert 225 < white < 250, "diffuse white leaves room for highlights"
    above = values.max() + 100
    bright = np.full((2, 2), above, np.uint16)
    assert to_sdr(bright, bright, bright, PQ, 9).min() == 255


def test_pq_is_its_own_inverse() -> None:
    nits = np.array([0.0, 0.1, 1, 100, 203, 1000, 10_000])
    np.testing.assert_allclose(pq_to_nits(nits_to_pq(nits)), nits, rtol=1e-6, atol=1e-6)
    assert float(nits_to_pq(np.array([100.0]))[0]) == pytest.approx(0.508, abs=1e-3)


@pytest.mark.parametrize(("primaries", "transfer"), [(12, 1), (12, 13), (9, 14)])
@pytest.mark.parametrize("codec", ["h264", "ffv1"])
def test_wide_colours_that_are_not_hdr_keep_their_tags(
    tmp_path: Path, primaries: int, transfer: int, codec: str
) -> None:
    source, target = tmp_path / "a.mp4", tmp_path / "b.mkv"
    with av.open(str(source), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"qp": "0"})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        stream.codec_context.colorspace = 9 if primaries == 9 else 1
        stream.codec_context.color_primaries, stream.codec_context.color_trc = primaries, transfer
        container.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((96, 64), 120, np.uint8), format="yuv420p")))
        container.mux(stream.encode(None))
    info = probe(source)
    with VideoWriter(target, 64, 64, Fraction(25), like=info, codec=codec) as writer:  # type: ignore[arg-type]
        writer.write(next(read_frames(source)).image)
    assert (probe(target).color_primaries, probe(target).color_transfer) == (primaries, transfer)
