"""An hour takes hardly more memory than a minute: from finding the face to the last planned frame, by simulation.

A child process walks the path of a long dub with a drawn detector and an untrained model, and reports the most memory
of its own (not what the kernel maps from files) that it ever held. What a minute adds must be so small that sixty of
them stay within a fifth.
"""

import os
import subprocess
import sys
import tempfile
import threading
import wave
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

RATE = 25
SHORT, LONG, HOUR = 1, 10, 60
"""Minutes."""

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc"),
]


def peak_mb(minutes: int) -> float:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "MALLOC_TRIM_THRESHOLD_": "100000"}
    done = subprocess.run(
        [sys.executable, __file__, str(minutes)], env=environment, capture_output=True, text=True, check=True
    )
    return float(done.stdout.split()[-1])


@pytest.mark.timeout(900)
def test_an_hour_takes_at_most_a_fifth_more_memory_than_a_minute() -> None:
    short, long = peak_mb(SHORT), peak_mb(LONG)
    hour = short + (long - short) * (HOUR - SHORT) / (LONG - SHORT)
    assert hour < 1.2 * short, f"{short:.0f} MB for a minute, {long:.0f} MB for {LONG}, so {hour:.0f} MB for an hour"


class Peak(threading.Thread):
    """Looks at this process's own memory ten times a second or more."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.most = 0.0
        self.stage = ""
        self.by_stage: dict[str, float] = {}
        self._done = threading.Event()

    def run(self) -> None:
        while not self._done.wait(0.005):
            self.look()

    def look(self) -> None:
        text = Path("/proc/self/status").read_text()
        present = float(text.split("RssAnon:")[1].split()[0]) / 1024
        self.most = max(self.most, present)
        self.by_stage[self.stage] = max(self.by_stage.get(self.stage, 0), present)

    def finish(self) -> float:
        self.look()
        self._done.set()
        return self.most


class DrawnDetector:
    """A head that sways and speaks: the average face, scaled into the picture."""

    def __init__(self) -> None:
        from synclips.features.face_mesh import LIPS, template

        self._mesh = template() * 0.5 + np.array([10.0, 5.0, 0.0])
        self._lips = LIPS
        self._count = 0

    def detect(self, image: np.ndarray) -> np.ndarray:
        del image
        phase = self._count / RATE
        self._count += 1
        points = self._mesh + np.array([np.sin(phase), 0.3 * np.cos(phase), 0.0])
        points[self._lips[10:30], 1] += 1 + np.sin(9 * phase)
        return points.astype(np.float32)

    def close(self) -> None:
        pass


def walk(minutes: int) -> None:
    from synclips.media.audio import read_audio
    from synclips.media.video import TimedFrame, VideoInfo
    from synclips.rendering import mouth_bank, mouth_check
    from synclips.rendering.chunked import BLOCK, BlockPlan
    from synclips.rendering.renderer import build_model, build_renderer
    from synclips.rendering.timeline import plan_timeline
    from synclips.tracking.detections import detect_faces
    from synclips.tracking.identities import boxes_of, link_faces
    from synclips.tracking.tracked_video import follow

    sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
    from small_models import SMALL_RECIPE

    peak = Peak()
    peak.start()
    count = minutes * 60 * RATE
    image = np.random.default_rng(0).integers(0, 256, (96, 96, 3), dtype=np.uint8)
    info = VideoInfo(
        Path("drawn.mp4"), 96, 96, Fraction(RATE), count / RATE, count, 0, False, Fraction(1), "h264", "yuv420p", 8,
        1, 6, 6, 6, True, 0.0,
    )  # fmt: skip
    peak.stage = "track"
    detections = detect_faces((TimedFrame(n / RATE, image) for n in range(count)), DrawnDetector())
    peak.stage = "follow"
    [face] = link_faces(detections, boxes_of(detections))
    tracked = follow(info, detections, face.rows)
    peak.stage = "sound"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        noise = (np.random.default_rng(1).standard_normal(16_000 * 60) * 3000).clip(-32767, 32767).astype("<i2")
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 2, 16_000, 0, "NONE", ""))
            for _ in range(minutes):
                file.writeframes(noise.tobytes())
        sound = read_audio(path)
    peak.stage = "timeline"
    timeline = plan_timeline(tracked.times, count / RATE, sound.duration, "silence")

    drawn = image

    class Drawn:
        width, height, image = 96, 96, drawn

        def part(self, box: tuple[int, int, int, int]) -> np.ndarray:
            left, top, right, bottom = box
            return image[top:bottom, left:right]

    def same_image(path: Path, order: list[int]) -> Iterator[np.ndarray]:
        del path
        return (image for _ in order)

    def same_picture(path: Path, order: list[int]) -> Iterator[Drawn]:
        del path
        return (Drawn() for _ in order)

    mouth_check.frames_in_order = same_image
    mouth_bank.pictures_in_order = same_picture
    peak.stage = "bank"
    renderer = build_renderer(build_model(SMALL_RECIPE).eval(), tracked)
    peak.stage = "plan"
    plan = BlockPlan(renderer, sound, timeline)
    for step in (0, BLOCK, len(timeline) // 2, len(timeline) - 1):  # blocks are alike: four of them tell
        plan.render(image, step)
    most = peak.finish()
    sys.stdout.write(f"{peak.by_stage}\n{most}\n")


if __name__ == "__main__":
    walk(int(sys.argv[1]))
