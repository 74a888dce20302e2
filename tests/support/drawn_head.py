"""A drawn head in a lossless video, tracked without a detector: where everything lies is known."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from synclips.features.alignment import fit_alignment
from synclips.features.face_mesh import INNER_LIPS, OUTER_LIPS, Pose, template
from synclips.media.video import VideoWriter, probe, read_frames
from synclips.tracking.track import FaceTrack
from synclips.tracking.tracked_video import TrackedVideo

WIDTH, HEIGHT = 320, 300
LOWER_LIP = [*INNER_LIPS[11:], 17, 84, 181, 91, 146, 314, 405, 321, 375]
JAW = [152, 148, 377, 176, 400]
Change = Callable[[np.ndarray, int], np.ndarray]


def poses(count: int, scale: float = 1.5, yaw: float = 0.0) -> Pose:
    """A head that sways a little, turned by `yaw` degrees."""
    sway = 2 * np.sin(np.arange(count) / 9)
    turn = np.repeat(Rotation.from_euler("y", yaw, degrees=True).as_matrix()[None], count, axis=0)
    middle = np.stack([WIDTH / 2 + sway, np.full(count, HEIGHT / 2), np.zeros(count)], axis=1)
    return Pose(np.full(count, scale), turn, middle - scale * np.einsum("nij,j->ni", turn, [64.0, 70.0, 0.0]))


def shapes(count: int) -> np.ndarray:
    """A mouth that opens and closes."""
    meshes = np.repeat(template()[None], count, axis=0)
    opening = 6 * (1 - np.cos(np.arange(count) / 3))
    meshes[:, LOWER_LIP, 1] += opening[:, None]
    meshes[:, JAW, 1] += opening[:, None] * 0.6
    return meshes


def draw(points: np.ndarray, rng: np.random.Generator, grain: float) -> np.ndarray:
    """One picture of the mesh `points` (pixels)."""
    xy = points[:, :2]
    picture = np.full((HEIGHT, WIDTH, 3), (70, 90, 110), np.float32)
    cv2.fillConvexPoly(picture, cv2.convexHull(np.round(xy).astype(np.int32)), (205, 160, 135), cv2.LINE_AA)
    for x, y in xy[::7]:
        cv2.circle(picture, (int(x), int(y)), 2, (195, 150, 125), -1, cv2.LINE_AA)
    cv2.fillPoly(picture, [np.round(xy[OUTER_LIPS]).astype(np.int32)], (170, 80, 85), cv2.LINE_AA)
    cv2.fillPoly(picture, [np.round(xy[INNER_LIPS]).astype(np.int32)], (60, 25, 30), cv2.LINE_AA)
    picture = cv2.GaussianBlur(picture, (0, 0), 1.0) + rng.normal(0, grain, picture.shape)
    return picture.clip(0, 255).astype(np.uint8)


def drawn_video(
    path: Path, count: int = 40, *, pose: Pose | None = None, grain: float = 3.0, change: Change | None = None
) -> TrackedVideo:
    """A video of the head; `change` paints over a picture (picture, frame number)."""
    rng = np.random.default_rng(1)
    pose = poses(count) if pose is None else pose
    points = pose.to_image(shapes(count))
    with VideoWriter(path, WIDTH, HEIGHT, Fraction(25), codec="ffv1") as writer:
        for number in range(count):
            picture = draw(points[number], rng, grain)
            writer.write(picture if change is None else change(picture, number))
    info = replace(probe(path), frame_count=count)
    track = FaceTrack(points.astype(np.float32), np.ones(count, bool), WIDTH, HEIGHT)
    return TrackedVideo(info, np.arange(count) / 25, track, pose, fit_alignment(points), np.zeros(0, np.int64))


def posed_like(video: TrackedVideo, pose: Pose) -> TrackedVideo:
    """The video's face, moving as it does, with the head in another pose."""
    points = pose.to_image(video.canonical(np.arange(len(video))))
    return replace(video, pose=pose, track=replace(video.track, points=points))


def pictures(video: TrackedVideo) -> np.ndarray:
    """All frames."""
    return np.stack([frame.image for frame in read_frames(video.path)])
