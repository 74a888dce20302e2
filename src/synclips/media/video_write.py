"""Writing a video as it is made: pictures and sound go out side by side, and nothing half-written stays behind."""

import contextlib
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Final

from synclips.errors import OutputError
from synclips.media.audio import Sound, Waveform
from synclips.media.muxer import Beside, OutputFile, output_errors
from synclips.media.picture import Picture, Shown
from synclips.media.video_encode import Codec, PictureEncoder, check_format
from synclips.media.video_read import VideoInfo

FINE_TIME_BASE: Final = Fraction(1, 90_000)
"""The clock of frames that come with their times: 90 kHz, as in MPEG."""
QUALITY: Final = 16
"""CRF: what it re-encodes is hard to tell from the source at twice the size."""


class VideoWriter:
    """Writes frames, and the sound to go with them, to `path`; use it in a `with` statement.

    Pictures are written upright, as the readers give them: a phone video's rotation flag is not needed again.
    Sound is AAC (Opus in .webm) at 48 kHz and starts with the first frame. Memory does not grow with the length.
    A failure of any kind, Ctrl-C too, leaves no file, and an older one of that name untouched.

    Args:
        path: .mp4, .mov, .mkv or .webm.
        width, height: pixels of every frame.
        fps: frame `i` is shown at `i / fps` seconds, unless it comes with its own time.
        like: the source, whose colour tags and pixel shape the result takes, in 8 bits. Without it: BT.709 or BT.601
            by size.
        codec: h264 (High profile), hevc, vp9, or ffv1 (RGB, without loss, .mkv only).
        quality: CRF, 0 (best) to 51; ffv1 ignores it.
        audio, duration, metadata, keep, replaced: see `Beside`.

    Raises:
        OutputError: the file exists (without `overwrite`), cannot be written, the disk is full, or no frame came.
        ConfigError: codec, suffix and quality do not go together.
    """

    def __init__(
        self,
        path: Path,
        width: int,
        height: int,
        fps: Fraction,
        *,
        like: VideoInfo | None = None,
        codec: Codec = "h264",
        quality: int = QUALITY,
        audio: Sound | Waveform | None = None,
        duration: float | None = None,
        metadata: Mapping[str, str] | None = None,
        keep: Path | None = None,
        replaced: int | None = None,
        overwrite: bool = False,
    ) -> None:
        if width < 1 or height < 1 or fps <= 0:
            raise ValueError(f"a video of {width} x {height} pixels at {fps} frames a second")
        check_format(path, codec, quality, like)
        self.path, self.width, self.height, self.fps = path, width, height, Fraction(fps)
        self._like, self._codec, self._quality = like, codec, quality
        self._file = OutputFile(path, Beside(audio, duration, metadata, keep, replaced), overwrite=overwrite)
        self._pictures: PictureEncoder | None = None
        self._timed = False
        self._count = 0
        self._last = -1

    done = 0
    """Frames that need not be written: none, see `ResumableWriter`."""

    @property
    def left_out(self) -> tuple[str, ...]:
        """Tracks of `keep` that the container cannot hold; known once the first frame is written."""
        return self._file.left_out

    def __enter__(self) -> "VideoWriter":
        self._file.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.ExitStack() as stack:
            stack.push(self._file)
            if error is not None:
                raise error
            self._finish()

    def write(self, image: Shown, time: float | Fraction | None = None) -> None:
        """Add the next frame, at `time` seconds (rising; all frames have one or none has), or after the last.

        Raises:
            OutputError: as the class.
            ValueError: another size than the video's, or times for only some of the frames.
        """
        check_size(image, self.width, self.height)
        if self._pictures is None:
            self._start(timed=time is not None)
        if self._timed != (time is not None):
            raise ValueError("either every frame comes with its time, or none")
        assert self._pictures is not None
        stamp = self._count if time is None else stamp_of(time)
        length = 1 if time is None else stamp_of(1 / self.fps)
        if stamp <= self._last:
            raise ValueError(f"frame {self._count} at {time} s does not come after the one before")
        self._count, self._last = self._count + 1, stamp
        with output_errors(self.path):
            packets = self._pictures.encode(image, stamp, length)
        self._file.mux(packets, float(stamp * self._base))

    @property
    def _base(self) -> Fraction:
        return FINE_TIME_BASE if self._timed else 1 / self.fps

    def _start(self, *, timed: bool) -> None:
        self._timed = timed
        with output_errors(self.path):
            self._pictures = PictureEncoder(
                self._file.container, self.width, self.height, self.fps, self._base, self._codec, self._quality,
                self._like,
            )  # fmt: skip
        self._file.start()

    def _finish(self) -> None:
        if self._pictures is None:
            raise OutputError(f"{self.path} would have no frames, so it was not written; check the input's length")
        with output_errors(self.path):
            packets = self._pictures.flush()
        self._file.finish(packets, float(self._last * self._base + 1 / self.fps))


def check_size(image: Shown, width: int, height: int) -> None:
    """Refuse a picture of another size than the video's.

    Raises:
        ValueError: it has.
    """
    shape = (image.height, image.width, 3) if isinstance(image, Picture) else image.shape
    if shape != (height, width, 3):
        raise ValueError(f"a frame of shape {shape} in a video of {width} x {height}")


def stamp_of(time: float | int | Fraction) -> int:
    """Seconds on the clock of frames that come with their times."""
    return round(Fraction(time) / FINE_TIME_BASE)
