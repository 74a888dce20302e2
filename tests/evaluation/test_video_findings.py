"""What is said of a video: each planted fault in its own sentence, faults first, and nothing where nothing is known."""

import pytest

from synclips.evaluation.video_findings import findings, in_words
from synclips.metrics.sync_drift import SyncDrift

GOOD = {
    "av_offset": 0.0,
    "confidence": 0.4,
    "silence_motion": 0.2,
    "speech_motion": 0.9,
    "sharpness_ratio": 1.0,
    "flicker_ratio": 1.0,
    "seam_step": 1.0,
    "psnr_outside": 60.0,
    "no_face_percent": 0.0,
    "speaker_similarity": 0.8,
    "word_accuracy": 0.9,
    "peak": 0.5,
    "loudness_change": 1.0,
}


def test_a_good_video_has_no_fault() -> None:
    found = findings(GOOD, ())
    assert all(finding.good for finding in found)
    assert "in sync" in found[0].text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"av_offset": 5.0}, r"200 ms \(5 frames\) late"),
        ({"av_offset": -3.0}, r"120 ms \(3 frames\) early"),
        ({"confidence": 0.05}, "do not follow this sound"),
        ({"silence_motion": 0.7}, "goes on moving while nothing is heard"),
        ({"speech_motion": 0.04, "silence_motion": 0.02}, "hardly moves"),
        ({"sharpness_ratio": 0.5}, "blurred"),
        ({"sharpness_ratio": 1.8}, "noisy"),
        ({"flicker_ratio": 3.0}, "flickers"),
        ({"seam_step": 8.0}, "An outline shows"),
        ({"psnr_outside": 30.0}, "outside the mouth was changed"),
        ({"no_face_percent": 40.0}, "40 % of the frames"),
        ({"speaker_similarity": 0.5}, "not the reference's"),
        ({"word_accuracy": 0.1}, "hears 10% of the words"),
        ({"peak": 1.0}, "clips"),
        ({"loudness_change": -9.0}, "9 LU quieter"),
    ],
)
def test_each_fault_is_said_first_and_alone(change: dict[str, float], words: str) -> None:
    import re

    found = findings(GOOD | change, ())
    assert re.search(words, found[0].text)
    assert [finding.good for finding in found] == [False, *[True] * (len(found) - 1)]


def test_slips_are_told_with_their_times_unless_the_whole_is_off() -> None:
    drifts = (SyncDrift(6.0, 4), SyncDrift(12.5, 0))
    assert "from 6.0 s 160 ms (4 frames) late, from 12.5 s on time" in findings(GOOD, drifts)[0].text
    whole = findings(GOOD | {"av_offset": 4.0}, drifts[:1])[0].text
    assert "throughout" in whole
    assert "move the sound forward" in whole
    many = findings(GOOD, tuple(SyncDrift(float(i), 2 + i) for i in range(13)))[0].text
    assert "3 more times" in many


def test_nothing_is_said_of_what_is_not_known() -> None:
    found = findings({"no_face_percent": 0.0}, ())
    assert ["cannot be measured" in finding.text for finding in found] == [True]


def test_offsets_in_words() -> None:
    assert in_words(1) == "40 ms (1 frame) late"
    assert in_words(-2) == "80 ms (2 frames) early"
    assert in_words(0) == "on time"
