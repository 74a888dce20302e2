"""Fits are kept: the second line for the same person and model costs no training."""

import contextlib
import hashlib
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path
from typing import Final

import numpy as np

from synclips.errors import CheckpointError, OutputError
from synclips.evaluation.judges import SYNCNET, load_judge, shipped_or
from synclips.features.tracked_video import TrackedVideo
from synclips.media.audio import normalise_loudness, read_audio
from synclips.models.checkpoint import load_into, read_metadata, save_model
from synclips.models.generator import Generator
from synclips.models.seed import SeedModel
from synclips.progress import Progress, silent
from synclips.training.personal_clips import LONGEST
from synclips.training.personal_fit import Fit, fit_person

MOST: Final = 12
"""Fits that are kept; those that were made longest ago go first."""
FORMAT: Final = "1"
"""Of the fits, and of all that makes them: raise it when either changes."""


def fitted(
    model: Generator | SeedModel,
    video: TrackedVideo,
    seconds: float,
    folder: Path | None,
    *,
    on_progress: Progress = silent,
) -> tuple[Generator | SeedModel, Fit]:
    """`model` fitted to the person in `video` for `seconds` (see `fit_person`); `folder` (None: none) keeps fits.

    Whatever is wrong with what is kept costs only time.
    """
    if not isinstance(model, Generator):
        return model, Fit(note="only models of the base preset can be fitted to a person")
    if not video.info.has_audio:
        return model, Fit(note="the video has no sound, so the model was not fitted to it")
    path = None if folder is None else folder / f"{_name(model, video, seconds)}.safetensors"
    if path is not None and path.is_file():
        with contextlib.suppress(CheckpointError, KeyError, TypeError):
            lip_error, psnr = (tuple(read_metadata(path)["fit"][name]) for name in ("lip_error", "psnr"))
            return load_into(path, deepcopy(model)).eval(), Fit(lip_error, psnr)
    sound = normalise_loudness(read_audio(video.path, stop=float(video.times[0]) + LONGEST + 1))
    with shipped_or(None, SYNCNET) as judge:
        syncnet = load_judge(judge)
    made, fit = fit_person(model, video, sound, syncnet, seconds, on_progress=on_progress)
    if path is not None and not fit.note:
        with contextlib.suppress(OutputError, OSError):
            save_model(path, made, {"stage": "fit", "fit": asdict(fit)}, half=True)
            for old in sorted(path.parent.glob("*.safetensors"), key=lambda p: p.stat().st_mtime)[:-MOST]:
                old.unlink(missing_ok=True)
    return made, fit


def _name(model: Generator, video: TrackedVideo, seconds: float) -> str:
    """A name for the model's weights, the face as it was seen, and the time."""
    digest = hashlib.sha256(f"{FORMAT} {seconds} {len(video)} {video.info.duration}".encode())
    for value in model.state_dict().values():
        digest.update(value.detach().cpu().numpy().tobytes())
    digest.update(np.ascontiguousarray(video.track.points[:: max(1, len(video) // 20)]).tobytes())
    return digest.hexdigest()[:32]
