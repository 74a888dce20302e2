"""How this process uses the machine: memory allocator, threads, device. Call before tensors are made."""

import ctypes
import os
import sys

import torch

from synclips.errors import ConfigError

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4


def tune_allocator() -> None:
    """Keep freed memory in the process.

    glibc maps each big block and hands it back at every free; the page faults of the next one then cost several
    times a small network's arithmetic (measured: 2 -> 12 frames/s in training). A no-op where there is no glibc.
    """
    _call_glibc("mallopt", _M_MMAP_MAX, 0)
    _call_glibc("mallopt", _M_TRIM_THRESHOLD, 2**31 - 1)


def release_memory() -> None:
    """Hand freed memory back now and then: kept for good, its holes grow with every block of a long video.

    Part of what keeps ten minutes of video near the memory of one (EXPERIMENTS.md). A no-op without glibc.
    """
    _call_glibc("malloc_trim", 0)


def _call_glibc(name: str, *arguments: int) -> None:
    if sys.platform != "linux":
        return
    try:
        function = getattr(ctypes.CDLL(None), name)
    except (OSError, AttributeError):
        return
    function(*arguments)


def share_cores() -> None:
    """Let torch use half of the cores, unless OMP_NUM_THREADS says how many.

    The networks are small: more threads gain little on an idle machine, and on a busy one each parallel region waits
    until every thread has had a core (measured on two cores beside one busy process: 9 s a frame instead of 0.05).
    """
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(max(1, len(os.sched_getaffinity(0)) // 2 if hasattr(os, "sched_getaffinity") else 1))


def choose_device(name: str = "auto") -> torch.device:
    """`auto` takes CUDA, then Apple's MPS, then the CPU.

    Raises:
        ConfigError: the named device is not on this machine.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(f"no device {name!r} on this machine; use --device auto or cpu") from error
    return device


def device_of(network: torch.nn.Module) -> torch.device:
    """The device that a network's weights lie on."""
    return next(network.parameters()).device
