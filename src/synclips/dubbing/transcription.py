"""A video's transcript: its words with their times, and whose they are where several faces speak."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Final

import numpy as np

from synclips.dubbing.active_speaker import find_speaking
from synclips.dubbing.prepared_video import open_source
from synclips.errors import CheckpointError, MediaError
from synclips.files import atomic_path, cache_folder
from synclips.media.audio import Waveform, read_audio
from synclips.media.sound_tracks import silent_reason
from synclips.media.timebase import SAMPLE_RATE
from synclips.media.video import VideoInfo
from synclips.progress import Progress, silent
from synclips.runtime import choose_device
from synclips.speech.recognition import BUILT_IN, Recogniser, has_speech, pieces
from synclips.speech.transcript import Line, Transcript, TranscriptWord
from synclips.tracking.detection_cache import default_cache, detect_video
from synclips.tracking.identities import boxes_of, link_faces
from synclips.tracking.selection import moving_faces
from synclips.version import __version__

UNSURE: Final = 0.4
"""Mean confidence below which a transcript is called doubtful: English is heard with .8, other languages with .3."""
_EVERY: Final = 2.0
"""Seconds between the windows of a long line in which its speaker is looked for."""


def transcribe(
    video: Path | str,
    *,
    model: str = BUILT_IN,
    speakers: bool = True,
    audio_track: int | None = None,
    device: str = "auto",
    cache: bool = True,
    on_progress: Progress = silent,
) -> Transcript:
    """The words that are said in `video` (or in a sound file).

    What has been heard is kept piece by piece, so that a run that was stopped goes on, and another need not listen
    again.

    Args:
        model: as `Recogniser` takes it.
        speakers: where the video shows several faces that move, find out whose each line is.
        audio_track: which sound track is heard, from 1.
        cache: keep what was heard and seen for the next time.

    Raises:
        MediaError: the file cannot be read, has no sound, or nobody speaks in it.
        BackendError: no recogniser is installed.
        ConfigError: there is no such model.
    """
    path = Path(video)
    recogniser = Recogniser(model)
    sound = _sound_of(path, audio_track)
    found = _heard(path, sound, recogniser, audio_track, cache, on_progress)
    if not found:
        raise MediaError(f"no speech is heard in {path}; nothing can be transcribed")
    notes = []
    confidence = float(np.mean([word.confidence for word in found]))
    if confidence < UNSURE:
        notes.append(
            f"the words are doubtful (mean confidence {confidence:.2f}): {model} knows "
            f"{'English only' if model.endswith('.en') else 'this speech badly'}; --model takes another"
        )
    transcript = Transcript(tuple(found), sound.duration, model, tuple(notes))
    return _with_speakers(path, transcript, device, cache, on_progress) if speakers else transcript


def _sound_of(path: Path, track: int | None) -> Waveform:
    try:
        return read_audio(path, SAMPLE_RATE, track=track)
    except MediaError:
        reason = silent_reason(path) if track is None and path.is_file() else None
        if reason:
            raise MediaError(f"{reason}; nothing can be transcribed") from None
        raise


def _heard(
    path: Path, sound: Waveform, recogniser: Recogniser, track: int | None, cache: bool, on_progress: Progress
) -> list[TranscriptWord]:
    kept = _kept_at(path, recogniser.name, track) if cache else None
    known = _known(kept)
    words: list[TranscriptWord] = []
    for start, piece in pieces(sound):
        key = f"{start:.3f}"
        if key not in known:
            heard = recogniser.words(piece) if has_speech(piece) else []
            known[key] = [
                TranscriptWord(w.text, w.start + start, w.end + start, w.confidence) for w in heard
            ]  # fmt: skip
            _keep(kept, known)
        words += known[key]
        done = min(start + piece.duration, sound.duration)
        on_progress("listen", round(done), round(sound.duration))
    return words


def _kept_at(path: Path, model: str, track: int | None) -> Path:
    stat = path.stat()
    words = repr((path.resolve(), stat.st_size, stat.st_mtime_ns, model, track, __version__))
    return cache_folder() / "transcripts" / f"{hashlib.sha256(words.encode()).hexdigest()[:32]}.json"


def _known(kept: Path | None) -> dict[str, list[TranscriptWord]]:
    try:
        given = json.loads(kept.read_text(encoding="utf-8")) if kept is not None else {}
        return {key: [TranscriptWord(**word) for word in words] for key, words in given.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _keep(kept: Path | None, known: dict[str, list[TranscriptWord]]) -> None:
    if kept is None:
        return
    with atomic_path(kept) as temporary:
        temporary.write_text(json.dumps({key: [asdict(w) for w in words] for key, words in known.items()}))


def _with_speakers(path: Path, transcript: Transcript, device: str, cache: bool, on_progress: Progress) -> Transcript:
    """The transcript with the faces that say its lines; as it is where there is no picture, or one face only."""
    try:
        with open_source(path) as source:
            if source.is_temporary:
                return transcript
            info: VideoInfo = source.info
            detections = detect_video(info, cache=default_cache() if cache else None, on_progress=on_progress)
            faces = moving_faces(link_faces(detections, boxes_of(detections)), detections)
            if len(faces) < 2:
                return transcript
            lines = transcript.lines()
            middles = [[*_middles(line)] for line in lines]
            around = [at for times in middles for at in times]
            speaking = find_speaking(
                info, detections, faces, choose_device(device), on_progress, around=around
            )  # fmt: skip
    except (MediaError, CheckpointError):
        return transcript
    numbers: list[int | None] = []
    for line, times in zip(lines, middles, strict=True):
        credit: dict[int, float] = {}
        for window in speaking.windows:
            if any(window.start <= at <= window.end for at in times):
                for number, fit in window.fits.items():
                    overlap = min(window.end, line.end) - max(window.start, line.start)
                    credit[number] = credit.get(number, 0.0) + fit * max(overlap, 0.0)
        numbers.append(max(credit, key=lambda n: credit[n]) if credit and max(credit.values()) > 0 else None)
    return transcript.with_speakers(numbers)


def _middles(line: Line) -> list[float]:
    count = max(1, round((line.end - line.start) / _EVERY))
    step = (line.end - line.start) / count
    return [line.start + step * (k + 0.5) for k in range(count)]
