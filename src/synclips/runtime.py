"""Allocator, threads, device and precision of this process. Call before tensors are made."""

import ctypes
import os
import sys
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final, Literal

import cv2
import torch

from synclips.errors import ConfigError

_M_TRIM_THRESHOLD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -4, -8
_ARENAS: Final = 2
"""Heaps of glibc, each of which keeps what was freed in it: one a thread, as it would make, are some 50 MB each."""

Precision = Literal["auto", "bf16", "fp32"]
_BF16_INSTRUCTIONS = ("avx512_bf16", "amx_bf16")
"""Either of them multiplies bf16 natively; without them it is emulated, about thirty times slower than fp32."""


MOST_WORKERS: Final = 8


def tune_allocator() -> None:
    """Keep freed memory in the process.

    glibc maps each big block and hands it back at every free; the page faults of the next one then cost several
    times a small network's arithmetic (measured: 2 -> 12 frames/s in training). A no-op where there is no glibc.
    """
    _call_glibc("mallopt", _M_MMAP_MAX, 0)
    _call_glibc("mallopt", _M_TRIM_THRESHOLD, 2**31 - 1)
    _call_glibc("mallopt", _M_ARENA_MAX, _ARENAS)


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


def available_cores() -> int:
    """The CPU cores that this process may use (fewer than the machine's in a container or under taskset)."""
    if sys.version_info >= (3, 13):
        return os.process_cpu_count() or 1
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def frame_workers() -> int:
    """Threads that render frames at once: one a core, up to as many as decoding and encoding can keep up with."""
    return min(MOST_WORKERS, available_cores())


def share_cores() -> None:
    """Let torch use half of the cores, unless OMP_NUM_THREADS says how many.

    The networks are small: more threads gain little on an idle machine, and on a busy one each parallel region waits
    until every thread has had a core (measured on two cores beside one busy process: 9 s a frame instead of 0.05).
    OpenCV takes one: frames are worked on by a thread a core already.
    """
    cv2.setNumThreads(1)
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(max(1, available_cores() // 2))


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


def choose_precision(device: torch.device, wanted: Precision = "auto") -> Literal["bf16", "fp32"]:
    """The precision of the networks' arithmetic on `device`; `auto` takes bf16 where the hardware multiplies it.

    That is on CPUs with AVX512-BF16 or AMX and on CUDA GPUs from compute capability 8.0 on. Everything else, Apple's
    MPS included, computes in fp32.
    """
    if wanted != "auto":
        return wanted
    if device.type == "cpu":
        capabilities = torch.cpu.get_capabilities()
        return "bf16" if any(capabilities.get(name, False) for name in _BF16_INSTRUCTIONS) else "fp32"
    native = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return "bf16" if native else "fp32"


def autocast(device: torch.device, wanted: Precision = "auto") -> AbstractContextManager[Any]:
    """Within it networks compute in what `choose_precision` decides; weights and results of reductions stay fp32."""
    return torch.autocast(device.type, torch.bfloat16) if choose_precision(device, wanted) == "bf16" else nullcontext()
