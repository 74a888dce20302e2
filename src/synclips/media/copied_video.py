"""H.264 video of which only some groups of pictures are encoded anew; the bits of all others are copied.

The new groups have parameter sets of their own (ISO/IEC 14496-10, 7.3.2.1 and 7.3.2.2) under an identifier that the
source does not use; the file's configuration record (ISO/IEC 14496-15, 5.3.3.1) holds both.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from jaxtyping import Float64, Int64, UInt8

from synclips.files import media_path
from synclips.media.frame_index import FrameIndex, build_index
from synclips.media.muxer import Beside, OutputFile, output_errors
from synclips.media.video_encode import PictureEncoder
from synclips.media.video_read import VideoInfo

_SUFFIXES: Final = (".mp4", ".mov", ".mkv")
_IDR, _SPS, _PPS = 5, 7, 8
_LENGTH: Final = 4
"""Bytes of a length before each unit."""
WORTH: Final = 0.1
"""Share of the frames below which copying is not worth a second set of parameters."""


@dataclass(frozen=True)
class _Group:
    """A closed group of pictures: its packets (decoding order) and frames (order of display), both exclusive."""

    packets: range
    frames: range


@dataclass(frozen=True)
class CopyPlan:
    """Which steps of the result are encoded, and which packets are copied.

    parts:   in order: a range of the source's packets that is copied with the shift of its stamps, or the steps of the
             result that are encoded
    stamps:  of every step, in units of the track's time base, from 0
    """

    info: VideoInfo
    parts: tuple[tuple[range, int] | range, ...]
    stamps: Int64[np.ndarray, " n"]
    record: bytes
    delay: int
    first: int
    time_base: Fraction

    @property
    def encoded(self) -> list[range]:
        """The steps that are encoded."""
        return [part for part in self.parts if isinstance(part, range)]

    @property
    def frames_copied(self) -> int:
        """Frames whose bits are copied."""
        return sum(len(part[0]) for part in self.parts if not isinstance(part, range))


def plan_copy(
    info: VideoInfo,
    output: Path,
    source: Int64[np.ndarray, " n"],
    times: Float64[np.ndarray, " n"],
    touched: Sequence[range],
    codec: str,
) -> CopyPlan | None:
    """How `output` can be written with copied bits; None where codec, container or stream do not allow it.

    Args:
        source, times: of every frame of the result its frame of the source, and its time in seconds.
        touched: steps of the result whose pictures differ from the source's, or whose times do.
    """
    fits = info.codec == "h264" and codec == "h264" and info.pixel_format == "yuv420p" and not info.interlaced
    upright = info.rotation == 0 and not info.mirrored and info.sample_aspect_ratio == 1
    even = info.width % 2 == 0 and info.height % 2 == 0
    if not (fits and upright and even and output.suffix.lower() in _SUFFIXES):
        return None
    found = _source_of(info)
    if found is None:
        return None
    index, base, packets, groups, record = found
    assert index.stamps is not None
    changed = np.zeros(len(index.stamps), bool)
    for steps in touched:
        if len(steps):
            changed[int(source[steps.start]) : int(source[steps.stop - 1]) + 1] = True
    stamps = np.round(times / float(base)).astype(np.int64)
    delay = max(packets[g.packets.start][0] - packets[g.packets.start][1] for g in groups)
    first, parts = index.stamps[0], list[tuple[range, int] | range]()
    for group in groups:
        encoded = bool(changed[group.frames.start : group.frames.stop].any())
        begin, end = np.searchsorted(source, [group.frames.start, group.frames.stop])
        if encoded:
            if parts and isinstance(parts[-1], range):
                begin = parts.pop().start  # type: ignore[union-attr]
            parts.append(range(int(begin), int(end)))
            continue
        shift = int(stamps[begin]) - (index.stamps[group.frames.start] - first)
        before = parts[-1] if parts else None
        if isinstance(before, tuple) and before[1] == shift:
            parts[-1] = (range(before[0].start, group.packets.stop), shift)
        else:
            parts.append((group.packets, shift))
    plan = CopyPlan(info, tuple(parts), stamps, record, delay, first, base)
    return plan if plan.encoded and plan.frames_copied >= WORTH * len(source) else None


def write_excerpt(info: VideoInfo, path: Path, start: float, end: float) -> range | None:
    """Write the groups of pictures that `start` to `end` seconds lie in, as they are, without sound; the frames that
    these are. None, and no file, where the video cannot be cut without encoding it.

    Raises:
        OutputError: `path` cannot be written.
    """
    found = _source_of(info) if info.codec == "h264" else None
    if found is None:
        return None
    index, base, _, groups, _ = found
    low, high = np.searchsorted(index.times, [start, end])
    wanted = [group for group in groups if group.frames.stop > low and group.frames.start <= high]
    if not wanted:
        return None
    packets = range(wanted[0].packets.start, wanted[-1].packets.stop)
    frames = range(wanted[0].frames.start, wanted[-1].frames.stop)
    assert index.stamps is not None
    origin = index.stamps[frames.start]
    with av.open(media_path(info.path)) as container, OutputFile(path, Beside(), overwrite=True) as file:
        track = container.streams.video[0]
        with output_errors(path):
            stream = file.container.add_stream_from_template(track, opaque=True)
        file.start()
        for number, packet in enumerate(packet for packet in container.demux(track) if packet.size):
            if number >= packets.stop:
                break
            if number in packets:
                packet.pts, packet.dts = (packet.pts or 0) - origin, (packet.dts or 0) - origin
                packet.stream, packet.time_base = stream, base
                file.mux([packet], 0.0)
    return frames


def _source_of(
    info: VideoInfo,
) -> tuple[FrameIndex, Fraction, list[tuple[int, int, bool]], list[_Group], bytes] | None:
    """Index, time base, packets (pts, dts, begins a group), closed groups and configuration record of H.264 video;
    None where its packets cannot be told apart."""
    index = build_index(info.path)
    if index.stamps is None or index.key_sums is not None:
        return None
    packets: list[tuple[int, int, bool]] = []
    with av.open(media_path(info.path)) as container:
        track = container.streams.video[0]
        record, base = bytes(track.codec_context.extradata or b""), track.time_base
        if len(record) < 7 or record[0] != 1 or (record[4] & 3) + 1 != _LENGTH or base is None:
            return None
        for packet in container.demux(track):
            if packet.size:
                if packet.pts is None or packet.dts is None:
                    return None
                packets.append((packet.pts, packet.dts, packet.is_keyframe and _has_idr(bytes(packet))))
    if len(packets) != len(index.stamps):
        return None
    groups = _groups([(pts, key) for pts, _, key in packets], index.stamps)
    return None if groups is None else (index, base, packets, groups, record)


def write_copied(
    path: Path,
    plan: CopyPlan,
    pictures: Iterable[UInt8[np.ndarray, "h w 3"]],
    beside: Beside,
    quality: int,
    *,
    overwrite: bool,
) -> None:
    """Write the file; `pictures` are those of the encoded steps, in order.

    Raises:
        OutputError: as `VideoWriter`.
    """
    made = iter(pictures)
    ids = _ids(plan.record)
    number = next(k for k in range(1, 32) if k not in ids)
    with (
        av.open(media_path(plan.info.path)) as container,
        av.open(os.devnull, "w", format="mp4") as scratch,
        OutputFile(path, beside, overwrite=overwrite) as file,
    ):
        track = container.streams.video[0]
        encoder = _Encoder(scratch, plan, quality, number)
        # the encoder's parameter sets are known before its first picture is
        first = list(encoder.encode(next(made), plan, plan.encoded[0].start))
        with output_errors(path):
            stream = file.container.add_stream_from_template(track, opaque=True)
            stream.codec_context.extradata = joined_record(plan.record, encoder.parameter_sets())
        stream.codec_context.codec_tag = track.codec_context.codec_tag if path.suffix.lower() != ".mkv" else "\0\0\0\0"
        file.start()
        source = (packet for packet in container.demux(track) if packet.size)
        at, shown, last = 0, 0.0, None
        for part in plan.parts:
            for packet in _packets(part, plan, source, at, made, first, encoder):
                if last is not None and packet.dts is not None:
                    packet.dts = max(packet.dts, last + 1)
                last = packet.dts
                packet.stream, packet.time_base = stream, plan.time_base
                shown = max(shown, float((packet.pts or 0) * plan.time_base))
                file.mux([packet], shown)
            if isinstance(part, range):
                encoder = _Encoder(scratch, plan, quality, number)
                first = []
            else:
                at = part[0].stop
        file.finish([], shown + float(1 / plan.info.fps))


def _packets(
    part: tuple[range, int] | range,
    plan: CopyPlan,
    source: "Iterator[av.Packet[Any]]",
    at: int,
    made: Iterator[UInt8[np.ndarray, "h w 3"]],
    first: "list[av.Packet[Any]]",
    encoder: "_Encoder",
) -> "Iterator[av.Packet[Any]]":
    if isinstance(part, range):
        yield from first
        for step in part[1:] if encoder.begun else part:
            yield from encoder.encode(next(made), plan, step)
        yield from encoder.finish(plan)
        return
    packets, shift = part
    for number in range(at, packets.stop):
        packet = next(source)
        if number in packets:
            packet.pts = (packet.pts or 0) - plan.first + shift
            packet.dts = (packet.dts or 0) - plan.first + shift
            yield packet


class _Encoder:
    """H.264 without reordering, in units with lengths, decoded as late as the source's packets are."""

    def __init__(self, scratch: "av.container.OutputContainer", plan: CopyPlan, quality: int, number: int) -> None:
        info = plan.info
        options = {"x264-params": f"sps-id={number}:repeat-headers=0", "bf": "0"}
        self._pictures = PictureEncoder(
            scratch, info.width, info.height, info.fps, plan.time_base, "h264", quality, info, options
        )
        self.begun = False

    def encode(self, picture: UInt8[np.ndarray, "h w 3"], plan: CopyPlan, step: int) -> "Iterator[av.Packet[Any]]":
        """The packets that are ready after one more picture."""
        self.begun = True
        stamp = int(plan.stamps[step])
        later = (
            int(plan.stamps[step + 1])
            if step + 1 < len(plan.stamps)
            else stamp + round(1 / plan.info.fps / plan.time_base)
        )
        yield from self._given(self._pictures.encode(picture, stamp, max(1, later - stamp)), plan)

    def finish(self, plan: CopyPlan) -> "Iterator[av.Packet[Any]]":
        """The packets that are left."""
        yield from self._given(self._pictures.flush(), plan)

    def parameter_sets(self) -> list[bytes]:
        """Sequence and picture parameter sets."""
        return [unit for unit in units_of(bytes(self._pictures.stream.codec_context.extradata or b""))
                if unit[0] & 31 in (_SPS, _PPS)]  # fmt: skip

    def _given(self, packets: "Iterable[av.Packet[Any]]", plan: CopyPlan) -> "Iterator[av.Packet[Any]]":
        for packet in packets:
            units = [unit for unit in units_of(bytes(packet)) if unit[0] & 31 not in (_SPS, _PPS)]
            made = av.Packet(b"".join(len(unit).to_bytes(_LENGTH, "big") + unit for unit in units))
            made.pts, made.dts = packet.pts, (packet.pts or 0) - plan.delay
            made.duration, made.is_keyframe = packet.duration, packet.is_keyframe
            yield made


def units_of(stream: bytes) -> list[bytes]:
    """The units between start codes (ISO/IEC 14496-10, annex B)."""
    units, at = [], stream.find(b"\0\0\1")
    while at >= 0:
        following = stream.find(b"\0\0\1", at + 3)
        unit = stream[at + 3 : following if following >= 0 else len(stream)]
        units.append(unit.rstrip(b"\0") if following >= 0 else unit)
        at = following
    return [unit for unit in units if unit]


def joined_record(record: bytes, more: Sequence[bytes]) -> bytes:
    """The configuration record with further parameter sets, and what followed them in it."""
    sets, picture_sets, rest = _sets(record)
    sets += [unit for unit in more if unit[0] & 31 == _SPS]
    picture_sets += [unit for unit in more if unit[0] & 31 == _PPS]
    level = max(unit[3] for unit in sets)
    made = record[:3] + bytes([level, record[4], 0xE0 | len(sets)])
    made += b"".join(len(unit).to_bytes(2, "big") + unit for unit in sets)
    made += bytes([len(picture_sets)]) + b"".join(len(unit).to_bytes(2, "big") + unit for unit in picture_sets)
    return made + rest


def _sets(record: bytes) -> tuple[list[bytes], list[bytes], bytes]:
    """Sequence parameter sets, picture parameter sets, and the rest of a configuration record."""
    found: list[list[bytes]] = []
    at = 5
    for mask in (31, 255):
        count, at = record[at] & mask, at + 1
        units = []
        for _ in range(count):
            size = int.from_bytes(record[at : at + 2], "big")
            units.append(record[at + 2 : at + 2 + size])
            at += 2 + size
        found.append(units)
    return found[0], found[1], record[at:]


def _ids(record: bytes) -> set[int]:
    """The identifiers that the parameter sets have."""
    sets, picture_sets, _ = _sets(record)
    return {_golomb(unit[4:]) for unit in sets} | {_golomb(unit[1:]) for unit in picture_sets}


def _golomb(data: bytes) -> int:
    """The first Exp-Golomb number (ISO/IEC 14496-10, 9.1)."""
    bits = "".join(f"{byte:08b}" for byte in data[:8])
    zeros = len(bits) - len(bits.lstrip("0"))
    return int(bits[zeros : 2 * zeros + 1], 2) - 1


def _has_idr(packet: bytes) -> bool:
    at = 0
    while at + _LENGTH < len(packet):
        size = int.from_bytes(packet[at : at + _LENGTH], "big")
        if packet[at + _LENGTH] & 31 == _IDR:
            return True
        at += _LENGTH + size
    return False


def _groups(packets: Sequence[tuple[int, bool]], stamps: Sequence[int]) -> list[_Group] | None:
    """Closed groups: everything before one in decoding is shown before it. None where the first packet begins none."""
    if not packets or not packets[0][1]:
        return None
    pts = np.array([stamp for stamp, _ in packets])
    before = np.concatenate([[np.iinfo(np.int64).min], np.maximum.accumulate(pts)[:-1]])
    after = np.minimum.accumulate(pts[::-1])[::-1]
    starts = [k for k, (stamp, key) in enumerate(packets) if key and before[k] < stamp and after[k] == stamp]
    if not starts or starts[0] != 0:
        return None
    frames = [int(np.searchsorted(stamps, pts[k])) for k in starts]
    return [
        _Group(range(a, b), range(c, d))
        for a, b, c, d in zip(starts, [*starts[1:], len(pts)], frames, [*frames[1:], len(pts)], strict=True)
    ]
