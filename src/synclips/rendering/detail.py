"""What blending takes away: fine detail, and the camera's grain."""

from functools import cache

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

DECIDED = 8
"""Power of the layers' shares by which they lend detail: the mean of two mouths' teeth is a blur."""
MOST_GRAIN = 4.0
"""Grey levels (standard deviation) of grain added at most."""
TILE = 512
"""Side of the square of noise that grain is cut from."""
MAD = 1.4826
"""Standard deviations that a normal distribution's median absolute deviation is worth, inverted."""


def blend_layers(
    layers: list[UInt8[np.ndarray, "y x 3"]], shares: Float32[np.ndarray, "y x l"], fine: float
) -> Float32[np.ndarray, "y x 3"]:
    """The layers in these shares (they sum to 1 a pixel), but with the detail of the leading one.

    Two bands (Burt and Adelson, "A multiresolution spline with application to image mosaics", ACM ToG 1983): what is
    coarser than `fine` pixels is the weighted mean, what is finer comes from whichever layer has the largest share.
    """
    leading = shares**DECIDED
    leading /= np.maximum(leading.sum(axis=2, keepdims=True), 1e-6)
    made = np.zeros((*shares.shape[:2], 3), np.float32)
    for number, layer in enumerate(layers):
        lead = leading[..., number, None]
        made += layer * lead + cv2.GaussianBlur(layer, (0, 0), fine) * (shares[..., number, None] - lead)
    return made


def match_grain(
    made: Float32[np.ndarray, "y x 3"],
    frame: UInt8[np.ndarray, "y x 3"],
    skin: Bool[np.ndarray, "y x"],
    seed: tuple[int, int],
) -> Float32[np.ndarray, "y x 3"]:
    """The made picture with as much grain on its `skin` as the frame has there: independent noise in each frame, the
    same for the same `seed`."""
    if int(skin.sum()) < 64:
        return made
    wanted, own = grain(frame, skin), grain(made, skin)
    lack = np.sqrt(max(0.0, wanted**2 - own**2))
    if lack < 0.1:
        return made
    down, right = np.random.default_rng(seed).integers(0, TILE, 2)
    rows, columns = (np.arange(made.shape[0]) + down) % TILE, (np.arange(made.shape[1]) + right) % TILE
    return made + _noise()[rows[:, None], columns[None], None] * np.float32(min(lack, MOST_GRAIN))


def grain(picture: Float32[np.ndarray, "y x 3"] | UInt8[np.ndarray, "y x 3"], where: Bool[np.ndarray, "y x"]) -> float:
    """Standard deviation of what is finer than a pixel or two in luminance, edges left out."""
    grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.float32)
    fine = (grey - cv2.GaussianBlur(grey, (0, 0), 1.0))[where]
    return float(np.median(np.abs(fine))) * MAD


@cache
def _noise() -> Float32[np.ndarray, "t t"]:
    """Noise whose `grain` is 1."""
    noise = np.random.default_rng(0).normal(size=(TILE, TILE)).astype(np.float32)
    noise = np.asarray(cv2.GaussianBlur(noise, (0, 0), 0.5), np.float32)
    fine = noise - cv2.GaussianBlur(noise, (0, 0), 1.0)
    return noise / (np.median(np.abs(fine)) * MAD)
