"""Transcripts: lines, files and back, edited texts, and changes found in them."""

from pathlib import Path

import pytest

from synclips.errors import TextError
from synclips.speech.edits import Change, Edit, apply_changes, difference, find_changes, find_phrase, parse_pair
from synclips.speech.transcript import Transcript, TranscriptWord, read_transcript, respread


def said(text: str, *, step: float = 0.4, speaker: int | None = None, start: float = 0.0) -> tuple[TranscriptWord, ...]:
    return tuple(
        TranscriptWord(word, start + k * step, start + k * step + 0.3, 0.9, speaker)
        for k, word in enumerate(text.split())
    )


PRICE = Transcript(said("It costs ten dollars a month, and ten euros at noon."), 5.0, "tiny.en")


def test_lines_break_at_pauses_and_speakers() -> None:
    words = (*said("Hello there."), *said("Good morning.", start=3.0), *said("Bye.", start=3.9, speaker=2))
    assert [line.text for line in Transcript(words, 6.0).lines()] == ["Hello there.", "Good morning.", "Bye."]
    assert Transcript(words, 6.0).lines()[2].speaker == 2


@pytest.mark.parametrize("suffix", [".json", ".srt", ".vtt"])
def test_a_file_gives_back_what_was_written(tmp_path: Path, suffix: str) -> None:
    words = (*said("Hello there.", speaker=1), *said("Good morning.", start=3.0, speaker=2))
    path = tmp_path / f"lines{suffix}"
    path.write_text(Transcript(words, 6.0).as_text(suffix))
    found = read_transcript(path, Transcript(words, 6.0))
    assert [(w.text, w.speaker) for w in found.words] == [(w.text, w.speaker) for w in words]
    assert [w.start for w in found.words] == pytest.approx([w.start for w in words], abs=1e-3)


def test_an_edited_line_of_json_keeps_the_times_of_its_other_words(tmp_path: Path) -> None:
    path = tmp_path / "lines.json"
    path.write_text(PRICE.as_text(".json").replace("ten dollars a month,", "twelve dollars a year,"))
    heard, edited = read_transcript(path, as_heard=True), read_transcript(path)
    assert heard.text == PRICE.text
    assert difference(heard, edited) == [Change(2, 3, "twelve"), Change(5, 6, "year,")]
    assert edited.words[3].start == pytest.approx(PRICE.words[3].start)


def test_subtitles_without_a_recognised_text_spread_over_the_cue(tmp_path: Path) -> None:
    path = tmp_path / "lines.srt"
    path.write_text("1\n00:00:01,000 --> 00:00:03,000\nOne two three four\n")
    assert [w.start for w in read_transcript(path).words] == pytest.approx([1, 1.5, 2, 2.5])


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("lines.txt", "Hello", "should end in"),
        ("lines.json", "{}", "is not a transcript"),
        ("lines.json", '{"lines": 3}', "is not a transcript"),
        ("lines.srt", "nothing", "holds no cues"),
    ],
)
def test_what_is_no_transcript_is_named(tmp_path: Path, name: str, content: str, words: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(TextError, match=words):
        read_transcript(tmp_path / name)


def test_respread_shares_the_time_of_what_was_replaced() -> None:
    found = respread(said("a b c"), ["a", "x", "y", "c"])
    assert [(w.text, round(w.start, 2), round(w.end, 2)) for w in found] == [
        ("a", 0.0, 0.3), ("x", 0.4, 0.55), ("y", 0.55, 0.7), ("c", 0.8, 1.1),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("edit", "change"),
    [
        (Edit("replace", "ten dollars", "twelve dollars"), Change(2, 4, "twelve dollars")),
        (Edit("replace", "$10", "twelve dollars"), Change(2, 4, "twelve dollars")),
        (Edit("replace", "a month", "a year"), Change(4, 6, "a year,")),
        (Edit("replace", "ten", "nine", at=2.9), Change(7, 8, "nine")),
        (Edit("insert", "costs", "only"), Change(2, 2, "only")),
        (Edit("insert", "", "really", at=0.35), Change(1, 1, "really")),
        (Edit("delete", "at noon"), Change(9, 11, "")),
    ],
)
def test_edits_find_their_words(edit: Edit, change: Change) -> None:
    assert find_changes([edit], PRICE) == [change]


@pytest.mark.parametrize(
    ("edits", "words"),
    [
        ([Edit("replace", "tin dollars", "x")], "'tin dollars' is not said; nearest is 'ten dollars' at 0.8 s"),
        ([Edit("replace", "ten", "x")], "said 2 times, at 0.8 s and 2.8 s; say which by its time"),
        ([Edit("replace", "noon", "x", at=0.5)], "not said at 0.5 s, but at 4.0 s"),
        ([Edit("insert", "", "x", at=99)], "not in the video"),
        ([Edit("replace", "costs ten", "x"), Edit("delete", "ten dollars")], "two edits change the same words"),
    ],
)
def test_what_cannot_be_found_is_said(edits: list[Edit], words: str) -> None:
    with pytest.raises(TextError, match=words):
        find_changes(edits, PRICE)


def test_incomplete_wishes_are_refused() -> None:
    for kind, old, new, at in (("replace", "", "x", None), ("replace", "x", " ", None), ("insert", "", "x", None)):
        with pytest.raises(TextError):
            Edit(kind, old, new, at)  # type: ignore[arg-type]
    with pytest.raises(TextError, match="write it as"):
        parse_pair("ten dollars")


def test_a_part_of_a_written_word_is_no_place() -> None:
    assert find_phrase("ten", said("He pays $10 now")) == []
    assert find_phrase("ten dollars", said("He pays $10 now")) == [(2, 3)]


def test_the_difference_ignores_capitals_and_marks() -> None:
    with pytest.raises(TextError, match="says what the video says"):
        difference(PRICE, Transcript(said("it costs TEN dollars a month and ten euros at noon"), 5.0))
    with pytest.raises(TextError, match="nearly everything"):
        difference(PRICE, Transcript(said("Something else is said throughout all of this file here."), 5.0))
    edited = Transcript(said("It costs ten dollars a month, and ten pounds at noon."), 5.0)
    assert apply_changes(PRICE, difference(PRICE, edited)) == edited.text
