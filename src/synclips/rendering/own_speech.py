"""A video's own sound as a motion model hears it, beside the lips in its picture: what says how this person speaks."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from jaxtyping import Bool, Float32, Int64

from synclips.errors import MediaError
from synclips.features.face_mesh import lower_points
from synclips.media.audio import Waveform, normalise_loudness, read_audio
from synclips.media.timebase import FPS
from synclips.rendering.speaking_range import Following, following
from synclips.tracking.tracked_video import TrackedVideo

PIECE: Final = 500
"""Frames whose whole meshes are in memory at once."""


@dataclass(frozen=True)
class OwnLips:
    """The lower faces in a video's picture at 25 frames a second, canonical; `seen`: whether the face is; `shot`: a
    number that differs from shot to shot."""

    lower: Float32[np.ndarray, "n m 3"]
    seen: Bool[np.ndarray, " n"]
    shot: Int64[np.ndarray, " n"]

    def __len__(self) -> int:
        return len(self.lower)


@dataclass(frozen=True)
class OwnSpeech:
    """What a motion model makes of a video's own sound, frame by frame, and the lips in the picture.

    inputs:  of the model's last layer
    made:    lower faces as the last layer has them, canonical
    """

    inputs: Float32[np.ndarray, "n d"]
    made: Float32[np.ndarray, "n m 3"]
    lips: OwnLips

    @cached_property
    def following(self) -> Following | None:
        """How the lips follow what is made of the sound; None where they do not."""
        return following(self.made, self.lips.lower, self.lips.seen)

    def __len__(self) -> int:
        return len(self.inputs)


def own_sound(video: TrackedVideo, seconds: float) -> Waveform | None:
    """The first `seconds` of the video's sound, at the usual loudness, as far as it is tracked; None: there is none."""
    end = min(seconds, float(video.times[-1] - video.times[0]) + 1 / FPS)
    try:
        sound = normalise_loudness(read_audio(video.path, stop=end, track=video.info.audio_track))
    except MediaError:
        return None
    return sound if sound.duration >= 2 / FPS and len(video) > 1 else None


def own_lips(video: TrackedVideo, frames: int) -> OwnLips:
    """The first `frames` frames, at 25 a second, of the video's lower faces, interpolated between its own frames."""
    at = np.minimum(video.times[0] + np.arange(frames) / FPS, video.times[-1])
    after = np.searchsorted(video.times, at).clip(1, len(video) - 1)
    before = after - 1
    share = ((at - video.times[before]) / np.maximum(video.times[after] - video.times[before], 1e-6)).clip(0, 1)
    shot = np.searchsorted(video.cuts, np.arange(len(video)), side="right")
    nearest = np.where(share < 0.5, before, after)
    share = np.where(shot[before] == shot[after], share, nearest == after)[:, None, None]
    visible = video.track.visible
    needs_both = (share[:, 0, 0] > 0) & (share[:, 0, 0] < 1)
    seen = np.where(needs_both, visible[before] & visible[after], visible[nearest])
    used = np.unique([before, after])
    parts = np.split(used, range(PIECE, len(used), PIECE))
    lower = np.concatenate([video.canonical(part)[:, lower_points()] for part in parts])
    low, high = lower[np.searchsorted(used, before)], lower[np.searchsorted(used, after)]
    return OwnLips((low * (1 - share) + high * share).astype(np.float32), seen, shot[nearest])
