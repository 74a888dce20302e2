"""The painted inner mouth in rendering: when it is needed, in which light, with whose teeth, and where it is laid.

The person's own mouths come first. What they do not show is painted by `models.inner_mouth`, with one code for the
whole video, in the light of each frame, and laid between the lips of every layer before these are blended.
"""

from functools import cached_property

import cv2
import numpy as np
import torch
from jaxtyping import Float32, Int64, UInt8

from synclips.config import RenderConfig
from synclips.features.alignment import CROP_SCALE
from synclips.features.face_mesh import INNER_LIPS, lower_opening, lower_points, smoothstep, template
from synclips.features.mesh_raster import SUBPIXEL, extend, rasterise
from synclips.features.mouth_canvas import HEIGHT, WIDTH, Canvas, inner_places, light_of, lip_colours
from synclips.models.inner_mouth import InnerMouth
from synclips.rendering.compositor import inner_mouth_light
from synclips.rendering.lip_parting import closedness, part_lips, without_rest_gap
from synclips.rendering.mesh_warp import Warp, warp_image
from synclips.rendering.mouth_bank import Mouth, MouthBank
from synclips.rendering.own_teeth import OwnTeeth, find_teeth, fixed_share, openings_of

NEEDED = (0.65, 0.3)
"""Largest opening that the bank shows, as a share of the wanted one, at which painting begins and is complete."""
LEAST_WANTED = 2.5
"""Canonical units: for smaller openings the bank is asked as for this one."""
SEEN = 3
"""So many mouths of the bank must be as open."""
TEETH = 2.0
"""Opening (canonical units) from which a bank's mouths show whose teeth these are."""
COMPARED = 4
"""So many of its most open mouths are compared."""
TINT = 0.5
"""Power of the light's colour that reaches the inner mouth: a part of it is the skin's own colour."""
GREENEST, BLUEST = 0.55, 0.85
"""Most green for the red of a dark pixel (of a white one: all of it), and least blue for its green: the dark of a mouth
is red, and its teeth are not yellow; a network's may be olive."""
FEATHER = 0.3
"""Canonical units over which the painted mouth's edge fades."""


class InnerMouthPainter:
    """Paints the inner mouths of one person.

    Args:
        network: of any device, in evaluation mode.
        bank: the person's own mouths.
        rest: the lower face at rest, canonical.
    """

    def __init__(self, network: InnerMouth, bank: MouthBank, rest: Float32[np.ndarray, "m 3"]) -> None:
        self.network, self.bank, self.canvas = network, bank, Canvas(rest)
        self._opening = openings_of(bank)
        at_rest = max(0.0, lower_opening(rest))
        self._closedness = closedness(at_rest)
        self.closed = at_rest * self._closedness
        """Opening that is detected where this person's lips meet; 0 if they are not known to."""
        self.shown = float(np.sort(self._opening)[-min(SEEN, len(bank))]) - self.closed
        """The largest opening that the bank shows, beyond `closed` (canonical units)."""
        self.fixed = fixed_share(self._opening)
        """How far the teeth of one picture stand for all."""

    @cached_property
    def code(self) -> Float32[np.ndarray, " c"]:
        """The code that paints the teeth that the bank shows best; where it shows none, the network's usual one."""
        usual: Float32[np.ndarray, " c"] = self._codes()[int(self.network.usual)]
        return usual if self.shown < TEETH else self.closest_code(np.argsort(self._opening)[-COMPARED:])

    @cached_property
    def teeth(self) -> OwnTeeth | None:
        """The person's own teeth, if one picture's stand for all."""
        if self.fixed == 0:
            return None
        return find_teeth(self.bank, int(np.argsort(self._opening)[-min(SEEN, len(self.bank))]))

    def share(self, wanted: Float32[np.ndarray, "n m 3"]) -> Float32[np.ndarray, " n"]:
        """How far the inner mouths of these lower faces are painted, since the bank shows none as open or hardly any
        other than one, in [0, 1]."""
        opening = np.array([lower_opening(lower) for lower in wanted], np.float32) - self.closed
        begin, end = NEEDED
        ratio = self.shown / np.maximum(opening, LEAST_WANTED)
        return np.maximum(smoothstep(((begin - ratio) / (begin - end)).astype(np.float32)), np.float32(self.fixed))

    def close(self, lower: Float32[np.ndarray, "m 3"], share: float) -> Float32[np.ndarray, "m 3"]:
        """The lower face without the gap that is detected between closed lips (see `without_rest_gap`)."""
        share *= self._closedness
        return lower if share == 0 else without_rest_gap(lower, self.canvas.rest, inner_places(), share)

    @torch.no_grad()
    def paint(
        self,
        lower: Float32[np.ndarray, "m 3"],
        colours: Float32[np.ndarray, " 6"],
        code: Float32[np.ndarray, " c"] | None = None,
    ) -> UInt8[np.ndarray, "h w 3"]:
        """The inner mouth of a lower face on the canvas, in the light of a picture with these colours of skin and
        lips (see `lip_colours`); `code`: another than the person's."""
        light = light_of(colours)
        normal = np.clip((colours + 1) / np.tile(light, 2) - 1, -1, 1)
        device = self.network.codes.weight.device
        parts = (self.canvas.maps(lower), self.canvas.shape(lower), normal, self.code if code is None else code)
        made = self.network(*(torch.from_numpy(part[None].astype(np.float32)).to(device) for part in parts))
        levels = made[0].permute(1, 2, 0).float().cpu().numpy() + 1
        red, green, blue = np.moveaxis(levels, -1, 0)  # in [0, 2]; views
        np.minimum(green, red * (GREENEST + (1 - GREENEST) * red / 2), out=green)
        np.maximum(blue, BLUEST * green, out=blue)
        strength = float(light.mean())
        picture = levels * 127.5 * strength * (light / strength) ** TINT
        return picture.round().clip(0, 255).astype(np.uint8)

    def fill(
        self,
        layers: list[UInt8[np.ndarray, "y x 3"]],
        warp: Warp,
        seen: tuple[UInt8[np.ndarray, "h w 3"], Float32[np.ndarray, "v 2"]],
        rendered: tuple[Float32[np.ndarray, "468 3"], Float32[np.ndarray, "v 2"]],
        lower: Float32[np.ndarray, "m 3"],
        share: float,
        settings: RenderConfig,
    ) -> list[UInt8[np.ndarray, "y x 3"]]:
        """The layers (over the warp's box) with the painted mouth between their lips, by `share`.

        `seen`: the frame and its mesh, which give the light; `rendered`: the mesh that is rendered, canonical and in
        pixels of the frame; `lower`: the lower face that is wanted. Where the frame does not show the lips the layers
        stay as they are.
        """
        colours = lip_colours(*seen)
        if colours is None:
            return layers
        mesh = rendered[0]
        painted = warp_image(warp, self.paint(lower, colours), self.canvas.place(extend(mesh[None])[0])).astype(
            np.float32
        )
        if self.teeth is not None:
            own, known = self.teeth.over(warp, mesh, colours)
            light = inner_mouth_light(lower_opening(self.teeth.lower), lower_opening(lower), settings)
            painted += (own - painted) * (known * self.fixed * light)[..., None]  # in the dark between closing lips
        height, width = painted.shape[:2]
        inside = (
            between_lips(
                rendered[1] - np.array(warp.box[:2], np.float32), height, width, CROP_SCALE / warp.scale, self.fixed
            )
            * share
        )
        return [
            (layer * (1 - inside[..., None]) + painted * inside[..., None]).round().clip(0, 255).astype(np.uint8)
            for layer in layers
        ]

    def closest_code(self, numbers: Int64[np.ndarray, " k"]) -> Float32[np.ndarray, " c"]:
        """The training speaker's code that paints these mouths of the bank with the least error."""
        codes = self._codes()
        errors = np.zeros(len(codes))
        for number in numbers.tolist():
            mouth, lower = self.bank.mouths[number], self.bank.lower[number]
            colours = lip_colours(mouth.picture, mouth.points)
            if colours is None:
                continue
            own, inside = on_canvas(self.canvas, mouth, lower), self.canvas.mask(lower)[..., None]
            made = [self.paint(lower, colours, code).astype(np.float32) for code in codes]
            errors += [float((np.abs(picture - own) * inside).sum()) for picture in made]
        best: Float32[np.ndarray, " c"] = codes[int(errors.argmin() if errors.any() else self.network.usual)]
        return best

    def _codes(self) -> Float32[np.ndarray, "p c"]:
        return self.network.codes.weight.detach().cpu().numpy()


def on_canvas(canvas: Canvas, mouth: Mouth, lower: Float32[np.ndarray, "m 3"]) -> UInt8[np.ndarray, "h w 3"]:
    """A mouth of the bank, whose lower face is `lower`, on the canvas."""
    mesh = template().copy()
    mesh[lower_points()] = lower
    at = rasterise(canvas.place(extend(mesh[None])[0]), HEIGHT, WIDTH).interpolate(mouth.points)
    return cv2.remap(mouth.picture, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def part(
    picture: UInt8[np.ndarray, "h w 3"], points: Float32[np.ndarray, "v 2"], opening: float, share: float
) -> Float32[np.ndarray, "v 2"]:
    """The mesh of a picture (its pixels) whose mouth is detected `opening` wide, for a warp in two pieces."""
    return part_lips(picture, points, share * closedness(opening))


def between_lips(
    points: Float32[np.ndarray, "v 2"], height: int, width: int, unit: float, closed: float = 0.0
) -> Float32[np.ndarray, "h w"]:
    """The inner mouth of a mesh (pixels), its edge softened, in [0, 1]. `unit`: pixels of one canonical unit;
    `closed`: the share that is left of a closed mouth's line, where it covers teeth that were pressed to a seam."""
    mask = np.zeros((height, width), np.uint8)
    fixed = np.round(points[INNER_LIPS] * (1 << SUBPIXEL)).astype(np.int32)
    cv2.fillPoly(mask, [fixed], 255, lineType=cv2.LINE_AA, shift=SUBPIXEL)
    soft = cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), max(0.5, FEATHER * unit))
    # a filled polygon has its outline too, which a closed mouth would show as a line of one pixel
    tall = cv2.contourArea(points[INNER_LIPS]) / max(float(np.ptp(points[INNER_LIPS, 0])), 1.0)
    return np.clip(soft * min(max(tall, closed), 1.0), 0, 1)
