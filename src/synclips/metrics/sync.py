"""Agreement of lips and sound, and the AV offset between them, measured with a SyncNet.

The sign, once for the whole program: an AV offset is the number of frames by which the *sound lags the picture*.
Positive: what is seen at frame i is heard at frame i + offset; the sound is late. `shift`-ing a clip's sound k frames
later raises its offset by k.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int64, UInt8

from synclips.data.dataset import ClipStore
from synclips.features.alignment import MOUTH_VIEW
from synclips.features.mfcc import audio_features, mfcc
from synclips.media.audio import Waveform
from synclips.models.encoders import sound_windows
from synclips.models.syncnet import FRAMES, SyncNet, stack_frames
from synclips.progress import Progress, silent
from synclips.runtime import device_of

REACH = 15
"""Largest offset that is looked for, in frames either way (as in Chung and Zisserman's SyncNet)."""
HALF = FRAMES // 2
"""Frames at each end whose window would reach beyond the clip; they are not compared."""
CONFIDENT = 0.15
"""Confidence from which an offset is reliable; below it nobody speaks, or somebody else does."""
FEWEST = 5
"""Pairs that must lie under an offset for it to be considered at all."""
PART = 128
"""Windows embedded at a time."""


@dataclass(frozen=True)
class SyncFigures:
    """Sync of one clip.

    offset:      frames by which the sound lags the picture
    similarity:  mean cosine similarity of picture and sound at that offset
    at_zero:     the same at offset 0, as it is shown
    confidence:  `similarity` less the median over all offsets
    lse_d:       least mean Euclidean distance over the offsets
    lse_c:       median of the mean distances less the least of them
    offsets, similarities, distances: the curves over offsets; NaN where there are too few pairs

    LSE-D and LSE-C are as Prajwal et al., "A lip sync expert is all you need", 2020, define them after Chung and
    Zisserman, "Out of time", 2016, but on the unit vectors of this project's SyncNet (distances between 0 and 2):
    comparable with each other, never with published figures. For those see synclips.metrics.lse.
    """

    offset: int
    similarity: float
    at_zero: float
    confidence: float
    lse_d: float
    lse_c: float
    offsets: Int64[np.ndarray, " k"]
    similarities: Float32[np.ndarray, " k"]
    distances: Float32[np.ndarray, " k"]


def sync_figures(
    video: Float32[np.ndarray, "n d"],
    audio: Float32[np.ndarray, "n d"],
    reach: int = REACH,
    usable: Bool[np.ndarray, " n"] | None = None,
) -> SyncFigures:
    """Compare embeddings, row i of both being of frame i, at every offset up to `reach`.

    Pictures that are not `usable` (no face was found) take no part.

    Raises:
        ValueError: fewer than nine frames, which leave no five whole windows to compare, or too few usable ones.
    """
    offsets = np.arange(-reach, reach + 1)
    inner = slice(HALF, max(HALF, len(video) - HALF))
    v, a = video[inner], audio[inner]
    good = np.ones(len(v), bool) if usable is None else usable[inner]
    if good.sum() < FEWEST:
        raise ValueError(
            f"{good.sum()} usable frames are too few to measure sync; {FEWEST} and their neighbours are needed"
        )
    similarities = np.full(len(offsets), np.nan, np.float32)
    distances = np.full(len(offsets), np.nan, np.float32)
    for number, offset in enumerate(range(-reach, reach + 1)):
        if abs(offset) >= len(v):
            continue
        seen = slice(max(0, -offset), len(v) - max(0, offset))
        heard = slice(max(0, offset), len(a) - max(0, -offset))
        pairs = np.einsum("nd,nd->n", v[seen], a[heard])[good[seen]]
        if len(pairs) >= FEWEST:
            similarities[number] = pairs.mean()
            distances[number] = np.sqrt(np.maximum(0, 2 - 2 * pairs)).mean()
    if np.isnan(similarities).all():
        raise ValueError("too few usable frames lie beside each other to measure sync")
    best = int(np.nanargmax(similarities))
    return SyncFigures(
        offset=int(offsets[best]),
        similarity=float(similarities[best]),
        at_zero=float(similarities[reach]),
        confidence=float(similarities[best] - np.nanmedian(similarities)),
        lse_d=float(np.nanmin(distances)),
        lse_c=float(np.nanmedian(distances) - np.nanmin(distances)),
        offsets=offsets,
        similarities=similarities,
        distances=distances,
    )


def measure_sync(syncnet: SyncNet, crops: UInt8[np.ndarray, "n 144 144 3"], waveform: Waveform) -> SyncFigures:
    """`sync_figures` of face crops at 25 frames a second and the 16 kHz sound on the same clock.

    Raises:
        ValueError: fewer than nine frames.
    """
    return sync_figures(embed_pictures(syncnet, mouths_of(crops)), embed_sound(syncnet, waveform, len(crops)))


def mouths_of(crops: UInt8[np.ndarray, "n 144 144 3"]) -> UInt8[np.ndarray, "n 48 96 3"]:
    """The part of face crops that a SyncNet sees."""
    return crops[:, MOUTH_VIEW.rows, MOUTH_VIEW.columns]


def embed_pictures(syncnet: SyncNet, mouths: UInt8[np.ndarray, "n 48 96 3"]) -> Float32[np.ndarray, "n d"]:
    """The embedding of the five pictures around each frame; at the ends the outermost picture is repeated."""
    return np.concatenate(list(embed_stream(syncnet, [mouths])))


def embed_stream(
    syncnet: SyncNet, chunks: Iterable[UInt8[np.ndarray, "_n 48 96 3"]]
) -> Iterator[Float32[np.ndarray, "_n d"]]:
    """As `embed_pictures` of all chunks in a row, with only a few pictures in memory."""
    device = device_of(syncnet)
    syncnet.eval()
    held: UInt8[np.ndarray, "n 48 96 3"] | None = None
    for chunk in chunks:
        if len(chunk) == 0:
            continue
        held = np.concatenate([np.repeat(chunk[:1], HALF, 0) if held is None else held, chunk])
        if len(held) >= FRAMES:
            yield _embed(syncnet, held, device)
            held = held[-(FRAMES - 1) :]
    if held is not None:
        yield _embed(syncnet, np.concatenate([held, np.repeat(held[-1:], HALF, 0)]), device)


@torch.no_grad()
def _embed(
    syncnet: SyncNet, pictures: UInt8[np.ndarray, "n 48 96 3"], device: torch.device
) -> Float32[np.ndarray, "m d"]:
    values = torch.from_numpy(np.ascontiguousarray(pictures)).to(device).float() / 127.5 - 1
    count = len(values) - FRAMES + 1
    index = torch.arange(count)[:, None] + torch.arange(FRAMES)
    out = [syncnet.embed_video(stack_frames(values[index[start : start + PART]])) for start in range(0, count, PART)]
    return torch.cat(out).float().cpu().numpy()


@torch.no_grad()
def embed_sound(syncnet: SyncNet, waveform: Waveform, frames: int) -> Float32[np.ndarray, "n d"]:
    """The embedding of the 20 MFCC steps around each of `frames` frames."""
    device = device_of(syncnet)
    syncnet.eval()
    features = torch.from_numpy(audio_features(mfcc(waveform, frames))).to(device)[None]
    index = torch.arange(frames, device=device)[None]
    out = [
        syncnet.embed_audio(sound_windows(features, index[:, start : start + PART])[0])
        for start in range(0, frames, PART)
    ]
    return torch.cat(out).float().cpu().numpy()


def measure_offsets(store: ClipStore, syncnet: SyncNet, on_progress: Progress = silent) -> dict[str, tuple[int, float]]:
    """The AV offset of every clip, and the confidence in it, for `ClipEntry.av_offset` and `.av_confidence`."""
    found: dict[str, tuple[int, float]] = {}
    keys = list(store.entries)
    for number, key in enumerate(keys, start=1):
        clip = store[key]
        figures = measure_sync(syncnet, clip.crops, clip.waveform)
        found[key] = figures.offset, round(figures.confidence, 4)
        on_progress("measure sync", number, len(keys))
    return found
