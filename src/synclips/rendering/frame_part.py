"""The part of a frame that a renderer reads and may change: nothing else of the frame need be converted or copied."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import UInt8

from synclips.media.picture import Box, Picture, grown

Pixels = UInt8[np.ndarray, "y x 3"]


@dataclass(frozen=True)
class FramePart:
    """RGB pixels of the frame from column `left` and row `top` on; the frame has `width` x `height`."""

    pixels: Pixels
    left: int
    top: int
    width: int
    height: int

    @classmethod
    def whole(cls, frame: UInt8[np.ndarray, "h w 3"]) -> "FramePart":
        """All of a frame."""
        return cls(frame, 0, 0, frame.shape[1], frame.shape[0])

    def cut(self, box: Box) -> Pixels:
        """The pixels in a box of the frame that lies within this part, as a view."""
        left, top, right, bottom = box
        return self.pixels[top - self.top : bottom - self.top, left - self.left : right - self.left]

    def within(self, box: Box) -> Box:
        """The box of the frame in this part's own rows and columns."""
        left, top, right, bottom = box
        return left - self.left, top - self.top, right - self.left, bottom - self.top


@dataclass(frozen=True)
class FrameJob:
    """One output frame to be made: `steps`, each of which reads and returns the part of the frame in `box`.

    A job holds all that it needs and changes nothing, so jobs may be done in any order and in several threads at once.
    """

    box: Box
    steps: tuple[Callable[[FramePart], Pixels], ...]

    def picture(self, picture: Picture) -> Picture:
        """The source's frame with its part made anew."""
        box = grown(self.box, picture.width, picture.height)
        before = picture.part(box)
        after = self._part(FramePart(before, box[0], box[1], picture.width, picture.height))
        return picture if after is before else picture.with_part(box, before, after)

    def frame(self, frame: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w 3"]:
        """The same for a frame in RGB."""
        return self._part(FramePart.whole(frame))

    def _part(self, part: FramePart) -> Pixels:
        for step in self.steps:
            part = replace(part, pixels=step(part))
        return part.pixels


def joined(jobs: Sequence[FrameJob | None]) -> FrameJob | None:
    """The jobs one after the other on one frame; None: there is nothing to be done."""
    wanted = [job for job in jobs if job is not None]
    if not wanted:
        return None
    low = [min(job.box[side] for job in wanted) for side in (0, 1)]
    high = [max(job.box[side] for job in wanted) for side in (2, 3)]
    return FrameJob((low[0], low[1], high[0], high[1]), tuple(step for job in wanted for step in job.steps))
