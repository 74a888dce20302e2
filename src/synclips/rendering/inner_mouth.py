"""The painted inner mouth in rendering: when it is needed, in which light, with whose teeth, and where it is laid.

The person's own mouths come first. What they do not show is painted by `models.inner_mouth`, with one code for the
whole video, in the light of each frame, and laid between the lips of every layer before these are blended.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from jaxtyping import Float32, UInt8

from synclips.features.alignment import CROP_SCALE
from synclips.features.face_mesh import INNER_LIPS, lower_opening, smoothstep
from synclips.features.mesh_raster import SUBPIXEL, extend
from synclips.features.mouth_canvas import Canvas, inner_places, light_of, lip_colours
from synclips.models.inner_mouth import InnerMouth
from synclips.rendering.lip_parting import closedness, part_lips, without_rest_gap
from synclips.rendering.mesh_warp import Warp, warp_image
from synclips.rendering.mouth_bank import MouthShapes

NEEDED = (0.65, 0.3)
"""Largest opening that the bank shows, as a share of the wanted one, at which painting begins and is complete."""
LEAST_WANTED = 2.5
"""Canonical units: for smaller openings the bank is asked as for this one."""
SEEN = 3
"""So many mouths of the bank must be as open."""
FEATHER = 0.3
"""Canonical units over which the painted mouth's edge fades."""


@dataclass(frozen=True)
class InnerMouthPainter:
    """Paints the inner mouths of one person.

    code:   of the person, in the network's space
    shown:  the largest opening that the bank shows, beyond that of lips which meet (canonical units)
    """

    network: InnerMouth
    canvas: Canvas
    code: Float32[np.ndarray, " c"]
    shown: float

    @property
    def closed(self) -> float:
        """Opening that is detected where this person's lips meet; 0 if they are not known to."""
        opening = max(0.0, lower_opening(self.canvas.rest))
        return opening * closedness(opening)

    def share(self, wanted: Float32[np.ndarray, "n m 3"]) -> Float32[np.ndarray, " n"]:
        """How far the inner mouths of these lower faces are painted since the bank shows none as open, in [0, 1]."""
        opening = np.array([lower_opening(lower) for lower in wanted], np.float32) - self.closed
        begin, end = NEEDED
        ratio = self.shown / np.maximum(opening, LEAST_WANTED)
        return smoothstep(((begin - ratio) / (begin - end)).astype(np.float32))

    def close(self, lower: Float32[np.ndarray, "m 3"], share: float) -> Float32[np.ndarray, "m 3"]:
        """The lower face without the gap that is detected between closed lips (see `without_rest_gap`)."""
        share *= closedness(max(0.0, lower_opening(self.canvas.rest)))
        return lower if share == 0 else without_rest_gap(lower, self.canvas.rest, inner_places(), share)

    @torch.no_grad()
    def paint(
        self, lower: Float32[np.ndarray, "m 3"], colours: Float32[np.ndarray, " 6"]
    ) -> UInt8[np.ndarray, "h w 3"]:
        """The inner mouth of a lower face on the canvas, in the light of a picture with these colours of skin and
        lips (see `lip_colours`)."""
        light = light_of(colours)
        normal = np.clip((colours + 1) / np.tile(light, 2) - 1, -1, 1)
        device = self.network.codes.weight.device
        parts = (self.canvas.maps(lower), self.canvas.shape(lower), normal, self.code)
        made = self.network(*(torch.from_numpy(part[None].astype(np.float32)).to(device) for part in parts))
        picture = (made[0].permute(1, 2, 0).float().cpu().numpy() + 1) * 127.5 * light
        return picture.round().clip(0, 255).astype(np.uint8)

    def fill(
        self,
        layers: list[UInt8[np.ndarray, "y x 3"]],
        warp: Warp,
        seen: tuple[UInt8[np.ndarray, "h w 3"], Float32[np.ndarray, "v 2"]],
        rendered: tuple[Float32[np.ndarray, "468 3"], Float32[np.ndarray, "v 2"]],
        lower: Float32[np.ndarray, "m 3"],
        share: float,
    ) -> list[UInt8[np.ndarray, "y x 3"]]:
        """The layers (over the warp's box) with the painted mouth between their lips, by `share`.

        `seen`: the frame and its mesh, which give the light; `rendered`: the mesh that is rendered, canonical and in
        pixels of the frame; `lower`: the lower face that is wanted. Where the frame does not show the lips the layers
        stay as they are.
        """
        colours = lip_colours(*seen)
        if colours is None:
            return layers
        painted = warp_image(warp, self.paint(lower, colours), self.canvas.place(extend(rendered[0][None])[0]))
        height, width = painted.shape[:2]
        inside = between_lips(rendered[1] - np.array(warp.box[:2]), height, width, CROP_SCALE / warp.scale) * share
        return [
            (layer * (1 - inside[..., None]) + painted * inside[..., None]).round().astype(np.uint8) for layer in layers
        ]


def prepare_painter(
    network: InnerMouth | None, bank: MouthShapes, rest: Float32[np.ndarray, "m 3"]
) -> InnerMouthPainter | None:
    """The painter of the person of this bank, whose lower face at rest is `rest`; None without a network."""
    if network is None:
        return None
    opening = np.sort([lower_opening(lower) for lower in bank.lower])
    code = network.codes.weight[network.usual].detach().cpu().numpy()
    painter = InnerMouthPainter(network.eval(), Canvas(rest), code, 0.0)
    return replace(painter, shown=float(opening[-min(SEEN, len(opening))]) - painter.closed)


def part(
    picture: UInt8[np.ndarray, "h w 3"], points: Float32[np.ndarray, "v 2"], opening: float, share: float
) -> Float32[np.ndarray, "v 2"]:
    """The mesh of a picture (its pixels) whose mouth is detected `opening` wide, for a warp in two pieces."""
    return part_lips(picture, points, share * closedness(opening))


def between_lips(
    points: Float32[np.ndarray, "v 2"], height: int, width: int, unit: float
) -> Float32[np.ndarray, "h w"]:
    """The inner mouth of a mesh (pixels), its edge softened, in [0, 1]; `unit`: pixels of one canonical unit."""
    mask = np.zeros((height, width), np.uint8)
    fixed = np.round(points[INNER_LIPS] * (1 << SUBPIXEL)).astype(np.int32)
    cv2.fillPoly(mask, [fixed], 255, lineType=cv2.LINE_AA, shift=SUBPIXEL)
    soft = cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), max(0.5, FEATHER * unit))
    return np.clip(soft, 0, 1)
