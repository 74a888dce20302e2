"""What the motion stage learns from: variants on the sound's clock, banks without the answer, styles in both."""

import numpy as np
import pytest
import torch
from drawn_store import FRAMES, drawn_store
from small_models import FEATURES, SMALL_RECIPE

from synclips.config import AugmentConfig, SamplingConfig
from synclips.data.dataset import ClipStore, by_speaker
from synclips.features.face_mesh import lower_points
from synclips.models.motion import MotionModel
from synclips.training.motion_data import NEAREST, MotionData, displacement_of, draw_windows, fit_population

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> MotionData:
    store = drawn_store(tmp_path_factory.mktemp("store"))
    torch.manual_seed(0)
    model = MotionModel(FEATURES, len(lower_points()), SMALL_RECIPE.model).eval()
    model.set_basis(*fit_population(store, store.split()["train"], SMALL_RECIPE.model.motion.components))
    return MotionData(store, model, SMALL_RECIPE)


def key_of(data: MotionData) -> str:
    return data.store.split()["train"][0]  # type: ignore[attr-defined]


def test_the_basis_spans_the_drawn_motion(data: MotionData) -> None:
    clip = data.store[key_of(data)]
    displacement = displacement_of(data.store, clip)
    components = data.plain(key_of(data)).components
    again = data._model.displacement(torch.from_numpy(components)).numpy()
    assert np.abs(again - displacement).max() < 0.05
    assert np.abs(displacement).max() > 2


def test_components_lie_on_the_sounds_clock(data: MotionData, monkeypatch: pytest.MonkeyPatch) -> None:
    key = key_of(data)
    plain = data._plain(key).components
    monkeypatch.setattr(data.store, "offset", lambda _: 3)  # the sound lags its picture by three frames
    np.testing.assert_array_equal(data._plain(key).components[3:], plain[:-3])


def test_variants_are_a_function_of_seed_key_and_number(data: MotionData) -> None:
    key = key_of(data)
    first, again, other = data._variant(key, 2), data._variant(key, 2), data._variant(key, 4)
    np.testing.assert_array_equal(first.features, again.features)
    np.testing.assert_array_equal(first.components, again.components)
    assert first.features.shape != other.features.shape or not np.array_equal(first.features, other.features)
    for variant in (first, other):
        assert len(variant.features) == 4 * len(variant.components)
        assert abs(len(variant.components) / FRAMES - 1) <= np.exp(AugmentConfig().speed) - 1 + 0.05


def test_a_bank_never_holds_the_window_that_is_learned(data: MotionData) -> None:
    key, window = key_of(data), (15, 30)
    embeddings = data.embeddings(key)
    near = {row.tobytes() for row in embeddings[window[0] - NEAREST : window[1] + NEAREST]}
    far = {row.tobytes() for row in embeddings} - near
    rng, sizes = np.random.default_rng(0), set()
    for _ in range(30):
        bank = data.bank([key], key, window, 8, rng, mirror=False)
        rows = {row.tobytes() for row in bank.embeddings[bank.present]}
        assert rows <= far
        assert not bank.embeddings[~bank.present].any()
        sizes.add(int(bank.present.sum()))
    assert len(sizes) > 2  # some banks are not full
    assert max(sizes) == 8


def test_a_style_is_in_the_truth_and_in_the_bank(data: MotionData) -> None:
    store = data.store
    assert isinstance(store, ClipStore)
    keys = store.split()["train"]
    groups = by_speaker(keys)

    def batch(gain: float) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(5)
        drawn = draw_windows(
            data, groups, keys[:2], rng, CPU, window=20, bank=6, style=lambda _: lambda x: np.float32(gain) * x
        )
        assert drawn.features.shape == (2, 80, FEATURES)
        assert drawn.true.shape == (2, 20, SMALL_RECIPE.model.motion.components)
        assert drawn.bank[2].dtype == torch.bool
        return drawn.true.numpy(), drawn.bank[1].numpy()

    (true, shapes), (doubled, doubled_shapes) = batch(1.0), batch(2.0)
    np.testing.assert_allclose(doubled, 2 * true, rtol=1e-5)
    np.testing.assert_allclose(doubled_shapes, 2 * shapes, rtol=1e-5)
    assert np.abs(true).max() > 0.1


def test_settings_of_the_recipe_are_used(data: MotionData) -> None:
    assert data.sampling == SamplingConfig()
    changed = MotionData(data.store, data._model, SMALL_RECIPE)
    assert changed.seed == SMALL_RECIPE.seed
