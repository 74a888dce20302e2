"""What else a source holds besides its picture and the sound that is heard: carried over, without loss."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import av
from av.stream import Disposition
from av.subtitles.codeccontext import SubtitleCodecContext
from av.subtitles.subtitle import AssSubtitle, SubtitleSet

from synclips.errors import MediaError
from synclips.media.container import open_container
from synclips.media.sound_tracks import track_index

if TYPE_CHECKING:
    from av.container.core import Chapter

_TEXT: Final = frozenset({"srt", "subrip", "ass", "ssa", "mov_text", "webvtt", "text"})
_WRITTEN_TEXT: Final = {".mp4": "mov_text", ".mov": "mov_text", ".mkv": "ass", ".webm": "webvtt"}
"""The text subtitles of each container that take what the source's own container had in another form."""
_NOT_IN_MOV: Final = frozenset({"flac", "opus", "vorbis"})
"""Codecs that FFmpeg takes for its QuickTime files, and then fails to write."""
_PRIMING: Final = Fraction(1, 10)
"""Seconds before the start that a sound decoder may need to have heard (AAC: 1024 samples or more)."""
_MILLISECOND: Final = Fraction(1, 1000)


class KeptStreams:
    """Adds the source's further sound tracks, subtitles and chapters to `container`; packets come as time goes on.

    The sound track that is heard (number `replaced`, see `find_track`) is left out; the others are copied bit for bit.
    Text subtitles are copied, or rewritten in the form that the container takes. Times stay the source's own, counted
    from its first picture. Tracks that the container cannot hold are named in `left_out`.

    Raises:
        MediaError: the source cannot be opened.
    """

    def __init__(
        self,
        container: "av.container.OutputContainer",
        source: Path,
        suffix: str,
        duration: float | None = None,
        *,
        replaced: int | None = None,
    ) -> None:
        try:
            self._source = open_container(source)
        except av.FFmpegError as error:
            raise MediaError(f"the other streams of {source} cannot be read; leave out --keep-streams") from error
        self._origin = self._first_picture()
        self._tracks: dict[int, _Track] = {}
        left_out = []
        heard = track_index(source, replaced)
        further = [stream for stream in self._source.streams.audio if stream.index != heard]
        for stream in [*further, *self._source.streams.subtitles]:
            try:
                self._tracks[stream.index] = _track(container, stream, suffix)
            except (ValueError, av.FFmpegError):
                name = stream.codec_context.name if stream.codec_context is not None else "unknown"
                left_out.append(f"{stream.type} track {stream.index} ({name})")
        self.left_out = tuple(left_out)
        container.set_chapters(self._chapters(duration))
        self._packets = self._source.demux([self._source.streams[index] for index in self._tracks])
        self._held: av.Packet[Any] | None = None

    def close(self) -> None:
        """Close the source."""
        self._source.close()

    def until(self, time: float) -> "Iterator[av.Packet[Any]]":
        """Packets, ready for the container, that start before `time` seconds."""
        while self._tracks:
            packet, self._held = self._held or self._next(), None
            if packet is None:
                return
            at = self._time(packet)
            if at >= time:
                self._held = packet
                return
            if at >= (-_PRIMING if packet.stream.type == "audio" else 0):
                yield from self._tracks[packet.stream.index].packets(packet, self._origin)

    def _next(self) -> "av.Packet[Any] | None":
        try:
            return next((packet for packet in self._packets if packet.size and packet.pts is not None), None)
        except av.FFmpegError:  # the source breaks off
            return None

    def _time(self, packet: "av.Packet[Any]") -> Fraction:
        assert packet.pts is not None
        return packet.pts * packet.time_base - self._origin

    def _first_picture(self) -> Fraction:
        videos = [s for s in self._source.streams.video if not s.disposition & Disposition.attached_pic]
        if not videos or videos[0].start_time is None or videos[0].time_base is None:
            return Fraction(0)
        return videos[0].start_time * videos[0].time_base

    def _chapters(self, duration: float | None) -> "list[Chapter]":
        kept: list[Chapter] = []
        for chapter in self._source.chapters():
            base = chapter["time_base"] or _MILLISECOND
            start, end = (max(chapter[edge] * base - self._origin, Fraction(0)) for edge in ("start", "end"))
            if duration is not None:
                end = min(end, Fraction(duration))
            if end > start:
                times = [round(edge / _MILLISECOND) for edge in (start, end)]
                kept.append(chapter | {"start": times[0], "end": times[1], "time_base": _MILLISECOND})
        return kept


class _Track:
    """A track copied packet by packet."""

    def __init__(self, container: "av.container.OutputContainer", stream: "av.stream.Stream") -> None:
        self.stream = container.add_stream_from_template(stream)
        self.stream.metadata.update({k: v for k, v in stream.metadata.items() if k in ("language", "title")})

    def packets(self, packet: "av.Packet[Any]", origin: Fraction) -> "Iterator[av.Packet[Any]]":
        """`packet` on the result's clock."""
        base = packet.time_base
        shift = round(origin / base)
        assert packet.pts is not None
        packet.pts -= shift
        packet.dts = packet.pts if packet.dts is None else packet.dts - shift
        packet.stream = self.stream
        yield packet


class _RewrittenText(_Track):
    """Text subtitles decoded and written in another form."""

    def __init__(self, container: "av.container.OutputContainer", stream: "av.stream.Stream", codec: str) -> None:
        reader = stream.codec_context
        assert isinstance(reader, SubtitleCodecContext)
        self._reader = reader
        self.stream = container.add_stream(codec)
        self.stream.metadata.update({k: v for k, v in stream.metadata.items() if k in ("language", "title")})
        self.stream.time_base = _MILLISECOND
        reader.open(strict=False)
        writer = self.stream.codec_context
        assert isinstance(writer, SubtitleCodecContext)
        writer.subtitle_header = reader.subtitle_header
        self._writer = writer

    def packets(self, packet: "av.Packet[Any]", origin: Fraction) -> "Iterator[av.Packet[Any]]":
        """The packet's lines in the new form."""
        shown = self._reader.decode2(packet)
        if shown is None:
            return
        assert packet.pts is not None
        start = round((packet.pts * packet.time_base - origin) / _MILLISECOND)
        length = round((packet.duration or 0) * packet.time_base / _MILLISECOND)
        for line in shown:
            if isinstance(line, AssSubtitle):
                made = self._writer.encode_subtitle(SubtitleSet.create(line.ass, 0, length, start * 1000))
                made.stream, made.time_base = self.stream, _MILLISECOND
                made.pts = made.dts = start
                made.duration = length
                yield made


def _track(container: "av.container.OutputContainer", stream: "av.stream.Stream", suffix: str) -> _Track:
    """The track for `stream`; ValueError where the container cannot hold it."""
    if stream.codec_context is None:
        raise ValueError(f"stream {stream.index} is of a kind that cannot be read")
    name = stream.codec_context.name
    if suffix == ".mov" and stream.codec_context.codec.canonical_name in _NOT_IN_MOV:
        raise ValueError(f"{name} does not go into QuickTime")
    if stream.type == "subtitle" and name in _TEXT and name != _WRITTEN_TEXT[suffix]:
        if suffix == ".mkv" and name != "mov_text":
            return _Track(container, stream)
        return _RewrittenText(container, stream, _WRITTEN_TEXT[suffix])
    return _Track(container, stream)
