"""A report on one finished video: a page with a timeline, and the figures as JSON."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from synclips.errors import OutputError
from synclips.evaluation.clip import Detectors
from synclips.evaluation.video_findings import Finding, findings
from synclips.evaluation.video_metrics import Along, check_reference, measure_along
from synclips.evaluation.video_page import video_page
from synclips.features.alignment import crop_face
from synclips.files import atomic_path, reason
from synclips.media.audio import Waveform, loudness, normalise_loudness, read_audio
from synclips.media.timebase import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME
from synclips.media.video import probe, read_at_rate
from synclips.metrics.evaluators import LipReader
from synclips.metrics.image_quality import ratio
from synclips.metrics.lip_reading import vocabulary, word_error_rate
from synclips.metrics.lip_shape import silent_frames
from synclips.metrics.lse import field_crops, measure_field_sync
from synclips.metrics.sync import embed_sound, sync_figures
from synclips.metrics.sync_drift import DRIFT, SyncDrift, SyncWindow, find_drifts, sync_windows
from synclips.models.syncnet import SyncNet
from synclips.models.syncnet_v2 import OriginalSyncNet
from synclips.progress import Progress, silent
from synclips.tracking.detection_cache import TrackCache, detect_at_rate
from synclips.tracking.tracked_video import TrackedVideo, follow_largest

USUAL = 0.95
"""Share of the frames that are set against the reference: a cut in it would outweigh all others."""
SENTENCE = 10 * FPS
"""Frames up to which a video may be one GRID sentence."""


@dataclass(frozen=True)
class VideoReport:
    """The page, all figures by name, where the sound drifts, and what there is to say, faults first."""

    page: Path
    figures: dict[str, float]
    drifts: tuple[SyncDrift, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Listeners:
    """Those who judge what this package cannot; each may be missing.

    speaker_similarity: two sounds -> likeness of the voices
    word_accuracy:      a sound and the text it should say -> share of words heard
    lip_reader:         face crops -> GRID sentence
    """

    speaker_similarity: Callable[[Waveform, Waveform], float] | None = None
    word_accuracy: Callable[[Waveform, str], float] | None = None
    lip_reader: LipReader | None = None


def evaluate_video(
    video: Path,
    output: Path,
    syncnet: SyncNet,
    detectors: Detectors,
    *,
    reference: Path | None = None,
    text: str | None = None,
    original: OriginalSyncNet | None = None,
    listeners: Listeners | None = None,
    cache: TrackCache | None = None,
    on_progress: Progress = silent,
) -> VideoReport:
    """Measure `video` and write `output`/index.html and `output`/video.json.

    `reference` is the video it was made from: figures are then set against it, frame by frame. `text` is what is
    said. Without sound in the video, or too little of it, there are no figures of sync. `cache`
    keeps the faces that were found, those of an interrupted report too; only for the package's own detector.

    Raises:
        MediaError, NoFaceError: the video or the reference cannot be used.
        InputError: the reference is of another size.
        OutputError: `output` cannot be written.
    """
    info = probe(video)
    if reference is not None:
        check_reference(reference, info)
    _make_folder(output)
    tracked = follow_largest(info, detect_at_rate(info, detectors, cache=cache, on_progress=on_progress))
    along = measure_along(tracked, syncnet, reference, on_progress)
    figures = _picture_figures(along)
    windows: tuple[SyncWindow, ...] = ()
    sound: Waveform | None = None
    if info.has_audio:
        sound = read_audio(video, SAMPLE_RATE).padded(len(along) * SAMPLES_PER_FRAME)
        found, windows = _sync(along, syncnet, sound)
        figures |= found | _silence(along, silent_frames(sound, len(along))) | _sound(sound, reference)
        if original is not None:
            figures |= _field(tracked, original, sound)
    figures |= _heard(sound, reference, text, tracked, listeners or Listeners())
    figures = {name: round(float(value), 4) for name, value in figures.items() if np.isfinite(value)}
    drifts = find_drifts(windows)
    report = VideoReport(output / "index.html", figures, drifts, tuple(findings(figures, drifts)))
    _write(report, video, reference, along, windows)
    return report


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder} cannot be written ({reason(error)}); choose another folder") from error


def _picture_figures(along: Along) -> dict[str, float]:
    means = {name: float(np.nanmean(values)) for name, values in along.series.items() if np.isfinite(values).any()}
    figures = {name: value for name, value in means.items() if not name.endswith("_reference")}
    for name in ("sharpness", "flicker", "seam"):
        before = along.series.get(f"{name}_reference", np.full(len(along), np.nan))
        both = np.isfinite(along.series[name]) & np.isfinite(before)
        if both.any():
            both &= before <= np.quantile(before[both], USUAL)
            made, real = (float(along.series[n][both].mean()) for n in (name, f"{name}_reference"))
            figures[f"{name}_ratio"] = ratio(made, real)
    return figures | {"no_face_percent": 100 * float(1 - along.visible.mean())}


def _sync(along: Along, syncnet: SyncNet, sound: Waveform) -> tuple[dict[str, float], tuple[SyncWindow, ...]]:
    """Figures of the whole, and sync along it."""
    audio = embed_sound(syncnet, normalise_loudness(sound), len(along))
    try:
        whole = sync_figures(along.embeddings, audio, usable=along.visible)
    except ValueError:
        return {}, ()
    windows = sync_windows(along.embeddings, audio, along.visible)
    sure = [abs(window.offset) <= DRIFT for window in windows if window.sure]
    figures = {
        "av_offset": float(whole.offset),
        "confidence": whole.confidence,
        "similarity": whole.at_zero,
        "lse_d": whole.lse_d,
        "lse_c": whole.lse_c,
        "in_sync_percent": 100 * float(np.mean(sure)) if sure else np.nan,
    }
    return figures, windows


def _silence(along: Along, quiet: np.ndarray) -> dict[str, float]:
    steps = along.visible & np.concatenate([[False], along.visible[:-1]])
    figures = {}
    if (quiet & steps).any():
        figures["silence_motion"] = float(along.lip_speed[quiet & steps].mean())
        figures["silence_opening"] = float(np.abs(along.opening[quiet & along.visible]).mean())
    if (~quiet & steps).any():
        figures["speech_motion"] = float(along.lip_speed[~quiet & steps].mean())
    return figures


def _sound(sound: Waveform, reference: Path | None) -> dict[str, float]:
    figures = {"loudness_lufs": loudness(sound), "peak": float(np.abs(sound.samples).max(initial=0))}
    if reference is not None and probe(reference).has_audio:
        figures["loudness_change"] = figures["loudness_lufs"] - loudness(read_audio(reference, SAMPLE_RATE))
    return figures


def _field(tracked: TrackedVideo, original: OriginalSyncNet, sound: Waveform) -> dict[str, float]:
    crops = field_crops(read_at_rate(tracked.path, FPS), np.asarray(tracked.track.points))
    try:
        found = measure_field_sync(original, crops, sound)
    except ValueError:
        return {}
    return {f"field_{name}": float(value) for name, value in asdict(found).items()}


def _heard(
    sound: Waveform | None, reference: Path | None, text: str | None, tracked: TrackedVideo, listeners: Listeners
) -> dict[str, float]:
    figures = {}
    if sound is not None and reference is not None and listeners.speaker_similarity and probe(reference).has_audio:
        figures["speaker_similarity"] = listeners.speaker_similarity(sound, read_audio(reference, SAMPLE_RATE))
    if sound is not None and text and listeners.word_accuracy:
        figures["word_accuracy"] = listeners.word_accuracy(sound, text)
    words = tuple(word.strip(".,!?").lower() for word in (text or "").split())
    if (
        listeners.lip_reader
        and len(words) == 6
        and len(tracked) <= SENTENCE
        and all(word in vocabulary() for word in words)
    ):
        frames = zip(read_at_rate(tracked.path, FPS), tracked.alignment, strict=False)
        crops = np.stack([crop_face(image, matrix) for image, matrix in frames])
        figures["lips_word_accuracy"] = max(0.0, 1 - word_error_rate(words, listeners.lip_reader(crops)))
    return figures


def _write(
    report: VideoReport,
    video: Path,
    reference: Path | None,
    along: Along,
    windows: tuple[SyncWindow, ...],
) -> None:
    value = {
        "video": str(video),
        "reference": str(reference) if reference else None,
        "frames": len(along),
        "findings": [asdict(finding) for finding in report.findings],
        "figures": report.figures,
        "slips": [asdict(drift) for drift in report.drifts],
        "windows": [asdict(window) for window in windows],
    }
    with atomic_path(report.page.parent / "video.json") as temporary:
        temporary.write_text(json.dumps(value, indent=1) + "\n")
    with atomic_path(report.page) as temporary:
        temporary.write_text(video_page(video, reference, report.figures, report.findings, along, windows))
