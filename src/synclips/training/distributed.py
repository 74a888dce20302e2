"""Training by several processes (torchrun): each takes its part of every batch, and gradients are averaged.

The recipe's batch is that of all processes together, and what is drawn for an item depends on seed, stage, step and the
item's place in the batch, so the number of processes changes how fast a step is, not what is learned; a run may go on
with another number. All processes hold the same weights, averaged weights and optimiser state; the first one writes.

BatchNorm normalises each process's part by its own statistics, as the parts of `accumulate` are in one process; the
running statistics are averaged over the processes after each step. The losses' means are over each part, averaged; the
contrastive loss of stage 1 compares the whole batch (`gather`). How far that is from one process with the whole batch
is measured in EXPERIMENTS.md (2026-11-28, "Several processes") and bounded by tests/training/test_distributed.py. The
alternatives: torch's SyncBatchNorm has no CPU implementation, GroupNorm costs twice as much on a CPU.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, TypeVar

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn

from synclips.errors import ConfigError

RUNNING: Final = ("running_mean", "running_var")
"""Statistics of BatchNorm."""
PATIENCE: Final = timedelta(hours=4)
"""How long processes wait for each other: the first one preprocesses and validates alone."""

Item = TypeVar("Item")
Draws = np.random.Generator | Sequence[np.random.Generator]
"""A source of randomness for a batch: one for all its items, or one for each."""


@dataclass(frozen=True)
class World:
    """This process's number among `size`."""

    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process is the one that writes."""
        return self.rank == 0


def world() -> World:
    """The processes that train together; one, unless `join` was called."""
    if not (dist.is_available() and dist.is_initialized()):
        return World()
    return World(dist.get_rank(), dist.get_world_size())


@contextmanager
def joined(device: torch.device) -> Iterator[World]:
    """Within it this process, started by torchrun, trains with the others: by NCCL on CUDA, by gloo elsewhere."""
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE)
    try:
        yield world()
    finally:
        dist.destroy_process_group()


def own_part(items: Sequence[Item]) -> Sequence[Item]:
    """The part of a batch that is this process's: an equal share, in order.

    Raises:
        ConfigError: the batch cannot be shared equally.
    """
    place = world()
    share, left = divmod(len(items), place.size)
    if left:
        raise ConfigError(
            f"a batch of {len(items)} cannot be shared by {place.size} processes; change `batch` in the recipe, or "
            "--nproc-per-node"
        )
    return items[place.rank * share : (place.rank + 1) * share]


def each(rng: Draws, count: int) -> Sequence[np.random.Generator]:
    """The generator of each of `count` items."""
    if isinstance(rng, np.random.Generator):
        return [rng] * count
    if len(rng) != count:
        raise ValueError(f"{len(rng)} generators for {count} items")
    return rng


def average_gradients(networks: Iterable[nn.Module]) -> None:
    """After `backward`: every gradient becomes its mean over the processes. A parameter without one counts as zero."""
    if world().size == 1:
        return
    parameters = [p for network in networks for p in network.parameters() if p.requires_grad]
    if not parameters:
        return
    flat = torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in parameters])
    used = torch.tensor([float(p.grad is not None) for p in parameters], device=flat.device)
    _mean(flat)
    dist.all_reduce(used)
    start = 0
    for parameter, count in zip(parameters, used.tolist(), strict=True):
        stop = start + parameter.numel()
        if count:
            parameter.grad = flat[start:stop].view_as(parameter).clone()
        start = stop


@torch.no_grad()
def average_statistics(networks: Iterable[nn.Module]) -> None:
    """After a step: running statistics of normalisation become their means over the processes."""
    if world().size == 1:
        return
    buffers = [b for network in networks for name, b in network.named_buffers() if name.endswith(RUNNING)]
    if buffers:
        flat = torch.cat([buffer.flatten().float() for buffer in buffers])
        _mean(flat)
        for buffer, value in zip(buffers, flat.split([b.numel() for b in buffers]), strict=True):
            buffer.copy_(value.view_as(buffer))


def average_figures(figures: Mapping[str, float], device: torch.device) -> dict[str, float]:
    """Named figures of a step, each the mean over the processes."""
    if world().size == 1:
        return dict(figures)
    names = sorted(figures)
    values = torch.tensor([figures[name] for name in names], dtype=torch.float32, device=device)
    _mean(values)
    return dict(zip(names, values.tolist(), strict=True))


@torch.no_grad()
def share_state(networks: Iterable[nn.Module]) -> None:
    """Weights and statistics become those of the first process."""
    if world().size > 1:
        for network in networks:
            for value in network.state_dict().values():
                dist.broadcast(value, 0)


def of_the_first(value: float) -> float:
    """The first process's value."""
    if world().size == 1:
        return value
    shared = [value]
    dist.broadcast_object_list(shared, 0)
    return shared[0]


def wait_for_all() -> None:
    """Go on when every process has come here."""
    if world().size > 1:
        dist.barrier()


def gather(part: Tensor) -> Tensor:
    """The rows (first dimension) of all processes, in order; gradients flow back to where the rows came from."""
    return part if world().size == 1 else _Gather.apply(part)


class _Gather(torch.autograd.Function):
    """All processes compute the same loss of all rows. Its gradient for a process's rows is the sum of what they have
    found, `size` times too much: `average_gradients` divides by `size`."""

    @staticmethod
    def forward(context: Any, part: Tensor) -> Tensor:
        place = world()
        context.rows = len(part)
        parts = [torch.empty_like(part) for _ in range(place.size)]
        dist.all_gather(parts, part.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        gradient = gradient.contiguous().clone()
        dist.all_reduce(gradient)
        start = world().rank * context.rows
        return gradient[start : start + context.rows]


def _mean(values: Tensor) -> None:
    dist.all_reduce(values)
    values /= world().size
