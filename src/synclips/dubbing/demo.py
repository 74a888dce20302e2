"""The demo: a video that needs no file of one's own, dubbed, and a page that shows it beside its source."""

import time
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

from synclips.dubbing.contact_sheet import write_strip
from synclips.dubbing.demo_page import DemoFiles, write_demo_page
from synclips.dubbing.pipeline import DubOptions, DubResult, dub
from synclips.errors import DownloadError
from synclips.progress import Progress, silent

PORTRAIT_SECONDS: Final = 5
PLAYED_BY_BROWSERS: Final = (".mp4", ".webm")


@dataclass(frozen=True)
class DemoInput:
    """A video to dub, and where it comes from: its source and licence in one line."""

    path: Path
    about: str


@dataclass(frozen=True)
class Demo:
    """What the demo made.

    files:    the videos, and a picture of frames, the source's above and the dubbed ones below
    page:     an HTML file beside them that shows them
    seconds:  how long everything took
    """

    source: DemoInput
    dubbed: DubResult
    files: DemoFiles
    page: Path
    seconds: float


def make_demo(
    folder: Path,
    text: str,
    options: DubOptions | None = None,
    *,
    offline: bool = False,
    on_progress: Progress = silent,
) -> Demo:
    """Dub a video that is at hand into `folder`/demo.mp4, and show it in `folder`/demo.html.

    The files of an earlier demo there are replaced.

    Raises:
        SyncLipsError: as `dub`.
    """
    started = time.monotonic()
    source = demo_input(folder, offline=offline, on_progress=on_progress)
    side_by_side = folder / "demo_side_by_side.mp4"
    dubbed = dub(
        source.path,
        folder / "demo.mp4",
        text=text,
        compare=side_by_side,
        options=options or DubOptions(),
        overwrite=True,
        on_progress=on_progress,
    )
    strip = folder / "demo_strip.png"
    write_strip(strip, source.path, dubbed.output, words=dubbed.report.speech.words)
    files = DemoFiles(playable(source.path, folder / "demo_source.mp4"), dubbed.output, side_by_side, strip)
    page = folder / "demo.html"
    seconds = round(time.monotonic() - started, 2)
    write_demo_page(page, files, dubbed.report, source.about, seconds)
    return Demo(source, dubbed, files, page, seconds)


def playable(video: Path, copy: Path) -> Path:
    """`video` itself where browsers play it, else a `copy` that they do: GRID's clips are MPEG-1."""
    from synclips.media.audio import read_sound
    from synclips.media.video import VideoWriter, probe, read_frames

    if video.suffix.lower() in PLAYED_BY_BROWSERS:
        return video
    info = probe(video)
    sound = read_sound(video) if info.has_audio else None
    with VideoWriter(
        copy, info.width, info.height, info.fps, like=info, audio=sound, duration=info.duration, overwrite=True
    ) as writer:
        for frame in read_frames(video):
            writer.write(frame.image, frame.time)
    return copy


def demo_input(folder: Path, *, offline: bool = False, on_progress: Progress = silent) -> DemoInput:
    """One real clip where the network allows (kept in `folder` for the next time), else the portrait, moving.

    Raises:
        OutputError: `folder` cannot be written.
    """
    from synclips.data.demo_clip import fetch_demo_clip

    why = "as you asked for no network"
    if not offline:
        try:
            return DemoInput(fetch_demo_clip(folder, on_progress), "a clip of the GRID corpus, CC BY 4.0")
        except DownloadError:
            why = "as GRID cannot be reached from here"
    about = f"NASA's portrait of Eileen Collins, public domain, gently moving, {why}"
    return DemoInput(_portrait_video(folder / "demo_portrait.mp4", on_progress), about)


def _portrait_video(path: Path, on_progress: Progress) -> Path:
    from synclips.data.portrait import demo_portrait
    from synclips.media.photo_video import still_to_video
    from synclips.media.timebase import FPS
    from synclips.media.video import VideoWriter

    portrait = demo_portrait()
    height, width = (side - side % 2 for side in portrait.shape[:2])
    total = PORTRAIT_SECONDS * FPS
    with VideoWriter(path, width, height, Fraction(FPS), overwrite=True) as writer:
        for number, frame in enumerate(still_to_video(portrait, PORTRAIT_SECONDS)):
            writer.write(frame)
            on_progress("portrait", number + 1, total)
    return path
