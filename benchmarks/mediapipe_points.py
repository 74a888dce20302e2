"""Our face detector against MediaPipe's own graph, on the same frames: distances, misses and time.

    pip install --no-deps mediapipe==0.10.21 absl-py==2.5.1 attrs==26.1.0 protobuf==4.25.9
    python benchmarks/mediapipe_points.py CLIP...

MediaPipe is none of the project's requirements: install it into a copy of the environment. Prints a Markdown table, a
line a clip: frames; frames without a face by MediaPipe and by ours; distance of ours from MediaPipe's points in the
picture (mean over points and frames, 99th percentile, largest mean of a frame) and in depth (mean), in pixels;
milliseconds a frame of each, largest face of at most five, one thread.
"""

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from synclips.media.video import read_frames
from synclips.tracking.detector import FaceMeshDetector, without_doubles
from synclips.tracking.face_models import N_POINTS

FACES = 5


class MediaPipeDetector:
    """MediaPipe's Face Mesh as SyncLips used it until 2026-11-28: the first frame is shown twice."""

    def __init__(self) -> None:
        os.environ.setdefault("GLOG_minloglevel", "2")
        from mediapipe.python.solutions.face_mesh import FaceMesh  # type: ignore[import-not-found]

        self._mesh: Any = FaceMesh(max_num_faces=FACES)
        self._fresh = True

    def detect_all(self, image: UInt8[np.ndarray, "h w 3"]) -> Float32[np.ndarray, "k 468 3"]:
        """As FaceDetector's."""
        if self._fresh:
            self._mesh.process(image)
            self._fresh = False
        height, width = image.shape[:2]
        faces = [
            np.array([(p.x * width, p.y * height, p.z * width) for p in face.landmark], np.float32)
            for face in self._mesh.process(image).multi_face_landmarks or []
        ]
        return without_doubles(np.array(faces, np.float32).reshape(-1, N_POINTS, 3))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("--frames", type=int, default=100, help="of each clip, at most (default: %(default)s)")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    write = sys.stdout.write
    write("| clip | frames | missed by MediaPipe | by ours | mean | 99 % | worst frame | depth | ms MediaPipe | ms |\n")
    write("|---|---|---|---|---|---|---|---|---|---|\n")
    for clip in options.clips:
        write(compare(clip, options.frames) + "\n")
        sys.stdout.flush()


def compare(clip: Path, most: int) -> str:
    """One line of the table."""
    theirs, ours = MediaPipeDetector(), FaceMeshDetector(faces=FACES)
    seconds, missed = np.zeros(2), np.zeros(2, int)
    flat, deep = [], []
    count = 0
    for frame, _ in zip(read_frames(clip), range(most), strict=False):
        count += 1
        found = []
        for number, detector in enumerate((theirs, ours)):
            begin = time.perf_counter()
            found.append(detector.detect_all(frame.image))
            seconds[number] += time.perf_counter() - begin
            missed[number] += not len(found[number])
        if all(map(len, found)):
            away = found[1] - found[0][0]
            apart = np.linalg.norm(away[..., :2], axis=2)
            same = int(apart.mean(axis=1).argmin())
            flat.append(apart[same])
            deep.append(np.abs(away[same, :, 2]).mean())
    ours.close()
    mean, most_of, worst, depth = (
        (np.mean(flat), np.quantile(flat, 0.99), np.mean(flat, axis=1).max(), np.mean(deep)) if flat else [np.nan] * 4
    )
    speed = " | ".join(f"{1000 * value / count:.1f}" for value in seconds)
    distances = " | ".join(f"{value:.3f}" for value in (mean, most_of, worst, depth))
    return f"| {clip.parent.name}/{clip.name} | {count} | {missed[0]} | {missed[1]} | {distances} | {speed} |"


if __name__ == "__main__":
    main()
