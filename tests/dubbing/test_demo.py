"""The demo: its own video, its picture of frames, its page, and all of them together."""

import json
import re
from dataclasses import replace
from fractions import Fraction
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import av
import numpy as np
import pytest
from PIL import Image

from synclips.cli.main import main
from synclips.data.portrait import demo_portrait
from synclips.dubbing.contact_sheet import CAPTION_HEIGHT, STRIP_FRAMES, STRIP_HEIGHT, write_strip
from synclips.dubbing.demo import Demo, DemoInput, demo_input, make_demo, playable
from synclips.dubbing.demo_page import BARS, waveform_path, write_demo_page
from synclips.dubbing.options import DubOptions
from synclips.errors import DownloadError
from synclips.media.audio import Waveform
from synclips.media.photo_video import still_to_video
from synclips.media.video import VideoWriter, probe, read_frames

LINE = "Hello <b>there</b> & hi!"
WORDS = (("one", 0.0, 0.4), ("two", 0.5, 0.9), ("three", 1.0, 1.4), ("four", 1.5, 1.9), ("five", 8.0, 8.4))


@pytest.fixture(scope="module")
def portrait(tmp_path_factory: pytest.TempPathFactory) -> DemoInput:
    """The demo's input where there is no network."""
    return demo_input(tmp_path_factory.mktemp("demo"), offline=True)


def test_without_a_network_the_portrait_moves(portrait: DemoInput) -> None:
    info = probe(portrait.path)
    assert (info.width, info.height, info.fps, info.has_audio) == (512, 512, 25, False)
    assert info.duration == pytest.approx(5.0)
    assert "public domain" in portrait.about
    assert "asked" in portrait.about


def test_with_a_network_a_real_clip_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = tmp_path / "clip.mpg"
    monkeypatch.setattr("synclips.data.demo_clip.fetch_demo_clip", lambda *_: clip)
    source = demo_input(tmp_path)
    assert source.path == clip
    assert "CC BY 4.0" in source.about


def test_an_unreachable_source_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> Path:
        raise DownloadError("no source of GRID answers")

    monkeypatch.setattr("synclips.data.demo_clip.fetch_demo_clip", fail)
    monkeypatch.setattr("synclips.dubbing.demo.PORTRAIT_SECONDS", 1)
    source = demo_input(tmp_path)
    assert source.path == tmp_path / "demo_portrait.mp4"
    assert "cannot be reached" in source.about


def test_the_strip_shows_the_original_above_the_dubbed(portrait: DemoInput, tmp_path: Path) -> None:
    """A darker, shorter copy stands for the dubbed video: each of its tiles is the same face, only darker."""
    darker = tmp_path / "darker.mp4"
    with VideoWriter(darker, 512, 512, Fraction(25)) as writer:
        for frame in still_to_video(demo_portrait(), 3):
            writer.write((frame * 0.5).astype(np.uint8))
    write_strip(tmp_path / "strip.png", portrait.path, darker)
    strip = np.asarray(Image.open(tmp_path / "strip.png")).astype(float)
    assert strip.shape == (2 * STRIP_HEIGHT, STRIP_FRAMES * STRIP_HEIGHT, 3)
    above, below = strip[:STRIP_HEIGHT], strip[STRIP_HEIGHT:]
    assert np.abs(above * 0.5 - below).mean() < 4
    assert np.abs(above[:, :STRIP_HEIGHT] - above[:, -STRIP_HEIGHT:]).mean() > 4  # the camera has moved on


def test_the_strip_shows_the_moments_of_words_and_names_them(portrait: DemoInput, tmp_path: Path) -> None:
    """The fifth word lies behind the end of the videos; three words are too few for a strip of their own."""
    write_strip(tmp_path / "strip.png", portrait.path, portrait.path, words=WORDS)
    strip = np.asarray(Image.open(tmp_path / "strip.png"))
    assert strip.shape == (2 * STRIP_HEIGHT + CAPTION_HEIGHT, 4 * STRIP_HEIGHT, 3)
    captions = strip[2 * STRIP_HEIGHT :].reshape(CAPTION_HEIGHT, 4, STRIP_HEIGHT, 3)
    assert (captions.max(axis=(0, 2, 3)) > 200).all()
    write_strip(tmp_path / "even.png", portrait.path, portrait.path, words=WORDS[:3])
    even = np.asarray(Image.open(tmp_path / "even.png"))
    assert even.shape == (2 * STRIP_HEIGHT, STRIP_FRAMES * STRIP_HEIGHT, 3)


class Page(HTMLParser):
    """What a page names in src and href, its tags, and the text between them."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.named: list[str] = []
        self.tags: list[str] = []
        self.text = ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep it."""
        self.tags.append(tag)
        self.named += [value for name, value in attrs if name in ("src", "href", "poster") and value]

    def handle_data(self, data: str) -> None:
        """Keep it."""
        self.text += data


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """A whole demo of the portrait."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("synclips.dubbing.demo.PORTRAIT_SECONDS", 2)
        return make_demo(tmp_path_factory.mktemp("out"), LINE, DubOptions(device="cpu"), offline=True)


def test_the_demo_writes_video_side_by_side_strip_and_page(demo: Demo) -> None:
    folder = demo.page.parent
    assert sorted(path.name for path in folder.iterdir()) == [
        "demo.html", "demo.mp4", "demo_portrait.mp4", "demo_side_by_side.mp4", "demo_strip.png",
    ]  # fmt: skip
    assert probe(demo.files.side_by_side).width > 2 * probe(demo.files.result).width
    assert demo.seconds >= demo.dubbed.report.seconds


def test_the_page_names_files_beside_it_and_nothing_else(demo: Demo) -> None:
    page = Page(demo.page)
    assert page.tags.count("video") == 2
    assert {demo.files.source.name, demo.files.result.name, demo.files.strip.name} <= set(page.named)
    for name in page.named:
        assert (demo.page.parent / unquote(name)).is_file(), name
    assert not re.search(r"https?:|//[a-z]|url\(|@import", demo.page.read_text(encoding="utf-8"))


def test_the_page_escapes_the_line_and_says_what_was_done(demo: Demo) -> None:
    markup, page = demo.page.read_text(encoding="utf-8"), Page(demo.page)
    report = demo.dubbed.report
    assert "<b>" not in markup
    assert LINE in page.text
    for said in (report.precision, str(report.speech.synthesizer), "512 x 512", "synclips dub", *report.all_notes):
        assert said in page.text
    for word, start, _ in report.speech.words:
        assert re.search(rf"{re.escape(word)}\s*{start:.2f} s", page.text)


def test_a_page_without_words_or_notes_has_none(demo: Demo, tmp_path: Path) -> None:
    speech = replace(demo.dubbed.report.speech, words=(), notes=())
    report = replace(demo.dubbed.report, speech=speech, notes=[], text="Words & more")
    write_demo_page(tmp_path / "page.html", demo.files, report, "a <clip>", 3.2)
    page = Page(tmp_path / "page.html")
    assert 'id="words"' not in (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "a <clip>" in page.text
    assert "Note" not in page.text


def test_the_waveform_follows_the_sound() -> None:
    """Silence, then a tone of half and of full size: bars of the smallest, half and full height."""
    tone = np.sin(np.arange(16_000) / 3).astype(np.float32)
    path = waveform_path(Waveform(np.concatenate([tone * 0, tone / 4, tone / 2]).astype(np.float32), 16_000))
    bars = [(float(a), float(b)) for a, b in re.findall(r"M[\d.]+ ([\d.]+)V([\d.]+)", path)]
    heights = [bottom - top for top, bottom in bars]
    assert len(heights) == BARS
    third = BARS // 3
    assert max(heights[: third - 1]) == pytest.approx(2)
    assert heights[third + 5] == pytest.approx(46, rel=0.05)
    assert heights[-5] == pytest.approx(92, rel=0.05)


def test_a_clip_that_browsers_do_not_play_is_copied_as_mp4(tmp_path: Path) -> None:
    """MPEG-1, as GRID's clips are; the copy has the same frames at the same times."""
    clip = tmp_path / "clip.mpg"
    with av.open(str(clip), "w") as container:
        stream = container.add_stream(
            "mpeg1video", rate=25, width=512, height=512, pix_fmt="yuv420p", bit_rate=4_000_000
        )
        for image in still_to_video(demo_portrait(), 1):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    copy = playable(clip, tmp_path / "copy.mp4")
    assert playable(copy, tmp_path / "again.mp4") == copy
    before, after = list(read_frames(clip)), list(read_frames(copy))
    assert [frame.time for frame in before] == pytest.approx([frame.time for frame in after], abs=1e-3)
    assert np.abs(before[20].image.astype(int) - after[20].image.astype(int)).mean() < 2


def test_the_command_says_what_it_made_and_where_to_look(
    demo: Demo, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("synclips.dubbing.demo.make_demo", lambda *_, **__: demo)
    assert main(["demo"]) == 0
    shown = capsys.readouterr()
    for said in (demo.page, demo.files.result, demo.files.side_by_side, demo.files.strip, f"{demo.seconds:.0f} s"):
        assert str(said) in shown.out
    assert "synclips dub" in shown.err
    assert main(["demo", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["page"], report["demo_seconds"]) == (str(demo.page), demo.seconds)
