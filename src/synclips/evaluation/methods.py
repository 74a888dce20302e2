"""Methods of the evaluation table: baselines that need no model, and other people's models from a Python file."""

import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Float32, Float64, UInt8

from synclips.errors import ConfigError
from synclips.evaluation.clip import Footage
from synclips.evaluation.protocol import KEEP_AWAY, Method
from synclips.evaluation.results import Task
from synclips.features.alignment import CROP, LOWER_VIEW, fit_alignment, invert
from synclips.features.face_mesh import LIPS, lower_points
from synclips.media.audio import Waveform
from synclips.media.timebase import frames_in

FEATHER = 8
"""Pixels of the face crop over which a pasted part fades into the frame."""


def baselines() -> tuple[Method, ...]:
    """The methods of this module, ready for the protocol."""
    return Method("copy-frame", copy_frame, "1"), Method("nearest-mouth", nearest_mouth, "1")


def copy_frame(footage: Footage, waveform: Waveform, task: Task) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
    """Every frame gets the mouth of the first one (or, near that, of the middle one): it never speaks."""
    count = _count(footage, waveform)
    for i in range(count):
        far = i > KEEP_AWAY or task != "reconstruct"
        yield paste_mouth(footage, i, 0 if far else len(footage) // 2)


def nearest_mouth(footage: Footage, waveform: Waveform, task: Task) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
    """Every frame gets the person's mouth nearest in shape to the right one, which it is told: an unfair baseline.

    In `reconstruct`, where the clip's own lips are the truth, mouths of frames within `KEEP_AWAY` are left out; in the
    other tasks the truth is not in the clip, and it is the mouth at rest.
    """
    lips = footage.look.lower[:, np.searchsorted(lower_points(), LIPS), :2]
    rest = footage.rest[np.searchsorted(lower_points(), LIPS), :2]
    for i in range(_count(footage, waveform)):
        distance = np.linalg.norm(lips - (lips[i] if task == "reconstruct" else rest), axis=2).mean(axis=1)
        if task == "reconstruct":
            distance[max(0, i - KEEP_AWAY) : i + KEEP_AWAY + 1] = np.inf
        yield paste_mouth(footage, i, int(distance.argmin()))


def paste_mouth(footage: Footage, into: int, source: int) -> UInt8[np.ndarray, "h w 3"]:
    """Frame `into` with the lower face of frame `source`, carried over by the faces' 2-D alignment, feathered."""
    if into == source:
        return footage.frames[into]
    frame = footage.frames[into]
    height, width = frame.shape[:2]
    alignment = fit_alignment(footage.look.points[[into, source]])
    across = _square(invert(alignment[:1])[0]) @ _square(alignment[1])
    moved = cv2.warpAffine(footage.frames[source], across[:2], (width, height), borderMode=cv2.BORDER_REPLICATE)
    mask = cv2.warpAffine(_feathered(), invert(alignment[:1])[0], (width, height))[..., None]
    return np.round(frame + (moved.astype(np.float32) - frame) * mask).astype(np.uint8)


def _count(footage: Footage, waveform: Waveform) -> int:
    return min(len(footage), frames_in(len(waveform.samples)))


def _square(matrix: Float64[np.ndarray, "2 3"]) -> Float64[np.ndarray, "3 3"]:
    return np.vstack([matrix, [0, 0, 1]])


def _feathered() -> Float32[np.ndarray, "144 144"]:
    mask = np.zeros((CROP, CROP), np.float32)
    mask[
        LOWER_VIEW.top + FEATHER : LOWER_VIEW.bottom - FEATHER, LOWER_VIEW.left + FEATHER : LOWER_VIEW.right - FEATHER
    ] = 1
    return cv2.GaussianBlur(mask, (0, 0), FEATHER / 2)


def foreign_method(name: str, path: Path, device: torch.device) -> Method:
    """The method that a Python file makes, under `name`; its identity covers the file as well as what it says itself.

    Raises:
        ConfigError: no such file, or its `method` is missing or makes no Method.
    """
    if not path.is_file():
        raise ConfigError(f"no such file: {path}; name a Python file with a function `method(device)`")
    spec = importlib.util.spec_from_file_location(f"synclips_method_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    beside = str(path.resolve().parent)
    sys.path.insert(0, beside)
    try:
        spec.loader.exec_module(module)
        found = module.method(device) if hasattr(module, "method") else None
    except (ImportError, SyntaxError) as error:
        raise ConfigError(f"{path} cannot be loaded: {error}; run it with Python to see why") from error
    finally:
        sys.path.remove(beside)
    if not isinstance(found, Method) or found.make is None:
        raise ConfigError(f"{path} makes no method; it needs a function `method(device)` that returns a Method")
    return replace(found, name=name, identity=f"{found.identity} {sha256(path.read_bytes()).hexdigest()[:16]}".strip())
