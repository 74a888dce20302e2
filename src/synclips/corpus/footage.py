"""Footage of any length becomes clips: faces are followed, stretches cut, the speaking face told by its lips.

Each clip shows one face without a gap or a cut, and its lips move in time with its sound: a SyncNet measures by how
many frames the sound is late and how sure that is (metrics.sync). A face whose lips do not fit the sound is not the one
who speaks. Sound that is early or late is moved into place.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

import numpy as np
from jaxtyping import Bool, Float64

from synclips.corpus.cutting import STEPS, CutSettings, cut_at_pauses, runs_of, speech_frames
from synclips.corpus.sources import Source
from synclips.corpus.transcripts import Transcript, Words, read_transcript
from synclips.data.grid import clip_key
from synclips.data.shards import Clip, Reject
from synclips.errors import MediaError, NoFaceError
from synclips.features.alignment import crop_face, crop_pose
from synclips.features.face_mesh import lower_points
from synclips.media.audio import Waveform, normalise_loudness, read_audio
from synclips.media.timebase import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME
from synclips.media.video import TimedFrame, VideoInfo, probe, read_at_rate
from synclips.metrics.sync import REACH, SyncFigures, measure_sync
from synclips.models.syncnet import SyncNet
from synclips.speech.recognition import Recogniser, has_speech, pieces
from synclips.speech.vad import Activity, detect_speech
from synclips.tracking.detections import detect_faces
from synclips.tracking.detector import LandmarkDetector
from synclips.tracking.identities import link_faces
from synclips.tracking.tracked_video import TrackedVideo, follow, no_face

BESIDE: Final = 3
"""Frames around the best offset that belong to its peak."""
SILENT: Final = 1e-3
"""Amplitude, of sound whose loudness is normalised, below which there is none."""
UNTIMED_SECONDS: Final = 15.0
"""Length up to which a text without times is spread over the speech of a video; in longer ones it would stray."""


@dataclass(frozen=True)
class FootageSettings:
    """What clips of footage depend on; shards made with other settings are made again.

    version:      of the method
    smallest:     longer side of a face in pixels at least
    margin:       by how much the SyncNet's similarity at the best offset exceeds that at any other one, in a clip of
                  one frame; in a clip of n frames 1 / sqrt(n) of it. Measured: .048 at most with somebody else's sound,
                  in clips of 166 to 250 frames: that is .6 (EXPERIMENTS.md, 2026-11-28, "Any footage as a corpus")
    believed:     smallest offset, in frames, that is corrected: one frame lies within the measurement's error
    largest:      offset beyond which a clip is left out
    speech:       share of a clip in which somebody speaks at least
    transcribe:   the recogniser's model that hears the words of clips without a transcript (see speech.recognition);
                  "": they have none
    """

    version: int = 1
    cut: CutSettings = field(default_factory=CutSettings)
    smallest: int = 80
    margin: float = 0.9
    believed: int = 2
    largest: int = REACH - 2
    speech: float = 0.3
    transcribe: str = ""


@dataclass(frozen=True)
class Facts:
    """What the manifest says of a clip of footage, see `ClipEntry`."""

    av_confidence: float
    source: str
    start: float
    stop: float
    corrected: int
    face: int
    words_by: str = ""
    av_offset: int = 0


@dataclass
class _Piece:
    """A stretch of one face: frames [first, last) of what was read."""

    video: TrackedVideo
    first: int
    last: int
    face: int
    crops: list[np.ndarray] = field(default_factory=list)
    clip: Clip | None = None
    figures: SyncFigures | None = None
    reason: str = ""
    words_by: str = ""


@dataclass(frozen=True)
class _Heard:
    """The sound of what was read: whole, and for each frame whether somebody speaks and how loud it is (dB)."""

    waveform: Waveform
    activity: Activity
    speaking: Bool[np.ndarray, " n"]
    level: Float64[np.ndarray, " n"]


class FootageReader:
    """Cuts sources into clips. `detector` is as new for each source; `syncnet` judges the clips.

    Raises:
        BackendError, ConfigError: `settings.transcribe` names no recogniser that is here.
    """

    def __init__(self, syncnet: SyncNet, settings: FootageSettings) -> None:
        self._syncnet, self._settings = syncnet, settings
        self._recogniser = Recogniser(settings.transcribe) if settings.transcribe else None

    def clips(self, source: Source, detector: LandmarkDetector, rejects: list[Reject]) -> Iterator[tuple[Clip, Facts]]:
        """The clips of one source, in order of time; what is left out is appended to `rejects`.

        Raises:
            MediaError: the video cannot be read, or there is no sound.
            NoFaceError: it shows no face.
            DataError: its transcript is damaged.
        """
        info, heard_in = _sound_of(source)
        transcript = read_transcript(source.transcript, source.text)
        first = round((source.start or 0.0) * FPS)
        stop = None if source.stop is None else round(source.stop * FPS)
        images = islice(read_at_rate(source.video), first, stop)
        detections = detect_faces((TimedFrame(k / FPS, image) for k, image in enumerate(images)), detector)
        if len(detections) < self._settings.cut.shortest:
            raise MediaError(f"{len(detections)} frames at {FPS} a second, fewer than {self._settings.cut.shortest}")
        heard = _hear(heard_in, first, len(detections))
        faces = [follow(info, detections, face.rows) for face in link_faces(detections)]
        if not faces:
            raise no_face(info, len(detections))
        pieces = [piece for video in faces for piece in self._pieces(video, heard)]
        if not pieces:
            raise NoFaceError(_why_no_piece(faces, heard, self._settings))
        if not transcript.words and len(detections) <= UNTIMED_SECONDS * FPS:
            transcript = transcript.spread(heard.activity.speech)
        for piece in self._judged(source, pieces, first, heard, transcript):
            start, end = ((frame + first) / FPS for frame in (piece.first, piece.last))
            if piece.clip is None or piece.figures is None:
                key = clip_key(source.speaker, _name(source, piece.first + first))
                rejects.append(Reject(key, piece.reason, source.path, start, end))
            else:
                moved = self._moved(piece.figures)
                confidence = round(piece.figures.confidence, 4)
                yield piece.clip, Facts(confidence, source.path, start, end, moved, piece.face, piece.words_by)

    def _pieces(self, video: TrackedVideo, heard: _Heard) -> Iterator[_Piece]:
        """Stretches of one face within shots, without gaps, cut in pauses."""
        shot = np.searchsorted(video.cuts, np.arange(len(video)), side="right")
        for number in np.unique(shot):
            for start, stop in runs_of(video.track.visible & (shot == number)):
                for first, last in cut_at_pauses(start, stop, heard.speaking, heard.level, self._settings.cut):
                    points = np.asarray(video.track.points[first:last:10])[..., :2]
                    size = float(np.median((points.max(axis=1) - points.min(axis=1)).max(axis=1)))
                    yield _Piece(video, first, last, round(size))

    def _judged(
        self, source: Source, pieces: list[_Piece], offset: int, heard: _Heard, transcript: Transcript
    ) -> Iterator[_Piece]:
        """The pieces with their clips or the reasons why they are left out, while the pictures are read once more."""
        pieces = sorted(pieces, key=lambda piece: piece.first)
        groups = _overlapping(pieces)
        images = islice(read_at_rate(source.video), offset, None)
        frame = 0
        for group in groups:
            end = max(piece.last for piece in group)
            for piece in group:
                if piece.face < self._settings.smallest:
                    piece.reason = f"the face is {piece.face} pixels high; {self._settings.smallest} are needed"
            for image in islice(images, end - frame):
                for piece in group:
                    if piece.first <= frame < piece.last and not piece.reason:
                        piece.crops.append(crop_face(image, piece.video.alignment[frame]))
                frame += 1
            for piece in group:
                if not piece.reason:
                    self._judge(source, piece, offset, heard, transcript)
                piece.crops = []
            _keep_one(group)
            yield from group

    def _judge(self, source: Source, piece: _Piece, offset: int, heard: _Heard, transcript: Transcript) -> None:
        settings = self._settings
        if heard.speaking[piece.first : piece.last].mean() < settings.speech:
            piece.reason = "hardly anybody speaks"
            return
        crops = np.stack(piece.crops)
        piece.figures = measure_sync(self._syncnet, crops, _slice(heard.waveform, piece.first, piece.last))
        found = piece.figures
        margin, needed = margin_of(found), settings.margin / len(crops) ** 0.5
        if margin < needed:
            piece.reason = (
                f"the lips are not seen to move with the sound (margin {margin:.2f}, {needed:.2f} is needed): somebody "
                "else speaks, it is dubbed, or the mouth hardly shows"
            )
            return
        if abs(found.offset) > settings.largest:
            piece.reason = f"the sound is {found.offset:+d} frames off the picture, too far to be sure"
            return
        moved = self._moved(found)
        sound = normalise_loudness(_slice(heard.waveform, piece.first + moved, piece.last + moved))
        words = transcript.within(*((frame + offset + moved) / FPS for frame in (piece.first, piece.last)))
        if self._recogniser is not None and not transcript.words:
            words, piece.words_by = _recognised(self._recogniser, sound), self._recogniser.name
        index = np.arange(piece.first, piece.last)
        canonical = piece.video.canonical(index)
        pose = crop_pose(piece.video.pose[index], piece.video.alignment[index])
        name = _name(source, piece.first + offset)
        lower, mesh = canonical[:, lower_points()], canonical.mean(axis=0)
        piece.clip = Clip(source.speaker, name, crops, lower, mesh, pose, sound, words)

    def _moved(self, figures: SyncFigures) -> int:
        return figures.offset if abs(figures.offset) >= self._settings.believed else 0


def margin_of(figures: SyncFigures) -> float:
    """By how much the similarity at the best offset exceeds every one more than `BESIDE` frames away."""
    away = np.abs(figures.offsets - figures.offset) > BESIDE
    return float(np.nanmax(figures.similarities) - np.nanmax(figures.similarities[away]))


def _sound_of(source: Source) -> tuple[VideoInfo, Waveform]:
    info = probe(source.video)
    if info.has_audio:
        return info, read_audio(source.video, stop=source.stop)
    if source.sound is None:
        raise MediaError("it has no sound, and there is no sound file of its name beside it")
    return info, read_audio(source.sound, stop=source.stop)


def _hear(whole: Waveform, first: int, frames: int) -> _Heard:
    """The sound from frame `first` on, as long as the pictures."""
    samples = whole.samples[first * SAMPLES_PER_FRAME :]
    waveform = normalise_loudness(Waveform(samples, SAMPLE_RATE).padded(frames * SAMPLES_PER_FRAME))
    activity = detect_speech(waveform)
    level = np.full(frames * STEPS, activity.noise_floor)
    count = min(len(level), len(activity.level))
    level[:count] = activity.level[:count]
    return _Heard(waveform, activity, speech_frames(activity, frames), level.reshape(frames, STEPS).mean(axis=1))


def _slice(waveform: Waveform, first: int, last: int) -> Waveform:
    """The sound of frames [first, last); silence beyond its ends."""
    begin, end = first * SAMPLES_PER_FRAME, last * SAMPLES_PER_FRAME
    samples = waveform.samples[max(begin, 0) : max(end, 0)]
    samples = np.pad(samples, (max(-begin, 0), 0))
    return Waveform(samples, waveform.sample_rate).padded(end - begin)


def _recognised(recogniser: Recogniser, sound: Waveform) -> Words:
    """What is said in a clip, in lower case and without punctuation, as corpora write it."""
    found = []
    for start, piece in pieces(sound) if has_speech(sound) else ():
        for word in recogniser.words(piece):
            plain = "".join(c for c in word.text.lower() if c.isalnum() or c == "'")
            found.append((round(start + word.start, 3), round(start + word.end, 3), plain))
    return tuple(found)


def _name(source: Source, frame: int) -> str:
    """Of a clip: that of its video and where it begins, in hundredths of a second."""
    return f"{source.name}-{round(frame / FPS * 100):06d}"


def _overlapping(pieces: list[_Piece]) -> list[list[_Piece]]:
    """Pieces, sorted by their beginning, in groups that have no frame in common."""
    groups: list[list[_Piece]] = []
    end = -1
    for piece in pieces:
        if piece.first < end:
            groups[-1].append(piece)
        else:
            groups.append([piece])
        end = max(end, piece.last)
    return groups


def _keep_one(group: list[_Piece]) -> None:
    """Of pieces that show different faces at the same time only the one whose lips fit the sound best is kept."""
    taken: list[_Piece] = []
    accepted = [piece for piece in group if piece.clip is not None]
    for piece in sorted(accepted, key=lambda piece: -(piece.figures.confidence if piece.figures else 0.0)):
        if any(piece.first < other.last and other.first < piece.last for other in taken):
            piece.clip, piece.reason = None, "another face fits the sound better at the same time"
        else:
            taken.append(piece)


def _why_no_piece(faces: list[TrackedVideo], heard: _Heard, settings: FootageSettings) -> str:
    seconds = settings.cut.shortest / FPS
    if not heard.speaking.any():
        silent = np.abs(heard.waveform.samples).max(initial=0.0) < SILENT
        return "its sound track is silent" if silent else "nobody speaks in it"
    longest = max((b - a for face in faces for a, b in runs_of(face.track.visible)), default=0) / FPS
    if longest < seconds:
        return f"no face is seen for {seconds:g} s without a gap (at most {longest:.1f} s)"
    return f"no stretch of {seconds:g} s shows one face while somebody speaks"
