"""What is heard keeps its channels, bandwidth, level and clock, whatever the file does."""

import wave
from pathlib import Path

import av
import numpy as np
import pytest
from sound_clips import RATE, damage, displacement, join, rms, voice, voices, write_sound

from synclips.errors import MediaError
from synclips.media import sample_store
from synclips.media.audio import Sound, Waveform, read_audio, read_sound
from synclips.media.channels import MONO, STEREO, channels_of, mix_matrix, speech_gains, written_layout
from synclips.media.sound_clock import LASTING_PIECES, SoundClock, Stamped

FIVE_ONE = ("FL", "FR", "FC", "LFE", "BL", "BR")


# channels, bandwidth, level


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("layout", ["mono", "stereo", "5.1", "7.1"])
@pytest.mark.parametrize(("suffix", "codec"), [("wav", "pcm_s16le"), ("flac", "flac")])
def test_channels_and_level_are_those_of_the_file(
    tmp_path: Path, rate: int, layout: str, suffix: str, codec: str
) -> None:
    path = write_sound(tmp_path / f"a.{suffix}", voices(1.5, layout, rate), codec=codec, rate=rate, layout=layout)
    sound = read_sound(path)
    wanted = voices(1.5, layout)
    assert sound.channels == channels_of(av.AudioLayout(layout))
    assert (sound.sample_rate, sound.samples.shape, sound.notes) == (RATE, wanted.shape, ())
    middle = slice(4800, -4800)
    assert np.abs(sound.samples - wanted)[:, middle].max() < 0.01


@pytest.mark.parametrize("codec", ["pcm_u8", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_f64le"])
def test_every_sample_format_has_its_level(tmp_path: Path, codec: str) -> None:
    path = write_sound(tmp_path / "a.wav", voices(1, "stereo"), codec=codec, layout="stereo")
    assert np.abs(read_sound(path).samples - voices(1, "stereo")).max() < 0.01


def test_what_lies_above_8_khz_is_heard(tmp_path: Path) -> None:
    time = np.arange(RATE) / RATE
    hiss = (0.3 * np.sin(2 * np.pi * 11_000 * time)).astype(np.float32)[None]
    heard = read_sound(write_sound(tmp_path / "a.wav", hiss))
    assert rms(heard.samples) == pytest.approx(rms(hiss), rel=1e-3)
    assert rms(read_audio(tmp_path / "a.wav").samples[800:-800]) < 1e-3, "the networks' 16 kHz hold none of it"


def test_loud_stereo_is_not_summed_beyond_full_scale(tmp_path: Path) -> None:
    loud = voice(2) / np.abs(voice(2)).max() * 0.93
    path = write_sound(tmp_path / "a.wav", np.stack([loud, loud]), layout="stereo")
    for sound in (read_sound(path).samples, read_audio(path, RATE).samples[None]):
        assert np.abs(sound - loud).max() < 1e-3


@pytest.mark.parametrize("layout", ["stereo", "3.0", "quad", "5.1", "5.1(side)", "6.1", "7.1", "hexadecagonal"])
@pytest.mark.parametrize("target", [MONO, STEREO, FIVE_ONE])
def test_no_mix_can_clip(layout: str, target: tuple[str, ...]) -> None:
    matrix = mix_matrix(channels_of(av.AudioLayout(layout)), target)
    assert np.abs(matrix).sum(axis=1).max() <= 1 + 1e-6
    heard = np.array([not name.startswith("LFE") for name in channels_of(av.AudioLayout(layout))])
    assert (matrix.sum(axis=0)[heard] > 0).all(), "no channel but the low frequencies is lost"


def test_mixes_have_the_coefficients_of_the_standard() -> None:
    half_power = 0.5**0.5
    np.testing.assert_allclose(mix_matrix(STEREO, MONO), [[0.5, 0.5]], rtol=1e-6)
    np.testing.assert_allclose(mix_matrix(MONO, STEREO), [[1], [1]])
    np.testing.assert_allclose(mix_matrix(MONO, FIVE_ONE)[:, 0], [0, 0, 1, 0, 0, 0])
    np.testing.assert_allclose(
        mix_matrix(FIVE_ONE, STEREO) * (1 + 2 * half_power),
        [[1, 0, half_power, 0, half_power, 0], [0, 1, half_power, 0, 0, half_power]],
        rtol=1e-6,
    )
    sided = ("FL", "FR", "FC", "LFE", "SL", "SR")
    np.testing.assert_allclose(mix_matrix(sided, FIVE_ONE), np.eye(6), err_msg="side stands at the back unchanged")


@pytest.mark.parametrize("layout", ["mono", "stereo", "3.0", "quad", "5.1", "7.1", "2.1"])
def test_a_voice_laid_over_has_its_level_in_the_mono_mix(layout: str) -> None:
    channels = channels_of(av.AudioLayout(layout))
    gains = speech_gains(channels)
    assert float((mix_matrix(channels, MONO) @ gains)[0]) == pytest.approx(1)
    assert [name for name, gain in zip(channels, gains, strict=True) if gain] == (
        ["FC"] if "FC" in channels else ["FL", "FR"]
    )


@pytest.mark.parametrize(
    ("layout", "aac", "opus"),
    [
        ("mono", "mono", "mono"), ("stereo", "stereo", "stereo"), ("2.1", "5.1", "5.1"), ("quad", "5.0", "quad"),
        ("quad(side)", "5.0", "quad"), ("5.1(side)", "5.1", "5.1"), ("7.1", "7.1", "7.1"), ("6.1", "stereo", "stereo"),
    ],
)  # fmt: skip
def test_a_layout_is_written_where_each_channel_has_a_place(layout: str, aac: str, opus: str) -> None:
    channels = channels_of(av.AudioLayout(layout))
    assert written_layout(channels, "aac")[0] == aac
    assert written_layout(channels, "libopus")[0] == opus


def test_channels_without_names_are_what_their_number_means() -> None:
    assert channels_of(av.AudioLayout("2 channels")) == STEREO
    assert channels_of(av.AudioLayout("6 channels")) == FIVE_ONE
    many = channels_of(av.AudioLayout("16 channels"))
    assert len(many) == 16
    np.testing.assert_allclose(mix_matrix(many, MONO), np.full((1, 16), 1 / 16))


@pytest.mark.parametrize("reversed_by", [-1.0, -0.8])
def test_channels_that_cancel_are_named_and_one_is_heard(tmp_path: Path, reversed_by: float) -> None:
    said = voice(1.5)
    path = write_sound(tmp_path / "a.wav", np.stack([said, reversed_by * said]), layout="stereo")
    sound = read_sound(path)
    assert sound.channels == MONO
    assert np.abs(sound.samples[0] - said).max() < 1e-3
    assert "cancel each other" in sound.notes[0]
    assert "channel 1 of 2" in sound.notes[0]
    assert rms(read_audio(path).samples) > 0.5 * rms(said), "the networks hear it too"


@pytest.mark.parametrize("right", ["same", "other", "silent", "half", "quiet reversed"])
def test_other_stereo_is_left_alone(tmp_path: Path, right: str) -> None:
    said, other = voice(1.5), voice(1.5, seed=5)
    second = {
        "same": said, "other": other, "silent": 0 * said, "half": 0.5 * said - 0.5 * other,
        "quiet reversed": -0.1 * said,
    }[right]  # fmt: skip
    sound = read_sound(write_sound(tmp_path / "a.wav", np.stack([said, second]), layout="stereo"))
    assert (sound.channels, sound.notes) == (STEREO, ())


def test_what_goes_beyond_full_scale_is_turned_down_not_clipped(tmp_path: Path) -> None:
    loud = voices(1, "stereo") * 4
    sound = read_sound(write_sound(tmp_path / "a.wav", loud, codec="pcm_f32le", layout="stereo"))
    np.testing.assert_allclose(sound.samples, loud / np.abs(loud).max(), atol=1e-5)
    assert "beyond full scale by" in sound.notes[0]
    little = voices(1, "stereo") / np.abs(voices(1, "stereo")).max() * 1.05
    sound = read_sound(write_sound(tmp_path / "b.wav", little, codec="pcm_f32le", layout="stereo"))
    np.testing.assert_allclose(sound.samples, little, atol=1e-5)
    assert sound.notes == ()


def test_what_is_no_number_is_silence(tmp_path: Path) -> None:
    samples = voices(1, "mono")
    samples[0, 100:200] = np.nan
    heard = read_sound(write_sound(tmp_path / "a.wav", samples, codec="pcm_f32le")).samples
    assert np.isfinite(heard).all()
    assert rms(heard[:, 100:200]) == 0


def test_long_sound_lies_in_a_file_and_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_sound(tmp_path / "a.wav", voices(2, "5.1", 44_100), rate=44_100, layout="5.1")
    whole = read_sound(path)
    monkeypatch.setattr(sample_store, "IN_MEMORY", 10_000)
    mapped = read_sound(path, at_least=2.5)
    assert isinstance(mapped.samples, np.memmap)
    np.testing.assert_array_equal(mapped.samples[:, : whole.samples.shape[1]], whole.samples)
    assert mapped.duration == 2.5
    assert not mapped.samples[:, whole.samples.shape[1] :].any()
    np.testing.assert_array_equal(mapped.mono(16_000).samples[:32_000], whole.mono(16_000).padded(32_000).samples)
    np.testing.assert_array_equal(read_sound(path, stop=0.5).samples, whole.samples[:, :24_000])
    assert mapped.padded(3 * RATE).samples.shape == (6, 3 * RATE)


def test_a_sound_of_one_channel_shares_the_waveform() -> None:
    waveform = Waveform(voice(0.5), RATE)
    assert Sound.of(waveform).mono().samples.base is waveform.samples or np.shares_memory(
        Sound.of(waveform).mono().samples, waveform.samples
    )
    with pytest.raises(ValueError, match="a Sound of 1 channels"):
        Sound(np.zeros((2, 10), np.float32), RATE)


# joined files, changes midway


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [
        ("mp3", "libmp3lame"), ("aac", "aac"), ("ts", "aac"), ("mpg", "mp2"), ("ac3", "ac3"), ("wav", "pcm_s16le"),
        ("aiff", "pcm_s16be"), ("caf", "pcm_s16le"), ("flac", "flac"), ("ogg", "libopus"), ("mka", "libopus"),
        ("webm", "libopus"), ("m4a", "aac"),
    ],
)  # fmt: skip
@pytest.mark.parametrize(("first", "second"), [("stereo", "stereo"), ("mono", "stereo"), ("stereo", "mono")])
def test_joined_files_are_heard_to_their_end(tmp_path: Path, suffix: str, codec: str, first: str, second: str) -> None:
    rates = (RATE, RATE) if codec == "libopus" or first == second else (44_100, RATE)
    parts = [
        write_sound(tmp_path / f"{n}.{suffix}", voices(1.5, layout, rate), codec=codec, rate=rate, layout=layout)
        for n, (layout, rate) in enumerate(zip((first, second), rates, strict=True))
    ]
    sound = read_sound(join(tmp_path / f"joined.{suffix}", *parts))
    assert sound.duration == pytest.approx(3, abs=0.12)
    assert sound.channels == (MONO if first == second == "mono" else STEREO)
    half = sound.samples.shape[1] // 2
    for part in (sound.samples[0, :half], sound.samples[0, half - 4800 :]):
        assert displacement(part, voice(1.5), 0.6, 0.4) == pytest.approx(0, abs=0.16)
    shorter = write_sound(tmp_path / f"s.{suffix}", voices(0.7, first), codec=codec, layout=first)
    sound = read_sound(join(tmp_path / f"thrice.{suffix}", shorter, shorter, shorter))
    assert sound.duration == pytest.approx(2.1, abs=0.2), "shorter than the second that a clock may fall back"


def test_a_transport_stream_may_change_its_layout_and_rate(tmp_path: Path) -> None:
    parts = [
        write_sound(
            tmp_path / f"{layout}.ts", voices(1.2, layout, rate), codec="aac", rate=rate, layout=layout,
            start=10 + 1.2 * number, picture=True,
        )
        for number, (layout, rate) in enumerate([("mono", 44_100), ("5.1", RATE), ("stereo", 22_050)])
    ]  # fmt: skip
    sound = read_sound(join(tmp_path / "a.ts", *parts))
    assert sound.channels == FIVE_ONE
    assert sound.duration == pytest.approx(3.6, abs=0.1)
    second = sound.samples[4, round(1.2 * RATE) : round(2.4 * RATE)]
    assert displacement(second, voice(1.2, seed=4), 0.6, 0.5) == pytest.approx(0, abs=0.06)
    assert rms(sound.samples[2, : 1 * RATE]) > 0.05, "mono is heard in the centre"
    assert rms(sound.samples[2, round(2.6 * RATE) :]) < 1e-3
    assert read_audio(tmp_path / "a.ts").duration == pytest.approx(3.6, abs=0.1)


# the clock of the file


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [("mkv", "libopus"), ("mkv", "flac"), ("mp4", "aac"), ("ts", "aac"), ("webm", "libopus"), ("mpg", "mp2")],
)
@pytest.mark.parametrize("picture", [True, False])
@pytest.mark.parametrize("gap", [0.99, 0.1])
def test_a_gap_in_the_time_stamps_stays(tmp_path: Path, suffix: str, codec: str, picture: bool, gap: float) -> None:
    path = write_sound(tmp_path / f"a.{suffix}", voices(3, "mono"), codec=codec, gaps=[(1.5, gap)], picture=picture)
    heard = read_sound(path).samples[0]
    assert displacement(heard, voice(3), 0.6) == pytest.approx(0, abs=0.03)
    assert displacement(heard, voice(3), 2.3) == pytest.approx(gap, abs=0.03)
    assert gap < 0.2 or rms(heard[round(1.56 * RATE) : round((1.44 + gap) * RATE)]) < 0.02
    assert len(heard) / RATE == pytest.approx(3 + gap, abs=0.06)


@pytest.mark.parametrize("picture", [True, False])
@pytest.mark.parametrize("overlap", [0.5, 0.1])
def test_what_overlaps_is_cut(tmp_path: Path, picture: bool, overlap: float) -> None:
    samples = voices(3, "mono")
    first = write_sound(tmp_path / "1.ts", samples[:, : 2 * RATE], codec="aac", start=10, picture=picture)
    rest = samples[:, round((2 - overlap) * RATE) :]
    second = write_sound(tmp_path / "2.ts", rest, codec="aac", start=12 - overlap, picture=picture)
    heard = read_sound(join(tmp_path / "a.ts", first, second)).samples[0]
    for at in (0.6, 1.4, 2.4):
        assert displacement(heard, voice(3), at) == pytest.approx(0, abs=0.05)
    assert len(heard) / RATE == pytest.approx(3, abs=0.08)


@pytest.mark.parametrize(
    ("suffix", "codec", "layout"),
    [("m4a", "aac", "mono"), ("ts", "aac", "stereo"), ("mkv", "libopus", "stereo"), ("ogg", "libopus", "mono"),
     ("mpg", "mp2", "stereo"), ("mka", "flac", "5.1"), ("mov", "pcm_s16le", "mono"), ("flv", "aac", "mono")],
)  # fmt: skip
@pytest.mark.parametrize("start", [1.4, 5.0])
def test_sound_that_stands_alone_begins_at_once(
    tmp_path: Path, suffix: str, codec: str, layout: str, start: float
) -> None:
    path = write_sound(tmp_path / f"a.{suffix}", voices(1.5, layout), codec=codec, layout=layout, start=start)
    sound = read_sound(path)
    assert sound.duration == pytest.approx(1.5, abs=0.06)
    assert displacement(sound.samples[0], voice(1.5), 0.6) == pytest.approx(0, abs=0.03)


@pytest.mark.parametrize(("suffix", "codec"), [("mp4", "aac"), ("mkv", "libopus"), ("ts", "aac"), ("mpg", "mp2")])
def test_beside_a_picture_a_late_start_stays(tmp_path: Path, suffix: str, codec: str) -> None:
    path = write_sound(
        tmp_path / f"a.{suffix}", voices(1.5, "mono"), codec=codec, start=5.5, picture=True, picture_start=5
    )
    sound = read_sound(path)
    assert rms(sound.samples[0, : round(0.45 * RATE)]) < 1e-3
    assert displacement(sound.samples[0], voice(1.5), 0.6) == pytest.approx(0.5, abs=0.03)


def test_a_cover_picture_is_no_picture(tmp_path: Path) -> None:
    plain = write_sound(tmp_path / "a.m4a", voices(1.5, "mono"), codec="aac", start=5.0)
    path = tmp_path / "b.m4a"
    with av.open(str(plain)) as source, av.open(str(path), "w", format="mp4") as target:
        sound = target.add_stream_from_template(source.streams.audio[0])
        cover = target.add_stream("png", rate=1)
        assert isinstance(cover, av.VideoStream)
        cover.width, cover.height, cover.pix_fmt = 32, 32, "rgb24"
        cover.disposition = av.stream.Disposition.attached_pic
        image = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 90, np.uint8), format="rgb24")
        target.mux(cover.encode(image))
        target.mux(cover.encode(None))
        for packet in source.demux(source.streams.audio[0]):
            if packet.size:
                packet.stream = sound
                target.mux(packet)
    assert read_sound(path).duration == pytest.approx(1.5, abs=0.06)


def test_the_clock_passes_over_a_single_wrong_stamp_and_follows_lasting_ones() -> None:
    clock = SoundClock(None)
    wrong = {5: 30.0, 9: 0.01, 14: None}
    times = [wrong.get(n, 2 + 0.02 * n) for n in range(40)]
    placed = [clock.place(Stamped(t, 0.02), after) for t, after in zip(times, [*times[1:], None], strict=True)]
    assert all(place.gap == place.cut == 0 for place in placed)
    drift = [clock.place(Stamped(2 + 0.02 * n - 0.03, 0.02)) for n in range(40, 40 + 2 * LASTING_PIECES)]
    cuts = [place.cut for place in drift]
    assert sum(cuts) == pytest.approx(0.03, abs=1e-6)
    assert cuts.index(max(cuts)) >= LASTING_PIECES - 1
    far = clock.place(Stamped(90_000.0, 0.02), 90_000.02)
    assert far.gap == 0, "another clock, not a pause of a day"


# damage


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [("mp4", "aac"), ("mkv", "aac"), ("mov", "aac"), ("mkv", "flac"), ("mkv", "ac3"), ("avi", "ac3"), ("m4a", "aac")],
)
def test_sound_goes_on_after_damage_and_one_note_says_so(tmp_path: Path, suffix: str, codec: str) -> None:
    path = write_sound(tmp_path / f"a.{suffix}", voices(3, "stereo"), codec=codec, layout="stereo",
                       picture=suffix != "m4a")  # fmt: skip
    assert damage(path, 1.0, 1.06) > 0
    sound = read_sound(path)
    for at in (0.5, 1.4, 2.4):
        assert displacement(sound.samples[0], voice(3), at) == pytest.approx(0, abs=0.01)
    [note] = sound.notes
    assert "cannot be decoded, the first at 1." in note
    assert "\n" not in note


def test_sound_that_breaks_off_is_heard_until_there(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.mkv", voices(3, "mono"), codec="flac")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    sound = read_sound(path)
    assert 1 < sound.duration < 2.5
    assert displacement(sound.samples[0], voice(3), 0.5) == pytest.approx(0, abs=0.01)


def test_a_file_with_nothing_to_be_heard_is_named(tmp_path: Path) -> None:
    silent = write_sound(tmp_path / "a.mp4", codec="aac", picture=True)
    with pytest.raises(MediaError, match=r"a\.mp4 has no sound track"):
        read_sound(silent)
    with wave.open(str(tmp_path / "empty.wav"), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
    with pytest.raises(MediaError, match=r"empty\.wav"):
        read_sound(tmp_path / "empty.wav")
