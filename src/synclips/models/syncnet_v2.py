"""The original SyncNet, so that its published weights give the field's own figures where the user has them.

Chung and Zisserman, "Out of time: automated lip sync in the wild", 2016; layer sizes and parameter names as the weights
file `syncnet_v2.model` (github.com/joonson/syncnet_python) wants them. Nothing of it is shipped here.
"""

import pickle
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from synclips.errors import CheckpointError

FACE = 224
"""Height and width of the face crops it sees."""
DIM = 1024


class OriginalSyncNet(nn.Module):
    """Two encoders whose Euclidean distance is small where sound and lips belong together."""

    def __init__(self) -> None:
        super().__init__()
        self.netcnnaud = nn.Sequential(
            *_convolution2d(1, 64),
            nn.MaxPool2d(1, 1),
            *_convolution2d(64, 192),
            nn.MaxPool2d(3, (1, 2)),
            *_convolution2d(192, 384),
            *_convolution2d(384, 256),
            *_convolution2d(256, 256),
            nn.MaxPool2d(3, 2),
            *_convolution2d(256, 512, (5, 4), 0),
        )
        self.netfcaud = _head()
        self.netfclip = _head()
        self.netcnnlip = nn.Sequential(
            *_convolution3d(3, 96, (5, 7, 7), 2, 0),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
            *_convolution3d(96, 256, (1, 5, 5), 2, 1),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
            *_convolution3d(256, 256, (1, 3, 3), 1, 1),
            *_convolution3d(256, 256, (1, 3, 3), 1, 1),
            *_convolution3d(256, 256, (1, 3, 3), 1, 1),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
            *_convolution3d(256, 512, (1, 6, 6), 1, 0),
        )

    def embed_audio(self, mfcc: Float[Tensor, "b 1 13 20"]) -> Float[Tensor, "b 1024"]:
        """0.2 s of its own kind of MFCC (synclips.metrics.lse.field_mfcc), coefficients by time."""
        return self.netfcaud(self.netcnnaud(mfcc).flatten(1))

    def embed_video(self, faces: Float[Tensor, "b 3 5 224 224"]) -> Float[Tensor, "b 1024"]:
        """Five face crops in a row, blue first, 0 to 255."""
        return self.netfclip(self.netcnnlip(faces).flatten(1))


def load_original_syncnet(path: Path) -> OriginalSyncNet:
    """The network with the user's weights, ready to measure.

    Raises:
        CheckpointError: missing, damaged, or not that network's weights.
    """
    if not path.is_file():
        raise CheckpointError(f"no such file: {path}; name the original SyncNet's weights (syncnet_v2.model)")
    try:
        tensors = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, ValueError, EOFError, KeyError, OSError, pickle.UnpicklingError) as error:
        raise CheckpointError(f"{path} is damaged, or not a file of weights; take syncnet_v2.model") from error
    net = OriginalSyncNet()
    own = net.state_dict()
    if not isinstance(tensors, dict) or own.keys() != tensors.keys():
        raise CheckpointError(f"{path} does not hold the original SyncNet's weights; take syncnet_v2.model")
    wrong = next((name for name, value in tensors.items() if value.shape != own[name].shape), None)
    if wrong is not None:
        raise CheckpointError(f"{path} holds another architecture (first difference: {wrong}); take syncnet_v2.model")
    net.load_state_dict(tensors)
    return net.eval()


def _convolution2d(inputs: int, outputs: int, kernel: int | tuple[int, int] = 3, padding: int = 1) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, kernel, padding=padding), nn.BatchNorm2d(outputs), nn.ReLU()]


def _convolution3d(
    inputs: int, outputs: int, kernel: tuple[int, int, int], stride: int, padding: int
) -> list[nn.Module]:
    place = (1, stride, stride), (0, padding, padding)
    return [nn.Conv3d(inputs, outputs, kernel, *place), nn.BatchNorm3d(outputs), nn.ReLU()]


def _head() -> nn.Sequential:
    return nn.Sequential(nn.Linear(512, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, DIM))
