"""The plan of a whole script: every line spoken, fitted to its slot and given to its face."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from synclips.dubbing.active_speaker import find_speaking
from synclips.dubbing.line_plan import TAIL, DubPlan
from synclips.dubbing.options import DubOptions
from synclips.dubbing.prepared_video import BANK_SECONDS, REFERENCE_SECONDS, PreparedVideo, SourceVideo
from synclips.dubbing.report import FaceReport, LineReport, SpeechReport, report_line
from synclips.errors import CheckpointError, InputError, MediaError
from synclips.media.audio import Waveform, read_audio
from synclips.media.frame_index import frame_times
from synclips.media.timebase import OUTPUT_SAMPLE_RATE, SAMPLE_RATE
from synclips.media.video import VideoInfo
from synclips.progress import Progress
from synclips.rendering.multi_line import Part, ScenePlan
from synclips.rendering.timeline import Timeline, plan_timeline
from synclips.runtime import choose_device
from synclips.speech.reference_voice import LEAST_SPEECH, analyse_reference
from synclips.speech.script import Script, ScriptLine, read_script
from synclips.speech.script_timing import FittedLine, fit_line, free_until, lay_over
from synclips.speech.synthesis import speak
from synclips.speech.tts.synthesizer import Speech
from synclips.tracking.identities import Identity
from synclips.tracking.selection import parse_choice

_LATE: Final = 0.1
"""Seconds by which the last line may end after the video: subtitles are rounded."""


def check_script(path: Path, options: DubOptions) -> Script:
    """The script, before anything is spent on it.

    Raises:
        InputError: it cannot be used, or an option says how long the result is, which is as long as the video.
    """
    if options.sync_mode is not None or options.keep_length:
        raise InputError("with a script the video keeps its length; leave out --sync-mode and --keep-length")
    return read_script(path)


def plan_script(
    source: SourceVideo,
    looked_at: Callable[[float | None], PreparedVideo],
    script: Script,
    options: DubOptions,
    on_progress: Progress,
) -> DubPlan:
    """The lines of `script`, and the original sound and picture elsewhere; a photograph's mouth rests between them.

    `looked_at` gives the video, searched for faces up to a number of seconds (None: to its end).

    Raises:
        SyncLipsError: as `dub`.
    """
    info = source.info
    end = script.lines[-1].end + TAIL if source.is_photograph else info.duration
    for line in script.lines:
        if line.end > end + _LATE:
            raise script.fault(line, f"it ends at {line.end:g} s, after the video, which ends at {end:.2f} s")
    reach = max(script.lines[-1].end + 2, BANK_SECONDS)
    video = looked_at(None if _by_number(script, options) else reach)
    faces, notes = _cast(video, script, options, on_progress)
    cast = {face.number: face for face in faces.values()}
    voices = _voices(video, list(cast.values()), options, notes, on_progress)
    fitted, reports = _speak(script, faces, voices, end, options, on_progress)
    notes += [line.note for line in fitted if line.note]
    notes += [note for report in reports for note in report.notes]
    if source.is_photograph:
        length = float(video.detections.times[-1]) + 1 / float(info.fps)
        timeline = plan_timeline(video.detections.times, length, end, None)
    else:
        times = frame_times(info.path)
        timeline = Timeline(np.arange(len(times)), times, max(info.duration, float(times[-1])))
    plan, unseen = ScenePlan(timeline), np.zeros(len(timeline), bool)
    for identity in cast.values():
        face = video.face(identity, on_progress)
        notes += face.notes
        said = [f for f in fitted if faces[_of(f.line, options)].number == identity.number]
        parts = [Part(f.line.start, f.end, f.speech.waveform) for f in said]
        for part in parts:
            steps = np.flatnonzero((timeline.times >= part.start) & (timeline.times < part.end))
            unseen[steps] |= ~face.tracked.track.visible[timeline.source[steps]]
        if source.is_photograph:
            plan.add_throughout(face.renderer, parts)
        else:
            plan.add(face.renderer, parts, face.tracked.cuts)
    speech = SpeechReport(lines=tuple(replace(r, notes=()) for r in reports), notes=tuple(dict.fromkeys(notes)))
    chosen = FaceReport(numbers={choice: face.number for choice, face in faces.items()})
    sound = _mixed(info, fitted, end, options)
    return DubPlan(sound, timeline, plan.render, plan.visibility, np.flatnonzero(unseen), speech, chosen)


def _of(line: ScriptLine, options: DubOptions) -> str:
    return line.face or options.face


def _by_number(script: Script, options: DubOptions) -> bool:
    """Whether faces are named by numbers, which are those of the whole video."""
    return any(parse_choice(_of(line, options)).kind == "number" for line in script.lines)


def _cast(
    video: PreparedVideo, script: Script, options: DubOptions, on_progress: Progress
) -> tuple[dict[str, Identity], list[str]]:
    """The face of every choice that the script makes, and what a person should know of it."""
    faces: dict[str, Identity] = {}
    notes: list[str] = []
    for line in script.lines:
        choice = _of(line, options)
        if choice in faces:
            continue
        try:
            chosen = video.choose(parse_choice(choice), on_progress)
        except InputError as error:
            raise type(error)(str(script.fault(line, str(error)))) from error
        faces[choice] = chosen.face
        notes += chosen.notes
    for index, line in enumerate(script.lines):
        for other in script.lines[index + 1 :]:
            if line.overlaps(other) and faces[_of(line, options)].number == faces[_of(other, options)].number:
                raise script.fault(other, f"it overlaps the one in line {line.number}, and both are the same face's")
    return faces, notes


def _voices(
    video: PreparedVideo, faces: list[Identity], options: DubOptions, notes: list[str], on_progress: Progress
) -> dict[int, Waveform | None]:
    """By the number of a face, the sound to take its voice from; of several people each one's own, where it speaks."""
    whole = video.source.voice_reference(options)
    voices: dict[int, Waveform | None] = {face.number: whole for face in faces}
    if whole is None or options.voice_reference or len(voices) < 2:
        return voices
    try:
        speaking = find_speaking(video.source.info, video.detections, faces, choose_device(options.device), on_progress)
    except (MediaError, CheckpointError):
        return voices
    for number in voices:
        own = [
            whole.samples[round(w.start * SAMPLE_RATE) : round(w.end * SAMPLE_RATE)]
            for w in speaking.windows
            if w.speaker == number
        ]
        joined = np.concatenate([*own, np.zeros(0, np.float32)])
        if len(joined) >= LEAST_SPEECH * SAMPLE_RATE:
            voices[number] = Waveform(joined, SAMPLE_RATE)
        else:
            notes.append(f"face {number} is hardly heard alone: its voice is taken from all of the sound")
    return voices


def _speak(
    script: Script, faces: dict[str, Identity], voices: dict[int, Waveform | None], end: float, options: DubOptions,
    on_progress: Progress,
) -> tuple[list[FittedLine], list[LineReport]]:  # fmt: skip
    """Every line in its slot, and what is to be said of it."""
    fitted, reports = [], []
    for number, line in enumerate(script.lines):
        on_progress("speak the script", number, len(script.lines))
        face = faces[_of(line, options)].number
        try:
            spoken = speak(
                line.text, voices[face], synthesizer=options.voice, convert=options.convert_voice,
                strength=options.strength, speed=options.speed, background="none", language=options.language,
            )  # fmt: skip
        except InputError as error:
            raise script.fault(line, str(error)) from error
        speech = Speech(spoken.waveform.resampled(SAMPLE_RATE), spoken.words)
        until = free_until(line, script.lines, end)
        placed = fit_line(line, speech, until)
        if placed is None:
            room = max(line.end, until) - line.start
            raise script.fault(line, f"it takes {speech.waveform.duration:.1f} s and has {room:.1f} s; shorten it")
        fitted.append(placed)
        paced = replace(spoken, words=placed.speech.words, duration=placed.speech.waveform.duration)
        reports.append(
            LineReport(
                **vars(report_line(paced, line.start)) | {"lines": ()},
                line=line.number,
                text=line.text,
                face=face,
                start=line.start,
                end=round(placed.end, 3),
                speed=round(placed.speed, 3),
            )
        )
    on_progress("speak the script", len(script.lines), len(script.lines))
    return fitted, reports


def _mixed(info: VideoInfo, fitted: list[FittedLine], end: float, options: DubOptions) -> Waveform:
    """What is heard: the original sound at 48 kHz, mono, and in the slots the lines over its background."""
    if not info.has_audio:
        return lay_over(Waveform(np.zeros(round(end * SAMPLE_RATE), np.float32), SAMPLE_RATE), fitted, None)
    noise = None
    if options.background == "keep":
        noise = analyse_reference(read_audio(info.path, stop=REFERENCE_SECONDS)).noise
    return lay_over(read_audio(info.path, OUTPUT_SAMPLE_RATE), fitted, noise)
