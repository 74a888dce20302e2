"""Long videos, written in parts: what was finished before an interruption is not made again."""

import contextlib
import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import av

from synclips.errors import OutputError
from synclips.files import atomic_path, check_output, hidden_name, media_path, reason
from synclips.media.muxer import Beside, OutputFile, output_errors
from synclips.media.picture import Shown
from synclips.media.video_colour import FULL
from synclips.media.video_encode import Codec, PictureEncoder, check_format
from synclips.media.video_read import VideoInfo
from synclips.media.video_write import FINE_TIME_BASE, QUALITY, VideoWriter, check_size, stamp_of

PART_SECONDS: Final = 20.0
"""Seconds of a part: what an interruption may cost at most."""
_MANIFEST: Final = "manifest.json"


@dataclass(frozen=True)
class Part:
    """A finished part: its file, its first frame's time (90 kHz), its frames, its size in bytes."""

    name: str
    stamp: int
    frames: int
    size: int


@dataclass(frozen=True)
class PictureFormat:
    """How the pictures are encoded: see `VideoWriter`."""

    width: int
    height: int
    fps: Fraction
    like: VideoInfo | None = None
    codec: Codec = "h264"
    quality: int = QUALITY


def open_writer(
    path: Path,
    pictures: PictureFormat,
    beside: Beside,
    *,
    identity: str,
    overwrite: bool = False,
    part_seconds: float = PART_SECONDS,
) -> "VideoWriter | ResumableWriter":
    """The writer for a video of `beside.duration` seconds: in parts, if it is longer than one.

    Raises:
        OutputError, ConfigError: as `VideoWriter`.
    """
    if beside.duration is not None and beside.duration > part_seconds:
        return ResumableWriter(
            path, pictures, beside, identity=identity, overwrite=overwrite, part_seconds=part_seconds
        )
    shutil.rmtree(parts_folder(path), ignore_errors=True)  # of a longer video that was given up
    return VideoWriter(
        path, pictures.width, pictures.height, pictures.fps, like=pictures.like, codec=pictures.codec,
        quality=pictures.quality, audio=beside.audio, duration=beside.duration, metadata=beside.metadata,
        keep=beside.keep, replaced=beside.replaced, overwrite=overwrite,
    )  # fmt: skip


def parts_folder(path: Path) -> Path:
    """Where the finished parts of the video at `path` lie while it is made."""
    return path.with_name(hidden_name(path, "parts"))


class ResumableWriter:
    """Writes frames, each with its time, as `VideoWriter` does; but what is finished survives an interruption.

    Parts of some seconds, each beginning with a key frame, go into the folder `.<name>.parts` beside `path`. At the
    end they are joined without encoding anything again, the sound is encoded in one piece, and the folder is removed.
    A writer of the same `identity` goes on after the last finished part: it has `done` frames, the next one to be
    written is number `done`. Another identity starts anew.

    Args:
        identity: says all that the frames depend on (input, options, model).

    Raises:
        OutputError, ConfigError: as `VideoWriter`.
    """

    def __init__(
        self,
        path: Path,
        pictures: PictureFormat,
        beside: Beside,
        *,
        identity: str,
        overwrite: bool = False,
        part_seconds: float = PART_SECONDS,
    ) -> None:
        check_format(path, pictures.codec, pictures.quality, pictures.like)
        self.path, self.folder = path, parts_folder(path)
        self.left_out: tuple[str, ...] = ()
        self._pictures, self._beside, self._overwrite = pictures, beside, overwrite
        self._identity = hashlib.sha256(repr((identity, pictures, part_seconds)).encode()).hexdigest()
        self._length = stamp_of(part_seconds)
        self._parts: list[Part] = []
        self._open: _OpenPart | None = None
        self._last = -1

    @property
    def done(self) -> int:
        """Frames in finished parts."""
        return sum(part.frames for part in self._parts)

    def __enter__(self) -> "ResumableWriter":
        check_output(self.path, overwrite=self._overwrite)
        self._parts = self._finished_parts()
        if not self._parts:
            shutil.rmtree(self.folder, ignore_errors=True)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            words = f"{self.folder.parent} cannot be written ({reason(error)}); choose another folder"
            raise OutputError(words) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._close_part()
        elif self._open is not None:
            self._open.abandon(error)
        if not self._parts:
            shutil.rmtree(self.folder, ignore_errors=True)
        if error is not None:
            return
        if not self._parts:
            raise OutputError(f"{self.path} would have no frames, so it was not written; check the input's length")
        self._join()
        shutil.rmtree(self.folder, ignore_errors=True)

    def write(self, image: Shown, time: float | Fraction) -> None:
        """Add the next frame, at `time` seconds (rising).

        Raises:
            OutputError: as the class.
            ValueError: another size than the video's, or a time that does not rise.
        """
        check_size(image, self._pictures.width, self._pictures.height)
        stamp = stamp_of(time)
        if stamp <= self._last:
            raise ValueError(f"a frame at {time} s does not come after the one before")
        if self._open is not None and stamp >= self._open.first + self._length:
            self._close_part()
        if self._open is None:
            self._open = _OpenPart(self.folder / f"{len(self._parts):05d}.mp4", stamp, self._pictures)
        self._open.write(image, stamp)
        self._last = stamp

    def _close_part(self) -> None:
        if self._open is None:
            return
        self._parts.append(self._open.finish())
        self._open = None
        text = json.dumps({"identity": self._identity, "parts": [asdict(part) for part in self._parts]}, indent=1)
        with atomic_path(self.folder / _MANIFEST) as temporary:
            temporary.write_text(text)

    def _finished_parts(self) -> list[Part]:
        """The parts that an earlier run of the same identity left whole."""
        try:
            manifest = json.loads((self.folder / _MANIFEST).read_text())
            parts = [Part(**part) for part in manifest["parts"]] if manifest["identity"] == self._identity else []
        except (OSError, ValueError, KeyError, TypeError):
            return []
        whole = [_is_whole(self.folder, part) for part in parts]
        return parts[: whole.index(False) if False in whole else len(parts)]

    def _join(self) -> None:
        with OutputFile(self.path, self._beside, overwrite=self._overwrite) as file:
            stream: av.VideoStream | None = None
            shown = 0.0
            decoded = None
            length = stamp_of(1 / self._pictures.fps)
            for part in self._parts:
                with _open_part(self.folder / part.name) as container:
                    picture = container.streams.video[0]
                    if stream is None:
                        stream = self._copied_stream(file, picture)
                        file.start()
                    for packet in container.demux(picture):
                        if packet.size and packet.pts is not None and packet.dts is not None:
                            packet.pts += part.stamp
                            packet.dts += part.stamp
                            if decoded is not None:  # uneven frames: a part's first times of decoding may lie too early
                                packet.dts = max(packet.dts, decoded + 1)
                            decoded = packet.dts
                            packet.duration = length
                            packet.stream = stream
                            shown = max(shown, float(packet.pts * FINE_TIME_BASE))
                            file.mux([packet], shown)
            file.finish([], shown + float(1 / self._pictures.fps))
            self.left_out = file.left_out

    def _copied_stream(self, file: OutputFile, picture: av.VideoStream) -> av.VideoStream:
        with output_errors(self.path):
            stream = file.container.add_stream_from_template(picture, opaque=True)
        stream.codec_context.codec_tag = picture.codec_context.codec_tag
        if self._pictures.codec == "ffv1":  # MP4 holds no range for RGB
            stream.codec_context.color_range = FULL
        return stream


@dataclass
class _OpenPart:
    """The part that is being written."""

    path: Path
    first: int
    pictures: PictureFormat
    frames: int = 0
    _file: OutputFile = field(init=False)
    _encoder: PictureEncoder = field(init=False)
    _exit: contextlib.ExitStack = field(init=False)

    def __post_init__(self) -> None:
        p = self.pictures
        with contextlib.ExitStack() as stack:
            self._file = stack.enter_context(OutputFile(self.path, Beside(), overwrite=True))
            with output_errors(self.path):
                self._encoder = PictureEncoder(
                    self._file.container, p.width, p.height, p.fps, FINE_TIME_BASE, p.codec, p.quality, p.like
                )
            self._exit = stack.pop_all()

    def write(self, image: Shown, stamp: int) -> None:
        with output_errors(self.path):
            packets = self._encoder.encode(image, stamp - self.first, stamp_of(1 / self.pictures.fps))
        self._file.mux(packets, 0.0)
        self.frames += 1

    def finish(self) -> Part:
        with self._exit:
            with output_errors(self.path):
                packets = self._encoder.flush()
            self._file.finish(packets, 0.0)
        return Part(self.path.name, self.first, self.frames, self.path.stat().st_size)

    def abandon(self, error: BaseException) -> None:
        with contextlib.suppress(type(error)):
            self._exit.__exit__(type(error), error, error.__traceback__)


def _is_whole(folder: Path, part: Part) -> bool:
    path = folder / part.name
    return path.is_file() and path.stat().st_size == part.size


@contextlib.contextmanager
def _open_part(path: Path) -> Iterator[Any]:
    try:
        with av.open(media_path(path)) as container:
            yield container
    except av.FFmpegError as error:
        raise OutputError(f"{path} was changed while the video was made; run again") from error
