"""A script over a whole scene: lines in their slots, and everything else as it was."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from small_models import write_generator

from synclips.data.grid import WordSpan
from synclips.data.synthetic import SyntheticSpeaker, draw_frames
from synclips.data.synthetic_voice import Articulation
from synclips.dubbing.pipeline import DubOptions, DubResult, dub
from synclips.errors import InputError, NoFaceError, TextError
from synclips.media.audio import Sound, Waveform, read_audio
from synclips.media.picture import Box
from synclips.media.video import VideoWriter, read_frames
from synclips.rendering.frame_part import FramePart
from synclips.rendering.multi_line import Part, ScenePlan
from synclips.rendering.timeline import Timeline
from synclips.rendering.visibility import FADE, Kept
from synclips.speech.script import ScriptLine
from synclips.speech.script_timing import EDGE, HURRIED, PAUSE, UNHURRIED, FittedLine, fit_line, free_until, lay_over
from synclips.speech.tts.synthesizer import Speech, WordTime

RATE = 16_000
SECONDS = 2.4


def tone(seconds: float, pitch: float = 200.0, rate: int = RATE) -> Waveform:
    time = np.arange(round(seconds * rate)) / rate
    return Waveform((0.2 * np.sin(2 * np.pi * pitch * time)).astype(np.float32), rate)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A drawn head that talks for 2.4 s under a tone, without loss."""
    path = tmp_path_factory.mktemp("scene") / "scene.mkv"
    rng = np.random.default_rng(0)
    words = tuple(
        WordSpan(0.1 + 0.3 * n, 0.35 + 0.3 * n, word) for n, word in enumerate(["bin", "blue", "at", "f", "two", "now"])
    )
    frames = draw_frames(SyntheticSpeaker.called("s2"), Articulation(words, rng), round(SECONDS * 25), rng)
    images = [np.ascontiguousarray(image[:, 60:300]) for image in frames]
    height, width = images[0].shape[:2]
    with VideoWriter(path, width, height, Fraction(25), codec="ffv1", audio=tone(SECONDS)) as writer:
        for image in images:
            writer.write(image)
    return path


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> DubOptions:
    model = write_generator(tmp_path_factory.mktemp("model") / "base.safetensors")
    return DubOptions(checkpoint=model, device="cpu", voice="espeak", codec="ffv1", background="none")


@pytest.fixture(scope="module")
def dubbed(scene: Path, options: DubOptions, tmp_path_factory: pytest.TempPathFactory) -> DubResult:
    folder = tmp_path_factory.mktemp("dubbed")
    script = folder / "lines.csv"
    script.write_text("start,end,text\n1.0,1.6,Now then.\n")
    told = replace(options, pronounce=("then=ˈðɛən", "Goethe=ˈɡøːtə"))
    return dub(scene, folder / "out.mkv", script=script, options=told)


def test_the_picture_changes_only_around_the_line(scene: Path, dubbed: DubResult) -> None:
    before, after = ([frame.image for frame in read_frames(path)] for path in (scene, dubbed.output))
    assert len(before) == len(after)
    changed = [index for index, (one, other) in enumerate(zip(before, after, strict=True)) if (one != other).any()]
    [line] = dubbed.report.speech.lines
    first, last = round(1.0 * 25), round(line.end * 25)
    assert set(range(first, last)) <= set(changed)
    assert min(changed) >= first - FADE
    assert max(changed) <= last + FADE
    difference = [float(np.abs(one.astype(int) - other).max()) for one, other in zip(before, after, strict=True)]
    assert difference[min(changed)] < max(difference) / 2, "it fades in"


def test_the_sound_changes_only_in_the_slot(scene: Path, dubbed: DubResult) -> None:
    before, after = read_audio(scene).samples, read_audio(dubbed.output).samples
    assert len(after) == pytest.approx(len(before), abs=0.1 * RATE)
    [line] = dubbed.report.speech.lines
    for start, stop in ((0.1, 0.9), (line.end + 0.1, SECONDS - 0.1)):
        part = slice(round(start * RATE), round(stop * RATE))
        assert np.corrcoef(before[part], after[part])[0, 1] > 0.98
    inside = slice(round(1.05 * RATE), round(1.55 * RATE))
    spectrum = np.abs(np.fft.rfft(after[inside]))
    frequency = np.fft.rfftfreq(inside.stop - inside.start, 1 / RATE)
    assert spectrum[np.abs(frequency - 200) > 20].max() > spectrum[np.abs(frequency - 200) < 4].max()


def test_the_report_says_where_each_word_is(dubbed: DubResult) -> None:
    [line] = dubbed.report.speech.lines
    assert (line.line, line.start, line.face) == (2, 1.0, 1)
    assert line.words[0][1] >= 1.0
    assert line.words[-1][2] <= line.end + 0.05
    assert [word for word, *_ in line.words] == ["Now", "then"]
    notes = [note for note in dubbed.report.speech.notes if "not in the text" in note]
    assert notes == ["pronunciations of words that are not in the text: Goethe"]
    assert dubbed.report.duration == pytest.approx(SECONDS, abs=0.05)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("1.0,9.0,Late", r"line 2: it ends at 9 s, after the video, which ends at 2\.4"),
        ("0.5,0.8,These are many more words than anybody in the world could ever say in so short a time", "shorten it"),
        ("0.5,2.0,Hello", "line 2: there is no face 7"),
    ],
)
def test_lines_that_cannot_be_said_are_named(
    scene: Path, options: DubOptions, tmp_path: Path, rows: str, words: str
) -> None:
    script = tmp_path / "lines.csv"
    face = ",7" if "no face" in words else ","
    script.write_text(f"start,end,text,face\n{rows}{face}\n")
    with pytest.raises((TextError, NoFaceError), match=words):
        dub(scene, tmp_path / "out.mkv", script=script, options=replace(options, strict=True))
    assert not (tmp_path / "out.mkv").exists()


def test_two_names_of_one_face_do_not_speak_at_once(scene: Path, options: DubOptions, tmp_path: Path) -> None:
    script = tmp_path / "lines.csv"
    script.write_text("start,end,text,face\n0.2,1.2,One,left\n0.8,2.0,Two,right\n")
    with pytest.raises(TextError, match="line 3: it overlaps the one in line 2, and both are the same face's"):
        dub(scene, tmp_path / "out.mkv", script=script, options=replace(options, strict=True))


def test_bad_lines_do_not_stop_a_scene(scene: Path, options: DubOptions, tmp_path: Path) -> None:
    script = tmp_path / "lines.csv"
    long = "These are many more words than anybody in the world could ever say in so short a time"
    script.write_text(
        "start,end,text,face\n0.2,0.6,Hi.,left\n0.5,0.9,Ho.,right\n"
        f"1.0,1.3,{long},\n1.4,1.7,Nobody,7\n1.8,9.0,Late,\n9.1,9.9,Later,\n"
    )
    report = dub(scene, tmp_path / "out.mkv", script=script, options=options).report
    assert [(line.line, line.text) for line in report.speech.lines] == [(2, "Hi."), (3, "Ho."), (6, "Late")]
    for words in (
        "line 3: it overlaps",
        "line 4: it takes",
        "line 5: there is no face 7",
        "line 6: it ends at 9 s, after the video, which ends at 2.4",
        "line 7: it ends at 9.9 s",
    ):
        assert any(words in note for note in report.all_notes), words
    assert report.duration == pytest.approx(SECONDS, abs=0.05)


def test_no_line_that_can_be_spoken_is_said_to_be_so(scene: Path, options: DubOptions, tmp_path: Path) -> None:
    script = tmp_path / "lines.csv"
    script.write_text("start,end,text\n8.0,9.0,Later\n")
    with pytest.raises(TextError, match="no line of it can be spoken; line 2: it ends at 9 s"):
        dub(scene, tmp_path / "out.mkv", script=script, options=options)
    assert not (tmp_path / "out.mkv").exists()


def test_a_script_goes_with_no_other_length_and_no_other_text(scene: Path, tmp_path: Path) -> None:
    script = tmp_path / "lines.csv"
    script.write_text("start,end,text\n0.2,1.2,One\n")
    with pytest.raises(InputError, match="keeps its length"):
        dub(scene, tmp_path / "out.mkv", script=script, options=DubOptions(sync_mode="loop"))
    with pytest.raises(InputError, match="either a text, an audio file or a script"):
        dub(scene, tmp_path / "out.mkv", script=script, text="Hello")


def speech(seconds: float) -> Speech:
    return Speech(tone(seconds), (WordTime("word", 0.0, seconds),))


@pytest.mark.parametrize(
    ("natural", "until", "speed", "end"),
    [
        (2.0, 9.0, 1.0, 2.0),  # fits as it is
        (1.0, 9.0, UNHURRIED, 2.0),  # no slower than speech bears: the rest is quiet
        (2.4, 9.0, 1.2, 2.0),  # a little faster
        (3.0, 9.0, HURRIED, 2.4),  # runs over
        (3.0, 2.2, 3.0 / 2.2, 2.2),  # runs over as far as it may, and is faster
        (3.0, 2.0, 1.5, 2.0),
    ],
)
def test_a_line_is_fitted_to_its_slot(natural: float, until: float, speed: float, end: float) -> None:
    fitted = fit_line(ScriptLine(7, 0.0, 2.0, "word"), speech(natural), until)
    assert fitted is not None
    assert fitted.speed == pytest.approx(speed)
    assert fitted.end == pytest.approx(end, abs=0.01)
    assert fitted.speech.words[0].end == pytest.approx(natural / speed, abs=0.02)
    assert ("runs over" in fitted.note) == (end > 2.0 + EDGE)
    assert ("as fast as usual" in fitted.note) == (speed > HURRIED)


def test_what_does_not_fit_even_twice_as_fast_is_refused() -> None:
    assert fit_line(ScriptLine(7, 0.0, 1.0, "word"), speech(2.5), 1.2) is None


def test_a_line_may_run_over_until_shortly_before_the_next() -> None:
    lines = (ScriptLine(1, 0.0, 1.0, "a"), ScriptLine(2, 3.0, 4.0, "b"))
    assert free_until(lines[0], lines, 9.0) == pytest.approx(3 - PAUSE)
    assert free_until(lines[1], lines, 9.0) == 9.0


def test_lines_lie_over_the_original_without_a_click() -> None:
    original = tone(4.0, 100.0, 48_000)
    wanted = original.samples.copy()
    lines = [
        FittedLine(ScriptLine(1, start, start + 0.5, "a"), speech(0.4), 1.0, start + 0.5) for start in (1.0, 1.5, 3.0)
    ]
    mixed = lay_over(Sound.of(original), lines, None).mono()
    changed = np.flatnonzero(np.abs(mixed.samples - wanted) > 1e-4) / 48_000
    assert changed.min() >= 1.0 - EDGE - 1e-3
    assert changed.max() <= 3.5 + EDGE + 1e-3
    between = (changed > 2.0 + EDGE + 1e-3) & (changed < 3.0 - EDGE - 1e-3)
    assert not between.any()
    assert np.abs(mixed.samples[round(1.42 * 48_000) : round(1.45 * 48_000)]).max() < 1e-3, (
        "the rest of a slot is quiet"
    )
    assert np.abs(np.diff(mixed.samples)).max() < 0.02


@dataclass
class Marker:
    """A renderer that marks frames by its number, as far as its visibility lets it."""

    number: int
    visibility: np.ndarray
    kept: np.ndarray
    heard: list[tuple[int, float]] = field(default_factory=list)
    speech_layers: int = 0

    def plan(
        self, features: np.ndarray, times: np.ndarray, source: np.ndarray, on_frame: Callable[[], None] = lambda: None
    ) -> "Marked":
        del features, on_frame
        self.heard.append((len(source), float(times[0])))
        return Marked(self.visibility[source])

    def reach(self, source: int) -> Box:
        del source
        return 0, 0, 1, 1

    def render_part(
        self, frame: FramePart, source: int, plan: "Marked", step: int, skin: int | None = None
    ) -> np.ndarray:
        return self.render(frame.pixels, source, plan, step, skin)

    def render(self, frame: np.ndarray, source: int, plan: "Marked", step: int, skin: int | None = None) -> np.ndarray:
        del source, skin
        return np.maximum(frame, (frame == 0) * np.uint8(self.number) * np.uint8(plan.visibility[step] == 1))


@dataclass
class Marked:
    visibility: np.ndarray


def test_each_face_is_made_while_it_speaks_and_lines_that_meet_are_made_in_one_piece() -> None:
    count = 200
    timeline = Timeline(np.arange(count), np.arange(count) / 25, count / 25)
    one, two = (Marker(number, np.ones(count, np.float32), np.zeros(count, np.int8)) for number in (1, 2))
    one.visibility[30] = 0.5
    two.visibility[110] = 0
    two.kept[[110, 190]] = Kept.TURNED, Kept.SMALL
    plan = ScenePlan(timeline)
    no_cuts = np.zeros(0, np.int64)
    plan.add(one, [Part(1.0, 2.0, tone(1.0)), Part(2.2, 3.0, tone(0.8)), Part(6.0, 7.0, tone(1.0))], no_cuts)
    plan.add(two, [Part(4.0, 5.0, tone(1.0))], no_cuts)
    black = np.zeros((1, 1, 3), np.uint8)
    shown = [int(plan.render(black, step)[0, 0, 0]) for step in range(count)]
    assert shown[25:30] + shown[31:75] == [1] * 49
    assert shown[100:110] + shown[111:125] == [2] * 24
    assert shown[150:175] == [1] * 25
    assert shown[:24] + shown[76:99] + shown[126:149] + shown[176:] == [0] * (24 + 23 + 23 + 24)
    assert [length for length, _ in one.heard] == [50 + 2 * FADE + 2, 25 + 2 * FADE + 2]
    assert np.flatnonzero(plan.visibility() < 1).tolist() == [30, 110], "fading around a line is no fault of the face"
    assert {int(step): int(plan.kept()[step]) for step in np.flatnonzero(plan.kept())} == {110: Kept.TURNED}
