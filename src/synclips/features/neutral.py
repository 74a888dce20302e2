"""A face at rest: the shape from which every expression is measured."""

import numpy as np
from jaxtyping import Float32

from synclips.features.face_mesh import mouth_opening

LEAST_OPEN = 0.2
"""Share of the frames, those with the mouth least open, whose mean is the person's rest."""


def rest_shape(meshes: Float32[np.ndarray, "n 468 3"]) -> Float32[np.ndarray, "468 3"]:
    """The canonical mesh at rest: the mean of the frames whose mouth is least open."""
    opening = mouth_opening(meshes)
    return meshes[opening <= np.quantile(opening, LEAST_OPEN)].mean(axis=0)
