"""A whole scene: every line of a script spoken, fitted to its slot and put into the mouth of its face."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from synclips.dubbing.active_speaker import choose, find_speaking
from synclips.dubbing.line_plan import (
    BANK_SECONDS,
    REFERENCE_SECONDS,
    TAIL,
    DubPlan,
    fit_model,
    read_reference,
    report_line,
    silent_notes,
)
from synclips.dubbing.options import DubOptions
from synclips.errors import CheckpointError, InputError, MediaError
from synclips.media.audio import Sound, Waveform, read_sound
from synclips.media.frame_index import frame_times
from synclips.media.timebase import SAMPLE_RATE
from synclips.media.video import VideoInfo
from synclips.progress import Progress
from synclips.rendering.multi_line import Part, ScenePlan
from synclips.rendering.renderer import Model, build_renderer
from synclips.rendering.timeline import Timeline, plan_timeline
from synclips.runtime import choose_device
from synclips.speech.reference_voice import LEAST_SPEECH, background_of
from synclips.speech.script import Script, ScriptLine, read_script
from synclips.speech.script_timing import EDGE, FittedLine, fit_line, free_until, lay_over
from synclips.speech.synthesis import speak
from synclips.speech.tts.synthesizer import Speech
from synclips.tracking.detection_cache import default_cache, detect_video
from synclips.tracking.detections import Detections
from synclips.tracking.identities import Identity
from synclips.tracking.selection import parse_choice
from synclips.tracking.tracked_video import follow

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
    info: VideoInfo, model: Model, script: Script, options: DubOptions, on_progress: Progress, *, keep: bool
) -> DubPlan:
    """The lines of `script`, and the original sound and picture elsewhere.

    `keep`: a real video, worth remembering; otherwise a photograph, whose mouth rests between the lines.

    Raises:
        SyncLipsError: as `dub`.
    """
    end = info.duration if keep else script.lines[-1].end + TAIL
    for line in script.lines:
        if line.end > end + _LATE:
            raise script.fault(line, f"it ends at {line.end:g} s, after the video, which ends at {end:.2f} s")
    device = choose_device(options.device)
    stop = max(script.lines[-1].end + 2, BANK_SECONDS)
    detections = detect_video(
        info, stop=None if _by_number(script, options) else stop,
        cache=default_cache() if options.cache and keep else None, on_progress=on_progress,
    )  # fmt: skip
    faces, notes = _cast(info, detections, script, options, device, on_progress)
    cast = {face.number: face for face in faces.values()}
    voices = _voices(info, detections, list(cast.values()), options, device, notes, on_progress)
    fitted, reports = _speak(script, faces, voices, end, options, on_progress)
    notes += [line.note for line in fitted if line.note]
    notes += [str(note) for report in reports for note in report.pop("notes")]
    if keep:
        times = frame_times(info.path)
        timeline = Timeline(np.arange(len(times)), times, max(info.duration, float(times[-1])))
    else:
        length = float(detections.times[-1]) + 1 / float(info.fps)
        timeline = plan_timeline(detections.times, length, end, None)
    plan, unseen = ScenePlan(timeline), np.zeros(len(timeline), bool)
    for face in cast.values():
        tracked = follow(info, detections, face.rows)
        said = [f for f in fitted if faces[_of(f.line, options)].number == face.number]
        parts = [Part(f.line.start, f.end, f.speech.waveform) for f in said]
        for part in parts:
            steps = np.flatnonzero((timeline.times >= part.start) & (timeline.times < part.end))
            unseen[steps] |= ~tracked.track.visible[timeline.source[steps]]
        own, fit_notes = fit_model(model, tracked, options, on_progress, keep=keep)
        notes += fit_notes
        if keep:
            plan.add(build_renderer(own, tracked), parts, tracked.cuts)
        else:
            plan.add_throughout(build_renderer(own, tracked), parts)
    chosen = {"numbers": {choice: face.number for choice, face in faces.items()}, "notes": []}
    sound = _mixed(info, fitted, end, options)
    speech = {"lines": reports, "notes": list(dict.fromkeys([*notes, *sound.notes]))}
    return DubPlan(sound, timeline, plan.render, plan.visibility, np.flatnonzero(unseen), speech, chosen)


def _of(line: ScriptLine, options: DubOptions) -> str:
    return line.face or options.face


def _by_number(script: Script, options: DubOptions) -> bool:
    """Whether faces are named by numbers, which are those of the whole video."""
    return any(parse_choice(_of(line, options)).kind == "number" for line in script.lines)


def _cast(
    info: VideoInfo, detections: Detections, script: Script, options: DubOptions, device: torch.device,
    on_progress: Progress,
) -> tuple[dict[str, Identity], list[str]]:  # fmt: skip
    """The face of every choice that the script makes, and what a person should know of it."""
    faces: dict[str, Identity] = {}
    notes: list[str] = []
    for line in script.lines:
        choice = _of(line, options)
        if choice in faces:
            continue
        try:
            chosen = choose(info, detections, parse_choice(choice), device, on_progress)
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
    info: VideoInfo, detections: Detections, faces: list[Identity], options: DubOptions, device: torch.device,
    notes: list[str], on_progress: Progress,
) -> dict[int, Waveform | None]:  # fmt: skip
    """By the number of a face, the sound to take its voice from; of several people each one's own, where it speaks."""
    sound, reference_notes = read_reference(info, options)
    notes += reference_notes
    whole = sound.mono() if sound is not None else None
    voices: dict[int, Waveform | None] = {face.number: whole for face in faces}
    if whole is None or options.voice_reference or len(voices) < 2:
        return voices
    try:
        speaking = find_speaking(info, detections, faces, device, on_progress)
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
) -> tuple[list[FittedLine], list[dict[str, Any]]]:  # fmt: skip
    """Every line in its slot, and what is to be said of it."""
    fitted, reports = [], []
    for number, line in enumerate(script.lines):
        on_progress("speak the script", number, len(script.lines))
        face = faces[_of(line, options)].number
        try:
            spoken = speak(
                line.text, voices[face], synthesizer=options.voice, convert=options.convert_voice,
                strength=options.strength, speed=options.speed, background="none",
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
        place = {"line": line.number, "text": line.text, "face": face, "start": line.start, "end": round(placed.end, 3)}
        reports.append(place | {"speed": round(placed.speed, 3)} | report_line(paced, line.start))
    on_progress("speak the script", len(script.lines), len(script.lines))
    return fitted, reports


def _mixed(info: VideoInfo, fitted: list[FittedLine], end: float, options: DubOptions) -> Sound:
    """What is heard: the original sound at 48 kHz, with all of its channels, and the lines over its background."""
    if not info.has_audio:
        silence = Sound(np.zeros((1, round(end * SAMPLE_RATE)), np.float32), SAMPLE_RATE, notes=(*silent_notes(info),))
        return lay_over(silence, fitted, None)
    noise = None
    if options.background == "keep":
        noise = background_of(read_sound(info.path, SAMPLE_RATE, stop=REFERENCE_SECONDS, track=info.audio_track))
    least = max(line.end for line in fitted) + EDGE
    return lay_over(read_sound(info.path, at_least=least, track=info.audio_track), fitted, noise)
