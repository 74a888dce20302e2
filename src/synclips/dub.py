"""Story A: a video and a line of text (or a recording) become a dubbed video."""

import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from synclips import __version__
from synclips.errors import InputError
from synclips.features.face_choice import FaceChoice, parse_choice
from synclips.features.track_cache import default_cache, sight_video
from synclips.features.tracked_video import TrackedVideo, follow
from synclips.files import check_output
from synclips.media.audio import Waveform, loudness, read_audio
from synclips.media.output_file import Beside
from synclips.media.resumable import PictureFormat, open_writer
from synclips.media.timebase import SAMPLE_RATE
from synclips.media.video import VideoInfo, frames_in_order, is_image, probe
from synclips.media.video_encode import check_format
from synclips.progress import Progress, silent
from synclips.rendering.active_speaker import Chosen, choose
from synclips.rendering.block_plan import BlockPlan
from synclips.rendering.renderer import build_renderer, load_model
from synclips.rendering.run_identity import run_identity
from synclips.rendering.still import still_as_video
from synclips.rendering.timeline import SyncMode, plan_timeline
from synclips.runtime import choose_device
from synclips.speech.speaking import speak
from synclips.speech.text import spoken_sentences

LEAD, TAIL = 0.2, 0.5
"""Seconds of silence before and after a spoken line: the mouth starts and ends at rest."""
REFERENCE_SECONDS = 180.0
"""How much of a long recording is listened to for the voice."""
BANK_SECONDS = 40.0
"""How much of a long video is looked through for mouths, beyond what is dubbed."""


@dataclass(frozen=True)
class DubOptions:
    """How to dub. `sync_mode` None: end with the speech, bounce if the video is the shorter.

    `face`: speaker, largest, left, right, a number of `synclips faces`, or X,Y@SECONDS. `cache`: what was found in a
    video is kept for the next line.
    """

    sync_mode: SyncMode | None = None
    keep_length: bool = False
    checkpoint: Path | None = None
    device: str = "auto"
    voice: str = "auto"
    convert_voice: bool = True
    strength: float = 0.8
    speed: float = 1.0
    background: Literal["keep", "none"] = "keep"
    voice_reference: Path | None = None
    quality: int = 16
    codec: Literal["h264", "hevc", "vp9", "ffv1"] = "h264"
    keep_streams: bool = False
    face: str = "speaker"
    cache: bool = True


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
    options: DubOptions | None = None,
    overwrite: bool = False,
    on_progress: Progress = silent,
) -> DubResult:
    """Make the person in `video` (or a photograph) say `text`, or what is heard in `audio`, and write `output`.

    Raises:
        InputError: video, text, audio or an option cannot be used.
        OutputError: `output` exists without `overwrite`, or cannot be written.
        CheckpointError, BackendError: the model or the synthesizer is not there.
    """
    options, started = options or DubOptions(), time.monotonic()
    if (text is None) == (audio is None):
        raise InputError("give either a text or an audio file")
    check_output(output, overwrite=overwrite)
    choice = parse_choice(options.face)
    if text is not None:
        spoken_sentences(text)
    with ExitStack() as stack:
        source = stack.enter_context(still_as_video(video)) if is_image(video) else video
        info = probe(source)
        check_format(output, options.codec, options.quality, info)
        model, metadata = load_model(options.checkpoint, choose_device(options.device))
        sound, speech = _sound(info, text, audio, options, on_progress)
        tracked, chosen = _track(info, sound.duration, choice, options, on_progress, keep=source is video)
        timeline = plan_timeline(
            tracked.times, _duration(tracked), sound.duration, options.sync_mode, keep_length=options.keep_length
        )
        plan = BlockPlan(build_renderer(model, tracked), sound, timeline)
        tags = {"comment": f"Speech and lips are synthetic: made by SyncLips {__version__}."}
        like = replace(info, path=video)
        pictures = PictureFormat(info.width, info.height, info.fps, like, options.codec, options.quality)
        beside = Beside(sound, timeline.duration, tags, source if options.keep_streams else None)
        identity = run_identity(video, sound, timeline, options, options.checkpoint)
        with open_writer(output, pictures, beside, identity=identity, overwrite=overwrite) as writer:
            frames = frames_in_order(source, timeline.source[writer.done :].tolist())
            for step, frame in enumerate(frames, writer.done):
                writer.write(plan.render(frame, step), float(timeline.times[step]))
                on_progress("render", step + 1, len(timeline))
    passed = np.flatnonzero(~tracked.track.visible[timeline.source])
    report = {
        "video": str(video),
        "output": str(output),
        "text": text,
        "audio": str(audio) if audio else None,
        "frames": len(timeline),
        "duration": round(timeline.duration, 3),
        "frames_without_face": passed.tolist()[:1000],
        "width": info.width,
        "height": info.height,
        "fps": float(info.fps),
        "sync_mode": options.sync_mode or "auto",
        "streams_left_out": list(writer.left_out),
        "face": {"number": chosen.face.number, "of": len(chosen.faces), "notes": list(chosen.notes)},
        "speech": speech,
        "seconds": round(time.monotonic() - started, 2),
        "options": {name: str(value) if isinstance(value, Path) else value for name, value in asdict(options).items()},
        "model": {name: metadata.get(name) for name in ("stage", "step", "version")},
        "version": __version__,
    }
    return DubResult(output, report)


def _sound(
    info: VideoInfo, text: str | None, audio: Path | None, options: DubOptions, on_progress: Progress
) -> tuple[Waveform, dict[str, Any]]:
    """What will be heard, at 16 kHz, and what is to be said of it."""
    if audio is not None:
        waveform = read_audio(audio)
        return waveform, {"loudness": round(loudness(waveform), 2), "duration": round(waveform.duration, 3)}
    assert text is not None
    heard = options.voice_reference or (info.path if info.has_audio else None)
    reference = read_audio(heard, stop=REFERENCE_SECONDS) if heard else None
    line = speak(
        text, reference, synthesizer=options.voice, convert=options.convert_voice, strength=options.strength,
        speed=options.speed, background=options.background, on_progress=on_progress,
    )  # fmt: skip
    silence = [np.zeros(round(seconds * SAMPLE_RATE), np.float32) for seconds in (LEAD, TAIL)]
    samples = np.concatenate([silence[0], line.waveform.resampled(SAMPLE_RATE).samples, silence[1]])
    said = {
        name: round(value, 3) if isinstance(value, float) else value
        for name, value in vars(line).items()
        if name not in ("waveform", "words")
    }
    said["words"] = [(word.word, round(word.start + LEAD, 3), round(word.end + LEAD, 3)) for word in line.words]
    return Waveform(samples, SAMPLE_RATE), said


def _track(
    info: VideoInfo, speech: float, choice: FaceChoice, options: DubOptions, on_progress: Progress, *, keep: bool
) -> tuple[TrackedVideo, Chosen]:
    """Find the chosen face in as much of the video as is needed; numbers are those of the whole video."""
    whole = options.keep_length or options.sync_mode in ("silence", "remap") or choice.kind == "number"
    end = None if whole else max(speech, BANK_SECONDS, choice.time + 1)
    cache = default_cache() if options.cache and keep else None
    sightings = sight_video(info, stop=end, cache=cache, on_progress=on_progress)
    chosen = choose(info, sightings, choice, choose_device(options.device), on_progress)
    return follow(info, sightings, chosen.face.rows), chosen


def _duration(tracked: TrackedVideo) -> float:
    """Seconds that the tracked frames last."""
    return float(tracked.times[-1]) + 1 / float(tracked.info.fps)
