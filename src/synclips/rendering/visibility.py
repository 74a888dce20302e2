"""In which frames the mouth can be generated. Where it cannot, the original is kept, with a fade to and from it.

A frame's weight falls from 1 to 0 as the mouth turns away so far that its triangles lie edge-on, as the face becomes
too small, as the mouth leaves the picture, and as the points found there stop looking like this person's face.
"""

from collections.abc import Iterable
from enum import IntEnum
from functools import cache
from typing import Final

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int8, Int64

from synclips.features.face_mesh import LIPS, RIGID, smoothstep, template, triangles
from synclips.mapped_files import parts, read_rows
from synclips.rendering.mesh_warp import double_areas, near_lips
from synclips.tracking.tracked_video import TrackedVideo

EDGE_ON = 0.2
"""Share of its area below which a triangle counts as seen edge-on."""
TURNED = (0.15, 0.32)
"""Share of the mouth's skin seen edge-on, at which fading begins and ends: about 43 and 54 degrees of yaw, 38 and 52 of
looking up, 65 and 70 of looking down."""
SMALL = (0.45, 0.3)
"""Pixels a canonical unit: a mouth of about 15 and 10 pixels' width."""
INSIDE = (0.98, 0.8)
"""Share of the lips' points that lie within the picture."""
STRANGE = (4.5, 8.0)
"""Canonical units (root mean square) by which the points that speech hardly moves differ from the person's usual."""
MISPLACED = (14.0, 22.0)
"""Canonical units by which the middle of the lips lies off the person's usual place."""
COVERED = (0.35, 0.6)
"""Share of the lips that is occluded."""
FADE = 8
"""Least number of frames of a fade between the original and a wholly generated mouth."""
CHUNK = 500
FEWEST_A_SECOND: Final = 6.0
"""Frames a second below which no mouth is made: lips would jump, and be late."""
LONGEST_SHOWN: Final = 0.5
"""Seconds that a frame may be shown for and still have a mouth made."""


class Kept(IntEnum):
    """Why a frame keeps the original mouth; NOT: it does not."""

    NOT = 0
    NO_FACE = 1
    TURNED = 2
    SMALL = 3
    OUTSIDE = 4
    UNRELIABLE = 5
    COVERED = 6
    UPSIDE_DOWN = 7
    TOO_FEW = 8


_BECAUSE: Final = {
    Kept.NO_FACE: "they show no face that can be followed",
    Kept.TURNED: "the face is turned too far away",
    Kept.SMALL: "the face is too small, its mouth less than 10 pixels wide",
    Kept.OUTSIDE: "the mouth is outside of the picture",
    Kept.UNRELIABLE: "the points found there are not those of this person's face",
    Kept.COVERED: "the mouth is covered (a mask, a hand, a microphone)",
    Kept.UPSIDE_DOWN: "the face stands upside down; turn the video first",
    Kept.TOO_FEW: f"fewer than {FEWEST_A_SECOND:.0f} frames a second are shown, too few for lips to move",
}


def measure_visibility(video: TrackedVideo, cuts: Int64[np.ndarray, " k"] | None = None) -> Float32[np.ndarray, " n"]:
    """For each frame of a tracked video how far the generated mouth may replace the original, in [0, 1].

    It changes by at most 1 / FADE from frame to frame, except at `cuts` (frames that begin a new shot), and is 0
    wherever no usable face is.
    """
    weight = _demands(video).min(axis=0)
    weight[~video.track.visible | sparse(video.times)] = 0
    # one bad frame alone between good ones is a detection error: its neighbours' mesh is used (see LipSync)
    between = np.minimum(weight[:-2], weight[2:]) * video.track.visible[1:-1]
    weight[1:-1] = np.maximum(weight[1:-1], between)
    return fade(weight, cuts)


def kept_reasons(video: TrackedVideo) -> Int8[np.ndarray, " n"]:
    """For each frame the `Kept` for which `measure_visibility` is 0 there (were it not for the frames beside it)."""
    demands = _demands(video)
    reasons = np.where(demands.min(axis=0) > 0, np.int8(Kept.NOT), _REASONS[demands.argmin(axis=0)])
    reasons[~video.track.visible] = Kept.NO_FACE
    reasons[sparse(video.times)] = Kept.TOO_FEW
    return reasons.astype(np.int8)


def kept_notes(reasons: Int8[np.ndarray, " n"]) -> list[str]:
    """What a person should know of a result's frames, one line for each kind that occurs; `reasons` are `Kept`."""
    return [
        f"{count} of {len(reasons)} frames keep the original picture: {_BECAUSE[kind]}"
        for kind in _BECAUSE
        if (count := int((reasons == kind).sum()))
    ]


def sparse(times: Float64[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
    """Which frames (at rising `times`, in seconds) are shown for long, or with too few others around them."""
    shown_for = np.diff(times, append=times[-1])
    if len(times) > 1:
        shown_for[-1] = shown_for[-2]
    first, last = np.searchsorted(times, times - 0.5), np.searchsorted(times, times + 0.5, side="right") - 1
    span = times[last] - times[first]
    return np.asarray((shown_for > LONGEST_SHOWN) | ((span > 0.2) & (last - first < FEWEST_A_SECOND * span)))


def uncovered(covered: Float32[np.ndarray, " n"]) -> Float32[np.ndarray, " n"]:
    """The weight that is left where this share of the lips is covered."""
    begin, end = COVERED
    return smoothstep((covered - end) / np.float32(begin - end))


def fade(weight: Float32[np.ndarray, " n"], cuts: Int64[np.ndarray, " k"] | None = None) -> Float32[np.ndarray, " n"]:
    """The largest weights that nowhere exceed the given ones and change by at most 1 / FADE a frame within a shot."""
    free = set() if cuts is None else {int(c) for c in cuts}
    result = weight.copy()
    for i in range(1, len(result)):
        if i not in free:
            result[i] = min(result[i], result[i - 1] + 1 / FADE)
    for i in range(len(result) - 2, -1, -1):
        if i + 1 not in free:
            result[i] = min(result[i], result[i + 1] + 1 / FADE)
    return result


def turned_away(rotation: Float64[np.ndarray, "n 3 3"]) -> Float64[np.ndarray, " n"]:
    """Share of the skin around the mouth that is seen edge-on or from behind when the head is turned so."""
    corners, full = _around_mouth()
    seen = np.stack([double_areas((template() @ r.T)[:, :2], corners) for r in rotation])
    return ((seen < EDGE_ON * full) * full).sum(axis=1) / full.sum()


_REASONS: Final = np.array([Kept.TURNED, Kept.SMALL, Kept.OUTSIDE, Kept.UNRELIABLE, Kept.UNRELIABLE], np.int8)
"""What a frame does not meet where a demand of `_demands` is 0."""


def _demands(video: TrackedVideo) -> Float32[np.ndarray, "5 n"]:
    """How far each frame meets each demand, in [0, 1]; frames without a face are left at 1."""
    usable = np.flatnonzero(video.track.visible)
    sample = usable[np.unique(np.linspace(0, len(usable) - 1, CHUNK).astype(int))]
    usual = np.median(video.canonical(sample), axis=0)
    met = np.ones((len(_REASONS), len(video)), np.float32)
    for part in parts(len(usable), CHUNK, video.track.points[:1].nbytes):
        index = usable[part]
        met[:, index] = _met(video, index, usual)
    return met


def _met(
    video: TrackedVideo, index: Int64[np.ndarray, " m"], usual: Float32[np.ndarray, "468 3"]
) -> Float32[np.ndarray, "5 m"]:
    pose, points, meshes = video.pose[index], read_rows(video.track.points, index), video.canonical(index)
    within = (points[:, LIPS, :2] >= 0) & (points[:, LIPS, :2] < [video.info.width, video.info.height])
    strange = np.sqrt(((meshes[:, RIGID, :2] - usual[RIGID, :2]) ** 2).sum(axis=2).mean(axis=1))
    misplaced = np.linalg.norm((meshes[:, LIPS, :2] - usual[LIPS, :2]).mean(axis=1), axis=1)
    demands: Iterable[tuple[np.ndarray, tuple[float, float]]] = (
        (turned_away(pose.rotation), TURNED),
        (pose.scale, SMALL),
        (within.all(axis=2).mean(axis=1), INSIDE),
        (strange, STRANGE),
        (misplaced, MISPLACED),
    )
    return np.stack([smoothstep(((value - end) / (begin - end)).astype(np.float32)) for value, (begin, end) in demands])


@cache
def _around_mouth() -> tuple[np.ndarray, np.ndarray]:
    """Triangles of the mouth's surroundings, and twice their area in space."""
    corners = triangles()[(near_lips()[triangles()] > 0.3).all(axis=1)]
    a, b, c = (template()[corners[:, k]].astype(np.float64) for k in range(3))
    return corners, np.linalg.norm(np.cross(b - a, c - a), axis=1)
