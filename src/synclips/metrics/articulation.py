"""How fully and how truly lips move, and how much of the source's own motion stays, in the canonical face frame.

Five movements of the lower face are measured apart, since the largest (opening) hides the others in a mean over points:
how wide the lips are, how far open, how high their corners stand, where the chin is, how far the lips come forward.
Head pose is out of all of them. They are linear in the points, so positions and displacements from rest serve alike.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Float32, Float64

from synclips.features.face_mesh import CORNERS, INNER_BOTTOM, INNER_TOP, LIPS, lower_points
from synclips.metrics.lip_shape import correlation

CHIN = 152
MOVEMENTS = ("width", "opening", "corners", "chin", "protrusion")
"""What is measured: distance of the lips' corners across; gap of the inner lips' middles; mean height of the corners;
lowering of the chin; mean nearness of the lips to the viewer."""
CLOSED = 1.0
"""Opening in canonical units from rest below which lips count as closed: what is detected of closed lips of real people
lies below it, but for some who rest with parted lips."""
AROUND = 0.04
"""Seconds before and after a sound in which lips may close for it."""
STILL = 1e-6
"""Standard deviation in canonical units below which nothing moves."""


@dataclass(frozen=True)
class Agreement:
    """How one movement of generated lips compares with the wanted one over time.

    amplitude:    ratio of their standard deviations; infinite where only the generated lips move, 1 where neither does
    correlation:  Pearson's; 0 where one of them does not move
    """

    amplitude: float
    correlation: float


@dataclass(frozen=True)
class Leak:
    """How much of the source's own movement stays in a picture that was made after a plan.

    share:    a in `picture = plan + a (source - plan)`, by least squares over the frames; 0: nothing of it. A picture
              that moves less than planned has a share too, since it comes nearer to any source; `partial` has none.
    partial:  correlation of picture and source, the plan held fixed
    """

    share: float
    partial: float


def movements(lower: Float32[np.ndarray, "n m 3"]) -> dict[str, Float64[np.ndarray, " n"]]:
    """Each of `MOVEMENTS` in each frame, in canonical units; larger: wider, opener, higher, lower chin, further out.

    `lower` are canonical positions of `lower_points()`, or their displacements from rest, which only shifts the values.
    """
    return dict(zip(MOVEMENTS, movement_rows(lower).T, strict=True))


def movement_rows(lower: Float32[np.ndarray, "n m 3"]) -> Float64[np.ndarray, "n 5"]:
    """The same as a row a frame, in the order of `MOVEMENTS`."""
    rows: Float64[np.ndarray, "n 5"] = np.einsum("nmc,qmc->nq", lower.astype(np.float64), movement_weights())
    return rows


def agreement(made: Float32[np.ndarray, "n m 3"], wanted: Float32[np.ndarray, "n m 3"]) -> dict[str, Agreement]:
    """`Agreement` of each movement of a generated lower face (planned, or found in a picture) with the wanted."""
    found = {}
    for name, (one, other) in _pairs(made, wanted).items():
        still, quiet = other.std() < STILL, one.std() < STILL
        amplitude = (1.0 if quiet else float("inf")) if still else float(one.std() / other.std())
        found[name] = Agreement(amplitude, correlation(one.astype(np.float32), other.astype(np.float32)))
    return found


def smallest_openings(
    opening: Float64[np.ndarray, " n"],
    times: Float64[np.ndarray, " n"],
    spans: Iterable[tuple[float, float]],
    around: float = AROUND,
) -> list[float]:
    """The smallest value of a mouth's opening in each span (start and end in seconds, and `around` on either side) of
    which there are frames to its end: whether lips close where a "p", "b" or "m" is said.

    times:  when the frames are shown, in seconds
    """
    if not len(times):
        return []
    half = float(times[1] - times[0]) / 2 if len(times) > 1 else 0.0
    edges = [(start - around - half, end + around + half) for start, end in spans if end + around < times[-1]]
    return [float(opening[(times >= start) & (times <= end)].min()) for start, end in edges]


def leaks(
    picture: Float32[np.ndarray, "n m 3"], plan: Float32[np.ndarray, "n m 3"], source: Float32[np.ndarray, "n m 3"]
) -> dict[str, Leak]:
    """`Leak` of each movement: lower faces found in a result, planned for it, and found in the video it was made on."""
    seen, planned, own = (movements(lower) for lower in (picture, plan, source))
    return {name: _leak(seen[name], planned[name], own[name]) for name in MOVEMENTS}


def articulation_figures(
    made: Float32[np.ndarray, "n m 3"], wanted: Float32[np.ndarray, "n m 3"], prefix: str = ""
) -> dict[str, float]:
    """`agreement` as flat figures: `{prefix}{movement}_amplitude` and `{prefix}{movement}_r` for each movement."""
    figures = {}
    for name, found in agreement(made, wanted).items():
        figures[f"{prefix}{name}_amplitude"] = found.amplitude
        figures[f"{prefix}{name}_r"] = found.correlation
    return figures


def _leak(
    picture: Float64[np.ndarray, " n"], plan: Float64[np.ndarray, " n"], source: Float64[np.ndarray, " n"]
) -> Leak:
    picture, plan, source = (values - values.mean() for values in (picture, plan, source))
    towards = source - plan
    power = float(towards @ towards)
    share = float((picture - plan) @ towards) / power if power > STILL**2 * len(plan) else 0.0
    left = [values - plan * (float(values @ plan) / max(float(plan @ plan), STILL**2)) for values in (picture, source)]
    return Leak(share, correlation(*(values.astype(np.float32) for values in left)))


def _pairs(
    made: Float32[np.ndarray, "n m 3"], wanted: Float32[np.ndarray, "n m 3"]
) -> dict[str, tuple[Float64[np.ndarray, " n"], Float64[np.ndarray, " n"]]]:
    """Both courses of each movement, about their means."""
    one, other = movements(made), movements(wanted)
    return {name: (one[name] - one[name].mean(), other[name] - other[name].mean()) for name in MOVEMENTS}


@cache
def movement_weights() -> Float64[np.ndarray, "5 m 3"]:
    """Each of `MOVEMENTS` as weights of the lower face's coordinates."""
    place = {int(point): i for i, point in enumerate(lower_points())}
    right, left = (place[p] for p in CORNERS)
    weights = np.zeros((len(MOVEMENTS), len(place), 3))
    weights[0, [left, right], 0] = 1, -1
    weights[1, [place[INNER_BOTTOM], place[INNER_TOP]], 1] = 1, -1
    weights[2, [left, right], 1] = -0.5
    weights[3, place[CHIN], 1] = 1
    weights[4, [place[int(p)] for p in LIPS], 2] = -1 / len(LIPS)
    return weights
