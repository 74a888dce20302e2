"""Edit what was said: words of a recording are replaced, in the same voice; everything else stays as it is."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from synclips.dubbing.edit_picture import PicturePlan, plan_pictures
from synclips.dubbing.edit_plan import Fit, edited_timeline, edited_transcript
from synclips.dubbing.edit_report import EditedSpan as EditedSpan
from synclips.dubbing.edit_report import EditReport as EditReport
from synclips.dubbing.edit_report import EditResult as EditResult
from synclips.dubbing.edit_sound import EditedSound, edit_sound
from synclips.dubbing.options import DubOptions
from synclips.dubbing.prepared_video import errors_name_the_file, open_source
from synclips.dubbing.run_identity import run_identity
from synclips.files import check_outputs, reserved, temporary_space
from synclips.media.conversions import Conversions
from synclips.media.copied_video import CopyPlan, plan_copy, write_copied
from synclips.media.muxer import Beside
from synclips.media.overlay import Label
from synclips.media.resumable_writer import PictureFormat, open_writer
from synclips.media.video import frames_in_order
from synclips.media.video_encode import check_format
from synclips.progress import Progress, silent
from synclips.provenance.c2pa_manifest import Signing
from synclips.provenance.tags import Origin, now, result_tags, tags_of
from synclips.rendering.renderer import model_digest
from synclips.rendering.timeline import Timeline
from synclips.rendering.visibility import kept_notes
from synclips.speech.edits import Change, Edit
from synclips.speech.recognition import BUILT_IN
from synclips.speech.transcript import Transcript
from synclips.version import __version__


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
        plan, face_notes = plan_pictures(heard, timeline, options, stack, on_progress)
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

    def made() -> Iterator[UInt8[np.ndarray, "h w 3"]]:
        for done, (step, frame) in enumerate(zip(steps, frames, strict=True), 1):
            yield plan.render(frame, step)
            on_progress("render", done, count)

    write_copied(output, copied, made(), beside, options.quality, overwrite=overwrite)
