"""Clips as the protocol measures them: frames, mesh and face crops, found alike in real and in generated video."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64, UInt8

from synclips.data.grid import Utterance
from synclips.errors import DataError
from synclips.features.alignment import crop_face, fit_alignment
from synclips.features.face_mesh import fit_pose, lower_points, person_rest
from synclips.media.audio import Waveform, normalise_loudness, read_audio
from synclips.media.timebase import FPS, SAMPLE_RATE
from synclips.media.video import probe, read_frames
from synclips.tracking.detector import LandmarkDetector
from synclips.tracking.track import FaceTrack, track_face
from synclips.tracking.tracked_video import TrackedVideo, track_video

Detectors = Callable[[], LandmarkDetector]
"""Makes a fresh detector for each clip: a detector remembers the face of the frame before."""


@dataclass(frozen=True)
class Look:
    """What is seen of one face: a mesh (pixels) in each frame, whether it was found, and the face crops."""

    points: Float32[np.ndarray, "n 468 3"]
    visible: Bool[np.ndarray, " n"]
    crops: UInt8[np.ndarray, "n 144 144 3"]

    def __len__(self) -> int:
        return len(self.points)

    @cached_property
    def meshes(self) -> Float32[np.ndarray, "n 468 3"]:
        """The mesh in the canonical frame."""
        return fit_pose(self.points).to_canonical(self.points)

    @cached_property
    def lower(self) -> Float32[np.ndarray, "n m 3"]:
        """Canonical positions of the points that speech moves."""
        return self.meshes[:, lower_points()]

    def at(self, index: Int64[np.ndarray, " k"]) -> "Look":
        """The frames of those numbers."""
        return Look(self.points[index], self.visible[index], self.crops[index])

    def first(self, count: int) -> "Look":
        """The first `count` frames."""
        return Look(self.points[:count], self.visible[:count], self.crops[:count])


def look(frames: UInt8[np.ndarray, "n h w 3"], detectors: Detectors) -> Look:
    """Find the face in successive frames.

    Raises:
        NoFaceError: there is none in any.
    """
    detector = detectors()
    try:
        track = track_face(frames, detector)
    finally:
        detector.close()
    return look_of(frames, track)


def look_of(frames: UInt8[np.ndarray, "n h w 3"], track: FaceTrack) -> Look:
    """The look of frames whose face is tracked already."""
    points = np.asarray(track.points)
    crops = np.stack([crop_face(*pair) for pair in zip(frames, fit_alignment(points), strict=True)])
    return Look(points, track.visible, crops)


@dataclass(frozen=True)
class Footage:
    """A real clip at 25 frames a second: the file, tracked as the renderer wants it, its frames, sound and words."""

    key: str
    speaker: str
    words: tuple[str, ...]
    video: TrackedVideo
    frames: UInt8[np.ndarray, "n h w 3"]
    waveform: Waveform
    look: Look

    def __len__(self) -> int:
        return len(self.frames)

    @cached_property
    def rest(self) -> Float32[np.ndarray, "m 3"]:
        """The person's lower face at rest, in canonical units."""
        return person_rest(self.look.meshes)[lower_points()]


def load_footage(utterance: Utterance, detectors: Detectors) -> Footage:
    """Read and track one clip of a GRID corpus.

    Raises:
        MediaError: the video cannot be read or has no sound.
        NoFaceError: it shows no face.
        DataError: it is not at 25 frames a second.
    """
    info = probe(utterance.video)
    if round(info.fps) != FPS:
        raise DataError(f"{utterance.video} has {float(info.fps):.2f} frames a second; evaluation needs {FPS}")
    timed = list(read_frames(utterance.video))
    detector = detectors()
    try:
        video = track_video(info, iter(timed), detector, expected=len(timed))
    finally:
        detector.close()
    frames = np.stack([frame.image for frame in timed])
    waveform = normalise_loudness(read_audio(utterance.video, SAMPLE_RATE))
    seen = look_of(frames, video.track)
    return Footage(utterance.key, utterance.speaker, utterance.words, video, frames, waveform, seen)


def opening_share(look_: Look, rest: Float32[np.ndarray, "m 3"]) -> Float64[np.ndarray, " n"]:
    """How far the mouth is open beyond rest, in percent of the inter-ocular distance."""
    from synclips.metrics.lip_shape import inter_ocular, opening_of

    return opening_of(look_.lower - rest).astype(np.float64) / inter_ocular() * 100
