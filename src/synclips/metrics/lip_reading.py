"""Intelligibility: a lip reader constrained to GRID's grammar, and its word error rate."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from jaxtyping import Float32, UInt8

from synclips.data.grid import PLACES
from synclips.errors import CheckpointError
from synclips.features.alignment import MOUTH_VIEW
from synclips.models.checkpoint import load_into, read_metadata
from synclips.models.lip_reader import BLANK, LipReader
from synclips.runtime import device_of

STAGE = "lip_reader"
"""`stage` in a lip reader's checkpoint."""


@cache
def vocabulary() -> dict[str, int]:
    """Every word and its class for CTC."""
    words = [word for place in PLACES for word in place]
    return {word: number + 1 for number, word in enumerate(words)}


def word_error_rate(spoken: Sequence[str], read: Sequence[str]) -> float:
    """Substitutions, deletions and insertions over the number of spoken words (jiwer); above 1 with many insertions.

    Raises:
        ValueError: nothing was spoken.
    """
    import jiwer

    if not spoken:
        raise ValueError("no word was spoken, so none can be wrong")
    return float(jiwer.wer(" ".join(spoken), " ".join(read)))


def most_likely_sentence(log_probs: Float32[np.ndarray, "t c"]) -> tuple[str, ...]:
    """The GRID sentence of the single best CTC path: six words in their places, with or without blanks between them.

    Exact (Viterbi) over all 64,000 sentences and all their alignments. Fewer than six frames give no sentence.
    """
    places = [np.array([vocabulary()[word] for word in place]) for place in PLACES]
    if len(log_probs) < len(places):
        return ()
    # a path is before place k on a blank, or on one of place k's words; each remembers the words it came through
    blanks = np.full(len(places) + 1, -np.inf)
    blanks[0] = 0.0
    blank_words: list[tuple[int, ...]] = [()] * (len(places) + 1)
    scores = [np.full(len(place), -np.inf) for place in places]
    paths: list[list[tuple[int, ...]]] = [[()] * len(place) for place in places]
    for row in log_probs.astype(np.float64):
        ends = [int(score.argmax()) for score in scores]
        tops = [float(score[end]) for score, end in zip(scores, ends, strict=True)]
        tails = [(*path[end], end) for path, end in zip(paths, ends, strict=True)]
        new_blanks, new_blank_words = blanks.copy(), list(blank_words)
        for k, place in enumerate(places):
            entering, words = float(blanks[k]), blank_words[k]
            if k > 0 and tops[k - 1] > entering:
                entering, words = tops[k - 1], tails[k - 1]
            better = entering > scores[k]
            paths[k] = [words if b else path for b, path in zip(better, paths[k], strict=True)]
            scores[k] = np.maximum(scores[k], entering) + row[place]
            if tops[k] > blanks[k + 1]:
                new_blanks[k + 1], new_blank_words[k + 1] = tops[k], tails[k]
        blanks, blank_words = new_blanks + row[BLANK], new_blank_words
    end = int(scores[-1].argmax())
    final = blank_words[-1] if blanks[-1] > scores[-1][end] else (*paths[-1][end], end)
    return tuple(PLACES[k][word] for k, word in enumerate(final))


def grey_mouths(crops: UInt8[np.ndarray, "n 144 144 3"]) -> Float32[np.ndarray, "n 48 96"]:
    """The lip reader's input from face crops, in [-1, 1]."""
    mouths = crops[:, MOUTH_VIEW.rows, MOUTH_VIEW.columns]
    return np.stack([cv2.cvtColor(mouth, cv2.COLOR_RGB2GRAY) for mouth in mouths]).astype(np.float32) / 127.5 - 1


@torch.no_grad()
def read_lips(reader: LipReader, crops: UInt8[np.ndarray, "n 144 144 3"]) -> tuple[str, ...]:
    """The GRID sentence that the lips say, from face crops at 25 frames a second."""
    device = device_of(reader)
    reader.eval()
    log_probs = reader(torch.from_numpy(grey_mouths(crops)).to(device)[None])[0]
    return most_likely_sentence(log_probs.float().cpu().numpy())


def load_lip_reader(path: Path) -> tuple[LipReader, dict[str, Any]]:
    """A trained lip reader, and its file's metadata.

    Raises:
        CheckpointError: missing, damaged, or not a lip reader.
    """
    metadata = read_metadata(path)
    if metadata.get("stage") != STAGE:
        raise CheckpointError(f"{path} is not a lip reader; name one that SyncLips trained")
    return load_into(path, LipReader(len(vocabulary()))).eval(), metadata
