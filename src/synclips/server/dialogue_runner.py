"""The work of jobs that transcribe, preview edited dialogue as sound, or make the edited video."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from synclips.dubbing.edit import EditReport, edit
from synclips.dubbing.edit_plan import edited_transcript
from synclips.dubbing.edit_sound import edit_sound
from synclips.dubbing.options import DubOptions
from synclips.dubbing.prepared_video import open_source
from synclips.dubbing.transcription import transcribe
from synclips.media.audio import write_wav
from synclips.media.video import probe
from synclips.runtime import choose_device, choose_precision
from synclips.server.dialogue import (
    CreateDialogueEdit,
    CreateTranscription,
    Fit,
    TranscriptBody,
    WordEdit,
    changes_of,
    shown_transcript,
    transcript_of,
)
from synclips.server.requests import Extra
from synclips.server.storage import RESULT
from synclips.server.worker import Task
from synclips.speech.transcript import speakers_of
from synclips.version import __version__

Source = Callable[[Task, str | None, str | None], Path]
"""The file of a request's asset or URL."""


def run_transcription(task: Task, source: Source, device: str) -> dict[str, Any]:
    """Transcribe the source."""
    body = CreateTranscription.model_validate(task.job.request)
    found = transcribe(
        source(task, body.asset_id, body.url), device=device, cache=True, on_progress=task.on_progress
    )  # fmt: skip
    return {
        "transcript": shown_transcript(found),
        "speakerCount": max(1, len(speakers_of(found))),
        "durationMs": round(found.duration * 1000),
        "model": found.model,
        "notes": list(found.notes),
    }


def run_preview(task: Task, source: Source, options: DubOptions) -> dict[str, Any]:
    """The edited sound alone."""
    body = CreateDialogueEdit.model_validate(task.job.request)
    path = source(task, body.asset_id, body.source_video_url)
    with open_source(path) as opened:
        heard = edit_sound(
            opened, changes_of(body.transcript, body.edits), edited=None, transcript=transcript_of(body.transcript),
            fit=body.fit, model="", options=with_extra(options, body.options), on_progress=task.on_progress,
        )  # fmt: skip
        write_wav(task.results / "preview.wav", heard.sound.mono())
        result = edited_transcript(heard.transcript, heard.planned, heard.fps)
        slots = [
            {
                "startMs": round(a * 1000), "endMs": round(b * 1000), "text": plan.new, "replaced": plan.said,
                "sourceStartMs": round(plan.start * 1000), "sourceEndMs": round(plan.end * 1000),
                "similarity": plan.words.similarity,
            }
            for plan, (a, b) in zip(heard.planned, heard.spans, strict=True)
        ]  # fmt: skip
        return {
            "file": "preview.wav",
            "transcript": shown_transcript(result),
            "slots": slots,
            "durationMs": round(heard.sound.duration * 1000),
            "notes": [note.replace(str(path), "the video") for note in heard.notes],
        }


def run_edit(task: Task, video: Path, given: dict[str, Any], options: DubOptions) -> tuple[Path, dict[str, Any]]:
    """The edited video, and its report as the Studio shows it."""
    transcript = TranscriptBody.model_validate(given["transcript"])
    edits = [WordEdit.model_validate(one) for one in given["edits"]]
    fit: Fit = given.get("fit", "auto")
    output = task.folder / RESULT
    result = edit(
        video, output, changes_of(transcript, edits), transcript=transcript_of(transcript), fit=fit, model="",
        options=options, overwrite=True, on_progress=task.on_progress,
    )  # fmt: skip
    words = [[word.text, round(word.start, 3), round(word.end, 3)] for word in result.transcript.words]
    return output, _report(result.report, video, output, words, options)


def with_extra(options: DubOptions, extra: Extra | None) -> DubOptions:
    """The options with those that a request names."""
    from dataclasses import replace

    known = extra.model_dump(exclude_none=True) if extra else {}
    return replace(options, **{name: value for name, value in known.items() if name in ("strength", "convert_voice")})


def _report(
    report: EditReport, video: Path, output: Path, words: list[list[Any]], options: DubOptions
) -> dict[str, Any]:
    info, device = probe(output), choose_device(options.device)
    spans = [vars(span) | {"frames": list(span.frames)} for span in report.spans]
    return {
        "duration": report.duration, "width": info.width, "height": info.height, "fps": float(info.fps),
        "frames": report.frames, "frames_copied": report.frames_copied, "text": report.text, "spans": spans,
        "speech": {"words": words}, "seconds": report.seconds, "origin": report.origin,
        "notes": [note.replace(str(video), "the video") for note in report.notes],
        "version": __version__, "device": device.type, "precision": choose_precision(device),
    }  # fmt: skip
