"""Clips of footage are 2 to 10 s long, where GRID's are 3 s: every stage's batches take any part of them."""

import numpy as np
import pytest
import torch
from drawn_clips import draw_clip, write_store
from small_models import SMALL_RECIPE

from synclips.config import SamplingConfig
from synclips.data.augmentation import SoundChange
from synclips.data.dataset import ClipStore, waveform_from
from synclips.features.alignment import MOUTH_VIEW
from synclips.models.generator import Generator
from synclips.rendering.renderer import build_model
from synclips.training.motion_data import fit_population
from synclips.training.pretrain import draw_moments
from synclips.training.window_batches import WindowBatches, first_frame
from synclips.training.windows import window_at

SAMPLING = SamplingConfig(refiner_bank=4)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ClipStore:
    clips = [draw_clip(0, 120, "me", "long"), draw_clip(1, 50, "me", "short")]
    return ClipStore(write_store(tmp_path_factory.mktemp("store"), clips))


def test_a_window_late_in_a_long_clip_hears_what_is_said_there(store: ClipStore) -> None:
    model = build_model(SMALL_RECIPE)
    assert isinstance(model, Generator)
    model.motion.set_basis(*fit_population(store, ["me.long"], SMALL_RECIPE.model.motion.components))
    batches = WindowBatches(store, model, SMALL_RECIPE, torch.device("cpu"))
    batch, generated = batches.reconstruct(model.eval(), "me.long", 110)
    first = first_frame(batch.windows[0])
    assert first == 120 - 75
    assert batch.index.tolist() == [[65, 66, 67, 68, 69]]
    heard = SoundChange().features(waveform_from(store["me.long"], first), 75, SMALL_RECIPE.model.audio.speech_layers)
    assert np.allclose(batch.features[0].numpy(), heard, atol=1e-5)
    assert torch.isfinite(generated.pictures).all()
    assert first_frame(window_at(store, "me.short", 40, np.random.default_rng(0))) == 0


def test_moments_are_taken_from_all_of_a_long_clip_and_within_a_short_one(store: ClipStore) -> None:
    clip = store["me.long"]
    pictures = clip.crops[:, MOUTH_VIEW.rows, MOUTH_VIEW.columns]
    last = []
    for seed in range(12):
        moments = draw_moments(store, ["me.long"], np.random.default_rng(seed), SAMPLING, None, 5, MOUTH_VIEW)
        shown = moments.pictures[0, -1, 2].astype(int)
        last.append(int(np.abs(pictures.astype(int) - shown).mean(axis=(1, 2, 3)).argmin()))
    assert max(last) > 80
    moments = draw_moments(store, ["me.short"], np.random.default_rng(0), SAMPLING, None, 5, MOUTH_VIEW)
    assert moments.index.max() <= 47
