"""A decoded frame of which only the parts that are asked for become RGB, and only the parts that change are replaced.

Most videos are 8-bit YUV with halved colour resolution (4:2:0), and so is what is written: outside of the parts that
are replaced the numbers of such a frame are handed on as they are.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import av
import cv2
import numpy as np
from av.filter import Graph
from av.video.reformatter import ColorRange, Colorspace
from jaxtyping import Bool, UInt8

Box = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels; right and bottom are outside."""
GRID: Final = 32
"""Pixels that boxes are rounded to: the converter's tables depend on a picture's size, and are kept while it stays."""
AROUND: Final = 8
"""Pixels around a part from which its colours are interpolated."""


KEPT_GRAPHS: Final = 16


@dataclass(frozen=True)
class Colours:
    """How a frame's numbers are to be read."""

    matrix: Colorspace
    color_range: ColorRange


@dataclass(frozen=True)
class Converters:
    """RGB of a frame as displayed; RGB of a frame cut out of a planar one; and back, in the frame's own numbers.

    cropped: a box of a frame, of which it keeps where colour is sampled
    """

    whole: Callable[[av.VideoFrame], UInt8[np.ndarray, "h w 3"]]
    cut: Callable[[av.VideoFrame, Colours], UInt8[np.ndarray, "h w 3"]]
    back: Callable[[UInt8[np.ndarray, "h w 3"], Colours], av.VideoFrame]
    cropped: Callable[[av.VideoFrame, Box], av.VideoFrame]


@dataclass(frozen=True)
class Picture:
    """One frame of a video, of `width` x `height` pixels as displayed. Its decoded frame is never changed.

    colours:  of a frame that is 8-bit 4:2:0 YUV, upright and of even size; None: it is something else
    shown:    the frame as it was before a part of it was replaced; None: as `frame`
    patch:    the part that was replaced, in RGB
    made:     the whole frame in RGB, where that was changed
    """

    frame: av.VideoFrame
    width: int
    height: int
    colours: Colours | None
    converters: Converters
    shown: av.VideoFrame | None = None
    patch: tuple[Box, UInt8[np.ndarray, "y x 3"]] | None = None
    made: UInt8[np.ndarray, "h w 3"] | None = None

    @property
    def image(self) -> UInt8[np.ndarray, "h w 3"]:
        """The whole frame in RGB; outside of what was replaced bit for bit as before."""
        if self.made is not None:
            return self.made
        image = self.converters.whole(self.frame if self.shown is None else self.shown)
        if self.patch is not None:
            (left, top, right, bottom), pixels = self.patch
            image[top:bottom, left:right] = pixels
        return image

    @property
    def _planar(self) -> bool:
        """Parts can be cut out of the frame's own numbers."""
        return self.colours is not None and self.made is None and self.patch is None

    def part(self, box: Box) -> UInt8[np.ndarray, "y x 3"]:
        """A part of the frame in RGB, as in `image`."""
        left, top, right, bottom = box
        if not self._planar or self.colours is None:
            return self.image[top:bottom, left:right]
        outer = grown((left - AROUND, top - AROUND, right + AROUND, bottom + AROUND), self.width, self.height)
        made = self.converters.cut(self.converters.cropped(self.frame, outer), self.colours)
        return made[top - outer[1] : bottom - outer[1], left - outer[0] : right - outer[0]]

    def with_part(self, box: Box, before: UInt8[np.ndarray, "y x 3"], after: UInt8[np.ndarray, "y x 3"]) -> "Picture":
        """The frame with `after` in the place of a part; `before`: what `part` gave. The box is one of `grown`."""
        left, top, right, bottom = box
        if not self._planar or self.colours is None:
            image = self.image.copy()
            image[top:bottom, left:right] = after
            return replace(self, made=image)
        frame = self.converters.cropped(self.frame, (0, 0, self.width, self.height))
        frame.make_writable()
        changed = _changed(before, after)
        x, y, wide, high = cv2.boundingRect(changed.astype(np.uint8))
        if not wide:
            return self
        near = (left + x - AROUND, top + y - AROUND, left + x + wide + AROUND, top + y + high + AROUND)
        near = grown(near, self.width, self.height)
        left, top, right, bottom = max(left, near[0]), max(top, near[1]), min(right, near[2]), min(bottom, near[3])
        rows, columns = slice(top - box[1], bottom - box[1]), slice(left - box[0], right - box[0])
        changed, after = changed[rows, columns], np.ascontiguousarray(after[rows, columns])
        new = self.converters.back(after, self.colours)
        for number, (own, made) in enumerate(zip(planes(frame), planes(new), strict=True)):
            size = 2 if number else 1
            mask = changed if size == 1 else changed.reshape(len(changed) // 2, 2, -1, 2).any(axis=(1, 3))
            place = own[top // size : bottom // size, left // size : right // size]
            np.copyto(place, made, where=mask)
        return replace(self, frame=frame, shown=self.frame, patch=((left, top, right, bottom), after))


Shown = UInt8[np.ndarray, "h w 3"] | Picture
"""What a writer takes: a picture in RGB, or a frame as it was decoded."""


def grown(box: Box, width: int, height: int) -> Box:
    """The box, larger: its sides at multiples of `GRID`, or at those of the frame, which are even."""
    left, top, right, bottom = box
    return (
        max(0, left) // GRID * GRID,
        max(0, top) // GRID * GRID,
        min(width, -(-right // GRID) * GRID),
        min(height, -(-bottom // GRID) * GRID),
    )


def planes(frame: av.VideoFrame) -> list[UInt8[np.ndarray, "_h _w"]]:
    """The frame's numbers, as views."""
    rows = [np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size) for plane in frame.planes]
    return [values[: plane.height, : plane.width] for values, plane in zip(rows, frame.planes, strict=True)]


def copied(frame: av.VideoFrame) -> av.VideoFrame:
    """A frame of the same numbers (8-bit 4:2:0 YUV), without time stamp, kind or side data."""
    made = av.VideoFrame(frame.width, frame.height, "yuv420p")
    for own, whole in zip(planes(made), planes(frame), strict=True):
        own[:] = whole
    return made


class Cropper:
    """Cuts boxes out of frames without copying their numbers; for one thread."""

    def __init__(self) -> None:
        self._graphs: dict[tuple[Box, int, int, str, int, int], Graph] = {}

    def __call__(self, frame: av.VideoFrame, box: Box) -> av.VideoFrame:
        """The box, whose sides are even, as a frame that shares the numbers."""
        kind = box, frame.width, frame.height, frame.format.name, int(frame.colorspace), int(frame.color_range)
        graph = self._graphs.pop(kind, None) or _crop_graph(frame, box)
        self._graphs[kind] = graph  # the last used stands last
        if len(self._graphs) > KEPT_GRAPHS:
            del self._graphs[next(iter(self._graphs))]
        graph.push(frame)
        made = graph.pull()
        assert isinstance(made, av.VideoFrame)
        return made


def _crop_graph(frame: av.VideoFrame, box: Box) -> Graph:
    left, top, right, bottom = box
    graph = Graph()
    source = graph.add(
        "buffer",
        f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}:time_base=1/90000"
        f":colorspace={int(frame.colorspace)}:range={int(frame.color_range)}",
    )
    crop = graph.add("crop", f"w={right - left}:h={bottom - top}:x={left}:y={top}:exact=1")
    sink = graph.add("buffersink")
    source.link_to(crop)
    crop.link_to(sink)
    graph.configure()
    return graph


def _changed(before: UInt8[np.ndarray, "y x 3"], after: UInt8[np.ndarray, "y x 3"]) -> Bool[np.ndarray, "y x"]:
    red, green, blue = cv2.split(cv2.absdiff(before, after))
    changed: Bool[np.ndarray, "y x"] = cv2.bitwise_or(cv2.bitwise_or(red, green), blue) > 0
    return changed
