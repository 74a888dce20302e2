"""What each part of the design is worth: the model without it, beside the whole one, on the same clips in one run.

    python benchmarks/ablations.py --raw-dir data/raw --clips 6 --output-dir outputs/ablations

Parts that a trained model can be made to do without are switched off here; parts of the training (--method
no-expert=CHECKPOINT) need a model that was trained without them, see EXPERIMENTS.md.
"""

import argparse
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch

from synclips.data.grid import find_utterances, split
from synclips.evaluation.clip import Footage
from synclips.evaluation.model_method import ModelMaker
from synclips.evaluation.protocol import Method
from synclips.evaluation.results import Task
from synclips.features.face_mesh import LIPS
from synclips.media.audio import Waveform
from synclips.models.generator import Generator
from synclips.rendering import lip_sync
from synclips.rendering.renderer import load_model


def without_cross_attention(model: Generator) -> Generator:
    """The motion model sees no bank: everybody moves like the average speaker."""
    whole = model.motion.forward

    def forward(features: torch.Tensor, bank: torch.Tensor, shapes: torch.Tensor, present: torch.Tensor) -> Any:
        return whole(features, bank, shapes, torch.zeros_like(present))

    model.motion.forward = forward  # type: ignore[method-assign]
    return model


def without_refiner(model: Generator) -> Generator:
    """The mask alone decides between skin and first mouth, and nothing is painted."""
    torch.nn.init.zeros_(model.refiner.out.weight)
    torch.nn.init.zeros_(model.refiner.out.bias)  # type: ignore[arg-type]
    return model


def one_mouth() -> AbstractContextManager[Any]:
    """Every frame takes the bank's middle mouth, warped."""

    def choose(bank: Any, shapes: np.ndarray, turn: np.ndarray, count: int, occluded: Any) -> np.ndarray:  # noqa: ARG001
        return np.full((len(shapes), count), len(bank) // 2)

    return mock.patch.object(lip_sync, "choose_mouths", choose)


def nearest_each_frame() -> AbstractContextManager[Any]:
    """The nearest mouth of each frame, whatever the one before was."""
    whole = lip_sync.choose_mouths

    def choose(bank: Any, shapes: np.ndarray, turn: np.ndarray, count: int, occluded: Any) -> np.ndarray:
        parts = [whole(bank, shapes[[i]], turn[[i]], count, occluded) for i in range(len(shapes))]
        return np.concatenate(parts)

    return mock.patch.object(lip_sync, "choose_mouths", choose)


def still_skin() -> AbstractContextManager[Any]:
    """Only the lips move: chin, jaw and cheeks stay as they are in the frame. In `reconstruct` they are then the answer
    itself: only its `cross` figures say anything."""
    whole = lip_sync.moving_share

    def share(rotation: np.ndarray) -> np.ndarray:
        moving = whole(rotation)
        return np.where(np.isin(np.arange(len(moving)), LIPS), moving, 0).astype(np.float32)

    return mock.patch.object(lip_sync, "moving_share", share)


@dataclass(frozen=True)
class Ablation:
    """A part of the design, and how it is switched off: in the model, or around the making."""

    name: str
    in_model: Callable[[Generator], Generator] = lambda model: model
    around: Callable[[], AbstractContextManager[Any]] = nullcontext


ABLATIONS = (
    Ablation("whole"),
    Ablation("no cross-attention", in_model=without_cross_attention),
    Ablation("no refiner", in_model=without_refiner),
    Ablation("one mouth", around=one_mouth),
    Ablation("nearest each frame", around=nearest_each_frame),
    Ablation("still skin", around=still_skin),
)


@dataclass(frozen=True)
class Ablated:
    """The maker of one ablation, as the protocol asks for it."""

    maker: ModelMaker
    around: Callable[[], AbstractContextManager[Any]]

    def __call__(self, footage: Footage, waveform: Waveform, task: Task) -> Iterator[np.ndarray]:
        """Frames of `footage` saying `waveform`."""
        with self.around():
            yield from self.maker(footage, waveform, task)


def main() -> None:
    """Write a report with one row an ablation."""
    from synclips.cli.terminal import Terminal
    from synclips.evaluation.model_report import evaluate_model
    from synclips.metrics.evaluators import load_evaluators
    from synclips.runtime import share_cores, tune_allocator
    from synclips.tracking.detector import FaceMeshDetector

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--raw-dir", type=Path, default=Path("data/raw"))
    parser.add_argument("--clips", type=int, default=6)
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--method", action="append", default=[], metavar="NAME=CHECKPOINT", help="another checkpoint")
    parser.add_argument("--output-dir", type=Path, default=Path("outputs/ablations"))
    args = parser.parse_args()
    tune_allocator()
    share_cores()
    device = torch.device("cpu")
    model, _ = load_model(args.checkpoint, device)
    methods = [Method(a.name, Ablated(ModelMaker(a.in_model(deepcopy(model))), a.around), a.name) for a in ABLATIONS]
    for name, path in (pair.split("=", 1) for pair in args.method):
        methods.append(Method(name, ModelMaker(load_model(Path(path), device)[0]), path))
    judges, identity = load_evaluators(None, None, None, device)
    clips = split(find_utterances(args.raw_dir))["unseen"]
    first = {clip.speaker: clip for clip in reversed(clips)}
    chosen = [*first.values(), *(clip for clip in clips if clip not in first.values())][: args.clips]
    with Terminal() as terminal:
        report = evaluate_model(
            {"unseen": chosen}, methods, judges, identity, args.output_dir, FaceMeshDetector,
            tasks=["reconstruct", "cross"], drivers={"unseen": clips}, on_progress=terminal.progress,
        )  # fmt: skip
        terminal.result(str(report.page))


if __name__ == "__main__":
    main()
