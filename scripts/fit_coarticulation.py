"""Fit how lips move with sounds (`training.coarticulation`) to a corpus of English whose words are known.

    python scripts/fit_coarticulation.py --shards data/shards

It says how well the fit follows clips that it has not seen: correlation and amplitude of each movement. A second a
clip.
"""

import argparse
from pathlib import Path

import numpy as np

from synclips.cli.terminal import Terminal
from synclips.data.dataset import ClipStore
from synclips.metrics.articulation import MOVEMENTS, movement_rows
from synclips.training.coarticulation import WEIGHTS, Utterance, fit
from synclips.training.motion_data import displacement_of
from synclips.training.speech_sounds import heard_sounds

SILENCES = frozenset({"sil", "sp"})
MOST_OFFSET = 1
"""Frames by which a clip's sound may lag its picture; others are left out."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shards", type=Path, required=True)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent.parent / "src/synclips/training" / WEIGHTS)
    arguments = parser.parse_args()
    store = ClipStore(arguments.shards)
    parts = {split: utterances(store, keys) for split, keys in store.split().items()}
    lips = fit(parts["train"])
    said = [f"lag of {name}: {lag:.3f} s" for name, lag in zip(MOVEMENTS, lips.lag.tolist(), strict=True)]
    for split in ("seen", "validation", "unseen"):
        followed = [(lips.movements(u.sounds, u.times), u.movements) for u in parts[split]]
        for place, name in enumerate(MOVEMENTS):
            pairs = [(made[:, place], real[:, place]) for made, real in followed]
            if pairs:
                follows = np.mean([np.corrcoef(made, real)[0, 1] for made, real in pairs])
                said.append(f"{split} {name}: {follows:.2f} x {np.median([a.std() / b.std() for a, b in pairs]):.2f}")
    lips.save(arguments.output)
    with Terminal() as terminal:
        terminal.result("\n".join(said))


def utterances(store: ClipStore, keys: list[str]) -> list[Utterance]:
    """The clips whose words are known and whose sound is in time."""
    found = []
    for key in keys:
        clip = store[key]
        words = [word for _, _, word in clip.words if word not in SILENCES]
        if words and abs(store.offset(key)) <= MOST_OFFSET:
            seen = movement_rows(displacement_of(store, clip))
            found.append(Utterance(clip.speaker, heard_sounds(clip.waveform, words), seen.astype(np.float32)))
    return found


if __name__ == "__main__":
    main()
