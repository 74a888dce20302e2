"""Spoken lines for the motion stage: drawn, spoken once, kept; their windows are in a person's manner, and teach."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from drawn_store import drawn_store
from small_models import FEATURES, SMALL_RECIPE

from synclips.config import AugmentConfig, LinesConfig
from synclips.data.dataset import ClipStore, by_speaker
from synclips.errors import BackendError
from synclips.features.face_mesh import lower_points
from synclips.media.audio import Waveform
from synclips.media.timebase import SAMPLE_RATE, STEPS_PER_FRAME
from synclips.metrics.articulation import MOVEMENTS
from synclips.models.encoders import BaseEncoders
from synclips.models.motion import MotionModel
from synclips.training import spoken_lines
from synclips.training.coarticulation import BILABIAL, SOUNDS, Sound, shipped_coarticulation
from synclips.training.line_windows import LARGEST_GAIN, LineWindows, manner_of
from synclips.training.motion import MotionStage
from synclips.training.motion_data import MotionData, fit_population
from synclips.training.spoken_lines import (
    Line,
    SpokenLines,
    closed_frames,
    drawn_tasks,
    line_words,
    prepared_lines,
    speak,
)

CPU = torch.device("cpu")
FEW = LinesConfig(hibari=4, espeak=2)


def made_up_lines(count: int = 3) -> list[Line]:
    rng = np.random.default_rng(0)
    names = ["ɑ", "p b m", "i", "s", "p b m", "oʊ"]
    sounds = tuple(Sound(SOUNDS.index(name), 0.1 + 0.2 * i, 0.3 + 0.2 * i) for i, name in enumerate(names))
    return [
        Line((3000 * rng.standard_normal(24_000)).astype(np.int16), sounds if i else sounds[:4]) for i in range(count)
    ]


def person(seed: int) -> Waveform:
    return Waveform(0.1 * np.random.default_rng(seed).standard_normal(SAMPLE_RATE).astype(np.float32), SAMPLE_RATE)


def test_what_is_spoken_is_a_function_of_the_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    first, again, other = (drawn_tasks(FEW, [person(1)], seed) for seed in (0, 0, 1))
    assert [task.text for task in first] == [task.text for task in again] != [task.text for task in other]
    assert [task.number for task in first] == list(range(6))
    assert [bool(task.voice) for task in first] == [False] * 4 + [True] * 2
    assert [task.reference is not None for task in first[:4]] == [False, True, False, True]
    monkeypatch.setattr(spoken_lines, "find_spec", lambda _: None)
    assert len(drawn_tasks(FEW, [], 0)) == 4  # eSpeak NG is an extra


def test_words_of_lines_are_common_ones_with_their_sounds() -> None:
    words = line_words()
    assert len(words) > 10_000
    assert {"remember", "apple", "window"} <= set(words)
    assert all(word.isalpha() and word.islower() for word in words)


@pytest.mark.parametrize("number", [0, 1, 4])
def test_each_way_of_speaking_gives_sound_and_its_times(number: int) -> None:
    pytest.importorskip("espeakng_loader")
    line = speak(drawn_tasks(FEW, [person(1)], 0)[number])
    seconds = len(line.samples) / SAMPLE_RATE
    assert np.abs(line.samples).max() > 1000
    assert len(line.sounds) > 15
    assert all(a.end <= b.start + 1e-6 for a, b in zip(line.sounds, line.sounds[1:], strict=False))
    assert -0.1 < line.sounds[0].start < line.sounds[-1].end < seconds + 0.1


def test_lines_are_spoken_once_and_read_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = made_up_lines()
    monkeypatch.setattr(spoken_lines, "speak", lambda task: said[task.number])
    config, heard = LinesConfig(hibari=3), []
    lines = prepared_lines(
        tmp_path, config, [], 0, workers=1, on_progress=lambda what, done, count: heard.append((what, done, count))
    )
    assert heard == [("lines", 1, 3), ("lines", 2, 3), ("lines", 3, 3)]
    monkeypatch.setattr(spoken_lines, "speak", pytest.fail)
    again = prepared_lines(tmp_path, config, [], 0, workers=1)
    monkeypatch.setattr(spoken_lines, "speak", lambda task: said[-1 - task.number])
    assert (
        len(prepared_lines(tmp_path, LinesConfig(hibari=2), [], 0, workers=1)) == 2
    )  # another recipe's are spoken anew
    for wanted, line, other in zip(said, lines, again, strict=True):
        np.testing.assert_array_equal(line.samples, wanted.samples)
        np.testing.assert_array_equal(other.samples, wanted.samples)
        assert line.sounds == other.sounds
        assert [sound.kind for sound in line.sounds] == [sound.kind for sound in wanted.sounds]
        np.testing.assert_allclose(
            [(s.start, s.end) for s in line.sounds], [(s.start, s.end) for s in wanted.sounds], atol=1e-6
        )


def test_where_an_engine_fails_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> Line:
        raise BackendError("no voice")

    monkeypatch.setattr(spoken_lines, "speak", broken)
    with pytest.raises(BackendError, match="no voice"):
        prepared_lines(tmp_path, LinesConfig(hibari=2), [], 0, workers=1)
    assert not list(tmp_path.iterdir())


def test_each_closure_has_a_frame_however_short() -> None:
    sounds = [Sound(0, 0.0, 0.5), Sound(BILABIAL, 0.5, 0.6), Sound(5, 0.6, 0.8), Sound(BILABIAL, 0.8, 0.81)]
    closed = closed_frames(sounds, (np.arange(30) + 0.5) / 25)
    assert np.flatnonzero(closed).tolist() == [13, 14, 20]


def test_a_variant_has_its_lips_on_the_sounds_clock() -> None:
    """A click in the middle of a closure: the loudest step of the features lies among the closed frames."""
    sounds = (Sound(SOUNDS.index("ɑ"), 0.2, 0.8), Sound(BILABIAL, 0.8, 1.0), Sound(SOUNDS.index("ɑ"), 1.0, 1.5))
    samples = np.zeros(24_000, np.int16)
    samples[14_000:14_800] = (8000 * np.sin(np.arange(800) / 3)).astype(np.int16)
    quiet = AugmentConfig(sound_noise=0.0, speed=0.2)
    lines = SpokenLines([Line(samples, sounds)], quiet, 0, seed=3)
    starts = set()
    for number in range(6):
        variant = lines.variant(0, number)
        assert (
            len(variant.features) == STEPS_PER_FRAME * len(variant.movements) == STEPS_PER_FRAME * len(variant.closed)
        )
        loudest = int(np.argmax(variant.features[:, 0])) // STEPS_PER_FRAME
        shut = np.flatnonzero(variant.closed)
        assert shut[0] - 1 <= loudest <= shut[-1] + 1
        assert variant.movements[shut, MOVEMENTS.index("opening")].min() < 0.7
        starts.add(int(shut[0]))
    assert len(starts) > 1  # speed and lead differ
    assert lines.variant(0, 1) is lines.variant(0, 1)


def test_the_manner_is_how_far_somebody_moves_and_where_they_rest() -> None:
    lips = shipped_coarticulation()
    mean, spread = lips.mean.numpy(), lips.spread.numpy()
    rng = np.random.default_rng(0)
    average = rng.standard_normal((4000, 5)) * spread + mean
    scale, shift = manner_of(2 * average + 1, lips)
    np.testing.assert_allclose(scale, 2, rtol=0.05)
    np.testing.assert_allclose(scale * average + shift, 2 * average + 1, atol=0.4)
    assert manner_of(9 * average, lips)[0].max() == LARGEST_GAIN


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ClipStore:
    return drawn_store(tmp_path_factory.mktemp("store"))


def lines_of(recipe_lines: int = 3) -> SpokenLines:
    return SpokenLines(made_up_lines(recipe_lines), AugmentConfig(), SMALL_RECIPE.model.audio.speech_layers, 0)


def test_windows_come_with_the_bank_of_the_person_in_whose_manner_they_are(store: ClipStore) -> None:
    torch.manual_seed(0)
    model = MotionModel(FEATURES, len(lower_points()), SMALL_RECIPE.model).eval()
    keys = store.split()["train"]
    model.set_basis(*fit_population(store, keys, SMALL_RECIPE.model.motion.components))
    data = MotionData(store, model, SMALL_RECIPE)
    windows = LineWindows(lines_of(), data, by_speaker(keys))
    rngs = np.random.default_rng(1).spawn(3)
    batch = windows.draw(rngs, SMALL_RECIPE, CPU, lambda _: 1.0)
    window, size = SMALL_RECIPE.sampling.motion_window, SMALL_RECIPE.sampling.motion_bank
    assert batch.features.shape == (3, STEPS_PER_FRAME * window, FEATURES)
    assert batch.movements.shape == (3, window, 5)
    assert batch.closed.dtype == torch.bool
    assert batch.closed.any()
    assert batch.bank[1].shape == (3, size, SMALL_RECIPE.model.motion.components)
    twice = windows.draw(np.random.default_rng(1).spawn(3), SMALL_RECIPE, CPU, lambda _: 2.0)
    torch.testing.assert_close(twice.movements, 2 * batch.movements)
    rest = torch.from_numpy(data.components(np.zeros((1, *data.shape), np.float32)))
    torch.testing.assert_close(twice.bank[1], rest + 2 * (batch.bank[1] - rest), rtol=1e-4, atol=1e-4)


def test_the_motion_stage_learns_from_lines(store: ClipStore) -> None:
    """Steps on lines bring their losses down; the log names them."""
    recipe = replace(
        SMALL_RECIPE,
        lines=LinesConfig(hibari=3, variants=1, windows=6),
        motion=replace(SMALL_RECIPE.motion, batch=2),
        sampling=replace(SMALL_RECIPE.sampling, motion_window=24, motion_bank=4),
    )
    torch.manual_seed(0)
    stage = MotionStage(store, recipe, BaseEncoders(FEATURES, recipe.model), CPU, lines_of())
    for group in stage.optimizer.param_groups:
        group["lr"] = 3e-3
    figures = [stage.step(step) for step in range(40)]
    names = {"line_opening", "line_shape", "line_agreement", "line_closed"}
    assert names <= figures[0].keys()
    for name in ("line_opening", "line_agreement"):
        assert np.mean([f[name] for f in figures[-8:]]) < 0.9 * np.mean([f[name] for f in figures[:8]]), name
    assert np.mean([f["line_closed"] for f in figures[-8:]]) < 1.0


def test_without_lines_the_stage_is_as_it_was(store: ClipStore) -> None:
    torch.manual_seed(0)
    stage = MotionStage(store, SMALL_RECIPE, BaseEncoders(FEATURES, SMALL_RECIPE.model), CPU)
    assert not any(name.startswith("line_") for name in stage.step(0))
