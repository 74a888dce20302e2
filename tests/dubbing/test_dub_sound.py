"""What is heard in a result is the recording, or the original sound around the lines, as it was."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image
from small_models import write_generator
from sound_clips import RATE, damage, displacement, rms, voice, voices, write_sound

from synclips.data.portrait import demo_portrait
from synclips.dubbing import prepared_video
from synclips.dubbing.pipeline import DubOptions, DubResult, dub
from synclips.errors import MediaError
from synclips.media.audio import Sound, Waveform, read_audio, read_sound
from synclips.media.video import VideoWriter
from synclips.rendering import lip_sync
from synclips.speech.script import ScriptLine
from synclips.speech.script_timing import FittedLine, lay_over
from synclips.speech.tts.synthesizer import Speech

SIDE = 240
SECONDS = 2.4
FIVE_ONE = ("FL", "FR", "FC", "LFE", "BL", "BR")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_generator(tmp_path_factory.mktemp("model") / "base.safetensors")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames are passed on: these tests are about sound."""
    monkeypatch.setattr(lip_sync.LipSync, "render_part", lambda _self, frame, *_args, **_rest: frame.pixels)


def portrait(path: Path, sound: Sound | None) -> Path:
    """The portrait, standing still for 2.4 s, with `sound`."""
    image = np.asarray(Image.fromarray(demo_portrait()).resize((SIDE, SIDE)))
    with VideoWriter(path, SIDE, SIDE, Fraction(25), audio=sound, quality=30) as writer:
        for _ in range(round(SECONDS * 25)):
            writer.write(image)
    return path


@pytest.fixture(scope="module")
def silent_portrait(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return portrait(tmp_path_factory.mktemp("portrait") / "me.mp4", None)


@pytest.fixture
def say(silent_portrait: Path, model: Path, tmp_path: Path) -> Any:
    def dubbed(video: Path = silent_portrait, name: str = "out.mp4", **rest: Any) -> DubResult:
        given = {key: rest.pop(key) for key in ("audio", "script", "text") if key in rest}
        options = DubOptions(checkpoint=model, device="cpu", voice="espeak", convert_voice=False, **rest)
        return dub(video, tmp_path / name, options=options, overwrite=True, **given)

    return dubbed


def script(folder: Path) -> Path:
    path = folder / "lines.csv"
    path.write_text("start,end,text\n0.9,1.5,Now then.\n")
    return path


def level_at(samples: np.ndarray, pitch: float) -> float:
    """Amplitude of what lies within 100 Hz of `pitch`."""
    spectrum, frequency = np.abs(np.fft.rfft(samples)), np.fft.rfftfreq(len(samples), 1 / RATE)
    return float(np.sqrt((spectrum[np.abs(frequency - pitch) < 100] ** 2).sum())) * 2 / len(samples)


@pytest.mark.parametrize(("layout", "name"), [("stereo", "o.mp4"), ("5.1", "o.mp4"), ("stereo", "o.webm")])
def test_ones_own_recording_is_heard_as_it_was(say: Any, tmp_path: Path, layout: str, name: str) -> None:
    samples = voices(1.2, layout)
    hiss = 0.1 * np.sin(2 * np.pi * 11_000 * np.arange(samples.shape[1]) / RATE).astype(np.float32)
    recording = write_sound(tmp_path / "a.wav", samples + hiss, layout=layout)
    result = say(audio=recording, name=name, codec="vp9" if name.endswith("webm") else "h264")
    heard = read_sound(result.output)
    assert len(heard.channels) == len(samples)
    for number in range(len(samples)):
        if number != 3:
            assert displacement(heard.samples[number], (samples + hiss)[number], 0.5) == pytest.approx(0, abs=0.005)
            part = heard.samples[number, 9600:48_000]
            assert rms(part) == pytest.approx(rms((samples + hiss)[number, 9600:48_000]), rel=0.05)
            assert level_at(part, 11_000) == pytest.approx(0.1, rel=0.15)
    assert not result.report.speech.notes
    assert result.report.duration == pytest.approx(1.2, abs=0.06)


def test_a_loud_stereo_recording_is_not_clipped(say: Any, tmp_path: Path) -> None:
    loud = voice(1.2) / np.abs(voice(1.2)).max() * 0.93
    result = say(audio=write_sound(tmp_path / "a.wav", np.stack([loud, loud]), layout="stereo"))
    heard = read_sound(result.output).samples[:, : len(loud)]
    assert rms(heard) == pytest.approx(rms(loud), rel=0.02)
    assert np.abs(heard).max() == pytest.approx(0.93, abs=0.05)


def test_what_was_wrong_with_a_recording_is_said_once(say: Any, tmp_path: Path) -> None:
    said = voice(1.2)
    result = say(audio=write_sound(tmp_path / "a.wav", np.stack([said, -said]), layout="stereo"))
    [note] = result.report.speech.notes
    assert "cancel each other" in note
    assert rms(read_audio(result.output).samples) > 0.5 * rms(said)


@pytest.mark.parametrize(("channels", "layout"), [(("FL", "FR"), "stereo"), (FIVE_ONE, "5.1")])
def test_under_a_script_the_original_keeps_its_channels_and_level(
    say: Any, tmp_path: Path, channels: tuple[str, ...], layout: str
) -> None:
    samples = voices(SECONDS, layout)
    video = portrait(tmp_path / "scene.mkv", Sound(samples, RATE, channels))
    result = say(video, script=script(tmp_path), background="none")
    heard = read_sound(result.output)
    assert heard.channels == channels
    [line] = result.report.speech.lines
    after = slice(round((line.end + 0.1) * RATE), round(2.3 * RATE))
    for number, name in enumerate(channels):
        if name != "LFE":
            assert displacement(heard.samples[number], samples[number], 0.4, 0.3) == pytest.approx(0, abs=0.005)
            for part in (slice(4800, round(0.8 * RATE)), after):
                assert rms(heard.samples[number, part]) == pytest.approx(rms(samples[number, part]), rel=0.05)
    inside = heard.samples[:, round(1.0 * RATE) : round(1.2 * RATE)]
    levels = {name: rms(channel) for name, channel in zip(channels, inside, strict=True)}
    spoken = ("FC",) if "FC" in channels else ("FL", "FR")
    assert min(levels[name] for name in spoken) > 0.01, "the line is heard"
    assert max([levels[name] for name in channels if name not in (*spoken, "LFE")], default=0) < 0.003


def test_under_a_script_sound_goes_on_after_damage(say: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    video = portrait(tmp_path / "scene.mp4", Sound(voices(SECONDS, "stereo"), RATE, ("FL", "FR")))
    damage(video, 0.3, 0.36)
    monkeypatch.setattr(prepared_video, "REFERENCE_SECONDS", 1.0)
    damage(video, 2.2, 2.26)
    result = say(video, script=script(tmp_path), background="none")
    heard = read_sound(result.output)
    assert displacement(heard.samples[0], voice(SECONDS), 1.9, 0.3) == pytest.approx(0, abs=0.01)
    assert sum("cannot be decoded" in note for note in result.report.speech.notes) == 1


def test_undecodable_sound_makes_a_silent_video_with_a_note(say: Any, tmp_path: Path) -> None:
    video = portrait(tmp_path / "scene.mov", None)
    from_sound = write_sound(tmp_path / "s.mov", voices(SECONDS, "mono"), codec="ac3", picture=True)
    video = remuxed(video, from_sound, tmp_path / "both.mov")
    video.write_bytes(video.read_bytes().replace(b"ac-3", b"xyzw"))
    for given in ({"text": "Now then."}, {"script": script(tmp_path)}):
        result = say(video, **given)
        assert rms(read_audio(result.output).samples) > 1e-3
        assert sum("treated as a silent video" in note for note in result.report.speech.notes) == 1


def remuxed(picture: Path, sound: Path, target: Path) -> Path:
    """The picture of one file and the sound of another."""
    with av.open(str(picture)) as one, av.open(str(sound)) as other, av.open(str(target), "w") as out:
        sources = [(one, one.streams.video[0]), (other, other.streams.audio[0])]
        copies = [out.add_stream_from_template(stream) for _, stream in sources]
        for (source, stream), copy in zip(sources, copies, strict=True):
            for packet in source.demux(stream):
                if packet.size:
                    packet.stream = copy
                    out.mux(packet)
    return target


def test_the_sound_track_can_be_chosen(say: Any, tmp_path: Path) -> None:
    tracks = [voice(1.2, seed=seed)[None] for seed in (0, 1)]
    recording = write_sound(tmp_path / "a.mka", *tracks, codec="flac", default=0)
    for number in (1, 2):
        result = say(audio=recording, audio_track=number)
        assert displacement(read_sound(result.output).samples[0], tracks[number - 1][0], 0.5) == pytest.approx(
            0, abs=0.005
        )
    with pytest.raises(MediaError, match=r"a\.mka has no sound track 3"):
        say(audio=recording, audio_track=3)
    with pytest.raises(MediaError, match=r"me\.mp4 has no sound track"):
        say(text="Now then.", audio_track=1)


def test_the_background_of_each_channel_is_its_own() -> None:
    speech = Waveform(np.zeros(8_000, np.float32), 16_000)
    fitted = FittedLine(ScriptLine(1, 0.5, 1.0, "a"), Speech(speech, ()), 1.0, 1.0)
    rng = np.random.default_rng(0)
    loud, soft = ((level * rng.standard_normal(16_000)).astype(np.float32) for level in (0.02, 0.005))
    noises = [Waveform(samples, 16_000) for samples in (loud, soft, loud)]
    quiet = Sound(np.zeros((3, 2 * RATE), np.float32), RATE, ("FL", "FR", "BC"))
    made = lay_over(quiet, [fitted], noises).samples[:, round(0.6 * RATE) : round(0.9 * RATE)]
    first, second, third = made
    assert rms(first) == pytest.approx(0.02, rel=0.15)
    assert rms(second) == pytest.approx(0.005, rel=0.15)
    np.testing.assert_array_equal(first, third)
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.1
