"""Which videos a folder holds: own footage, and the layouts of published corpora as they are unpacked."""

from pathlib import Path

import pytest

from synclips.corpus.sources import Source, find_corpus
from synclips.corpus.transcripts import read_transcript
from synclips.errors import DataError


def touch(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def found(root: Path, **options: str) -> dict[str, Source]:
    return {source.path: source for source in find_corpus(root, **options).sources}  # type: ignore[arg-type]


def test_own_folders_and_flat_files(tmp_path: Path) -> None:
    touch(tmp_path, "me/interview 1.mp4", "me/day 2/interview 1.MOV", "alone.webm", ".hidden/a.mp4", "me/notes.txt")
    touch(tmp_path, "me/interview 1.srt", "me/interview 1.wav")
    sources = found(tmp_path)
    keys = {path: source.key for path, source in sources.items()}
    assert keys == {
        "me/interview 1.mp4": "me.interview-1",
        "me/day 2/interview 1.MOV": "me.day-2-interview-1",
        "alone.webm": "alone.alone",
    }
    assert sources["me/interview 1.mp4"].transcript == tmp_path / "me/interview 1.srt"
    assert sources["me/interview 1.mp4"].sound == tmp_path / "me/interview 1.wav"
    assert {source.speaker for source in found(tmp_path, speaker="she").values()} == {"she"}


def test_names_that_become_the_same_key_are_told_apart(tmp_path: Path) -> None:
    touch(tmp_path, "me/a b.mp4", "me/a-b.mp4")
    assert len({source.key for source in found(tmp_path).values()}) == 2


def test_grid_is_read_as_before_and_footage_beside_it(tmp_path: Path) -> None:
    touch(tmp_path, "s1/bbaf2n.mpg", "s1/bbaf2n_delayed.mpg", "me/talk.mp4")
    corpus = find_corpus(tmp_path)
    assert [utterance.key for utterance in corpus.utterances] == ["s1.bbaf2n"]
    assert [source.key for source in corpus.sources] == ["me.talk"]
    assert len(find_corpus(tmp_path, "grid").sources) == 0


def test_lrs(tmp_path: Path) -> None:
    touch(tmp_path, "trainval/0Fi83BHQsMA/00002.mp4", "test/1xyz/00001.mp4")
    text = "Text:  THEY ARE HERE\nConf:  3\n\nWORD START END ASDSCORE\nTHEY 0.1 0.4 7.8\nARE 0.4 0.5 3\nHERE 0.6 1 2\n"
    (tmp_path / "trainval/0Fi83BHQsMA/00002.txt").write_text(text)
    (tmp_path / "test/1xyz/00001.txt").write_text("Text:  SO IT IS\nConf: 5\n")
    sources = found(tmp_path)
    assert sources["trainval/0Fi83BHQsMA/00002.mp4"].key == "0Fi83BHQsMA.00002"
    assert sources["test/1xyz/00001.mp4"].split == "unseen"
    transcript = read_transcript(sources["trainval/0Fi83BHQsMA/00002.mp4"].transcript)
    assert transcript.words == ((0.1, 0.4, "they"), (0.4, 0.5, "are"), (0.6, 1.0, "here"))
    assert read_transcript(tmp_path / "test/1xyz/00001.txt").text == "so it is"


def test_hdtf(tmp_path: Path) -> None:
    touch(tmp_path, "AmyKlobuchar1.mp4", "AmyKlobuchar0_1.mp4", "Radio11.mp4")
    (tmp_path / "WDA_annotion_time.txt").write_text(
        "AmyKlobuchar1.mp4 00:35-02:45 03:25-04:00\nAmyKlobuchar0.mp4 00:10-04:30 05:00-06:00\n"
    )
    (tmp_path / "RD_annotion_time.txt").write_text("Radio11.mp4 0:30-1:30\n")
    sources = find_corpus(tmp_path).sources
    cuts = {(source.speaker, source.name, source.start, source.stop) for source in sources}
    assert cuts == {
        ("AmyKlobuchar", "AmyKlobuchar1_0", 35.0, 165.0),
        ("AmyKlobuchar", "AmyKlobuchar1_1", 205.0, 240.0),
        ("AmyKlobuchar", "AmyKlobuchar0_1", None, None),
        ("Radio11", "Radio11_0", 30.0, 90.0),
    }


def test_voxceleb_mead_and_ravdess(tmp_path: Path) -> None:
    touch(tmp_path, "dev/mp4/id00012/21Uxsk56VDQ/00001.mp4", "dev/aac/id00012/21Uxsk56VDQ/00001.m4a")
    touch(tmp_path, "M003/video/front/angry/level_1/001.mp4", "M003/audio/angry/level_1/001.m4a")
    touch(tmp_path, "M003/video/left_30/angry/level_1/001.mp4")
    touch(tmp_path, "Actor_01/01-01-03-01-02-01-01.mp4", "Actor_01/02-01-03-01-02-01-01.mp4")
    touch(tmp_path, "Actor_01/01-02-03-01-02-01-01.mp4")
    corpus = find_corpus(tmp_path)
    sources = {source.key: source for source in corpus.sources}
    assert set(sources) == {
        "id00012.21Uxsk56VDQ-00001",
        "M003.angry-level_1-001",
        "Actor_01.01-01-03-01-02-01-01",
    }
    assert sources["id00012.21Uxsk56VDQ-00001"].sound == tmp_path / "dev/aac/id00012/21Uxsk56VDQ/00001.m4a"
    assert sources["M003.angry-level_1-001"].sound == tmp_path / "M003/audio/angry/level_1/001.m4a"
    assert sources["Actor_01.01-01-03-01-02-01-01"].text == "dogs are sitting by the door"
    reasons = sorted(reject.reason for reject in corpus.rejects)
    assert [reason.partition(":")[0] for reason in reasons] == ["MEAD", "RAVDESS", "RAVDESS"]


def test_a_folder_without_videos_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no folder"):
        find_corpus(tmp_path / "gone")
    touch(tmp_path, "me/a.txt")
    with pytest.raises(DataError, match="holds no video"):
        find_corpus(tmp_path)


def test_transcripts(tmp_path: Path) -> None:
    srt = tmp_path / "a.srt"
    srt.write_text("1\n00:00:01,000 --> 00:00:02,000\nGood morning\n\n2\n00:00:05,000 --> 00:00:06,000\nyou\n")
    transcript = read_transcript(srt)
    assert [word for _, _, word in transcript.words] == ["Good", "morning", "you"]
    assert transcript.words[0][0] == 1.0
    assert transcript.words[1][1] == pytest.approx(2.0, abs=0.02)
    ((start, end, word),) = transcript.within(4.5, 7.0)
    assert (start, round(end, 1), word) == (0.5, 1.5, "you")
    srt.write_text("nothing")
    with pytest.raises(DataError, match="no cue"):
        read_transcript(srt)
