"""What users of other lip-sync tools complain of, each as a test of the finished file (numbers: design/users_ask.md).

The model is untrained, so that nothing depends on how well it guesses; the face, the path and the files are real.
"""

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from scipy.signal import correlate
from small_models import write_generator

import synclips.dubbing.line_plan
import synclips.dubbing.pipeline
from synclips.data.synthetic import SyntheticSpeaker, draw_frames
from synclips.data.synthetic_voice import Articulation
from synclips.dubbing.pipeline import DubOptions, DubResult, dub
from synclips.media import resumable_writer
from synclips.media.audio import Waveform, read_audio, write_wav
from synclips.media.video import VideoWriter, frame_times, probe, read_frames
from synclips.progress import Progress, silent
from synclips.rendering import lip_sync
from synclips.rendering.compositor import paste_back
from synclips.rendering.frame_part import FramePart
from synclips.runtime import choose_device

FRAMES = 30
BLANK = range(8, 24)
"""Frames without a face: more than are bridged."""


@pytest.fixture(scope="module")
def face() -> list[np.ndarray]:
    """A drawn head that speaks, cut to its face: 288 x 240 pixels."""
    rng = np.random.default_rng(0)
    speaker = SyntheticSpeaker.called("s2")
    articulation = Articulation(synthetic_words(), rng)
    return [image[:, 60:300].copy() for image in draw_frames(speaker, articulation, FRAMES, rng)]


def synthetic_words() -> Any:
    from synclips.data.grid import WordSpan

    words = ("bin", "blue", "at", "f", "two", "now")
    return tuple(WordSpan(0.1 + 0.15 * n, 0.25 + 0.15 * n, word) for n, word in enumerate(words))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_generator(tmp_path_factory.mktemp("model") / "base.safetensors")


@pytest.fixture(scope="module")
def talking(face: list[np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The head as a plain video."""
    return write(tmp_path_factory.mktemp("source") / "talking.mp4", face)


@pytest.fixture
def say(tmp_path: Path, model: Path) -> Any:
    """Dub a video with some seconds of noise that comes in bursts, without loss unless told otherwise."""

    def dubbed(
        video: Path, seconds: float = 1.2, name: str = "out.mkv", on_progress: Progress = silent, **options: Any
    ) -> DubResult:
        sound = tmp_path / "speech.wav"
        write_wav(sound, bursts(seconds))
        chosen = {"codec": "ffv1" if name.endswith(".mkv") else "h264", "provenance": False} | options
        choice = DubOptions(checkpoint=model, device="cpu", **chosen)
        return dub(video, tmp_path / name, audio=sound, options=choice, overwrite=True, on_progress=on_progress)

    return dubbed


@pytest.fixture
def touched(monkeypatch: pytest.MonkeyPatch) -> dict[int, np.ndarray]:
    """By the number of a source frame that is composed: where its mask is above zero."""
    seen: dict[int, np.ndarray] = {}
    here, render_part = threading.local(), lip_sync.LipSync.render_part

    def rendered(self: Any, frame: FramePart, source: int, *arguments: Any, **named: Any) -> np.ndarray:
        here.frame, here.source = frame, source
        return render_part(self, frame, source, *arguments, **named)

    def watched(pixels: np.ndarray, made: np.ndarray, mask: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
        inside = np.zeros((here.frame.height, here.frame.width), bool)
        left, top = box[0] + here.frame.left, box[1] + here.frame.top
        inside[top : top + mask.shape[0], left : left + mask.shape[1]] = mask > 0
        seen[here.source] = inside
        return paste_back(pixels, made, mask, box)

    monkeypatch.setattr(lip_sync.LipSync, "render_part", rendered)
    monkeypatch.setattr(lip_sync, "paste_back", watched)
    return seen


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Frames are marked instead of painted, where the mouth is not what a test is about; returns the steps made."""
    steps: list[int] = []

    def marked(self: Any, frame: FramePart, source: int, plan: Any, step: int, skin: int | None = None) -> Any:
        del self, source, plan, skin
        steps.append(step)
        result = frame.pixels.copy()
        FramePart(result, frame.left, frame.top, frame.width, frame.height).cut((100, 100, 140, 140))[:] = step % 256
        return result

    monkeypatch.setattr(lip_sync.LipSync, "reach", lambda *_: (100, 100, 140, 140))
    monkeypatch.setattr(lip_sync.LipSync, "render_part", marked)
    return steps


def bursts(seconds: float, rate: int = 16_000) -> Waveform:
    time = np.arange(round(seconds * rate)) / rate
    noise = np.random.default_rng(3).standard_normal(len(time)) * (np.sin(2 * np.pi * 3 * time) > 0) * 0.2
    return Waveform(noise.clip(-1, 1).astype(np.float32), rate)


def write(path: Path, images: list[np.ndarray], times: list[float] | None = None, **options: Any) -> Path:
    height, width = images[0].shape[:2]
    fps = options.pop("fps", Fraction(25))
    with VideoWriter(path, width, height, fps, quality=10, **options) as writer:
        for number, image in enumerate(images):
            writer.write(image, *times[number : number + 1] if times else ())
    return path


def images_of(path: Path) -> list[np.ndarray]:
    return [frame.image for frame in read_frames(path)]


def delay_ms(sent: Waveform, got: Waveform) -> float:
    match = correlate(got.samples, sent.samples)
    return float(match.argmax() - (len(sent.samples) - 1)) / sent.sample_rate * 1000


def same(images: list[np.ndarray], others: list[np.ndarray]) -> list[bool]:
    return [np.array_equal(a, b) for a, b in zip(images, others, strict=True)]


# 1, 2, 15: what is not the mouth stays


def test_01_frames_without_a_face_pass_through_and_are_named(face: list[np.ndarray], tmp_path: Path, say: Any) -> None:
    grey = [np.full_like(face[0], 90 + n) for n in range(FRAMES)]
    mixed = [grey[n] if n in BLANK else face[n] for n in range(FRAMES)]
    result = say(write(tmp_path / "a.mp4", mixed))
    unchanged = same(images_of(tmp_path / "a.mp4"), images_of(result.output))
    assert all(unchanged[n] for n in BLANK)
    assert not any(unchanged[n] for n in (0, 4, 26, 29))
    assert result.report.frames_without_face == list(BLANK)
    assert len(frame_times(result.output)) == FRAMES


@pytest.mark.parametrize("name", ["a.mp4", "a.webm", "a.mkv"])
def test_02_all_pixels_outside_the_feathered_mask_are_bit_identical(
    face: list[np.ndarray], tmp_path: Path, say: Any, touched: dict[int, np.ndarray], name: str
) -> None:
    codec = {"a.mp4": "h264", "a.webm": "vp9", "a.mkv": "ffv1"}[name]
    source = write(tmp_path / name, face, codec=codec)
    before, after = images_of(source)[:12], images_of(say(source, 0.48).output)
    assert len(touched) == len(before) == len(after)
    assert sorted(touched) == list(range(12))
    for number, inside in touched.items():
        np.testing.assert_array_equal(after[number][~inside], before[number][~inside])
        assert (after[number][inside] != before[number][inside]).any()
        assert 0.02 < inside.mean() < 0.5
        assert not inside[[0, -1]].any()


def test_02_a_lossy_result_differs_outside_the_mask_by_its_encoding_only(
    talking: Path, say: Any, touched: dict[int, np.ndarray]
) -> None:
    before, after = images_of(talking), images_of(say(talking, 0.4, "out.mp4").output)
    assert sorted(touched) == list(range(len(after)))
    for number, inside in touched.items():
        difference = np.abs(before[number].astype(int) - after[number])[~inside]
        assert difference.mean() < 2


# 4, 12: length


def test_04_the_mouth_rests_where_the_speech_has_ended(shared_data: Path) -> None:
    """With the model that is shipped: real speech, then silence as `--keep-length` and `silence` put it there."""
    import torch

    from synclips.features.face_mesh import INNER_BOTTOM, INNER_TOP, lower_points
    from synclips.rendering.chunked import BlockPlan
    from synclips.rendering.renderer import build_renderer, load_model
    from synclips.rendering.timeline import plan_timeline
    from synclips.tracking.detector import FaceMeshDetector
    from synclips.tracking.tracked_video import track_video

    video = sorted((shared_data / "grid" / "s33").glob("*.mpg"))[0]
    detector = FaceMeshDetector()
    tracked = track_video(probe(video), islice(read_frames(video), 40), detector)
    detector.close()
    renderer = build_renderer(load_model(None, torch.device("cpu"))[0], tracked)
    speech = read_audio(sorted((shared_data / "grid" / "s22").glob("*.mpg"))[0])
    times = np.arange(500) / 25
    timeline = replace(plan_timeline(times, 20.0, speech.duration, "silence"), source=np.arange(500) % 40)
    plans: list[Any] = []
    original = renderer.plan
    renderer.plan = lambda *args: plans.append(original(*args)) or plans[-1]  # type: ignore[method-assign,func-returns-value]
    BlockPlan(renderer, speech, timeline).render(next(read_frames(video)).image, 0)
    top, bottom = np.searchsorted(lower_points(), [INNER_TOP, INNER_BOTTOM])
    lower = np.concatenate([plans[0].lower, renderer.rest[None]])  # type: ignore[attr-defined]
    opening = lower[:, bottom, 1] - lower[:, top, 1]
    speed = np.abs(np.diff(plans[0].lower, axis=0)).mean(axis=(1, 2))
    assert np.ptp(opening[10:70]) > 4
    assert np.abs(opening[90:-1] - opening[-1]).max() < 0.15 * np.ptp(opening[10:70])
    assert speed[90:].max() < 0.1 * speed[10:70].mean()


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("mode", "keep", "speech", "seconds"),
    [
        (None, False, 0.6, 0.6),
        (None, True, 0.6, 1.2),
        (None, False, 2.0, 2.0),
        ("cut_off", False, 2.0, 1.2),
        ("loop", False, 2.0, 2.0),
        ("bounce", False, 2.0, 2.0),
        ("silence", False, 0.6, 1.2),
        ("remap", False, 1.6, 1.6),
    ],
)
def test_12_speech_and_video_of_unlike_length_end_together(
    talking: Path, say: Any, mode: Any, keep: bool, speech: float, seconds: float
) -> None:
    result = say(talking, speech, "out.mp4", sync_mode=mode, keep_length=keep, quality=40)
    info = probe(result.output)
    assert (info.fps, info.width, info.height) == (25, 240, 288)
    assert info.duration == pytest.approx(seconds, abs=0.04)
    heard = read_audio(result.output)
    assert heard.duration == pytest.approx(seconds, abs=0.07)
    said = bursts(speech)
    assert abs(delay_ms(said.padded(min(len(said.samples), round(seconds * 16_000))), heard)) < 5
    assert np.abs(heard.samples[round((speech + 0.05) * 16_000) :]).max(initial=0) < 0.01


# 9, 13: any machine, nothing degraded


def test_09_a_machine_without_a_gpu_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    assert choose_device("auto").type == "cpu"


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("rate", ["24000/1001", "30000/1001", "60"])
def test_13_rate_size_colours_and_48_khz_sound_are_kept(
    face: list[np.ndarray], tmp_path: Path, say: Any, rate: str
) -> None:
    images = [image[:287, :239] for image in face]
    source = write(tmp_path / "a.mp4", images, fps=Fraction(rate))
    before, after = probe(source), probe(say(source, 1.0, "out.mp4").output)
    for field in ("width", "height", "color_range", "colorspace", "color_primaries", "color_transfer"):
        assert getattr(after, field) == getattr(before, field), field
    assert after.fps == pytest.approx(before.fps, rel=1e-3)
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.audio[0].rate == 48_000


@pytest.mark.usefixtures("quick")
def test_13_a_better_quality_is_nearer_and_larger(talking: Path, say: Any) -> None:
    exact = images_of(say(talking, 0.4).output)
    errors, sizes = [], []
    for quality in (8, 34):
        output = say(talking, 0.4, "out.mp4", quality=quality).output
        errors.append(
            np.mean([np.abs(a.astype(int) - b).mean() for a, b in zip(images_of(output), exact, strict=True)])
        )
        sizes.append(output.stat().st_size)
    assert errors[0] < errors[1]
    assert sizes[0] > 2 * sizes[1]


@pytest.mark.usefixtures("quick")
def test_13_an_uneven_frame_rate_keeps_its_times(face: list[np.ndarray], tmp_path: Path, say: Any) -> None:
    times = np.cumsum([0, *np.random.default_rng(2).uniform(0.012, 0.07, FRAMES - 1)]).tolist()
    source = write(tmp_path / "a.mp4", face, times)
    result = say(source, 5.0, "out.mp4", sync_mode="cut_off", quality=40)
    assert frame_times(result.output) == pytest.approx(frame_times(source), abs=1e-3)


@pytest.mark.usefixtures("quick")
def test_13_a_phone_video_on_its_side_comes_out_upright(face: list[np.ndarray], tmp_path: Path, say: Any) -> None:
    source = tmp_path / "a.mov"
    with av.open(str(source), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"crf": "10"})
        assert isinstance(stream, av.VideoStream)
        stream.set_display_rotation(-90)
        stream.width, stream.height, stream.pix_fmt = 288, 240, "yuv420p"
        for image in face:
            lying = np.ascontiguousarray(np.rot90(image))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(lying, format="rgb24").reformat(format="yuv420p")))
        container.mux(stream.encode(None))
    before = probe(source)
    result = say(source, 0.8, "out.mp4")
    after = probe(result.output)
    assert (before.rotation, after.rotation) == (90, 0)
    assert (before.width, before.height) == (after.width, after.height) == (240, 288)
    assert result.report.frames_without_face == []
    difference = np.abs(images_of(source)[3].astype(int) - images_of(result.output)[3])
    assert difference[:60].mean() < 3
    assert difference[100:140, 100:140].mean() > 20


@pytest.mark.usefixtures("quick")
def test_13_other_streams_come_along_where_asked(face: list[np.ndarray], tmp_path: Path, say: Any) -> None:
    plain, source = write(tmp_path / "plain.mp4", face, audio=bursts(1.2)), tmp_path / "a.mkv"
    with ExitStack() as stack:
        container = stack.enter_context(av.open(str(source), "w"))
        files = [stack.enter_context(av.open(str(plain))) for _ in range(3)]
        streams = [files[0].streams.video[0], files[1].streams.audio[0], files[2].streams.audio[0]]
        copies = [container.add_stream_from_template(stream, opaque=True) for stream in streams]
        copies[2].metadata["language"] = "jpn"
        for file, stream, copy in zip(files, streams, copies, strict=True):
            for packet in file.demux(stream):
                if packet.size:
                    packet.stream = copy
                    container.mux(packet)
    result = say(source, 0.8, "out.mp4", keep_streams=True)
    assert result.report.streams_left_out == []
    with av.open(str(result.output)) as container:
        assert len(container.streams.audio) == 2
        assert container.streams.audio[1].metadata["language"] == "jpn"
    with av.open(str(say(source, 0.8, "out.mp4").output)) as container:
        assert len(container.streams) == 2


# 11: long videos


def test_11_an_interrupted_dub_goes_on_and_ends_as_if_nothing_had_happened(
    talking: Path, tmp_path: Path, say: Any, quick: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupted(BaseException):
        pass

    whole = images_of(say(talking).output)
    sound = read_audio(tmp_path / "out.mkv", 48_000)
    times = frame_times(tmp_path / "out.mkv")
    (tmp_path / "out.mkv").unlink()
    in_parts = resumable_writer.open_writer
    monkeypatch.setattr(synclips.dubbing.pipeline, "open_writer", lambda *a, **k: in_parts(*a, part_seconds=0.3, **k))
    del quick[:]

    def stop(stage: str, done: int, total: int) -> None:
        del total
        if stage == "render" and done == 20:
            raise Interrupted

    with pytest.raises(Interrupted):
        say(talking, on_progress=stop)
    assert not (tmp_path / "out.mkv").exists()
    before = sorted(quick)  # the last few may be made in threads at once
    del quick[:]
    result = say(talking)
    after = sorted(quick)
    assert len(before) >= 20
    assert before == list(range(len(before)))
    assert after == list(range(after[0], FRAMES))
    assert 8 <= after[0] <= 19
    assert all(same(images_of(result.output), whole))
    np.testing.assert_array_equal(read_audio(result.output, 48_000).samples, sound.samples)
    np.testing.assert_array_equal(frame_times(result.output), times)
    assert not list(tmp_path.glob(".*.parts"))


# the footage at hand


def other_videos() -> Iterator[str]:
    folder = Path(__file__).parents[3] / "shared" / "data" / "other"
    yield from sorted(path.name for path in folder.glob("*.mp4"))


@pytest.mark.parametrize("name", [*other_videos()] or ["none"])
def test_every_video_at_hand_is_dubbed_and_keeps_what_it_is(
    shared_data: Path, say: Any, monkeypatch: pytest.MonkeyPatch, name: str,
    touched: dict[int, np.ndarray],
) -> None:  # fmt: skip
    monkeypatch.setattr(synclips.dubbing.line_plan, "BANK_SECONDS", 0.3)
    source = shared_data / "other" / name
    result = say(source, 0.12)
    before, after = probe(source), probe(result.output)
    for field in ("width", "height"):
        assert getattr(after, field) == getattr(before, field)
    assert after.fps == pytest.approx(before.fps, rel=1e-3)
    images = images_of(result.output)
    first = [frame.image for frame in islice(read_frames(source), len(images))]
    assert len(images) >= 3
    for number, inside in touched.items():
        np.testing.assert_array_equal(images[number][~inside], first[number][~inside])
