"""Personalisation: the whole model is fine-tuned on one person's own video for a given number of seconds.

A part of the video is held out. The motion model's last layer is fitted in closed form first, where the video is long
enough (`motion_head.fit_head`). Then motion and refiner each keep the weights that did best on what is held out, and
the ones they began with if none did better, so the measured figures never get worse. Fitted models are kept on disk.
"""

import contextlib
import hashlib
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch

from synclips.errors import CheckpointError, OutputError
from synclips.media.audio import Waveform, normalise_loudness, read_audio
from synclips.metrics.evaluators import SYNCNET, load_judge, shipped_or
from synclips.metrics.sync import measure_sync
from synclips.models.blueprint import BlueprintModel
from synclips.models.checkpoint import load_into, read_metadata, save_model
from synclips.models.generator import Generator
from synclips.models.syncnet import SyncNet
from synclips.progress import Progress, silent
from synclips.tracking.tracked_video import TrackedVideo
from synclips.training.loop import run_in_memory
from synclips.training.motion_head import fit_head
from synclips.training.personal_clips import LONGEST, PersonalClips, cut_clips
from synclips.training.personal_stages import Clock, PersonalMotionStage, PersonalRefinerStage, PersonalStage

MOST: Final = 12
"""Fitted models that are kept on disk; those that were made longest ago go first."""
FORMAT: Final = "3"
"""Of fitted models, and of all that makes them: raise it when either changes."""


@dataclass(frozen=True)
class Personalization:
    """What fitting gained on the held-out part: largest lip error (%) and PSNR (dB) before and after; or a note that
    says why the model was left as it is."""

    lip_error: tuple[float, float] | None = None
    psnr: tuple[float, float] | None = None
    note: str = ""

    @property
    def said(self) -> str:
        """In one line to a person."""
        if self.lip_error is None or self.psnr is None:
            return self.note
        (lips, better_lips), (psnr, better_psnr) = self.lip_error, self.psnr
        return (
            "fitted to the person: on what was held out, "
            f"lip error {lips:.2f} -> {better_lips:.2f} %, PSNR {psnr:.1f} -> {better_psnr:.1f} dB"
        )


def fit_person(
    model: Generator,
    video: TrackedVideo,
    sound: Waveform,
    syncnet: SyncNet,
    seconds: float,
    *,
    on_progress: Progress = silent,
) -> tuple[Generator, Personalization]:
    """A copy of `model` fitted to the person in `video`, whose own 16 kHz sound is `sound`, by the model's recipe."""
    clips = cut_clips(video, sound)
    if len(clips) < 2:
        return model, Personalization(note="the video shows the face for too short a time to fit the model to it")
    crops = np.concatenate([clip.crops for clip in clips])
    heard = Waveform(np.concatenate([clip.waveform.samples for clip in clips]), sound.sample_rate)
    sync, recipe = measure_sync(syncnet, crops, heard), model.recipe
    if sync.confidence < recipe.personalize.least_confidence:
        return model, Personalization(
            note="the video's sound does not belong to these lips, so the model was not fitted to it"
        )
    personal, clock, settings = PersonalClips(clips, sync.offset), Clock(seconds), recipe.personalize

    def run(stage: PersonalStage, until: float) -> tuple[Generator, tuple[float, float]]:
        budget = clock.budget(until, settings.validations)
        best = run_in_memory(stage, recipe, budget, on_progress=on_progress)
        assert isinstance(best.network, Generator)
        return best.network, (best.before[stage.figure], best.after[stage.figure])

    start, at_first = _with_fitted_head(model, personal)
    moved, (_, at_last) = run(PersonalMotionStage(personal, start), settings.motion_share)
    refined, psnr = run(PersonalRefinerStage(personal, moved), 1.0)
    return refined, Personalization((at_first, at_last), psnr)


@torch.no_grad()
def _with_fitted_head(model: Generator, clips: PersonalClips) -> tuple[Generator, float]:
    """A copy whose motion model's last layer is fitted, if that is better on what is held out, and the largest lip
    error (%) there before."""
    changed = deepcopy(model)
    stage = PersonalMotionStage(clips, changed)
    before = stage.validate(changed)[stage.figure]
    changed.motion, _ = fit_head(clips, changed.motion, model.recipe, stage.trained)
    return (changed if stage.validate(changed)[stage.figure] < before else deepcopy(model)), before


def fitted(
    model: Generator | BlueprintModel,
    video: TrackedVideo,
    seconds: float,
    folder: Path | None,
    *,
    on_progress: Progress = silent,
) -> tuple[Generator | BlueprintModel, Personalization]:
    """`model` fitted to the person in `video` for `seconds` (see `fit_person`).

    `folder`, if given, keeps fitted models; a damaged one is made again.
    """
    if not isinstance(model, Generator):
        return model, Personalization(note="only models of the base preset can be fitted to a person")
    if not video.info.has_audio:
        return model, Personalization(note="the video has no sound, so the model was not fitted to it")
    path = None if folder is None else folder / f"{_name(model, video, seconds)}.safetensors"
    if path is not None and path.is_file():
        with contextlib.suppress(CheckpointError, KeyError, TypeError):
            lip_error, psnr = (tuple(read_metadata(path)["fit"][name]) for name in ("lip_error", "psnr"))
            return load_into(path, deepcopy(model)).eval(), Personalization(lip_error, psnr)
    longest = float(video.times[0]) + LONGEST + 1
    sound = normalise_loudness(read_audio(video.path, stop=longest, track=video.info.audio_track))
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
    """A name for the model's weights and recipe, the face as it was seen, the sound track, and the time."""
    settings = f"{FORMAT} {seconds} {len(video)} {video.info.duration} {video.info.audio_track} {model.recipe.digest()}"
    digest = hashlib.sha256(settings.encode())
    for value in model.state_dict().values():
        digest.update(value.detach().cpu().numpy().tobytes())
    digest.update(np.ascontiguousarray(video.track.points[:: max(1, len(video) // 20)]).tobytes())
    return digest.hexdigest()[:32]
