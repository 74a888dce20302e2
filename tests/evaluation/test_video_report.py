"""A finished video's report sees what was planted in it, and bad input ends in one line."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from drawn_clips import DrawnDetector, draw_clip, write_video

from synclips.errors import InputError, MediaError, NoFaceError, OutputError
from synclips.evaluation.video_report import Listeners, VideoReport, evaluate_video
from synclips.media.audio import Waveform
from synclips.media.timebase import SAMPLES_PER_FRAME
from synclips.media.video import probe
from synclips.models.syncnet import SyncNet
from synclips.tracking.detection_cache import TrackCache, detect_at_rate


@pytest.fixture(scope="module")
def clip_crops() -> tuple[np.ndarray, Waveform]:
    clip = draw_clip(30, frames=150)
    return clip.crops, clip.waveform


@pytest.fixture(scope="module")
def original(clip_crops: tuple[np.ndarray, Waveform], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("video") / "original.mp4", *clip_crops)


@pytest.fixture(scope="module")
def real(original: Path, syncnet: SyncNet, tmp_path_factory: pytest.TempPathFactory) -> VideoReport:
    return evaluate_video(original, tmp_path_factory.mktemp("real"), syncnet, DrawnDetector, reference=original)


def later(waveform: Waveform, frames: int, start: int = 0) -> Waveform:
    """From frame `start` on the sound comes `frames` frames late."""
    at, by = start * SAMPLES_PER_FRAME, frames * SAMPLES_PER_FRAME
    moved = np.concatenate([waveform.samples[:at], np.zeros(by, np.float32), waveform.samples[at:]])
    return Waveform(moved[: len(waveform.samples)], waveform.sample_rate)


def test_a_video_against_itself_is_perfect(real: VideoReport) -> None:
    figures = real.figures
    assert figures["sharpness_ratio"] == figures["flicker_ratio"] == figures["seam_ratio"] == 1
    assert figures["seam_step"] == figures["av_offset"] == figures["no_face_percent"] == 0
    assert figures["psnr_outside"] == figures["in_sync_percent"] == 100
    assert figures["confidence"] > 0.3
    assert figures["silence_motion"] < 0.02 < figures["speech_motion"]
    assert -60 < figures["loudness_lufs"] < 0
    assert real.drifts == ()
    # of forty lip points only two move in these drawings
    assert ["hardly moves" in finding.text for finding in real.findings if not finding.good] == [True]


def test_the_report_is_a_page_and_json(real: VideoReport) -> None:
    page = real.page.read_text()
    assert "in sync: the sound is on time" in page
    assert page.count("data:image/png") == 1
    value = json.loads((real.page.parent / "video.json").read_text())
    assert value["figures"] == real.figures
    assert value["frames"] == 150


def test_sound_that_slips_half_way_is_found_there(
    clip_crops: tuple[np.ndarray, Waveform], syncnet: SyncNet, tmp_path: Path
) -> None:
    crops, waveform = clip_crops
    video = write_video(tmp_path / "slips.mp4", crops, later(waveform, 5, start=75))
    report = evaluate_video(video, tmp_path / "report", syncnet, DrawnDetector)
    assert [drift.frames for drift in report.drifts] == [5]
    assert report.drifts[0].seconds == pytest.approx(3, abs=1.2)
    assert 20 < report.figures["in_sync_percent"] < 80
    assert "200 ms (5 frames) late" in report.page.read_text()


@pytest.mark.parametrize("lag", [3])
def test_sound_that_is_late_throughout_measures_it(
    clip_crops: tuple[np.ndarray, Waveform], syncnet: SyncNet, tmp_path: Path, lag: int
) -> None:
    crops, waveform = clip_crops
    video = write_video(tmp_path / "late.mp4", crops[:75], later(waveform, lag).padded(75 * SAMPLES_PER_FRAME))
    report = evaluate_video(video, tmp_path / "report", syncnet, DrawnDetector)
    assert report.figures["av_offset"] == lag
    assert report.drifts[0].frames == lag
    assert not report.findings[0].good
    assert f"{40 * lag} ms ({lag} frames) late against the lips throughout" in report.findings[0].text


def test_blur_a_box_and_a_touched_background_are_seen(
    clip_crops: tuple[np.ndarray, Waveform], original: Path, syncnet: SyncNet, real: VideoReport, tmp_path: Path
) -> None:
    crops, waveform = clip_crops
    made = crops[:50].copy()
    for crop in made:
        crop[64:112, 24:120] = cv2.GaussianBlur(crop[64:112, 24:120], (0, 0), 2)
        crop[48:144, 16:128] = np.minimum(crop[48:144, 16:128].astype(int) + 8, 255)
    made[25:, :20, :20] = 255
    video = write_video(tmp_path / "made.mp4", made, waveform)
    figures = evaluate_video(video, tmp_path / "report", syncnet, DrawnDetector, reference=original).figures
    assert figures["sharpness_ratio"] < 0.8
    assert figures["seam_step"] > 5
    assert figures["psnr_outside"] < 60
    assert figures["seam_ratio"] > 1.02 * real.figures["seam_ratio"]


def test_a_mouth_that_goes_on_in_silence_is_seen(
    clip_crops: tuple[np.ndarray, Waveform], syncnet: SyncNet, real: VideoReport, tmp_path: Path
) -> None:
    crops, waveform = clip_crops
    quiet = Waveform(np.where(np.arange(len(waveform.samples)) < 40000, waveform.samples, 0), 16000)
    video = write_video(tmp_path / "quiet.mp4", crops, quiet)
    figures = evaluate_video(video, tmp_path / "report", syncnet, DrawnDetector).figures
    assert figures["silence_motion"] > 3 * real.figures["silence_motion"] + 0.01


def test_a_video_without_sound_has_the_other_figures(
    clip_crops: tuple[np.ndarray, Waveform], syncnet: SyncNet, tmp_path: Path
) -> None:
    video = write_video(tmp_path / "mute.mp4", clip_crops[0][:6], None)
    report = evaluate_video(video, tmp_path / "report", syncnet, DrawnDetector, text="anything")
    assert "av_offset" not in report.figures
    assert report.figures["sharpness"] > 0
    assert "no sound" in report.page.read_text()


def test_listeners_are_asked_what_they_can_tell(
    clip_crops: tuple[np.ndarray, Waveform], original: Path, syncnet: SyncNet, tmp_path: Path
) -> None:
    video = write_video(tmp_path / "made.mp4", clip_crops[0][:50], clip_crops[1])

    def same_voice(one: Waveform, other: Waveform) -> float:
        return float(len(other.samples) > len(one.samples))

    def words_heard(_sound: Waveform, text: str) -> float:
        return len(text.split()) / 10

    def read(_crops: np.ndarray) -> tuple[str, ...]:
        return "bin", "blue", "at", "f", "two", "again"

    listeners = Listeners(same_voice, words_heard, read)
    figures = evaluate_video(
        video,
        tmp_path / "report",
        syncnet,
        DrawnDetector,
        reference=original,
        text="Bin blue at f two now.",
        listeners=listeners,
    ).figures
    assert figures["speaker_similarity"] == 1
    assert figures["word_accuracy"] == pytest.approx(0.6)
    assert figures["lips_word_accuracy"] == pytest.approx(5 / 6, abs=1e-3)


def test_faces_that_are_away_take_no_part(
    clip_crops: tuple[np.ndarray, Waveform], syncnet: SyncNet, tmp_path: Path
) -> None:
    crops = clip_crops[0][:75].copy()
    crops[30:60] = 0
    video = write_video(tmp_path / "away.mp4", crops, clip_crops[1])
    hidden = video.with_name("hidden.mp4")
    write_video(hidden, np.zeros_like(crops[:10]), None)

    class Detector(DrawnDetector):
        """The drawn face, unless its middle is black."""

        def detect(self, image: np.ndarray) -> np.ndarray | None:
            """See DrawnDetector."""
            return None if image[60:140, 60:140].mean() < 40 else super().detect(image)

    figures = evaluate_video(video, tmp_path / "report", syncnet, Detector).figures
    assert figures["no_face_percent"] == pytest.approx(40, abs=1)
    assert figures["av_offset"] == 0
    with pytest.raises(NoFaceError, match="no face was found"):
        evaluate_video(hidden, tmp_path / "report", syncnet, Detector)


def test_an_interrupted_report_goes_on_with_the_faces_it_found(
    original: Path, syncnet: SyncNet, real: VideoReport, tmp_path: Path
) -> None:
    seen: list[int] = []

    class Counting(DrawnDetector):
        """Stopped by Ctrl-C at its sixtieth frame."""

        def detect(self, image: np.ndarray) -> np.ndarray | None:
            """See DrawnDetector."""
            seen.append(1)
            if len(seen) == 60:
                raise KeyboardInterrupt
            return super().detect(image)

    cache, folder = TrackCache(tmp_path / "faces"), tmp_path / "report"
    with pytest.raises(KeyboardInterrupt):
        evaluate_video(original, folder, syncnet, Counting, reference=original, cache=cache)
    report = evaluate_video(original, folder, syncnet, Counting, reference=original, cache=cache)
    assert len(seen) == 60 + (150 - 59)
    assert report.figures == real.figures
    assert sorted(path.name for path in folder.iterdir()) == ["index.html", "video.json"]
    again = detect_at_rate(probe(original), Counting, cache=cache)
    assert (len(again), len(seen)) == (150, 60 + (150 - 59))


def test_bad_input_is_one_clear_line(original: Path, syncnet: SyncNet, tmp_path: Path) -> None:
    text = tmp_path / "text.mp4"
    text.write_text("no video")
    small = write_video(tmp_path / "small.mp4", draw_clip(1, frames=4).crops[:, :100], None)
    for error, words, video, reference, output in (
        (MediaError, "no such file", tmp_path / "absent.mp4", None, tmp_path),
        (MediaError, "text.mp4", text, None, tmp_path),
        (MediaError, "absent.mp4", original, tmp_path / "absent.mp4", tmp_path),
        (InputError, "at its own size", original, small, tmp_path),
        (OutputError, "cannot be written", original, None, text / "below"),
    ):
        with pytest.raises(error, match=words) as caught:
            evaluate_video(video, output, syncnet, DrawnDetector, reference=reference)
        assert "\n" not in str(caught.value)
