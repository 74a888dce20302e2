"""The painted inner mouth on a speaker whom it was not trained on: each training speaker's code, real mouths of one of
them at the same places instead, and one flat colour.

    python benchmarks/inner_mouth.py --shards data/shards --speaker s33 --donor s2
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from synclips.data.dataset import ClipStore
from synclips.models.inner_mouth import InnerMouth
from synclips.models.losses import pixel_loss
from synclips.rendering.renderer import load_painters, model_path
from synclips.training.inner_mouth import gradient_energy, paint
from synclips.training.inner_mouth_data import Batch, Mouths, batch_of, gather

FRAMES, CLIPS = 60, 4
WELL_OPEN = 3.5
"""Canonical units of opening from which a frame counts as open."""
CPU = torch.device("cpu")


def main() -> None:
    """Print error (grey levels) and sharpness (share of the real gradients' energy) of all frames and of open ones."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shards", type=Path, default=Path("data/shards"))
    parser.add_argument("--speaker", default="s33")
    parser.add_argument("--donor", default="s2")
    args = parser.parse_args()
    store = ClipStore(args.shards)
    with model_path(None) as path:
        [network] = load_painters(path)
    mouths = _mouths(store, args.speaker, CLIPS).some(FRAMES)
    batch = batch_of([(mouths, i, 0) for i in range(len(mouths))], CPU)
    opened = torch.from_numpy(mouths.opening >= WELL_OPEN)
    for code in range(len(network.codes.weight)):
        name = f"code {code}" + (" (usual)" if code == int(network.usual) else "")
        _report(name, _painted(network, batch, code), batch, opened)
    donor = _mouths(store, args.donor, 24)
    _report(f"real mouths of {args.donor}", _nearest(donor, mouths), batch, opened)
    _report("colour of the lips", batch.colours[:, 3:, None, None].expand_as(batch.target), batch, opened)


def _mouths(store: ClipStore, speaker: str, clips: int) -> Mouths:
    return gather(store, [key for key in store.entries if key.startswith(f"{speaker}.")][:clips])[speaker]


@torch.no_grad()
def _painted(network: InnerMouth, batch: Batch, code: int) -> Tensor:
    return paint(network, batch, network.codes.weight[code][None].expand(len(batch), -1))


def _nearest(donor: Mouths, mouths: Mouths) -> Tensor:
    """The donor's pictures whose lips are shaped most alike; the opening counts most."""
    own, wanted = (np.stack([m.canvas.shape(lower) for lower in m.lower]) for m in (donor, mouths))
    distance = ((wanted[:, None] - own[None]) ** 2 * [4, 1, 1, 1, 0]).sum(axis=2)
    return batch_of([(donor, int(i), 0) for i in distance.argmin(axis=1)], CPU).target


def _report(name: str, picture: Tensor, batch: Batch, opened: Tensor) -> None:
    inside = (batch.maps[:, :1] + 1) / 2
    composed = picture * batch.mask + batch.target * (1 - batch.mask)
    figures = []
    for chosen in (torch.ones_like(opened), opened):
        error = pixel_loss(picture[chosen], batch.target[chosen], inside[chosen]).item() * 127.5
        energy = [gradient_energy(p[chosen], inside[chosen]) for p in (composed, batch.target)]
        figures.append(f"{error:.1f} / {energy[0] / energy[1]:.2f}")
    sys.stdout.write(f"{name:24} all {figures[0]:14} open {figures[1]}\n")


if __name__ == "__main__":
    main()
