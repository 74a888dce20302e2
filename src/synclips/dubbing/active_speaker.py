"""Active speaker detection: the face whose lips fit the video's own sound best, by the SyncNet.

Windows of two seconds are compared as in Chung and Zisserman, "Out of time: automated lip sync in the wild" (ACCV
workshops 2016), section 5.3: the speaker's similarity to the sound stands out at one offset, a listener's does not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from jaxtyping import Float32, Int64, UInt8

from synclips.errors import CheckpointError, MediaError
from synclips.features.alignment import crop_face, fit_alignment
from synclips.media.audio import Waveform, normalise_loudness, read_audio
from synclips.media.timebase import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME
from synclips.media.video import VideoInfo, frames_in_order
from synclips.metrics.evaluators import SYNCNET, load_judge, shipped_or
from synclips.metrics.sync import HALF, embed_pictures, embed_sound, mouths_of
from synclips.models.syncnet import SyncNet
from synclips.progress import Progress, silent
from synclips.tracking.detections import Detections
from synclips.tracking.identities import Identity, boxes_of, link_faces
from synclips.tracking.selection import FaceChoice, check_size, choose_face, moving_faces
from synclips.tracking.tracked_video import no_face

JUDGE: Final = SYNCNET
WINDOW: Final = 50
"""Pictures (at 25 a second) that are judged together."""
SHORTEST: Final = 20
"""Pictures of a whole video below which nothing is judged."""
MOST_WINDOWS: Final = 16
"""Windows that are looked at, spread over the video."""
PRESENT: Final = 0.9
"""Share of a window's pictures in which a face must be seen to be judged there."""
REACH: Final = 10
"""Offsets of sound and picture that are tried, in frames either way."""
QUIET: Final = 0.1
"""Loudness of a window (root mean square), as a share of the loudest one's, below which nobody is taken to speak."""
STANDS_OUT: Final = 0.15
"""By how much a speaker's similarity at the best offset exceeds the median over all offsets: 0.24 to 0.53 in GRID."""


@dataclass(frozen=True)
class Window:
    """A part of a video: `start` and `end` in seconds; for each face that is seen how well its lips fit the sound."""

    start: float
    end: float
    fits: dict[int, float]

    @property
    def speaker(self) -> int | None:
        """The number of the face that speaks; None: nobody who is seen."""
        best = max(self.fits, key=lambda number: self.fits[number], default=None)
        return best if best is not None and self.fits[best] >= STANDS_OUT else None


@dataclass(frozen=True)
class Speaking:
    """Who speaks when, in the windows that were looked at."""

    windows: tuple[Window, ...]

    def seconds(self, number: int) -> float:
        """Seconds of these that a face speaks."""
        return sum((window.end - window.start for window in self.windows if window.speaker == number), 0.0)

    @property
    def speaker(self) -> int | None:
        """Who speaks most; None where it cannot be told."""
        credit: dict[int, float] = {}
        for window in self.windows:
            if (speaker := window.speaker) is not None:
                credit[speaker] = credit.get(speaker, 0.0) + window.fits[speaker]
        return max(credit, key=lambda number: credit[number]) if credit else None


@dataclass(frozen=True)
class Chosen:
    """The face to be dubbed, all faces of the video, and what a person should know of the choice."""

    face: Identity
    faces: tuple[Identity, ...]
    notes: tuple[str, ...]


def choose(
    info: VideoInfo,
    detections: Detections,
    choice: FaceChoice,
    device: torch.device,
    on_progress: Progress = silent,
) -> Chosen:
    """The face that `choice` means; for `speaker`, where it cannot be told, the largest that is no still picture.

    Raises:
        NoFaceError: there is no such face, or it is too small.
    """
    boxes = boxes_of(detections)
    faces = link_faces(detections, boxes)
    if not faces:
        raise no_face(info, len(detections))
    if choice.kind == "speaker" and len(faces) > 1:
        face, note = _who_speaks(info, detections, faces, device, on_progress)
        notes: tuple[str, ...] = (note,)
    else:
        face, notes = choose_face(choice, faces, detections, boxes), ()
    return Chosen(face, tuple(faces), (*notes, *check_size(face, info.path)))


def _who_speaks(
    info: VideoInfo, detections: Detections, faces: list[Identity], device: torch.device, on_progress: Progress
) -> tuple[Identity, str]:
    """Of several faces the one that speaks or, where it cannot be told, the largest that moves; and why it is taken."""
    moving = moving_faces(faces, detections)
    if len(moving) == 1:
        face, why = moving[0], "is the only one that moves"
    else:
        try:
            number = find_speaking(info, detections, moving, device, on_progress).speaker
            unsure = "who speaks cannot be told"
        except (MediaError, CheckpointError) as error:
            number, unsure = None, f"who speaks cannot be told: {error}"
        face = faces[number - 1] if number else moving[0]
        largest = "is the largest" if len(moving) == len(faces) else "is the largest that moves"
        why = "speaks" if number else f"{largest} ({unsure})"
    return face, (
        f"the video shows {len(faces)} faces; number {face.number} is dubbed, because it {why}; --face chooses"
    )


def find_speaking(
    info: VideoInfo,
    detections: Detections,
    faces: list[Identity],
    device: torch.device,
    on_progress: Progress = silent,
    *,
    around: Sequence[float] | None = None,
) -> Speaking:
    """Judge a few windows of the video, or those in whose middle the times `around` (seconds) lie.

    Raises:
        MediaError: it has no sound, or it cannot be read.
        CheckpointError: no SyncNet is there.
    """
    if not info.has_audio:
        raise MediaError("the video has no sound")
    with shipped_or(None, JUDGE) as path:
        if not path.is_file():
            raise CheckpointError("no SyncNet is installed")
        syncnet = load_judge(path).to(device)
    seconds = float(detections.times[-1]) + 1 / float(info.fps)
    waveform = normalise_loudness(read_audio(info.path, SAMPLE_RATE, stop=seconds + 1, track=info.audio_track))
    plan = _plan(detections, faces, waveform, around)
    mouths = _mouths(info, detections, plan, on_progress)
    curves = [
        {number: _similarities(syncnet, pictures, waveform, place.first) for number, pictures in seen.items()}
        for place, seen in zip(plan, mouths, strict=True)
    ]
    if not curves:
        return Speaking(())
    offset = int(np.argmax(sum(np.max([*of.values()], axis=0) for of in curves)))
    windows = []
    for place, of in zip(plan, curves, strict=True):
        fits = {number: float(curve[offset] - np.median(curve)) for number, curve in of.items()}
        windows.append(Window(place.first / FPS, (place.first + len(place.frames)) / FPS, fits))
    return Speaking(tuple(windows))


@dataclass(frozen=True)
class _Place:
    """A window: its first picture (at 25 a second), the frames it is made of, and for each face its detections."""

    first: int
    frames: Int64[np.ndarray, " k"]
    rows: dict[int, Int64[np.ndarray, " k"]]


def _plan(
    detections: Detections, faces: list[Identity], waveform: Waveform, around: Sequence[float] | None
) -> list[_Place]:
    """Windows with sound and faces, at most `MOST_WINDOWS` of them, or all of those `around` some times."""
    nearest = _nearest(detections.times, np.arange(int((detections.times[-1] + 1e-6) * FPS) + 1) / FPS)
    row_of = {}
    for face in faces:
        row_of[face.number] = np.full(len(detections), -1, np.int64)
        row_of[face.number][detections.frame[face.rows]] = face.rows
    length = min(WINDOW, len(nearest))
    places, levels = [], []
    last = len(nearest) - length if length >= SHORTEST else -1
    starts = list(range(0, last + 1, length))
    if around is not None and last >= 0:
        starts = sorted({min(max(0, round(at * FPS) - length // 2), last) for at in around})
    for first in starts:
        frames = nearest[first : first + length]
        rows = {number: _held(of[frames]) for number, of in row_of.items() if (of[frames] >= 0).mean() >= PRESENT}
        heard = waveform.samples[first * SAMPLES_PER_FRAME : (first + length) * SAMPLES_PER_FRAME]
        if rows and len(heard):
            places.append(_Place(first, frames, rows))
            levels.append(float(np.sqrt(np.mean(heard.astype(np.float64) ** 2))))
    loud = [place for place, level in zip(places, levels, strict=True) if level > max(QUIET * max(levels), 1e-4)]
    if around is not None:
        return loud
    chosen = np.unique(np.linspace(0, len(loud) - 1, min(MOST_WINDOWS, len(loud))).round().astype(int))
    return [loud[i] for i in chosen]


def _nearest(times: np.ndarray, wanted: np.ndarray) -> Int64[np.ndarray, " k"]:
    """For each wanted time the index of the nearest of the rising `times`."""
    return np.searchsorted((times[1:] + times[:-1]) / 2, wanted).astype(np.int64)


def _held(rows: Int64[np.ndarray, " k"]) -> Int64[np.ndarray, " k"]:
    """Missing rows (-1) take the nearest one that is there."""
    known = np.flatnonzero(rows >= 0)
    return rows[known[_nearest(known, np.arange(len(rows)))]]


def _mouths(
    info: VideoInfo, detections: Detections, plan: list[_Place], on_progress: Progress
) -> list[dict[int, UInt8[np.ndarray, "k 48 96 3"]]]:
    """For each window and each face in it its mouth, as the SyncNet wants it. Reads each frame once."""
    images = frames_in_order(info.path, [int(index) for place in plan for index in place.frames])
    found = []
    window = len(plan[0].frames) if plan else 0
    for done, place in enumerate(plan, 1):
        alignments = {n: fit_alignment(np.array(detections.points[rows])) for n, rows in place.rows.items()}
        crops: dict[int, list[np.ndarray]] = {number: [] for number in place.rows}
        for step in range(window):
            image = next(images)
            for number, alignment in alignments.items():
                crops[number].append(mouths_of(crop_face(image, alignment[step])[None])[0])
        found.append({number: np.stack(pictures) for number, pictures in crops.items()})
        on_progress("find who speaks", done, len(plan))
    return found


def _similarities(
    syncnet: SyncNet, pictures: UInt8[np.ndarray, "k 48 96 3"], waveform: Waveform, first: int
) -> Float32[np.ndarray, " o"]:
    """Mean similarity of the pictures to the sound at each offset from -REACH to REACH."""
    around = REACH + HALF
    begin, count = (first - around) * SAMPLES_PER_FRAME, len(pictures) + 2 * around
    heard = waveform.samples[max(begin, 0) : begin + count * SAMPLES_PER_FRAME]
    heard = np.pad(heard, (max(-begin, 0), 0))
    heard = np.pad(heard, (0, count * SAMPLES_PER_FRAME - len(heard)))
    seen = embed_pictures(syncnet, pictures)[HALF : len(pictures) - HALF]
    sound = embed_sound(syncnet, Waveform(heard.astype(np.float32), SAMPLE_RATE), count)
    starts = range(around + HALF - REACH, around + HALF + REACH + 1)
    return np.array([(seen * sound[start : start + len(seen)]).sum(axis=1).mean() for start in starts], np.float32)
