"""Subtitles of every dialect and with every usual fault: one bad cue never stops a scene, and notes say so."""

import random
from pathlib import Path

import pytest

from synclips.errors import TextError
from synclips.speech.script import Script, read_script
from synclips.speech.script_faults import MOST_NAMED


def read(folder: Path, text: str, name: str = "a.srt", encoding: str = "utf-8", *, strict: bool = False) -> Script:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return read_script(path, strict=strict)


def cue(text: str, start: str = "00:00:01,000", end: str = "00:00:02,000") -> str:
    return f"{start} --> {end}\n{text}\n\n"


def said(script: Script) -> list[str]:
    return [line.text for line in script.lines]


ROLLING = """WEBVTT
Kind: captions

00:00:00.000 --> 00:00:01.000 align:start position:0%
\x20
hello<00:00:00.400><c> there</c>

00:00:01.000 --> 00:00:01.010 align:start position:0%
hello there
\x20

00:00:01.010 --> 00:00:02.000 align:start position:0%
hello there
my<00:00:01.400><c> friend</c>

00:00:02.000 --> 00:00:02.010 align:start position:0%
my friend
\x20
"""


def test_rolling_captions_are_spoken_once_each(tmp_path: Path) -> None:
    script = read(tmp_path, ROLLING, "a.vtt")
    assert [(line.text, line.start, line.end) for line in script.lines] == [
        ("hello there", 0, 1),
        ("my friend", 1.01, 2),
    ]
    assert "captions that roll" in script.notes[0]


def test_rolling_captions_that_overlap_and_such_as_grow(tmp_path: Path) -> None:
    rows = ["one two three", "one two three\nfour five", "four five\nsix"]
    times = [("0:00.0", "0:03.0"), ("0:01.5", "0:05.0"), ("0:03.0", "0:07.0")]
    script = read(tmp_path, "".join(cue(row, *time) for row, time in zip(rows, times, strict=True)))
    assert said(script) == ["one two three", "four five", "six"]
    assert all(not one.overlaps(other) for one in script.lines for other in script.lines if one is not other)
    rows = ["the quick", "the quick brown", "the quick brown fox"]
    script = read(tmp_path, "".join(cue(row, f"0:0{n}.0", f"0:0{n + 1}.0") for n, row in enumerate(rows, 1)))
    assert said(script) == ["the quick", "brown", "fox"]


def test_what_is_said_twice_is_kept_and_what_is_there_twice_is_not(tmp_path: Path) -> None:
    assert said(read(tmp_path, cue("No.") + cue("No.", "0:02.1", "0:03.0"))) == ["No.", "No."]
    script = read(tmp_path, cue("No.") + cue("No."))
    assert said(script) == ["No."]
    assert "cues that are there twice: skipped (line 4)" in script.notes


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("Hello<br>there", "Hello there"),
        ("{\\an8}Hello\\Nthere {sighs}", "Hello there"),
        ("{\\k20}Hel{\\k30}lo\\hthere", "Hello there"),
        ("I know that 2 < 3 and 5 > 4", "I know that 2 < 3 and 5 > 4"),
        ("if a<b and c>d then", "if a<b and c>d then"),
        ('<font color="#fff"><i>Hello</i></font> <b>you</b>', "Hello you"),
        ("<c.yellow.bg_blue>Hello</c> <lang en>you</lang>", "Hello you"),
        ("<ruby>base<rt>top</rt></ruby>", "base"),
        ("Salt &amp; pepper &lt;3 &#39;n&#x27; more", "Salt & pepper <3 'n' more"),
        ("- Hello.\n- Bye.", "Hello. Bye."),
        (">> ANNA: Hello. (sighs) Well.", "Hello. Well."),
        ("DR. SMITH: Yes", "Yes"),
        ("[Anna]: Hello [door slams] you", "Hello you"),
        ("[whispers\nsoftly] Go", "Go"),
        ("- [gasps] - No!", "No!"),
        ("♪ la la ♪ Stop it", "Stop it"),
        ("-5 degrees at 10:30", "-5 degrees at 10:30"),
        ("Remember: never (the thing) (a) b", "Remember: never (the thing) (a) b"),
    ],
)
def test_marks_sounds_and_names_are_not_spoken(tmp_path: Path, written: str, spoken: str) -> None:
    assert said(read(tmp_path, cue(written))) == [spoken]


def test_a_name_that_comes_back_is_a_speaker(tmp_path: Path) -> None:
    script = read(tmp_path, cue("Bob: One.") + cue("Bob: Two.", "0:03", "0:04") + cue("Look: three.", "0:05", "0:06"))
    assert said(script) == ["One.", "Two.", "Look: three."]
    assert any(note.startswith("names of speakers") for note in script.notes)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("", "empty cues"),
        ("\n", "empty cues"),
        ("<i></i>", "empty cues"),
        ("♪ ♪", "sound descriptions"),
        ("♪ Happy birthday to you ♪", "sound descriptions"),
        ("# la la la #", "sound descriptions"),
        ("[MUSIC PLAYING]", "sound descriptions"),
        ("(door slams)", "sound descriptions"),
        ("MUSIC PLAYING", "sound descriptions"),
        ("(laughs)\n[crying]", "sound descriptions"),
    ],
)
def test_a_cue_without_words_is_skipped_with_a_note(tmp_path: Path, body: str, words: str) -> None:
    text = cue("Hello.") + cue(body, "0:03", "0:04") + cue("Bye.", "0:05", "0:06")
    script = read(tmp_path, text)
    assert said(script) == ["Hello.", "Bye."]
    assert any(words in note for note in script.notes)
    with pytest.raises(TextError, match="line 4"):
        read(tmp_path, text, strict=True)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("00:00:03,000 --> soon\nHi\n\n", "'soon' is not a time"),
        ("00:00:03,000 -->\nHi\n\n", "a time is missing"),
        (cue("Hi", "-00:00:03,000", "-00:00:02,000"), "a time is negative"),
    ],
)
def test_a_cue_without_times_is_skipped(tmp_path: Path, bad: str, words: str) -> None:
    text = cue("Hello.") + bad + cue("Bye.", "0:05", "0:06")
    script = read(tmp_path, text)
    assert said(script) == ["Hello.", "Bye."]
    assert any(f"line 4: {words}" in note for note in script.notes)
    with pytest.raises(TextError, match=f"line 4: {words}"):
        read(tmp_path, text, strict=True)


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        ("0:05.0", "0:04.0", "it ends at 4 s"),
        ("0:05.0", "0:05.0", "it ends at 5 s"),
        ("0:05.0", "0:05.05", "too short"),
    ],
)
def test_a_slot_that_is_none_is_mended(tmp_path: Path, start: str, end: str, words: str) -> None:
    script = read(tmp_path, cue("A few words.", start, end) + cue("Next.", "0:05.5", "0:06"))
    assert [line.text for line in script.lines] == ["A few words.", "Next."]
    assert script.lines[0].end == 5.5
    assert any(words in note for note in script.notes)


def test_overlaps_are_trimmed_or_joined(tmp_path: Path) -> None:
    trimmed = read(tmp_path, cue("First line", "0:01", "0:03.040") + cue("Second line", "0:03", "0:05"))
    assert [(line.start, line.end) for line in trimmed.lines] == [(1, 3), (3, 5)]
    assert any("line 4: it overlaps the one in line 1" in note for note in trimmed.notes)
    joined = read(tmp_path, cue("One thing", "0:01", "0:02") + cue("and another", "0:01.1", "0:03"))
    assert [(line.text, line.start, line.end) for line in joined.lines] == [("One thing and another", 1, 3)]
    with pytest.raises(TextError, match="line 4: it overlaps the one in line 1"):
        read(tmp_path, cue("First line", "0:01", "0:03.040") + cue("Second line", "0:03", "0:05"), strict=True)
    two = "0:01 --> 0:03\n<v left>One\n\n0:02 --> 0:04\n<v right>Two\n"
    assert [(line.start, line.end) for line in read(tmp_path, two, strict=True).lines] == [(1, 3), (2, 4)]


def test_cues_out_of_order_are_sorted(tmp_path: Path) -> None:
    script = read(tmp_path, cue("Later", "0:05", "0:06") + cue("Sooner"))
    assert [(line.number, line.text) for line in script.lines] == [(4, "Sooner"), (1, "Later")]


def test_empty_lines_inside_and_missing_between(tmp_path: Path) -> None:
    text = "1\n0:01 --> 0:02\nHello\n\nthere\n\n2\n0:03 --> 0:04\n\n42\n3\n0:05 --> 0:06\nend"
    script = read(tmp_path, text)
    assert said(script) == ["Hello there", "42", "end"]
    assert any("empty lines inside cues: joined" in note for note in script.notes)


def test_regions_styles_notes_and_names_of_cues(tmp_path: Path) -> None:
    text = (
        "WEBVTT - a scene\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:0\n\nREGION\nid:fred\nwidth:40%\n\n"
        "STYLE\n::cue(b) { color: red }\n\nNOTE a --> b\nnot this\n\nintro\n00:01.000 --> 00:02.000 region:fred\n"
        "One\n\n"
        "NOTE\nnor this\n\nsecond\n00:03.000 --> 00:04.000 line:0 align:start\n<v.loud Fred Smith>Two</v>\n"
    )
    script = read(tmp_path, text, "a.vtt")
    assert said(script) == ["One", "Two"]
    assert script.lines[1].face is None
    assert any("'Fred Smith' is no face" in note for note in script.notes)


@pytest.mark.parametrize(
    ("start", "seconds"),
    [
        ("00:00:01,500", 1.5),
        ("00:00:01.5", 1.5),
        ("0:01,50", 1.5),
        ("01.500", 1.5),
        ("00: 00: 01, 500", 1.5),
        ("00:00:01:500", 1.5),
        ("00:01:01.5", 61.5),
        ("61.5", 61.5),
        ("1:00:01.5", 3601.5),
    ],
)
def test_times_in_every_spelling(tmp_path: Path, start: str, seconds: float) -> None:
    assert read(tmp_path, cue("Hi", start, "2:00:00")).lines[0].start == seconds


@pytest.mark.parametrize("arrow", ["-->", " --> ", "→", "—>", "->"])
def test_arrows_in_every_spelling(tmp_path: Path, arrow: str) -> None:
    assert said(read(tmp_path, f"1\n00:00:01,000{arrow}00:00:02,000 X1:10 Y1:20\nHi\n")) == ["Hi"]


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_encodings_and_line_ends(tmp_path: Path, encoding: str, ends: str) -> None:
    text = ("1\n" + cue("Café here") + "2\n" + cue("Bye", "0:03", "0:04")).replace("\n", ends)
    script = read(tmp_path, text, encoding=encoding)
    assert said(script) == ["Café here", "Bye"]
    assert not script.notes


def test_an_old_windows_encoding_is_guessed_and_said(tmp_path: Path) -> None:
    script = read(tmp_path, cue("Café – “five” €"), encoding="cp1252")
    assert said(script) == ["Café – “five” €"]
    assert "Windows-1252" in script.notes[0]


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.srt").write_bytes(bytes(range(256)) * 20)
    with pytest.raises(TextError, match="is not text"):
        read_script(tmp_path / "a.srt")


def test_substation_alpha_and_sbv(tmp_path: Path) -> None:
    text = (
        "[Script Info]\nTitle: x\n\n[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, "
        "Effect, Text\nDialogue: 0,0:00:01.00,0:00:02.50,Default,,0,0,0,,{\\i1}Well,{\\i0} yes\\Nall right\n"
        "Dialogue: 0,0:00:03.00,0:00:04.00,Default,,0,0,0,,{\\p1}m 0 0 l 9 0{\\p0}\n"
        "Comment: 0,0:00:05.00,0:00:06.00,Default,,0,0,0,,no\n"
    )
    assert said(read(tmp_path, text, "a.ass")) == ["Well, yes all right"]
    assert said(read(tmp_path, "0:00:01.000,0:00:02.000\nHello\nthere\n", "a.sbv")) == ["Hello there"]


def test_tables_with_semicolons_and_bad_rows(tmp_path: Path) -> None:
    script = read(tmp_path, 'start;end;text\n0,5;2;"Hello; you"\nx;5;no\n3;4;Bye\n6;7;\n', "a.csv")
    assert [(line.text, line.start) for line in script.lines] == [("Hello; you", 0.5), ("Bye", 3)]
    assert any("line 3: 'x' is not a time" in note for note in script.notes)
    assert said(read(tmp_path, "start,end,text\n0,2,Hello, there\n", "a.csv")) == ["Hello, there"]


def test_many_of_a_kind_are_one_note(tmp_path: Path) -> None:
    script = read(tmp_path, "".join(cue(f"[bang] Number {n}", f"0:{n}", f"0:{n + 1}") for n in range(30)))
    (note,) = script.notes
    assert f"and {30 - MOST_NAMED} more" in note


def test_whatever_a_file_holds_ends_in_lines_or_our_own_error(tmp_path: Path) -> None:
    rng = random.Random(0)
    whole = ROLLING + cue("<v left>- [x] (y) ANNA: Hello {\\an8}♪\\N2 < 3", "0:05", "0:06") * 2
    for number in range(40):
        text = list(whole)
        for _ in range(rng.randint(1, 40)):
            place = rng.randrange(len(text))
            text[place : place + rng.randint(0, 4)] = rng.choice(
                ["\n", "\n\n", "-->", "<", ">", ":", "9", "{", "\\N", ""]
            )
        for name in ("a.srt", "a.vtt", "a.ass", "a.csv"):
            try:
                script = read(tmp_path, "".join(text), name, strict=number % 4 == 0)
            except TextError:
                continue
            for line in script.lines:
                assert 0 <= line.start < line.end
