"""Picture losses. Pictures are (b, 3, h, w) in [-1, 1]; a weight (b, 1, h, w) says how much each pixel counts."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

Picture = Float[Tensor, "b 3 h w"]
Weight = Float[Tensor, "b 1 h w"]


def pixel_loss(made: Picture, real: Picture, weight: Weight) -> Float[Tensor, ""]:
    """Weighted mean absolute difference."""
    return ((made - real).abs() * weight).sum() / (3 * weight.sum() + 1e-6)


def gradient_loss(made: Picture, real: Picture, weight: Weight) -> Float[Tensor, ""]:
    """Weighted mean absolute difference of horizontal and vertical gradients: edges where they are, as sharp."""
    error = made - real
    across = (error[..., 1:] - error[..., :-1]).abs() * weight[..., 1:]
    down = (error[..., 1:, :] - error[..., :-1, :]).abs() * weight[..., 1:, :]
    return (across.sum() + down.sum()) / (6 * weight.sum() + 1e-6)


def structure_loss(made: Picture, real: Picture, weight: Weight) -> Float[Tensor, ""]:
    """1 - SSIM (Wang et al., 2004) over 7 x 7 windows, weighted."""
    made, real = (made + 1) / 2, (real + 1) / 2

    def mean(x: Tensor) -> Tensor:
        return F.avg_pool2d(x, 7, stride=1, padding=3, count_include_pad=False)

    a, b = mean(made), mean(real)
    covariance = mean(made * real) - a * b
    variance = mean(made * made) - a * a + mean(real * real) - b * b
    ssim = (2 * a * b + 1e-4) * (2 * covariance + 9e-4) / ((a * a + b * b + 1e-4) * (variance + 9e-4))
    return ((1 - ssim) * weight).sum() / (3 * weight.sum() + 1e-6)


def sample_pixels(pictures: Float[Tensor, "b c h w"], at: Float[Tensor, "b y x 2"]) -> Float[Tensor, "b c y x"]:
    """Bilinear samples at pixel coordinates (x, y; centres at whole numbers); the border repeats."""
    size = torch.tensor([pictures.shape[3] - 1, pictures.shape[2] - 1], device=at.device, dtype=at.dtype)
    return F.grid_sample(pictures, at / size * 2 - 1, mode="bilinear", padding_mode="border", align_corners=True)
