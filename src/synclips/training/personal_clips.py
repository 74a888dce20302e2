"""A person's own video as clips to train on, in the form that the training stages take from the corpus."""

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float32, Int64

from synclips.data.grid import CLIP_FRAMES
from synclips.data.shards import Clip
from synclips.features.alignment import crop_face, crop_pose
from synclips.features.face_mesh import lower_points, person_rest
from synclips.media.audio import Waveform
from synclips.media.timebase import FPS, SAMPLES_PER_FRAME
from synclips.media.video import frames_in_order
from synclips.tracking.tracked_video import TrackedVideo

PERSON = "person"
LONGEST = 60.0
"""Seconds of the video that are used."""
SHORTEST = 25
"""Frames of a clip at least; a shorter run of the face is left out."""
PARTS = 4
"""Even a short video is cut into so many clips, so that one can be held out."""


class PersonalClips:
    """Clips of one person by key, as training asks for them. `offset`: frames by which the sound lags the picture."""

    def __init__(self, clips: Sequence[Clip], offset: int = 0) -> None:
        self._clips = {clip.key: clip for clip in clips}
        self._offset = offset
        self._rest = person_rest(np.concatenate([clip.meshes() for clip in clips]))[lower_points()]

    def __getitem__(self, key: str) -> Clip:
        return self._clips[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._clips)

    def __len__(self) -> int:
        return len(self._clips)

    def offset(self, key: str) -> int:
        """The same for all."""
        del key
        return self._offset

    def rest(self, speaker: str) -> Float32[np.ndarray, "m 3"]:
        """The person's lower face at rest, as rendering takes it."""
        del speaker
        return self._rest


def cut_clips(video: TrackedVideo, sound: Waveform) -> list[Clip]:
    """The first `LONGEST` seconds at 25 frames a second, in clips of at most three seconds; `sound` at 16 kHz."""
    end = min(float(video.times[-1]) - float(video.times[0]), LONGEST)
    at = video.times[0] + np.arange(max(1, int(end * FPS))) / FPS
    after = np.searchsorted(video.times, at).clip(1, len(video) - 1)
    nearest = after - (at - video.times[after - 1] < video.times[after] - at)
    clips = []
    for span in _spans(video.track.visible[nearest]):
        index = nearest[span]
        crops = np.stack(
            [
                crop_face(image, video.alignment[number])
                for number, image in zip(index.tolist(), frames_in_order(video.path, index.tolist()), strict=True)
            ]
        )
        canonical = video.canonical(index)
        first, last = (n * SAMPLES_PER_FRAME for n in (span.start, span.stop))
        heard = Waveform(sound.samples[first:last], sound.sample_rate).padded(last - first)
        pose = crop_pose(video.pose[index], video.alignment[index])
        lower, mesh = canonical[:, lower_points()], canonical.mean(axis=0)
        clips.append(Clip(PERSON, f"{span.start:05d}", crops, lower, mesh, pose, heard, ()))
    return clips


def _spans(visible: Int64[np.ndarray, " n"] | np.ndarray) -> Iterator[slice]:
    """Runs of frames that show the face, cut to length."""
    length = int(np.clip(len(visible) // PARTS, SHORTEST, CLIP_FRAMES))
    edges = np.flatnonzero(np.diff(np.concatenate([[0], visible.astype(np.int8), [0]])))
    for start, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        for first in range(start, stop, length):
            last = min(first + length, stop)
            if last - first >= SHORTEST:
                yield slice(first, last)
