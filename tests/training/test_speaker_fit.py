"""The last layer is fitted to the person who is dubbed: where it gains, by what belongs together, for one face only."""

from copy import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from drawn_head import drawn_video
from scipy.ndimage import gaussian_filter1d
from small_models import SMALL_RECIPE

from synclips.features.face_mesh import lower_points
from synclips.metrics.articulation import movement_weights
from synclips.metrics.lip_shape import correlation, largest_lip_error, opening_of
from synclips.models.generator import Generator
from synclips.rendering.lip_sync import LipSync
from synclips.rendering.own_speech import OwnLips, OwnSpeech
from synclips.rendering.person_motion import PersonMotion
from synclips.rendering.renderer import build_model
from synclips.rendering.speaking_range import AIM
from synclips.training.speaker_fit import SpeakerFit, _stretches, fit_speaker

FRAMES, LAG = 1000, 3
"""40 s; the sound comes three frames late."""
NONE = np.zeros((SMALL_RECIPE.model.audio.dim, SMALL_RECIPE.model.motion.components))


@pytest.fixture(scope="module")
def generator() -> Generator:
    """An untrained model that moves the lips: its components are the five movements and three others."""
    torch.manual_seed(0)
    model = build_model(SMALL_RECIPE)
    assert isinstance(model, Generator)
    count = SMALL_RECIPE.model.motion.components
    others = np.random.default_rng(0).normal(size=(count - 5, len(lower_points()), 3))
    directions = np.concatenate([movement_weights(), others]).reshape(count, -1)
    basis = torch.from_numpy(np.linalg.qr(directions.T)[0].T.reshape(count, -1, 3)).float()
    model.motion.set_basis(model.motion.mean, basis, torch.full((count,), 2.0))
    torch.nn.init.normal_(model.motion.last.weight, std=0.3)
    return model.eval()


@pytest.fixture(scope="module")
def prepared(generator: Generator, tmp_path_factory: pytest.TempPathFactory) -> PersonMotion:
    return LipSync(generator, drawn_video(tmp_path_factory.mktemp("head") / "head.mkv", 12), precision="fp32").motion


@pytest.fixture
def speaker(prepared: PersonMotion) -> PersonMotion:
    """Prepared, and each test's own."""
    return copy(prepared)


@torch.no_grad()
def shown(speaker: PersonMotion, inputs: np.ndarray, change: np.ndarray = NONE) -> np.ndarray:
    """Lower faces as the shared last layer, changed so much, makes them."""
    motion = speaker.model
    made = motion.last(torch.from_numpy(inputs)) + torch.from_numpy(np.asarray(inputs @ change, np.float32))
    return motion.displacement(made).numpy() + speaker.rest


@torch.no_grad()
def moved(speaker: PersonMotion, inputs: np.ndarray) -> np.ndarray:
    """Lower faces as they are shown."""
    return speaker.gain * speaker.model.displacement(speaker.last(torch.from_numpy(inputs))).numpy() + speaker.rest


def inputs_of(seed: int, frames: int = FRAMES) -> np.ndarray:
    """Smooth courses, mixed always alike: a network's inputs lie near few directions."""
    courses = gaussian_filter1d(np.random.default_rng(seed).normal(size=(frames, 3)), 2, axis=0)
    return (10 * courses @ np.random.default_rng(100).normal(size=(3, len(NONE)))).astype(np.float32)


def change_of(seed: int = 5, size: float = 0.2) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, size, NONE.shape)


def person(speaker: PersonMotion, change: np.ndarray, frames: int = FRAMES) -> OwnSpeech:
    """Somebody who moves their lips as the layer would with `change`, `LAG` frames before the sound comes."""
    inputs = inputs_of(1, frames)
    noise = np.random.default_rng(2).normal(0, 0.05, (frames, len(lower_points()), 3))
    lower = np.roll(shown(speaker, inputs, change), -LAG, axis=0) + noise
    lips = OwnLips(lower.astype(np.float32), np.ones(frames, bool), np.zeros(frames, np.int64))
    return OwnSpeech(inputs, shown(speaker, inputs), lips)


def test_the_layer_becomes_this_persons_and_the_shared_model_stays(speaker: PersonMotion) -> None:
    speaker.own = person(speaker, change_of())
    before = {name: value.clone() for name, value in speaker.model.state_dict().items()}
    fit = fit_speaker(speaker)
    assert fit is not None
    assert str(fit).startswith("lips fitted to this person from 40 s of the video: ")
    assert fit.after["lve"] < 0.5 * fit.before["lve"]
    assert fit.after["r"] > fit.before["r"] + 0.05
    assert all(torch.equal(before[name], value) for name, value in speaker.model.state_dict().items())
    fresh = inputs_of(9, 200)
    truth = shown(speaker, fresh, change_of())
    fitted = moved(speaker, fresh)
    assert largest_lip_error(fitted, truth) < 0.3 * largest_lip_error(shown(speaker, fresh), truth)
    assert speaker.gain == 1.0  # nothing but the layer is needed


def test_the_same_again_gives_the_same_layer(speaker: PersonMotion, prepared: PersonMotion) -> None:
    other = copy(prepared)
    layers = []
    for one in (speaker, other):
        one.own = person(one, change_of())
        fit_speaker(one)
        layers.append(one.last.weight)
    assert torch.equal(*layers)
    assert layers[0] is not layers[1]


def test_what_does_not_belong_together_is_left_out(speaker: PersonMotion) -> None:
    """Ten seconds of a laugh, and two in which no face is seen, change little of what is found."""
    own = person(speaker, change_of(), 1400)
    laugh = shown(speaker, inputs_of(7, 250))
    lower, seen = own.lips.lower.copy(), own.lips.seen.copy()
    lower[300:550], lower[800:850], seen[800:850] = laugh, 0, False
    speaker.own = replace(own, lips=replace(own.lips, lower=lower, seen=seen))
    fit = fit_speaker(speaker)
    assert fit is not None
    assert 40 < fit.seconds < 50
    fresh = inputs_of(9, 200)
    truth = shown(speaker, fresh, change_of())
    fitted = moved(speaker, fresh)
    assert largest_lip_error(fitted, truth) < 0.4 * largest_lip_error(shown(speaker, fresh), truth)


@pytest.mark.parametrize("case", ["silent", "short", "music", "as the model has it"])
def test_nothing_is_changed_where_nothing_can_be_learnt(speaker: PersonMotion, case: str) -> None:
    own = person(speaker, change_of(), 740 if case == "short" else FRAMES)
    if case == "music":
        own = replace(own, lips=replace(own.lips, lower=shown(speaker, inputs_of(7))))
    if case == "as the model has it":
        own = person(speaker, NONE)
    speaker.own, speaker.gain = None if case == "silent" else own, 1.25 if case == "music" else 1.0
    gain = speaker.gain
    assert fit_speaker(speaker) is None
    assert speaker.last is speaker.model.last
    assert speaker.gain == gain


def test_a_range_that_the_regression_loses_is_given_back(speaker: PersonMotion) -> None:
    """Lips that partly move without any sound: a regression moves them less than the person does."""
    own = person(speaker, change_of())
    free = 0.7 * (shown(speaker, inputs_of(7)) - speaker.rest)
    speaker.own = replace(own, lips=replace(own.lips, lower=own.lips.lower + free))
    fit = fit_speaker(speaker)
    assert fit is not None
    made, true = (
        opening_of(shape - speaker.rest)
        for shape in (moved(speaker, speaker.own.inputs)[LAG:], speaker.own.lips.lower[:-LAG])
    )
    assert correlation(made, true) < 0.9
    assert fit.gain > 1
    assert AIM - 0.05 < made.std() / true.std() < AIM + 0.15


def test_stretches_lie_within_a_shot_that_shows_the_face_and_has_sound() -> None:
    seen, shot = np.ones(300, bool), np.repeat([0, 1], [100, 200])
    seen[180:190] = False
    lips = OwnLips(np.zeros((300, len(lower_points()), 3), np.float32), seen, shot)
    spans = [(int(part[0]), int(part[-1]) + 1) for part in _stretches(lips, 8)]
    assert spans == [(0, 50), (50, 100), (100, 140), (140, 180), (190, 241), (241, 292)]
    assert next(iter(_stretches(lips, -8)))[0] == 8


def test_a_fit_is_told_in_one_line() -> None:
    fit = SpeakerFit(36.4, {"lve": 2.74}, {"lve": 2.49}, 1.0)
    assert str(fit) == (
        "lips fitted to this person from 36 s of the video: where it was not fitted, the largest error falls from 2.7 "
        "to 2.5 % of the distance of the eyes"
    )
