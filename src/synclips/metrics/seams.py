"""Visibility of the seam around the generated part: luminance steps along its outline against those beside it."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Int64, UInt8

from synclips.features.alignment import LOWER_VIEW, MOUTH_VIEW, View, fit_alignment, invert, transform
from synclips.features.face_mesh import CORNERS, OUTER_LIPS
from synclips.metrics.image_quality import luminance

NEAR = 2.0
"""Pixels either side of an outline over which its step is taken."""
CONTROLS = (-9.0, -6.0, 6.0, 9.0)
"""Distances in pixels (inside positive) of the control outlines beside it, along which nothing was pasted."""
BOXES = {"mouth box": MOUTH_VIEW, "lower-face box": LOWER_VIEW}
"""Outlines that do not depend on what is said, so that seams along them can be compared with the reference."""
SECTORS = 16
"""Parts of an outline, by angle about its middle: within one a seam steps in one direction, texture in both."""
_FLOOR = 1.0
"""Grey levels below the visible, added to both sides of the ratio so that flat surroundings do not divide by 0."""


def seam_visibility(image: UInt8[np.ndarray, "h w 3"], mask: Bool[np.ndarray, "h w"]) -> float:
    """Ratio of the luminance step across the mask's outline to that across outlines just beside it.

    About 1 where nothing was pasted, or no seam shows; a step that the face itself has there (a lip, a jaw) counts
    too, so compare with the real video's figure where there is one. NaN if the mask has no outline.
    """
    found = _Outline.of(mask)
    if found is None:
        return float("nan")
    steps = [found.steps(luminance(image), distance) for distance in (0.0, *CONTROLS)]
    return float((np.nanmean(steps[0]) + _FLOOR) / (np.nanmean(steps[1:]) + _FLOOR))


def seam_step(
    made: UInt8[np.ndarray, "h w 3"], real: UInt8[np.ndarray, "h w 3"], mask: Bool[np.ndarray, "h w"]
) -> float:
    """Step in grey levels of the difference of made and real across the mask's outline; 0 where no seam shows.

    NaN if the mask has no outline.
    """
    found = _Outline.of(mask)
    return float("nan") if found is None else float(np.nanmean(found.steps(luminance(made) - luminance(real), 0.0)))


@dataclass(frozen=True)
class _Outline:
    """Around a mask: signed distance to its outline (inside positive), the direction across it, and its sectors."""

    rows: slice
    columns: slice
    distance: Float32[np.ndarray, "p q"]
    across: Float32[np.ndarray, "2 p q"]
    sector: Int64[np.ndarray, "p q"]

    @staticmethod
    def of(mask: Bool[np.ndarray, "h w"]) -> "_Outline | None":
        if mask.all() or not mask.any():
            return None
        margin = int(max(CONTROLS)) + 6
        at = [np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0)]
        rows, columns = (slice(max(0, int(a[0]) - margin), int(a[-1]) + margin + 1) for a in at)
        part = mask[rows, columns].astype(np.uint8)
        inside, outside = (cv2.distanceTransform(side, cv2.DIST_L2, 5) - 0.5 for side in (part, 1 - part))
        distance = cv2.GaussianBlur(np.where(part > 0, inside, -outside).astype(np.float32), (0, 0), 1.5)
        down, right = np.gradient(distance)
        length = np.hypot(down, right) + 1e-6
        centre = np.argwhere(part).mean(axis=0)
        y, x = np.indices(part.shape) - centre[:, None, None]
        sector = ((np.arctan2(y, x) / (2 * np.pi) + 0.5) * SECTORS).astype(int) % SECTORS
        return _Outline(rows, columns, distance, np.stack([right / length, down / length]), sector)

    def steps(self, values: Float32[np.ndarray, "h w"], distance: float) -> Float32[np.ndarray, " s"]:
        """The height of the step, sector by sector, across the outline moved `distance` pixels inwards, beyond the
        slope that goes on either side of it; NaN for sectors that lie outside the picture."""
        down, right = np.gradient(values[self.rows, self.columns])
        slope = right * self.across[0] + down * self.across[1]
        away = self.distance - distance
        at = self._means(slope, (away >= -NEAR) & (away < NEAR))
        beside = self._means(slope, (np.abs(away) >= NEAR) & (np.abs(away) < 2 * NEAR))
        return np.abs(at - beside) * 2 * NEAR

    def _means(self, values: Float32[np.ndarray, "p q"], chosen: Bool[np.ndarray, "p q"]) -> Float32[np.ndarray, " s"]:
        count = np.bincount(self.sector[chosen], minlength=SECTORS)
        total = np.bincount(self.sector[chosen], values[chosen], minlength=SECTORS)
        return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)


def outlines(points: Float32[np.ndarray, "468 3"], width: int, height: int) -> dict[str, Bool[np.ndarray, "h w"]]:
    """Where lip-sync programs have their seams: around the lips, the mouth and the lower face."""
    lips = cv2.convexHull(points[OUTER_LIPS, :2].astype(np.float32))[:, 0]
    grow = float(np.linalg.norm(points[CORNERS[0], :2] - points[CORNERS[1], :2])) / 5
    widened = _filled(lips, width, height)
    size = max(1, round(grow))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * size + 1, 2 * size + 1))
    inverse = invert(fit_alignment(points[None]))
    found = {"lips": cv2.dilate(widened, disc) > 0}
    for name, view in BOXES.items():
        found[name] = _filled(transform(inverse, _corners(view)[None])[0], width, height) > 0
    return found


def _corners(view: View) -> Float32[np.ndarray, "4 2"]:
    x, y = (view.left - 0.5, view.right - 0.5), (view.top - 0.5, view.bottom - 0.5)
    return np.array([(x[0], y[0]), (x[1], y[0]), (x[1], y[1]), (x[0], y[1])], np.float32)


def _filled(polygon: Float32[np.ndarray, "p 2"], width: int, height: int) -> UInt8[np.ndarray, "h w"]:
    canvas = np.zeros((height, width), np.uint8)
    cv2.fillPoly(canvas, [np.round(polygon).astype(np.int32)], 1)
    return canvas
