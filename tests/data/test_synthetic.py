"""The synthetic corpus is what it says: GRID's layout, a face that is found in every frame, and the asked lag."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from synclips.data.grid import find_utterances, parse_alignment, split_of
from synclips.data.synthetic import SyntheticSpeaker, write_synthetic_corpus
from synclips.data.synthetic_face import HeadPose, Look, SyntheticFace
from synclips.data.synthetic_voice import VOWELS
from synclips.errors import ConfigError, OutputError
from synclips.media.audio import Waveform, loudness, read_audio
from synclips.media.timebase import FPS, SAMPLES_PER_FRAME
from synclips.media.video import probe, read_at_rate
from synclips.tracking.detector import FaceMeshDetector
from synclips.tracking.track import FaceTrack, track_face

UPPER_LIP, LOWER_LIP, LEFT_CORNER, RIGHT_CORNER = 13, 14, 61, 291


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("corpus")
    write_synthetic_corpus(root, ("s1", "s2", "s33"), clips=2, seconds=1.2)
    return root


def test_has_the_layout_of_grid(corpus: Path) -> None:
    utterances = find_utterances(corpus)

    assert [utterance.speaker for utterance in utterances] == ["s1", "s1", "s2", "s2", "s33", "s33"]
    assert len({utterance.name for utterance in utterances}) == 6
    for utterance in utterances:
        assert utterance.alignment is not None
        spans = parse_alignment(utterance.alignment)
        assert tuple(span.word for span in spans if span.word != "sil") == utterance.words
        assert spans[0].start == 0
        assert spans[-1].end == pytest.approx(1.2)
        assert all(a.end == b.start for a, b in itertools.pairwise(spans))


def test_serves_every_split(corpus: Path) -> None:
    splits = [split_of(utterance.speaker, utterance.name) for utterance in find_utterances(corpus)]

    assert sorted(splits[:2]) == ["seen", "train"]
    assert splits[2:4] == ["train", "train"]
    assert sorted(splits[4:]) == ["unseen", "validation"]


def test_clips_have_the_form_of_grid(corpus: Path) -> None:
    for utterance in find_utterances(corpus):
        info = probe(utterance.video)
        assert (info.width, info.height, info.fps) == (360, 288, FPS)
        assert len(list(read_at_rate(utterance.video))) == 30
        assert loudness(read_audio(utterance.video)) == pytest.approx(-23, abs=1)


def test_the_sound_is_silent_outside_the_words_and_loud_within(corpus: Path) -> None:
    for utterance in find_utterances(corpus):
        waveform = read_audio(utterance.video)
        assert utterance.alignment is not None
        for span in parse_alignment(utterance.alignment):
            # a margin, for what the encoder smears over an edge
            part = waveform.samples[round((span.start + 0.03) * 16_000) : round((span.end - 0.03) * 16_000)]
            level = 20 * np.log10(np.sqrt(np.mean(part**2)))
            assert level < -45 if span.word == "sil" else level > -35


@pytest.mark.parametrize("lag", [0, 5, -3])
def test_the_face_is_found_and_its_lips_lead_the_sound_by_the_lag(tmp_path: Path, lag: int) -> None:
    paths = write_synthetic_corpus(tmp_path, ("s2", "s3"), clips=1, lag_frames=lag)

    for path in paths:
        track = track_of(path)
        assert track.visible.all()
        found, correlation = lag_between(openings(track), envelope(read_audio(path)))
        assert correlation > 0.6
        assert found == pytest.approx(lag, abs=0.3)


def test_the_alignment_follows_the_sound(tmp_path: Path) -> None:
    [prompt] = write_synthetic_corpus(tmp_path / "a", ("s2",), clips=1)
    [late] = write_synthetic_corpus(tmp_path / "b", ("s2",), clips=1, lag_frames=2)

    starts = [[span.start for span in parse_alignment(path.with_suffix(".align"))][1:] for path in (prompt, late)]
    assert np.subtract(*starts[::-1]) == pytest.approx(2 / FPS)


def test_is_a_function_of_its_seed(tmp_path: Path, corpus: Path) -> None:
    again = write_synthetic_corpus(tmp_path / "again", ("s1", "s2", "s33"), clips=2, seconds=1.2)
    other = write_synthetic_corpus(tmp_path / "other", ("s1",), clips=1, seconds=1.2, seed=1)

    for path in again:
        first = corpus / path.relative_to(tmp_path / "again")
        # x264 does not always repeat itself to the last bit
        pictures = [np.stack(list(read_at_rate(file))).astype(float) for file in (path, first)]
        assert np.abs(np.subtract(*pictures)).mean() < 2
        assert np.allclose(read_audio(path).samples, read_audio(first).samples, atol=1e-3)
        assert path.with_suffix(".align").read_text() == first.with_suffix(".align").read_text()
    assert other[0].name not in {path.name for path in again}


def test_speakers_differ_and_stay_themselves() -> None:
    speakers = [SyntheticSpeaker.called(f"s{number}") for number in range(1, 35)]

    assert len({speaker.look for speaker in speakers}) == len({speaker.voice for speaker in speakers}) == 34
    assert {speaker.look.mirrored for speaker in speakers} == {False, True}
    assert speakers[0] == SyntheticSpeaker.called("s1")


@pytest.mark.parametrize("mirrored", [False, True])
def test_the_mouth_opens_and_rounds_as_told(mirrored: bool) -> None:
    face = SyntheticFace(Look(mirrored=mirrored))
    opening, rounding = np.linspace(0, 1, 12), np.linspace(0, 1, 12)

    opened = track_of_images([face.draw(value, 0, HeadPose()) for value in opening])
    rounded = track_of_images([face.draw(0.5, value, HeadPose()) for value in rounding])

    assert np.corrcoef(openings(opened), opening)[0, 1] > 0.95
    assert np.ptp(openings(opened)) > 8
    widths = np.abs(rounded.points[:, LEFT_CORNER, 0] - rounded.points[:, RIGHT_CORNER, 0])
    assert np.corrcoef(widths, rounding)[0, 1] < -0.9
    assert widths[-1] < 0.9 * widths[0]


def test_an_open_mouth_is_dark_and_closed_lips_are_not() -> None:
    face = SyntheticFace(Look(zoom=1.5))
    mouth = np.s_[165:195, 166:194]

    closed, opened = (face.draw(value, 0, HeadPose())[mouth].mean(axis=-1) for value in (0, 1))
    assert closed.min() > 90
    assert np.mean(opened < 60) > 0.4


def test_every_vowel_has_its_own_shape_and_sound() -> None:
    assert len({(vowel.first, vowel.second) for vowel in VOWELS.values()}) == len(VOWELS)
    assert len({(vowel.opening, vowel.rounding) for vowel in VOWELS.values()}) == len(VOWELS)


def test_says_what_it_cannot_make(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="0 clips"):
        write_synthetic_corpus(tmp_path, clips=0)
    with pytest.raises(ConfigError, match="too short"):
        write_synthetic_corpus(tmp_path, seconds=0.5)
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        write_synthetic_corpus(tmp_path / "file", clips=1, seconds=1)


def track_of(path: Path) -> FaceTrack:
    return track_of_images(list(read_at_rate(path)))


def track_of_images(images: list[np.ndarray]) -> FaceTrack:
    detector = FaceMeshDetector()
    try:
        return track_face(images, detector)
    finally:
        detector.close()


def openings(track: FaceTrack) -> np.ndarray:
    return track.points[:, LOWER_LIP, 1] - track.points[:, UPPER_LIP, 1]


def envelope(waveform: Waveform) -> np.ndarray:
    """Root mean square of the sound under each frame."""
    count = len(waveform.samples) // SAMPLES_PER_FRAME
    parts = waveform.samples[: count * SAMPLES_PER_FRAME].reshape(count, SAMPLES_PER_FRAME)
    return np.sqrt(np.mean(parts**2, axis=1))


def lag_between(picture: np.ndarray, sound: np.ndarray) -> tuple[float, float]:
    """By how many frames `sound` comes after `picture` (parabola through the best three), and their correlation."""
    lags = np.arange(-9, 10)
    count = min(len(picture), len(sound))
    values = np.array(
        [
            np.corrcoef(picture[max(0, -lag) : count - max(0, lag)], sound[max(0, lag) : count + min(0, lag)])[0, 1]
            for lag in lags
        ]
    )
    best = int(values[1:-1].argmax()) + 1
    before, peak, after = values[best - 1 : best + 2]
    return float(lags[best] + 0.5 * (before - after) / (before - 2 * peak + after)), float(peak)
