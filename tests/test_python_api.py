"""The public API: its names are pinned, and every snippet of docs/python.md runs."""

import ast
import re
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from small_models import write_generator

import synclips
from synclips.cli.dub_options import dub_options
from synclips.cli.main import build_parser
from synclips.dubbing.prepared_video import PREPARED_BY
from synclips.errors import InputError
from synclips.media.audio import Waveform, write_wav
from synclips.media.photo_video import still_to_video
from synclips.media.timebase import FPS
from synclips.media.video import VideoWriter, frames_in_order, probe

GUIDE = Path(__file__).parents[1] / "docs" / "python.md"
NAMES = {
    "DubOptions", "DubReport", "DubResult", "Edit", "EditReport", "EditResult", "FaceListing", "ListedFace",
    "PreparedVideo", "SpokenLine", "SyncLipsError",
    "Transcript", "TranscriptWord", "Waveform", "__version__", "dub", "edit", "faces", "prepare", "read_audio",
    "read_transcript", "speak", "transcribe", "write_wav",
}  # fmt: skip
API_ONLY = {"at_most"}
"""Fields of DubOptions that no option of `synclips dub` sets: --preview does."""


def test_the_public_names_are_these_and_each_is_there() -> None:
    assert set(synclips.__all__) == NAMES
    assert all(getattr(synclips, name) is not None for name in NAMES)
    with pytest.raises(AttributeError, match="no attribute 'undub'"):
        synclips.undub  # noqa: B018


def test_importing_the_library_imports_nothing_heavy() -> None:
    program = "import sys, synclips; assert not {'torch', 'numpy', 'av', 'cv2'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_every_option_of_the_command_line_has_the_default_of_dub_options() -> None:
    args = build_parser().parse_args(["dub", "in.mp4", "--text", "Hi.", "--output", "out.mp4"])
    assert dub_options(args) == synclips.DubOptions()
    missing = {name for name in vars(synclips.DubOptions()) if not hasattr(args, name)}
    assert missing == API_ONLY


@pytest.mark.parametrize("name", ["sync_mode", "codec", "background"])
def test_the_command_line_offers_every_value_that_an_option_can_have(name: str) -> None:
    [verbs] = [action for action in build_parser()._actions if isinstance(action.choices, dict)]
    assert isinstance(verbs.choices, dict)
    [action] = [action for action in verbs.choices["dub"]._actions if action.dest == name]
    hint = synclips.DubOptions.__annotations__[name]
    literal = next((part for part in get_args(hint) if get_args(part)), hint)
    assert action.choices is not None
    assert set(action.choices) == set(get_args(literal))


def test_defaults_that_the_help_names_are_those_of_dub_options() -> None:
    [verbs] = [action for action in build_parser()._actions if isinstance(action.choices, dict)]
    assert isinstance(verbs.choices, dict)
    named = 0
    for action in verbs.choices["dub"]._actions:
        found = re.search(r"default (\w+|[\d.]+)$", action.help or "")
        if found and action.dest in vars(synclips.DubOptions()):
            value = getattr(synclips.DubOptions(), action.dest)
            assert found[1] == (f"{value:g}" if isinstance(value, float | int) else value), action.dest
            named += 1
    assert named >= 5


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """in.mp4 (a face, a second, with sound), line.wav and lines.srt."""
    from synclips.data.portrait import demo_portrait

    folder = tmp_path_factory.mktemp("api")
    picture = demo_portrait()[40:400, 60:420]
    rng = np.random.default_rng(0)
    tone = np.sin(np.arange(24_000) * 0.05) * np.sin(np.arange(24_000) * 0.001) ** 2
    sound = Waveform((0.2 * tone + 0.01 * rng.normal(size=24_000)).astype(np.float32), 16_000)
    with VideoWriter(folder / "in.mp4", 360, 360, Fraction(FPS), audio=sound) as writer:
        for frame in still_to_video(picture, 1.5):
            writer.write(np.ascontiguousarray(frame[:360, :360]))
    write_wav(folder / "line.wav", sound)
    (folder / "lines.srt").write_text("1\n00:00:00,200 --> 00:00:01,300\nHi.\n")
    write_generator(folder / "small.safetensors")
    return folder


def test_a_prepared_video_is_dubbed_as_a_file_is(folder: Path, tmp_path: Path) -> None:
    options = synclips.DubOptions(checkpoint=folder / "small.safetensors", cache=False, codec="ffv1")
    with synclips.prepare(folder / "in.mp4", options=options) as video:
        made = [synclips.dub(video, tmp_path / f"{n}.mkv", audio=folder / "line.wav").output for n in range(2)]
    alone = synclips.dub(folder / "in.mp4", tmp_path / "alone.mkv", audio=folder / "line.wav", options=options).output
    pictures = [[*frames_in_order(path, range(probe(path).frame_count))] for path in (*made, alone)]
    np.testing.assert_array_equal(pictures[0], pictures[1])
    np.testing.assert_array_equal(pictures[0], pictures[2])


def test_what_a_video_was_prepared_with_cannot_be_changed_afterwards(folder: Path, tmp_path: Path) -> None:
    options = synclips.DubOptions(checkpoint=folder / "small.safetensors", cache=False)
    video = synclips.prepare(folder / "in.mp4", options=options)
    for name in PREPARED_BY:
        assert hasattr(options, name)
    with pytest.raises(InputError, match=r"in\.mp4 was prepared with checkpoint=.*give checkpoint=None to prepare"):
        synclips.dub(video, tmp_path / "out.mp4", text="Hi.", options=synclips.DubOptions(cache=False))


def test_a_prepared_photograph_leaves_no_temporary_file(folder: Path, tmp_path: Path) -> None:
    from PIL import Image

    from synclips.data.portrait import demo_portrait

    photograph = tmp_path / "her.png"
    Image.fromarray(demo_portrait()).save(photograph)
    options = synclips.DubOptions(checkpoint=folder / "small.safetensors")
    with synclips.prepare(photograph, options=options) as video:
        assert video.source.info.path.is_file()
        result = synclips.dub(video, tmp_path / "out.mp4", audio=folder / "line.wav")
        assert result.report.video == str(photograph)
    assert not video.source.info.path.exists()


@pytest.mark.long
def test_every_snippet_of_the_guide_runs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order in which they stand; with a small model, and in place of files that an earlier one left."""
    monkeypatch.chdir(folder)
    options = synclips.DubOptions
    small: dict[str, Any] = {"checkpoint": folder / "small.safetensors"}
    monkeypatch.setitem(vars(synclips), "DubOptions", lambda **given: options(**small | given))
    for name in ("dub", "prepare"):
        function = getattr(synclips, name)

        def with_small_model(*args: Any, _function: Any = function, **rest: Any) -> Any:
            rest.setdefault("options", None if isinstance(args[0], synclips.PreparedVideo) else options(**small))
            return _function(*args, **rest)

        monkeypatch.setitem(vars(synclips), name, with_small_model)
    snippets = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(snippets) >= 8
    names: dict[str, Any] = {}
    for snippet in snippets:
        for statement in _statements(snippet):
            if "out.mp4" in statement:  # a dub does not replace its output
                Path("out.mp4").unlink(missing_ok=True)
            exec(compile(statement, str(GUIDE), "exec"), names)
    assert names["result"].output == Path("out.mp4")
    assert names["report"].speech.words


def _statements(snippet: str) -> list[str]:
    """The snippet's top-level statements, each as source."""
    return [ast.get_source_segment(snippet, node) or "" for node in ast.parse(snippet).body]
