"""The gain of a mesh that understates how far a chin moves: found again in drawn heads whose mesh was falsified."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from drawn_head import drawn_video, pictures, shapes

from synclips.config import RenderConfig
from synclips.features.alignment import crop_face, crop_pose
from synclips.features.face_mesh import CORNERS, INNER_BOTTOM, INNER_TOP, LIPS, lower_points, template
from synclips.rendering.mesh_gain import CHIN, MeshGain, measure_gain, usual_gain
from synclips.rendering.mouth_bank import turns

REST = template()[lower_points()]
PLAIN = RenderConfig(chin_gain=1.0, lip_gain=(1.0, 1.0), corner_gain=1.0)
_PLACE = {int(point): i for i, point in enumerate(lower_points())}


def _measured(path: Path, reported: float, count: int = 40) -> MeshGain:
    """What is found where the mesh reports that share of everything's movement, in frames drawn after the whole."""
    video = drawn_video(path, count)
    true = shapes(count)
    meshes = template() + reported * (true - template())
    crops = [crop_face(image, matrix) for image, matrix in zip(pictures(video), video.alignment, strict=True)]
    maps = crop_pose(video.pose, video.alignment)
    return measure_gain(crops, meshes.astype(np.float32), maps, turns(video.pose.rotation), REST, RenderConfig())


@pytest.mark.parametrize("reported", [1.0, 0.77, 0.67])
def test_what_a_mesh_understates_is_found_in_the_pictures(reported: float, tmp_path: Path) -> None:
    gain = _measured(tmp_path / "head.mkv", reported).gain[_PLACE[CHIN], 1]
    assert gain == pytest.approx(1 / reported, abs=0.12)


def test_a_head_that_stands_still_gets_the_usual_gain(tmp_path: Path) -> None:
    usual = usual_gain(REST, RenderConfig())
    np.testing.assert_allclose(_measured(tmp_path / "head.mkv", 0.0).gain, usual.gain)


def test_only_displacements_are_scaled_and_only_of_the_lower_face() -> None:
    gain = usual_gain(REST, replace(RenderConfig(), chin_gain=1.4, lip_gain=(1.2, 1.1), corner_gain=1.3))
    np.testing.assert_allclose(gain.mesh(template()[None])[0], template(), atol=1e-5)
    moved = template() + np.float32(1)
    step = gain.mesh(moved[None])[0] - template()
    above = np.setdiff1d(np.arange(468), lower_points())
    np.testing.assert_allclose(step[above], 1, atol=1e-5)
    assert step[CHIN, 1] == pytest.approx(1.4, abs=1e-3)
    assert step[INNER_TOP, :2] == pytest.approx([1.2, 1.1], abs=1e-3)
    assert step[list(CORNERS), 1] == pytest.approx([1.3, 1.3], abs=1e-3)
    np.testing.assert_allclose(step[LIPS, 2], 1, atol=1e-5)  # depth is not seen


def test_closed_lips_stay_closed_and_gains_of_one_change_nothing() -> None:
    closed = REST.copy()
    closed[[_PLACE[INNER_TOP], _PLACE[INNER_BOTTOM]]] = REST[_PLACE[INNER_TOP]]
    gain = usual_gain(closed, RenderConfig())
    np.testing.assert_allclose(gain.lower(closed), closed, atol=1e-5)
    np.testing.assert_allclose(usual_gain(REST, PLAIN).lower(closed), closed, atol=1e-5)
