"""The public-domain portrait that scikit-image carries: a face without a download."""

import numpy as np
from jaxtyping import UInt8


def demo_portrait() -> UInt8[np.ndarray, "512 512 3"]:
    """NASA's photograph of the astronaut Eileen Collins (public domain), from scikit-image's own files. RGB."""
    from skimage import data

    portrait: UInt8[np.ndarray, "512 512 3"] = data.astronaut()
    return portrait
