"""Personal fit: the whole model is bent to one person by their own video, for a given number of seconds.

A part of the video is held out. Motion and refiner each keep the weights that did best on it, and the ones they began
with if none did better: a fit never makes the measured figures worse.
"""

import contextlib
import hashlib
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from synclips.config import RecipeConfig
from synclips.errors import CheckpointError, OutputError
from synclips.media.audio import Waveform, normalise_loudness, read_audio
from synclips.metrics.evaluators import SYNCNET, load_judge, shipped_or
from synclips.metrics.lip_shape import largest_lip_error
from synclips.metrics.sync import measure_sync
from synclips.models.blueprint import BlueprintModel
from synclips.models.checkpoint import load_into, read_metadata, save_model
from synclips.models.generator import Generator
from synclips.models.syncnet import SyncNet
from synclips.progress import Progress, silent
from synclips.runtime import autocast, device_of
from synclips.tracking.tracked_video import TrackedVideo
from synclips.training.motion import MotionLosses
from synclips.training.motion_data import MotionData, draw_windows
from synclips.training.personal_clips import LONGEST, PERSON, PersonalClips, cut_clips
from synclips.training.window_batches import WindowBatches, picture_losses
from synclips.training.windows import LENGTH

MOTION_SHARE = 0.4
"""Share of the time that motion gets; the refiner has the rest."""
RATE = 2e-4
WINDOWS, WINDOW, BANK, SCENES = 8, 24, 24, 2
CHECKS = 6
"""How often each part is measured on what was held out."""
LEAST_CONFIDENCE = 0.1
"""Of the SyncNet, that the sound belongs to these lips; below it there is nothing to learn from."""


@dataclass(frozen=True)
class Personalization:
    """What a fit gained on the held-out part: largest lip error (%) and PSNR (dB) before and after; or why it did
    nothing."""

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
    """A copy of `model` fitted to the person in `video`, whose own 16 kHz sound is `sound`."""
    clips = cut_clips(video, sound)
    if len(clips) < 2:
        return model, Personalization(note="the video shows the face for too short a time to fit the model to it")
    crops = np.concatenate([clip.crops for clip in clips])
    heard = Waveform(np.concatenate([clip.waveform.samples for clip in clips]), sound.sample_rate)
    sync = measure_sync(syncnet, crops, heard)
    if sync.confidence < LEAST_CONFIDENCE:
        return model, Personalization(
            note="the video's sound does not belong to these lips, so the model was not fitted to it"
        )
    personal = PersonalClips(clips, sync.offset)
    keys = list(personal)
    held_out = keys[2::5] or keys[-1:]
    trained = [key for key in keys if key not in held_out]
    fitted = deepcopy(model)
    clock = _Clock(seconds, on_progress)
    lip_error = _fit_motion(fitted, personal, trained, held_out, clock.until(MOTION_SHARE))
    psnr = _fit_refiner(fitted, personal, trained, held_out, clock.until(1.0))
    return fitted.eval(), Personalization(lip_error, psnr)


class _Clock:
    """Counts the seconds that are given, and tells them."""

    def __init__(self, seconds: float, on_progress: Progress) -> None:
        self.seconds, self._on_progress = seconds, on_progress
        self._start = time.monotonic()

    def until(self, share: float) -> Callable[[], float]:
        """A function that says which share of the time from now to `share` of the whole is over."""
        begin = self._spent()

        def over() -> float:
            spent = self._spent()
            self._on_progress("fit to the person", min(round(spent), round(self.seconds)), round(self.seconds))
            return (spent - begin) / max(share * self.seconds - begin, 1e-6)

        return over

    def _spent(self) -> float:
        return time.monotonic() - self._start


def _fit_motion(
    model: Generator, clips: PersonalClips, trained: list[str], held_out: list[str], over: Callable[[], float]
) -> tuple[float, float]:
    motion, recipe = model.motion, RecipeConfig()
    device = device_of(model)
    data = MotionData(clips, motion, recipe.augment, recipe.seed)
    losses = MotionLosses(motion, recipe.loss)
    parameters = [p for name, p in motion.named_parameters() if not name.startswith("video_encoder.")]

    def loss(step: int) -> Tensor:
        rng = np.random.default_rng([recipe.seed, 1, step])
        keys = [trained[int(k)] for k in rng.integers(len(trained), size=WINDOWS)]
        batch = draw_windows(data, {PERSON: trained}, keys, rng, device, window=WINDOW, bank=BANK)
        with autocast(device, recipe.precision):
            made, _ = motion(batch.features, *batch.bank)
        return _weighted(losses(made.float(), batch.true), recipe)

    def error() -> float:
        donor = data.plain(trained[0])
        take = np.linspace(0, len(donor.components) - 1, BANK).astype(int)
        parts = (data.embeddings(trained[0])[take], donor.components[take], np.ones(BANK, bool))
        bank = [torch.from_numpy(part)[None].to(device) for part in parts]
        errors = []
        for key in held_out:
            plain = data.plain(key)
            made = motion(torch.from_numpy(plain.features)[None].to(device), *bank)[0][0]
            true = torch.from_numpy(plain.components).to(device)
            errors.append(largest_lip_error(*(motion.displacement(c).cpu().numpy() for c in (made, true))))
        return float(np.mean(errors))

    before, after = _train(motion, parameters, loss, lambda: -error(), over)
    return -before, -after


def _fit_refiner(
    model: Generator, clips: PersonalClips, trained: list[str], held_out: list[str], over: Callable[[], float]
) -> tuple[float, float]:
    refiner, recipe = model.refiner, RecipeConfig()
    batches = WindowBatches(clips, model, recipe.augment, device_of(model))

    def loss(step: int) -> Tensor:
        rng = np.random.default_rng([recipe.seed, 2, step])
        keys = [trained[int(k)] for k in rng.integers(len(trained), size=SCENES)]
        predicted = torch.zeros(SCENES, dtype=torch.bool)
        with autocast(device_of(model), recipe.precision):
            _, generated = batches.make(model, batches.draw(keys, rng), predicted, rng)
        return _weighted(picture_losses(generated, predicted), recipe)

    def psnr() -> float:
        errors = []
        for key in held_out:
            for start in range(0, len(clips[key]) - LENGTH + 1, 20):
                _, generated = batches.reconstruct(model, key, start)
                error = ((generated.pictures - generated.target) / 2).square() * generated.masks[:, :1]
                errors.append((error.sum() / (3 * generated.masks[:, :1].sum())).item())
        return float(-10 * np.log10(np.mean(errors) + 1e-10))

    return _train(refiner, list(refiner.parameters()), loss, psnr, over)


def _weighted(losses: dict[str, Tensor], recipe: RecipeConfig) -> Tensor:
    return torch.stack([getattr(recipe.loss, name) * value for name, value in losses.items()]).sum()


def _train(
    network: nn.Module,
    parameters: list[nn.Parameter],
    loss: Callable[[int], Tensor],
    score: Callable[[], float],
    over: Callable[[], float],
) -> tuple[float, float]:
    """Train until the time is over; leaves the best weights and returns the score at first and at best.

    Normalisation keeps its statistics: a few frames of one person would bend them too far.
    """
    network.eval()
    with torch.no_grad():
        first = best = score()
    kept = deepcopy(network.state_dict())
    optimizer = torch.optim.AdamW(parameters, lr=RATE, weight_decay=0.0)
    check, step = 1, 0
    while (share := over()) < 1:
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1.0, (step + 1) / 10) * (1 - share)
        optimizer.zero_grad(set_to_none=True)
        loss(step).backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        step += 1
        if share >= check / CHECKS:
            check = int(share * CHECKS) + 1
            with torch.no_grad():
                value = score()
            if value > best:
                best, kept = value, deepcopy(network.state_dict())
    with torch.no_grad():
        if score() <= best:
            network.load_state_dict(kept)
        best = score()
    return first, best


MOST: Final = 12
"""Fits that are kept; those that were made longest ago go first."""
FORMAT: Final = "1"
"""Of the fits, and of all that makes them: raise it when either augmentation."""


def fitted(
    model: Generator | BlueprintModel,
    video: TrackedVideo,
    seconds: float,
    folder: Path | None,
    *,
    on_progress: Progress = silent,
) -> tuple[Generator | BlueprintModel, Personalization]:
    """`model` fitted to the person in `video` for `seconds` (see `fit_person`); `folder` (None: none) keeps fits.

    Whatever is wrong with what is kept costs only time.
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
    """A name for the model's weights, the face as it was seen, the sound track, and the time."""
    digest = hashlib.sha256(f"{FORMAT} {seconds} {len(video)} {video.info.duration} {video.info.audio_track}".encode())
    for value in model.state_dict().values():
        digest.update(value.detach().cpu().numpy().tobytes())
    digest.update(np.ascontiguousarray(video.track.points[:: max(1, len(video) // 20)]).tobytes())
    return digest.hexdigest()[:32]
