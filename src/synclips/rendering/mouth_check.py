"""Whether the mouths of a bank are mouths: not under a mask, and not found in a face that stands upside down.

The mesh network fits a mesh to a masked face, and now and then to an upside-down one, as if nothing were the matter.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Int64, UInt8

from synclips.features.face_mesh import INNER_LIPS, OUTER_LIPS
from synclips.media.video import frames_in_order
from synclips.rendering.mouth_bank import MouthBank
from synclips.rendering.occlusion import crop_points
from synclips.tracking.face_models import BoxNetwork, Region
from synclips.tracking.tracked_video import TrackedVideo

AROUND: Final = 5
"""Checked mouths nearest to a frame, whose majority decides about that frame."""
TRIED: Final = 48
"""Mouths of the bank, spread over it, that are checked."""
TURNED_OVER: Final = 9
"""Frames, spread over the doubtful ones, in which a face is searched for upside down too."""
SURE: Final = 0.82
"""Score of a face in its crop from which nothing is the matter: .71 to .93 in 28 videos of 26 people, .14 to .77 with a
mask drawn over them, .25 to .79 where a mesh was fitted to the video turned over."""
REDDER: Final = 1.2
"""CIELAB a* by which lips are redder than what is around them, at least: 2.2 to 29 in those videos, -9 to .8 on
masks."""
OF_CHROMA: Final = 0.035
"""The same as a share of the picture's chroma, where that is less."""
COLOURED: Final = 6.0
"""Chroma (90th percentile of a crop) below which a picture has no colours to go by."""
TURNED: Final = 0.9
"""Score of a face in the picture turned over from which it stands on its head, where it exceeds the score as it is by
`MARGIN`: .91 to .98 (against .48 to .82) in the videos turned over, .45 to .86 (against .92 to .98) in those as they
are; below .9 with masks."""
MARGIN: Final = 0.1
SIDES: Final = (2.0, 3.0)
"""Sides of the squares that are searched for a face, in longer sides of the mesh; the surer counts."""


@dataclass(frozen=True)
class MouthCheck:
    """For each frame of a video. covered: no lips are to be seen; upside_down: the face stands on its head."""

    covered: Bool[np.ndarray, " n"]
    upside_down: Bool[np.ndarray, " n"]


def check_mouths(video: TrackedVideo, bank: MouthBank) -> MouthCheck:
    """Look at some mouths of a bank."""
    tried = np.unique(np.linspace(0, len(bank) - 1, TRIED).round().astype(np.int64))
    crops = [bank.mouths[number].crops[len(bank.mouths[number].crops) // 2] for number in tried]
    detector = BoxNetwork()
    doubtful = np.array([_best_score(crop, _whole(crop), detector) < SURE for crop in crops])
    frames = bank.frames[tried]
    points = crop_points(video, frames)
    covered = np.array(
        [doubt and not shows_lips(crop, at) for doubt, crop, at in zip(doubtful, crops, points, strict=True)]
    )
    upside_down = np.zeros(len(tried), bool)
    if doubtful.any():
        places = np.flatnonzero(doubtful)
        places = places[np.unique(np.linspace(0, len(places) - 1, TURNED_OVER).round().astype(np.int64))]
        images = frames_in_order(video.path, frames[places].tolist())
        meshes = np.asarray(video.track.points[frames[places]])
        found = [stands_on_its_head(image, mesh, detector) for image, mesh in zip(images, meshes, strict=True)]
        nearest = np.abs(np.arange(len(tried))[:, None] - places).argmin(axis=1)
        upside_down = np.array(found)[nearest] & doubtful
    return MouthCheck(
        _of_frames(covered & ~upside_down, frames, len(video)), _of_frames(upside_down, frames, len(video))
    )


def shows_lips(crop: UInt8[np.ndarray, "h w 3"], points: Float32[np.ndarray, "v 2"]) -> bool:
    """The lips are redder than what is around them, or the picture has no colours to go by."""
    lab = cv2.cvtColor(crop.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    chroma = float(np.percentile(np.hypot(lab[..., 1], lab[..., 2]), 90))
    if chroma < COLOURED:
        return True
    mouth, inner = np.zeros(crop.shape[:2], np.uint8), np.zeros(crop.shape[:2], np.uint8)
    cv2.fillPoly(mouth, [points[OUTER_LIPS].round().astype(np.int32)], 1)
    cv2.fillPoly(inner, [points[INNER_LIPS].round().astype(np.int32)], 1)
    reach = max(3, round(0.1 * float(np.ptp(points[:, 0])))) | 1
    ring = cv2.dilate(mouth, np.ones((reach, reach), np.uint8)) - cv2.dilate(mouth, np.ones((3, 3), np.uint8))
    lips = (mouth > 0) & (inner == 0)
    if not lips.any() or not ring.any():
        return True
    redder = float(np.median(lab[lips, 1]) - np.median(lab[ring > 0, 1]))
    return redder >= min(REDDER, OF_CHROMA * chroma)


def stands_on_its_head(
    image: UInt8[np.ndarray, "h w 3"], mesh: Float32[np.ndarray, "468 3"], detector: BoxNetwork
) -> bool:
    """Where the mesh is, a face is found more surely in the picture turned over."""
    low, high = mesh[:, :2].min(axis=0), mesh[:, :2].max(axis=0)
    (x, y), side = (low + high) / 2, float((high - low).max())
    height, width = image.shape[:2]
    over = np.ascontiguousarray(image[::-1, ::-1])
    upright, turned = (
        max(_best_score(picture, Region(float(at[0]), float(at[1]), k * side), detector, side) for k in SIDES)
        for picture, at in ((image, (x, y)), (over, (width - 1 - x, height - 1 - y)))
    )
    return turned >= TURNED and turned > upright + MARGIN


def _best_score(
    image: UInt8[np.ndarray, "h w 3"], region: Region, detector: BoxNetwork, reach: float = np.inf
) -> float:
    """Of the faces in a region whose middle is within `reach` of the region's; 0 where there is none."""
    scores = [0.0]
    for face in detector.find(image, [region], confidence=0.1)[0]:
        left, top, right, bottom = face.box.tolist()
        if max(abs((left + right) / 2 - region.x), abs((top + bottom) / 2 - region.y)) <= reach:
            scores.append(face.score)
    return max(scores)


def _whole(crop: UInt8[np.ndarray, "h w 3"]) -> Region:
    return Region((crop.shape[1] - 1) / 2, (crop.shape[0] - 1) / 2, float(max(crop.shape[:2])))


def _of_frames(marked: Bool[np.ndarray, " t"], frames: Int64[np.ndarray, " t"], count: int) -> Bool[np.ndarray, " n"]:
    """For each of `count` frames whether most of the nearest of `frames` (rising) are marked."""
    most = min(AROUND, len(frames))
    first = (np.searchsorted(frames, np.arange(count)) - most // 2).clip(0, len(frames) - most)
    return np.asarray(marked[first[:, None] + np.arange(most)].mean(axis=1) > 0.5)
