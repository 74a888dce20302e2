"""Wav2Lip's generator and visual quality discriminator, written from the paper's description and no one's code.

Prajwal, Mukhopadhyay, Namboodiri and Jawahar, "A lip sync expert is all you need for speech to lip generation in the
wild", ACM Multimedia 2020, sections 3.3 and 3.4: an identity encoder of residual convolutions over a reference frame
and the target frame with its lower half masked, together six channels of 96 x 96; a speech encoder of convolutions over
a mel spectrogram; a decoder of convolutions and transposed convolutions with skip connections; a discriminator of
convolutions with leaky ReLU. The paper leaves the widths open; the model its authors released has 36 million weights,
this one at `width` 16 has seven, which is what one core of a processor trains in minutes.
"""

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from wav2lip.sound import MELS, STEPS

SIZE = 96
"""Width and height of the pictures."""
WIDTH = 16
"""Channels at full resolution."""
_GROWTH = (1, 2, 4, 8, 12, 16)
"""Channels at 96, 48, 24, 12, 6 and 3 pixels, in widths."""


class Wav2Lip(nn.Module):
    """Paints a whole face, frame by frame: its upper half as it was, its lower half saying the sound."""

    def __init__(self, width: int = WIDTH) -> None:
        super().__init__()
        self.width = width
        sizes = [width * factor for factor in _GROWTH]
        top = sizes[-1]
        stages = [nn.Sequential(_convolution(6, width, 7), _Residual(width))]
        stages += [nn.Sequential(_convolution(i, o, 3, 2), _Residual(o)) for i, o in pairwise(sizes)]
        self.identity_encoder = nn.ModuleList(stages)
        self.to_vector = _convolution(top, top, 3, padding=0)
        self.speech_encoder = nn.Sequential(
            _convolution(1, 2 * width, 3, (2, 1)),
            _Residual(2 * width),
            _convolution(2 * width, 4 * width, 3, 2),
            _Residual(4 * width),
            _convolution(4 * width, 8 * width, 3, 2),
            _Residual(8 * width),
            _convolution(8 * width, top, (MELS // 8, STEPS // 4), padding=0),
        )
        self.from_vector = nn.Sequential(
            nn.ConvTranspose2d(2 * top, top, 3, bias=False), nn.BatchNorm2d(top), nn.ReLU()
        )
        self.decoder = nn.ModuleList(_Up(2 * i, o) for i, o in zip(sizes[:0:-1], sizes[-2::-1], strict=True))
        self.output = nn.Sequential(_convolution(2 * width, width, 3), nn.Conv2d(width, 3, 1), nn.Sigmoid())

    def forward(
        self,
        target: Float[Tensor, "b 3 96 96"],
        reference: Float[Tensor, "b 3 96 96"],
        mel: Float[Tensor, "b 80 16"],
    ) -> Float[Tensor, "b 3 96 96"]:
        """RGB in [0, 1]. The lower half of `target` is masked here, so nothing of it can reach the result."""
        x = torch.cat([masked(target), reference], dim=1)
        seen = []
        for stage in self.identity_encoder:
            x = stage(x)
            seen.append(x)
        x = torch.cat([self.to_vector(x), self.speech_encoder(mel[:, None])], dim=1)
        x = torch.cat([self.from_vector(x), seen.pop()], dim=1)
        for stage in self.decoder:
            x = torch.cat([stage(x), seen.pop()], dim=1)
        return self.output(x)


class Discriminator(nn.Module):
    """Does this face look real? One logit a picture."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        sizes = [3, width, 2 * width, 4 * width, 8 * width]
        layers: list[nn.Module] = []
        for i, o in pairwise(sizes):
            layers += [nn.Conv2d(i, o, 4, 2, 1), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(sizes[-1], 1, SIZE // 16))

    def forward(self, pictures: Float[Tensor, "b 3 96 96"]) -> Float[Tensor, " b"]:
        """Logits of pictures in [0, 1]."""
        return self.layers(2 * pictures - 1).flatten()


def masked(pictures: Float[Tensor, "b 3 96 96"]) -> Float[Tensor, "b 3 96 96"]:
    """The pictures with nothing in their lower half."""
    return torch.cat([pictures[:, :, : SIZE // 2], torch.zeros_like(pictures[:, :, SIZE // 2 :])], dim=2)


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width))

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        return torch.relu(x + self.branch(x))


class _Up(nn.Sequential):
    def __init__(self, inputs: int, outputs: int) -> None:
        widen = nn.ConvTranspose2d(inputs, outputs, 3, 2, 1, output_padding=1, bias=False)
        super().__init__(widen, nn.BatchNorm2d(outputs), nn.ReLU(), _Residual(outputs))


def _convolution(
    inputs: int,
    outputs: int,
    kernel: int | tuple[int, int],
    stride: int | tuple[int, int] = 1,
    padding: int | None = None,
) -> nn.Sequential:
    if padding is None:
        assert isinstance(kernel, int)
        padding = kernel // 2
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU())
