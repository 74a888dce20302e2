"""A small corpus of drawn clips with every split, for tests of the training stages."""

from pathlib import Path

from drawn_clips import draw_clip, write_store

from synclips.data.dataset import ClipStore
from synclips.data.grid import HELD_OUT_SPEAKER, split_of, utterance_names

FRAMES = 45


def drawn_store(folder: Path) -> ClipStore:
    """Two clips each of two training speakers and of one who is never trained on, and a held-out clip of the first."""
    names = utterance_names()
    wanted = ["seen", *4 * ["train"], "validation", "unseen"]
    speakers = [HELD_OUT_SPEAKER, "s1", "s1", "s2", "s2", "s33", "s33"]
    places = [
        (who, next(n for n in names if split_of(who, n) == part)) for who, part in zip(speakers, wanted, strict=True)
    ]
    clips = [draw_clip(seed, FRAMES, speaker, name) for seed, (speaker, name) in enumerate(places)]
    return ClipStore(write_store(folder, clips))
