"""Story B: from a raw corpus to a trained model. Every stage resumes, and does nothing once it is done."""

import shutil
from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from synclips.config import RecipeConfig, load_recipe
from synclips.data.dataset import ClipStore, by_speaker
from synclips.data.shards import Manifest
from synclips.errors import CheckpointError
from synclips.features.speech_features import feature_count
from synclips.files import atomic_path
from synclips.media.audio import Waveform
from synclips.media.timebase import SAMPLE_RATE
from synclips.metrics.evaluators import SYNCNET, load_judge, shipped_or
from synclips.metrics.sync import measure_offsets
from synclips.models.blueprint import BlueprintEncoders
from synclips.models.checkpoint import load_into, read_metadata, save_model
from synclips.models.encoders import BaseEncoders, build_encoders
from synclips.models.generator import Generator
from synclips.progress import Progress, silent
from synclips.rendering.renderer import FAST, INNER_MOUTH, build_model, load_model, sound_digest
from synclips.runtime import choose_device
from synclips.training import motion_head
from synclips.training.adaptation import AdaptMotionStage, AdaptStage, adapted_recipe, between, embeddings, hear_through
from synclips.training.blueprint import BlueprintFinetuneStage
from synclips.training.distill import DistillStage, thinner_recipe
from synclips.training.distributed import wait_for_all, world
from synclips.training.finetune import FinetuneStage
from synclips.training.inner_mouth import InnerMouthStage
from synclips.training.lip_reader import LipReaderStage
from synclips.training.loop import Stage, from_seed, run_stage
from synclips.training.motion import MotionStage
from synclips.training.pretrain import PretrainStage
from synclips.training.spoken_lines import SpokenLines, prepared_lines

BELIEVED = 2
"""Smallest AV offset, in frames, that a clip is corrected by: one frame lies within the measurement's own error."""

REFERENCE_CLIPS = 5
"""Clips of a person by which spoken lines get their voice."""


def run_recipe(
    shards: Path, outputs: Path, recipe: RecipeConfig, *, device: str = "auto", on_progress: Progress = silent
) -> Path:
    """Pretrain the encoders, fine-tune the model, by shards that are preprocessed. Returns the best checkpoint's path.

    Raises:
        DataError: the corpus cannot be used.
        CheckpointError: `outputs` holds another recipe's run.
    """
    pretrain(shards, outputs, recipe, device=device, on_progress=on_progress)
    return finetune(shards, outputs, recipe, device=device, on_progress=on_progress)


def pretrain(
    shards: Path, outputs: Path, recipe: RecipeConfig, *, device: str = "auto", on_progress: Progress = silent
) -> Path:
    """Stage 1: encoders of sound and lips, apart from any generator; then each clip's AV offset is measured with them.

    Returns the encoders' checkpoint.
    """
    place, store = choose_device(device), ClipStore(shards)
    with from_seed(recipe):
        stage = PretrainStage(store, recipe, place)
    best = run_stage(stage, recipe, _folder(outputs, recipe, stage), on_progress=on_progress)
    unmeasured = any(entry.av_offset is None for entry in store.manifest.clips)
    if recipe.model.preset == "base" and unmeasured and world().is_first:
        encoders = load_into(best, BaseEncoders(feature_count(recipe.model.audio.speech_layers), recipe.model))
        correct_offsets(shards, store, encoders.to(place).eval(), on_progress)
    wait_for_all()
    return best


def finetune(
    shards: Path, outputs: Path, recipe: RecipeConfig, *, device: str = "auto", on_progress: Progress = silent
) -> Path:
    """Stage 2: the whole model with its discriminator, and the painter of inner mouths. Returns
    outputs/checkpoints/<preset>.safetensors.

    Raises:
        CheckpointError: stage 1 has not been run, or `outputs` holds another recipe's run.
    """
    place, store = choose_device(device), ClipStore(shards)
    pretrained = outputs / recipe.model.preset / "pretrain" / "best.safetensors"
    if not pretrained.is_file():
        raise CheckpointError(f"no pretrained encoders at {pretrained}; run `synclips pretrain` first")
    encoders = load_into(pretrained, build_encoders(feature_count(recipe.model.audio.speech_layers), recipe.model))
    if isinstance(encoders, BlueprintEncoders):
        with from_seed(recipe):
            stage: Stage = BlueprintFinetuneStage(store, recipe, encoders, place)
    else:
        lines = spoken_lines(store, outputs / recipe.model.preset / "lines", recipe, on_progress)
        with from_seed(recipe):
            motion = MotionStage(store, recipe, encoders, place, lines)
        best_motion = run_stage(motion, recipe, _folder(outputs, recipe, motion), on_progress=on_progress)
        with from_seed(recipe):
            generator = build_model(recipe)
            assert isinstance(generator, Generator)
            load_into(best_motion, generator.motion)
            stage = FinetuneStage(store, recipe, generator, encoders.syncnet, place)
    best = run_stage(stage, recipe, _folder(outputs, recipe, stage), on_progress=on_progress)
    if recipe.model.preset == "base":
        train_inner_mouth(shards, outputs, recipe, device=device, on_progress=on_progress)
    return _keep(best, outputs / "checkpoints" / f"{recipe.model.preset}.safetensors")


def spoken_lines(store: ClipStore, folder: Path, recipe: RecipeConfig, on_progress: Progress) -> SpokenLines | None:
    """The lines that the motion stage learns from beside the corpus; spoken into `folder` if they are not there yet.
    None where the recipe has none."""
    if not recipe.lines.hibari + recipe.lines.espeak:
        return None
    references = [
        Waveform(np.concatenate([store[key].waveform.samples for key in keys[:REFERENCE_CLIPS]]), SAMPLE_RATE)
        for keys in by_speaker(store.split()["train"]).values()
    ]
    if not world().is_first:
        wait_for_all()  # for the first one, which speaks
    lines = prepared_lines(folder, recipe.lines, references, recipe.seed, on_progress=on_progress)
    if world().is_first:
        wait_for_all()
    return SpokenLines(lines, recipe.augment, recipe.model.audio.speech_layers, recipe.seed)


def adapt(
    shards: Path,
    outputs: Path,
    recipe: RecipeConfig,
    start: Path | None = None,
    *,
    device: str = "auto",
    on_progress: Progress = silent,
    on_fit: Callable[[motion_head.HeadFit], None] | None = None,
) -> Path:
    """A finished model goes on learning from the corpus: the last layer of its motion model in closed form, all of the
    motion model where the recipe has steps for it, from spoken lines too if it says so, then the whole with its
    discriminator; where it has no steps for that, the refiner only learns what the sound's embeddings have become.

    The layer is fitted as far as cross-validation over the training clips says (see training.motion_head); the others
    keep the weights that do best on what is held out (the splits `seen` and `validation`), those they began with
    included. Sync is judged by the shipped SyncNet, in the loss too: report its figures of such a model by another
    one.

    start:  the model (None: the shipped one); the recipe's settings of the architecture are not used

    `on_fit` is told of the layer. Returns outputs/checkpoints/<preset>.safetensors.

    Raises:
        CheckpointError: `start` is no generator of `base`, or `outputs` holds another recipe's run.
    """
    place, store = choose_device(device), ClipStore(shards)
    generator = _generator(start, "can be trained further")
    recipe = adapted_recipe(recipe, generator.recipe)
    generator.recipe = recipe
    with shipped_or(None, SYNCNET) as judge:
        expert = load_judge(judge)
    generator.motion.to(place)
    if recipe.sampling.fitted_layer:
        head = outputs / recipe.model.preset / motion_head.NAME
        best_motion = motion_head.run_head(store, generator.motion, recipe, head)
        load_into(best_motion, generator.motion)
        if on_fit is not None:
            on_fit(motion_head.read_fit(best_motion))
    if recipe.motion.steps:
        before = deepcopy(generator.motion).eval()
        lines = spoken_lines(store, outputs / recipe.model.preset / "lines", recipe, on_progress)
        motion = AdaptMotionStage(store, recipe, generator.motion.train(), place, lines)
        folder = _folder(outputs, recipe, motion)
        best_motion = run_stage(motion, recipe, folder, from_trained=True, on_progress=on_progress)
        load_into(best_motion, generator.motion)
        generator.motion = between(before, generator.motion, recipe.sampling.trained_share).eval()
        keys = store.split()["train"]
        heard, hears = (embeddings(model, store, recipe, keys) for model in (before, generator.motion))
        hear_through(generator.refiner, heard, hears)
    target = outputs / "checkpoints" / f"{recipe.model.preset}.safetensors"
    if not recipe.finetune.steps:
        return _save(generator, target, {"stage": AdaptMotionStage.name, "recipe": asdict(recipe)})
    with from_seed(recipe):
        stage = AdaptStage(store, recipe, generator, expert, place)
    best = run_stage(stage, recipe, _folder(outputs, recipe, stage), from_trained=True, on_progress=on_progress)
    return _keep(best, target)


def distill(
    shards: Path,
    outputs: Path,
    recipe: RecipeConfig,
    teacher: Path | None = None,
    *,
    device: str = "auto",
    on_progress: Progress = silent,
) -> Path:
    """A thinner refiner for a trained model, as `recipe.model.refiner` says, learns to do what the model's own does.

    teacher:  the model (None: the shipped one); the recipe's other settings of the architecture are not used

    Returns outputs/checkpoints/fast.safetensors, which holds the refiner alone: the rest is taken from base.safetensors
    in the same folder, else from the shipped model.

    Raises:
        CheckpointError: `teacher` is no generator of `base`, or `outputs` holds another recipe's run.
    """
    place, store = choose_device(device), ClipStore(shards)
    generator = _generator(teacher, "have a refiner")
    recipe = thinner_recipe(recipe, generator.recipe)
    with from_seed(recipe):
        stage = DistillStage(store, recipe, generator, place)
    folder = _folder(outputs, recipe, stage)
    if not (folder / "last.pt").is_file():
        stage.begin()
    best = run_stage(stage, recipe, folder, from_trained=True, on_progress=on_progress)
    metadata = read_metadata(best) | {"hears": sound_digest(generator.motion)}
    return _save(load_into(best, stage.model), outputs / "checkpoints" / FAST, metadata)


def train_inner_mouth(
    shards: Path, outputs: Path, recipe: RecipeConfig, *, device: str = "auto", on_progress: Progress = silent
) -> Path:
    """The painter of inner mouths, which needs no other stage. Returns outputs/checkpoints/inner_mouth.safetensors;
    a model in the same folder is dubbed with it.

    Raises:
        DataError: no training clip shows an open mouth.
        CheckpointError: `outputs` holds another recipe's run.
    """
    place, store = choose_device(device), ClipStore(shards)
    with from_seed(recipe):
        stage = InnerMouthStage(store, recipe, place)
    best = run_stage(stage, recipe, _folder(outputs, recipe, stage), on_progress=on_progress)
    return _keep(best, outputs / "checkpoints" / INNER_MOUTH)


def train_judges(
    shards: Path, outputs: Path, *, device: str = "auto", on_progress: Progress = silent
) -> tuple[Path, Path]:
    """The evaluators, which are used in no training: a SyncNet by the `judge` recipe, and a lip reader.

    Returns their checkpoints, outputs/judges/syncnet.safetensors and lip_reader.safetensors. Clips whose AV offset was
    not measured are taken to have none, so train `base`'s encoders first.

    Raises:
        DataError: no clip says what is spoken in it.
    """
    place, store, recipe = choose_device(device), ClipStore(shards), load_recipe("judge")
    kept = []
    for name, make in (("syncnet", PretrainStage), ("lip_reader", LipReaderStage)):
        with from_seed(recipe):
            stage: Stage = make(store, recipe, place)
        best = run_stage(stage, recipe, outputs / "judges" / stage.name, on_progress=on_progress)
        kept.append(_keep(best, outputs / "judges" / f"{name}.safetensors"))
    return kept[0], kept[1]


def correct_offsets(shards: Path, store: ClipStore, encoders: BaseEncoders, on_progress: Progress = silent) -> None:
    """Measure by how many frames each clip's sound lags its picture, and write it into the manifest."""
    measured = measure_offsets(store, encoders.syncnet, on_progress)
    clips = []
    for entry in store.manifest.clips:
        offset, confidence = measured[entry.key]
        clips.append(replace(entry, av_offset=offset if abs(offset) >= BELIEVED else 0, av_confidence=confidence))
    Manifest(**{**vars(store.manifest), "clips": tuple(clips)}).write(shards)


def _save(model: nn.Module, target: Path, metadata: dict[str, Any]) -> Path:
    if world().is_first:
        save_model(target, model, metadata, half=True)
    wait_for_all()
    return target


def _keep(best: Path, target: Path) -> Path:
    if world().is_first:
        with atomic_path(target) as temporary:
            shutil.copyfile(best, temporary)
    wait_for_all()
    return target


def _generator(path: Path | None, able: str) -> Generator:
    """The model in a checkpoint (None: the shipped one), on the CPU; `able`: what only models of `base` do or have.

    Raises:
        CheckpointError: it is of another preset, or not there.
    """
    generator, _ = load_model(path, torch.device("cpu"))
    if not isinstance(generator, Generator):
        raise CheckpointError(f"{path} is not of the preset base; only such models {able}")
    return generator


def _folder(outputs: Path, recipe: RecipeConfig, stage: Stage) -> Path:
    return outputs / recipe.model.preset / stage.name
