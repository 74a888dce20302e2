"""Which of a file's sound tracks is heard: the one that is asked for, the default one, or the first that is usable."""

from dataclasses import dataclass
from pathlib import Path

import av
from av.stream import Disposition

from synclips.errors import MediaError
from synclips.files import check_input
from synclips.media.container import open_container
from synclips.media.sound_decode import decoded_frames, words


@dataclass(frozen=True)
class ChosenTrack:
    """The track that is heard: its number among the sound tracks, from 1, its index in the file, and why it is."""

    number: int
    index: int
    notes: tuple[str, ...] = ()


def find_track(path: Path, number: int | None = None) -> ChosenTrack:
    """The sound track of `path` that is heard: `number` (from 1), or else the one flagged default, or the first.

    A track that cannot be decoded is passed over, unless it was asked for.

    Raises:
        MediaError: no such file, not a media file, without sound, without that track, or nothing can be decoded.
    """
    check_input(path)
    try:
        with open_container(path) as container:
            tracks = [
                (place, stream.index, bool(stream.disposition & Disposition.default), _about(stream))
                for place, stream in enumerate(container.streams.audio, 1)
            ]
    except av.FFmpegError as error:
        raise MediaError(f"{path} cannot be read as sound: {words(error)}") from error
    if not tracks:
        raise MediaError(f"{path} has no sound track")
    if number is not None:
        return _asked_for(path, tracks, number)
    passed_over = []
    for place, index, _, about in sorted(tracks, key=lambda track: not track[2]):
        if not _is_usable(path, index):
            passed_over.append(f"{place} ({about})")
            continue
        notes = []
        if passed_over:
            notes.append(
                f"sound track {', '.join(passed_over)} of {path} cannot be decoded; track {place} is heard instead"
            )
        elif len(tracks) > 1:
            notes.append(f"{path} has {len(tracks)} sound tracks; number {place} is heard; --audio-track chooses")
        return ChosenTrack(place, index, tuple(notes))
    several = "none of its sound tracks" if len(tracks) > 1 else "its sound track"
    raise MediaError(f"{path} cannot be read as sound: {several} can be decoded ({', '.join(passed_over)})")


def _asked_for(path: Path, tracks: list[tuple[int, int, bool, str]], number: int) -> ChosenTrack:
    for place, index, _, about in tracks:
        if place == number:
            if not _is_usable(path, index):
                raise MediaError(f"sound track {place} of {path} ({about}) cannot be decoded; choose another one")
            return ChosenTrack(place, index)
    has = f"{len(tracks)} sound track{'s' * (len(tracks) > 1)}: " + ", ".join(f"{t[0]} ({t[3]})" for t in tracks)
    raise MediaError(f"{path} has no sound track {number}; it has {has}")


def _is_usable(path: Path, index: int) -> bool:
    """Whether anything in the track can be decoded."""
    return next(decoded_frames(path, index), None) is not None


def _about(stream: "av.AudioStream") -> str:
    """Codec and language, for people."""
    context = stream.codec_context
    name = "unknown codec" if context is None else context.name
    language = stream.metadata.get("language", "und")
    return name if language == "und" else f"{name}, {language}"


def silent_reason(path: Path) -> str | None:
    """Why a file that has sound tracks is treated as silent: none of them can be decoded. None where that is not so.

    Raises:
        MediaError: not a media file.
    """
    try:
        with open_container(path) as container:
            has_tracks = bool(container.streams.audio)
    except av.FFmpegError as error:
        raise MediaError(f"{path} cannot be read as sound: {words(error)}") from error
    if not has_tracks or has_sound(path):
        return None
    return f"the sound of {path} cannot be decoded: it is treated as a silent video"


def has_sound(path: Path) -> bool:
    """Whether `path` has a sound track in which anything can be decoded."""
    return track_index(path) is not None


def track_index(path: Path, number: int | None = None) -> int | None:
    """The index in the file of the sound track that is heard; None where none is."""
    try:
        return find_track(path, number).index
    except MediaError:
        return None
