"""What each part of the design is worth: the model without it, beside the whole one, on the same clips in one run.

    python benchmarks/ablations.py --raw-dir data/raw --clips 6 --output-dir outputs/ablations

Parts that a trained model can be made to do without are switched off here; parts of the training (--method
no-expert=CHECKPOINT) need a model that was trained without them, see EXPERIMENTS.md.
"""

import argparse
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from synclips.config import RecipeConfig
from synclips.data.grid import find_utterances, split
from synclips.evaluation.model_method import ModelMaker
from synclips.evaluation.protocol import Method
from synclips.models.generator import Generator
from synclips.rendering.renderer import build_model, load_model


def with_settings(model: Generator, recipe: RecipeConfig) -> Generator:
    """The model's weights under other settings."""
    other = build_model(recipe)
    assert isinstance(other, Generator)
    other.load_state_dict(model.state_dict())
    return other.eval()


def without_bank(model: Generator) -> Generator:
    """The motion model sees no bank: everybody moves like the average speaker."""
    motion = replace(model.recipe.model.motion, bank_share=0.0)
    return with_settings(model, replace(model.recipe, model=replace(model.recipe.model, motion=motion)))


def without_refiner(model: Generator) -> Generator:
    """The lip mask alone decides between base layer and first mouth, and nothing is painted."""
    other = deepcopy(model)
    torch.nn.init.zeros_(other.refiner.out.weight)
    torch.nn.init.zeros_(other.refiner.out.bias)  # type: ignore[arg-type]
    return other


def rendered(**settings: Any) -> Callable[[Generator], Generator]:
    """The model rendered with other settings (see RenderConfig)."""
    return lambda model: with_settings(model, replace(model.recipe, render=replace(model.recipe.render, **settings)))


ABLATIONS: dict[str, Callable[[Generator], Generator]] = {
    "whole": lambda model: model,
    "no cross-attention": without_bank,
    "no refiner": without_refiner,
    "one mouth": rendered(choice="middle"),
    "nearest each frame": rendered(choice="frame"),
    # in `reconstruct` chin, jaw and cheeks are then the answer itself: only the `cross` figures say anything
    "base layer not moved": rendered(moving="lips"),
}
"""Parts of the design, and the model with each of them switched off."""


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
    assert isinstance(model, Generator)
    methods = [Method(name, ModelMaker(change(model)), name) for name, change in ABLATIONS.items()]
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
