"""What a dubbed video will show and let hear, worked out before a frame is made: one line over one video."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import Float32, Int64, UInt8

from synclips.dubbing.active_speaker import Chosen, choose
from synclips.dubbing.options import DubOptions
from synclips.media.audio import Sound, Waveform, loudness, read_sound
from synclips.media.sound_tracks import silent_reason
from synclips.media.timebase import SAMPLE_RATE
from synclips.media.video import VideoInfo
from synclips.progress import Progress
from synclips.rendering.chunked import BlockPlan
from synclips.rendering.renderer import Model, build_renderer
from synclips.rendering.timeline import Timeline, plan_timeline
from synclips.runtime import choose_device
from synclips.speech.synthesis import SpokenLine, speak
from synclips.tracking import detection_cache
from synclips.tracking.detection_cache import default_cache, detect_video
from synclips.tracking.selection import FaceChoice, parse_choice
from synclips.tracking.tracked_video import TrackedVideo, follow
from synclips.training.personalize import fitted

LEAD, TAIL = 0.2, 0.5
"""Seconds of silence before and after a spoken line: the mouth starts and ends at rest."""
REFERENCE_SECONDS: Final = 180.0
"""How much of a long recording is listened to for the voice."""
BANK_SECONDS: Final = 40.0
"""How much of a long video is looked through for mouths, beyond what is dubbed."""
_TOO_QUIET: Final = -60.0
"""LUFS of a recording that moves no lips."""


@dataclass(frozen=True)
class DubPlan:
    """A dubbed video before its frames are made.

    sound:    what is heard, with all of its channels
    render:   output frame `step`, made on the source's frame that the timeline names
    visibility:     for each output frame made so far, how far the mouth could be made there, in [0, 1]
    unseen:   output frames in whose source no face is seen
    speech, face:  what is to be said of them (ready for JSON)
    """

    sound: Sound
    timeline: Timeline
    render: Callable[[UInt8[np.ndarray, "h w 3"], int], UInt8[np.ndarray, "h w 3"]]
    visibility: Callable[[], Float32[np.ndarray, " n"]]
    unseen: Int64[np.ndarray, " k"]
    speech: dict[str, Any]
    face: dict[str, Any]


def plan_line(
    info: VideoInfo,
    model: Model,
    text: str | None,
    audio: Path | None,
    options: DubOptions,
    on_progress: Progress,
    *,
    keep: bool,
) -> DubPlan:
    """`text`, or what is heard in `audio`, said by one face; `keep`: the video is worth remembering.

    Raises:
        SyncLipsError: as `dub`.
    """
    choice = parse_choice(options.face)
    sound, said, speech = _sound(info, text, audio, options, on_progress)
    tracked, chosen = _track(info, sound.duration, choice, options, on_progress, keep=keep)
    duration = float(tracked.times[-1]) + 1 / float(info.fps)
    timeline = plan_timeline(
        tracked.times, duration, sound.duration, options.sync_mode, keep_length=options.keep_length
    )
    model, fit_notes = fit_model(model, tracked, options, on_progress, keep=keep)
    plan = BlockPlan(build_renderer(model, tracked), said, timeline)
    unseen = np.flatnonzero(~tracked.track.visible[timeline.source])
    face = {"number": chosen.face.number, "of": len(chosen.faces), "notes": [*chosen.notes, *fit_notes]}
    return DubPlan(sound, timeline, plan.render, lambda: plan.visibility, unseen, speech, face)


def fit_model(
    model: Model, video: TrackedVideo, options: DubOptions, on_progress: Progress, *, keep: bool
) -> tuple[Model, list[str]]:
    """The model, fitted to the person if that is asked for, and what a person should know of it."""
    if options.fit is None:
        return model, []
    folder = detection_cache.cache_home() / "synclips" / "fits" if options.cache and keep else None
    model, fit = fitted(model, video, options.fit, folder, on_progress=on_progress)
    return model, [fit.said]


def report_line(line: SpokenLine, start: float = 0.0) -> dict[str, Any]:
    """What is to be said of a spoken line that begins `start` seconds into the video."""
    said = {
        name: round(value, 3) if isinstance(value, float) else value
        for name, value in vars(line).items()
        if name not in ("waveform", "words")
    }
    said["words"] = [(word.word, round(word.start + start, 3), round(word.end + start, 3)) for word in line.words]
    return said


def read_reference(info: VideoInfo, options: DubOptions, rate: int = SAMPLE_RATE) -> tuple[Sound | None, list[str]]:
    """The sound that the voice is taken from, None where there is none, and what a person should know of it."""
    if options.voice_reference is not None:
        sound = read_sound(options.voice_reference, rate, stop=REFERENCE_SECONDS)
    elif info.has_audio:
        sound = read_sound(info.path, rate, stop=REFERENCE_SECONDS, track=info.audio_track)
    else:
        return None, silent_notes(info)
    return sound, list(sound.notes)


def silent_notes(info: VideoInfo) -> list[str]:
    """Why a video with sound tracks is treated as silent, where it is."""
    reason = None if info.has_audio else silent_reason(info.path)
    return [reason] if reason else []


def _sound(
    info: VideoInfo, text: str | None, audio: Path | None, options: DubOptions, on_progress: Progress
) -> tuple[Sound, Waveform, dict[str, Any]]:
    """What will be heard, its mono mix at 16 kHz, and what is to be said of it."""
    if audio is not None:
        sound = read_sound(audio, stop=options.at_most, track=options.audio_track)
        said = sound.mono(SAMPLE_RATE)
        level = loudness(said)
        notes = [*sound.notes]
        if level < _TOO_QUIET:
            notes.append(f"{audio} is all but silent: the lips will hardly move")
        return sound, said, {"loudness": round(level, 2), "duration": round(sound.duration, 3), "notes": notes}
    assert text is not None
    reference, notes = read_reference(info, options)
    line = speak(
        text, reference.mono() if reference else None, synthesizer=options.voice, convert=options.convert_voice,
        strength=options.strength, speed=options.speed, background=options.background, on_progress=on_progress,
    )  # fmt: skip
    rate = line.waveform.sample_rate
    silence = [np.zeros(round(seconds * rate), np.float32) for seconds in (LEAD, TAIL)]
    samples = np.concatenate([silence[0], line.waveform.samples, silence[1]])
    if options.at_most is not None:
        samples = samples[: round(options.at_most * rate)]
    sound = Sound.of(Waveform(samples, rate))
    report = report_line(line, LEAD)
    return sound, sound.mono(SAMPLE_RATE), report | {"notes": [*notes, *report["notes"]]}


def _track(
    info: VideoInfo, speech: float, choice: FaceChoice, options: DubOptions, on_progress: Progress, *, keep: bool
) -> tuple[TrackedVideo, Chosen]:
    """Find the chosen face in as much of the video as is needed; numbers are those of the whole video."""
    whole = options.keep_length or options.sync_mode in ("silence", "remap") or choice.kind == "number"
    end = None if whole else max(speech, BANK_SECONDS, choice.time + 1)
    if options.at_most is not None and choice.kind != "number":
        end = max(options.at_most, choice.time + 1)
    cache = default_cache() if options.cache and keep else None
    detections = detect_video(info, stop=end, cache=cache, on_progress=on_progress)
    chosen = choose(info, detections, choice, choose_device(options.device), on_progress)
    return follow(info, detections, chosen.face.rows), chosen
