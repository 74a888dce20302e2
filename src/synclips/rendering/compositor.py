"""Compositing: mouths matched in colour and shaded, layers blended in two bands, grain matched, the face pasted back.

Pictures are composed with the frame exactly once, in `paste_back`.
"""

from functools import cache

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from synclips.config import RenderConfig

Picture = Float32[np.ndarray, "h w 3"] | UInt8[np.ndarray, "h w 3"]
TILE = 512
"""Side in pixels of the square of noise that grain is cut from."""
MAD = 1.4826
"""Standard deviation of a normal distribution whose median absolute deviation is 1."""
SAMPLED = 8192
"""Pixels, evenly over the skin, that its grain is measured in."""
_LEVELS = np.arange(256, dtype=np.float32)[:, None]


def colour_gain(
    mouth: Picture, base: Picture, lips: Float32[np.ndarray, "h w"], render: RenderConfig
) -> Float32[np.ndarray, " 3"]:
    """Factors for a mouth's red, green and blue by which it meets the base layer around it: the ratio of their medians
    over the lip mask's soft border. Pictures in [0, 255]."""
    border = np.flatnonzero((lips > 0.05) & (lips < 0.6))
    if len(border) < 20:
        return np.ones(3, np.float32)
    own, wanted = (np.median(picture.reshape(-1, 3).take(border, axis=0).T, axis=1) for picture in (mouth, base))
    return np.clip(wanted / np.maximum(own, 1), 1 / render.largest_gain, render.largest_gain).astype(np.float32)


def match_colour(
    mouth: UInt8[np.ndarray, "h w 3"],
    base: UInt8[np.ndarray, "h w 3"],
    lips: Float32[np.ndarray, "h w"],
    render: RenderConfig,
) -> UInt8[np.ndarray, "h w 3"]:
    """The mouth with its colours scaled by `colour_gain`."""
    table = (_LEVELS * colour_gain(mouth, base, lips, render)).clip(0, 255).astype(np.uint8)
    return cv2.LUT(mouth, table[None])


def inner_mouth_light(own: float, wanted: float, render: RenderConfig) -> float:
    """Factor for the brightness of the inner mouth, seen at opening `own` and warped to opening `wanted` (canonical
    units): teeth that were in full light would else show as a bright line between closing lips."""
    wanted = max(wanted, 0.0)
    if own <= render.closing * max(wanted, 1.0) or wanted >= render.lit_opening:
        return 1.0
    return render.darkest + (1 - render.darkest) * wanted / render.lit_opening


def darken_inner_mouth(
    picture: UInt8[np.ndarray, "h w 3"],
    inside: Float32[np.ndarray, "h w"],
    own: float,
    wanted: float,
    render: RenderConfig,
) -> UInt8[np.ndarray, "h w 3"]:
    """The picture with its inner mouth (mask `inside`, in [0, 1]) scaled by `inner_mouth_light`."""
    light = inner_mouth_light(own, wanted, render)
    if light == 1 or not inside.any():
        return picture
    result, (rows, columns) = picture.copy(), bounds(inside)
    kept = 1 - (1 - light) * inside[rows, columns]
    result[rows, columns] = (picture[rows, columns] * threefold(kept)).astype(np.uint8)
    return result


def one_mouth(
    shares: Float32[np.ndarray, "y x l"], inside: Float32[np.ndarray, "y x"], power: float
) -> Float32[np.ndarray, "y x l"]:
    """Shares of the layers (the base layer first) in which one mouth wins wherever mouths are shown.

    Each mouth's part of all mouths' share becomes the same all over the lips: its mean within `inside` raised to
    `power`. Two mouths over each other have their lips and teeth twice, and are less open than either.
    """
    base, *mouths = cv2.split(shares)
    mean = np.array([float(cv2.multiply(mouth, inside).sum(dtype=np.float64)) for mouth in mouths])
    if mean.sum() <= 0:
        return shares
    part = (mean / mean.max()) ** power
    part = part / part.sum()
    total = sum(mouths[1:], mouths[0])
    return cv2.merge([base, *(total * np.float32(share) for share in part)])


def blend_layers(
    layers: list[UInt8[np.ndarray, "y x 3"]], shares: Float32[np.ndarray, "y x l"], fine: float, render: RenderConfig
) -> Float32[np.ndarray, "y x 3"]:
    """The weighted sum of the layers (`shares` sum to 1 a pixel), with the fine detail of the layer of largest weight.

    Two bands (Burt and Adelson, "A multiresolution spline with application to image mosaics", ACM ToG 1983): what is
    coarser than `fine` pixels is the weighted mean, what is finer comes from whichever layer has the largest share.
    """
    planes = cv2.split(shares)
    leading = [cv2.pow(plane, render.detail_power) for plane in planes]
    total = np.maximum(sum(leading[1:], leading[0]), 1e-6)
    made = np.zeros((*shares.shape[:2], 3), np.float32)
    for layer, share, power in zip(layers, planes, leading, strict=True):
        lead = cv2.divide(power, total)
        made += cv2.multiply(layer, threefold(lead), dtype=cv2.CV_32F)
        coarse = cv2.GaussianBlur(layer, (0, 0), fine)
        made += cv2.multiply(coarse, threefold(share - lead), dtype=cv2.CV_32F)
    return made


def match_grain(
    made: Float32[np.ndarray, "y x 3"],
    frame: UInt8[np.ndarray, "y x 3"],
    skin: Bool[np.ndarray, "y x"],
    seed: tuple[int, int],
    render: RenderConfig,
) -> Float32[np.ndarray, "y x 3"]:
    """The generated picture with as much grain on its `skin` as the frame has there: noise that is independent from
    frame to frame and a function of `seed`."""
    if int(skin.sum()) < 64:
        return made
    wanted, own = grain(frame, skin), grain(made, skin)
    lack = np.sqrt(max(0.0, wanted**2 - own**2))
    if lack < 0.1:
        return made
    down, right = np.random.default_rng(seed).integers(0, TILE, 2)
    rows, columns = (np.arange(made.shape[0]) + down) % TILE, (np.arange(made.shape[1]) + right) % TILE
    added = _noise().take(rows, axis=0).take(columns, axis=1)
    added *= np.float32(min(lack, render.largest_grain))
    return cv2.add(made, threefold(added))


def paste_back(
    frame: UInt8[np.ndarray, "h w 3"],
    made: Float32[np.ndarray, "y x 3"],
    mask: Float32[np.ndarray, "y x"],
    box: tuple[int, int, int, int],
) -> UInt8[np.ndarray, "h w 3"]:
    """The frame with `made` where `mask` is 1; pixels whose mask is 0 stay bit for bit."""
    left, top, right, bottom = box
    result = frame.copy()
    result[top:bottom, left:right] = laid_over(frame[top:bottom, left:right], made, mask)
    return result


def laid_over(
    picture: UInt8[np.ndarray, "y x 3"], made: Float32[np.ndarray, "y x 3"], mask: Float32[np.ndarray, "y x"]
) -> UInt8[np.ndarray, "y x 3"]:
    """The picture with `made` where `mask` is 1; pixels whose mask is 0 stay bit for bit."""
    change = cv2.subtract(made, picture, dtype=cv2.CV_32F)
    return cv2.add(picture, cv2.multiply(change, threefold(mask)), dtype=cv2.CV_8U)


def threefold(plane: Float32[np.ndarray, "y x"]) -> Float32[np.ndarray, "y x 3"]:
    """The plane for each of three colours: numpy broadcasts over a short last axis slowly."""
    return cv2.merge([plane, plane, plane])


def bounds(mask: Float32[np.ndarray, "y x"]) -> tuple[slice, slice]:
    """Rows and columns that hold all of a mask that is above 0."""
    left, top, width, height = cv2.boundingRect((mask > 0).astype(np.uint8))
    return slice(top, top + height), slice(left, left + width)


def grain(picture: Float32[np.ndarray, "y x 3"] | UInt8[np.ndarray, "y x 3"], where: Bool[np.ndarray, "y x"]) -> float:
    """Robust standard deviation (grey levels) of luminance less its blur of one pixel; the median leaves edges out."""
    grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.float32)
    fine = (grey - cv2.GaussianBlur(grey, (0, 0), 1.0)).take(np.flatnonzero(where))
    return float(np.median(np.abs(fine[:: max(1, len(fine) // SAMPLED)]))) * MAD


@cache
def _noise() -> Float32[np.ndarray, "t t"]:
    """Noise whose `grain` is 1."""
    noise = np.random.default_rng(0).normal(size=(TILE, TILE)).astype(np.float32)
    noise = np.asarray(cv2.GaussianBlur(noise, (0, 0), 0.5), np.float32)
    fine = noise - cv2.GaussianBlur(noise, (0, 0), 1.0)
    return noise / (np.median(np.abs(fine)) * MAD)
