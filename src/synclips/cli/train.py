"""The verbs that train: pretrain, finetune, recipe, judges."""

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from synclips.cli.corpus import preprocess_corpus
from synclips.cli.options import (
    Verb,
    add_config,
    add_device,
    add_engine,
    add_outputs,
    add_raw,
    add_shards,
    add_workers,
)
from synclips.cli.terminal import Terminal
from synclips.errors import CheckpointError


def _stage_arguments(parser: argparse.ArgumentParser) -> None:
    add_shards(parser)
    add_outputs(parser)
    add_config(parser)
    add_device(parser)


class _Mute(Terminal):
    """The terminal of a process that is not the first: errors apart, it says nothing."""

    def result(self, text: str) -> None:
        """Nothing is written."""


@contextmanager
def _together(args: argparse.Namespace, terminal: Terminal) -> Iterator[tuple[str, Terminal]]:
    """The device of this process, and where it may write: started by torchrun, it trains with the others, each on its
    own GPU, and only the first writes."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        yield args.device, terminal
        return
    from synclips.runtime import choose_device
    from synclips.training.distributed import joined

    device = args.device
    if device in ("auto", "cuda") and choose_device(device).type == "cuda":
        device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
    with joined(choose_device(device)) as place:
        if place.is_first:
            yield device, terminal
        else:
            yield device, _Mute(quiet=True)


def _pretrain(args: argparse.Namespace, terminal: Terminal) -> None:
    from synclips.config import load_recipe
    from synclips.recipe import pretrain

    recipe = load_recipe(args.config)
    with _together(args, terminal) as (device, terminal):
        best = pretrain(args.shards, args.output_dir, recipe, device=device, on_progress=terminal.progress)
        terminal.result(f"encoders are trained; the best by validation: {best}")


def _finetune(args: argparse.Namespace, terminal: Terminal) -> None:
    from synclips.config import load_recipe
    from synclips.recipe import finetune

    recipe = load_recipe(args.config)
    with _together(args, terminal) as (device, terminal):
        best = finetune(args.shards, args.output_dir, recipe, device=device, on_progress=terminal.progress)
        terminal.result(f"the model is trained; the best by validation: {best}")


def _judges_arguments(parser: argparse.ArgumentParser) -> None:
    add_shards(parser)
    add_outputs(parser)
    add_device(parser)


def _judges(args: argparse.Namespace, terminal: Terminal) -> None:
    from synclips.recipe import train_judges

    with _together(args, terminal) as (device, terminal):
        syncnet, reader = train_judges(args.shards, args.output_dir, device=device, on_progress=terminal.progress)
        terminal.result(f"the judges are trained: {syncnet}, {reader}")


def _recipe_arguments(parser: argparse.ArgumentParser) -> None:
    add_raw(parser)
    parser.add_argument(
        "--from-shards", action="store_true", help="the corpus is preprocessed already: begin with training"
    )
    parser.add_argument(
        "--from",
        dest="start",
        metavar="MODEL",
        help="go on with a trained model instead of training a new one: base (the shipped one), fast or a "
        ".safetensors; --config is then adapt by default; with --config lines, the model that learns from spoken "
        "lines; with --config fast, the model whose refiner is to be thinner",
    )
    _stage_arguments(parser)
    parser.set_defaults(config=None)
    add_workers(parser)
    add_engine(parser)


def _recipe(args: argparse.Namespace, terminal: Terminal) -> None:
    from synclips import recipe as recipes
    from synclips.config import load_recipe
    from synclips.rendering.renderer import NAMED

    recipe = load_recipe(args.config or ("adapt" if args.start else "base"))
    start = None if args.start in (None, "base") else Path(args.start)
    if start is not None and str(start) not in NAMED and not start.is_file():
        raise CheckpointError(f"no such model: {start}; give --from base, or a .safetensors file")
    with _together(args, terminal) as (device, terminal):
        if not args.from_shards:
            from synclips.training.distributed import wait_for_all, world

            if world().is_first:
                preprocess_corpus(args, args.shards, terminal)
            wait_for_all()
        if recipe.distill.steps:
            best = recipes.distill(
                args.shards, args.output_dir, recipe, start, device=device, on_progress=terminal.progress
            )
        elif args.start or args.config in GOING_ON:
            best = recipes.adapt(
                args.shards,
                args.output_dir,
                recipe,
                start,
                device=device,
                on_progress=terminal.progress,
                on_fit=lambda fit: terminal.note(str(fit)),
            )
        else:
            best = recipes.run_recipe(
                args.shards, args.output_dir, recipe, device=device, on_progress=terminal.progress
            )
        terminal.result(f"the model is trained; the best by validation: {best}")
        terminal.note(f'try it: synclips dub VIDEO --text "..." --output OUT.mp4 --checkpoint {best}')


GOING_ON: Final = ("adapt", "lines")
"""Recipes that go on with a trained model: the shipped one where --from names no other."""

VERBS: Final = (
    Verb(
        "pretrain",
        "train the audio and video encoders (stage 1)",
        "Stage 1: the audio encoder and the video encoder learn from each other which lips belong to which sound, "
        "apart from the generator. With base, the offset of sound and picture in each clip is then measured and "
        "corrected.",
        ("pretrain", "pretrain --config tiny --device cpu", "pretrain --config my.toml --output-dir outputs/mine"),
        _stage_arguments,
        _pretrain,
        computes=True,
        resumable=True,
    ),
    Verb(
        "finetune",
        "train the whole model (stage 2)",
        "Stage 2: the whole model, jointly with the discriminator, from the encoders of stage 1, and the painter of "
        "inner mouths. The best of each by validation goes to checkpoints/ in the output folder.",
        ("finetune", "finetune --config tiny --device cpu"),
        _stage_arguments,
        _finetune,
        computes=True,
        resumable=True,
    ),
    Verb(
        "judges",
        "train the evaluators: a SyncNet and a lip reader",
        "Train the networks that `synclips evaluate` scores with: a second SyncNet (with another seed, order and "
        "augmentation than the one in the training loss) and a lip reader, on real clips of the training speakers "
        "only. Run `synclips pretrain` first: it measures the clips' offsets.",
        ("judges", "judges --shards data/shards --output-dir outputs"),
        _judges_arguments,
        _judges,
        computes=True,
        resumable=True,
    ),
    Verb(
        "recipe",
        "everything from the corpus to a model",
        "Preprocess the corpus, pretrain the encoders, fine-tune the model; or, with --from, fine-tune a model that is "
        "trained already, for instance to the people of your own videos; or let it learn from spoken lines (--config "
        "lines), or a thinner refiner learn from it (--config fast). The best model by validation goes to checkpoints/ "
        "in the output folder. See "
        "docs/training.md.",
        (
            "recipe",
            "recipe --config tiny",
            "recipe --raw-dir videos/ --from base",
            "recipe --from-shards --config fast",
            "recipe --from-shards --config my.toml --device cuda",
        ),
        _recipe_arguments,
        _recipe,
        computes=True,
        resumable=True,
    ),
)
