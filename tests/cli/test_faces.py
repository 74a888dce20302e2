"""Several people in one video: found, listed, chosen, and remembered (users_ask.md, themes 1 and 10)."""

import json
import shutil
import wave
from fractions import Fraction
from itertools import chain
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from small_models import write_encoders, write_generator

from synclips.cli.main import main
from synclips.dubbing import active_speaker
from synclips.dubbing.active_speaker import choose, find_speaking
from synclips.dubbing.pipeline import DubOptions, dub
from synclips.errors import ConfigError, NoFaceError
from synclips.media.audio import Waveform, read_audio
from synclips.media.timebase import SAMPLE_RATE
from synclips.media.video import VideoWriter, probe, read_frames
from synclips.tracking import detection_cache
from synclips.tracking.detection_cache import Entry, TrackCache, detect_video, fingerprint
from synclips.tracking.detections import Detections
from synclips.tracking.detector import FaceMeshDetector
from synclips.tracking.identities import link_faces
from synclips.tracking.selection import FaceChoice
from synclips.tracking.tracked_video import follow

FRAMES = 50


@pytest.fixture(scope="session")
def clips(grid_clips: Path) -> tuple[Path, Path]:
    """Two speakers' clips."""
    found = [sorted((grid_clips / speaker).glob("*.m*"))[0] for speaker in ("s1", "s2")]
    return found[0], found[1]


def beside(path: Path, clips: tuple[Path, Path], sound: Waveform | None, count: int = FRAMES) -> Path:
    """The first clip left, the second right."""
    left, right = ([frame.image for frame, _ in zip(read_frames(clip), range(count), strict=False)] for clip in clips)
    size = (300, 240)
    with VideoWriter(path, 2 * size[0], size[1], Fraction(25), quality=10, audio=sound) as writer:
        for pair in zip(left, right, strict=True):
            writer.write(np.ascontiguousarray(np.hstack([cv2.resize(image, size) for image in pair])))
    return path


@pytest.fixture(scope="session")
def couple(clips: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people side by side; the right one is heard."""
    return beside(tmp_path_factory.mktemp("faces") / "couple.mp4", clips, read_audio(clips[1]))


@pytest.fixture(scope="session")
def seen(couple: Path) -> Detections:
    return detect_video(probe(couple))


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where `default_cache` is in these tests."""
    monkeypatch.setattr(detection_cache, "cache_folder", lambda: tmp_path / "cache")
    return tmp_path / "cache" / "faces"


class Counted:
    """Makes detectors, and counts the frames that they look at."""

    def __init__(self) -> None:
        self.frames = 0

    def __call__(self) -> "Counted":
        self._detector = FaceMeshDetector(faces=5)
        return self

    def detect_all(self, image: np.ndarray) -> np.ndarray:
        self.frames += 1
        return self._detector.detect_all(image)

    def detect(self, image: np.ndarray) -> np.ndarray | None:
        return next(iter(self.detect_all(image)), None)

    def forget(self) -> None:
        self._detector.forget()

    def close(self) -> None:
        self._detector.close()


def test_both_faces_of_a_couple_are_found(seen: Detections) -> None:
    faces = link_faces(seen)
    assert [len(face.rows) for face in faces] == [FRAMES, FRAMES]
    assert sorted(face.centre[0] // 300 for face in faces) == [0, 1]
    assert all(80 < face.size < 160 for face in faces)


def test_an_edited_conversation_is_two_people_in_every_shot(clips: tuple[Path, Path], tmp_path: Path) -> None:
    """Close-ups in turn, and both in one picture; nothing of a shot is lost, its first frame included."""
    left, right = ([cv2.resize(frame.image, (360, 288)) for frame in read_frames(clip)][:20] for clip in clips)

    def close(images: list[np.ndarray]) -> list[np.ndarray]:
        return [cv2.resize(image, (720, 576))[180:468] for image in images]

    both = [np.hstack(pair) for pair in zip(left, right, strict=True)]
    shots = [close(left[:10]), close(right[:10]), both[:10], close(left[10:]), both[10:], close(right[10:])]
    with VideoWriter(tmp_path / "edit.mp4", 720, 288, Fraction(25), quality=12) as writer:
        for image in chain(*shots):
            writer.write(np.ascontiguousarray(image))
    info = probe(tmp_path / "edit.mp4")
    seen = detect_video(info)
    assert seen.cuts.tolist() == [10, 20, 30, 40, 50]
    faces = link_faces(seen)
    shown = {tuple(seen.frame[face.rows].tolist()) for face in faces}
    assert shown == {(*range(10), *range(20, 50)), (*range(10, 30), *range(40, 60))}
    for face in faces:
        visible = follow(info, seen, face.rows).track.visible
        assert np.flatnonzero(visible).tolist() == seen.frame[face.rows].tolist()


@pytest.mark.parametrize("heard", [0, 1])
def test_the_one_whose_lips_fit_the_sound_speaks(
    heard: int, clips: tuple[Path, Path], couple: Path, seen: Detections, tmp_path: Path
) -> None:
    """users_ask.md, theme 10: the right one of several faces, by the shipped SyncNet."""
    video = couple if heard == 1 else beside(tmp_path / "left.mp4", clips, read_audio(clips[0]))
    faces = link_faces(seen)
    speaking = find_speaking(probe(video), seen, faces, torch.device("cpu"))
    assert speaking.speaker is not None
    assert faces[speaking.speaker - 1].centre[0] // 300 == heard
    assert speaking.seconds(speaking.speaker) == 2.0


def test_where_who_speaks_cannot_be_told_the_largest_is_taken_and_said_so(
    clips: tuple[Path, Path], couple: Path, seen: Detections, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = torch.device("cpu")
    silent = beside(tmp_path / "silent.mp4", clips, None)
    chosen = choose(probe(silent), seen, FaceChoice("speaker"), device)
    assert chosen.face.number == 1
    assert "2 faces; number 1 is dubbed, because it is the largest (who speaks cannot be told: the" in chosen.notes[0]
    quiet = beside(tmp_path / "quiet.mp4", clips, Waveform(np.zeros(2 * SAMPLE_RATE, np.float32), SAMPLE_RATE))
    assert "largest (who speaks cannot be told)" in choose(probe(quiet), seen, FaceChoice("speaker"), device).notes[0]
    monkeypatch.setattr(active_speaker, "JUDGE", "absent.safetensors")
    chosen = choose(probe(couple), seen, FaceChoice("speaker"), device)
    assert chosen.face.number == 1
    assert "no SyncNet is installed" in chosen.notes[0]
    assert choose(probe(couple), seen, FaceChoice("left"), device).notes == ()


def test_an_untrained_syncnet_does_not_break_the_choice(
    couple: Path, seen: Detections, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_encoders(tmp_path / "encoders.safetensors")
    monkeypatch.setattr(active_speaker, "JUDGE", str(tmp_path / "encoders.safetensors"))
    faces = link_faces(seen)
    (window,) = find_speaking(probe(couple), seen, faces, torch.device("cpu")).windows
    assert (window.start, window.end) == (0.0, 2.0)
    assert set(window.fits) == {1, 2}


def test_the_second_look_costs_no_detection_and_says_the_same(couple: Path, tmp_path: Path) -> None:
    cache, detectors = TrackCache(tmp_path / "faces"), Counted()
    first = detect_video(probe(couple), cache=cache, detectors=detectors)
    assert detectors.frames == FRAMES
    moved = Path(shutil.copy(couple, tmp_path / "another name.mp4"))
    second = detect_video(probe(moved), cache=cache, detectors=detectors)
    assert detectors.frames == FRAMES
    assert second.times.tolist() == first.times.tolist()
    assert second.frame.tolist() == first.frame.tolist()
    assert second.records.tobytes() == first.records.tobytes()
    assert isinstance(second.records, np.memmap)


def test_a_longer_range_goes_on_where_the_shorter_ended(couple: Path, tmp_path: Path) -> None:
    cache, detectors = TrackCache(tmp_path / "faces"), Counted()
    short = detect_video(probe(couple), stop=0.8, cache=cache, detectors=detectors)
    assert (len(short), detectors.frames) == (20, 20)
    whole = detect_video(probe(couple), cache=cache, detectors=detectors)
    assert (len(whole), detectors.frames) == (FRAMES, FRAMES)
    assert whole.first(20).records.tobytes() == short.records.tobytes()
    again = detect_video(probe(couple), stop=0.4, cache=cache, detectors=detectors)
    assert (len(again), detectors.frames) == (10, FRAMES)
    assert [len(face.rows) for face in link_faces(whole)] == [FRAMES, FRAMES]
    assert len(list((tmp_path / "faces").iterdir())) == 1


@pytest.mark.parametrize("damage", ["flipped", "cut", "empty", "other"])
def test_a_damaged_entry_is_looked_at_again(damage: str, couple: Path, seen: Detections, tmp_path: Path) -> None:
    cache, detectors = TrackCache(tmp_path / "faces"), Counted()
    cache.save(couple, Entry(seen, np.inf))
    (entry,) = (tmp_path / "faces").iterdir()
    content = bytearray(entry.read_bytes())
    content[len(content) // 2] ^= 255
    entry.write_bytes({"flipped": bytes(content), "cut": content[:-100], "empty": b"", "other": b"x" * 5000}[damage])
    assert cache.load(couple) is None
    assert not entry.exists()
    assert len(detect_video(probe(couple), stop=0.2, cache=cache, detectors=detectors)) == 5
    assert detectors.frames == 5
    kept = cache.load(couple)
    assert kept is not None
    assert kept.reach == 0.2


def test_the_oldest_entries_go_and_an_unusable_folder_costs_only_time(seen: Detections, tmp_path: Path) -> None:
    few = seen.first(4)
    videos = [tmp_path / f"{number}.mp4" for number in range(4)]
    for number, video in enumerate(videos):
        video.write_bytes(bytes([number]) * 1000)
    size = 0
    for number, video in enumerate(videos):
        cache = TrackCache(tmp_path / "faces", limit=3 * size or detection_cache.LIMIT)
        cache.save(video, Entry(few, 1.0))
        size = max(path.stat().st_size for path in (tmp_path / "faces").iterdir())
        if number == 2:
            assert cache.load(videos[0]) is not None  # used just now
    assert [TrackCache(tmp_path / "faces").load(video) is not None for video in videos] == [True, False, True, True]
    blocked = tmp_path / "file"
    blocked.write_text("")
    TrackCache(blocked / "faces").save(videos[0], Entry(few, 1.0))
    assert TrackCache(blocked / "faces").load(videos[0]) is None


def test_a_fingerprint_is_of_the_content(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    content = bytearray(np.random.default_rng(0).bytes(3_000_000))
    one.write_bytes(content)
    two.write_bytes(content)
    assert fingerprint(one) == fingerprint(two)
    content[-1] ^= 1
    two.write_bytes(content)
    assert fingerprint(one) != fingerprint(two)


def changed(dubbed: Path, source: Path) -> list[bool]:
    """Whether the left and the right half of the picture differ from the source's."""
    differences = [
        np.abs(a.image.astype(int) - b.image).max(axis=2)
        for a, b, _ in zip(read_frames(dubbed), read_frames(source), range(20), strict=False)
    ]
    worst = np.max(differences, axis=0)
    return [bool((half > 20).sum() > 50) for half in (worst[:, :300], worst[:, 300:])]


@pytest.fixture(scope="session")
def generator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_generator(tmp_path_factory.mktemp("model") / "small.safetensors")


@pytest.fixture
def speech(clips: tuple[Path, Path], tmp_path: Path) -> Path:
    """A second of speech."""
    samples = read_audio(clips[0]).samples[SAMPLE_RATE : 2 * SAMPLE_RATE]
    path = tmp_path / "speech.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return path


@pytest.mark.parametrize(("face", "halves"), [("left", [True, False]), ("speaker", [False, True])])
def test_wrong_or_several_faces_only_the_chosen_one_is_changed(
    face: str, halves: list[bool], couple: Path, generator: Path, speech: Path, own_cache: Path, tmp_path: Path
) -> None:
    """users_ask.md, theme 10."""
    options = DubOptions(checkpoint=generator, device="cpu", codec="ffv1", face=face, sync_mode="cut_off")
    result = dub(couple, tmp_path / "out.mkv", audio=speech, options=options)
    assert changed(result.output, couple) == halves
    assert result.report.face.of == 2
    assert bool(result.report.face.notes) == (face == "speaker")
    assert len(list(own_cache.iterdir())) == 1


def test_a_choice_that_is_none_costs_no_work(couple: Path, generator: Path, speech: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--face 'middle' is no choice"):
        dub(couple, tmp_path / "out.mp4", audio=speech, options=DubOptions(checkpoint=generator, face="middle"))


def test_a_face_that_is_not_there_is_one_clear_line(seen: Detections, couple: Path) -> None:
    with pytest.raises(NoFaceError, match="there is no face 3; `synclips faces` lists 2"):
        choose(probe(couple), seen, FaceChoice("number", number=3), torch.device("cpu"))


def test_faces_are_listed_with_pictures_and_kept(
    couple: Path, own_cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["faces", str(couple), "--output-dir", str(tmp_path / "pictures"), "--device", "cpu"]
    assert main([*line, "--no-cache", "--quiet"]) == 0
    assert not own_cache.exists()
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("face 1: 0.0 to 2.0 s, in 100% of the frames")
    assert second.startswith("face 2")
    assert first.count("speaks") + second.count("speaks") == 1
    assert main([*line, "--json"]) == 0
    assert len(list(own_cache.iterdir())) == 1
    report = json.loads(capsys.readouterr().out)
    assert [face["number"] for face in report["faces"]] == [1, 2]
    (speaker,) = (face for face in report["faces"] if face["number"] == report["speaker"])
    assert speaker["x"] > 300
    for face in report["faces"]:
        picture = cv2.imread(face["thumbnail"])
        assert picture.shape == (256, 256, 3)
        assert picture.std() > 20
    assert [float(face["point"].split(",")[0]) > 300 for face in report["faces"]] == [
        face["x"] > 300 for face in report["faces"]
    ]
