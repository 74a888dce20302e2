"""What reading a picture costs, and how well faces without a mouth to be made are told.

    python benchmarks/picture_conversion.py [CLIP ...]

Costs: CPU milliseconds a frame to turn a stored picture of 1920 x 1080 (blurred noise) into RGB, the least of ten runs.
"rgb24" is swscale's packed RGB, which the readers took before; the others are what they do now. With clips (faces): for
a frame of each as it is, with masks of four colours drawn over it, and turned over, whether
synclips.rendering.mouth_check sees no lips, and whether it finds the face upside down.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from synclips.features.alignment import crop_face, fit_alignment
from synclips.media.deinterlace import deinterlaced
from synclips.media.video import read_frames
from synclips.media.video_colour import FLAGS, RgbConverter
from synclips.rendering.mouth_check import shows_lips, stands_on_its_head
from synclips.tracking.detector import FaceMeshDetector
from synclips.tracking.face_models import BoxNetwork

MASK = [234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361, 323, 454, 347]
MASK += [330, 195, 101, 118]
CLOTH = {"white": (228, 231, 235), "blue": (140, 185, 212), "black": (38, 38, 42), "beige": (214, 178, 150)}


def main() -> None:
    parser = argparse.ArgumentParser(description="Costs of reading pictures, and faces that are no mouths.")
    parser.add_argument("clips", type=Path, nargs="*")
    args = parser.parse_args()
    conversions()
    if args.clips:
        faces(args.clips)


def conversions() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (1620, 1920), dtype=np.uint8)
    noise = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 3), None, 0, 255, cv2.NORM_MINMAX)
    first = av.VideoFrame.from_ndarray(noise, format="yuv420p")
    for name in ("yuv420p", "yuv420p10le", "yuv422p", "yuv444p"):
        frame = first.reformat(format=name)
        packed, now = VideoReformatter(), RgbConverter(frame)

        def before(frame: av.VideoFrame = frame, packed: VideoReformatter = packed) -> np.ndarray:
            made = packed.reformat(
                frame, format="rgb24", src_colorspace=Colorspace.ITU709, dst_colorspace=Colorspace.ITU709,
                src_color_range=ColorRange.MPEG, dst_color_range=ColorRange.JPEG, interpolation=FLAGS,
            )  # fmt: skip
            return made.to_ndarray()

        same = np.array_equal(before(), now(frame))
        costs = cost(before), cost(lambda f=frame, c=now: c(f))
        sys.stdout.write(f"{name:12} rgb24 {costs[0]:6.1f}   now {costs[1]:6.1f}   same pixels: {same}\n")
    frame = first.reformat(format="yuv420p10le")
    for name, transfer in (("PQ", 16), ("HLG", 18)):
        frame.color_trc = transfer
        sys.stdout.write(f"{name:12} tone-mapped {cost(lambda: RgbConverter(frame)(frame)):6.1f}\n")
    frames = [av.VideoFrame.from_ndarray(noise, format="yuv420p") for _ in range(20)]
    for number, picture in enumerate(frames):
        picture.pts = number
    with_flags = [setfield(picture) for picture in frames]
    sys.stdout.write(
        f"interlaced   {cost(lambda: list(deinterlaced(iter(with_flags), Fraction(1, 25))), 3) / 20:6.1f}\n"
    )


def setfield(frame: av.VideoFrame) -> av.VideoFrame:
    """The frame, flagged as interlaced."""
    graph = av.filter.Graph()
    steps = [
        graph.add("buffer", f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}:time_base=1/25"),
        graph.add("setfield", "tff"),
        graph.add("buffersink"),
    ]
    for one, other in pairwise(steps):
        one.link_to(other)
    graph.configure()
    graph.push(frame)
    made = graph.pull()
    assert isinstance(made, av.VideoFrame)
    return made


def cost(call: Callable[[], object], runs: int = 10) -> float:
    least = np.inf
    for _ in range(runs):
        start = time.process_time()
        call()
        least = min(least, time.process_time() - start)
    return 1000 * float(least)


def faces(clips: list[Path]) -> None:
    detector = BoxNetwork()
    covered, over = Counter[tuple[str, bool]](), Counter[tuple[str, bool]]()
    for clip in clips:
        image = next(frame.image for frame in read_frames(clip, start=0.4))
        mesh = FaceMeshDetector().detect(image)
        if mesh is None:
            continue
        kinds = {"as it is": image, "turned over": np.ascontiguousarray(image[::-1, ::-1])}
        kinds |= {name: masked(image, mesh, colour) for name, colour in CLOTH.items()}
        for name, picture in kinds.items():
            found = FaceMeshDetector(confidence=0.3).detect(picture)
            if found is None:
                continue
            alignment = fit_alignment(found[None])[0]
            points = (found[:, :2] @ alignment[:, :2].T + alignment[:, 2]).astype(np.float32)
            covered[name, not shows_lips(crop_face(picture, alignment), points)] += 1
            over[name, stands_on_its_head(picture, found, detector)] += 1
    for name in ("as it is", *CLOTH, "turned over"):
        yes, no = covered[name, True], covered[name, False]
        sys.stdout.write(
            f"{name:12} no lips to be seen {yes} of {yes + no}   upside down {over[name, True]} of {yes + no}\n"
        )


def masked(image: np.ndarray, mesh: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    area = np.zeros(image.shape[:2], np.uint8)
    cv2.fillConvexPoly(area, cv2.convexHull(mesh[MASK, :2].astype(np.int32)), 1)
    rows = np.arange(image.shape[0])[:, None, None]
    pleats = 1 - 0.12 * (np.sin(rows / max(2.0, float(np.ptp(mesh[:, 1])) / 20)) > 0.6)
    cloth = np.array(colour) * pleats + np.random.default_rng(0).normal(0, 3, image.shape)
    return np.where(area[..., None] > 0, cloth, image).clip(0, 255).astype(np.uint8)


if __name__ == "__main__":
    main()
