"""A face that speaks while it hears: what is shown depends on the sound up to a fifth of a second later only."""

import sys
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from small_models import write_generator

from synclips.cli.main import main
from synclips.dubbing.live import DELAY, LiveFace, LiveFrame
from synclips.dubbing.live_hearing import LiveHearing
from synclips.dubbing.live_speech import PIECE, LiveSpeech, spoken_frames
from synclips.dubbing.options import DubOptions
from synclips.dubbing.prepared_video import PreparedVideo, prepare
from synclips.features.mfcc import audio_features, mfcc
from synclips.media.audio import Waveform, normalise_loudness
from synclips.media.timebase import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME
from synclips.media.video import VideoWriter, probe, read_frames
from synclips.models.generator import Generator


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """in.mp4: a silent face, half a second."""
    from synclips.data.portrait import demo_portrait
    from synclips.media.photo_video import still_to_video

    folder = tmp_path_factory.mktemp("live")
    picture = np.ascontiguousarray(demo_portrait()[60:380, 80:400])
    with VideoWriter(folder / "in.mp4", 320, 320, Fraction(FPS)) as writer:
        for frame in still_to_video(picture, 0.5):
            writer.write(np.ascontiguousarray(frame[:320, :320]))
    write_generator(folder / "small.safetensors")
    return folder


@pytest.fixture(scope="module")
def video(folder: Path) -> PreparedVideo:
    video = prepare(folder / "in.mp4", options=DubOptions(checkpoint=folder / "small.safetensors", cache=False))
    assert isinstance(video.model.network, Generator)
    motion = video.model.network.motion
    torch.manual_seed(1)  # an untrained model moves nothing
    motion.set_basis(
        torch.zeros_like(motion.mean), 0.5 * torch.randn_like(motion.basis), torch.ones_like(motion.spread)
    )
    return video


def speech(seconds: float, seed: int = 0) -> np.ndarray:
    """Noise in syllables."""
    rng = np.random.default_rng(seed)
    swell = np.repeat(rng.uniform(0, 0.3, round(seconds * 8) + 1), 2000)[: round(seconds * SAMPLE_RATE)]
    return (swell * rng.standard_normal(len(swell)).clip(-3, 3)).astype(np.float32)


def said(video: PreparedVideo, samples: np.ndarray, pieces: list[int]) -> list[LiveFrame]:
    frames = []
    with LiveFace(video) as face:
        for piece in np.split(samples, pieces):
            frames += list(face.hear(piece))
        frames += list(face.finish())
    return frames


def test_frames_depend_neither_on_chunks_nor_on_sound_beyond_the_delay(video: PreparedVideo) -> None:
    samples = speech(1.0)
    whole = said(video, samples, [])
    assert [frame.number for frame in whole] == list(range(FPS))
    assert whole[7].time == 7 / FPS
    for frame, again in zip(whole, said(video, samples, [1, 500, 4000, 4001, 15_000]), strict=True):
        np.testing.assert_array_equal(frame.image, again.image)
    changed = np.concatenate([samples[:8000], speech(0.5, seed=1)])
    other = said(video, changed, [])
    heard = 0.5 - DELAY
    before = [number for number in range(FPS) if number / FPS <= heard]
    assert len(before) >= 7
    for number in before:
        np.testing.assert_array_equal(whole[number].image, other[number].image)
    assert any(not np.array_equal(a.image, b.image) for a, b in zip(whole[13:], other[13:], strict=True))


def test_a_frame_comes_as_soon_as_its_delay_has_passed_and_the_video_runs_on(video: PreparedVideo) -> None:
    count, shown = 0, []
    with LiveFace(video) as face:
        for number in range(1, 40):
            frames = list(face.hear(np.zeros(SAMPLES_PER_FRAME, np.float32)))
            count += len(frames)
            shown += [frame.image[::8, ::8].astype(int) for frame in frames]
            assert count >= number - DELAY * FPS
    assert count > len(video.detections)
    still = [float(np.abs(a - b).mean()) for a, b in pairwise(shown)]
    assert np.median(still) > 0, "the person moves while nothing is said"


def test_what_is_heard_comes_near_to_what_the_whole_sound_gives() -> None:
    samples = speech(6.0)
    whole = audio_features(mfcc(normalise_loudness(Waveform(samples, SAMPLE_RATE)), 150))
    hearing = LiveHearing(None)
    hearing.add(samples * np.float32(0.2))  # it finds the loudness by itself
    parts = [hearing.features(max(0, high - 20), high)[-28:-8] for high in range(7, 151, 5)]
    live = np.concatenate(parts)
    whole = whole[: len(live)]
    late = slice(3 * FPS * 4, None)
    assert np.corrcoef(live[late, 0], whole[late, 0])[0, 1] > 0.97
    assert abs(float(live[late, 0].mean() - whole[late, 0].mean())) < 0.25
    np.testing.assert_allclose(live[late, 13:], whole[late, 13:], atol=0.15)


@pytest.mark.parametrize("form", ["mkv", "rgb24"])
def test_the_verb_writes_a_stream(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    path = tmp_path / "speech.pcm"
    path.write_bytes((speech(0.4) * 32767).astype("<i2").tobytes())
    output = tmp_path / f"out.{form}"
    command = ["live", str(folder / "in.mp4"), "--checkpoint", str(folder / "small.safetensors"), "--no-cache"]
    with path.open("rb") as file:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=file))
        assert main([*command, "--output", str(output), "--format", form, "--quiet"]) == 0
    if form == "rgb24":
        assert output.stat().st_size == 10 * 320 * 320 * 3
    else:
        info = probe(output)
        assert (info.width, info.height, info.has_audio) == (320, 320, True)
        assert len(list(read_frames(output))) == 10


@pytest.mark.parametrize(("given", "said"), [(b"", "no speech came"), (b"RIFF" + bytes(4000), "this is a .wav file")])
def test_what_is_no_speech_is_named_and_leaves_no_file(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    given: bytes, said: str,
) -> None:  # fmt: skip
    path, output = tmp_path / "speech.pcm", tmp_path / "out.mkv"
    path.write_bytes(given)
    command = ["live", str(folder / "in.mp4"), "--checkpoint", str(folder / "small.safetensors"), "--no-cache"]
    with path.open("rb") as file:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=file))
        assert main([*command, "--output", str(output), "--quiet"]) == 1
    assert said in capsys.readouterr().err
    assert not output.exists()


def test_by_the_clock_silence_takes_the_place_of_what_does_not_come() -> None:
    arriving = LiveSpeech(SAMPLE_RATE)
    piece = b"\x01\x00" * round(PIECE * SAMPLE_RATE)
    arriving.put(piece[:101])
    arriving.put(piece[101:])
    heard = []
    for part in arriving.by_the_clock():
        assert len(part) == len(piece)
        heard.append(any(part))
        if len(heard) == 6:
            arriving.put(2 * piece)
            arriving.clear()
            arriving.put(piece)
            arriving.end()
    assert heard[0]
    assert not any(heard[1:6])
    assert heard[6:] == [True]


def test_each_frame_comes_with_its_own_sound_at_the_rate_of_the_speech(video: PreparedVideo) -> None:
    pcm = (speech(0.3) * 32767).astype("<i2")
    with LiveFace(video) as face:
        made = list(spoken_frames(face, [pcm.tobytes()], 22_050))
    assert [len(frame.sound) for frame in made[:-1]] == [882] * (len(made) - 1)
    np.testing.assert_array_equal(np.concatenate([frame.sound for frame in made]), pcm)
