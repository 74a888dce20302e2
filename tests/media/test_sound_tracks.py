"""Which sound track is heard, what is carried over beside it, and tags that are not UTF-8."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from sound_clips import displacement, rms, voice, voices, write_sound

from synclips.errors import MediaError
from synclips.media.audio import read_audio, read_sound
from synclips.media.sound_tracks import find_track, has_sound, silent_reason
from synclips.media.video import VideoWriter, probe, read_frames
from synclips.provenance.tags import tags_of

SECONDS = 1.2


def two_tracks(path: Path, codec: str = "aac", default: int | None = None) -> Path:
    tracks = [voice(SECONDS, seed=seed)[None] for seed in (0, 1)]
    return write_sound(path, *tracks, codec=codec, picture=True, default=default)


def undecodable(path: Path, count: int = 1) -> Path:
    """The codec of the first AC-3 track (-1: of each) in an MP4 or QuickTime file becomes one that nobody knows."""
    data = path.read_bytes()
    assert b"ac-3" in data
    path.write_bytes(data.replace(b"ac-3", b"xyzw", count))
    return path


def heard_seed(path: Path, track: int | None = None) -> int:
    """Which of the two voices is heard."""
    samples = read_sound(path, track=track).samples[0]
    [seed] = [seed for seed in (0, 1) if abs(displacement(samples, voice(SECONDS, seed=seed), 0.5)) < 0.05]
    return seed


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
@pytest.mark.parametrize("default", [0, 1])
def test_the_track_flagged_default_is_heard(tmp_path: Path, suffix: str, default: int) -> None:
    path = two_tracks(tmp_path / f"a.{suffix}", default=default)
    assert heard_seed(path) == default
    assert find_track(path).number == default + 1
    assert read_sound(path).notes == (
        f"{path} has 2 sound tracks; number {default + 1} is heard; --audio-track chooses",
    )
    for number in (1, 2):
        assert heard_seed(path, number) == number - 1
        assert read_sound(path, track=number).notes == ()


def test_without_a_flag_the_first_is_heard(tmp_path: Path) -> None:
    assert heard_seed(two_tracks(tmp_path / "a.ts")) == 0


def test_a_track_that_is_not_there_is_refused(tmp_path: Path) -> None:
    path = two_tracks(tmp_path / "a.mp4", "ac3")
    with pytest.raises(MediaError, match=r"has no sound track 3; it has 2 sound tracks: 1 \(ac3\), 2 \(ac3\)"):
        read_sound(path, track=3)
    undecodable(path)
    with pytest.raises(MediaError, match=r"sound track 1 of .* cannot be decoded; choose another one"):
        read_audio(path, track=1)


@pytest.mark.parametrize("suffix", ["mp4", "mov"])
def test_what_cannot_be_decoded_is_passed_over(tmp_path: Path, suffix: str) -> None:
    path = undecodable(two_tracks(tmp_path / f"a.{suffix}", "ac3", default=0))
    assert heard_seed(path) == 1
    [note] = read_sound(path).notes
    assert "sound track 1" in note
    assert "track 2 is heard instead" in note
    assert probe(path).has_audio


@pytest.mark.parametrize("tracks", [1, 2])
def test_a_video_whose_sound_cannot_be_decoded_is_silent(tmp_path: Path, tracks: int) -> None:
    path = write_sound(tmp_path / "a.mov", *[voices(1, "mono")] * tracks, codec="ac3", picture=True)
    assert silent_reason(path) is None
    undecodable(path, -1)
    assert not probe(path).has_audio
    assert not has_sound(path)
    assert "treated as a silent video" in str(silent_reason(path))
    with pytest.raises(MediaError, match=r"cannot be read as sound: .* can be decoded"):
        read_sound(path)


def test_a_track_whose_packets_are_all_damaged_is_passed_over(tmp_path: Path) -> None:
    path = two_tracks(tmp_path / "a.mkv", "ac3")
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        for packet in container.demux(container.streams.audio[0]):
            if packet.size:
                at = data.find(bytes(packet))
                data[at : at + packet.size] = bytes(packet.size)
    path.write_bytes(data)
    assert heard_seed(path) == 1
    assert probe(path).has_audio


@pytest.mark.parametrize("chosen", [None, 1, 2])
def test_all_tracks_but_the_heard_one_are_carried_over(tmp_path: Path, chosen: int | None) -> None:
    source, path = two_tracks(tmp_path / "a.mkv", "flac", default=1), tmp_path / "b.mkv"
    heard = 2 if chosen is None else chosen
    with VideoWriter(path, 64, 64, Fraction(25), keep=source, replaced=chosen, audio=read_sound(source)) as writer:
        for frame in read_frames(source):
            writer.write(frame.image)
    with av.open(str(path)) as container:
        kept = [stream.codec_context.name for stream in container.streams.audio]
    assert kept == ["aac", "flac"]
    assert heard_seed(path, 2) == 2 - heard, "the other one"


# tags


LATIN, JAPANESE = "Künstler Größe".encode("latin-1"), "日本語の歌".encode("shift_jis")


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "avi", "ts", "mp3", "m4a", "flac", "ogg", "wav"])
@pytest.mark.parametrize("words", [LATIN, JAPANESE], ids=["latin-1", "shift-jis"])
def test_tags_that_are_not_utf_8_are_read_and_replaced_where_unreadable(
    tmp_path: Path, suffix: str, words: bytes
) -> None:
    codec = {"mp3": "libmp3lame", "flac": "flac", "ogg": "flac", "wav": "pcm_s16le", "avi": "mp2", "ts": "mp2"}
    path, placeholder = tmp_path / f"a.{suffix}", "Q" * len(words)
    plain = write_sound(
        tmp_path / f"plain.{suffix}", voices(1, "mono"), codec=codec.get(suffix, "aac"),
        picture=suffix in ("mp4", "mov", "mkv", "avi", "ts"),
    )  # fmt: skip
    key = "service_name" if suffix == "ts" else "title"
    with av.open(str(plain)) as source, av.open(str(path), "w") as target:
        target.metadata[key] = placeholder
        copies = {stream.index: target.add_stream_from_template(stream) for stream in source.streams}
        for packet in source.demux():
            if packet.size:
                packet.stream = copies[packet.stream.index]
                target.mux(packet)
    data = path.read_bytes()
    assert placeholder.encode() in data
    data = data.replace(placeholder.encode(), words)
    if suffix == "mp3":  # the text's encoding byte: UTF-8 is claimed
        at = data.index(words)
        data = data[: at - 1] + b"\x03" + data[at:]
    path.write_bytes(data)
    assert rms(read_sound(path).samples[:, 4800:40_000]) > 0.02
    assert rms(read_audio(path).samples[1600:14_000]) > 0.02
    if suffix in ("mp4", "mov", "mkv", "avi", "ts"):
        assert probe(path).has_audio
        assert len(list(read_frames(path))) == 25
    readable = words.decode("utf-8", errors="replace")
    assert suffix in ("ogg", "ts", "mp3") or tags_of(path)["title"] == readable
    assert all(isinstance(value, str) for value in tags_of(path).values())


def test_tags_of_a_track_that_are_not_utf_8_do_not_stop_it(tmp_path: Path) -> None:
    path = two_tracks(tmp_path / "a.mkv")
    data = path.read_bytes()
    assert b"Lavc" in data
    path.write_bytes(data.replace(b"Lavc", b"\xe9\xff\xfe\x80"))
    assert heard_seed(path) == 0
    assert probe(path).duration == pytest.approx(SECONDS, abs=0.1)
    with VideoWriter(tmp_path / "b.mkv", 64, 64, Fraction(25), keep=path) as writer:
        writer.write(np.zeros((64, 64, 3), np.uint8))
