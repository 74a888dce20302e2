"""Frames read ahead and written behind, and frames that keep their own numbers outside of what is replaced."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from synclips.media.frame_index import frames_in_order, pictures_in_order
from synclips.media.picture import Picture, grown, planes
from synclips.media.read_ahead import read_ahead
from synclips.media.video import VideoWriter, probe, read_frames
from synclips.media.write_behind import WriteBehind


def threads(name: str) -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == name]


def test_items_come_in_order_and_an_error_in_its_place() -> None:
    def items() -> Iterator[int]:
        yield from range(50)
        raise OSError("the end")

    seen: list[int] = []
    with pytest.raises(OSError, match="the end"):
        seen.extend(read_ahead(items()))
    assert seen == list(range(50))
    assert not threads("read ahead")


def test_closed_early_it_closes_its_source_and_reads_only_a_few_ahead() -> None:
    made, closed_in = [], []

    def items() -> Iterator[int]:
        try:
            for number in range(1000):
                made.append(number)
                yield number
        finally:
            closed_in.append(threading.current_thread().name)

    ahead = read_ahead(items(), 3)
    assert [next(ahead), next(ahead)] == [0, 1]
    time.sleep(0.3)
    ahead.close()
    assert len(made) <= 7
    assert closed_in == ["read ahead"]
    assert not threads("read ahead")


class Slow:
    def __init__(self, wrong: int = -1) -> None:
        self.written: list[tuple[int, float]] = []
        self._wrong = wrong

    def write(self, image: np.ndarray, time_: float) -> None:
        time.sleep(0.02)
        if int(image[0, 0, 0]) == self._wrong:
            raise OSError("disk full")
        self.written.append((int(image[0, 0, 0]), time_))


def numbered(number: int) -> np.ndarray:
    return np.full((2, 2, 3), number, np.uint8)


def hand_over(writer: Slow, count: int, *, stopped: bool = False) -> None:
    with WriteBehind(writer) as behind:
        for number in range(count):
            behind.write(numbered(number), number / 25)
        if stopped:
            raise KeyboardInterrupt


def test_what_was_handed_over_is_written_though_the_run_is_stopped() -> None:
    writer = Slow()
    with pytest.raises(KeyboardInterrupt):
        hand_over(writer, 9, stopped=True)
    assert writer.written == [(number, number / 25) for number in range(9)]


def test_an_error_of_the_writer_reaches_whoever_hands_over() -> None:
    writer = Slow(wrong=4)
    with pytest.raises(OSError, match="disk full"):
        hand_over(writer, 1000)
    assert [number for number, _ in writer.written] == [0, 1, 2, 3]
    with pytest.raises(OSError, match="disk full"):
        hand_over(Slow(wrong=0), 1)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six frames of coloured noise, 224 x 160."""
    path = tmp_path_factory.mktemp("picture") / "noise.mp4"
    noise = np.random.default_rng(0).integers(0, 256, (160, 224, 3), dtype=np.uint8)
    with VideoWriter(path, 224, 160, Fraction(25), quality=10) as writer:
        for shift in range(6):
            writer.write(np.roll(cv2.GaussianBlur(noise, (0, 0), 2), 3 * shift, axis=1))
    return path


@pytest.mark.parametrize("box", [(0, 0, 224, 160), (64, 32, 160, 128), (37, 51, 90, 77), (200, 130, 224, 160)])
def test_a_part_is_the_same_as_in_the_whole_picture(clip: Path, box: tuple[int, int, int, int]) -> None:
    left, top, right, bottom = box
    for picture in pictures_in_order(clip, [0, 3]):
        assert picture.colours is not None
        np.testing.assert_array_equal(picture.part(box), picture.image[top:bottom, left:right])


def test_only_what_changes_is_replaced(clip: Path) -> None:
    [picture] = pictures_in_order(clip, [2])
    own = [plane.copy() for plane in planes(picture.frame)]
    box = grown((70, 40, 120, 90), 224, 160)
    before = picture.part(box)
    after = before.copy()
    after[10:30, 20:41] = 255 - after[10:30, 20:41]
    changed = picture.with_part(box, before, after)
    for plane, before_plane in zip(planes(picture.frame), own, strict=True):
        np.testing.assert_array_equal(plane, before_plane)
    top, left = box[1] + 10, box[0] + 20
    outside = np.ones((160, 224), bool)
    outside[top : top + 20, left : left + 22] = False
    assert not np.array_equal(planes(changed.frame)[0], own[0])
    np.testing.assert_array_equal(planes(changed.frame)[0][outside], own[0][outside])
    for plane, before_plane in zip(planes(changed.frame)[1:], own[1:], strict=True):
        np.testing.assert_array_equal(plane[outside[::2, ::2]], before_plane[outside[::2, ::2]])
    expected = picture.image.copy()
    expected[box[1] : box[3], box[0] : box[2]] = after
    np.testing.assert_array_equal(changed.image, expected)
    np.testing.assert_array_equal(changed.part(box), after)
    written = replace(changed, shown=None, patch=None).image  # of the numbers that are handed to an encoder
    inner = written[top + 4 : top + 16, left + 4 : left + 16].astype(int)
    assert np.abs(inner - after[14:26, 24:36]).mean() < 3, "colour at half resolution loses a little of noise"
    np.testing.assert_array_equal(changed.with_part(box, after, before).image, picture.image)


def test_a_frame_that_nothing_changes_is_written_as_it_was_decoded(clip: Path, tmp_path: Path) -> None:
    output = tmp_path / "same.mp4"
    with VideoWriter(output, 224, 160, Fraction(25), like=probe(clip), quality=0) as writer:
        for picture in pictures_in_order(clip, range(6)):
            writer.write(picture)
    for one, other in zip(pictures_in_order(clip, range(6)), pictures_in_order(output, range(6)), strict=True):
        for a, b in zip(planes(one.frame), planes(other.frame), strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_frame_that_the_encoder_cannot_take_is_converted(clip: Path, tmp_path: Path) -> None:
    output = tmp_path / "rgb.mkv"
    with VideoWriter(output, 224, 160, Fraction(25), codec="ffv1") as writer:
        for picture in pictures_in_order(clip, range(3)):
            assert isinstance(picture, Picture)
            writer.write(picture)
    expected = frames_in_order(clip, range(3))
    for frame, image in zip(read_frames(output), expected, strict=True):
        np.testing.assert_array_equal(frame.image, image)
