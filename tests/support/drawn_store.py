"""A small corpus of drawn clips with every split, for tests of the training stages."""

from pathlib import Path

from drawn_clips import draw_clip, write_store

from synclips.data.dataset import ClipStore
from synclips.data.grid import HELD_OUT_SPEAKER, split_of, utterance_names

FRAMES = 45


def drawn_store(folder: Path) -> ClipStore:
    """Two clips each of two training speakers and of an unseen one, and a held-out clip of the first."""
    names = utterance_names()
    seen = next(name for name in names if split_of(HELD_OUT_SPEAKER, name) == "seen")
    places = [(HELD_OUT_SPEAKER, seen)]
    for speaker in ("s1", "s2", "s33"):
        for _ in range(2):
            places.append((speaker, next(n for n in names if split_of(speaker, n) != "seen")))
    clips = [draw_clip(seed, FRAMES, speaker, name) for seed, (speaker, name) in enumerate(places)]
    return ClipStore(write_store(folder, clips))
