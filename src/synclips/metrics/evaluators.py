"""The evaluators, networks that only score: their files, and one identity for all of them together."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8

from synclips.config import RecipeConfig, from_dict
from synclips.data.shards import sha256_of
from synclips.errors import CheckpointError
from synclips.features.speech_features import feature_count
from synclips.metrics.lip_reading import load_lip_reader, read_lips
from synclips.models.checkpoint import load_into, read_metadata
from synclips.models.encoders import BaseEncoders
from synclips.models.syncnet import SyncNet
from synclips.models.syncnet_v2 import OriginalSyncNet, load_original_syncnet

SYNCNET, LIP_READER = "syncnet.safetensors", "lip_reader.safetensors"
"""The evaluators in the package, trained separately from every model and part of no loss."""


LipReader = Callable[[UInt8[np.ndarray, "n 144 144 3"]], tuple[str, ...]]
"""Reads the words from face crops at 25 frames a second."""


@dataclass(frozen=True)
class Evaluators:
    """The networks that score; none of them may have been used in training what they score."""

    syncnet: SyncNet
    lip_reader: LipReader | None = None
    original: OriginalSyncNet | None = None


def load_evaluators(
    judge: Path | None, lip_reader: Path | None, original: Path | None, device: torch.device
) -> tuple[Evaluators, str]:
    """The evaluators in those files (None: the shipped SyncNet and lip reader, no original), and their identity.

    Raises:
        CheckpointError: a file is missing, damaged, or holds something else.
    """
    with ExitStack() as stack:
        paths = [
            stack.enter_context(shipped_or(judge, SYNCNET)),
            stack.enter_context(shipped_or(lip_reader, LIP_READER)),
        ]
        syncnet = load_judge(paths[0]).to(device)
        reader = load_lip_reader(paths[1])[0].to(device)
        theirs = None if original is None else load_original_syncnet(original)
        known = [sha256_of(path)[:16] for path in (*paths, *([original] if original is not None else []))]
    return Evaluators(syncnet, partial(read_lips, reader), theirs), " ".join(known)


def load_judge(checkpoint: Path) -> SyncNet:
    """The SyncNet among the encoders that pretraining of `base` left in `checkpoint`.

    Raises:
        CheckpointError: missing, damaged, or not such encoders.
    """
    metadata = read_metadata(checkpoint)
    try:
        config = from_dict(RecipeConfig, metadata["recipe"], str(checkpoint)).model
    except KeyError as error:
        raise CheckpointError(f"{checkpoint} does not say what it holds; name one of `synclips pretrain`") from error
    if config.preset != "base" or metadata.get("stage") != "pretrain":
        raise CheckpointError(f"{checkpoint} holds no SyncNet; name outputs/base/pretrain/best.safetensors")
    return load_into(checkpoint, BaseEncoders(feature_count(config.audio.speech_layers), config)).eval().syncnet


@contextmanager
def shipped_or(path: Path | None, name: str) -> Iterator[Path]:
    """The file; None: that of the package's weights, for as long as the context lasts."""
    if path is not None:
        yield path
        return
    with as_file(files("synclips").joinpath("weights", name)) as shipped:
        yield shipped
