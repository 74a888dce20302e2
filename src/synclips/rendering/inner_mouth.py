"""The inside of a mouth that closes: the narrower the opening, the less light falls in."""

from typing import Final

import numpy as np
from jaxtyping import Float32, UInt8

LIT: Final = 4.0
"""Opening, in canonical units, from which on the inside is as light as in the picture that it is taken from."""
DARKEST: Final = 0.3
"""What is left of the light when the lips meet."""
CLOSING: Final = 1.5
"""Only a mouth this many times as open as is wanted is shaded: others were seen at about this opening."""


def shade(
    picture: UInt8[np.ndarray, "h w 3"],
    inside: Float32[np.ndarray, "h w"],
    own: float,
    wanted: float,
) -> UInt8[np.ndarray, "h w 3"]:
    """A mouth seen at opening `own`, warped to opening `wanted` (canonical units): teeth that were in full light would
    else show as a bright line between closing lips. `inside` is the mask of the inner mouth, in [0, 1]."""
    wanted = max(wanted, 0.0)
    if own <= CLOSING * max(wanted, 1.0) or wanted >= LIT:
        return picture
    light = DARKEST + (1 - DARKEST) * wanted / LIT
    return (picture * (1 - (1 - light) * inside[..., None])).astype(np.uint8)
