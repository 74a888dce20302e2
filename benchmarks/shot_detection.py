"""Our shot finder beside PySceneDetect's detectors, on cuts that are known.

    pip install scenedetect          (in an environment of its own or beside SyncLips: it needs only OpenCV and click)
    python benchmarks/shot_detection.py CLIP CLIP ...

Clips (each one shot) are cut into pieces of 1 to 3 seconds and joined in random order at one size; some joins return to
the same scene a second later (a jump cut). Every fifth piece has one white frame (a flash, no cut), every seventh is
shaken by up to a twentieth of the width (no cut). Prints hits, misses and false alarms of each detector, and seconds.
"""

import argparse
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

SIZE = (320, 240)
PIECES = 60


def main() -> None:
    parser = argparse.ArgumentParser(description="Shot finders on cuts that are known.")
    parser.add_argument("clips", type=Path, nargs="+")
    args = parser.parse_args()
    from scenedetect import AdaptiveDetector, ContentDetector, HistogramDetector, detect

    from synclips.media.shots import find_cuts

    frames, cuts = joined([load(clip) for clip in args.clips])
    started = time.perf_counter()
    report("synclips.media.shots", find_cuts(frames).tolist(), cuts, time.perf_counter() - started)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "joined.mkv"
        write(path, frames)
        for make in (AdaptiveDetector, ContentDetector, HistogramDetector):
            started = time.perf_counter()
            scenes = detect(str(path), make(min_scene_len=5))
            found = [start.get_frames() for start, _ in scenes][1:]
            report(f"PySceneDetect {make.__name__}", found, cuts, time.perf_counter() - started)


def load(clip: Path) -> list[np.ndarray]:
    """The clip's frames at `SIZE`."""
    from synclips.media.video import read_frames

    return [cv2.resize(frame.image, SIZE, interpolation=cv2.INTER_AREA) for frame in read_frames(clip)]


def joined(clips: list[list[np.ndarray]], seed: int = 0) -> tuple[list[np.ndarray], list[int]]:
    """Pieces in a row, and the frames at which a new one begins."""
    rng = np.random.default_rng(seed)
    frames: list[np.ndarray] = []
    cuts: list[int] = []
    last = -1
    for number in range(PIECES):
        choices = [k for k in range(len(clips)) if k != last]
        last = int(rng.choice(choices))
        length = int(rng.integers(25, 75))
        start = int(rng.integers(0, max(1, len(clips[last]) - length)))
        piece = [image.copy() for image in clips[last][start : start + length]]
        if number % 5 == 4:
            piece[len(piece) // 2][:] = 255
        if number % 7 == 6:
            piece = [np.roll(image, rng.integers(-16, 17, 2), axis=(1, 0)) for image in piece]
        if frames:
            cuts.append(len(frames))
        frames += piece
    return frames, cuts


def write(path: Path, frames: list[np.ndarray]) -> None:
    """The frames as a lossless video."""
    from synclips.media.video import VideoWriter

    with VideoWriter(path, *SIZE, Fraction(25), codec="ffv1") as writer:
        for frame in frames:
            writer.write(np.ascontiguousarray(frame))


def report(name: str, found: list[int], cuts: list[int], seconds: float) -> None:
    """One line: a cut is hit by a detection within one frame of it."""
    hits = sum(any(abs(cut - frame) <= 1 for frame in found) for cut in cuts)
    false = sum(all(abs(cut - frame) > 1 for cut in cuts) for frame in found)
    sys.stdout.write(f"{name}: {hits} of {len(cuts)} cuts, {false} false, {seconds:.1f} s\n")


if __name__ == "__main__":
    main()
