"""Scripts: the three formats read alike, and whatever is wrong is named with its line."""

from pathlib import Path

import pytest

from synclips.errors import TextError
from synclips.speech.script import ScriptLine, read_script

WANTED = (
    ScriptLine(0, 0.5, 2.0, "Hello, there.", "left"),
    ScriptLine(0, 63.25, 65.0, "Salt & pepper", None),
)
SRT = """1
00:00:00,500 --> 00:00:02,000
<v left><i>Hello,</i>
there.

2
00:01:03,250 --> 00:01:05,000
{\\an8}Salt &amp; pepper
"""
VTT = """WEBVTT - a scene

NOTE
not 00:00 --> 00:01 a cue

STYLE
::cue { color: red }

intro
00:00.500 --> 00:02.000 line:0 align:start
<v.loud left>Hello, there.</v>

01:03.250 --> 00:01:05.000
Salt &amp; pepper
"""
CSV = """start,end,face,text
0.5,2,left,"Hello,
there."

1:03.25,65,,Salt & pepper
"""


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(("name", "text"), [("a.srt", SRT), ("a.vtt", VTT), ("a.csv", CSV)])
def test_the_three_formats_say_the_same(tmp_path: Path, name: str, text: str) -> None:
    lines = read_script(write(tmp_path, name, text)).lines
    for line, wanted in zip(lines, WANTED, strict=True):
        assert (line.start, line.end, line.face) == (wanted.start, wanted.end, wanted.face)
        assert line.text.replace("\n", " ") == wanted.text


@pytest.mark.parametrize("encoded", [SRT.replace("\n", "\r\n").encode(), b"\xef\xbb\xbf" + SRT.encode()])
def test_line_ends_and_marks_of_windows_are_taken(tmp_path: Path, encoded: bytes) -> None:
    (tmp_path / "a.srt").write_bytes(encoded)
    assert len(read_script(tmp_path / "a.srt").lines) == 2


def test_lines_are_sorted_and_keep_their_numbers(tmp_path: Path) -> None:
    lines = read_script(write(tmp_path, "a.csv", "start,end,text\n5,6,Later\n1,2,Sooner\n")).lines
    assert [(line.text, line.number) for line in lines] == [("Sooner", 3), ("Later", 2)]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.csv", "start,end,text\n0,2,One\n1,3,Two\n", "line 3: it overlaps the one in line 2"),
        ("a.csv", "start,end,text,face\n0,2,One,left\n1,3,Two,\n", "line 3: it overlaps"),
        ("a.csv", "start,end,text\n-1,2,One\n", "line 2: a time is negative"),
        ("a.csv", "start,end,text,face\n0,2,One,Mary\n", "line 2: 'Mary' is no face"),
        ("a.csv", "start,end,text\n3,2,One\n", "line 2: it ends at 2 s, not after its beginning at 3 s"),
        ("a.csv", "start,end,text\n1,1.1,One\n", "line 2: 0.1 s are too short"),
        ("a.csv", 'start,end,text\n0,1,"One\n\n\n2,3,Two\n', "it is not CSV"),
        ("a.csv", 'start,end,text\n0,1,"One\n1"\nx,3,Two\n', "line 4: 'x' is not a time"),
        ("a.csv", "start,end,text\n0,1,One, two\n", "line 2: it has more values than columns"),
        ("a.csv", "from,to,text\n0,1,One\n", "line 1: there is no column start"),
        ("a.csv", "start,end,text\n0,1,\n", "line 2: "),
        ("a.csv", "", "has no lines"),
        ("a.srt", "\n\n", "has no lines"),
        ("a.srt", "1\n00:00:01,000 --> 00:00:02,000\n\n", "line 2: "),
        ("a.srt", "1\n-00:00:01,000 --> 00:00:02,000\nHi\n", "line 2: a time is negative"),
        ("a.srt", "1\n00:00:01,000 --> soon\nHi\n", "line 2: 'soon' is not a time"),
        ("a.srt", "1\n00:00:01,000 -->\nHi\n", "line 2: a time is missing"),
        ("a.srt", "0:01 --> 0:02\nHi\n0:03 --> 0:04\nHo\n", "line 3: an empty line is missing"),
        ("a.vtt", "WEBVTT\n\n0:01.0 --> 0:02.0\n<v Mary>Hi\n", "line 3: 'Mary' is no face"),
        ("a.txt", "Hi", "is not a script"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_with_its_place(tmp_path: Path, name: str, text: str, words: str) -> None:
    with pytest.raises(TextError) as caught:
        read_script(write(tmp_path, name, text), strict=True)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_two_faces_may_speak_at_once(tmp_path: Path) -> None:
    lines = read_script(write(tmp_path, "a.csv", "start,end,text,face\n0,2,One,left\n1,3,Two,right\n")).lines
    assert [line.face for line in lines] == ["left", "right"]


def test_a_file_that_is_not_there_or_not_utf8_is_said_to_be_so(tmp_path: Path) -> None:
    with pytest.raises(TextError, match="no such file"):
        read_script(tmp_path / "a.srt")
    (tmp_path / "b.srt").write_bytes("1\n0:01 --> 0:02\nÄ\n".encode("latin-1"))
    with pytest.raises(TextError, match="UTF-8"):
        read_script(tmp_path / "b.srt", strict=True)
