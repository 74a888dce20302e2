"""Opening media files for reading: the one place that asks FFmpeg for it."""

from pathlib import Path

import av

from synclips.files import media_path


def open_container(path: Path, part: tuple[int, int] | None = None) -> "av.container.InputContainer":
    """Open `path`, or the bytes from `part[0]` to `part[1]` of it, as a media file.

    The name is taken as a path even where it looks like a URL; tags that are not UTF-8 are read with U+FFFD in the
    place of what cannot be read.

    Raises:
        av.FFmpegError: not a media file.
    """
    within = "" if part is None else f"subfile,,start,{part[0]},end,{part[1]},,:"
    return av.open(f"{within}{media_path(path)}", metadata_errors="replace")
