"""A person who moves more than the model predicts is given their own range; where the sound says nothing, none is."""

import numpy as np
import pytest

from synclips.features.face_mesh import INNER_BOTTOM, lower_points, template
from synclips.rendering.speaking_range import AIM, LARGEST, following, speaking_gain

SEEN = np.ones(120, bool)
SPEECH = np.abs(np.sin(np.arange(120) * 0.7)) * np.abs(np.sin(np.arange(120) * 0.11 + 1))


def faces(opening: np.ndarray) -> np.ndarray:
    lower = np.repeat(template()[None, lower_points()], len(opening), axis=0).astype(np.float32)
    lower[:, np.searchsorted(lower_points(), INNER_BOTTOM), 1] += opening[:, None] if np.ndim(INNER_BOTTOM) else opening
    return lower


@pytest.mark.parametrize("lag", [-7, 0, 2])
@pytest.mark.parametrize("ratio", [0.6, 1.0, 1.4, 4.0])
def test_the_gain_is_the_ratio_of_the_ranges_within_its_limits(ratio: float, lag: int) -> None:
    own = faces(6 * ratio * np.roll(SPEECH, -lag) + 1)
    found = following(faces(6 * SPEECH + 1), own, SEEN)
    assert found is not None
    assert found.lag == lag
    assert speaking_gain(found) == pytest.approx(np.clip(AIM * ratio, 1, LARGEST), abs=0.05)


def test_lips_that_do_not_follow_the_sound_say_nothing() -> None:
    laugh = faces(10 * np.abs(np.random.default_rng(0).normal(size=120)))
    assert following(faces(4 * SPEECH), laugh, SEEN) is None
    assert following(faces(0 * SPEECH), faces(8 * SPEECH), SEEN) is None
    assert speaking_gain(None) == 1


def test_few_frames_say_nothing() -> None:
    seen = np.arange(120) < 30
    assert following(faces(4 * SPEECH), faces(8 * SPEECH), seen) is None
