"""The canonical 3-D face frame, in which only expression moves, and the face at rest. Training and rendering share it.

The canonical frame is the average face, upright and frontal: eye centre at (64, 38), mouth centre at (64, 92), x
right, y down, z away from the viewer, so that 54 units lie between eyes and mouth. A `Pose` maps it to image pixels
by a similarity (Umeyama, "Least-squares estimation of transformation parameters between two point patterns", IEEE
TPAMI 13(4), 1991); projection is taken as orthographic.

Motion is measured from a person's face at rest: the mean of the frames with the mouth least open (`rest_shape`); for
somebody who never closes the mouth, the average face's closed lips are fitted to the face (`close_mouth`).
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from jaxtyping import Float32, Float64, Int32, Int64

from synclips.features.smoothing import steady

RIGID = np.array([33, 133, 362, 263, 168, 6, 197, 195, 5, 4, 98, 327, 70, 300, 105, 334, 10, 151, 9, 8, 127, 356])
"""Points that speech hardly moves: eye corners, nose, brows, forehead, temples."""
OUTER_LIPS = np.array([61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146])
INNER_LIPS = np.array([78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95])
LIPS = np.concatenate([OUTER_LIPS, INNER_LIPS])
"""Both contours run from the right corner over the upper lip to the left corner and back under the lower lip."""
EYE_CORNERS = (33, 263)
INNER_TOP, INNER_BOTTOM = 13, 14
CORNERS = (61, 291)
EYE_CENTRE = (64.0, 38.0)
MOUTH_CENTRE = (64.0, 92.0)
LEAST_OPEN = 0.2
"""Share of the frames, those with the mouth least open, whose mean is the person's rest."""
CLOSED, OPEN = 1.5, 3.5
"""Openings (canonical units) up to which a person's least open mouth counts as closed, and from which as open."""
JAW = np.array([152, 148, 377, 176, 400, 149, 378, 150, 379, 136, 365, 172, 397, 58, 288, 132, 361])
BELOW_NOSE = np.array([2, 98, 327])


@dataclass(frozen=True)
class Pose:
    """Similarities canonical -> image: `image = scale * canonical @ rotation.T + translation`, a frame each."""

    scale: Float64[np.ndarray, " n"]
    rotation: Float64[np.ndarray, "n 3 3"]
    translation: Float64[np.ndarray, "n 3"]

    def __len__(self) -> int:
        return len(self.scale)

    def __getitem__(self, index: "slice | np.ndarray") -> "Pose":
        return Pose(self.scale[index], self.rotation[index], self.translation[index])

    def to_image(self, points: Float32[np.ndarray, "n p 3"]) -> Float32[np.ndarray, "n p 3"]:
        """Canonical points to pixels, frame by frame."""
        turned = np.einsum("nij,npj->npi", self.rotation, points)
        return (self.scale[:, None, None] * turned + self.translation[:, None]).astype(np.float32)

    def to_canonical(self, points: Float32[np.ndarray, "n p 3"]) -> Float32[np.ndarray, "n p 3"]:
        """Pixels to canonical points, frame by frame: the inverse of `to_image`."""
        centred = (points - self.translation[:, None]) / self.scale[:, None, None]
        return np.einsum("nji,npj->npi", self.rotation, centred).astype(np.float32)


def fit_similarity(source: Float64[np.ndarray, "n p 3"], target: Float64[np.ndarray, "n p 3"]) -> Pose:
    """Least-squares similarity from `source` to `target` in each frame (Umeyama 1991, equations 40-43)."""
    source_mean, target_mean = source.mean(axis=1), target.mean(axis=1)
    s, t = source - source_mean[:, None], target - target_mean[:, None]
    u, d, vt = np.linalg.svd(np.einsum("npi,npj->nij", t, s))
    sign = np.ones_like(d)
    sign[:, 2] = np.sign(np.linalg.det(u @ vt))
    rotation = (u * sign[:, None]) @ vt
    scale = (d * sign).sum(axis=1) / (s**2).sum(axis=(1, 2))
    translation = target_mean - scale[:, None] * np.einsum("nij,nj->ni", rotation, source_mean)
    return Pose(scale, rotation, translation)


def fit_pose(points: Float32[np.ndarray, "n 468 3"], cuts: Int64[np.ndarray, " k"] | None = None) -> Pose:
    """The head pose in each frame, from rigid points kept steady within each shot (`cuts`: frames that begin one)."""
    rigid = steady(points[:, RIGID].astype(np.float64), cuts)
    canonical = np.broadcast_to(template()[RIGID].astype(np.float64), rigid.shape)
    return fit_similarity(canonical, rigid)


def template_error(points: Float32[np.ndarray, "n 468 3"]) -> Float64[np.ndarray, " n"]:
    """How far a mesh's rigid points lie from where the average head has them, in the mean and in canonical units."""
    rigid = points[:, RIGID].astype(np.float64)
    canonical = np.broadcast_to(template()[RIGID].astype(np.float64), rigid.shape)
    pose = fit_similarity(canonical, rigid)
    away = np.linalg.norm(pose.to_image(canonical.astype(np.float32)) - rigid, axis=2)
    return away.mean(axis=1) / pose.scale


def mouth_opening(points: Float32[np.ndarray, "n 468 3"]) -> Float32[np.ndarray, " n"]:
    """Distance between the inner lips' middles, in the points' own unit."""
    return np.linalg.norm(points[:, INNER_TOP] - points[:, INNER_BOTTOM], axis=1).astype(np.float32)


def lower_opening(lower: Float32[np.ndarray, "m 3"]) -> float:
    """Gap between the inner lips' middles, of a canonical lower face (`lower_points()`); negative if they cross."""
    top, bottom = np.searchsorted(lower_points(), [INNER_TOP, INNER_BOTTOM])
    return float(lower[bottom, 1] - lower[top, 1])


def mirror_points(points: Float32[np.ndarray, "*n 468 3"]) -> Float32[np.ndarray, "*n 468 3"]:
    """Canonical points of the mirrored face, each at the index that its mirror image had."""
    mirrored = points[..., mirror_index(), :].copy()
    mirrored[..., 0] = 2 * EYE_CENTRE[0] - mirrored[..., 0]
    return mirrored


def template() -> Float32[np.ndarray, "468 3"]:
    """The average face at rest, in the canonical frame (built by scripts/build_face_template.py from GRID)."""
    return _assets()["points"]


def triangles() -> Int32[np.ndarray, "t 3"]:
    """Corner indices of the mesh's triangles, the inner mouth's included; all wound alike in the canonical frame."""
    return _assets()["triangles"]


@cache
def lower_weight() -> Float32[np.ndarray, " 468"]:
    """How far speech moves each point: 1 on lips, jaw and chin, fading to 0 at the nose and upper cheeks."""
    x, y = template()[:, 0] - MOUTH_CENTRE[0], template()[:, 1]
    weight = smoothstep((y - 62) / 22)
    beside_nose = np.maximum(np.abs(x) / 14, (y - 62) / 15)
    weight *= smoothstep((beside_nose - 0.9) / 0.35)
    weight[RIGID] = 0
    weight[LIPS] = 1
    return weight.astype(np.float32)


@cache
def lower_points() -> Int32[np.ndarray, " m"]:
    """Indices of the points that speech moves (lips, jaw, chin, lower cheeks)."""
    return np.flatnonzero(lower_weight() > 0).astype(np.int32)


@cache
def mirror_index() -> Int32[np.ndarray, " 468"]:
    """For each point the index of its mirror image."""
    flipped = template() * [-1, 1, 1] + [2 * EYE_CENTRE[0], 0, 0]
    distance = np.linalg.norm(flipped[:, None] - template()[None], axis=2)
    from scipy.optimize import linear_sum_assignment

    return np.asarray(linear_sum_assignment(distance)[1], np.int32)


def smoothstep(x: Float32[np.ndarray, "*n"]) -> Float32[np.ndarray, "*n"]:
    """0 below 0, 1 above 1, and without a corner between."""
    t = np.clip(x, 0, 1)
    return t * t * (3 - 2 * t)


@cache
def _assets() -> dict[str, np.ndarray]:
    with files("synclips.features").joinpath("face_template.npz").open("rb") as stream, np.load(stream) as data:
        return {name: data[name] for name in ("points", "triangles")}


def rest_shape(meshes: Float32[np.ndarray, "n 468 3"]) -> Float32[np.ndarray, "468 3"]:
    """The canonical mesh at rest: the mean of the frames whose mouth is least open."""
    opening = mouth_opening(meshes)
    return meshes[opening <= np.quantile(opening, LEAST_OPEN)].mean(axis=0)


def person_rest(meshes: Float32[np.ndarray, "n 468 3"]) -> Float32[np.ndarray, "468 3"]:
    """As `rest_shape`; but who never closes the mouth (a smiling photograph) gets the population's closed lips."""
    own = rest_shape(meshes)
    share = float(np.clip((mouth_opening(own[None])[0] - CLOSED) / (OPEN - CLOSED), 0, 1))
    if share == 0:
        return own
    return (own + share * (close_mouth(own) - own)).astype(np.float32)


def close_mouth(mesh: Float32[np.ndarray, "468 3"]) -> Float32[np.ndarray, "468 3"]:
    """The face with the average face's lips at rest in place of its own.

    The average face is fitted to this one by an affine map of the points that lips do not move (rigid ones, below the
    nose, the jaw's outline). Its lips, transformed so and made to touch, replace the face's own, and the skin between
    them and the fixed points follows smoothly (thin-plate spline).
    """
    from scipy.interpolate import RBFInterpolator  # takes a second to import

    fixed = np.concatenate([RIGID, BELOW_NOSE, JAW])
    average = template()
    plain = np.concatenate([average[fixed], np.ones((len(fixed), 1))], axis=1)
    affine = np.linalg.lstsq(plain, mesh[fixed], rcond=None)[0]
    average = _touching(average)  # a detector sees a gap in a closed mouth; in an open one's picture it is a gap
    lips = np.concatenate([average[LIPS], np.ones((len(LIPS), 1))], axis=1) @ affine
    known = np.concatenate([mesh[fixed], mesh[LIPS]])
    moved = np.concatenate([np.zeros((len(fixed), 3)), lips - mesh[LIPS]])
    spline = RBFInterpolator(known[:, :2], moved, kernel="thin_plate_spline", smoothing=1e-3)
    result = mesh.copy()
    result[lower_points()] += spline(mesh[lower_points(), :2]).astype(np.float32)
    result[LIPS] = lips
    return result.astype(np.float32)


def _touching(mesh: Float32[np.ndarray, "468 3"]) -> Float32[np.ndarray, "468 3"]:
    """The mesh with each pair of inner lip points brought together."""
    half = len(INNER_LIPS) // 2
    upper, below = INNER_LIPS[1:half], INNER_LIPS[:half:-1]
    result = mesh.copy()
    result[upper] = result[below] = (mesh[upper] + mesh[below]) / 2
    return result
