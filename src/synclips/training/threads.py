"""Work on the items of a batch by several threads, where a GPU waits for it.

On a GPU the steps of a stage are bound by what the processor does for each item: sound features, meshes, rasters.
NumPy, OpenCV and torch let other threads run meanwhile. Each item draws from a generator of its own, so the order in
which they are worked on changes nothing. On a CPU the networks need the cores themselves: there items are worked on in
turn.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

import torch

Item = TypeVar("Item")
Made = TypeVar("Made")


def for_each(device: torch.device, work: Callable[[Item], Made], items: Sequence[Item]) -> list[Made]:
    """`work` of every item, in their order."""
    if device.type == "cpu" or len(items) < 2:
        return [work(item) for item in items]
    return list(_pool().map(work, items))


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max(2, min(16, os.cpu_count() or 2)), thread_name_prefix="items")
