"""Story A: a video and a line of text (or a recording, or a script) become a dubbed video."""

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from synclips.dubbing.frame_stages import rendered
from synclips.dubbing.line_plan import DubPlan, plan_line
from synclips.dubbing.options import DubOptions as DubOptions
from synclips.dubbing.prepared_video import (
    LoadedModel,
    PreparedVideo,
    SourceVideo,
    errors_name_the_file,
    open_source,
    prepare_source,
)
from synclips.dubbing.report import DubReport as DubReport
from synclips.dubbing.report import DubResult as DubResult
from synclips.dubbing.report import report_options
from synclips.dubbing.run_identity import model_digest, run_identity
from synclips.dubbing.script_plan import check_script, plan_script
from synclips.errors import InputError
from synclips.files import check_outputs, reserved, temporary_space
from synclips.media.audio import Sound, Waveform
from synclips.media.conversions import Conversions
from synclips.media.muxer import Beside
from synclips.media.overlay import Label, write_side_by_side
from synclips.media.picture import Picture
from synclips.media.resumable_writer import PictureFormat, open_writer
from synclips.media.video import VideoInfo, frames_in_order, read_frames
from synclips.media.video_encode import check_format, stored_size
from synclips.media.write_behind import WriteBehind
from synclips.progress import Progress, silent
from synclips.provenance.c2pa_manifest import Signing
from synclips.provenance.tags import Origin, now, result_tags, tags_of
from synclips.rendering.renderer import load_model
from synclips.rendering.visibility import kept_notes
from synclips.runtime import choose_device, choose_precision
from synclips.speech.reading import read_line
from synclips.version import __version__

LISTED = 1000
"""Frame numbers that a report names of each kind."""


def dub(
    video: Path | str | PreparedVideo,
    output: Path | str,
    *,
    text: str | None = None,
    audio: Path | str | None = None,
    script: Path | str | None = None,
    compare: Path | str | None = None,
    options: DubOptions | None = None,
    overwrite: bool = False,
    on_progress: Progress = silent,
    on_picture: Callable[[UInt8[np.ndarray, "h w 3"], float], None] | None = None,
    on_sound: Callable[[Sound], None] | None = None,
    recordings: Mapping[int, Waveform] | None = None,
) -> DubResult:
    """Make the person in `video` (or a photograph) say `text`, or what is heard in `audio`, and write `output`.

    Args:
        video: a file, or what `prepare` made of one.
        script: the lines of a whole scene instead (see `read_script`).
        compare: another video to write, which shows source and result side by side.
        options: how to dub; for a prepared video by default those that it was prepared with.
        on_picture: called with each finished frame and its time in seconds, to show how the work goes on.
        on_sound: called before the first frame with what will be heard, from the video's beginning on.
        recordings: by the numbers of a script's lines, what is heard in the place of their text.

    Raises:
        InputError: video, text, audio, script or an option cannot be used.
        OutputError: `output` exists without `overwrite`, or cannot be written.
        CheckpointError, BackendError: the model or the synthesizer is not there.
    """
    started = time.monotonic()
    prepared = video if isinstance(video, PreparedVideo) else None
    options = options or (prepared.options if prepared else DubOptions())
    output, audio, script, compare = Path(output), _path(audio), _path(script), _path(compare)
    if sum(given is not None for given in (text, audio, script)) != 1:
        raise InputError("give either a text, an audio file or a script")
    check_outputs((output, compare), _inputs(video, audio, script, options), overwrite=overwrite)
    if prepared:
        prepared.check(options)
    if text is not None:
        read_line(text, options.language, options.voice)
    lines = check_script(script, options) if script is not None else None
    signing = Signing.prepared(options.certificate, options.private_key) if options.provenance else Signing()
    with ExitStack() as stack:
        stack.enter_context(temporary_space())
        for path in filter(None, (output, compare)):
            stack.enter_context(reserved(path))
        source = prepared.source if prepared else stack.enter_context(open_source(Path(video)))  # type: ignore[arg-type]
        stack.enter_context(errors_name_the_file(source))
        if options.audio_track is not None:
            source = source.hearing(options.audio_track, audio)
        like = replace(source.info, path=source.named)
        check_format(output, options.codec, options.quality, like)
        label = Label(options.label, like.width, like.height) if options.label else None
        device = choose_device(options.device)
        model = prepared.model if prepared else LoadedModel(*load_model(options.checkpoint, device))

        def looked_at(seconds: float | None, on_progress: Progress) -> PreparedVideo:
            return prepared or prepare_source(source, model, options, seconds, on_progress)

        if lines is not None:
            plan = plan_script(source, looked_at, lines, options, on_progress, recordings or {})
        else:
            plan = plan_line(source, looked_at, text, audio, options, on_progress)
        timeline = plan.timeline
        origin = Origin(audio is None, __version__, now(), model_digest(options.checkpoint))
        tags = result_tags(origin, {} if source.is_temporary else tags_of(source.named))
        pictures = PictureFormat(like.width, like.height, like.fps, like, options.codec, options.quality)
        kept = source.info.path if options.keep_streams else None
        beside = Beside(plan.sound, timeline.duration, tags, kept, source.info.audio_track)
        identity = run_identity(source.named, plan.sound, timeline, options, options.checkpoint)
        if on_sound is not None:
            on_sound(plan.sound)
        conversions = Conversions()
        with open_writer(output, pictures, beside, identity=identity, overwrite=overwrite) as writer:
            frames = rendered(source.info, plan, writer.done, conversions, label)
            with closing(frames), WriteBehind(writer) as behind:
                for step, made in enumerate(frames, writer.done):
                    behind.write(made, float(timeline.times[step]))
                    if on_picture is not None:
                        image = made.image if isinstance(made, Picture) else made
                        on_picture(image, float(timeline.times[step]))
                    on_progress("render", step + 1, len(timeline))
        width, height = stored_size(like.width, like.height, options.codec)
        notes = [*conversions.notes(), *kept_notes(plan.kept())]
        if (width, height) != (like.width, like.height):
            notes.append(
                f"{len(timeline)} of {len(timeline)} frames are one row or column larger: {options.codec} that every "
                f"player shows has even sides, {width} x {height}; vp9 keeps {like.width} x {like.height}"
            )
        notes += [*signing.sign(output, source.named, origin)]
        if compare is not None:
            _compare(compare, source, output, plan, like, tags, overwrite=overwrite)
            notes += signing.sign(compare, output, origin)
    faded = np.setdiff1d(np.flatnonzero(plan.visibility() < 1), plan.unseen)
    report = DubReport(
        video=str(source.named),
        output=str(output),
        text=text,
        audio=str(audio) if audio else None,
        script=str(script) if script else None,
        compare=str(compare) if compare else None,
        frames=len(timeline),
        duration=round(timeline.duration, 3),
        frames_without_face=plan.unseen.tolist()[:LISTED],
        frames_faded=faded.tolist()[:LISTED],
        width=width,
        height=height,
        fps=float(like.fps),
        face=plan.face,
        speech=plan.speech,
        sync_mode=options.sync_mode or "auto",
        streams_left_out=list(writer.left_out),
        origin=origin.statement,
        notes=notes,
        seconds=round(time.monotonic() - started, 2),
        options=report_options(options),
        model={name: model.metadata.get(name) for name in ("stage", "step", "version")},
        device=device.type,
        precision=choose_precision(device),
        version=__version__,
    )
    return DubResult(output, report)


def _inputs(
    video: Path | str | PreparedVideo, audio: Path | None, script: Path | None, options: DubOptions
) -> list[Path | None]:
    """Every file that is read."""
    source = video.source.named if isinstance(video, PreparedVideo) else Path(video)
    return [source, audio, script, *options.files]


def _path(given: Path | str | None) -> Path | None:
    return None if given is None else Path(given)


def _compare(
    path: Path,
    source: SourceVideo,
    output: Path,
    plan: DubPlan,
    info: VideoInfo,
    tags: dict[str, str],
    *,
    overwrite: bool,
) -> None:
    """Source and result beside each other, each frame beside the one that it was made of."""
    timeline = plan.timeline
    originals = frames_in_order(source.info.path, timeline.source.tolist())
    shown = zip(originals, read_frames(output), timeline.times, strict=False)
    pairs = ((before, after.image, float(at)) for before, after, at in shown)
    write_side_by_side(path, pairs, info, plan.sound, timeline.duration, metadata=tags, overwrite=overwrite)
