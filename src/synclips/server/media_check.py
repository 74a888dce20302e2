"""What an uploaded or fetched file is, found out in a process of its own with limits of memory and time.

A decoder that a damaged or hostile file makes loop, grow or crash takes only that process with it. Sizes and duration
are compared with their limits from the headers, before anything is decoded.
"""

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from synclips.errors import MediaError, SyncLipsError
from synclips.server.settings import ServerSettings

_MARK: Final = "synclips-media-check "


@dataclass(frozen=True)
class MediaLimits:
    """Seconds of sound or video, pixels of a picture, and CPU seconds and bytes of memory for finding out."""

    seconds: float = 3600.0
    pixels: int = 50_000_000
    cpu_seconds: float = 30.0
    memory: int = 4 << 30

    @classmethod
    def of(cls, settings: ServerSettings) -> "MediaLimits":
        """As the settings say."""
        return cls(settings.max_seconds, settings.max_pixels, settings.check_seconds, settings.check_bytes)


@dataclass(frozen=True)
class MediaFacts:
    """What a file is: its `type` is VIDEO, AUDIO or IMAGE (a photograph or an animated picture)."""

    type: str
    duration: float | None = None
    width: int | None = None
    height: int | None = None
    fps: float | None = None
    has_audio: bool = False


def check_media(path: Path, name: str, limits: MediaLimits) -> MediaFacts:
    """Look at the file.

    Args:
        name: what to call it in errors.

    Raises:
        MediaError: it is no media file, or exceeds a limit.
    """
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "synclips.server.media_check", str(path), json.dumps(asdict(limits))]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=limits.cpu_seconds * 2,
            check=False,
            env=environment,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired as error:
        raise MediaError(f"{name} takes too long to be read; convert it to MP4 (H.264) and send that") from error
    line = next((line for line in done.stdout.splitlines() if line.startswith(_MARK)), None)
    if line is None:
        raise MediaError(f"{name} cannot be read: its decoder failed; convert it to MP4 (H.264) and send that")
    answer: dict[str, Any] = json.loads(line.removeprefix(_MARK))
    if "error" in answer:
        raise MediaError(answer["error"].replace(str(path), name))
    return MediaFacts(**answer)


def look_at(path: Path, limits: MediaLimits) -> MediaFacts:
    """As `check_media`, in this process.

    Raises:
        MediaError: as there.
    """
    from PIL import Image

    from synclips.media.image import is_animation, is_image

    Image.MAX_IMAGE_PIXELS = limits.pixels
    if is_image(path) or is_animation(path):
        width, height = _picture_size(path)
        _check_pixels(path, width, height, limits)
        return MediaFacts("IMAGE", width=width, height=height)
    return _timed_media(path, limits)


def _picture_size(path: Path) -> tuple[int, int]:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            return image.size
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError, ValueError) as error:
        raise MediaError(f"{path} cannot be read as a picture; send a JPEG or PNG") from error


def _timed_media(path: Path, limits: MediaLimits) -> MediaFacts:
    import av

    from synclips.media.container import open_container
    from synclips.media.sound_tracks import has_sound
    from synclips.media.video import probe

    try:
        with open_container(path) as container:
            pictures = [s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic]
            for stream in pictures:
                _check_pixels(path, stream.codec_context.width, stream.codec_context.height, limits)
            length = container.duration / av.time_base if container.duration else 0.0
            sounds = len(container.streams.audio)
    except (av.FFmpegError, OSError) as error:
        raise MediaError(f"{path} is no video, recording or picture that can be read") from error
    if length > limits.seconds:
        raise MediaError(f"{path} lasts {length:.0f} s, and at most {limits.seconds:.0f} s are taken; cut it")
    if pictures:
        info = probe(path)
        if info.duration > limits.seconds:
            raise MediaError(
                f"{path} lasts {info.duration:.0f} s, and at most {limits.seconds:.0f} s are taken; cut it"
            )
        _check_pixels(path, info.width, info.height, limits)
        return MediaFacts("VIDEO", round(info.duration, 3), info.width, info.height, float(info.fps), info.has_audio)
    if not sounds or not has_sound(path):
        raise MediaError(f"{path} holds neither pictures nor sound that can be decoded")
    return MediaFacts("AUDIO", round(length, 3), has_audio=True)


def _check_pixels(path: Path, width: int, height: int, limits: MediaLimits) -> None:
    if width * height > limits.pixels:
        raise MediaError(
            f"{path} is {width} x {height}, and at most {limits.pixels / 1e6:g} megapixels are taken; make it smaller"
        )


def limit_process(cpu_seconds: float, memory: int) -> None:
    """Let this process use no more than that; where the system has no such limits, nothing is done."""
    if sys.platform == "win32":
        return
    import resource

    limit = int(cpu_seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if memory and sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))


def main() -> None:
    """Look at the file that the command line names; the answer is one line of JSON on stdout."""
    path, limits = Path(sys.argv[1]), MediaLimits(**json.loads(sys.argv[2]))
    for name in ("image", "sound_tracks", "video"):  # before the limits: OpenBLAS never ends when it finds no memory
        import_module(f"synclips.media.{name}")
    limit_process(limits.cpu_seconds, limits.memory)
    try:
        answer = asdict(look_at(path, limits))
    except SyncLipsError as error:
        answer = {"error": str(error)}
    except MemoryError:
        answer = {"error": f"{path} needs too much memory to be read; make it smaller"}
    sys.stdout.write(_MARK + json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
