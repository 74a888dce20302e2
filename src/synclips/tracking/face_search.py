"""Looking for faces in a whole picture, in tiles of it where they may be small, and where one was lost.

The detector's input is small: it finds faces of a tenth of what it is shown, or more. Shown a whole picture only, it
misses a face of 110 pixels in 1280 by 720, and one of 300 pixels in 4K. Tiles of a fixed size find faces by pixels.
"""

from itertools import pairwise, product
from math import ceil, log
from typing import Final

import numpy as np
from jaxtyping import UInt8

from synclips.tracking.face_models import OVERLAP, BoxNetwork, FaceBox, Region, iou

FINE: Final = 640
"""Side of the finest tiles in pixels: faces of 80 pixels and more are found in them, as a rule of 65 and more."""
FINEST: Final = 320
"""Side of the tiles that only tell whether a face is there, too small to be of use: from 35 pixels on."""
SMALLEST_SHARE: Final = 0.12
"""Share of a square's side from which a face is found in it."""
STEP: Final = 3.0
"""Largest ratio of the sides of tiles of two neighbouring levels."""
WORTH: Final = 1.25
"""Longer side of a picture, in sides of a tile, from which tiles find more than the whole picture does."""
AROUND: Final = 2.0
"""Side of what is searched for a lost face, in sides of its region."""


def whole(image: UInt8[np.ndarray, "h w 3"]) -> Region:
    """The square around a picture."""
    height, width = image.shape[:2]
    return Region(width / 2, height / 2, float(max(width, height)))


def tiles(width: int, height: int, finest: int = FINE) -> list[Region]:
    """Squares that overlap so far that each face that a coarser level misses lies wholly in one of them.

    Empty where the whole picture is hardly larger than one tile.
    """
    longer = max(width, height)
    if longer < WORTH * finest:
        return []
    levels = ceil(log(longer / finest) / log(STEP) - 1e-9)
    sides = [longer * (finest / longer) ** (level / levels) for level in range(levels + 1)]
    regions = []
    for coarser, side in pairwise(sides):
        step = side - SMALLEST_SHARE * coarser
        columns, rows = _middles(width, side, step), _middles(height, side, step)
        regions += [Region(x, y, side) for y, x in product(rows, columns)]
    return regions


def _middles(length: int, side: float, step: float) -> list[float]:
    """Of tiles along one edge: evenly spread, at most `step` apart; one in the middle where it covers all."""
    if length <= side:
        return [length / 2]
    count = ceil((length - side) / step - 1e-9) + 1
    return np.linspace(side / 2, length - side / 2, count).tolist()


def find_in_tiles(
    network: BoxNetwork, image: UInt8[np.ndarray, "h w 3"], regions: list[Region], *, confidence: float
) -> list[FaceBox]:
    """The faces in all of the tiles, each once, the largest first. What a tile's edge cuts is left to its neighbour."""
    height, width = image.shape[:2]
    found = [
        face
        for region, faces in zip(regions, network.find(image, regions, confidence=confidence), strict=True)
        for face in faces
        if _whole_in(face, region, width, height)
    ]
    return sorted(merge(sorted(found, key=lambda face: -face.score)), key=lambda face: -face.side)


def around(lost: Region) -> Region:
    """Where to look for a face that was last seen in the region of its mesh."""
    return Region(lost.x, lost.y, lost.side * AROUND)


def merge(faces: list[FaceBox]) -> list[FaceBox]:
    """The faces without those that overlap one before them."""
    kept: list[FaceBox] = []
    for face in faces:
        if not kept or (iou(face.box, np.stack([other.box for other in kept])) <= OVERLAP).all():
            kept.append(face)
    return kept


def _whole_in(face: FaceBox, tile: Region, width: int, height: int) -> bool:
    """Whether a face lies within a tile, save where the picture itself ends."""
    left, top, right, bottom = face.box
    half = tile.side / 2
    return bool(
        (left >= tile.x - half or tile.x - half <= 0)
        and (top >= tile.y - half or tile.y - half <= 0)
        and (right <= tile.x + half or tile.x + half >= width)
        and (bottom <= tile.y + half or tile.y + half >= height)
    )
