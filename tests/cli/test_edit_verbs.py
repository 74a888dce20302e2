"""The verbs transcribe and edit: what they take, and what they refuse before any work is done."""

from pathlib import Path

import pytest

from synclips.cli.edit import edits_of
from synclips.cli.main import build_parser, main
from synclips.errors import TextError
from synclips.speech.edits import Edit


def test_edits_are_taken_in_order_and_at_belongs_to_the_one_before() -> None:
    line = ["edit", "a.mp4", "--output", "b.mp4", "--replace", "ten=twelve", "--at", "3.5", "--delete", "well"]
    args = build_parser().parse_args([*line, "--insert", "good=very", "--insert", "hm", "--at", "1"])
    assert edits_of(args.edits) == [
        Edit("replace", "ten", "twelve", 3.5), Edit("delete", "well"), Edit("insert", "good", "very"),
        Edit("insert", "", "hm", 1.0),
    ]  # fmt: skip
    with pytest.raises(TextError, match="write it as"):
        edits_of([("replace", "ten", None)])


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (["edit", "VIDEO", "--output", "b.mp4"], "say what is to be changed"),
        (["edit", "VIDEO", "--output", "b.mp4", "--replace", "a=b", "--edited", "VIDEO"], "say what is to be changed"),
        (["edit", "VIDEO", "--output", "b.mp4", "--at", "1"], "--at belongs to"),
        (["edit", "VIDEO", "--output", "b.mp4", "--replace", "a=b", "--at", "-3"], "no time in a video"),
        (["edit", "nothing.mp4", "--output", "b.mp4", "--replace", "a=b"], "nothing.mp4"),
        (["edit", "VIDEO", "--output", "VIDEO", "--replace", "a=b", "--overwrite"], "also an input"),
        (["transcribe", "VIDEO", "--output", "b.txt"], "end it in .json, .srt, .vtt"),
        (["transcribe", "nothing.mp4"], "nothing.mp4"),
    ],
)
def test_what_is_refused_at_once(
    line: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video = tmp_path / "a.mp4"
    video.write_bytes(b"not looked at")
    assert main([str(video) if word == "VIDEO" else word for word in line]) in (1, 2)
    shown = capsys.readouterr().err.splitlines()[-1]
    assert words in shown
    assert list(tmp_path.iterdir()) == [video]
