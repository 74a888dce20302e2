"""Story A: a video and a line of text (or a recording, or a script) become a dubbed video."""

import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from synclips import __version__
from synclips.dubbing.line_plan import DubPlan, plan_line
from synclips.dubbing.options import DubOptions as DubOptions
from synclips.dubbing.run_identity import model_digest, run_identity
from synclips.dubbing.script_plan import check_script, plan_script
from synclips.errors import InputError
from synclips.files import check_output
from synclips.media.muxer import Beside
from synclips.media.overlay import Label, write_side_by_side
from synclips.media.photo_video import still_as_video
from synclips.media.resumable_writer import PictureFormat, open_writer
from synclips.media.sound_tracks import find_track
from synclips.media.video import VideoInfo, frames_in_order, is_image, probe, read_frames
from synclips.media.video_encode import check_format
from synclips.progress import Progress, silent
from synclips.provenance.c2pa_manifest import Signing
from synclips.provenance.tags import Origin, now, result_tags, tags_of
from synclips.rendering.renderer import load_model
from synclips.runtime import choose_device, choose_precision
from synclips.speech.text.normalise import spoken_sentences
from synclips.tracking.selection import parse_choice


@dataclass(frozen=True)
class DubResult:
    """The dubbed file, and what was done (ready for JSON)."""

    output: Path
    report: dict[str, Any]


def dub(
    video: Path,
    output: Path,
    *,
    text: str | None = None,
    audio: Path | None = None,
    script: Path | None = None,
    compare: Path | None = None,
    options: DubOptions | None = None,
    overwrite: bool = False,
    on_progress: Progress = silent,
) -> DubResult:
    """Make the person in `video` (or a photograph) say `text`, or what is heard in `audio`, and write `output`.

    `script`: the lines of a whole scene instead (see `read_script`). `compare`: another video to write, which shows
    source and result side by side.

    Raises:
        InputError: video, text, audio, script or an option cannot be used.
        OutputError: `output` exists without `overwrite`, or cannot be written.
        CheckpointError, BackendError: the model or the synthesizer is not there.
    """
    options, started = options or DubOptions(), time.monotonic()
    if sum(given is not None for given in (text, audio, script)) != 1:
        raise InputError("give either a text, an audio file or a script")
    for path in filter(None, (output, compare)):
        check_output(path, overwrite=overwrite)
    parse_choice(options.face)
    if text is not None:
        spoken_sentences(text)
    lines = check_script(script, options) if script is not None else None
    signing = Signing.prepared(options.certificate, options.private_key) if options.provenance else Signing()
    with ExitStack() as stack:
        source = stack.enter_context(still_as_video(video)) if is_image(video) else video
        info = probe(source)
        if options.audio_track is not None:
            find_track(audio or source, options.audio_track)
            info = replace(info, audio_track=None if audio else options.audio_track)
        like = replace(info, path=video)
        check_format(output, options.codec, options.quality, like)
        label = Label(options.label, info.width, info.height) if options.label else None
        device = choose_device(options.device)
        model, metadata = load_model(options.checkpoint, device)
        keep = source is video
        if lines is not None:
            plan = plan_script(info, model, lines, options, on_progress, keep=keep)
        else:
            plan = plan_line(info, model, text, audio, options, on_progress, keep=keep)
        timeline = plan.timeline
        origin = Origin(audio is None, __version__, now(), model_digest(options.checkpoint))
        tags = result_tags(origin, tags_of(video) if keep else {})
        pictures = PictureFormat(info.width, info.height, info.fps, like, options.codec, options.quality)
        beside = Beside(plan.sound, timeline.duration, tags, source if options.keep_streams else None, info.audio_track)
        identity = run_identity(video, plan.sound, timeline, options, options.checkpoint)
        with open_writer(output, pictures, beside, identity=identity, overwrite=overwrite) as writer:
            frames = frames_in_order(source, timeline.source[writer.done :].tolist())
            for step, frame in enumerate(frames, writer.done):
                made = plan.render(frame, step)
                writer.write(label.draw(made) if label else made, float(timeline.times[step]))
                on_progress("render", step + 1, len(timeline))
        notes = [*signing.sign(output, video, origin)]
        if compare is not None:
            _compare(compare, source, output, plan, like, tags, overwrite=overwrite)
            notes += signing.sign(compare, output, origin)
    report = {
        "video": str(video),
        "output": str(output),
        "text": text,
        "audio": str(audio) if audio else None,
        "script": str(script) if script else None,
        "compare": str(compare) if compare else None,
        **report_dub(plan, info),
        "sync_mode": options.sync_mode or "auto",
        "streams_left_out": list(writer.left_out),
        "origin": origin.statement,
        "notes": notes,
        "seconds": round(time.monotonic() - started, 2),
        "options": {name: str(value) if isinstance(value, Path) else value for name, value in asdict(options).items()},
        "model": {name: metadata.get(name) for name in ("stage", "step", "version")},
        "device": device.type,
        "precision": choose_precision(device),
        "version": __version__,
    }
    return DubResult(output, report)


def report_dub(plan: DubPlan, info: VideoInfo) -> dict[str, Any]:
    """What the report says of pictures, speech and face; of frames the first thousand are named."""
    gated = np.setdiff1d(np.flatnonzero(plan.visibility() < 1), plan.unseen)
    return {
        "frames": len(plan.timeline),
        "duration": round(plan.timeline.duration, 3),
        "frames_without_face": plan.unseen.tolist()[:1000],
        "frames_faded": gated.tolist()[:1000],
        "width": info.width,
        "height": info.height,
        "fps": float(info.fps),
        "face": plan.face,
        "speech": plan.speech,
    }


def _compare(
    path: Path, source: Path, output: Path, plan: DubPlan, info: VideoInfo, tags: dict[str, str], *,
    overwrite: bool,
) -> None:  # fmt: skip
    """Source and result beside each other, each frame beside the one that it was made of."""
    timeline = plan.timeline
    shown = zip(frames_in_order(source, timeline.source.tolist()), read_frames(output), timeline.times, strict=False)
    pairs = ((before, after.image, float(at)) for before, after, at in shown)
    write_side_by_side(path, pairs, info, plan.sound, timeline.duration, metadata=tags, overwrite=overwrite)
