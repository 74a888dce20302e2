"""Every channel comes out of the written file where and as loud as it went in."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from sound_clips import RATE, displacement, rms, voices

from synclips.media.audio import Sound, read_sound
from synclips.media.channels import Channels
from synclips.media.muxer import Beside
from synclips.media.resumable_writer import PictureFormat, open_writer
from synclips.media.video import VideoWriter

STEREO: Channels = ("FL", "FR")
FIVE_ONE: Channels = ("FL", "FR", "FC", "LFE", "BL", "BR")
SEVEN_ONE: Channels = (*FIVE_ONE, "SL", "SR")
FRAME = np.zeros((64, 64, 3), np.uint8)


@pytest.mark.parametrize(("suffix", "codec"), [("mp4", "h264"), ("mov", "h264"), ("mkv", "ffv1"), ("webm", "vp9")])
@pytest.mark.parametrize("channels", [("FC",), STEREO, FIVE_ONE, SEVEN_ONE])
@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_channels_rate_and_level_are_written(
    tmp_path: Path, suffix: str, codec: str, channels: Channels, rate: int
) -> None:
    names = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}
    sound = Sound(voices(2, names[len(channels)], rate), rate, channels)
    path = tmp_path / f"a.{suffix}"
    with VideoWriter(path, 64, 64, Fraction(25), codec=codec, audio=sound) as writer:  # type: ignore[arg-type]
        for _ in range(50):
            writer.write(FRAME)
    heard, wanted = read_sound(path), voices(2, names[len(channels)])
    assert heard.channels == channels
    assert heard.duration == pytest.approx(2, abs=0.05)
    for name, before, after in zip(channels, wanted, heard.samples, strict=True):
        if name != "LFE":  # codecs keep its low frequencies only
            assert displacement(after, before, 0.9) == pytest.approx(0, abs=0.002), name
            assert rms(after[9600:86_400]) == pytest.approx(rms(before[9600:86_400]), rel=0.03), name


@pytest.mark.parametrize("suffix", ["mp4", "webm"])
def test_loud_stereo_of_full_bandwidth_is_neither_clipped_nor_dulled(tmp_path: Path, suffix: str) -> None:
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((2, 2 * RATE)).clip(-3, 3).astype(np.float32) * 0.1
    time = np.arange(2 * RATE) / RATE
    loud = noise + 0.63 * np.sin(2 * np.pi * 440 * time).astype(np.float32)
    codec = "vp9" if suffix == "webm" else "h264"
    with VideoWriter(
        tmp_path / f"a.{suffix}", 64, 64, Fraction(25), codec=codec, audio=Sound(loud, RATE, STEREO)
    ) as writer:  # type: ignore[arg-type]
        for _ in range(50):
            writer.write(FRAME)
    heard = read_sound(tmp_path / f"a.{suffix}").samples
    middle = slice(9600, 86_400)
    frequency = np.fft.rfftfreq(middle.stop - middle.start, 1 / RATE)
    for low, high in ((8_000, 12_000), (12_000, 18_000)):
        band = (frequency > low) & (frequency < high)
        before, after = (rms(np.abs(np.fft.rfft(samples[:, middle], axis=1))[:, band]) for samples in (loud, heard))
        assert 20 * np.log10(after / before) == pytest.approx(0, abs=1.5), f"{low} to {high} Hz"
    assert rms(heard[:, middle]) == pytest.approx(rms(loud[:, middle]), rel=0.02)
    assert float(np.mean(np.abs(heard[:, middle]) >= 0.9999)) < 1e-4


def test_a_layout_that_the_codec_lacks_is_written_within_a_larger_one(tmp_path: Path) -> None:
    sound = Sound(voices(1, "2.1"), RATE, ("FL", "FR", "LFE"))
    with VideoWriter(tmp_path / "a.mp4", 64, 64, Fraction(25), audio=sound) as writer:
        for _ in range(25):
            writer.write(FRAME)
    heard = read_sound(tmp_path / "a.mp4")
    assert heard.channels == FIVE_ONE
    assert rms(heard.samples[0, 4800:-4800]) == pytest.approx(rms(sound.samples[0, 4800:-4800]), rel=0.03)
    assert rms(heard.samples[[2, 4, 5]]) < 1e-3


def test_a_long_result_in_parts_has_the_same_sound(tmp_path: Path) -> None:
    sound = Sound(voices(2, "stereo"), RATE, STEREO)
    for name, seconds in (("whole.mp4", 20.0), ("parts.mp4", 0.6)):
        beside, pictures = Beside(sound, 2.0), PictureFormat(64, 64, Fraction(25))
        with open_writer(tmp_path / name, pictures, beside, identity="x", part_seconds=seconds) as writer:
            for number in range(50):
                writer.write(FRAME, Fraction(number, 25))
    whole, parts = (read_sound(tmp_path / name) for name in ("whole.mp4", "parts.mp4"))
    assert parts.channels == STEREO
    np.testing.assert_array_equal(whole.samples, parts.samples)
