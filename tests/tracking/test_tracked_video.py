"""Fitted a piece at a time, a long track has the pose and the alignment that it has as a whole."""

import numpy as np
import pytest

from synclips.features.alignment import fit_alignment
from synclips.features.face_mesh import fit_pose, template
from synclips.tracking import tracked_video


@pytest.mark.parametrize("cuts", [None, np.array([90, 333])])
def test_pieces_join_without_a_seam(cuts: np.ndarray | None, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    way = np.cumsum(generator.normal(0, 1.5, (420, 1, 3)), axis=0)
    points = (template() * 1.3 + way + generator.normal(0, 0.1, (420, 468, 3))).astype(np.float32)
    pose, alignment = fit_pose(points, cuts), fit_alignment(points, cuts)
    exact = tracked_video.fit_track(points, cuts)
    np.testing.assert_array_equal(exact[0].translation, pose.translation)
    np.testing.assert_array_equal(exact[1], alignment)
    monkeypatch.setattr(tracked_video, "PIECE", 100)
    pieces = tracked_video.fit_track(points, cuts)
    np.testing.assert_allclose(pieces[0].to_image(points[:, :1] * 0), pose.to_image(points[:, :1] * 0), atol=0.05)
    np.testing.assert_allclose(pieces[0].rotation, pose.rotation, atol=1e-3)
    np.testing.assert_allclose(pieces[1], alignment, atol=0.05)
