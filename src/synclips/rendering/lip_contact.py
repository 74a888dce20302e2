"""Nearly closed lips meet.

A motion model plans the mean of what lips may do, and that of lips that touch and lips that just part is a narrow slit,
which real lips seldom show: between sounds that close them and sounds that open them they pass it in a frame or two. So
a small opening becomes none, a larger one stays as it is. Closed lips are detected with a gap between them; an open
mouth that is warped to that gap shows a line of teeth, so half of the gap is taken off, too.
"""

from functools import cache

import numpy as np
from jaxtyping import Float32, Int64

from synclips.features.face_mesh import INNER_BOTTOM, INNER_TOP, lower_points, smoothstep
from synclips.rendering.lip_parting import BELOW, OUTER_BELOW, OUTER_UPPER, UPPER
from synclips.rendering.mesh_warp import SMALLEST_GAP

PRESSED = 0.5
"""Share of the gap of closed lips that is taken off. All of it closes mouths made of open ones better still, and costs
.1 dB where the bank has closed ones (EXPERIMENTS.md, 2026-11-29)."""
OUTER_SHARE = 0.5
"""Of an inner lip's way, what the outer contour above or below it goes along."""


def with_contact(
    lower: Float32[np.ndarray, "n m 3"], rest: Float32[np.ndarray, "m 3"], limits: tuple[float, float]
) -> Float32[np.ndarray, "n m 3"]:
    """Lower faces whose lips meet where the mouth opens by less than the first of `limits` (canonical units beyond
    rest), and are as far apart as they were where it opens by more than the second; in between, in between.

    The lips move towards each other alike; the jaw stays.
    """
    low, high = limits
    if high <= low:
        return lower
    top, bottom = np.searchsorted(lower_points(), [INNER_TOP, INNER_BOTTOM])
    (upper, outer_upper), (below, outer_below) = _contours()
    opening = lower[:, bottom, 1] - lower[:, top, 1] - (rest[bottom, 1] - rest[top, 1])
    kept = smoothstep(((opening - low) / (high - low)).astype(np.float32))
    apart = lower[:, below, 1] - lower[:, upper, 1] - (rest[below, 1] - rest[upper, 1])
    at_rest = np.maximum(rest[below, 1] - rest[upper, 1] - SMALLEST_GAP, 0)
    way = (np.maximum(apart, 0) + PRESSED * at_rest) * (1 - kept[:, None]) / 2
    result = lower.copy()
    for inner, outer, sign in ((upper, outer_upper, 1), (below, outer_below, -1)):
        result[:, inner, 1] += sign * way
        result[:, outer, 1] += sign * OUTER_SHARE * way
    return result


Contours = tuple[Int64[np.ndarray, " k"], Int64[np.ndarray, " k"]]


@cache
def _contours() -> tuple[Contours, Contours]:
    """Places among the lower face's points of the inner and the outer contour of the upper lip, and of the lower."""
    inner_upper, outer_upper, inner_below, outer_below = (
        np.searchsorted(lower_points(), points) for points in (UPPER, OUTER_UPPER, BELOW, OUTER_BELOW)
    )
    return (inner_upper, outer_upper), (inner_below, outer_below)
