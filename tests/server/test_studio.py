"""The Studio in a real browser: from an empty page to a downloaded dub; axe-core; a lost server."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_dub import write_tone
from playwright.sync_api import Browser, Page, expect, sync_playwright
from running_server import Running, free_port, node_modules, running, wait_until

from synclips.server.settings import ServerSettings

pytestmark = pytest.mark.long

WAIT = 60_000
"""Milliseconds that the page may take for one step on a busy machine."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium with a made camera and microphone."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    made = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--no-sandbox"]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=made)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser, server: Running, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A fresh page; at the end nothing may have gone wrong in its scripts, and nothing been asked of another server."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, permissions=["camera", "microphone"])
    opened = context.new_page()
    opened.set_default_timeout(WAIT)
    errors: list[str] = []
    asked: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("console", lambda message: errors.append(message.text) if "Content Security" in message.text else None)
    opened.on("request", lambda sent: asked.append(sent.url))
    yield opened
    context.close()
    assert errors == [] or "axe" in request.node.name  # axe adds styles, which the page's policy forbids
    assert {url.split("/")[2] for url in asked if url.startswith("http")} <= {server.url.split("/")[2]}


def open_clip(page: Page, server: Running, clip: Path) -> None:
    """From an empty page to a project."""
    page.goto(server.url)
    page.set_input_files("input[type=file]", str(clip))
    expect(page.get_by_role("heading", name="clip.mp4")).to_be_visible(timeout=WAIT)
    expect(page.get_by_role("radio", name="Face 1")).to_be_checked(timeout=WAIT)


def dub(page: Page, text: str) -> None:
    """Type a line and have it dubbed."""
    page.get_by_role("textbox", name="What is said").fill(text)
    page.get_by_role("button", name="Dub it").click()


def test_from_an_empty_page_to_a_downloaded_dub(page: Page, server: Running, clip: Path, tmp_path: Path) -> None:
    open_clip(page, server, clip)
    expect(page.get_by_role("button", name="Dub it")).to_be_disabled()
    page.get_by_role("textbox", name="What is said").fill("Hello.")
    page.get_by_role("button", name="Hear the voice").click()
    expect(page.get_by_text("1.0 s · video 1.0 s")).to_be_visible(timeout=WAIT)
    page.get_by_role("button", name="Dub it").click()
    link = page.get_by_role("link", name="Download")
    expect(link).to_be_visible(timeout=WAIT)
    with page.expect_download() as waiting:
        link.click()
    waiting.value.save_as(tmp_path / "got.mp4")
    assert (tmp_path / "got.mp4").read_bytes() == clip.read_bytes()
    for view in ("Source", "Side by side", "Wipe", "Result"):
        page.get_by_role("radio", name=view).check()
    expect(page.get_by_role("img", name="Sync of lips and sound: 0.27 in the mean; sure for 67 %")).to_be_visible()
    page.keyboard.press("Escape")
    page.locator(".stage").click(position={"x": 3, "y": 3})
    page.keyboard.press(".")
    expect(page.get_by_label("Time", exact=True)).to_contain_text("0:00.04")
    page.reload()
    expect(page.get_by_role("link", name="Download")).to_be_visible(timeout=WAIT)
    expect(page.get_by_role("textbox", name="What is said")).to_have_value("Hello.")


def test_a_failed_take_says_why_and_the_next_one_works(page: Page, server: Running, clip: Path) -> None:
    open_clip(page, server, clip)
    dub(page, "fail")
    expect(page.get_by_role("alert").filter(has_text="This take failed.")).to_contain_text("write words", timeout=WAIT)
    dub(page, "Hello.")
    expect(page.get_by_role("link", name="Download")).to_be_visible(timeout=WAIT)


def test_a_take_is_cancelled_renamed_and_deleted(page: Page, server: Running, clip: Path) -> None:
    open_clip(page, server, clip)
    dub(page, "slow 800")
    expect(page.get_by_role("progressbar", name="Progress of the dub")).to_be_visible(timeout=WAIT)
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("Cancelled")).to_be_visible(timeout=WAIT)
    page.get_by_role("button", name="Rename take").click()
    page.get_by_role("textbox", name="Take: new name").fill("Second try")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Second try")).to_be_visible(timeout=WAIT)
    page.get_by_role("button", name="Delete take").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("Nothing made yet.")).to_be_visible(timeout=WAIT)


def test_what_is_done_of_a_take_is_played_while_it_grows(page: Page, server: Running, clip: Path) -> None:
    open_clip(page, server, clip)
    dub(page, "show 1000")
    page.get_by_role("button", name="Play what is done").click(timeout=WAIT)
    player = page.get_by_label("What is done so far")
    expect(player).to_be_visible()
    wait_until(lambda: player.evaluate("video => video.currentTime") > 2.5, 60)
    assert player.evaluate("video => video.error") is None
    page.get_by_role("button", name="Hide").click()
    expect(player).to_have_count(0)
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("Cancelled")).to_be_visible(timeout=WAIT)


def test_a_script_is_checked_as_it_is_typed(page: Page, server: Running, clip: Path) -> None:
    open_clip(page, server, clip)
    page.get_by_role("radio", name="Script").check()
    box = page.get_by_role("textbox", name="What is said")
    box.fill("0:00 - 0:00.5 One.\n0:00.3 - 0:00.9 Two.")
    expect(page.get_by_text("Line 2 (0:00.30) begins before line 1 ends.")).to_be_visible()
    box.fill("1\n00:00:00,000 --> 00:00:00,500\nOne.\n\n2\n00:00:00,600 --> 00:00:00,950\n<i>Two.</i>\n")
    expect(page.get_by_text("2 lines")).to_be_visible()
    page.get_by_role("button", name="Dub it").click()
    expect(page.get_by_role("link", name="Download")).to_be_visible(timeout=WAIT)
    expect(page.get_by_text("One. Two.")).to_be_visible()


def test_speech_is_dropped_or_chosen_as_a_file(page: Page, server: Running, clip: Path, tmp_path: Path) -> None:
    open_clip(page, server, clip)
    page.get_by_role("radio", name="Recording").check()
    page.get_by_label("choose a file").set_input_files(str(write_tone(tmp_path / "line.wav")))
    expect(page.get_by_text("line.wav")).to_be_visible(timeout=WAIT)
    page.get_by_role("button", name="Dub it").click()
    expect(page.get_by_role("link", name="Download")).to_be_visible(timeout=WAIT)


def test_the_camera_is_recorded(page: Page, server: Running) -> None:
    page.goto(server.url)
    page.get_by_role("button", name="Record with the camera").click()
    page.get_by_role("button", name="Start recording").click()
    page.wait_for_timeout(1500)
    page.get_by_role("button", name="Stop and use it").click()
    expect(page.get_by_role("heading", name="Recording")).to_be_visible(timeout=WAIT)
    expect(page.get_by_role("radio", name="Face 1")).to_be_checked(timeout=WAIT)


def test_what_is_no_video_is_refused_with_words(page: Page, server: Running, tmp_path: Path) -> None:
    (tmp_path / "notes.mp4").write_text("no video")
    page.goto(server.url)
    page.set_input_files("input[type=file]", str(tmp_path / "notes.mp4"))
    expect(page.get_by_role("alert")).to_contain_text("notes.mp4", timeout=WAIT)
    expect(page.get_by_text("Drop a video or a photograph")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_nothing_serious(page: Page, server: Running, clip: Path, scheme: str, width: int) -> None:
    axe = node_modules("axe-core")
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(server.url)
    page.wait_for_selector(".drop")
    found = _serious(page, axe)
    open_clip(page, server, clip)
    dub(page, "Hello.")
    expect(page.get_by_role("link", name="Download")).to_be_visible(timeout=WAIT)
    assert found + _serious(page, axe) == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def _serious(page: Page, axe: Path) -> list[str]:
    page.evaluate((axe / "axe-core" / "axe.min.js").read_text(encoding="utf-8"))
    told = page.evaluate("axe.run()")
    return [
        f"{found['id']}: {node['html'][:120]}"
        for found in told["violations"]
        if found["impact"] in ("serious", "critical")
        for node in found["nodes"]
    ]


def test_a_lost_server_comes_back_and_the_page_goes_on(
    browser: Browser, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNCLIPS_FAKE_RESULT", str(clip))
    settings = ServerSettings(data_dir=tmp_path, port=free_port(), heartbeat_seconds=0.1, lease_seconds=5.0)
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(WAIT)
    with running(settings) as server:
        open_clip(page, server, clip)
        dub(page, "slow 100")
        expect(page.get_by_role("progressbar", name="Progress of the dub")).to_be_visible(timeout=WAIT)
    expect(page.get_by_text("The server does not answer")).to_be_visible(timeout=WAIT)
    with running(settings):
        expect(page.get_by_role("link", name="Download")).to_be_visible(timeout=WAIT)
        expect(page.get_by_text("The server does not answer")).not_to_be_visible()
        page.goto("about:blank")
        context.close()


def test_a_word_of_the_transcript_is_changed_heard_and_made(
    page: Page, server: Running, clip: Path, tmp_path: Path
) -> None:
    open_clip(page, server, clip)
    page.get_by_role("button", name="Write down what is said").click()
    page.get_by_role("button", name="dollars").click(timeout=WAIT)
    field = page.get_by_role("textbox", name="Instead of “dollars”")
    field.fill("euros")
    field.press("Enter")
    expect(page.locator(".word.changed ins")).to_have_text("euros")
    page.get_by_role("button", name="Hear it").click()
    expect(page.get_by_text("1 place, 0.4 s spoken anew")).to_be_visible(timeout=WAIT)
    page.get_by_role("button", name="Make the edited video").click()
    expect(page.get_by_role("link", name="Download")).to_be_visible(timeout=WAIT)
    mark = page.get_by_role("button", name="Changed: euros")
    expect(mark).to_be_visible(timeout=WAIT)
    wave, box = page.get_by_role("img", name="Waveform of the result").bounding_box(), mark.bounding_box()
    assert wave is not None
    assert box is not None
    assert (box["x"] - wave["x"]) / wave["width"] == pytest.approx(0.3, abs=0.02)
    assert box["width"] / wave["width"] == pytest.approx(0.4, abs=0.02)
    expect(page.get_by_text("Edited: “euros”").first).to_be_visible()
    page.locator(".transcript").scroll_into_view_if_needed()
    page.screenshot(path=tmp_path / "edited.png")
    page.reload()
    expect(page.locator(".word.changed ins")).to_have_text("euros", timeout=WAIT)
    page.get_by_role("button", name="Undo all changes").click()
    expect(page.locator(".word.changed")).to_have_count(0)


def test_a_voice_is_kept_chosen_and_deleted(page: Page, server: Running, clip: Path) -> None:
    open_clip(page, server, clip)
    page.get_by_text("Voice", exact=True).click()
    page.get_by_role("button", name="Keep this video's voice").click()
    voices = page.get_by_label("Spoken by")
    expect(voices.locator("optgroup[label='Kept voices'] option")).to_have_text("clip", timeout=WAIT)
    expect(voices).not_to_have_value("auto")
    dub(page, "Hello.")
    expect(page.get_by_role("link", name="Download")).to_be_visible(timeout=WAIT)
    page.get_by_role("button", name="Delete this voice").click()
    expect(voices).to_have_value("auto", timeout=WAIT)
    expect(page.get_by_role("button", name="Keep this video's voice")).to_be_visible()
