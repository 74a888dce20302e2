"""Edit what was said: words of a recording are replaced, in the same voice; everything else stays as it is."""

import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import Int8, UInt8

from synclips.dubbing.edit_plan import (
    FITS,
    Fit,
    PlannedEdit,
    edited_timeline,
    edited_transcript,
    plan_edits,
    spans_in_result,
)
from synclips.dubbing.options import DubOptions
from synclips.dubbing.prepared_video import (
    BANK_SECONDS,
    LoadedModel,
    SourceVideo,
    errors_name_the_file,
    open_source,
    prepare_source,
)
from synclips.dubbing.run_identity import model_digest, run_identity
from synclips.dubbing.transcription import transcribe
from synclips.errors import ConfigError, InputError, MediaError, TextError
from synclips.files import check_outputs, reserved, temporary_space
from synclips.media.audio import Sound, Waveform, read_sound
from synclips.media.conversions import Conversions
from synclips.media.copied_video import CopyPlan, plan_copy, write_copied, write_excerpt
from synclips.media.frame_index import FrameIndex, build_index
from synclips.media.muxer import Beside
from synclips.media.overlay import Label
from synclips.media.resumable_writer import PictureFormat, open_writer
from synclips.media.timebase import SAMPLE_RATE
from synclips.media.video import frames_in_order, probe
from synclips.media.video_encode import check_format
from synclips.progress import Progress, silent
from synclips.provenance.c2pa_manifest import Signing
from synclips.provenance.tags import Origin, now, result_tags, tags_of
from synclips.rendering.multi_line import ScenePlan
from synclips.rendering.renderer import load_model
from synclips.rendering.timeline import Timeline
from synclips.rendering.visibility import kept_notes
from synclips.runtime import choose_device
from synclips.speech.edits import Change, Edit, difference, find_changes
from synclips.speech.person_voice import PersonVoice, voice_of
from synclips.speech.recognition import BUILT_IN
from synclips.speech.reference_voice import LEAST_SPEECH, steady_tones
from synclips.speech.speaker_encoder import similarity, speaker_encoder
from synclips.speech.splice import MUSIC, spliced
from synclips.speech.transcript import Transcript, read_transcript, speakers_of
from synclips.tracking.selection import parse_choice
from synclips.version import __version__

ANOTHER_VOICE: Final = 0.6
"""Cosine of speaker embeddings below which a sentence is taken to have somebody else's voice in it."""
WHOLE: Final = 90.0
"""Seconds of a video up to which faces are looked for from its beginning on; of a longer one around the spans."""
WINDOW: Final = 20.0
"""Seconds on either side of the spans that are looked at in a long video: the person's mouths are taken from there."""
_EXTRA: Final = 3.0
"""Seconds after the last span that are looked at for the face."""


@dataclass(frozen=True)
class EditedSpan:
    """One span of the result: seconds (of source and result), frames of the result whose picture changed, words.

    pace: speed over the engine's; pitch: factor on its F0; similarity: of the new words to the person's voice.
    """

    said: str
    new: str
    start: float
    end: float
    result_start: float
    result_end: float
    frames: tuple[int, int]
    fit: str
    pace: float
    pitch: float
    similarity: float | None


@dataclass(frozen=True)
class EditReport:
    """What `edit` made and how. `frames_copied`: frames whose bits were copied, not encoded."""

    video: str
    output: str
    text: str
    spans: tuple[EditedSpan, ...]
    frames: int
    frames_copied: int
    duration: float
    notes: tuple[str, ...]
    origin: str
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class EditResult:
    """The edited file, what is said in it (times of the result), and what was done."""

    output: Path
    transcript: Transcript
    report: EditReport


@dataclass(frozen=True)
class EditedSound:
    """What will be heard, before any picture is made."""

    source: SourceVideo
    index: FrameIndex
    transcript: Transcript
    planned: list[PlannedEdit]
    sound: Sound
    notes: tuple[str, ...]

    @property
    def fps(self) -> float:
        """Frames a second."""
        return float(self.source.info.fps)

    @property
    def spans(self) -> list[tuple[float, float]]:
        """Seconds of the result that changed."""
        return spans_in_result(self.planned, self.fps)


def edit(
    video: Path | str,
    output: Path | str,
    edits: "Sequence[Edit | Change]" = (),
    *,
    edited: Path | str | Transcript | None = None,
    transcript: Path | str | Transcript | None = None,
    fit: Fit = "auto",
    model: str = BUILT_IN,
    copy: bool = True,
    options: DubOptions | None = None,
    overwrite: bool = False,
    on_progress: Progress = silent,
) -> EditResult:
    """Change words in what is said in `video`, and write `output`.

    Args:
        edits: what is to be changed; or
        edited: a transcript of the video that was edited: the difference is made.
        transcript: the words and their times, where they are known; by default the video is transcribed.
        fit: `speed`: new words take the old ones' time, as fast or slow as that needs; `retime`: they take their own
            time, and the frames of the span are spread over it; `auto`: the first where nobody would hear it.
        model: of the recogniser.
        copy: copy the bits of untouched groups of pictures where codec and container allow it.
        options: voice, face and file, as for `dub`.

    Raises:
        InputError: the video has no speech, a phrase is not said or said twice, new words do not fit, ...
        OutputError: `output` exists without `overwrite`, or cannot be written.
        BackendError: no recogniser or synthesizer is there.
    """
    started = time.monotonic()
    options = options or DubOptions()
    video, output = Path(video), Path(output)
    files = [video, *options.files, *(Path(p) for p in (edited, transcript) if isinstance(p, str | Path))]
    check_outputs((output,), files, overwrite=overwrite)
    signing = Signing.prepared(options.certificate, options.private_key) if options.provenance else Signing()
    with ExitStack() as stack:
        stack.enter_context(temporary_space())
        stack.enter_context(reserved(output))
        source = stack.enter_context(open_source(video))
        stack.enter_context(errors_name_the_file(source))
        check_format(output, options.codec, options.quality, replace(source.info, path=source.named))
        heard = edit_sound(
            source, edits, edited=edited, transcript=transcript, fit=fit, model=model, options=options,
            on_progress=on_progress,
        )  # fmt: skip
        timeline = edited_timeline(heard.index, heard.planned, heard.fps)
        plan, face_notes = _picture_plan(heard, timeline, options, stack, on_progress)
        origin = Origin(True, __version__, now(), model_digest(options.checkpoint))
        tags = result_tags(origin, tags_of(source.named))
        kept = source.info.path if options.keep_streams else None
        beside = Beside(heard.sound, timeline.duration, tags, kept, source.info.audio_track)
        conversions = Conversions()
        copied = _copy_plan(heard, output, timeline, plan, options) if copy else None
        if copied is not None:
            _write_copied(output, copied, heard, timeline, plan, beside, options, conversions, overwrite, on_progress)
        else:
            _write_all(output, heard, timeline, plan, beside, options, conversions, overwrite, on_progress)
        notes = [*heard.notes, *face_notes, *conversions.notes(), *kept_notes(plan.kept())]
        notes += signing.sign(output, source.named, origin)
    spans = tuple(
        EditedSpan(
            p.said, p.new, round(p.start, 3), round(p.end, 3), round(a, 3), round(b, 3),
            (steps.start, steps.stop), p.fit, round(p.words.pace, 3), round(p.words.pitch, 3),
            None if p.words.similarity is None else round(p.words.similarity, 3),
        )
        for p, (a, b) in zip(heard.planned, heard.spans, strict=True)
        for steps in [_steps_of(plan, timeline, a)]
    )  # fmt: skip
    result = edited_transcript(heard.transcript, heard.planned, heard.fps)
    report = EditReport(
        str(source.named), str(output), result.text, spans, len(timeline), copied.frames_copied if copied else 0,
        round(timeline.duration, 3), tuple(dict.fromkeys(notes)), origin.statement,
        round(time.monotonic() - started, 2),
    )  # fmt: skip
    return EditResult(output, result, report)


def edit_sound(
    source: SourceVideo,
    edits: "Sequence[Edit | Change]",
    *,
    edited: Path | str | Transcript | None,
    transcript: Path | str | Transcript | None,
    fit: Fit,
    model: str,
    options: DubOptions,
    on_progress: Progress = silent,
) -> EditedSound:
    """What will be heard after the edits: enough for a preview.

    Raises:
        SyncLipsError: as `edit`.
    """
    if fit not in FITS:
        raise ConfigError(f"fit {fit!r} is unknown; use one of {', '.join(FITS)}")
    if bool(edits) == (edited is not None):
        raise InputError("give either edits or an edited transcript")
    if source.is_photograph or source.is_temporary:
        raise MediaError(f"{source.named} is a picture: nothing is said in it that could be edited; dub it instead")
    if options.audio_track is not None:
        source = source.hearing(options.audio_track, None)
    info = source.info
    if not info.has_audio:
        [*silent_words] = source.silent_notes() or (f"{source.named} has no sound: nothing is said in it",)
        raise MediaError(f"{silent_words[0]}; dub it instead")
    words = _transcript(source, transcript, edited, model, options, on_progress)
    changes = find_changes(edits, words) if edits else difference(words, _edited(edited, words))
    sound = read_sound(info.path, track=info.audio_track)
    notes = [*words.notes, *sound.notes]
    voice = _voice(source, words, changes, sound, options, notes, on_progress)
    index = build_index(info.path)
    planned = plan_edits(words, changes, sound, index, voice, fit, float(info.fps), on_progress)
    notes += _doubts(planned, sound, voice)
    return EditedSound(
        source, index, words, planned, spliced(sound, [plan.patch for plan in planned]), tuple(dict.fromkeys(notes))
    )


def _transcript(
    source: SourceVideo,
    given: Path | str | Transcript | None,
    edited: Path | str | Transcript | None,
    model: str,
    options: DubOptions,
    on_progress: Progress,
) -> Transcript:
    if isinstance(given, Transcript):
        return _checked(given, source.named)
    if given is not None:
        return _checked(read_transcript(Path(given)), given)
    if isinstance(edited, str | Path) and Path(edited).suffix.lower() == ".json":
        return _checked(read_transcript(Path(edited), as_heard=True), edited)
    return transcribe(
        source.named, model=model, speakers=False, audio_track=options.audio_track, device=options.device,
        cache=options.cache, on_progress=on_progress,
    )  # fmt: skip


def _checked(transcript: Transcript, path: Path | str) -> Transcript:
    if not transcript.words:
        raise TextError(f"the transcript of {path} has no words; transcribe the video again")
    return transcript


def _edited(edited: Path | str | Transcript | None, like: Transcript) -> Transcript:
    if isinstance(edited, Transcript):
        return edited
    assert edited is not None
    return read_transcript(Path(edited), like)


def _voice(
    source: SourceVideo,
    words: Transcript,
    changes: Sequence[Change],
    sound: Sound,
    options: DubOptions,
    notes: list[str],
    on_progress: Progress,
) -> PersonVoice:
    """The voice of whoever says the words that are changed."""
    reference = source.voice_reference(options)
    heard = reference.mono() if reference is not None else None
    numbers = {words.words[min(change.first, len(words.words) - 1)].speaker for change in changes}
    if options.voice_reference is None and len(speakers_of(words)) > 1 and len(numbers) == 1:
        [number] = numbers
        own = [
            sound.mono(SAMPLE_RATE).samples[round(line.start * SAMPLE_RATE) : round(line.end * SAMPLE_RATE)]
            for line in words.lines()
            if line.speaker == number
        ]
        joined = np.concatenate([np.zeros(0, np.float32), *own])
        if len(joined) >= LEAST_SPEECH * SAMPLE_RATE:
            heard = Waveform(joined, SAMPLE_RATE)
    if len(numbers) > 1:
        notes.append("the edits are of several people's lines: they are spoken in one voice; edit one person at a time")
    text = " ".join(change.text for change in changes if change.text) or words.text
    voice = voice_of(
        heard, text, synthesizer=options.voice, convert=options.convert_voice, converter=options.converter,
        strength=options.strength, language=options.language, pronounce=options.pronunciations,
        on_progress=on_progress,
    )  # fmt: skip
    notes += voice.notes
    return voice


def _doubts(planned: Sequence[PlannedEdit], sound: Sound, voice: PersonVoice) -> list[str]:
    """What a person should know of the places that are edited."""
    notes = []
    for plan in planned:
        where = f"at {plan.start:.1f} s"
        if plan.patch.music:
            notes.append(
                f"music lies under the speech {where}: tones that stand are carried through, a melody under the new "
                "words may be blurred"
            )
        rate = sound.sample_rate
        low, high = max(0, plan.patch.first - 2 * rate), plan.patch.last + 2 * rate
        near = Sound(np.array(sound.samples[:, low:high]), rate, sound.channels).mono(SAMPLE_RATE)
        if voice.reference is not None and near.duration > 1.6 and steady_tones(near) < MUSIC:
            encoder = speaker_encoder()
            if similarity(encoder.embed(near), encoder.embed(voice.reference)) < ANOTHER_VOICE:
                notes.append(
                    f"{where} another voice is heard, too, or two people speak at once: what the other says goes with "
                    "the words that are replaced; --voice-reference gives the voice to sound like"
                )
    return notes


@dataclass(frozen=True)
class PicturePlan:
    """Lips for the spans: a plan of the steps from `first` on, those outside of it stay as they are."""

    plan: ScenePlan
    first: int
    steps: int
    total: int

    def render(self, frame: UInt8[np.ndarray, "h w 3"], step: int) -> UInt8[np.ndarray, "h w 3"]:
        """Frame `step` of the result, made on the source's frame that the timeline names."""
        inside = self.first <= step < self.first + self.steps
        return self.plan.render(frame, step - self.first) if inside else frame

    @property
    def touched(self) -> list[range]:
        """Steps whose pictures change."""
        return [range(steps.start + self.first, steps.stop + self.first) for steps in self.plan.touched]

    def kept(self) -> Int8[np.ndarray, " n"]:
        """Why frames keep the original though a mouth was wanted there."""
        reasons = np.zeros(self.total, np.int8)
        reasons[self.first : self.first + self.steps] = self.plan.kept()
        return reasons


def _picture_plan(
    heard: EditedSound, timeline: Timeline, options: DubOptions, stack: ExitStack, on_progress: Progress
) -> tuple[PicturePlan, list[str]]:
    """The face is looked for around the spans; in a long recording in an excerpt of it."""
    model = LoadedModel(*load_model(options.checkpoint, choose_device(options.device)))
    parsed = parse_choice(_face_of(heard, options))
    source, frames = heard.source, range(len(heard.index.times))
    start, end = max(0.0, heard.planned[0].start - WINDOW), heard.planned[-1].end + WINDOW
    reach: float | None = max(heard.planned[-1].end + _EXTRA, BANK_SECONDS)
    if parsed.kind == "number":
        reach = None
    elif source.info.duration > WHOLE and end - start < 0.7 * source.info.duration:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="synclips-")))
        cut = write_excerpt(source.info, folder / "excerpt.mkv", start, end)
        if cut is not None:
            source, frames, reach = SourceVideo(source.named, probe(folder / "excerpt.mkv")), cut, None
    prepared = prepare_source(source, model, options, reach, on_progress)
    chosen = prepared.choose(parsed, on_progress)
    face = prepared.face(chosen.face, on_progress)
    first, last = (int(k) for k in np.searchsorted(timeline.source, [frames.start, frames.stop]))
    begin = float(timeline.times[first])
    part = Timeline(
        timeline.source[first:last] - frames.start,
        timeline.times[first:last] - begin,
        (float(timeline.times[last]) if last < len(timeline) else timeline.duration) - begin,
    )
    sound = heard.sound.mono(SAMPLE_RATE)
    plan = ScenePlan(part)
    plan.add_along(
        face.renderer,
        [(a - begin, b - begin) for a, b in heard.spans],
        Waveform(np.array(sound.samples[round(begin * SAMPLE_RATE) :]), SAMPLE_RATE),
        face.tracked.cuts,
    )
    return PicturePlan(plan, first, last - first, len(timeline)), [*chosen.notes, *face.notes]


def _face_of(heard: EditedSound, options: DubOptions) -> str:
    words = heard.transcript.words
    numbers = {words[min(plan.change.first, len(words) - 1)].speaker for plan in heard.planned}
    if options.face == "speaker" and len(numbers) == 1 and len(speakers_of(heard.transcript)) > 1:
        [number] = numbers
        return options.face if number is None else str(number)
    return options.face


def _steps_of(plan: PicturePlan, timeline: Timeline, start: float) -> range:
    step = int(np.searchsorted(timeline.times, start))
    return next((steps for steps in plan.touched if step in steps), range(step, step))


def _copy_plan(
    heard: EditedSound, output: Path, timeline: Timeline, plan: PicturePlan, options: DubOptions
) -> CopyPlan | None:
    """How to copy bits; None where every frame is to be encoded."""
    if options.label:
        return None
    retimed = [
        range(*np.searchsorted(timeline.times, span))
        for span, edit in zip(heard.spans, heard.planned, strict=True)
        if edit.fit == "retime"
    ]
    return plan_copy(
        heard.source.info, output, timeline.source, timeline.times, [*plan.touched, *retimed], options.codec
    )


def _write_all(
    output: Path, heard: EditedSound, timeline: Timeline, plan: PicturePlan, beside: Beside, options: DubOptions,
    conversions: Conversions, overwrite: bool, on_progress: Progress,
) -> None:  # fmt: skip
    """Every frame encoded anew."""
    info = replace(heard.source.info, path=heard.source.named)
    label = Label(options.label, info.width, info.height) if options.label else None
    pictures = PictureFormat(info.width, info.height, info.fps, info, options.codec, options.quality)
    identity = run_identity(heard.source.named, heard.sound, timeline, options, options.checkpoint)
    with open_writer(output, pictures, beside, identity=identity, overwrite=overwrite) as writer:
        order = timeline.source[writer.done :].tolist()
        frames = frames_in_order(heard.source.info.path, order, conversions=conversions)
        for step, frame in enumerate(frames, writer.done):
            made = plan.render(frame, step)
            writer.write(label.draw(made) if label else made, float(timeline.times[step]))
            on_progress("render", step + 1, len(timeline))


def _write_copied(
    output: Path, copied: CopyPlan, heard: EditedSound, timeline: Timeline, plan: PicturePlan, beside: Beside,
    options: DubOptions, conversions: Conversions, overwrite: bool, on_progress: Progress,
) -> None:  # fmt: skip
    """Only the groups of pictures that changed encoded, the others' bits copied."""
    count = sum(len(steps) for steps in copied.encoded)
    steps = [step for part in copied.encoded for step in part]
    frames = frames_in_order(
        heard.source.info.path, [int(timeline.source[step]) for step in steps], conversions=conversions
    )

    def made() -> Any:
        for done, (step, frame) in enumerate(zip(steps, frames, strict=True), 1):
            yield plan.render(frame, step)
            on_progress("render", done, count)

    write_copied(output, copied, made(), beside, options.quality, overwrite=overwrite)
