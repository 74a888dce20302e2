"""How well a made mouth follows the real one, as shapes: lip errors in the canonical face frame."""

import numpy as np
from jaxtyping import Float32

from synclips.features.face_mesh import EYE_CORNERS, INNER_BOTTOM, INNER_TOP, LIPS, lower_points, template


def inter_ocular() -> float:
    """Distance of the outer eye corners in canonical units."""
    left, right = EYE_CORNERS
    return float(np.linalg.norm(template()[left] - template()[right]))


def lip_errors(made: Float32[np.ndarray, "n m 3"], true: Float32[np.ndarray, "n m 3"]) -> Float32[np.ndarray, "n p"]:
    """Distance of each lip point from its true place, in percent of the inter-ocular distance, in the frontal plane.

    Both are positions or displacements of `lower_points()` in canonical units.
    """
    index = np.searchsorted(lower_points(), LIPS)
    return np.linalg.norm((made - true)[:, index, :2], axis=2) / inter_ocular() * 100


def largest_lip_error(made: Float32[np.ndarray, "n m 3"], true: Float32[np.ndarray, "n m 3"]) -> float:
    """LVE: the largest lip error of a frame, averaged over frames (after Richard et al., "MeshTalk", 2021)."""
    return float(lip_errors(made, true).max(axis=1).mean())


def mean_lip_error(made: Float32[np.ndarray, "n m 3"], true: Float32[np.ndarray, "n m 3"]) -> float:
    """LMD: the mean lip error over points and frames (Chen et al., "Lip movements generation at a glance", 2018)."""
    return float(lip_errors(made, true).mean())


def opening_of(displacement: Float32[np.ndarray, "n m 3"]) -> Float32[np.ndarray, " n"]:
    """How far the inner lips' middles lie further apart than at rest, in canonical units."""
    top, bottom = np.searchsorted(lower_points(), [INNER_TOP, INNER_BOTTOM])
    return displacement[:, bottom, 1] - displacement[:, top, 1]


def correlation(a: Float32[np.ndarray, " n"], b: Float32[np.ndarray, " n"]) -> float:
    """Pearson's correlation; 0 where one of them does not move."""
    if a.std() < 1e-6 or b.std() < 1e-6:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])
