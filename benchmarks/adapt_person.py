"""What the fit of the motion model's last layer brings a person whom the model does not know.

    python benchmarks/adapt_person.py data/shards s33
    python benchmarks/adapt_person.py data/shards s1 s2 --without outputs/without

With --without a motion model is trained first on everybody else in the shards (audio encoder and motion head anew, the
video encoder as shipped), and kept in that folder. Of a person with more than 40 clips the last 20 are held out and the
layer is fitted to the first 5, 10, 20 and 40; of others five parts are held out in turn. What strength is taken is
decided within the clips that are fitted to, so the figures are of clips by which nothing was chosen. Offsets of sound
and picture are measured by the shipped SyncNet where the manifest has none.
"""

import argparse
import sys
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from synclips.config import RecipeConfig
from synclips.data.dataset import ClipStore, by_speaker
from synclips.data.grid import UNSEEN_SPEAKERS
from synclips.errors import CheckpointError
from synclips.features.face_mesh import lower_points
from synclips.features.speech_features import feature_count
from synclips.metrics.articulation import MOVEMENTS, agreement
from synclips.metrics.evaluators import SYNCNET, load_judge, shipped_or
from synclips.metrics.lip_shape import largest_lip_error
from synclips.metrics.sync import measure_offsets
from synclips.models.checkpoint import load_into
from synclips.models.generator import Generator
from synclips.models.motion import MotionModel
from synclips.recipe import BELIEVED
from synclips.rendering.renderer import load_model
from synclips.training.loop import run_stage
from synclips.training.motion import MotionStage
from synclips.training.motion_data import MotionData, even_bank, fit_population
from synclips.training.motion_head import AsRendered, fit_head

CPU = torch.device("cpu")


class Measured(ClipStore):
    """The clips with measured offsets; of the speakers in `without` nothing is trained on."""

    def __init__(self, folder: Path, without: Sequence[str]) -> None:
        super().__init__(folder)
        self.without = {*without, *UNSEEN_SPEAKERS}
        with shipped_or(None, SYNCNET) as judge:
            unmeasured = any(entry.av_offset is None for entry in self.entries.values())
            measured = measure_offsets(self, load_judge(judge)) if unmeasured else {}
        for key, (offset, _) in measured.items():
            self.entries[key] = replace(self.entries[key], av_offset=offset if abs(offset) >= BELIEVED else 0)

    def split(self) -> dict[str, list[str]]:
        """All clips of everybody else are trained on, at most 60 of one."""
        others = {who: keys[:60] for who, keys in by_speaker(self.entries).items() if who not in self.without}
        return {"train": [key for keys in others.values() for key in keys], "seen": [], "validation": [], "unseen": []}


def trained_without(
    store: Measured, recipe: RecipeConfig, shipped: MotionModel, folder: Path, steps: int
) -> MotionModel:
    """A motion model of the shipped one's architecture, trained on everybody but `store.without`."""
    settings = replace(
        recipe.motion, steps=steps, batch=16, rate=1e-3, warmup=60, ema=0.99, validate=max(1, steps // 4)
    )
    recipe = replace(recipe, motion=settings, sampling=replace(recipe.sampling, variants=3))
    torch.manual_seed(0)
    model = MotionModel(feature_count(recipe.model.audio.speech_layers), len(lower_points()), recipe.model)
    model.video_encoder.load_state_dict(shipped.video_encoder.state_dict())
    model.set_basis(*fit_population(store, store.split()["train"], recipe.model.motion.components))
    return load_into(run_stage(MotionStage(store, recipe, model, CPU), recipe, folder), model)


@torch.no_grad()
def figures(store: Measured, model: MotionModel, recipe: RecipeConfig, bank: str, keys: Sequence[str]) -> np.ndarray:
    """For each clip the largest lip error (% of the inter-ocular distance), then each movement's correlation."""
    data, rows = MotionData(AsRendered(store), model, recipe), []
    for key in keys:
        plain = data.plain(key)
        mouths = even_bank(data, bank, recipe.sampling.motion_bank, CPU)
        made = model(torch.from_numpy(plain.features)[None], *mouths)[0][0]
        shape, true = (model.displacement(c).numpy() for c in (made, torch.from_numpy(plain.components)))
        found = agreement(shape, true)
        rows.append([largest_lip_error(shape, true), *(found[name].correlation for name in MOVEMENTS)])
    return np.array(rows)


def compare(
    store: Measured, model: MotionModel, recipe: RecipeConfig, parts: Sequence[tuple[list[str], list[str]]]
) -> str:
    """One line of the table: for each part fit to its first clips, measure on its second."""
    before, after, strengths = [], [], []
    for train, held in parts:
        fitted, fit = fit_head(AsRendered(store), model, recipe, train)
        strengths.append("none" if fit.strength is None else f"{fit.strength:g}")
        before.append(figures(store, model, recipe, train[0], held))
        after.append(figures(store, fitted, recipe, train[0], held))
    was, now = np.concatenate(before), np.concatenate(after)
    gain = was[:, 0] - now[:, 0]
    error = gain.std(ddof=1) / len(gain) ** 0.5
    courses = zip(MOVEMENTS, was[:, 1:].mean(axis=0), now[:, 1:].mean(axis=0), strict=True)
    return (
        f"{len(parts[0][0]):4d} clips: error {was[:, 0].mean():.2f} -> {now[:, 0].mean():.2f} % (by {gain.mean():.2f} "
        f"+- {error:.2f}, {int((gain > 0).sum())} of {len(gain)} clips), r {was[:, 1:].mean():.2f} -> "
        f"{now[:, 1:].mean():.2f} ({', '.join(f'{name} {a:.2f} -> {b:.2f}' for name, a, b in courses)}), "
        f"strength {' '.join(strengths)}"
    )


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shards", type=Path, help="a corpus that `synclips preprocess` made")
    parser.add_argument("speakers", nargs="+")
    parser.add_argument(
        "--without", type=Path, metavar="DIR", help="first train a motion model on everybody else, here"
    )
    parser.add_argument("--steps", type=int, default=500, help="of that training; default 500")
    parser.add_argument("--from", dest="start", type=Path, metavar="MODEL", help="default: the shipped one")
    args = parser.parse_args()
    torch.set_num_threads(1)
    generator, _ = load_model(args.start, CPU)
    if not isinstance(generator, Generator):
        raise CheckpointError(f"{args.start} is not of the preset base")
    store, recipe = Measured(args.shards, args.speakers), generator.recipe
    model = deepcopy(generator.motion).eval()
    if args.without:
        model = trained_without(store, recipe, model, args.without, args.steps).eval()
    for speaker in args.speakers:
        keys = by_speaker(store.entries)[speaker][:60]
        sys.stdout.write(f"{speaker}\n")
        if len(keys) > 40:
            held = keys[-20:]
            for count in (5, 10, 20, 40):
                sys.stdout.write(compare(store, model, recipe, [(keys[: min(count, len(keys) - 20)], held)]) + "\n")
        else:
            folds = [keys[k::5] for k in range(5)]
            parts = [([key for key in keys if key not in fold], fold) for fold in folds]
            sys.stdout.write(compare(store, model, recipe, parts) + "\n")


if __name__ == "__main__":
    main()
