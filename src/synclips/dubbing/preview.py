"""A preview: the first seconds of what `dub` would make, and a strip of frames, fast."""

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from synclips.dubbing.contact_sheet import write_strip
from synclips.dubbing.pipeline import DubOptions, DubReport, dub
from synclips.dubbing.prepared_video import open_source
from synclips.errors import InputError
from synclips.files import check_outputs
from synclips.progress import Progress, silent
from synclips.speech.script import read_script

SECONDS: Final = 3.0
QUALITY: Final = 26
MOST_TEXT: Final = 70
"""Characters that fill the seconds."""


@dataclass(frozen=True)
class Preview:
    """What was made: a clip, a picture of its frames below the original's, the clip's report, and how long it took."""

    clip: Path
    strip: Path
    report: DubReport
    seconds: float


def make_preview(
    video: Path,
    output: Path,
    *,
    text: str | None = None,
    audio: Path | None = None,
    script: Path | None = None,
    compare: Path | None = None,
    options: DubOptions | None = None,
    on_progress: Progress = silent,
) -> Preview:
    """Write `output`_preview.mp4 and .png, in the place of earlier ones; of a script the first line is shown.

    Only as much of the video is looked at as is shown: the mouths to choose from are fewer than they will be.

    Raises:
        SyncLipsError: as `dub`.
    """
    started, options = time.monotonic(), options or DubOptions()
    clip = output.with_name(f"{output.stem}_preview.mp4")
    strip = clip.with_suffix(".png")
    check_outputs((clip, strip, compare), (video, audio, script, *options.files), overwrite=True)
    if script is not None:
        if text is not None or audio is not None:
            raise InputError("give either a text, an audio file or a script")
        line = read_script(script, strict=options.strict, language=options.language).lines[0]
        text, options = line.text, replace(options, face=line.face or options.face)
    if text is not None:
        text = shortened(text)
    quick = replace(
        options, at_most=SECONDS, quality=max(QUALITY, options.quality), codec="h264", sync_mode=None,
        keep_length=False, keep_streams=False, fit=None,
    )  # fmt: skip
    report = dub(
        video, clip, text=text, audio=audio, compare=compare, options=quick, overwrite=True, on_progress=on_progress
    ).report
    with open_source(video) as source:
        write_strip(strip, source.info.path, clip)
    return Preview(clip, strip, report, round(time.monotonic() - started, 2))


def shortened(text: str) -> str:
    """The beginning of a long text, whole words of it."""
    text = text.strip()
    if len(text) <= MOST_TEXT:
        return text
    cut = text.rfind(" ", 1, MOST_TEXT + 1)
    return text[: cut if cut > 0 else MOST_TEXT].strip()
