"""The curve of sync is high where lips follow the sound, low where they do not, and empty where nothing is said."""

import numpy as np

from synclips.evaluation.sync_curve import curve_of


def test_the_curve_follows_what_is_seen_and_heard() -> None:
    rng = np.random.default_rng(0)
    heard = rng.standard_normal((300, 64)).astype(np.float32)
    heard /= np.linalg.norm(heard, axis=1, keepdims=True)
    seen = heard.copy()
    seen[150:] = rng.permutation(seen[150:])  # other lips
    speaking = np.ones(300, bool)
    speaking[:50] = False
    visible = np.ones(300, bool)
    visible[250:] = False
    curve = curve_of(seen, heard, visible, speaking)
    assert curve is not None
    assert len(curve.scores) == 60
    assert all(score is None for score in (*curve.scores[:9], *curve.scores[52:]))
    together, apart = curve.scores[14:27], curve.scores[34:48]
    assert min(score or 0 for score in together) > 0.9
    assert max(abs(score or 0) for score in apart) < 0.15 <= curve.sure


def test_a_video_too_short_or_silent_has_no_curve() -> None:
    vectors = np.ones((20, 8), np.float32)
    yes = np.ones(20, bool)
    assert curve_of(vectors, vectors, yes, yes) is None
    vectors, yes = np.ones((100, 8), np.float32), np.ones(100, bool)
    assert curve_of(vectors, vectors, yes, ~yes) is None
    assert curve_of(vectors, vectors, ~yes, yes) is None
