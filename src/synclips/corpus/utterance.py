"""One utterance of GRID becomes a clip: decoded, tracked, aligned, cropped, its sound normalised."""

from dataclasses import dataclass

import numpy as np

from synclips.data.grid import Utterance, parse_alignment
from synclips.data.shards import VERSION, Clip
from synclips.errors import MediaError, NoFaceError
from synclips.features.alignment import crop_face, crop_pose, fit_alignment
from synclips.features.face_mesh import fit_pose, lower_points
from synclips.media.audio import Waveform, normalise_loudness, read_audio
from synclips.media.timebase import SAMPLES_PER_FRAME
from synclips.media.video import read_at_rate
from synclips.tracking.detector import LandmarkDetector
from synclips.tracking.track import FaceTrack, track_face

CLIPS_PER_SHARD = 40
SHORTEST = 25
"""Frames (1 s): shorter clips are rejected."""
MOST_UNSEEN = 0.1
"""Share of frames without a detected face beyond which a clip is rejected."""


@dataclass(frozen=True)
class Settings:
    """What shards of utterances depend on; shards made with others are made again."""

    version: int = VERSION
    clips_per_shard: int = CLIPS_PER_SHARD
    shortest: int = SHORTEST
    most_unseen: float = MOST_UNSEEN


def prepare_clip(utterance: Utterance, detector: LandmarkDetector, settings: Settings) -> Clip:
    """Decode, track, align and crop one utterance.

    Raises:
        MediaError: unreadable, silent, or too short.
        NoFaceError: the face is missing in too many frames.
        DataError: its alignment file is damaged.
    """
    images = list(read_at_rate(utterance.video))
    if len(images) < settings.shortest:
        raise MediaError(f"{len(images)} frames, fewer than {settings.shortest}")
    waveform = normalise_loudness(read_audio(utterance.video)).padded(len(images) * SAMPLES_PER_FRAME)
    track = track_face(images, detector)
    unseen = float((~track.visible).mean())
    if unseen > settings.most_unseen:
        raise NoFaceError(f"no face in {unseen:.0%} of the frames")
    words = parse_alignment(utterance.alignment) if utterance.alignment else ()
    return clip_of(
        utterance.speaker, utterance.name, images, track, waveform, tuple((w.start, w.end, w.word) for w in words)
    )


def clip_of(
    speaker: str,
    name: str,
    images: list[np.ndarray],
    track: FaceTrack,
    waveform: Waveform,
    words: tuple[tuple[float, float, str], ...],
) -> Clip:
    """Put a tracked face into the canonical frame and the crop."""
    pose = fit_pose(track.points)
    canonical = pose.to_canonical(track.points)
    alignment = fit_alignment(track.points)
    crops = np.stack([crop_face(image, matrix) for image, matrix in zip(images, alignment, strict=True)])
    lower, mesh = canonical[:, lower_points()], canonical.mean(axis=0)
    return Clip(speaker, name, crops, lower, mesh, crop_pose(pose, alignment), waveform, words)
