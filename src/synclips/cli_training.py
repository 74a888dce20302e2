"""The verbs that make a model and measure it: pretrain, finetune, recipe, evaluate."""

import argparse
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Final

from synclips.cli_verb import (
    OUTPUTS,
    RAW,
    Verb,
    add_checkpoint,
    add_config,
    add_device,
    add_outputs,
    add_shards,
    add_workers,
    whole_number,
)
from synclips.terminal import Terminal

if TYPE_CHECKING:
    from synclips.data.grid import Utterance


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


def _evaluate_arguments(parser: argparse.ArgumentParser) -> None:
    add_checkpoint(parser)
    parser.add_argument("--raw-dir", metavar="DIR", type=Path, default=RAW, help=f"the corpus; default {RAW}")
    parser.add_argument(
        "--output-dir",
        metavar="DIR",
        type=Path,
        default=OUTPUTS / "evaluation",
        help=f"the report: index.html, metrics.json, metrics.csv; default {OUTPUTS / 'evaluation'}",
    )
    parser.add_argument(
        "--split",
        action="append",
        choices=("seen", "unseen"),
        help="seen (clips of a known speaker that training left out), unseen (speakers that training never saw); "
        "may be given twice; default both",
    )
    parser.add_argument(
        "--clips", metavar="N", type=whole_number(1), default=12, help="at most N clips of each split; default 12"
    )
    parser.add_argument(
        "--judge",
        metavar="J",
        type=Path,
        default=OUTPUTS / "base" / "pretrain" / "best.safetensors",
        help="encoders of `synclips pretrain`, whose SyncNet judges the lips; fairest if the model was trained beside "
        f"another one; default {OUTPUTS / 'base' / 'pretrain' / 'best.safetensors'}",
    )
    add_device(parser)


def _evaluate(args: argparse.Namespace, terminal: Terminal) -> None:
    from synclips.data.grid import find_utterances, split
    from synclips.data.shards import sha256_of
    from synclips.evaluation.model_report import evaluate_model
    from synclips.evaluation.scoring import Judges
    from synclips.features.landmarks import MediaPipeDetector
    from synclips.rendering.trial import load_judge, model_method
    from synclips.runtime import choose_device

    parts = split(find_utterances(args.raw_dir))
    wanted = {name: _spread(parts[name], args.clips) for name in args.split or ("seen", "unseen")}
    method = model_method(args.checkpoint, choose_device(args.device))
    judges = Judges(load_judge(args.judge))
    report = evaluate_model(
        wanted,
        [method],
        judges,
        sha256_of(args.judge)[:16],
        args.output_dir,
        MediaPipeDetector,
        logs=sorted(OUTPUTS.glob("*/*/log.jsonl")) if args.checkpoint else (),
        about={"checkpoint": str(args.checkpoint or "shipped"), "judge": str(args.judge)},
        on_progress=terminal.progress,
    )
    terminal.result(f"report: {report.page}")


def _spread(clips: "Sequence[Utterance]", most: int) -> "list[Utterance]":
    """At most `most` clips, the speakers in turn."""
    by_speaker: dict[str, list[Utterance]] = {}
    for clip in clips:
        by_speaker.setdefault(clip.speaker, []).append(clip)
    in_turn = [clip for group in zip_longest(*by_speaker.values()) for clip in group if clip is not None]
    chosen = {clip.key for clip in in_turn[:most]}
    return [clip for clip in clips if clip.key in chosen]


VERBS: Final = (
    Verb(
        "pretrain",
        "train the audio and video encoders (stage 1)",
        "Stage 1: the audio encoder and the video encoder learn from each other which lips belong to which sound, "
        "apart from the generator.",
        ("pretrain", "pretrain --config tiny --device cpu", "pretrain --config my.toml --output-dir outputs/mine"),
        _stage_arguments,
        _pretrain,
        computes=True,
        resumable=True,
    ),
    Verb(
        "finetune",
        "train the whole model (stage 2)",
        "Stage 2: the whole model, jointly with the discriminator, from the encoders of stage 1. The best model by "
        "validation goes to OUTPUTS/checkpoints.",
        ("finetune", "finetune --config tiny --device cpu"),
        _stage_arguments,
        _finetune,
        computes=True,
        resumable=True,
    ),
    Verb(
        "recipe",
        "everything from the corpus to a model",
        "Preprocess, pretrain, fine-tune and report, each going on where it was.",
        ("recipe", "recipe --config tiny", "recipe --from-shards --config my.toml --device cuda"),
        _recipe_arguments,
        _recipe,
        computes=True,
        resumable=True,
    ),
    Verb(
        "evaluate",
        "measure a model on clips it was not trained on",
        "Let a model re-make real clips, measure them beside baselines that need no model, and write a report with "
        "tables, curves and pictures. Splits are taken from the corpus by name: clips that training never used.",
        (
            "evaluate --checkpoint outputs/checkpoints/base.safetensors",
            "evaluate --split unseen --clips 4 --output-dir outputs/quick",
        ),
        _evaluate_arguments,
        _evaluate,
        computes=True,
        resumable=True,
    ),
)
