"""What reading did to a video's pictures before anybody saw them, counted, so that it can be told."""

from dataclasses import dataclass, field

import av
import numpy as np

from synclips.media.deinterlace import stored_as
from synclips.media.tone_map import PQ, is_hdr


@dataclass
class Conversions:
    """Frames that were changed as they were read, by kind. `frames`: all that were read."""

    frames: int = 0
    deinterlaced: int = 0
    hdr: dict[str, int] = field(default_factory=dict)
    fitted: int = 0
    transparent: int = 0

    def count(self, frame: av.VideoFrame, *, fitted: bool, transparent: bool) -> None:
        """Take note of one frame that is shown; `fitted`: it has another shape than the first one."""
        self.frames += 1
        self.deinterlaced += stored_as(frame).interlaced
        self.fitted += fitted
        self.transparent += transparent
        if is_hdr(frame.color_trc):
            name = "PQ" if frame.color_trc == PQ else "HLG"
            self.hdr[name] = self.hdr.get(name, 0) + 1

    def notes(self) -> list[str]:
        """One line for each kind that occurred."""
        said = [f"{self._of(self.deinterlaced)} interlaced: deinterlaced, the frame rate stays"] * bool(
            self.deinterlaced
        )
        said += [f"{self._of(count)} HDR ({name}): shown in SDR (BT.709)" for name, count in self.hdr.items()]
        if self.fitted:
            said.append(f"{self._of(self.fitted)} of another shape than the first: fitted into it, with black bars")
        if self.transparent:
            said.append(f"{self._of(self.transparent)} partly transparent: transparency is not kept")
        return said

    def _of(self, count: int) -> str:
        return f"{count} of {self.frames} frames {'is' if count == 1 else 'are'}"


def has_alpha(frame: av.VideoFrame) -> bool:
    """Something in the frame is transparent."""
    alpha = [component for component in frame.format.components if component.is_alpha]
    if not alpha:
        return False
    image = frame.reformat(format="yuva444p" if not frame.format.is_rgb else "rgba", threads=1)
    if frame.format.is_rgb:
        return bool(image.to_ndarray()[..., 3].min() < 255)
    plane = image.planes[3]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width]
    return bool(rows.min() < 255)
