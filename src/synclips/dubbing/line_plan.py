"""The plan of a dubbed video, made before any frame is rendered: one line said by one face."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Float32, Float64, Int8, Int64

from synclips.dubbing.active_speaker import Chosen
from synclips.dubbing.meanwhile import meanwhile
from synclips.dubbing.options import DubOptions
from synclips.dubbing.prepared_video import BANK_SECONDS, DubbedFace, PreparedVideo, SourceVideo
from synclips.dubbing.report import FaceReport, SpeechReport, report_line
from synclips.media.audio import Sound, Waveform, loudness, read_sound
from synclips.media.frame_index import build_index
from synclips.media.timebase import SAMPLE_RATE
from synclips.media.video import VideoInfo
from synclips.progress import Progress
from synclips.rendering.chunked import BlockPlan
from synclips.rendering.frame_part import FrameJob
from synclips.rendering.timeline import Timeline, plan_timeline
from synclips.speech.synthesis import speak

SHORT_TEXT: Final = 400
"""Letters of a text that takes less time to say than `BANK_SECONDS`, so that the part of the video that is searched for
the face does not depend on it."""
LEAD, TAIL = 0.2, 0.5
"""Seconds of silence before and after a spoken line: the mouth starts and ends at rest."""
_EPSILON: Final = 1e-3
_TOO_QUIET: Final = -60.0
"""LUFS of a recording that moves no lips."""


@dataclass(frozen=True)
class DubPlan:
    """A dubbed video before its frames are made.

    sound:    what is heard, with all of its channels
    job:      what makes output frame `step` of the source's frame that the timeline names; None: that one stays. To be
              asked for in order; the jobs may be done in any
    close:    ends what is planned ahead
    visibility:  for each output frame made so far, how far the mouth could be made there, in [0, 1]
    kept:     for each output frame made so far why it keeps the original (`synclips.rendering.visibility.Kept`)
    unseen:   output frames in whose source no face is seen
    speech, face:  what is to be reported of them
    """

    sound: Sound
    timeline: Timeline
    job: Callable[[int], FrameJob | None]
    close: Callable[[], None]
    visibility: Callable[[], Float32[np.ndarray, " n"]]
    kept: Callable[[], Int8[np.ndarray, " n"]]
    unseen: Int64[np.ndarray, " k"]
    speech: SpeechReport
    face: FaceReport


def plan_line(
    source: SourceVideo,
    looked_at: Callable[[float | None, Progress], PreparedVideo],
    text: str | None,
    audio: Path | None,
    options: DubOptions,
    on_progress: Progress,
) -> DubPlan:
    """`text`, or what is heard in `audio`, said by one face.

    `looked_at` gives the video, searched for faces up to a number of seconds (None: to its end).

    The face is looked for while a short text is being spoken.

    Raises:
        SyncLipsError: as `dub`.
    """

    def look(seconds: float | None, on_progress: Progress) -> tuple[Chosen, DubbedFace]:
        video = looked_at(seconds, on_progress)
        chosen = video.choose(options.face_choice, on_progress)
        return chosen, video.face(chosen.face, on_progress)

    least, short = _reach(0.0, options), text is not None and len(text) <= SHORT_TEXT
    with meanwhile(partial(look, least)) if short else nullcontext() as looked:
        sound, said, speech = _sound(source, text, audio, options, on_progress)
        reach = _reach(sound.duration, options)
        found = looked(on_progress) if looked is not None and reach == least else None
    chosen, face = found or look(reach, on_progress)
    times = face.tracked.times
    end = _shown_until(source.info, times, sound.duration, options)
    timeline = plan_timeline(times, end, sound.duration, options.sync_mode, keep_length=options.keep_length)
    plan = BlockPlan(face.renderer, said, timeline, ahead=True)
    unseen = np.flatnonzero(~face.tracked.track.visible[timeline.source])
    report = FaceReport(chosen.face.number, len(chosen.faces), notes=(*chosen.notes, *face.notes))
    return DubPlan(
        sound, timeline, plan.job, plan.close, lambda: plan.visibility, lambda: plan.kept, unseen, speech, report
    )


def _sound(
    source: SourceVideo, text: str | None, audio: Path | None, options: DubOptions, on_progress: Progress
) -> tuple[Sound, Waveform, SpeechReport]:
    """What will be heard, its mono mix at 16 kHz, and what is to be reported of it."""
    if audio is not None:
        sound = read_sound(audio, stop=options.at_most, track=options.audio_track)
        said = sound.mono(SAMPLE_RATE)
        level = loudness(said)
        quiet = (f"{audio} is all but silent: the lips will hardly move",) if level < _TOO_QUIET else ()
        return sound, said, SpeechReport(round(level, 2), round(sound.duration, 3), (*sound.notes, *quiet))
    assert text is not None
    reference = source.voice_reference(options)
    line = speak(
        text,
        reference.mono() if reference else None,
        synthesizer=options.voice,
        convert=options.convert_voice,
        converter=options.converter,
        strength=options.strength,
        speed=options.speed,
        background=options.background,
        language=options.language,
        pronounce=options.pronunciations,
        on_progress=on_progress,
    )
    rate = line.waveform.sample_rate
    silence = [np.zeros(round(seconds * rate), np.float32) for seconds in (LEAD, TAIL)]
    samples = np.concatenate([silence[0], line.waveform.samples, silence[1]])
    if options.at_most is not None:
        samples = samples[: round(options.at_most * rate)]
    sound = Sound.of(Waveform(samples, rate))
    report = report_line(line, LEAD)
    notes = (*source.voice_notes(options), *report.notes)
    return sound, sound.mono(SAMPLE_RATE), replace(report, notes=notes)


def _shown_until(info: VideoInfo, times: Float64[np.ndarray, " n"], speech: float, options: DubOptions) -> float:
    """Seconds at which the last frame that was looked at stops being shown; a video's last may stand for long."""
    end = float(times[-1]) + 1 / float(info.fps)
    enough = speech <= end and not options.keep_length and options.sync_mode not in ("silence", "remap")
    if enough or info.duration <= end + _EPSILON:
        return end
    index = build_index(info.path)
    return index.end if len(index.times) == len(times) else end


def _reach(speech: float, options: DubOptions) -> float | None:
    """How many seconds of the video are searched for the face; None: all. Numbers of faces are the whole video's."""
    choice = options.face_choice
    if options.at_most is not None and choice.kind != "number":
        return max(options.at_most, choice.time + 1)
    if options.keep_length or options.sync_mode in ("silence", "remap") or choice.kind == "number":
        return None
    return max(speech, BANK_SECONDS, choice.time + 1)
