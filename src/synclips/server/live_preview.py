"""What is shown of a dub while it is at work: its newest frame, and a small video of what is done so far."""

import logging
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final

import av
import cv2
import numpy as np
from jaxtyping import UInt8

from synclips.files import atomic_path
from synclips.media.growing_video import GrowingVideo
from synclips.media.sound import Sound
from synclips.server.storage import PREVIEW

log = logging.getLogger("synclips.worker")
PICTURE: Final = "live.jpg"


class LivePreview:
    """Leaves both in `folder` while the `with` statement lasts. A fault of the preview costs nothing but the preview.

    every: seconds between two pictures.
    """

    def __init__(self, folder: Path, every: float = 1.0) -> None:
        self._path, self._every, self._next = folder / PICTURE, every, 0.0
        self._video: GrowingVideo | None = GrowingVideo(folder, PREVIEW)
        self._folder = folder

    def __enter__(self) -> "LivePreview":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._video is not None:
            with suppress(av.FFmpegError):
                self._video.close()
        GrowingVideo(self._folder, PREVIEW).remove()
        self._path.unlink(missing_ok=True)

    def sound(self, sound: Sound) -> None:
        """What will be heard."""
        if self._video is not None:
            self._video.hear(sound)

    def picture(self, image: UInt8[np.ndarray, "h w 3"], seconds: float) -> None:
        """The next frame."""
        if self._video is not None:
            try:
                self._video.write(image, seconds)
            except (av.FFmpegError, ValueError) as fault:
                log.warning("no growing preview: %s", fault)
                self._video = None
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + self._every
        scale = min(1.0, 640 / max(image.shape[:2]))
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        with atomic_path(self._path) as temporary:
            temporary.write_bytes(cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])[1].tobytes())
