"""Faces found in an interrupted run are not looked for again, unless the video is another one."""

from pathlib import Path

import numpy as np
import pytest

from synclips.errors import OutputError
from synclips.evaluation import kept_detector
from synclips.evaluation.kept_detector import KeptDetector


class Levels:
    """Finds a "face" whose points all are the picture's level, and none in black; remembers what it was shown."""

    def __init__(self) -> None:
        self.shown: list[int] = []

    def detect(self, image: np.ndarray) -> np.ndarray | None:
        """See LandmarkDetector."""
        level = int(image[0, 0, 0])
        self.shown.append(level)
        return np.full((468, 3), level, np.float32) if level else None

    def close(self) -> None:
        """Nothing to free."""


def levels_found(path: Path, video: Path, levels: list[int]) -> tuple[list[int], list[int]]:
    inner = Levels()
    kept = KeptDetector(inner, path, video)
    found = [kept.detect(np.full((4, 4, 3), level, np.uint8)) for level in levels]
    kept.close()
    return [0 if points is None else int(points[467, 2]) for points in found], inner.shown


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "video.mp4"
    path.write_bytes(b"pictures")
    return path


def test_kept_frames_are_answered_from_the_file(tmp_path: Path, video: Path) -> None:
    first = levels_found(tmp_path / "kept", video, [1, 0, 3, 4, 5])
    again = levels_found(tmp_path / "kept", video, [9, 9, 9, 9, 9, 6, 0])
    assert first == ([1, 0, 3, 4, 5], [1, 0, 3, 4, 5])
    # the detector sees three known frames again: it remembers the face of the frame before
    assert again == ([1, 0, 3, 4, 5, 6, 0], [9, 9, 9, 6, 0])
    assert levels_found(tmp_path / "kept", video, [9] * 7)[0] == [1, 0, 3, 4, 5, 6, 0]


def test_a_frame_half_written_is_found_again(tmp_path: Path, video: Path) -> None:
    levels_found(tmp_path / "kept", video, [1, 2, 3])
    content = (tmp_path / "kept").read_bytes()
    (tmp_path / "kept").write_bytes(content[:-100])
    assert levels_found(tmp_path / "kept", video, [7, 8, 9, 4])[0] == [1, 2, 9, 4]


def test_faces_of_another_video_are_not_used(tmp_path: Path, video: Path) -> None:
    levels_found(tmp_path / "kept", video, [1, 2])
    video.write_bytes(b"other pictures")
    assert levels_found(tmp_path / "kept", video, [7, 8])[0] == [7, 8]


def test_faces_found_by_another_detector_are_not_used(
    tmp_path: Path, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    levels_found(tmp_path / "kept", video, [1, 2])
    monkeypatch.setattr(kept_detector, "DETECTOR_VERSION", "another")
    assert levels_found(tmp_path / "kept", video, [7, 8])[0] == [7, 8]


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path, video: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        KeptDetector(Levels(), tmp_path, video)
