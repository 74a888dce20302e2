"""LSE-D and LSE-C as the field publishes them: with the original SyncNet, on its own face crops and its own MFCC.

The definitions are those of Chung and Zisserman's evaluation, which Prajwal et al. ("A lip sync expert is all you
need", 2020) took over: distances of picture i to sound i + k for k = -15 .. 15, zeros standing in for sound beyond the
ends; their mean over i; LSE-D is its least value, LSE-C its median less the least. The face crop has the original's
layout, but around the mesh, not around its detector's box, so expect small differences from its program.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Float32, UInt8
from scipy.fft import dct
from scipy.signal import medfilt

from synclips.media.audio import Waveform
from synclips.media.timebase import HOP, SAMPLE_RATE, WINDOW
from synclips.metrics.sync import REACH
from synclips.models.syncnet_v2 import FACE, OriginalSyncNet

FRAMES, STEPS = 5, 20
BATCH = 8
"""Windows embedded at a time: each is 750,000 numbers."""
MARGIN = 0.4
"""How far the crop reaches beyond the face's box, as a share of half its size."""


@dataclass(frozen=True)
class FieldFigures:
    """Figures of the original SyncNet. `offset`: frames by which the sound lags the picture (theirs, negated)."""

    offset: int
    lse_d: float
    lse_c: float


def measure_field_sync(
    net: OriginalSyncNet, faces: Iterable[UInt8[np.ndarray, "224 224 3"]], waveform: Waveform
) -> FieldFigures:
    """The figures of 25 face crops a second (RGB; see `field_crops`) and the 16 kHz sound on the same clock.

    Raises:
        ValueError: fewer than six frames of picture or of sound.
    """
    steps = field_mfcc(waveform.samples)
    video = np.concatenate(list(_embed_faces(net, faces)) or [np.zeros((0, 1), np.float32)])
    # as in the original program, the last whole window is left out
    count = min(len(video) - 1, len(waveform.samples) // (SAMPLE_RATE // 25) - FRAMES)
    if count < 1:
        raise ValueError("sync needs at least six frames of picture and sound")
    audio = _embed_sound(net, steps, count)
    padded = np.pad(audio, ((REACH, REACH), (0, 0)))
    # 1e-6: torch's pairwise_distance, which the original uses, adds it to each difference
    distances = np.array(
        [np.linalg.norm(video[:count] - padded[k : k + count] + 1e-6, axis=1).mean() for k in range(2 * REACH + 1)]
    )
    best = int(distances.argmin())
    middle = float(np.sort(distances)[(len(distances) - 1) // 2])
    return FieldFigures(best - REACH, float(distances[best]), middle - float(distances[best]))


def field_mfcc(samples: Float32[np.ndarray, " n"]) -> Float32[np.ndarray, "steps 13"]:
    """MFCC at 100 Hz as the package python_speech_features makes them by default, of 16-bit samples.

    Pre-emphasis 0.97, 25 ms rectangular windows from sample 160 k on, 26 triangular filters (mel scale of HTK) up to
    8 kHz, liftered (22), the first coefficient replaced by the logarithm of the frame's energy.
    """
    pcm = np.round(np.clip(samples, -1, 1).astype(np.float64) * 32767)
    signal = np.append(pcm[:1], pcm[1:] - 0.97 * pcm[:-1])
    count = 1 + max(0, -(-(len(signal) - WINDOW) // HOP))
    signal = np.pad(signal, (0, max(0, (count - 1) * HOP + WINDOW - len(signal))))
    windows = np.lib.stride_tricks.sliding_window_view(signal, WINDOW)[::HOP][:count]
    size = 512
    power = np.abs(np.fft.rfft(windows, size)) ** 2 / size
    least = np.finfo(float).eps
    edges = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + SAMPLE_RATE / 2 / 700), 28) / 2595) - 1)
    bins = np.floor((size + 1) * edges / SAMPLE_RATE)
    at = np.arange(size // 2 + 1)
    low, middle, high = bins[:-2, None], bins[1:-1, None], bins[2:, None]
    rising = (at - low) / np.maximum(middle - low, 1)
    falling = (high - at) / np.maximum(high - middle, 1)
    filters = np.where((at >= low) & (at < middle), rising, 0) + np.where((at >= middle) & (at < high), falling, 0)
    energies = power @ filters.T
    cepstra = dct(np.log(np.where(energies == 0, least, energies)), axis=1, norm="ortho")[:, :13]
    cepstra *= 1 + 11 * np.sin(np.pi * np.arange(13) / 22)
    total = power.sum(axis=1)
    cepstra[:, 0] = np.log(np.where(total == 0, least, total))
    return cepstra.astype(np.float32)


def field_crops(
    frames: Iterable[UInt8[np.ndarray, "h w 3"]], points: Float32[np.ndarray, "n 468 3"]
) -> Iterator[UInt8[np.ndarray, "224 224 3"]]:
    """The face crop of each frame as the original's pipeline cuts it: more room below the face than above."""
    low, high = points[..., :2].min(axis=1), points[..., :2].max(axis=1)
    half = _steady((high - low).max(axis=1) / 2)
    x, y = (_steady((low[:, k] + high[:, k]) / 2) for k in (0, 1))
    for image, s, cx, cy in zip(frames, half, x, y, strict=False):
        scale = FACE / (2 * s * (1 + MARGIN))
        left, top = cx - s * (1 + MARGIN), cy - s
        matrix = np.array([[scale, 0, -left * scale], [0, scale, -top * scale]])
        smaller = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        if scale < 0.75:
            image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=smaller)
            matrix[:, :2] = np.eye(2)
        yield cv2.warpAffine(
            image, matrix, (FACE, FACE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=(110,) * 3
        )


def _steady(values: Float32[np.ndarray, " n"]) -> Float32[np.ndarray, " n"]:
    width = min(13, len(values) - 1 + len(values) % 2)
    if width < 3:
        return values
    half = width // 2
    return medfilt(np.pad(values, half, mode="edge"), width)[half:-half].astype(np.float32)


@torch.no_grad()
def _embed_sound(
    net: OriginalSyncNet, steps: Float32[np.ndarray, "steps 13"], count: int
) -> Float32[np.ndarray, "n 1024"]:
    windows = np.lib.stride_tricks.sliding_window_view(steps, STEPS, axis=0)[::4][:count, None]
    return net.embed_audio(torch.from_numpy(windows.copy())).numpy()


def _embed_faces(
    net: OriginalSyncNet, faces: Iterable[UInt8[np.ndarray, "224 224 3"]]
) -> Iterator[Float32[np.ndarray, "_b 1024"]]:
    held: list[np.ndarray] = []
    for face in faces:
        held.append(face[..., ::-1])
        if len(held) == FRAMES - 1 + BATCH:
            yield _embed_windows(net, np.stack(held))
            del held[:BATCH]
    if len(held) >= FRAMES:
        yield _embed_windows(net, np.stack(held))


@torch.no_grad()
def _embed_windows(net: OriginalSyncNet, faces: UInt8[np.ndarray, "n 224 224 3"]) -> Float32[np.ndarray, "b 1024"]:
    windows = np.lib.stride_tricks.sliding_window_view(faces, FRAMES, axis=0)  # b h w 3 t
    values = torch.from_numpy(windows.transpose(0, 3, 4, 1, 2).astype(np.float32))
    return net.embed_video(values).numpy()
