"""The demo: a video that is at hand on any machine, dubbed, and a strip of its frames to look at."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import UInt8

from synclips.dub import DubOptions, DubResult, dub
from synclips.errors import DownloadError
from synclips.files import atomic_path
from synclips.progress import Progress, silent

PORTRAIT_SECONDS: Final = 5
STRIP_FRAMES: Final = 8
STRIP_HEIGHT: Final = 240
"""Pixels of one row of the strip."""


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
    from synclips.data.portrait import demo_portrait, still_to_video
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


def write_strip(path: Path, original: Path, dubbed: Path, count: int = STRIP_FRAMES) -> None:
    """Write a picture of `count` moments spread over both videos' common length: the face, original above dubbed.

    Raises:
        MediaError: a video cannot be read.
        OutputError: as `atomic_path`.
    """
    from PIL import Image

    from synclips.media.video import probe

    length = min(probe(original).duration, probe(dubbed).duration)
    times = (np.arange(count) + 0.5) * length / count
    above, below = _frames_at(original, times), _frames_at(dubbed, times)
    box = _face_box(above)
    rows = [np.concatenate([_tile(frame, box) for frame in frames], axis=1) for frames in (above, below)]
    with atomic_path(path) as temporary:
        Image.fromarray(np.concatenate(rows)).save(temporary)


def _frames_at(path: Path, times: np.ndarray) -> list[UInt8[np.ndarray, "h w 3"]]:
    """The frames shown at rising `times`."""
    from synclips.media.video import read_frames

    frames: list[np.ndarray] = []
    shown = None
    for item in read_frames(path):
        while shown is not None and len(frames) < len(times) and times[len(frames)] < item.time:
            frames.append(shown)
        shown = item.image
        if len(frames) == len(times):
            return frames
    assert shown is not None
    return frames + [shown] * (len(times) - len(frames))


def _face_box(frames: list[UInt8[np.ndarray, "h w 3"]]) -> tuple[slice, slice]:
    """Rows and columns of a square around the face in all frames; the whole picture where none is found."""
    from synclips.errors import NoFaceError
    from synclips.features.landmarks import MediaPipeDetector, track_face

    height, width = frames[0].shape[:2]
    detector = MediaPipeDetector()
    try:
        points = track_face(frames, detector).points[..., :2].reshape(-1, 2)
    except NoFaceError:
        return slice(0, height), slice(0, width)
    finally:
        detector.close()
    low, high = points.min(axis=0), points.max(axis=0)
    side = min(int(1.3 * (high - low).max()), height, width)
    left, top = np.clip(((low + high) / 2 - side / 2).round(), 0, [width - side, height - side]).astype(int)
    return slice(int(top), int(top) + side), slice(int(left), int(left) + side)


def _tile(frame: UInt8[np.ndarray, "h w 3"], box: tuple[slice, slice]) -> UInt8[np.ndarray, "th tw 3"]:
    """The frame's part at the strip's height."""
    import cv2

    part = frame[box]
    width = max(1, round(part.shape[1] * STRIP_HEIGHT / part.shape[0]))
    method = cv2.INTER_AREA if part.shape[0] > STRIP_HEIGHT else cv2.INTER_CUBIC
    return cv2.resize(part, (width, STRIP_HEIGHT), interpolation=method)
