"""Drawn mouths that talk in time with a sound: clips whose truth is known, without a face or a detector."""

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from synclips.data.grid import Utterance, find_utterances
from synclips.data.shards import Clip, Manifest, sha256_of, write_shard
from synclips.features.face_mesh import INNER_BOTTOM, INNER_TOP, lower_points, template
from synclips.media.audio import Waveform
from synclips.media.timebase import SAMPLE_RATE, SAMPLES_PER_FRAME
from synclips.media.video import VideoWriter

POSE = np.array([[1.125, 0, 0, 0], [0, 1.125, 0, -18.0], [0, 0, 1, 0]])
"""Canonical to crop pixels, as synclips.features.alignment places it."""


def draw_clip(seed: int, frames: int = 75, speaker: str = "s33", name: str = "bbaf2n", lag: int = 0) -> Clip:
    """A face-coloured crop whose mouth opens and rounds at random, and a voice that follows it `lag` frames later."""
    rng = np.random.default_rng(seed)
    knots = rng.uniform(0, 1, (frames // 4 + 8, 2))
    at = np.arange(frames + 64) / 4.0
    opening, rounding = (np.interp(at, np.arange(len(knots)), knots[:, k]) for k in (0, 1))
    silent = (np.arange(frames + 64) < 8) | (np.arange(frames + 64) >= frames - 8)
    opening[silent] = 0
    texture = rng.normal(150, 12, (144, 144, 1)).astype(np.float32) + np.array([30, 0, -20], np.float32)
    crops, lower = [], []
    for i in range(frames):
        picture = cv2.GaussianBlur(texture, (0, 0), 1.0)
        width, height = int(26 - 9 * rounding[i]), int(2 + 13 * opening[i])
        cv2.ellipse(picture, (72, 88), (width, height + 4), 0, 0, 360, (190, 90, 90), -1, cv2.LINE_AA)
        cv2.ellipse(picture, (72, 88), (width - 4, height), 0, 0, 360, (40, 20, 20), -1, cv2.LINE_AA)
        crops.append(picture.clip(0, 255).astype(np.uint8))
        shape = template().copy()
        shape[INNER_TOP, 1] -= 6 * opening[i]
        shape[INNER_BOTTOM, 1] += 6 * opening[i]
        lower.append(shape[lower_points()])
    time = np.arange(frames * SAMPLES_PER_FRAME) / SAMPLE_RATE
    moment = time * 25 - lag - 0.5
    loud, shape = (np.interp(moment, np.arange(frames + 64), v) for v in (opening, rounding))
    tone = sum(
        np.sin(2 * np.pi * 120 * k * time) / k * np.exp(-(((120 * k - 500 - 1500 * shape) / 500) ** 2))
        for k in range(1, 30)
    )
    samples = 0.3 * loud * tone + 0.0005 * rng.standard_normal(len(time))
    words = ((0.4, 1.2, "bin"), (1.2, 2.4, "blue"))
    return Clip(
        speaker,
        name,
        np.stack(crops),
        np.stack(lower).astype(np.float32),
        template(),
        np.repeat(POSE[None], frames, 0),
        Waveform(samples.astype(np.float32), SAMPLE_RATE),
        words,
    )


def write_store(folder: Path, clips: list[Clip]) -> Path:
    """A folder of one shard that holds `clips`."""
    entries = write_shard(folder / "drawn-000.tar", clips)
    Manifest(tuple(entries), (), {"drawn-000.tar": sha256_of(folder / "drawn-000.tar")}, {}).write(folder)
    return folder


MARGIN = 28
"""Pixels of the video around the drawn crop."""


class DrawnDetector:
    """Finds the drawn face: its place is known, its mouth's opening is read off the picture."""

    def detect(self, image: np.ndarray) -> np.ndarray | None:
        """Mesh points in pixels; None where the picture is all but black."""
        if image.mean() < 20:
            return None
        column = (
            image[MARGIN + 60 : MARGIN + 120, MARGIN + 72 - 1 : MARGIN + 72 + 2].astype(np.float32).mean(axis=(1, 2))
        )
        opening = (float(np.clip((85 - column) / 40, 0, 1).sum()) - 5) / 26
        shape = template().copy()
        shape[INNER_TOP, 1] -= 6 * opening
        shape[INNER_BOTTOM, 1] += 6 * opening
        points = shape @ POSE[:, :3].T + POSE[:, 3]
        points[:, :2] += MARGIN
        return points.astype(np.float32)

    def close(self) -> None:
        """Nothing to free."""


def framed(crops: np.ndarray) -> np.ndarray:
    """Crops as whole frames, with a still background around them."""
    edge = ((0, 0), (MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0))
    return np.pad(crops, edge, mode="constant", constant_values=90)


def write_video(path: Path, crops: np.ndarray, waveform: Waveform | None) -> Path:
    """A video of framed crops with its sound."""
    frames = framed(crops)
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = frames.shape[1:3]
    with VideoWriter(path, width, height, Fraction(25), quality=8, audio=waveform, overwrite=True) as writer:
        for frame in frames:
            writer.write(frame)
    return path


def write_corpus(root: Path, clips: list[Clip]) -> list[Utterance]:
    """Clips as a GRID corpus."""
    for clip in clips:
        write_video(root / clip.speaker / f"{clip.name}.mp4", clip.crops, clip.waveform)
    return find_utterances(root)
