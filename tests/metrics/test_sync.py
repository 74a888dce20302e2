"""AV offset, its sign, and what a SyncNet says of frozen, shuffled and shifted clips."""

from pathlib import Path

import numpy as np
import pytest
from drawn_clips import draw_clip, write_store

from synclips.data.dataset import ClipStore
from synclips.media.audio import Waveform
from synclips.media.timebase import SAMPLES_PER_FRAME
from synclips.metrics.sync import (
    embed_pictures,
    embed_stream,
    measure_offsets,
    measure_sync,
    mouths_of,
    sync_figures,
)
from synclips.models.syncnet import SyncNet


def unit_rows(rng: np.random.Generator, count: int, dim: int = 16) -> np.ndarray:
    rows = rng.standard_normal((count, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def later(waveform: Waveform, frames: int) -> Waveform:
    """The same sound, `frames` frames later (earlier if negative)."""
    moved = np.roll(waveform.samples, frames * SAMPLES_PER_FRAME)
    if frames > 0:
        moved[: frames * SAMPLES_PER_FRAME] = 0
    elif frames < 0:
        moved[frames * SAMPLES_PER_FRAME :] = 0
    return Waveform(moved, waveform.sample_rate)


def test_equal_embeddings_are_in_perfect_sync() -> None:
    rows = unit_rows(np.random.default_rng(0), 75)
    figures = sync_figures(rows, rows)
    assert figures.offset == 0
    assert figures.similarity == pytest.approx(1, abs=1e-5)
    assert figures.at_zero == figures.similarity
    assert figures.lse_d == pytest.approx(0, abs=2e-3)
    assert figures.lse_c > 1


def test_unrelated_embeddings_have_no_confidence() -> None:
    rng = np.random.default_rng(1)
    figures = sync_figures(unit_rows(rng, 500), unit_rows(rng, 500))
    assert figures.confidence < 0.1
    assert figures.lse_c < 0.1
    assert figures.lse_d == pytest.approx(np.sqrt(2), abs=0.1)


@pytest.mark.parametrize("lag", [-15, -3, 0, 1, 15])
def test_sound_that_comes_k_frames_later_measures_k(lag: int) -> None:
    rows = unit_rows(np.random.default_rng(2), 120)
    heard = np.roll(rows, lag, axis=0)  # row i of the picture is row i + lag of the sound
    assert sync_figures(rows, heard).offset == lag


def test_offsets_with_too_few_pairs_are_left_out() -> None:
    figures = sync_figures(*2 * [unit_rows(np.random.default_rng(3), 14)])
    assert np.isfinite(figures.similarities).sum() == 11
    assert figures.offset == 0


def test_too_short_a_clip_is_refused() -> None:
    with pytest.raises(ValueError, match="4 usable frames are too few"):
        sync_figures(*2 * [unit_rows(np.random.default_rng(4), 8)])


def test_unusable_pictures_take_no_part() -> None:
    rng = np.random.default_rng(5)
    rows, seen = unit_rows(rng, 80), unit_rows(rng, 80)
    usable = np.zeros(80, bool)
    usable[20:60] = True
    seen[usable] = rows[usable]
    assert sync_figures(seen, rows, usable=usable).similarity == pytest.approx(1, abs=1e-5)
    assert sync_figures(seen, rows).similarity < 0.8


@pytest.mark.parametrize("lag", [-4, 0, 3, 9])
def test_a_clip_shifted_by_k_frames_measures_k(syncnet: SyncNet, lag: int) -> None:
    clip = draw_clip(7)
    figures = measure_sync(syncnet, clip.crops, later(clip.waveform, lag))
    assert figures.offset == lag


def test_a_clip_drawn_with_a_lag_measures_it(syncnet: SyncNet) -> None:
    clip = draw_clip(8, lag=5)
    assert measure_sync(syncnet, clip.crops, clip.waveform).offset == 5


def test_a_frozen_mouth_and_another_sound_are_seen(syncnet: SyncNet) -> None:
    clip, other = draw_clip(7), draw_clip(9)
    real = measure_sync(syncnet, clip.crops, clip.waveform)
    frozen = measure_sync(syncnet, np.repeat(clip.crops[30:31], len(clip), 0), clip.waveform)
    foreign = measure_sync(syncnet, clip.crops, other.waveform)
    assert real.confidence > 4 * max(frozen.confidence, foreign.confidence)
    assert real.lse_c > 4 * max(frozen.lse_c, foreign.lse_c)
    assert real.lse_d < min(frozen.lse_d, foreign.lse_d)


@pytest.mark.parametrize("cuts", [[1, 2, 3], [4, 4], [30], [0, 11]])
def test_a_stream_of_any_chunks_embeds_like_the_whole(syncnet: SyncNet, cuts: list[int]) -> None:
    mouths = mouths_of(draw_clip(7).crops)[:40]
    whole = embed_pictures(syncnet, mouths)
    parts = np.concatenate(list(embed_stream(syncnet, np.split(mouths, np.cumsum(cuts)))))
    assert len(parts) == 40
    np.testing.assert_allclose(parts, whole, atol=1e-5)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_a_stream_shorter_than_a_window_still_embeds(syncnet: SyncNet, count: int) -> None:
    assert len(embed_pictures(syncnet, mouths_of(draw_clip(7).crops)[:count])) == count


def test_offsets_of_a_store_are_measured(syncnet: SyncNet, tmp_path: Path) -> None:
    clips = [draw_clip(7, name="bbaf2n"), draw_clip(8, name="bbaf3s", lag=4)]
    seen: list[tuple[str, int, int]] = []
    found = measure_offsets(ClipStore(write_store(tmp_path, clips)), syncnet, lambda *call: seen.append(call))
    assert {key: offset for key, (offset, _) in found.items()} == {"s33.bbaf2n": 0, "s33.bbaf3s": 4}
    assert all(confidence > 0.2 for _, confidence in found.values())
    assert seen[-1] == ("measure sync", 2, 2)
