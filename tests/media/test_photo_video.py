"""A photograph becomes a video that moves gently, whole and evenly."""

import numpy as np
import pytest

from synclips.data.portrait import demo_portrait
from synclips.media.photo_video import still_to_video


def test_the_portrait_comes_with_the_packages() -> None:
    portrait = demo_portrait()

    assert portrait.shape == (512, 512, 3)
    assert portrait.dtype == np.uint8


def test_frames_are_as_many_as_asked_and_even_sided() -> None:
    frames = list(still_to_video(demo_portrait()[:301, :203], 0.5, 30))

    assert len(frames) == 15
    assert {frame.shape for frame in frames} == {(300, 202, 3)}


def test_moves_less_than_a_pixel_from_frame_to_frame_and_evenly() -> None:
    """Measured by the centre of gravity of a soft spot away from the middle."""
    y, x = np.mgrid[:240, :320]
    spot = np.exp(-((x - 80) ** 2 + (y - 60) ** 2) / 200)
    frames = still_to_video(np.repeat((250 * spot).astype(np.uint8)[..., None], 3, axis=2), 10)
    weights = np.stack([frame[..., 0].astype(float) for frame in frames])
    total = weights.sum(axis=(1, 2))
    path = np.stack([(weights * axis).sum(axis=(1, 2)) / total for axis in (x, y)], axis=1)

    assert (np.ptp(path, axis=0) > 2).all()
    assert np.abs(np.diff(path, axis=0)).max() < 0.2
    assert np.abs(np.diff(path, 2, axis=0)).max() < 0.03


@pytest.mark.parametrize("shape", [(288, 360), (512, 512), (640, 320)])
def test_the_border_of_the_picture_never_shows(shape: tuple[int, int]) -> None:
    """A brightness that only rises to the right, and downwards, falls nowhere: beyond a border it would be mirrored."""
    for axis in (0, 1):
        slope = np.linspace(0, 255, shape[axis])
        picture = np.broadcast_to(np.expand_dims(slope, 1 - axis), shape).astype(np.uint8)
        for frame in still_to_video(np.repeat(picture[..., None], 3, axis=2), 60, 0.5):
            assert np.diff(frame[..., 0].astype(int), axis=axis).min() >= 0
