"""The last layer of a trained motion model, fitted to the people of a small corpus in closed form: see `last_layer`.

Half a minute of a person suffices where gradient steps on all weights over-fit (EXPERIMENTS.md, 2026-11-28, "A
fine-tune that helps").
"""

import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
from jaxtyping import Float32

from synclips.config import RecipeConfig
from synclips.data.dataset import Clips, ClipStore, by_speaker
from synclips.data.grid import speaker_of
from synclips.data.shards import Clip
from synclips.errors import CheckpointError
from synclips.features.face_mesh import lower_points, person_rest
from synclips.files import atomic_path
from synclips.media.timebase import FPS
from synclips.models.checkpoint import read_metadata, save_model
from synclips.models.motion import MotionModel
from synclips.runtime import device_of
from synclips.training.distributed import wait_for_all, world
from synclips.training.last_layer import (
    FOLDS,
    LEAST,
    STRENGTHS,
    SeenClip,
    best_strength,
    clip_figures,
    is_gain,
    mean_figures,
    ridge,
    stretches,
)
from synclips.training.motion_data import MotionData, even_bank

NAME: Final = "adapt_head"


@dataclass(frozen=True)
class HeadFit:
    """How a fit came about. Figures are those of cross-validation: each clip predicted by a layer fitted without it.

    strength:  that was chosen; None: the layer was left as it is
    before:    figures of the layer as it was: lve (%), r (mean correlation of the movements), score (r - lve / 10)
    after:     of the layer with the chosen strength
    note:      why nothing was fitted
    """

    strength: float | None
    before: Mapping[str, float]
    after: Mapping[str, float]
    note: str = ""

    def __str__(self) -> str:
        """One line for a person."""
        if self.strength is None:
            return f"the motion model is left as it is: {self.note}"
        return (
            "the motion model's last layer is fitted; on clips that were left out, lips are off by "
            f"{self.after['lve']:.2f} % of the distance of the eyes (before {self.before['lve']:.2f}), and follow the "
            f"real ones with a correlation of {self.after['r']:.2f} (before {self.before['r']:.2f})"
        )


class AsRendered:
    """The clips of a store, each with the rest that rendering takes when it is dubbed: its own, not its speaker's.

    A fit to displacements from the speaker's common rest learns that rest, and is wrong by the difference (some .4
    canonical units) in every dub.
    """

    def __init__(self, store: Clips) -> None:
        self._store = store

    def __getitem__(self, key: str) -> Clip:
        return replace(self._store[key], speaker=key)

    def offset(self, key: str) -> int:
        """As the store says."""
        return self._store.offset(key)

    def rest(self, speaker: str) -> Float32[np.ndarray, "m 3"]:
        """The clip's, whose key `speaker` is here."""
        return person_rest(self._store[speaker].meshes())[lower_points()]


def fit_head(
    store: Clips, model: MotionModel, recipe: RecipeConfig, keys: Sequence[str]
) -> tuple[MotionModel, HeadFit]:
    """A copy of `model` whose last layer is fitted to the clips `keys`, and how that came about.

    `store` says whose rest lips move from: see `AsRendered`. A speaker's clips count together as the root of their
    number, as `BalancedSampler` draws them. The model is a mere copy where there is too little video, or where no
    strength gains more than the standard error of the gain.
    """
    model = deepcopy(model).eval()
    seconds = sum(len(store[key]) for key in keys) / FPS
    if seconds < LEAST or len(keys) < 2:
        return model, HeadFit(None, {}, {}, f"{seconds:.0f} s of training video, {LEAST:g} are needed")
    clips = _read(store, model, recipe, keys)
    best, made = best_strength(model, clips, _folds(keys), STRENGTHS)
    before = [clip_figures(model, clip.made, clip.true) for clip in clips.values()]
    after = [clip_figures(model, made[key], clip.true) for key, clip in clips.items()]
    if not is_gain(after, before):
        return model, HeadFit(None, mean_figures(before), mean_figures(after), "no gain that is larger than its error")
    ridge(list(clips.values()), best).add_to(model.last)
    return model, HeadFit(best, mean_figures(before), mean_figures(after))


def run_head(store: ClipStore, model: MotionModel, recipe: RecipeConfig, folder: Path) -> Path:
    """Fit the last layer to the training clips, as a stage of a recipe: leaves `folder`/best.safetensors and log.jsonl,
    and does nothing where they are of the same recipe. Returns the checkpoint's path.

    Raises:
        CheckpointError: `folder` holds another recipe's.
    """
    path, digest = folder / "best.safetensors", recipe.digest()
    if path.is_file():
        if read_metadata(path).get("digest") != digest:
            raise CheckpointError(f"{path} was made by another recipe; name another folder, or delete it")
    elif world().is_first:
        fitted, fit = fit_head(AsRendered(store), model, recipe, store.split()["train"])
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_path(folder / "log.jsonl") as temporary:
            temporary.write_text(json.dumps({"kind": "fit", **asdict(fit)}) + "\n")
        save_model(path, fitted, {"stage": NAME, "digest": digest, "fit": asdict(fit), "recipe": asdict(recipe)})
    wait_for_all()
    return path


def read_fit(path: Path) -> HeadFit:
    """What `run_head` wrote into its checkpoint."""
    return HeadFit(**read_metadata(path)["fit"])


@torch.no_grad()
def _read(store: Clips, model: MotionModel, recipe: RecipeConfig, keys: Sequence[str]) -> dict[str, SeenClip]:
    """Each clip through the model, with a bank from another clip of the speaker."""
    device, data, people = device_of(model), MotionData(store, model, recipe), by_speaker(keys)
    weights, biases = (part.detach().cpu().numpy() for part in (model.last.weight, model.last.bias))
    share = {speaker: len(own) ** -0.5 for speaker, own in people.items()}
    mean = float(np.mean([share[speaker_of(key)] for key in keys]))
    clips = {}
    for key in keys:
        other = next((k for k in people[speaker_of(key)] if k != key), key)
        bank = even_bank(data, other, recipe.sampling.motion_bank, device)
        plain = data.plain(key)
        inputs = model.last_inputs(torch.from_numpy(plain.features)[None].to(device), *bank)[0][0].cpu().numpy()
        clips[key] = SeenClip(inputs, inputs @ weights.T + biases, plain.components, share[speaker_of(key)] / mean)
    return clips


def _folds(keys: Sequence[str]) -> list[set[str]]:
    """Parts of the clips that are predicted by the others: people, where there are `FOLDS` or more, else stretches
    of the clips, since neighbours are alike."""
    people = by_speaker(keys)
    if len(people) < FOLDS:
        return stretches([key for own in people.values() for key in own])
    folds: list[set[str]] = [set() for _ in range(FOLDS)]
    for number, own in enumerate(people.values()):
        folds[number % FOLDS] |= set(own)
    return folds
