"""Putting the made face back: colour matched, feathered, composed exactly once."""

import numpy as np
from jaxtyping import Float32, UInt8

MOST_GAIN = 1.35
"""Colour matching brightens or darkens a mouth by this factor at most."""


def match_colour(
    mouth: UInt8[np.ndarray, "h w 3"], skin: UInt8[np.ndarray, "h w 3"], lips: Float32[np.ndarray, "h w"]
) -> UInt8[np.ndarray, "h w 3"]:
    """Scale the mouth's colours so that it meets the skin around it: medians over the lip mask's soft border."""
    border = (lips > 0.05) & (lips < 0.6)
    if int(border.sum()) < 20:
        return mouth
    own, wanted = np.median(mouth[border], axis=0), np.median(skin[border], axis=0)
    gain = np.clip(wanted / np.maximum(own, 1), 1 / MOST_GAIN, MOST_GAIN)
    return (mouth * gain.astype(np.float32)).clip(0, 255).astype(np.uint8)


def paste_back(
    frame: UInt8[np.ndarray, "h w 3"],
    made: Float32[np.ndarray, "y x 3"],
    mask: Float32[np.ndarray, "y x"],
    box: tuple[int, int, int, int],
) -> UInt8[np.ndarray, "h w 3"]:
    """The frame with `made` where `mask` is 1 and itself where it is 0; pixels without mask stay bit for bit."""
    left, top, right, bottom = box
    result = frame.copy()
    region = result[top:bottom, left:right]
    share = mask[..., None]
    blended = np.round(made * share + region * (1 - share)).clip(0, 255).astype(np.uint8)
    result[top:bottom, left:right] = np.where(share > 0, blended, region)
    return result
