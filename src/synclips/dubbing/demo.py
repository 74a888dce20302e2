"""The demo: a video that needs no file of one's own, dubbed, with pictures of the result."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

from synclips.dubbing.contact_sheet import write_strip
from synclips.dubbing.pipeline import DubOptions, DubResult, dub
from synclips.errors import DownloadError
from synclips.progress import Progress, silent

PORTRAIT_SECONDS: Final = 5


@dataclass(frozen=True)
class DemoInput:
    """A video to dub, and where it comes from: its source and licence in one line."""

    path: Path
    about: str


@dataclass(frozen=True)
class Demo:
    """What the demo made: `strip` is a picture of frames, the original's above and the dubbed ones below."""

    source: DemoInput
    dubbed: DubResult
    strip: Path


def make_demo(
    folder: Path,
    text: str,
    options: DubOptions | None = None,
    *,
    offline: bool = False,
    on_progress: Progress = silent,
) -> Demo:
    """Dub a video that is at hand into `folder`/demo.mp4, replacing an earlier demo there.

    Raises:
        SyncLipsError: as `dub`.
    """
    source = demo_input(folder, offline=offline, on_progress=on_progress)
    dubbed = dub(
        source.path,
        folder / "demo.mp4",
        text=text,
        options=options or DubOptions(),
        overwrite=True,
        on_progress=on_progress,
    )
    strip = folder / "demo_strip.png"
    write_strip(strip, source.path, dubbed.output)
    return Demo(source, dubbed, strip)


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
