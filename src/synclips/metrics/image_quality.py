"""Quality of generated frames: fidelity, sharpness, flicker. Pictures are RGB, 0 to 255, at their own resolution."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float32, Float64, UInt8

from synclips.features.alignment import MOUTH_VIEW, View, fit_alignment, invert, transform

EQUAL = 100.0
"""Decibels for which a picture counts that equals the real one bit for bit, so that a mean over frames stays finite."""
SSIM_WINDOW = 11
"""Side of the window over which SSIM is taken: the smallest picture it is defined on."""


@dataclass(frozen=True)
class Box:
    """A rectangle of pixels: rows top to bottom, columns left to right, ends not included."""

    top: int
    bottom: int
    left: int
    right: int

    def of(self, image: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "p q 3"]:
        """The rectangle cut out of `image`."""
        return image[self.top : self.bottom, self.left : self.right]


def mouth_boxes(points: Float32[np.ndarray, "n 468 3"], width: int, height: int, view: View = MOUTH_VIEW) -> list[Box]:
    """For each frame the smallest upright rectangle around `view` of its face crop, in the picture's own pixels.

    A face at the picture's edge has its box moved inside, so that it keeps at least SSIM's window.
    """
    edges = np.array(
        [[view.left, view.top], [view.right, view.top], [view.left, view.bottom], [view.right, view.bottom]]
    )
    corners = transform(invert(fit_alignment(points)), np.repeat(edges[None] - 0.5, len(points), 0).astype(np.float32))
    low, high = np.round(corners.min(axis=1)), np.round(corners.max(axis=1))
    limit = np.array([width, height])
    low = np.clip(low, 0, np.maximum(limit - SSIM_WINDOW, 0)).astype(int)
    high = np.clip(high, np.minimum(low + SSIM_WINDOW, limit), limit).astype(int)
    return [Box(int(a[1]), int(b[1]), int(a[0]), int(b[0])) for a, b in zip(low, high, strict=True)]


def psnr(made: UInt8[np.ndarray, "h w 3"], real: UInt8[np.ndarray, "h w 3"]) -> float:
    """Peak signal-to-noise ratio over all channels, in dB; infinite for equal pictures."""
    from skimage.metrics import peak_signal_noise_ratio

    if np.array_equal(made, real):
        return float("inf")
    return float(peak_signal_noise_ratio(real, made, data_range=255))


def ssim(made: UInt8[np.ndarray, "h w 3"], real: UInt8[np.ndarray, "h w 3"]) -> float:
    """Structural similarity of luminance, at most 1, with the window of Wang et al., "Image quality assessment: from
    error visibility to structural similarity", 2004.

    Raises:
        ValueError: the pictures are smaller than 11 x 11.
    """
    from skimage.metrics import structural_similarity

    grey = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in (made, real)]
    return float(
        structural_similarity(*grey, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False)
    )


def gradient_energy(image: UInt8[np.ndarray, "h w 3"]) -> float:
    """Mean squared gradient of luminance (central differences): falls with blur, rises with noise."""
    grey = luminance(image)
    across, down = (grey[1:-1, 2:] - grey[1:-1, :-2]) / 2, (grey[2:, 1:-1] - grey[:-2, 1:-1]) / 2
    return float((across**2 + down**2).mean())


def flicker_energy(
    before: UInt8[np.ndarray, "h w 3"], image: UInt8[np.ndarray, "h w 3"], after: UInt8[np.ndarray, "h w 3"]
) -> float:
    """Mean squared second difference in time of luminance: small for steady movement, large for flicker."""
    return float(((luminance(before) - 2 * luminance(image) + luminance(after)) ** 2).mean())


def ratio(made: float, real: float) -> float:
    """made / real; 1 where both are 0."""
    if real == 0:
        return 1.0 if made == 0 else float("inf")
    return made / real


def luminance(image: UInt8[np.ndarray, "h w 3"]) -> Float32[np.ndarray, "h w"]:
    """Rec. 601 luma, 0 to 255."""
    return image.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True)
class PictureFigures:
    """Fidelity to the real pictures; means over frames. Ratios are generated to real; 1 is best."""

    psnr_mouth: float
    ssim_mouth: float
    psnr_frame: float
    ssim_frame: float
    sharpness_ratio: float
    flicker_ratio: float


def picture_figures(
    made: UInt8[np.ndarray, "n h w 3"], real: UInt8[np.ndarray, "m h w 3"], boxes: list[Box], *, whole_every: int = 5
) -> PictureFigures:
    """All of `PictureFigures`: in the mouth box of each frame, and over the whole of every `whole_every`-th frame.

    Raises:
        ValueError: the two have not as many frames.
    """
    if not len(made) == len(real) == len(boxes):
        raise ValueError(f"{len(made)} made frames, {len(real)} real ones, {len(boxes)} boxes")
    pairs = [(box.of(m), box.of(r)) for box, m, r in zip(boxes, made, real, strict=True)]
    whole = [(made[i], real[i]) for i in range(0, len(made), whole_every)]
    flicker = [_flicker_in_boxes(frames, boxes) for frames in (made, real)]
    return PictureFigures(
        psnr_mouth=mean_psnr(pairs),
        ssim_mouth=float(np.mean([ssim(m, r) for m, r in pairs])),
        psnr_frame=mean_psnr(whole),
        ssim_frame=float(np.mean([ssim(m, r) for m, r in whole])),
        sharpness_ratio=ratio(*(float(np.mean([gradient_energy(pair[k]) for pair in pairs])) for k in (0, 1))),
        flicker_ratio=ratio(float(np.mean(flicker[0])), float(np.mean(flicker[1]))) if len(made) > 2 else 1.0,
    )


def mean_psnr(pairs: list[tuple[UInt8[np.ndarray, "_h _w 3"], UInt8[np.ndarray, "_h _w 3"]]]) -> float:
    """The mean of the pictures' PSNR, equal pictures counting as 100 dB."""
    return float(np.mean([min(EQUAL, psnr(m, r)) for m, r in pairs]))


def _flicker_in_boxes(frames: UInt8[np.ndarray, "n h w 3"], boxes: list[Box]) -> Float64[np.ndarray, " k"]:
    middle = range(1, len(frames) - 1)
    return np.array([flicker_energy(*(boxes[i].of(frames[j]) for j in (i - 1, i, i + 1))) for i in middle])
