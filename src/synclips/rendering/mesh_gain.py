"""What the mesh of a face understates: by how much chin and lips move further in the picture than the mesh says.

A landmark network draws its points towards the average face. Where it reports the share g of a chin's movement, a warp
by the mesh's displacement moves pixels by that share only: the result shows `source + g (wanted - source)`, too little
of what is wanted, and 1 - g of the source's own movement stays. Displacements from rest are therefore scaled up, in the
meshes that are warped and in those that are warped to alike (EXPERIMENTS.md, 2026-11-28, "The picture follows the
plan"). How far the chin must be is a matter of the person, and is found in their own frames: two of them with different
chins are warped onto each other with several gains, and that which leaves the least difference is right.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import cv2
import numpy as np
from jaxtyping import Float32, Float64, UInt8

from synclips.config import RenderConfig
from synclips.features.alignment import CROP, CROP_SCALE
from synclips.features.face_mesh import CORNERS, MOUTH_CENTRE, lower_points, lower_weight, smoothstep, template
from synclips.features.mesh_raster import extend, rasterise
from synclips.media.picture import Box
from synclips.media.read_ahead import worked_on
from synclips.rendering.mesh_warp import near_lips
from synclips.runtime import frame_workers

CHIN: Final = 152
BELOW_LIPS: Final = 17
"""The middle of the lower lip's lower edge."""
MIDDLE, SIDE = 16.0, 34.0
"""Canonical units beside the face's middle up to which the chin's gain holds wholly, and from which it does not."""
TRIED: Final = (1.0, 1.15, 1.3, 1.45, 1.6)
"""Gains of the chin that are tried."""
LOOKED_AT: Final = 60
"""Frames, evenly over those given, among which pairs are searched."""
PAIRS: Final = 16
LEAST_MOVED: Final = 1.5
"""Canonical units by which two frames' chins must differ."""
TURN_COUNTS: Final = 60.0
"""Canonical units that a squared radian of difference in head pose counts against a pair."""
TRUST: Final = 0.25
"""Relative difference of the pictures that a gain one away from the usual one must save: where pictures do not tell,
the usual gain is taken."""


@dataclass(frozen=True)
class MeshGain:
    """Canonical meshes with their displacements from rest scaled, point by point.

    rest:  the person's lower face with the mouth closed
    gain:  of each of its coordinates
    """

    rest: Float32[np.ndarray, "m 3"]
    gain: Float32[np.ndarray, "m 3"]

    def mesh(self, meshes: Float32[np.ndarray, "*n 468 3"]) -> Float32[np.ndarray, "*n 468 3"]:
        """Whole meshes, the upper face left as it is."""
        result = meshes.copy()
        result[..., lower_points(), :] = self.lower(meshes[..., lower_points(), :])
        return result

    def lower(self, lower: Float32[np.ndarray, "*n m 3"]) -> Float32[np.ndarray, "*n m 3"]:
        """Lower faces."""
        return (self.rest + self.gain * (lower - self.rest)).astype(np.float32)


def usual_gain(rest: Float32[np.ndarray, "m 3"], render: RenderConfig, chin: float | None = None) -> MeshGain:
    """The settings' gains; `chin`: another gain of chin, jaw and cheeks than theirs."""
    lips = near_lips()[lower_points(), None]
    part = np.minimum(1, 2.5 * lower_weight())[lower_points(), None]  # as the face's mask grows
    chin = render.chin_gain if chin is None else chin
    across, along = render.lip_gain
    corners = _corner_share() * (render.corner_gain - along)
    of_lips = np.stack([np.full(len(rest), across), along + corners, np.ones(len(rest))], axis=1)
    gain = 1 + part * ((chin - 1) * _below_mouth()[:, None] * (1 - lips) + (of_lips - 1) * lips)
    return MeshGain(rest, gain.astype(np.float32))


def measure_gain(
    crops: Sequence[UInt8[np.ndarray, "144 144 3"]],
    meshes: Float32[np.ndarray, "n 468 3"],
    maps: Float64[np.ndarray, "n 3 4"],
    turn: Float64[np.ndarray, "n 3"],
    rest: Float32[np.ndarray, "m 3"],
    render: RenderConfig,
) -> MeshGain:
    """The gains of one person, that of the chin found in some of their frames (`usual_gain` if they do not tell).

    `crops`: face crops; `meshes`: canonical; `maps`: canonical points to crop pixels (see alignment.crop_pose);
    `turn`: rotation vectors in radians.
    """
    pairs = _pairs(meshes[:, CHIN, 1], turn)
    if not pairs or not render.measure_chin:
        return usual_gain(rest, render)
    gains = [usual_gain(rest, render, chin) for chin in TRIED]

    def misfits(pair: tuple[int, int]) -> list[float]:
        return [_misfit(gain, *pair, crops, meshes, maps) for gain in gains]

    table = np.array(list(worked_on(pairs, misfits, frame_workers())))
    error = table.mean(axis=0)
    cost = error / max(float(error.min()), 1e-6) + TRUST * (np.array(TRIED) - render.chin_gain) ** 2
    return usual_gain(rest, render, _least(np.array(TRIED), cost))


def _pairs(chin: Float32[np.ndarray, " n"], turn: Float64[np.ndarray, "n 3"]) -> list[tuple[int, int]]:
    """Frames whose chins differ most and whose heads are turned alike, each used once."""
    some = np.unique(np.linspace(0, len(chin) - 1, LOOKED_AT).round().astype(int))
    apart = np.abs(chin[some, None] - chin[None, some])
    value = apart - TURN_COUNTS * ((turn[some, None] - turn[None, some]) ** 2).sum(axis=2)
    value[apart < LEAST_MOVED] = -np.inf
    pairs = []
    for _ in range(PAIRS):
        i, j = np.unravel_index(int(value.argmax()), value.shape)
        if not value[i, j] > 0:
            break
        pairs.append((int(some[i]), int(some[j])))
        value[[i, j]] = value[:, [i, j]] = -np.inf
    return pairs


def _misfit(
    gain: MeshGain,
    i: int,
    j: int,
    crops: Sequence[UInt8[np.ndarray, "144 144 3"]],
    meshes: Float32[np.ndarray, "n 468 3"],
    maps: Float64[np.ndarray, "n 3 4"],
) -> float:
    """Root mean square difference (grey levels) between frame i's chin and frame j's, warped there by scaled meshes."""
    left, top, right, bottom = _chin_area(_to_crop(meshes[i], maps[i]))
    if right <= left or bottom <= top:
        return 0.0
    there, here = (_to_crop(extend(gain.mesh(meshes[[k]]))[0], maps[k]) for k in (i, j))
    at = rasterise(there - np.array([left, top], np.float32), bottom - top, right - left).interpolate(here)
    made = cv2.remap(crops[j], at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    difference = (made.astype(np.float32) - crops[i][top:bottom, left:right]).reshape(-1, 3)
    return float(np.sqrt(((difference - np.median(difference, axis=0)) ** 2).mean()))


def _chin_area(points: Float32[np.ndarray, "468 2"]) -> Box:
    """From below the lower lip to below the chin, as wide as the mouth: the crop's pixels between these edges."""
    (left, _), (right, _) = sorted(points[list(CORNERS)].tolist())
    top, bottom = points[BELOW_LIPS, 1] + 3 * CROP_SCALE, points[CHIN, 1] + 10 * CROP_SCALE
    low = np.clip(np.floor([left, top]).astype(int) + 1, 0, CROP)
    high = np.clip(np.ceil([right, bottom]).astype(int), 0, CROP)
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def _to_crop(points: Float32[np.ndarray, "v 3"], matrix: Float64[np.ndarray, "3 4"]) -> Float32[np.ndarray, "v 2"]:
    return (points @ matrix[:2, :3].T + matrix[:2, 3]).astype(np.float32)


def _least(at: Float64[np.ndarray, " k"], cost: Float64[np.ndarray, " k"]) -> float:
    """Where the parabola through the least of evenly spaced values and its neighbours is least."""
    low = int(np.clip(cost.argmin(), 1, len(at) - 2))
    a, b, c = cost[low - 1 : low + 2]
    bend = a - 2 * b + c
    step = (a - c) / (2 * bend) if bend > 0 else 0.0
    return float(np.clip(at[low] + step * (at[1] - at[0]), at[0], at[-1]))


@cache
def _below_mouth() -> Float32[np.ndarray, " m"]:
    """1 up to `MIDDLE` beside the face's middle, falling to 0 at `SIDE`."""
    beside = np.abs(template()[lower_points(), 0] - MOUTH_CENTRE[0])
    return (1 - smoothstep((beside - MIDDLE) / (SIDE - MIDDLE))).astype(np.float32)


@cache
def _corner_share() -> Float32[np.ndarray, " m"]:
    """1 at the lips' corners, falling to 0 half the lips' width away from them."""
    points = template()[lower_points(), :2]
    right, left = template()[list(CORNERS), :2]
    reach = np.linalg.norm(right - left) / 2
    distance = np.minimum(*(np.linalg.norm(points - corner, axis=1) for corner in (right, left)))
    return smoothstep((1 - distance / reach).astype(np.float32))
