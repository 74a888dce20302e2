"""Videos whose frames change size, pixel shape or format midway keep the first frame's shape, undistorted."""

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from test_interlaced import interlaced
from test_video import encode

from synclips.media.video import frame_times, frames_in_order, probe, read_frames


def disc(width: int, height: int, pixel: Fraction = Fraction(1)) -> np.ndarray:
    """A white disc on green, round where a pixel is `pixel` times as wide as high."""
    image = np.zeros((height, width, 3), np.uint8)
    image[:] = (40, 120, 40)
    radius = 0.4 * min(width * pixel, height)
    axes = round(radius / float(pixel)), round(radius)
    cv2.ellipse(image, (width // 2, height // 2), axes, 0, 0, 360, (240, 240, 240), -1, cv2.LINE_AA)
    return image


def white_box(image: np.ndarray) -> tuple[int, int]:
    """Width and height of what is white."""
    rows, columns = np.nonzero(image.min(axis=2) > 150)
    return int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1


def joined(path: Path, parts: list[tuple[int, int, Fraction, str]]) -> Path:
    """A transport stream of parts (width, height, pixel's shape, pixel format) of twenty frames each."""
    with path.open("wb") as whole:
        for number, (width, height, pixel, pixel_format) in enumerate(parts):
            part = encode(
                path.with_name(f"part{number}.ts"), "libx264", pixel_format, [disc(width, height, pixel)] * 20,
                options={"g": "5", "bf": "1"}, sample_aspect_ratio=pixel,
            )  # fmt: skip
            whole.write(part.read_bytes())
    return path


ONE = Fraction(1)
CHANGES = {
    "wider": [(160, 128, ONE, "yuv420p"), (320, 128, ONE, "yuv420p")],
    "upright": [(160, 96, ONE, "yuv420p"), (96, 160, ONE, "yuv420p")],
    "smaller": [(320, 240, ONE, "yuv420p"), (160, 120, ONE, "yuv420p")],
    "larger": [(160, 120, ONE, "yuv420p"), (640, 480, ONE, "yuv420p"), (160, 120, ONE, "yuv420p")],
    "pixels": [(180, 144, Fraction(16, 15), "yuv420p"), (180, 144, Fraction(64, 45), "yuv420p")],
    "format": [(160, 120, ONE, "yuv420p"), (160, 120, ONE, "yuv444p"), (160, 120, ONE, "yuv420p10le")],
}


@pytest.mark.parametrize("parts", CHANGES.values(), ids=CHANGES)
def test_the_first_frames_shape_stays_and_nothing_is_stretched(
    tmp_path: Path, parts: list[tuple[int, int, Fraction, str]]
) -> None:
    path = joined(tmp_path / "a.ts", parts)
    info, frames = probe(path), list(read_frames(path))
    width, height, pixel, _ = parts[0]
    assert (info.width, info.height, info.sample_aspect_ratio) == (width, height, pixel)
    assert len(frames) == 20 * len(parts)
    for number, (w, h, shape, _) in enumerate(parts):
        image = frames[20 * number + 10].image
        assert image.shape == (height, width, 3)
        wide, high = white_box(image)
        assert float(wide * pixel) == pytest.approx(high, abs=4), "the disc stays round"
        scale = min(Fraction(width) / (w * shape / pixel), Fraction(height, h))
        assert high == pytest.approx(float(0.8 * min(w * shape, h) * scale), abs=4), "as large as fits"
    np.testing.assert_array_equal(frame_times(path), [frame.time for frame in frames])
    order = [*range(len(frames)), len(frames) - 1, 3, 25, 24, 0]
    for number, image in zip(order, frames_in_order(path, order, window_bytes=2**17), strict=True):
        np.testing.assert_array_equal(image, frames[number].image)


def test_what_is_around_a_smaller_shape_is_black(tmp_path: Path) -> None:
    path = joined(tmp_path / "a.ts", CHANGES["wider"])
    image = list(read_frames(path))[30].image
    assert image[:30].max() == image[-30:].max() == 0
    assert np.abs(image[64, 4].astype(int) - (40, 120, 40)).max() < 12


def test_an_interlaced_video_that_changes_size_is_deinterlaced_on(tmp_path: Path) -> None:
    first = interlaced(tmp_path / "1.ts", 20)
    second = encode(tmp_path / "2.ts", "mpeg2video", "yuv420p", [disc(320, 240)] * 20, options={"g": "5", "qmin": "1"})
    path = tmp_path / "a.ts"
    path.write_bytes(first.read_bytes() + second.read_bytes() + first.read_bytes())
    frames = list(read_frames(path))
    assert len(frames) >= 58, "FFmpeg's MPEG-2 decoder forgets the frame that it holds back when the size changes"
    assert white_box(frames[30].image)[0] == pytest.approx(white_box(frames[30].image)[1], abs=3)
    np.testing.assert_array_equal(frames[-10].image, frames[10].image)
