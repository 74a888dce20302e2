"""Opening media files for reading: the one place that asks FFmpeg for it."""

from pathlib import Path

import av

from synclips.errors import MediaError


def check_file(path: Path) -> None:
    """Raise where there is nothing to be opened.

    Raises:
        MediaError: no such file, or a folder.
    """
    if not path.is_file():
        raise MediaError(f"no such file: {path}" if not path.exists() else f"{path} is a folder; name a file")


def open_container(path: Path) -> "av.container.InputContainer":
    """Open `path`; tags that are not UTF-8 are read with U+FFFD in the place of what cannot be read.

    Raises:
        av.FFmpegError: not a media file.
    """
    return av.open(str(path), metadata_errors="replace")
