"""The plan of a whole script: every line spoken, fitted to its slot and given to its face."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from synclips.dubbing.active_speaker import find_speaking
from synclips.dubbing.line_plan import TAIL, DubPlan
from synclips.dubbing.options import DubOptions
from synclips.dubbing.prepared_video import BANK_SECONDS, REFERENCE_SECONDS, PreparedVideo, SourceVideo
from synclips.dubbing.report import FaceReport, LineReport, SpeechReport, report_line
from synclips.errors import CheckpointError, InputError, MediaError, TextError
from synclips.media.audio import Sound, Waveform, loudness, read_sound
from synclips.media.frame_index import build_index
from synclips.media.timebase import SAMPLE_RATE
from synclips.progress import Progress
from synclips.rendering.multi_line import Part, ScenePlan
from synclips.rendering.timeline import Timeline, plan_timeline
from synclips.runtime import choose_device
from synclips.speech.cue_times import SHORTEST, ScriptLine, without_overlaps
from synclips.speech.pronunciation.given import is_in, unused
from synclips.speech.reference_voice import LEAST_SPEECH, background_of
from synclips.speech.script import Script, read_script
from synclips.speech.script_faults import LineError, ScriptFaults
from synclips.speech.script_timing import EDGE, FittedLine, fit_line, free_until, lay_over
from synclips.speech.synthesis import SpokenLine, speak
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
    return read_script(path, strict=options.strict, language=options.language)


def plan_script(
    source: SourceVideo,
    looked_at: Callable[[float | None, Progress], PreparedVideo],
    script: Script,
    options: DubOptions,
    on_progress: Progress,
    recordings: Mapping[int, Waveform],
) -> DubPlan:
    """The lines of `script`, and the original sound and picture elsewhere; a photograph's mouth rests between them.

    `looked_at` gives the video, searched for faces up to a number of seconds (None: to its end); of the lines whose
    numbers `recordings` names, those are heard instead of the text.

    Raises:
        SyncLipsError: as `dub`.
    """
    info = source.info
    index = None if source.is_photograph else build_index(info.path)
    last = max(line.end for line in script.lines)
    end = last + TAIL if index is None else index.end
    script = _within(script, end, options)
    reach = max(max(line.end for line in script.lines) + 2, BANK_SECONDS)
    video = looked_at(None if _by_number(script, options) else reach, on_progress)
    faces, script, notes = _cast(video, script, options, on_progress)
    cast = {face.number: face for face in faces.values()}
    voices = _voices(video, list(cast.values()), options, notes, on_progress)
    fitted, reports, left_out = _speak(script, faces, voices, end, options, on_progress, recordings)
    notes += [*script.notes, *left_out, *unused(options.pronunciations, "\n".join(line.text for line in script.lines))]
    notes += [line.note for line in fitted if line.note]
    notes += [note for report in reports for note in report.notes]
    if index is None:
        length = float(video.detections.times[-1]) + 1 / float(info.fps)
        timeline = plan_timeline(video.detections.times, length, end, None)
    else:
        timeline = Timeline(np.arange(len(index.times)), index.times, index.end)
    plan, unseen = ScenePlan(timeline), np.zeros(len(timeline), bool)
    for identity in cast.values():
        said = [f for f in fitted if faces[_of(f.line, options)].number == identity.number]
        if not said:
            continue
        face = video.face(identity, on_progress)
        notes += face.notes
        parts = [Part(f.line.start, f.end, f.speech.waveform) for f in said]
        for part in parts:
            steps = np.flatnonzero((timeline.times >= part.start) & (timeline.times < part.end))
            unseen[steps] |= ~face.tracked.track.visible[timeline.source[steps]]
        if source.is_photograph:
            plan.add_throughout(face.renderer, parts)
        else:
            plan.add(face.renderer, parts, face.tracked.cuts)
    chosen = FaceReport(numbers={choice: face.number for choice, face in faces.items()})
    sound = _mixed(source, fitted, end, options)
    notes = [*dict.fromkeys([*notes, *sound.notes])]
    speech = SpeechReport(lines=tuple(replace(r, notes=()) for r in reports), notes=tuple(notes))
    return DubPlan(
        sound, timeline, plan.job, plan.close, plan.visibility, plan.kept, np.flatnonzero(unseen), speech, chosen
    )


def _of(line: ScriptLine, options: DubOptions) -> str:
    return line.face or options.face


def _within(script: Script, end: float, options: DubOptions) -> Script:
    """The lines that lie in the video, which ends at `end` seconds; what reaches beyond is trimmed or left out.

    Raises:
        TextError: no line does; `options.strict`: one does not.
    """
    faults = ScriptFaults(options.strict)
    kept = []
    for line in script.lines:
        if line.end > end + _LATE:
            words = f"it ends at {line.end:g} s, after the video, which ends at {end:.2f} s"
            room = end - line.start
            try:
                faults.found(line.number, words, "trimmed" if room >= SHORTEST else "skipped")
            except LineError as fault:
                raise script.fault(line, fault.words) from fault
            if room < SHORTEST:
                continue
            line = replace(line, end=end)
        kept.append(line)
    return _of_lines(script, kept, faults.notes)


def _of_lines(script: Script, lines: list[ScriptLine], notes: tuple[str, ...]) -> Script:
    """The script with these lines only.

    Raises:
        TextError: there are none.
    """
    if not lines:
        raise TextError(f"{script.path}: no line of it can be spoken; {notes[0]}")
    return replace(script, lines=tuple(lines), notes=script.notes + notes)


def _by_number(script: Script, options: DubOptions) -> bool:
    """Whether faces are named by numbers, which are those of the whole video."""
    return any(parse_choice(_of(line, options)).kind == "number" for line in script.lines)


def _cast(
    video: PreparedVideo, script: Script, options: DubOptions, on_progress: Progress
) -> tuple[dict[str, Identity], Script, list[str]]:
    """The face of every choice that the script makes, the lines that have one, and what a person should know of it.

    Raises:
        InputError: no line has a face; `options.strict`: one has none, or says two things at a time.
    """
    faces: dict[str, Identity] = {}
    notes: list[str] = []
    faults = ScriptFaults(options.strict)
    kept: list[ScriptLine] = []
    first: InputError | None = None
    for line in script.lines:
        choice = _of(line, options)
        try:
            if choice not in faces:
                chosen = video.choose(parse_choice(choice), on_progress)
                faces[choice] = chosen.face
                notes += chosen.notes
        except InputError as error:
            first = first or type(error)(str(script.fault(line, str(error))))
            if options.strict or choice == options.face:
                raise first from error
            faults.found(line.number, str(error), "skipped")
            continue
        kept.append(line)
    if first is not None and not kept:
        raise first
    try:
        kept = without_overlaps(kept, lambda line: faces[_of(line, options)].number, faults)
    except LineError as fault:
        words = fault.words.replace("; one face says one thing at a time", ", and both are the same face's")
        raise TextError(f"{script.path}, line {fault.number}: {words}") from fault
    return faces, _of_lines(script, kept, faults.notes), notes


def _voices(
    video: PreparedVideo, faces: list[Identity], options: DubOptions, notes: list[str], on_progress: Progress
) -> dict[int, Waveform | None]:
    """By the number of a face, the sound to take its voice from; of several people each one's own, where it speaks."""
    reference = video.source.voice_reference(options)
    if options.voice_reference is not None:  # otherwise it is the video's own sound, whose notes come with the mix
        notes += video.source.voice_notes(options)
    whole = reference.mono() if reference is not None else None
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
    on_progress: Progress, recordings: Mapping[int, Waveform],
) -> tuple[list[FittedLine], list[LineReport], tuple[str, ...]]:  # fmt: skip
    """Every line in its slot, what is to be said of it, and which lines are left out and why.

    Raises:
        TextError: no line can be spoken in its slot; `options.strict`: one cannot.
    """
    fitted, reports = [], []
    faults = ScriptFaults(options.strict)
    for number, line in enumerate(script.lines):
        on_progress("speak the script", number, len(script.lines))
        face = faces[_of(line, options)].number
        try:
            spoken = _recorded(recordings[line.number]) if line.number in recordings else speak(
                line.text, voices[face], synthesizer=options.voice, convert=options.convert_voice,
                converter=options.converter, strength=options.strength, speed=options.speed,
                background="none", language=options.language,
                pronounce=tuple(one for one in options.pronunciations if is_in(one, line.text)),
            )  # fmt: skip
        except TextError as error:
            _left_out(script, line, str(error), faults)
            continue
        speech = Speech(spoken.waveform.resampled(SAMPLE_RATE), spoken.words)
        until = free_until(line, script.lines, end)
        placed = fit_line(line, speech, until)
        if placed is None:
            room = max(line.end, until) - line.start
            words = f"it takes {speech.waveform.duration:.1f} s and has {room:.1f} s; shorten it"
            _left_out(script, line, words, faults)
            continue
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
    if not fitted:
        raise TextError(f"{script.path}: no line of it can be spoken; {faults.notes[0]}")
    return fitted, reports, faults.notes


def _recorded(waveform: Waveform) -> SpokenLine:
    """A recording in the place of a synthesized line."""
    return SpokenLine(waveform, (), "recording", loudness=loudness(waveform), duration=waveform.duration)


def _left_out(script: Script, line: ScriptLine, words: str, faults: ScriptFaults) -> None:
    try:
        faults.found(line.number, words, "skipped")
    except LineError as fault:
        raise script.fault(line, words) from fault


def _mixed(source: SourceVideo, fitted: list[FittedLine], end: float, options: DubOptions) -> Sound:
    """What is heard: the original sound at 48 kHz, with all of its channels, and the lines over its background."""
    info = source.info
    if not info.has_audio:
        silence = Sound(np.zeros((1, round(end * SAMPLE_RATE)), np.float32), SAMPLE_RATE, notes=source.silent_notes())
        return lay_over(silence, fitted, None)
    noise = None
    if options.background == "keep":
        noise = background_of(read_sound(info.path, SAMPLE_RATE, stop=REFERENCE_SECONDS, track=info.audio_track))
    least = max(line.end for line in fitted) + EDGE
    return lay_over(read_sound(info.path, at_least=least, track=info.audio_track), fitted, noise)
