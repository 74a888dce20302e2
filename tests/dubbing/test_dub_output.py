"""What comes with a dub: preview, comparison, label, signature; and what is said when a face is missing."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from small_models import write_generator

from synclips.cli.main import main
from synclips.data.portrait import demo_portrait
from synclips.dubbing.pipeline import DubOptions, DubResult, dub
from synclips.dubbing.preview import MOST_TEXT, SECONDS, make_preview, shortened
from synclips.errors import ConfigError, NoFaceError, OutputError
from synclips.media.audio import Waveform, read_audio, write_wav
from synclips.media.overlay import GAP, Label, write_side_by_side
from synclips.media.video import VideoWriter, probe, read_frames
from synclips.provenance.tags import tags_of
from synclips.provenance.verify import judge
from synclips.rendering import lip_sync

SIDE = 240


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_generator(tmp_path_factory.mktemp("model") / "base.safetensors")


@pytest.fixture(scope="module")
def portrait(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five seconds of the portrait, standing still, with tags of its own."""
    path = tmp_path_factory.mktemp("portrait") / "me.mp4"
    image = np.asarray(Image.fromarray(demo_portrait()).resize((SIDE, SIDE)))
    tags = {"title": "Our garden", "comment": "Rain at last"}
    with VideoWriter(path, SIDE, SIDE, Fraction(25), metadata=tags) as writer:
        for _ in range(125):
            writer.write(image)
    return path


@pytest.fixture(scope="module")
def noise(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sound") / "noise.wav"
    samples = 0.1 * np.random.default_rng(0).standard_normal(5 * 16_000).clip(-3, 3)
    write_wav(path, Waveform(samples.astype(np.float32), 16_000))
    return path


@pytest.fixture
def short(noise: Path, tmp_path: Path) -> Path:
    write_wav(tmp_path / "short.wav", read_audio(noise, stop=0.4))
    return tmp_path / "short.wav"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames are passed on, where the mouth is not what a test is about."""
    monkeypatch.setattr(lip_sync.LipSync, "render_part", lambda _self, frame, *_args, **_rest: frame.pixels)


@pytest.fixture
def say(portrait: Path, short: Path, model: Path, tmp_path: Path) -> Any:
    def dubbed(video: Path = portrait, name: str = "out.mp4", **rest: Any) -> DubResult:
        compare = rest.pop("compare", None)
        options = DubOptions(checkpoint=model, device="cpu", at_most=0.4, **rest)
        return dub(video, tmp_path / name, audio=short, compare=compare, options=options, overwrite=True)

    return dubbed


@pytest.mark.usefixtures("quick")
def test_a_dub_is_signed_and_keeps_the_users_tags(say: Any) -> None:
    pytest.importorskip("c2pa")
    result = say()
    assert judge(result.output).genuine
    tags = tags_of(result.output)
    assert tags["title"] == "Our garden"
    assert tags["comment"] == f"{result.report.origin} Rain at last"
    assert result.report.origin.startswith("Lips are synthetic"), "the speech was given"
    assert result.report.notes == []


@pytest.mark.usefixtures("quick")
def test_without_provenance_the_tags_still_say_it(say: Any) -> None:
    verdict = judge(say(provenance=False).output)
    assert not verdict.genuine
    assert "Lips are synthetic: made by SyncLips" in verdict.line


@pytest.mark.usefixtures("quick")
def test_what_cannot_be_signed_is_made_all_the_same(say: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("c2pa")
    result = say(name="out.mkv")
    assert result.report.notes == ["not signed: .mkv carries no signature; write an .mp4 or .mov for that"]
    assert judge(result.output).genuine

    def fail(*_: object) -> None:
        raise OutputError("no room")

    monkeypatch.setattr("synclips.provenance.c2pa_manifest.sign", fail)
    assert say().report.notes == ["not signed: no room"]


def test_a_certificate_that_cannot_sign_is_refused_before_anything_is_done(say: Any, tmp_path: Path) -> None:
    pytest.importorskip("c2pa")
    (tmp_path / "c.pem").write_text("nothing")
    with pytest.raises(ConfigError, match="is not a certificate in PEM"):
        say(certificate=tmp_path / "c.pem", private_key=tmp_path / "c.pem")
    with pytest.raises(ConfigError, match="go together"):
        say(certificate=tmp_path / "c.pem")


@pytest.mark.usefixtures("quick")
def test_the_label_is_on_every_frame_in_its_corner_only(say: Any) -> None:
    plain, labelled = (
        [frame.image.astype(int) for frame in read_frames(say(name=name, codec="ffv1", **rest).output)]
        for name, rest in (("a.mkv", {}), ("b.mkv", {"label": "Made by a machine"}))
    )
    rows, columns = Label("Made by a machine", SIDE, SIDE).place
    for before, after in zip(plain, labelled, strict=True):
        changed = np.abs(before - after).max(axis=2) > 0
        assert changed[rows, columns].mean() > 0.5
        changed[rows, columns] = False
        assert not changed.any()
        assert after[rows, columns].max() > 220, "white letters"


def test_a_label_fits_or_is_refused() -> None:
    frame = np.full((90, 160, 3), 200, np.uint8)
    label = Label("Synthetic speech and lips", 160, 90)
    rows, columns = label.place
    assert 0 <= rows.start < rows.stop <= 90
    assert 0 <= columns.start < columns.stop <= 160
    assert (label.draw(frame) != frame).any()
    assert (frame == 200).all()
    with pytest.raises(ConfigError, match="too long for a picture of 64 x 36"):
        Label("Synthetic speech and lips", 64, 36)
    for words in ("", " ", "x" * 81, "a\x07b"):
        with pytest.raises(ConfigError, match="printable"):
            Label(words, 160, 90)


@pytest.mark.usefixtures("quick")
def test_the_comparison_shows_source_and_result_at_the_same_moment(say: Any, tmp_path: Path) -> None:
    pytest.importorskip("c2pa")
    result = say(compare=tmp_path / "both.mp4", label="x")
    both, single = probe(tmp_path / "both.mp4"), probe(result.output)
    assert (both.width, both.height, both.fps) == (2 * SIDE + GAP, SIDE, single.fps)
    assert both.duration == pytest.approx(single.duration, abs=0.05)
    assert both.has_audio
    assert judge(tmp_path / "both.mp4").genuine
    for frame in read_frames(tmp_path / "both.mp4"):
        left, right = frame.image[: SIDE // 2, :SIDE], frame.image[: SIDE // 2, SIDE + GAP :]
        assert np.abs(left.astype(int) - right).mean() < 3


@pytest.mark.parametrize(("width", "height"), [(121, 75), (31, 20), (160, 90)])
def test_odd_sizes_are_put_side_by_side(tmp_path: Path, width: int, height: int) -> None:
    source = tmp_path / "a.mkv"
    bright = np.full((height, width, 3), 250, np.uint8)
    with VideoWriter(source, width, height, Fraction(25), codec="ffv1") as writer:
        writer.write(bright)
    pairs = [(bright, bright // 2, step / 25) for step in range(3)]
    write_side_by_side(tmp_path / "b.mp4", iter(pairs), probe(source), None, 3 / 25)
    frames = [frame.image for frame in read_frames(tmp_path / "b.mp4")]
    assert len(frames) == 3
    assert frames[0].shape[0] % 2 == frames[0].shape[1] % 2 == 0
    assert frames[0][: height // 2, : width - 2].mean() == pytest.approx(250, abs=4)
    assert frames[0][: height // 2, width + GAP + 2 : 2 * width + GAP - 2].mean() == pytest.approx(125, abs=4)


@pytest.mark.usefixtures("quick")
def test_a_preview_is_short_looks_at_little_and_is_replaced(
    portrait: Path, noise: Path, model: Path, tmp_path: Path
) -> None:
    looked: list[int] = []

    def count(stage: str, done: int, _total: int) -> None:
        if stage == "find the face":
            looked.append(done)

    options = DubOptions(checkpoint=model, device="cpu", cache=False)
    for _ in range(2):
        preview = make_preview(portrait, tmp_path / "out.mp4", audio=noise, options=options, on_progress=count)
    assert preview.clip == tmp_path / "out_preview.mp4"
    assert probe(preview.clip).duration == pytest.approx(SECONDS, abs=0.05)
    assert max(looked) <= SECONDS * 25 + 1
    height, width = np.asarray(Image.open(preview.strip)).shape[:2]
    assert preview.strip == tmp_path / "out_preview.png"
    assert width == 4 * height
    assert preview.seconds > 0
    assert not (tmp_path / "out.mp4").exists()


def test_a_long_text_is_shortened_to_whole_words() -> None:
    text = "word " * 40
    assert len(shortened(text)) <= MOST_TEXT
    assert set(shortened(text).split()) == {"word"}
    assert shortened("x" * 200) == "x" * MOST_TEXT
    assert shortened(" Hello. ") == "Hello."


def test_a_photograph_without_a_face_is_named_by_its_own_name(say: Any, tmp_path: Path) -> None:
    photograph = tmp_path / "wall.png"
    Image.fromarray(np.full((120, 160, 3), 128, np.uint8)).save(photograph)
    with pytest.raises(NoFaceError, match=r"no face was found in .*wall\.png"):
        say(photograph)


def test_a_silent_recording_is_remarked_on(say: Any, short: Path, quick: None) -> None:
    del quick
    write_wav(short, Waveform(np.zeros(8000, np.float32), 16_000))
    assert "all but silent" in say().report.speech.notes[0]


@pytest.mark.usefixtures("quick")
def test_frames_in_which_the_mouth_is_not_made_are_listed(say: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def half(video: Any, *_: Any) -> np.ndarray:
        return np.where(np.arange(len(video)) < 4, 0.5, 1).astype(np.float32)

    monkeypatch.setattr(lip_sync, "measure_visibility", half)
    faded = say().report.frames_faded
    assert faded[:4] == [0, 1, 2, 3]
    assert len(faded) < 9


def test_the_command_line_makes_a_preview(
    portrait: Path, short: Path, model: Path, tmp_path: Path, quick: None, capsys: pytest.CaptureFixture[str]
) -> None:
    del quick
    command = ["dub", str(portrait), "--audio", str(short), "--checkpoint", str(model), "--device", "cpu", "--quiet"]
    assert main([*command, "--output", str(tmp_path / "o.mp4"), "--preview", "--label"]) == 0
    out = capsys.readouterr().out
    assert "o_preview.mp4: 0.4 s" in out
    assert "original above, dubbed below; all in" in out
