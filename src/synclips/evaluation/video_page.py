"""The HTML page of one video's report."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from synclips.evaluation.charts import timeline
from synclips.evaluation.html import Cell, Page
from synclips.evaluation.video_findings import Finding
from synclips.evaluation.video_metrics import Along
from synclips.media.timebase import FPS
from synclips.metrics.sync import CONFIDENT
from synclips.metrics.sync_drift import DRIFT, SyncWindow

OFFSET = "AV offset"
POINTS = 1500
"""Most points that a curve is drawn with."""
MEANINGS = {
    "av_offset": "frames by which the sound lags the picture (our SyncNet)",
    "confidence": "best similarity of lips and sound less the median over offsets",
    "similarity": "cosine similarity of lips and sound as they play",
    "lse_d": "least mean distance over offsets, our SyncNet; not comparable with published figures",
    "lse_c": "median less least of the mean distances, our SyncNet; not comparable with published figures",
    "field_offset": "the original SyncNet's AV offset; positive: the sound lags",
    "field_lse_d": "LSE-D of the original SyncNet",
    "field_lse_c": "LSE-C of the original SyncNet",
    "in_sync_percent": "% of the confident windows with an offset of at most one frame",
    "silence_motion": "lip speed while nothing is heard, % of the inter-ocular distance a frame",
    "silence_opening": "mouth opening beyond rest while nothing is heard, % of the inter-ocular distance",
    "speech_motion": "lip speed while something is heard, for comparison",
    "sharpness": "gradient energy in the mouth box",
    "flicker": "energy of the second difference in time in the mouth box",
    "seam": "how much the plainest outline stands out from its surroundings; about 1 to 2 in real video",
    "seam_step": "grey levels by which the plainest outline steps more than in the reference",
    "psnr_outside": "likeness to the reference outside the lower face, dB",
    "sharpness_ratio": "sharpness over the reference's: 1 is right",
    "flicker_ratio": "flicker over the reference's: 1 is right",
    "seam_ratio": "seam over the reference's: 1 is right",
    "no_face_percent": "% of frames in which no face was found",
    "loudness_lufs": "integrated loudness of the sound, LUFS",
    "loudness_change": "LU by which the sound is louder than the reference's",
    "peak": "largest sample of the sound, 1 is full scale",
    "speaker_similarity": "likeness of the voice to the reference's: 1 is the same",
    "word_accuracy": "share of the text's words that a recogniser hears",
    "lips_word_accuracy": "share of the text's words that the lip reader reads (GRID sentences only)",
}


def video_page(
    video: Path,
    reference: Path | None,
    figures: dict[str, float],
    findings: Sequence[Finding],
    along: Along,
    windows: Sequence[SyncWindow],
) -> str:
    """The report as HTML."""
    page = Page(f"SyncLips video report: {video.name}")
    page.text(
        f"{len(along) / FPS:.2f} s, measured at {FPS} frames a second."
        + (f" Reference: {reference}." if reference else "")
    )
    page.verdicts([(finding.good, finding.text) for finding in findings])
    page.heading("Figures")
    page.table(
        ["", "value", "what it is"],
        [[Cell(name), Cell(f"{figures[name]:.3f}"), Cell(MEANINGS[name])] for name in MEANINGS if name in figures],
    )
    caption = (
        "AV offset: of the 3 s around each dot; above 0 the sound is late; unsure where the confidence is below "
        f"{CONFIDENT}."
    )
    page.heading("Along the video")
    page.chart(
        timeline(*_curves(along, windows), dots=[OFFSET, "confidence"], good={OFFSET: (-float(DRIFT), float(DRIFT))}),
        caption,
    )
    return page.render()


def _curves(
    along: Along, windows: Sequence[SyncWindow]
) -> tuple[list[float], list[tuple[str, dict[str, list[float]]]]]:
    seconds = _thinned(np.arange(len(along)) / FPS)
    rows = []
    if windows:
        for name, value in ((OFFSET, "offset"), ("confidence", "confidence")):
            parts = {part: np.full(len(along), np.nan) for part in ("sure", "unsure")}
            for window in windows:
                at = min(round(window.seconds * FPS), len(along) - 1)
                parts["sure" if window.sure else "unsure"][at] = getattr(window, value)
            rows += [(name, {part: _mean_of_known(values) for part, values in parts.items()})]
    rows += [("opening, %", {"opening": _thinned(along.opening)})]
    for name in ("sharpness", "flicker", "seam"):
        series = {"this video": _thinned(_between(along.series[name]))}
        if f"{name}_reference" in along.series:
            series["reference"] = _thinned(_between(along.series[f"{name}_reference"]))
        rows.append((name, series))
    return seconds, rows


def _thinned(values: Float64[np.ndarray, " n"]) -> list[float]:
    """At most `POINTS` values: means of equal stretches."""
    edges = np.unique(np.linspace(0, len(values), min(POINTS, len(values)) + 1).astype(int))
    return [float(np.mean(values[a:b])) for a, b in pairwise(edges)]


def _mean_of_known(values: Float64[np.ndarray, " n"]) -> list[float]:
    """As `_thinned`, of the values that are there; NaN where there is none."""
    edges = np.unique(np.linspace(0, len(values), min(POINTS, len(values)) + 1).astype(int))
    known = np.isfinite(values)
    return [float(values[a:b][known[a:b]].mean()) if known[a:b].any() else np.nan for a, b in pairwise(edges)]


def _between(values: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
    """Straight lines between the values that are there; NaN before the first and after the last."""
    known = np.flatnonzero(np.isfinite(values))
    if len(known) == 0:
        return values
    return np.interp(np.arange(len(values)), known, values[known], left=np.nan, right=np.nan)
