"""Interlaced frames become progressive ones, at the same rate: two fields of a frame are 1/50 s or 1/60 s apart.

FFmpeg's filter bwdif (Bob Weaver: the motion test of yadif with the cubic interpolation of w3fdif) keeps the frame's
first field and makes the lines of the second one from its neighbours in space and time. Only frames that the decoder
flags as interlaced are changed.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

import av
from av.filter import Graph


@dataclass(frozen=True)
class Stored:
    """How a decoded frame was stored, where that is unusual: the `opaque` of such frames.

    interlaced:  as two fields
    stretch:     width over height of its pixels, in those of the file's first frame
    """

    interlaced: bool = False
    stretch: Fraction = Fraction(1)


USUAL: Final = Stored()


def stored_as(frame: av.VideoFrame) -> Stored:
    """How a frame of `VideoSource` was stored."""
    return frame.opaque if isinstance(frame.opaque, Stored) else USUAL


def deinterlaced(frames: Iterator[av.VideoFrame], time_base: Fraction) -> Iterator[av.VideoFrame]:
    """`frames` in order of display, those flagged as interlaced made progressive and marked as `Stored` so.

    A frame depends on its neighbours on both sides: the first of all, where it is interlaced, lacks one. Until an
    interlaced frame comes nothing is done, and nothing is held back.
    """
    graph: _Graph | None = None
    last: av.VideoFrame | None = None
    for frame in frames:
        if graph is None and not frame.interlaced_frame:
            last = frame
            yield frame
            continue
        if graph is None or not graph.takes(frame):
            if graph is not None:
                yield from graph.push(None)
            graph = _Graph(frame, time_base)
            if last is not None and graph.takes(last):
                yield from graph.push(last, shown=False)
            last = None
        yield from graph.push(frame)
    if graph is not None:
        yield from graph.push(None)


class _Graph:
    """The filter for frames of one size and format: one frame out for each one in, in the same order."""

    def __init__(self, first: av.VideoFrame, time_base: Fraction) -> None:
        self._kind, self._time_base = _kind(first), time_base
        self._waiting: deque[tuple[av.VideoFrame, Stored, bool]] = deque()
        self._graph = Graph()
        source = self._graph.add(
            "buffer",
            f"video_size={first.width}x{first.height}:pix_fmt={first.format.name}"
            f":time_base={time_base.numerator}/{time_base.denominator}"
            f":colorspace={int(first.colorspace)}:range={int(first.color_range)}",
        )
        last = source
        for step in (
            self._graph.add("bwdif", "mode=send_frame:parity=auto:deint=interlaced"),
            self._graph.add("buffersink"),
        ):
            last.link_to(step)
            last = step
        self._graph.configure()

    def takes(self, frame: av.VideoFrame) -> bool:
        """The frame is of the size and format that the filter was made for."""
        return _kind(frame) == self._kind

    def push(self, frame: av.VideoFrame | None, *, shown: bool = True) -> Iterator[av.VideoFrame]:
        """Give the next frame (None: there is none) and take those that are ready.

        `shown`: the frame itself is wanted, not only as the neighbour of the next one.
        """
        if frame is not None:
            stored = replace(stored_as(frame), interlaced=bool(frame.interlaced_frame))
            self._waiting.append((frame, stored, shown))
        self._graph.push(frame)
        while self._waiting:
            try:
                made = self._graph.pull()
            except (av.error.BlockingIOError, EOFError):
                return
            assert isinstance(made, av.VideoFrame)
            given, stored, wanted = self._waiting.popleft()
            made.pts, made.duration, made.time_base = given.pts, given.duration, self._time_base
            if stored != USUAL:
                made.opaque = stored
            if wanted:
                yield made


def _kind(frame: av.VideoFrame) -> tuple[int, int, str, int, int]:
    return frame.width, frame.height, frame.format.name, int(frame.colorspace), int(frame.color_range)
