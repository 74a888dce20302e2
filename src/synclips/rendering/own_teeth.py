"""A person's own teeth where the bank holds one mouth only: a photograph, or somebody who smiles throughout.

Warped from mesh to mesh, teeth are stretched and squeezed with the lips. Here they stay where they are in the head:
each pixel between the wanted lips shows what one chosen picture has at the same place of the canonical frame, as far as
it shows the inner mouth there. One picture serves for the whole video, so that teeth are the same in all frames.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float32, Float64, UInt8

from synclips.features.face_mesh import INNER_LIPS, lower_opening, lower_points, smoothstep
from synclips.features.mesh_raster import SUBPIXEL, extend
from synclips.features.mouth_canvas import depth_of_lips, light_of, lip_colours
from synclips.rendering.mesh_warp import Warp
from synclips.rendering.mouth_bank import MouthBank

TEETH = (2.0, 4.0)
"""Openings (canonical units) from which a picture shows teeth at all, and well."""
RANGE = (4.5, 2.5)
"""Range of openings within a bank above which its mouths are warped as they are, and below which one stands for all."""
INSET, SOFT = 0.6, 0.5
"""Canonical units by which a picture's inner mouth is taken to be smaller than detected, and over which it fades."""


@dataclass(frozen=True)
class OwnTeeth:
    """One picture's inner mouth.

    lower:    its canonical lower face
    inside:   its inner mouth, a little narrowed, in [0, 1]
    affine:   canonical points to the picture's pixels
    light:    of the picture (see `light_of`)
    """

    picture: UInt8[np.ndarray, "h w 3"]
    lower: Float32[np.ndarray, "m 3"]
    inside: Float32[np.ndarray, "h w"]
    affine: Float64[np.ndarray, "2 4"]
    light: Float32[np.ndarray, " 3"]

    def over(
        self, warp: Warp, mesh: Float32[np.ndarray, "468 3"], colours: Float32[np.ndarray, " 6"]
    ) -> tuple[Float32[np.ndarray, "y x 3"], Float32[np.ndarray, "y x"]]:
        """The teeth over the warp's box for the rendered canonical mesh, in the light of a picture with these colours
        of skin and lips, and how far they are known there, in [0, 1]."""
        place = warp.raster.interpolate(extend(mesh[None])[0])
        place[..., 2] = depth_of_lips(self.lower, place[..., 0])
        at = warp.to_native((place @ self.affine[:, :3].T + self.affine[:, 3]).astype(np.float32))
        light = light_of(colours) / self.light
        picture = cv2.remap(
            self.picture, at[..., 0], at[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        ).astype(np.float32)
        known = cv2.remap(self.inside, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        return picture * light, np.clip(known, 0, 1)


def fixed_share(openings: Float64[np.ndarray, " n"]) -> float:
    """How far one picture's teeth stand for all mouths of a bank with these openings (canonical units), in [0, 1]."""
    low, high = np.quantile(openings, [0.05, 0.95])
    few = (high - low - RANGE[0]) / (RANGE[1] - RANGE[0])
    shown = (high - TEETH[0]) / (TEETH[1] - TEETH[0])
    return float(smoothstep(np.array([few, shown], np.float32)).prod())


def find_teeth(bank: MouthBank, number: int) -> OwnTeeth | None:
    """The inner mouth of one of the bank's pictures; None where its lips are not in the picture."""
    mouth, lower = bank.mouths[number], bank.lower[number]
    colours = lip_colours(mouth.picture, mouth.points)
    if colours is None:
        return None
    known = np.concatenate([lower, np.ones((len(lower), 1), np.float32)], axis=1).astype(np.float64)
    affine = np.linalg.lstsq(known, mouth.points[lower_points()].astype(np.float64), rcond=None)[0].T
    unit = float(np.sqrt(abs(np.linalg.det(affine[:, :2]))))
    inner = np.zeros(mouth.picture.shape[:2], np.uint8)
    cv2.fillPoly(inner, [np.round(mouth.points[INNER_LIPS] * (1 << SUBPIXEL)).astype(np.int32)], 1, shift=SUBPIXEL)
    far = cv2.distanceTransform(inner, cv2.DIST_L2, 5) / max(unit, 1e-6)  # canonical units from the contour
    inside = np.clip((far - INSET) / SOFT, 0, 1).astype(np.float32)
    return OwnTeeth(mouth.picture, lower, inside, affine, light_of(colours))


def openings_of(bank: MouthBank) -> Float64[np.ndarray, " n"]:
    """Openings of the bank's mouths in canonical units."""
    return np.array([lower_opening(lower) for lower in bank.lower])
