"""The sync curve of a finished take, where it can be had at small cost."""

from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from synclips.errors import SyncLipsError
from synclips.evaluation.sync_curve import sync_curve
from synclips.progress import Progress

MOST_SECONDS: Final = 60.0
"""Length of a take beyond which it is not measured."""


def measured_sync(video: Path, report: dict[str, Any], on_progress: Progress) -> dict[str, Any] | None:
    """The curve of a take by its report; None for a long one, or one that shows several people."""
    if report["duration"] > MOST_SECONDS or ((report.get("face") or {}).get("of") or 1) > 1:
        return None
    try:
        curve = sync_curve(video, lambda _stage, done, total: on_progress("measure", done, total))
    except SyncLipsError:
        return None
    return None if curve is None else asdict(curve)
