"""A video that can be played while it is being made."""

import io
from pathlib import Path

import av
import numpy as np

from synclips.media.growing_video import GrowingVideo
from synclips.media.sound import Sound


def test_the_first_pieces_are_a_whole_video_at_any_time(tmp_path: Path) -> None:
    tone = 0.2 * np.sin(np.arange(16_000 * 6) * 0.2)
    growing = GrowingVideo(tmp_path, "preview")
    growing.hear(Sound(tone.astype(np.float32)[None], 16_000))
    found = []
    for number in range(80):  # a dub that goes on after its first two seconds
        growing.write(np.full((150, 301, 3), 3 * number, np.uint8), 2 + number / 25)
        found.append(len(list(tmp_path.iterdir())))
    assert found[0] == 0
    assert sorted(set(found)) == [0, 1, 2, 3]
    _check(tmp_path, 75)
    growing.close()
    _check(tmp_path, 80)
    growing.remove()
    assert not list(tmp_path.iterdir())


def _check(folder: Path, frames: int) -> None:
    content = io.BytesIO(b"".join(path.read_bytes() for path in sorted(folder.iterdir())))
    with av.open(content) as container:
        pictures = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    assert len(pictures) == frames
    assert pictures[0].shape == (150, 300)
    levels = [float(picture.mean()) for picture in pictures]
    np.testing.assert_allclose(np.diff(levels), 3, atol=1.5)
    content.seek(0)
    with av.open(content) as container:
        heard = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    assert abs(len(heard) / 24_000 - frames / 25) < 0.3
    assert float(np.abs(heard[4800:-4800]).max()) > 0.1
