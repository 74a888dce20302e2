"""What is drawn while work goes on: amounts, rates, the time left, and how often."""

import io
import sys

import pytest

from synclips.cli.terminal import Stage, Terminal, in_words, one_line, write_line


class Clock:
    """Seconds as the test wants them."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Screen(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def plain_lines(steps: list[tuple[float, str, int, int]], *, quiet: bool = False) -> list[str]:
    """What is written where no bar can be drawn, for progress at the given seconds."""
    clock, stream = Clock(), io.StringIO()
    with Terminal(quiet=quiet, stream=stream, clock=clock) as terminal:
        for clock.now, stage, done, total in steps:
            terminal.progress(stage, done, total)
    return stream.getvalue().splitlines()


def test_a_stage_says_how_far_how_fast_and_how_long() -> None:
    stage = Stage("preprocess")
    stage.update(0, 100, 0.0)
    assert str(stage) == "0 of 100 (0%)"
    stage.update(20, 100, 10.0)
    assert str(stage) == "20 of 100 (20%), 2.0/s, 40 s left"
    stage.update(100, 100, 50.0)
    assert str(stage) == "100 of 100 (100%), 2.0/s"


def test_what_was_done_by_an_earlier_run_does_not_count_for_the_rate() -> None:
    stage = Stage("pretrain")
    stage.update(500, 1000, 0.0)
    stage.update(510, 1000, 20.0)
    assert str(stage) == "510 of 1000 (51%), 2.0 s each, 16 min left"


def test_the_rate_follows_a_change_of_pace() -> None:
    stage = Stage("render")
    stage.update(0, 2000, 0.0)
    stage.update(1000, 2000, 1.0)
    for second in range(2, 200):
        stage.update(1000 + second, 2000, float(second))
    assert stage.rate == pytest.approx(1.0, rel=0.01)


def test_downloads_count_megabytes() -> None:
    stage = Stage("download")
    stage.update(0, 450_000_000, 0.0)
    stage.update(90_000_000, 450_000_000, 30.0)
    assert str(stage) == "90.0 of 450.0 MB (20%), 3.0 MB/s, 2 min left"


def test_an_unknown_total_is_no_error() -> None:
    stage = Stage("demo clip")
    stage.update(0, 0, 0.0)
    assert str(stage) == "at work"
    stage.update(2_000_000, 0, 4.0)
    assert str(stage) == "2.0 MB, 0.5 MB/s"


def test_a_stage_that_starts_anew_forgets_its_rate() -> None:
    stage = Stage("speak")
    stage.update(0, 10, 0.0)
    stage.update(10, 10, 1.0)
    stage.update(0, 4, 100.0)
    assert stage.rate is None


def test_without_a_screen_a_line_now_and_then() -> None:
    steps = [(second / 10, "render", second, 600) for second in range(600)]
    lines = plain_lines(steps)
    assert len(lines) == 5
    assert lines[0] == "render: 100 of 600 (17%), 10.0/s, 50 s left"


def test_short_work_and_quiet_work_say_nothing() -> None:
    assert plain_lines([(0.0, "render", 1, 10), (9.0, "render", 10, 10)]) == []
    assert plain_lines([(0.0, "render", 1, 10), (99.0, "render", 10, 10)], quiet=True) == []


def test_a_screen_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "120")
    screen, clock = Screen(), Clock()
    with Terminal(stream=screen, clock=clock) as terminal:
        terminal.progress("find the face", 0, 40)
        clock.now = 5.0
        terminal.progress("find the face", 10, 40)
        terminal.progress("render [1]", 1, 8)
    drawn = screen.getvalue()
    assert "find the face" in drawn
    assert "10 of 40 (25%), 2.0/s, 15 s left" in drawn
    assert "━" in drawn
    assert "\x1b[?25h" in drawn  # the cursor is back


def test_a_quiet_screen_stays_empty() -> None:
    screen = Screen()
    with Terminal(stream=screen, quiet=True) as terminal:
        terminal.progress("render", 1, 2)
        terminal.note("by the way")
    assert screen.getvalue() == ""


def test_results_go_to_stdout_and_notes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    with Terminal() as terminal:
        terminal.note("by the way")
        terminal.result("out.mp4")
    out, err = capsys.readouterr()
    assert (out, err) == ("out.mp4\n", "by the way\n")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "1 s"),
        (40.0, "40 s"),
        (89.0, "89 s"),
        (720.0, "12 min"),
        (11_100.0, "3 h 5 min"),
        (90_000.0, "25 h 0 min"),
    ],
)
def test_times_in_words(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


def test_names_that_the_stream_cannot_show_are_escaped() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    write_line(stream, "für \udcff.mp4")
    stream.seek(0)
    assert stream.read() == "f\\xfcr \\udcff.mp4\n"


def test_messages_are_one_line() -> None:
    assert one_line("no such\nfile:\t\x1b[31m") == "no such file: ?[31m"
    assert one_line("größer 日本") == "größer 日本"


def test_stdout_is_the_one_of_the_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    with Terminal() as terminal:
        monkeypatch.setattr(sys, "stdout", other := io.StringIO())
        terminal.result("here")
    assert other.getvalue() == "here\n"
