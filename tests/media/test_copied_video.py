"""Groups of pictures copied as bits around one that is encoded anew."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from synclips.media.audio import Waveform
from synclips.media.copied_video import plan_copy, write_copied, write_excerpt
from synclips.media.frame_index import build_index
from synclips.media.muxer import Beside
from synclips.media.video import probe, read_frames

SIZE = 96
FRAMES = 60


def made_video(path: Path, *, bframes: int = 2, group: int = 12, codec: str = "libx264") -> Path:
    """Moving noise in groups of `group` pictures."""
    rng = np.random.default_rng(0)
    field = rng.integers(0, 255, (SIZE, 2 * SIZE, 3), np.uint8)
    with av.open(str(path), "w") as container:
        options = {"bf": str(bframes), "g": str(group), "keyint_min": str(group), "sc_threshold": "0"}
        stream = container.add_stream(codec, rate=25, options=options if codec == "libx264" else {})
        stream.width = stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        for number in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(field[:, number : number + SIZE]), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def packets_of(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]


def pictures_of(path: Path) -> np.ndarray:
    return np.stack([frame.image for frame in read_frames(path)])


def edited(video: Path, output: Path, source: np.ndarray, times: np.ndarray, touched: list[range], colour: int) -> int:
    """The video with grey pictures where it is touched; frames copied."""
    plan = plan_copy(probe(video), output, source, times, touched, "h264")
    assert plan is not None
    originals = pictures_of(video)
    steps = [step for part in plan.encoded for step in part]
    inside = {step for part in touched for step in part}
    shown = [np.full((SIZE, SIZE, 3), colour, np.uint8) if k in inside else originals[source[k]] for k in steps]
    sound = Waveform(np.zeros(round(16000 * (times[-1] + 0.04)), np.float32), 16000)
    write_copied(output, plan, shown, Beside(sound, float(times[-1]) + 0.04), 10, overwrite=True)
    return plan.frames_copied


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
@pytest.mark.parametrize("bframes", [0, 2])
def test_untouched_groups_keep_their_bits(tmp_path: Path, suffix: str, bframes: int) -> None:
    video = made_video(tmp_path / "in.mp4", bframes=bframes)
    output = tmp_path / f"out{suffix}"
    times = build_index(video).times
    copied = edited(video, output, np.arange(FRAMES), times, [range(26, 30)], 128)
    assert copied == 48
    before, after = pictures_of(video), pictures_of(output)
    assert after.shape == before.shape
    outside = [*range(24), *range(36, FRAMES)]
    assert np.array_equal(before[outside], after[outside])
    assert np.abs(after[26:30].astype(int) - 128).max() < 8
    assert build_index(output).times == pytest.approx(times, abs=1e-3)
    kept = set(packets_of(output))
    assert sum(packet in kept for packet in packets_of(video)) >= 48


def test_what_follows_a_longer_span_is_copied_later(tmp_path: Path) -> None:
    video, output = made_video(tmp_path / "in.mp4"), tmp_path / "out.mp4"
    source = np.array([*range(24), *np.repeat(np.arange(24, 30), 2), *range(30, FRAMES)])
    times = np.arange(len(source)) / 25
    assert edited(video, output, source, times, [range(24, 36)], 60) == 48
    before, after = pictures_of(video), pictures_of(output)
    assert len(after) == FRAMES + 6
    assert np.array_equal(before[36:], after[42:])
    assert np.array_equal(before[:24], after[:24])
    assert build_index(output).times == pytest.approx(times, abs=1e-3)


def test_two_places(tmp_path: Path) -> None:
    video, output = made_video(tmp_path / "in.mp4"), tmp_path / "out.mp4"
    times = build_index(video).times
    assert edited(video, output, np.arange(FRAMES), times, [range(2), range(40, 44)], 200) == 36
    before, after = pictures_of(video), pictures_of(output)
    outside = [*range(12, 36), *range(48, FRAMES)]
    assert np.array_equal(before[outside], after[outside])


def test_other_codecs_and_whole_changes_are_not_copied(tmp_path: Path) -> None:
    video = made_video(tmp_path / "in.mp4")
    info, times = probe(video), build_index(video).times
    everything = np.arange(FRAMES)
    assert plan_copy(info, tmp_path / "out.webm", everything, times, [range(2)], "vp9") is None
    assert plan_copy(info, tmp_path / "out.mp4", everything, times, [range(FRAMES)], "h264") is None
    other = made_video(tmp_path / "other.mp4", codec="mpeg4")
    assert plan_copy(probe(other), tmp_path / "out.mp4", everything, times, [range(2)], "h264") is None


def test_frame_rate_is_kept(tmp_path: Path) -> None:
    video, output = made_video(tmp_path / "in.mp4"), tmp_path / "out.mp4"
    edited(video, output, np.arange(FRAMES), build_index(video).times, [range(2)], 9)
    assert probe(output).fps == Fraction(25)


def test_an_excerpt_has_the_same_pictures(tmp_path: Path) -> None:
    video, path = made_video(tmp_path / "in.mp4"), tmp_path / "excerpt.mkv"
    frames = write_excerpt(probe(video), path, 1.0, 1.3)
    assert frames == range(24, 36)
    assert np.array_equal(pictures_of(path), pictures_of(video)[24:36])
    assert write_excerpt(probe(made_video(tmp_path / "o.mp4", codec="mpeg4")), tmp_path / "n.mkv", 1.0, 2.0) is None
    assert not (tmp_path / "n.mkv").exists()
