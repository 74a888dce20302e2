"""A face at rest: the shape from which every expression is measured."""

import numpy as np
from jaxtyping import Float32
from scipy.interpolate import RBFInterpolator

from synclips.features.face_mesh import INNER_LIPS, LIPS, RIGID, lower_points, mouth_opening, template

LEAST_OPEN = 0.2
"""Share of the frames, those with the mouth least open, whose mean is the person's rest."""
CLOSED, OPEN = 1.5, 3.5
"""Openings (canonical units) up to which a person's least open mouth counts as closed, and from which as open."""
JAW = np.array([152, 148, 377, 176, 400, 149, 378, 150, 379, 136, 365, 172, 397, 58, 288, 132, 361])
BELOW_NOSE = np.array([2, 98, 327])


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
    nose, the jaw's outline); its lips, so carried over and touching, replace the face's own, and the skin between them
    and the fixed points follows smoothly (thin-plate spline).
    """
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
