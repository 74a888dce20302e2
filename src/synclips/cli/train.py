"""The verbs that train: pretrain, finetune, recipe, judges."""

import argparse
from pathlib import Path
from typing import Final

from synclips.cli.options import (
    RAW,
    Verb,
    add_config,
    add_device,
    add_outputs,
    add_shards,
    add_workers,
)
from synclips.cli.terminal import Terminal


def _stage_arguments(parser: argparse.ArgumentParser) -> None:
    add_shards(parser)
    add_outputs(parser)
    add_config(parser)
    add_device(parser)


def _pretrain(args: argparse.Namespace, terminal: Terminal) -> None:
    from synclips.config import load_recipe
    from synclips.recipe import pretrain

    recipe = load_recipe(args.config)
    best = pretrain(args.shards, args.output_dir, recipe, device=args.device, on_progress=terminal.progress)
    terminal.result(f"encoders are trained; the best by validation: {best}")


def _finetune(args: argparse.Namespace, terminal: Terminal) -> None:
    from synclips.config import load_recipe
    from synclips.recipe import finetune

    recipe = load_recipe(args.config)
    best = finetune(args.shards, args.output_dir, recipe, device=args.device, on_progress=terminal.progress)
    terminal.result(f"the model is trained; the best by validation: {best}")


def _judges_arguments(parser: argparse.ArgumentParser) -> None:
    add_shards(parser)
    add_outputs(parser)
    add_device(parser)


def _judges(args: argparse.Namespace, terminal: Terminal) -> None:
    from synclips.recipe import train_judges

    syncnet, reader = train_judges(args.shards, args.output_dir, device=args.device, on_progress=terminal.progress)
    terminal.result(f"the judges are trained: {syncnet}, {reader}")


def _recipe_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--raw-dir", metavar="DIR", type=Path, default=RAW, help=f"the corpus; default {RAW}")
    parser.add_argument(
        "--from-shards", action="store_true", help="the corpus is preprocessed already: begin with training"
    )
    _stage_arguments(parser)
    add_workers(parser)


def _recipe(args: argparse.Namespace, terminal: Terminal) -> None:
    from synclips import recipe as recipes
    from synclips.config import load_recipe

    recipe = load_recipe(args.config)
    if args.from_shards:
        recipes.pretrain(args.shards, args.output_dir, recipe, device=args.device, on_progress=terminal.progress)
        best = recipes.finetune(args.shards, args.output_dir, recipe, device=args.device, on_progress=terminal.progress)
    else:
        best = recipes.run_recipe(
            args.raw_dir,
            args.shards,
            args.output_dir,
            recipe,
            device=args.device,
            workers=args.workers,
            on_progress=terminal.progress,
        )
    terminal.result(f"the model is trained; the best by validation: {best}")
    terminal.note(f'try it: synclips dub VIDEO --text "..." --output OUT.mp4 --checkpoint {best}')


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
        "Preprocess the corpus, pretrain the encoders, fine-tune the model. The best model by validation goes to "
        "checkpoints/ in the output folder.",
        ("recipe", "recipe --config tiny", "recipe --from-shards --config my.toml --device cuda"),
        _recipe_arguments,
        _recipe,
        computes=True,
        resumable=True,
    ),
)
