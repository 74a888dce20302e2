"""What GRID's names, alignments and folders say, on made-up folders and on the real clips."""

from collections import Counter
from pathlib import Path

import pytest

from synclips.data.grid import (
    UNSEEN_SPEAKERS,
    Utterance,
    clip_key,
    find_utterances,
    is_utterance_name,
    parse_alignment,
    sentence_of,
    speaker_of,
    split,
    split_of,
    utterance_names,
)
from synclips.errors import DataError


def lay_out(root: Path, *files: str) -> None:
    for file in files:
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def test_name_spells_the_sentence() -> None:
    assert sentence_of("bbaf2n") == ("bin", "blue", "at", "f", "two", "now")
    assert sentence_of("lgbkzs") == ("lay", "green", "by", "k", "zero", "soon")
    assert sentence_of("priv9a") == ("place", "red", "in", "v", "nine", "again")
    assert sentence_of("swwx1p") == ("set", "white", "with", "x", "one", "please")


@pytest.mark.parametrize(
    "name", ["", "bbaf2", "bbaf2nn", "xbaf2n", "bbaf0n", "bbaw2n", "BBAF2N", "unnamed_1600ms", "../etc"]
)
def test_other_names_are_refused(name: str) -> None:
    assert not is_utterance_name(name)
    with pytest.raises(DataError, match="not the name of a GRID utterance"):
        sentence_of(name)


def test_every_name_spells_a_sentence_of_its_own() -> None:
    names = list(utterance_names())
    assert len(names) == len(set(names)) == 64_000
    assert all(is_utterance_name(name) for name in names[::997])
    assert len({sentence_of(name) for name in names}) == 64_000


def test_a_clip_has_one_key_from_the_corpus_to_the_report() -> None:
    utterance = Utterance("s12", "bbaf2n", Path("s12/bbaf2n.mpg"), None, sentence_of("bbaf2n"))
    assert utterance.key == clip_key("s12", "bbaf2n") == "s12.bbaf2n"
    assert speaker_of(utterance.key) == "s12"


def test_alignment_is_read_in_seconds(tmp_path: Path) -> None:
    path = tmp_path / "bbaf2n.align"
    path.write_text("0 17750 sil\n17750 22500 bin\n\n22500 74500 blue\n")
    spans = parse_alignment(path)
    assert [span.word for span in spans] == ["sil", "bin", "blue"]
    assert (spans[1].start, spans[1].end) == (0.71, 0.9)
    assert spans[2].end == pytest.approx(2.98)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("0 100 sil\n100 bin\n", "line 2"),
        ("0 100 sil\n100 2x0 bin\n", "line 2"),
        ("0 100 sil\n\n-5 200 bin\n", "line 3"),
        ("0 100 sil\n200 200 bin\n", "line 2: bin ends before it starts"),
        ("500 900 sil\n100 200 bin\n", "line 2: bin starts before the word above"),
        ("\n", "empty"),
        ("0 100 s\u00efl\n", "not text"),
    ],
)
def test_damaged_alignment_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "bbaf2n.align"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=complaint) as caught:
        parse_alignment(path)
    assert str(path) in str(caught.value)


def test_missing_alignment(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        parse_alignment(tmp_path / "bbaf2n.align")


def test_utterances_are_found_in_speaker_order(tmp_path: Path) -> None:
    lay_out(
        tmp_path,
        *("s10/lbbc2a.mp4", "s2/bbaf2n.mpg", "s2/bbaf2n.align", "s2/bbaf2n.mp4", "s1/swwx1p.mpg", "s1/brbk7n.mpg"),
        *("s1/download.json", "s1/lgbkzs.align", "s1/unnamed_1600ms_ex1.mpg", ".s3.unpacking/bbaf2n.mpg", "readme.txt"),
    )
    assert find_utterances(tmp_path) == [
        Utterance("s1", "brbk7n", tmp_path / "s1/brbk7n.mpg", None, sentence_of("brbk7n")),
        Utterance("s1", "swwx1p", tmp_path / "s1/swwx1p.mpg", None, sentence_of("swwx1p")),
        Utterance("s2", "bbaf2n", tmp_path / "s2/bbaf2n.mpg", tmp_path / "s2/bbaf2n.align", sentence_of("bbaf2n")),
        Utterance("s10", "lbbc2a", tmp_path / "s10/lbbc2a.mp4", None, sentence_of("lbbc2a")),
    ]


def test_no_utterances_is_an_error_that_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no folder.*get_data\.py"):
        find_utterances(tmp_path / "raw")
    lay_out(tmp_path, "s1/holiday.mp4")
    with pytest.raises(DataError, match=r"no GRID utterance.*get_data\.py"):
        find_utterances(tmp_path)


def test_split_is_by_speaker_and_s1_by_utterance() -> None:
    names = [
        f"{a}{b}{c}{d}{e}{f}" for a in "blps" for b in "bgrw" for c in "abiw" for d in "fk" for e in "z5" for f in "np"
    ]
    assert {split_of(speaker, name) for speaker in UNSEEN_SPEAKERS for name in names} == {"unseen", "validation"}
    assert {split_of(speaker, name) for speaker in ("s2", "s32", "s34") for name in names} == {"train"}
    held_out = sum(split_of("s1", name) == "seen" for name in names)
    assert held_out == pytest.approx(len(names) / 14, rel=0.4)
    assert split_of("s1", "bbaf2n") == "train"  # never changes: a checkpoint's validation set rests on it
    assert split_of("s1", "bbbm3a") == "seen"


def test_real_clips(grid_clips: Path) -> None:
    utterances = find_utterances(grid_clips)
    parts = split(utterances)
    assert len(parts["seen"]) == 50
    assert {utterance.speaker for utterance in parts["seen"]} == {"s1"}
    assert {"s1", "s2", "s3", "s4", "s5", "s30", "s31", "s32"} <= {utterance.speaker for utterance in parts["train"]}
    assert {utterance.speaker for utterance in parts["train"]}.isdisjoint(UNSEEN_SPEAKERS)
    for part in ("unseen", "validation"):
        assert {utterance.speaker for utterance in parts[part]} == UNSEEN_SPEAKERS
    assert Counter(utterance.speaker for utterance in utterances)["s1"] == 689
    for utterance in utterances:
        if utterance.alignment is None:
            continue  # people of whom no .align file was at hand: the file's name spells the words
        spoken = tuple(span.word for span in parse_alignment(utterance.alignment) if span.word not in ("sil", "sp"))
        assert spoken == utterance.words
    assert sum(utterance.alignment is not None for utterance in utterances) >= 0.9 * len(utterances)
