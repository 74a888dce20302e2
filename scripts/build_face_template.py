"""Build src/synclips/features/face_template.npz from GRID: the average face at rest and its triangles.

    python scripts/build_face_template.py data/raw

One clip of each speaker: its frames are brought to one frame of reference, the quarter with the mouth least open is
averaged, the speakers are averaged (both sides of the face, so that the result is symmetric), and the whole is turned
upright and frontal. Triangles are Delaunay's on the same face with its mouth open, so that the inner mouth gets clean
ones.
"""

import sys
from pathlib import Path

import numpy as np
from scipy.spatial import Delaunay

from synclips.features.face_mesh import (
    EYE_CENTRE,
    EYE_CORNERS,
    LIPS,
    MOUTH_CENTRE,
    RIGID,
    fit_similarity,
    mouth_opening,
)
from synclips.media.video import read_at_rate
from synclips.tracking.detector import FaceMeshDetector
from synclips.tracking.track import track_face

OUTPUT = Path(__file__).parents[1] / "src/synclips/features/face_template.npz"
MIDLINE = [
    10,
    151,
    9,
    8,
    168,
    6,
    197,
    195,
    5,
    4,
    1,
    19,
    94,
    2,
    164,
    0,
    11,
    12,
    13,
    14,
    15,
    16,
    17,
    18,
    200,
    199,
    175,
    152,
]


def rest_and_open(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Mean mesh at rest and at its most open, in the first frame's frame of reference."""
    detector = FaceMeshDetector()
    points = track_face(read_at_rate(path), detector).points.astype(np.float64)
    detector.close()
    pose = fit_similarity(np.broadcast_to(points[0, RIGID], points[:, RIGID].shape), points[:, RIGID])
    aligned = pose.to_canonical(points)
    opening = mouth_opening(aligned)
    closed, wide = opening <= np.quantile(opening, 0.25), opening >= np.quantile(opening, 0.93)
    return aligned[closed].mean(axis=0), aligned[wide].mean(axis=0)


def average(faces: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Mean of faces (n, 468, 3) after bringing each onto `reference` by its rigid points."""
    pose = fit_similarity(np.broadcast_to(reference[RIGID], faces[:, RIGID].shape).astype(np.float64), faces[:, RIGID])
    return pose.to_canonical(faces).astype(np.float64)


def upright(face: np.ndarray) -> np.ndarray:
    """Rotation that turns `face` frontal: eyes level, the midline in the plane x = constant, forehead above chin."""
    x = face[EYE_CORNERS[1]] - face[EYE_CORNERS[0]]
    middle = face[MIDLINE] - face[MIDLINE].mean(axis=0)
    y = face[152] - face[10]
    normal = np.linalg.svd(middle)[2][2]
    x = normal * np.sign(normal @ x)
    y = y - x * (x @ y)
    y /= np.linalg.norm(y)
    return np.stack([x, y, np.cross(x, y)])


def main(root: Path) -> None:
    """Write the template."""
    clips = [sorted([*folder.glob("*.mpg"), *folder.glob("*.mp4")])[0] for folder in sorted(root.glob("s*"))]
    pairs = [rest_and_open(clip) for clip in clips]
    rest, wide = np.stack([p[0] for p in pairs]), np.stack([p[1] for p in pairs])
    reference = rest[0]
    pose = fit_similarity(np.broadcast_to(reference[RIGID], rest[:, RIGID].shape), rest[:, RIGID])
    rest, wide = pose.to_canonical(rest).mean(axis=0), pose.to_canonical(wide).mean(axis=0)
    rotation = upright(rest)
    rest, wide = rest @ rotation.T, wide @ rotation.T
    eyes = rest[list(EYE_CORNERS)].mean(axis=0)
    scale = (MOUTH_CENTRE[1] - EYE_CENTRE[1]) / (rest[LIPS].mean(axis=0) - eyes)[1]
    offset = np.array([*EYE_CENTRE, 0.0])
    rest, wide = (rest - eyes) * scale + offset, (wide - eyes) * scale + offset
    rest, wide = symmetric(rest), symmetric(wide)
    corners = Delaunay(wide[:, :2]).simplices
    a, b, c = (wide[corners[:, k], :2] for k in range(3))
    area = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]
    corners[area < 0] = corners[area < 0][:, ::-1]
    np.savez_compressed(OUTPUT, points=rest.astype(np.float32), triangles=corners.astype(np.int32))


def symmetric(face: np.ndarray) -> np.ndarray:
    """The mean of a face and its mirror image (points matched by position)."""
    from scipy.optimize import linear_sum_assignment

    mirrored = face * [-1, 1, 1] + [2 * EYE_CENTRE[0], 0, 0]
    partner = linear_sum_assignment(np.linalg.norm(mirrored[:, None] - face[None], axis=2))[1]
    result = np.empty_like(face)
    result[partner] = (face[partner] + mirrored) / 2
    return result


if __name__ == "__main__":
    main(Path(sys.argv[1]))
