"""Model files: safetensors with configuration, figures and origin inside. Saved atomically, loaded strictly."""

import json
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from synclips.errors import CheckpointError
from synclips.files import atomic_path
from synclips.version import __version__

Network = TypeVar("Network", bound=nn.Module)


def save_model(path: Path, model: nn.Module, metadata: dict[str, Any], *, half: bool = False) -> None:
    """Write a network's state; `half` stores floating-point tensors as fp16.

    Raises:
        OutputError: as `atomic_path`.
    """
    tensors = {name: _stored(value, half) for name, value in model.state_dict().items()}
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, {"synclips": json.dumps(metadata | {"version": __version__})})


def read_metadata(path: Path) -> dict[str, Any]:
    """What the file says of itself: stage, step, figures, recipe, version.

    Raises:
        CheckpointError: missing, damaged, or not written by SyncLips.
    """
    with _opened(path) as stream:
        found = (stream.metadata() or {}).get("synclips")
    if found is None:
        raise CheckpointError(f"{path} was not written by SyncLips; name one of its checkpoints")
    try:
        value: dict[str, Any] = json.loads(found)
    except ValueError as error:
        raise CheckpointError(f"{path} is damaged; train or download it again") from error
    return value


def tensor_shape(path: Path, name: str) -> tuple[int, ...]:
    """The shape of one of the file's tensors.

    Raises:
        CheckpointError: missing, damaged, or without such a tensor.
    """
    with _opened(path) as stream:
        try:
            return tuple(stream.get_slice(name).get_shape())
        except SafetensorError as error:
            raise CheckpointError(f"{path} holds another architecture ({name} is missing)") from error


def load_into(path: Path, model: Network) -> Network:
    """Fill `model` from the file and return it; every tensor must be there, none left over.

    Raises:
        CheckpointError: missing, damaged, or of another architecture.
    """
    with _opened(path) as stream:
        try:
            tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
        except SafetensorError as error:
            raise CheckpointError(f"{path} is damaged; train or download it again") from error
    own = model.state_dict()
    if own.keys() != tensors.keys() or any(own[name].shape != tensors[name].shape for name in own):
        different = sorted(own.keys() ^ tensors.keys()) or [n for n in own if own[n].shape != tensors[n].shape]
        raise CheckpointError(f"{path} holds another architecture (first difference: {different[0]})")
    model.load_state_dict({name: value.to(own[name].dtype) for name, value in tensors.items()})
    return model


def _opened(path: Path) -> Any:
    if not path.is_file():
        raise CheckpointError(f"no such checkpoint: {path}")
    try:
        return safe_open(path, "pt")
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} is not a checkpoint, or damaged; train or download it again") from error


def _stored(value: torch.Tensor, half: bool) -> torch.Tensor:
    value = value.detach().cpu().contiguous().clone()
    return value.half() if half and value.dtype == torch.float32 else value
