"""Figures along one finished video, in two passes over it, in memory that hardly grows with its length."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32, Float64, UInt8

from synclips.errors import InputError
from synclips.features.alignment import LOWER_VIEW, crop_face
from synclips.features.face_mesh import lower_points, person_rest
from synclips.media.timebase import FPS
from synclips.media.video import VideoInfo, probe, read_at_rate
from synclips.media.video_encode import padded, stored_size
from synclips.metrics.image_quality import Box, flicker_energy, gradient_energy, mouth_boxes, psnr
from synclips.metrics.lip_shape import inter_ocular, lip_speed, opening_of
from synclips.metrics.seams import BOXES, outlines, seam_step, seam_visibility
from synclips.metrics.sync import embed_stream, mouths_of
from synclips.models.syncnet import SyncNet
from synclips.progress import Progress, silent
from synclips.tracking.tracked_video import TrackedVideo

CHUNK = 100
"""Frames handled at a time."""
SEAM_EVERY = 5
REST_FRAMES = 400
"""Frames, evenly over the video, from which the face at rest is taken."""


@dataclass(frozen=True)
class Along:
    """Figures of each frame at 25 frames a second; NaN where there is none.

    embeddings:   the SyncNet's, of the five pictures around each frame
    visible:      a face was found
    opening:      beyond rest, % of the inter-ocular distance
    lip_speed:    % of the inter-ocular distance a frame
    sharpness:    gradient energy in the mouth box
    flicker:      energy of the second difference in time, in the mouth box
    seam:         visibility of the plainest outline (see seams.seam_visibility), every fifth frame
    With a reference, else empty: its sharpness, flicker and seam; `seam_step` in grey levels; `psnr_outside`, the
    likeness of what lies outside the lower face and should not have been touched, in dB.
    """

    embeddings: Float32[np.ndarray, "n d"]
    visible: Bool[np.ndarray, " n"]
    opening: Float64[np.ndarray, " n"]
    lip_speed: Float64[np.ndarray, " n"]
    series: dict[str, Float64[np.ndarray, " n"]]

    def __len__(self) -> int:
        return len(self.visible)


def check_reference(reference: Path, video: VideoInfo) -> None:
    """A reference must show the same scene at the same size, or at an odd one that was padded to it.

    Raises:
        MediaError: not a video.
        InputError: of another size.
    """
    other = probe(reference)
    size = video.width, video.height
    if size not in ((other.width, other.height), stored_size(other.width, other.height, video.codec)):
        raise InputError(
            f"{reference} is {other.width} x {other.height}, {video.path} {video.width} x {video.height}; "
            "name the video that was dubbed, at its own size"
        )


def measure_along(
    tracked: TrackedVideo, syncnet: SyncNet, reference: Path | None = None, on_progress: Progress = silent
) -> Along:
    """Look at every frame of a tracked video, beside those of `reference` as long as that lasts."""
    count = len(tracked)
    names = ["sharpness", "flicker", "seam"]
    if reference is not None:
        names += [f"{name}_reference" for name in names] + ["seam_step", "psnr_outside"]
    series = {name: np.full(count, np.nan) for name in names}
    rest = person_rest(tracked.canonical(np.unique(np.linspace(0, count - 1, REST_FRAMES).astype(int))))
    starts = range(0, count, CHUNK)
    parts = [_lower_face(tracked, start, min(start + CHUNK, count), rest[lower_points()]) for start in starts]
    embeddings = embed_stream(syncnet, _crops(tracked, reference, series, on_progress))
    return Along(
        np.concatenate(list(embeddings)),
        np.asarray(tracked.track.visible),
        np.concatenate([opening for opening, _ in parts]),
        np.concatenate([speed for _, speed in parts]),
        series,
    )


def _lower_face(
    tracked: TrackedVideo, start: int, stop: int, rest: Float32[np.ndarray, "m 3"]
) -> tuple[Float64[np.ndarray, " k"], Float64[np.ndarray, " k"]]:
    """Opening and lip speed of frames `start` to `stop`."""
    before = max(0, start - 1)
    lower = tracked.canonical(np.arange(before, stop))[:, lower_points()]
    opening = opening_of(lower - rest) / inter_ocular() * 100
    keep = slice(start - before, None)
    return opening[keep].astype(np.float64), lip_speed(lower)[keep].astype(np.float64)


def _crops(
    tracked: TrackedVideo, reference: Path | None, series: dict[str, np.ndarray], on_progress: Progress
) -> Iterator[UInt8[np.ndarray, "_n 48 96 3"]]:
    """The mouths of all frames, chunk by chunk; what else is measured goes into `series` on the way."""
    count = len(tracked)
    pictures = read_at_rate(tracked.path, FPS)
    shown: Iterable[np.ndarray] = read_at_rate(reference, FPS) if reference is not None else ()
    others = (padded(image, tracked.info.width, tracked.info.height) for image in shown)
    near: list[tuple[np.ndarray, np.ndarray | None]] = []
    held: list[np.ndarray] = []
    for number, (image, other) in enumerate(zip_longest(pictures, others)):
        if image is None or number >= count:
            break
        near = [*near[-2:], (image, other)]
        _measure(tracked, number, near, series)
        held.append(crop_face(image, tracked.alignment[number]))
        if len(held) == CHUNK or number == count - 1:
            yield mouths_of(np.stack(held))
            held = []
        on_progress("measure", number + 1, count)
    if held:
        yield mouths_of(np.stack(held))


def _measure(
    tracked: TrackedVideo,
    number: int,
    near: list[tuple[np.ndarray, np.ndarray | None]],
    series: dict[str, np.ndarray],
) -> None:
    if not tracked.track.visible[number]:
        return
    width, height = tracked.info.width, tracked.info.height
    points = np.asarray(tracked.track.points[number : number + 1])
    [box] = mouth_boxes(points, width, height)
    image, other = near[-1]
    with_seams = number % SEAM_EVERY == 0
    masks = outlines(points[0], width, height) if with_seams else {}
    for suffix, k in (("", 0), ("_reference", 1)):
        shown = [pair[k] for pair in near]
        now = shown[-1]
        if now is None or "sharpness" + suffix not in series:
            continue
        series["sharpness" + suffix][number] = gradient_energy(box.of(now))
        if len(shown) == 3 and all(picture is not None for picture in shown):
            series["flicker" + suffix][number - 1] = flicker_energy(*(box.of(p) for p in shown if p is not None))
        if with_seams:
            seen = [seam_visibility(now, mask) for mask in masks.values()]
            series["seam" + suffix][number] = np.nanmax([*seen, 0.0])
    if other is not None and with_seams:
        series["seam_step"][number] = np.nanmax([*(seam_step(image, other, masks[name]) for name in BOXES), 0.0])
        [lower] = mouth_boxes(points, width, height, LOWER_VIEW)
        series["psnr_outside"][number] = min(100.0, psnr(_without(image, lower, other), other))


def _without(
    image: UInt8[np.ndarray, "h w 3"], box: Box, other: UInt8[np.ndarray, "h w 3"]
) -> UInt8[np.ndarray, "h w 3"]:
    """`image` with `other` inside the box, so that only what lies outside can differ."""
    image = image.copy()
    margin = (box.bottom - box.top) // 4
    rows, columns = (
        slice(max(0, box.top - margin), box.bottom + margin),
        slice(max(0, box.left - margin), box.right + margin),
    )
    image[rows, columns] = other[rows, columns]
    return image
