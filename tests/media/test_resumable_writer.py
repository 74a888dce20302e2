"""A long video that was interrupted goes on where it stopped, and ends as if nothing had happened."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from synclips.errors import OutputError
from synclips.media.audio import Waveform, read_audio
from synclips.media.muxer import Beside
from synclips.media.resumable_writer import PictureFormat, ResumableWriter, open_writer
from synclips.media.video import Codec, VideoWriter, frame_times, probe, read_frames

COUNT = 60
RATE = Fraction(25)
UNEVEN = np.cumsum([0, *np.random.default_rng(0).uniform(0.015, 0.07, COUNT - 1)]).tolist()
EVEN = [number / 25 for number in range(COUNT)]


def picture(number: int, width: int = 96, height: int = 64) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return (128 + 100 * np.sin(np.stack([x * 2 + number * 9, y * 3 + number, x + y], -1) / 30)).astype(np.uint8)


def speech(seconds: float) -> Waveform:
    noise = np.random.default_rng(3).standard_normal(round(seconds * 16_000)) * 0.2
    return Waveform(np.clip(noise, -1, 1).astype(np.float32), 16_000)


def writer(
    path: Path, times: list[float], codec: Codec = "h264", identity: str = "a", **options: bool
) -> ResumableWriter:
    beside = Beside(audio=speech(1.9), duration=times[-1] + 0.04, metadata={"title": "t"})
    return ResumableWriter(
        path, PictureFormat(96, 64, RATE, codec=codec), beside, identity=identity, part_seconds=0.5, **options
    )


class Interrupted(BaseException):
    pass


def interrupt(path: Path, times: list[float], after: int, codec: Codec = "h264", identity: str = "a") -> None:
    with contextlib.suppress(Interrupted), writer(path, times, codec, identity) as out:
        for number in range(out.done, after):
            out.write(picture(number), times[number])
        raise Interrupted
    assert not path.exists()


def finish(path: Path, times: list[float], codec: Codec = "h264", identity: str = "a") -> int:
    with writer(path, times, codec, identity) as out:
        done = out.done
        for number in range(done, len(times)):
            out.write(picture(number), times[number])
    return done


def assert_same(made: Path, wanted: Path) -> None:
    """The same times to the tick, the same sound bit by bit, the same pictures.

    x264 is compared by its pictures: its AVX-512 code does not give the same bits each time it is run.
    """
    ours, theirs = packets(made), packets(wanted)
    for kind in ("video", "audio"):
        assert [p[1:3] for p in ours if p[0] == kind] == [p[1:3] for p in theirs if p[0] == kind]
    assert [p for p in ours if p[0] == "audio"] == [p for p in theirs if p[0] == "audio"]
    exact = probe(made).codec != "h264"
    for a, b in zip(read_frames(made), read_frames(wanted), strict=True):
        assert a.time == b.time
        difference = np.abs(a.image.astype(int) - b.image)
        assert difference.max() == 0 if exact else difference.mean() < 2


def packets(path: Path) -> list[tuple[str, int, int, bytes]]:
    with av.open(str(path)) as container:
        return [
            (packet.stream.type, int(packet.pts), int(packet.dts), bytes(packet))
            for packet in container.demux()
            if packet.size and packet.pts is not None and packet.dts is not None
        ]


@pytest.mark.parametrize(
    ("name", "codec", "times"),
    [
        ("a.mp4", "h264", EVEN),
        ("a.mp4", "h264", UNEVEN),
        ("a.mov", "hevc", UNEVEN),
        ("a.webm", "vp9", EVEN),
        ("a.mkv", "h264", EVEN),
        ("a.mkv", "ffv1", EVEN),
    ],
)
def test_a_resumed_video_equals_one_made_at_once(tmp_path: Path, name: str, codec: Codec, times: list[float]) -> None:
    (tmp_path / "whole").mkdir()
    whole, resumed = tmp_path / "whole" / name, tmp_path / name
    assert finish(whole, times, codec) == 0
    interrupt(resumed, times, 30, codec)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == []
    done = finish(resumed, times, codec)
    assert 10 < done <= 30
    assert_same(resumed, whole)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, "whole"])


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp4", "h264"), ("a.mp4", "hevc"), ("a.mkv", "ffv1"), ("a.webm", "vp9")]
)
@pytest.mark.parametrize("times", [EVEN, UNEVEN], ids=["even", "uneven"])
def test_joined_parts_are_a_video_like_any_other(tmp_path: Path, name: str, codec: Codec, times: list[float]) -> None:
    joined, plain = tmp_path / name, tmp_path / f"plain{name}"
    finish(joined, times, codec)
    sound = speech(1.9)
    with VideoWriter(plain, 96, 64, RATE, codec=codec, audio=sound, duration=times[-1] + 0.04) as out:
        for number, time in enumerate(times):
            out.write(picture(number), time)
    ours, theirs = probe(joined), probe(plain)
    for field in ("width", "height", "fps", "codec", "pixel_format", "color_range", "colorspace", "color_primaries"):
        assert getattr(ours, field) == getattr(theirs, field), field
    # how long the last of unevenly spaced frames is shown is not stored alike by every muxer
    tolerance = 2e-3 if times is EVEN else 1 / float(RATE)
    assert ours.duration == pytest.approx(theirs.duration, abs=tolerance)
    frames = list(read_frames(joined))
    assert [frame.time for frame in frames] == pytest.approx(times, abs=1.1e-3)
    np.testing.assert_array_equal(frame_times(joined), [frame.time for frame in frames])
    for number in (0, 12, 13, 40, COUNT - 1):
        assert np.abs(frames[number].image.astype(int) - picture(number)).mean() < 4
    np.testing.assert_array_equal(read_audio(joined).samples, read_audio(plain).samples)
    with av.open(str(joined)) as container, av.open(str(plain)) as other:
        tags = [file.streams.video[0].codec_context.codec_tag for file in (container, other)]
        assert tags[0] == tags[1]
        assert container.metadata.get("title", container.metadata.get("TITLE")) == "t"


def test_other_frames_start_anew_and_so_do_damaged_parts(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    interrupt(path, EVEN, 45)
    assert finish(path, EVEN, identity="b") == 0
    path.unlink()
    interrupt(path, EVEN, 45)
    part = sorted((tmp_path / ".a.mp4.parts").glob("*.mp4"))[1]
    part.write_bytes(part.read_bytes()[:-10])
    assert finish(path, EVEN) == 13
    path.unlink()
    interrupt(path, EVEN, 45)
    (tmp_path / ".a.mp4.parts" / "manifest.json").write_text("{")
    assert finish(path, EVEN) == 0


def test_a_killed_process_is_resumed(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    child = subprocess.Popen([sys.executable, __file__, str(path)], env=os.environ | {"OMP_NUM_THREADS": "1"})
    manifest = tmp_path / ".a.mp4.parts" / "manifest.json"
    while child.poll() is None and not (manifest.exists() and len(json.loads(manifest.read_text())["parts"]) >= 2):
        pass
    assert child.poll() is None
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert finish(path, EVEN) >= 26
    whole = tmp_path / "whole.mp4"
    finish(whole, EVEN)
    assert_same(path, whole)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.mp4", "whole.mp4"]


def test_a_short_video_is_written_at_once(tmp_path: Path) -> None:
    form = PictureFormat(96, 64, RATE)
    assert isinstance(open_writer(tmp_path / "a.mp4", form, Beside(duration=20.0), identity="a"), VideoWriter)
    with open_writer(tmp_path / "b.mp4", form, Beside(duration=2.0), identity="a", part_seconds=1.0) as out:
        assert isinstance(out, ResumableWriter)
        for number, time in enumerate(EVEN):
            out.write(picture(number), time)
    assert len(frame_times(tmp_path / "b.mp4")) == COUNT


def test_wrong_use_is_named_and_what_exists_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with pytest.raises(OutputError, match="no frames"), writer(path, EVEN):
        pass
    with pytest.raises(ValueError, match="shape"), writer(path, EVEN) as out:
        out.write(picture(0, 64, 96), 0.0)
    with pytest.raises(ValueError, match="after"):
        finish(path, [0.0, 0.0])
    assert list(tmp_path.iterdir()) == []
    path.write_bytes(b"older")
    with pytest.raises(OutputError, match="overwrite"), writer(path, EVEN):
        pass
    interrupt_free = writer(path, EVEN, overwrite=True)
    with interrupt_free as out:
        out.write(picture(0), 0.0)
    assert probe(path).width == 96


if __name__ == "__main__":
    import time as clock

    with writer(Path(sys.argv[1]), EVEN) as slow:
        for index in range(COUNT):
            slow.write(picture(index), EVEN[index])
            clock.sleep(0.02 if index < 40 else 30)
