"""What else a source holds comes along where it is asked for: sound tracks, subtitles, chapters."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.subtitles.codeccontext import SubtitleCodecContext
from av.subtitles.subtitle import SubtitleSet
from test_formats import with_sound
from test_video import noise, pictures

from synclips.media.audio import read_audio
from synclips.media.muxer import Beside
from synclips.media.resumable_writer import PictureFormat, ResumableWriter
from synclips.media.video import VideoWriter, frame_times, probe

HEADER = b"""[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, \
StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding
Style: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,1

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""
LINES = [(0.2, "Bonjour"), (0.7, "tout le monde")]


def rich_source(path: Path, text: str, start: float = 0.0) -> Path:
    """1.2 s of pictures from `start` seconds, two sound tracks, a subtitle track, two chapters."""
    plain = with_sound(
        path.with_stem("plain"), [noise(1.2, 48_000).samples[None], -noise(1.2, 48_000).samples[None]],
        "aac", video_start=start, audio_start=start,
    )  # fmt: skip
    with av.open(str(plain)) as source, av.open(str(path), "w") as target:
        copies = {s.index: target.add_stream_from_template(s, opaque=True) for s in source.streams}
        copies[2].metadata["language"] = "eng"
        subtitles = target.add_stream(text)
        subtitles.metadata["language"] = "fra"
        subtitles.time_base = Fraction(1, 1000)
        writer = subtitles.codec_context
        assert isinstance(writer, SubtitleCodecContext)
        writer.subtitle_header = HEADER
        chapter: dict[str, Any] = {"time_base": Fraction(1, 1000)}
        edges = [round((start + t) * 1000) for t in (0, 0.6, 1.2)]
        target.set_chapters([
            chapter | {"id": n, "start": edges[n], "end": edges[n + 1], "metadata": {"title": f"part {n}"}}
            for n in range(2)
        ])  # fmt: skip
        for at, words in LINES:
            packet = writer.encode_subtitle(SubtitleSet.create(b"0,0,Default,,0,0,0,," + words.encode(), 0, 400))
            packet.stream, packet.time_base = subtitles, Fraction(1, 1000)
            packet.pts = packet.dts = round((at + start) * 1000)
            packet.duration = 400
            target.mux(packet)
        for packet in source.demux():
            if packet.size:
                packet.stream = copies[packet.stream.index]
                target.mux(packet)
    return path


def sound_bytes(path: Path, track: int) -> bytes:
    with av.open(str(path)) as container:
        return b"".join(bytes(packet) for packet in container.demux(container.streams.audio[track]))


def lines(path: Path) -> list[tuple[float, str]]:
    """Seconds from the first picture, and the words."""
    first = probe(path).start_time
    with av.open(str(path)) as container:
        found = []
        for packet in container.demux(container.streams.subtitles[0]):
            shown = container.streams.subtitles[0].codec_context.decode2(packet) if packet.size else None
            found += [(float(packet.pts * packet.time_base) - first, line.dialogue.decode()) for line in shown or ()]
        return found


def rewrite(source: Path, target: Path, *, parts: bool = False, **options: Any) -> tuple[str, ...]:
    beside = {"audio": noise(1.2), "duration": 1.2, "keep": source}
    writer = (
        ResumableWriter(target, PictureFormat(96, 64, Fraction(25), **options), Beside(**beside), identity="a",
            part_seconds=0.5)
        if parts else VideoWriter(target, 96, 64, Fraction(25), **beside, **options)
    )  # fmt: skip
    with writer:
        for number, image in enumerate(pictures(30)):
            writer.write(image, number / 25)
    return writer.left_out


@pytest.mark.parametrize("parts", [False, True])
@pytest.mark.parametrize(
    ("source", "text", "start"),
    [("a.mkv", "srt", 0.0), ("a.mkv", "ass", 4.0), ("a.mp4", "mov_text", 0.0), ("a.mp4", "mov_text", 2.0)],
)
@pytest.mark.parametrize("target", ["b.mp4", "b.mkv", "b.mov"])
def test_tracks_subtitles_and_chapters_come_along(
    tmp_path: Path, source: str, text: str, start: float, target: str, parts: bool
) -> None:
    path, result = rich_source(tmp_path / source, text, start), tmp_path / target
    assert rewrite(path, result, parts=parts) == ()
    with av.open(str(result)) as container:
        assert (len(container.streams.video), len(container.streams.audio)) == (1, 2)
        assert container.streams.audio[1].metadata["language"] == "eng"
        assert container.streams.subtitles[0].metadata["language"] == "fra"
        chapters = [
            (float(c["start"] * c["time_base"]), float(c["end"] * c["time_base"]), c["metadata"]["title"])
            for c in container.chapters()
        ]
    assert chapters == [(0.0, 0.6, "part 0"), (pytest.approx(0.6), pytest.approx(1.2), "part 1")]
    assert sound_bytes(result, 1) == sound_bytes(path, 1)
    assert [words for _, words in lines(result)] == [words for _, words in LINES]
    assert [at for at, _ in lines(result)] == pytest.approx([at for at, _ in LINES], abs=0.002)
    assert len(frame_times(result)) == 30
    np.testing.assert_allclose(read_audio(result).duration, 1.2, atol=0.06)


def test_what_a_container_cannot_hold_is_named(tmp_path: Path) -> None:
    path = rich_source(tmp_path / "a.mkv", "srt")
    left_out = rewrite(path, tmp_path / "b.webm", codec="vp9")
    assert left_out == ("audio track 2 (aac)",)
    assert [words for _, words in lines(tmp_path / "b.webm")] == [words for _, words in LINES]


@pytest.mark.parametrize(("codec", "suffix", "kept"), [
    ("flac", "mp4", True), ("flac", "mov", False), ("mp2", "mp4", True), ("pcm_s16le", "mov", True),
    ("libopus", "mov", False), ("libopus", "mp4", True), ("ac3", "mkv", True),
])  # fmt: skip
def test_sound_of_other_codecs_is_kept_or_named(tmp_path: Path, codec: str, suffix: str, kept: bool) -> None:
    sound = noise(1.2, 48_000).samples[None]
    path = with_sound(tmp_path / "a.mkv", [sound, sound], codec)
    left_out = rewrite(path, tmp_path / f"b.{suffix}")
    assert len(left_out) == (0 if kept else 1)
    with av.open(str(tmp_path / f"b.{suffix}")) as container:
        assert len(container.streams.audio) == (2 if kept else 1)


def test_they_end_with_the_pictures_and_a_plain_source_adds_nothing(tmp_path: Path) -> None:
    path, short = rich_source(tmp_path / "a.mkv", "srt"), tmp_path / "b.mkv"
    with VideoWriter(short, 96, 64, Fraction(25), audio=noise(0.6), duration=0.6, keep=path) as writer:
        for number, image in enumerate(pictures(15)):
            writer.write(image, number / 25)
    assert [words for _, words in lines(short)] == ["Bonjour"]
    with av.open(str(short)) as container:
        assert len(container.chapters()) == 1
        assert float(container.duration) / av.time_base < 0.7
    plain = with_sound(tmp_path / "plain2.mp4", [noise(1.2, 48_000).samples[None]])
    assert rewrite(plain, tmp_path / "c.mp4") == ()
    with av.open(str(tmp_path / "c.mp4")) as container:
        assert len(container.streams) == 2
    assert probe(tmp_path / "c.mp4").has_audio
