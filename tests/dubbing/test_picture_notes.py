"""What was done to unusual pictures is told, one note a kind, and what cannot be dubbed keeps its original."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from small_models import write_generator

from synclips.cli.main import main
from synclips.data.grid import WordSpan
from synclips.data.synthetic import SyntheticSpeaker, draw_frames
from synclips.data.synthetic_voice import Articulation
from synclips.dubbing.pipeline import DubOptions, DubResult, dub
from synclips.media.audio import Waveform, write_wav
from synclips.media.conversions import Conversions
from synclips.media.video import frames_in_order, probe, read_frames

SECONDS = 1.2


@pytest.fixture(scope="module")
def head() -> list[np.ndarray]:
    """A drawn head that talks for 1.2 s."""
    rng = np.random.default_rng(0)
    words = tuple(WordSpan(0.1 + 0.3 * n, 0.35 + 0.3 * n, word) for n, word in enumerate(["bin", "blue", "at"]))
    frames = draw_frames(SyntheticSpeaker.called("s2"), Articulation(words, rng), round(SECONDS * 25), rng)
    return [np.ascontiguousarray(image[:, 60:300]) for image in frames]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sound") / "line.wav"
    time = np.arange(round(SECONDS * 16_000)) / 16_000
    write_wav(path, Waveform((0.2 * np.sin(2 * np.pi * 200 * time)).astype(np.float32), 16_000))
    return path


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> DubOptions:
    model = write_generator(tmp_path_factory.mktemp("model") / "base.safetensors")
    return DubOptions(checkpoint=model, device="cpu", cache=False, provenance=False)


def written(path: Path, images: list[np.ndarray], **kinds: object) -> Path:
    """Encoded by the codec that the suffix allows; `kinds`: attributes of the codec's context."""
    codec, name = ("libvpx-vp9", "yuv420p") if path.suffix == ".webm" else ("libx264", "yuv420p")
    rate = kinds.pop("rate", 25)
    name = str(kinds.pop("pixels", name))
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, options={"crf": "4", "b": "0"})  # type: ignore[call-overload]
        stream.width, stream.height, stream.pix_fmt = images[0].shape[1], images[0].shape[0], name
        for key, value in kinds.items():
            setattr(stream.codec_context, key, value)
        for image in images:
            frame = av.VideoFrame.from_ndarray(image, format="rgb24" if image.shape[2] == 3 else "rgba")
            container.mux(stream.encode(frame.reformat(format=name)))
        container.mux(stream.encode(None))
    return path


def dubbed(source: Path, sound: Path, options: DubOptions, name: str = "out.mp4") -> DubResult:
    return dub(source, source.with_name(name), audio=sound, options=options)


def test_an_ordinary_video_has_no_note(
    tmp_path: Path, head: list[np.ndarray], sound: Path, options: DubOptions
) -> None:
    result = dubbed(written(tmp_path / "a.mp4", head), sound, options)
    assert result.report.notes == []


@pytest.mark.parametrize("codec", ["h264", "vp9"])
def test_an_odd_size(tmp_path: Path, head: list[np.ndarray], sound: Path, options: DubOptions, codec: str) -> None:
    source = written(tmp_path / "a.webm", [np.ascontiguousarray(image[:-1, :-1]) for image in head])
    height, width = head[0].shape[0] - 1, head[0].shape[1] - 1
    assert (probe(source).width, probe(source).height) == (width, height)
    result = dubbed(source, sound, replace(options, codec=codec))
    made = probe(result.output)
    assert made.pixel_format == "yuv420p"
    assert (result.report.width, result.report.height) == (made.width, made.height)
    if codec == "vp9":
        assert (made.width, made.height, result.report.notes) == (width, height, [])
        return
    assert (made.width, made.height) == (width + 1, height + 1)
    [note] = result.report.notes
    assert f"{width + 1} x {height + 1}" in note


def test_hdr(tmp_path: Path, head: list[np.ndarray], sound: Path, options: DubOptions) -> None:
    tags = {"color_trc": 18, "color_primaries": 9, "colorspace": 9, "color_range": 1}
    source = written(tmp_path / "a.mov", head, pixels="yuv420p10le", **tags)
    result = dubbed(source, sound, options)
    [note] = result.report.notes
    assert note.startswith("30 of 30 frames are HDR (HLG)")
    made = probe(result.output)
    assert (made.bit_depth, made.color_transfer, made.color_primaries, made.colorspace) == (8, 1, 1, 1)


def test_transparency(tmp_path: Path, head: list[np.ndarray], sound: Path, options: DubOptions) -> None:
    half = [np.dstack([image, np.full(image.shape[:2], 128, np.uint8)]) for image in head]
    source = written(tmp_path / "a.webm", half, pixels="yuva420p")
    result = dubbed(source, sound, options)
    [note] = result.report.notes
    assert note.startswith("30 of 30 frames are partly transparent")
    assert probe(result.output).pixel_format == "yuv420p"
    shown = next(read_frames(result.output)).image
    assert np.abs(shown[:40].astype(int) - head[0][:40]).mean() < 6, "as opaque as it was"


@pytest.mark.parametrize("alpha", [255, 90])
def test_transparency_that_is_in_the_frames(tmp_path: Path, alpha: int) -> None:
    path = tmp_path / "a.mov"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("qtrle", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "argb"
        image = np.full((48, 64, 4), (200, 100, 50, alpha), np.uint8)
        for _ in range(5):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgba").reformat(format="argb")))
        container.mux(stream.encode(None))
    conversions = Conversions()
    images = list(frames_in_order(path, range(5), conversions=conversions))
    assert np.abs(images[0].astype(int) - (200, 100, 50)).max() <= 1
    assert conversions.transparent == (5 if alpha < 255 else 0)


def test_a_mouth_that_is_outside_of_the_picture(
    tmp_path: Path, head: list[np.ndarray], sound: Path, options: DubOptions
) -> None:
    source = written(tmp_path / "a.mp4", [np.ascontiguousarray(image[:150]) for image in head])
    result = dubbed(source, sound, options)
    [note] = result.report.notes
    assert note.startswith("30 of 30 frames keep the original picture: ")
    for before, after in zip(read_frames(source), read_frames(result.output), strict=True):
        assert np.abs(before.image.astype(int) - after.image).mean() < 3


def test_too_few_frames_a_second_on_the_command_line(
    tmp_path: Path, head: list[np.ndarray], sound: Path, options: DubOptions, capsys: pytest.CaptureFixture[str]
) -> None:
    source, output = written(tmp_path / "a.mp4", head[:4], rate=1), tmp_path / "out.mp4"
    words = ["dub", str(source), "--audio", str(sound), "--output", str(output), "--checkpoint"]
    assert main([*words, str(options.checkpoint), "--device", "cpu", "--no-provenance"]) == 0
    said = capsys.readouterr().err.splitlines()
    assert sum("keep the original picture: fewer than 6 frames a second" in line for line in said) == 1
    assert Fraction(probe(output).fps) == 1
