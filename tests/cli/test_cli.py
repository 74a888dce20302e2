"""The command line: what it parses, what it passes on, what it prints, and how it ends."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from synclips.cli.main import main, with_hyphens
from synclips.data.synthetic import write_synthetic_corpus
from synclips.dubbing.report import DubReport, DubResult, FaceReport, SpeechReport
from synclips.media.audio import Waveform, read_audio, write_wav
from synclips.version import __version__

REPOSITORY = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "synclips"]


GIVEN = ("in.mp4", "me.mp4", "me.wav", "a.wav", "lines.srt")
"""Files that the command lines of these tests name."""


def report_of(output: str, speech: SpeechReport) -> DubReport:
    return DubReport(
        video="me.mp4", output=output, text="Hello.", audio=None, script=None, compare=None, frames=62, duration=2.5,
        frames_without_face=[3, 4], frames_faded=[], width=360, height=288, fps=25.0, face=FaceReport(1, 1),
        speech=speech, sync_mode="auto", streams_left_out=[], origin="", notes=[], seconds=3.21, options={}, model={},
        device="cpu", precision="fp32", version="0",
    )  # fmt: skip


@pytest.fixture
def dubbed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[dict[str, Any]]:
    """Stands in for `synclips.dub`: records what it is called with, and writes a file."""
    import synclips.dubbing.pipeline

    calls: list[dict[str, Any]] = []

    def dub(video: Path, output: Path, **rest: Any) -> DubResult:
        calls.append({"video": video, "output": output, **rest})
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_bytes(b"a video")
        notes = ("a better voice is to be had",)
        speech = SpeechReport(synthesizer="espeak", notes=notes, loudness=float("-inf"))
        return DubResult(output, report_of(str(output), speech))

    monkeypatch.setattr(synclips.dubbing.pipeline, "dub", dub)
    monkeypatch.chdir(tmp_path)
    for name in GIVEN:
        Path(name).write_bytes(b"looked at by the real `dub` only")
    return calls


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"synclips {__version__}\n"


def test_help_needs_no_heavy_package() -> None:
    """Starting is quick because torch and its like are imported by the verbs that need them."""
    program = """
import sys
from synclips.cli.main import main
assert main(["--help"]) == 0
heavy = {"torch", "numpy", "av", "ai_edge_litert", "cv2", "rich", "scipy", "requests"} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL)


def test_underscores_are_hyphens_in_options_only() -> None:
    argv = ["dub", "--output_dir", "a_b", "--text=x_y", "--sync_mode=cut_off", "--", "--a_b"]
    assert with_hyphens(argv)[:5] == ["dub", "--output-dir", "a_b", "--text=x_y", "--sync-mode=cut_off"]


def test_dub_passes_on_every_option(dubbed: list[dict[str, Any]]) -> None:
    from synclips.dubbing.pipeline import DubOptions

    argv = "dub in.mp4 --text Hello. --output out.mkv --overwrite --sync-mode cut-off --keep-length --checkpoint c.st "
    argv += "--device cpu --voice espeak --voice-reference me.wav --no-voice-conversion --strength 0.5 --speed 1.5 "
    argv += "--background none --converter openvoice --quality 20 --codec hevc --keep-streams --audio-track 2 --no-fit "
    argv += "--pronounce Hello=həˈloʊ --pronounce Goodbye=ɡʊdˈbaɪ"
    assert main(argv.split()) == 0
    [call] = dubbed
    assert call["video"] == Path("in.mp4")
    assert call["output"] == Path("out.mkv")
    assert (call["text"], call["audio"], call["overwrite"]) == ("Hello.", None, True)
    assert call["options"] == DubOptions(
        sync_mode="cut_off",
        keep_length=True,
        checkpoint=Path("c.st"),
        device="cpu",
        voice="espeak",
        convert_voice=False,
        converter="openvoice",
        strength=0.5,
        speed=1.5,
        background="none",
        voice_reference=Path("me.wav"),
        quality=20,
        codec="hevc",
        keep_streams=True,
        audio_track=2,
        fit_lips=False,
        pronounce=("Hello=həˈloʊ", "Goodbye=ɡʊdˈbaɪ"),
    )


def test_dub_without_options_takes_the_defaults_of_the_library(dubbed: list[dict[str, Any]]) -> None:
    from synclips.dubbing.pipeline import DubOptions

    assert main(["dub", "in.mp4", "--audio", "a.wav", "--output", "out.mp4"]) == 0
    assert dubbed[0]["options"] == DubOptions()
    assert (dubbed[0]["text"], dubbed[0]["audio"], dubbed[0]["overwrite"]) == (None, Path("a.wav"), False)


@pytest.mark.usefixtures("dubbed")
def test_dub_says_in_one_line_what_it_did(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dub", "in.mp4", "--text", "Hello.", "--output", "out.mp4"]) == 0
    out, err = capsys.readouterr()
    assert out == (
        "out.mp4: 2.5 s of 360 x 288 at 25 frames/s, spoken by espeak, 2 frames without a face left as they were, "
        "made in 3 s\n"
    )
    assert err == "a better voice is to be had\n"
    assert main(["dub", "in.mp4", "--text", "Hello.", "--output", "out2.mp4", "--quiet"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("dubbed")
def test_dub_as_json_is_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dub", "in.mp4", "--text", "Hello.", "--output", "out.mp4", "--json"]) == 0
    out, err = capsys.readouterr()
    report = json.loads(out, parse_constant=lambda name: pytest.fail(name))
    assert out.count("\n") == 1
    assert err == ""
    assert report["output"] == "out.mp4"
    assert report["speech"]["loudness"] is None


def test_the_authors_command(dubbed: list[dict[str, Any]], capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    argv = ["dub", "--video_path", "clips/me.mov", "--text", "Hello.", "--output_dir", "results"]
    Path("clips").mkdir()
    Path("me.mp4").rename("clips/me.mov")
    assert main(argv) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "results/me_dubbed.mp4"
    assert json.loads((tmp_path / "results" / "me_dubbed.json").read_text())["duration"] == 2.5
    assert main(argv) == 1
    assert "--overwrite" in capsys.readouterr().err
    assert main([*argv, "--overwrite"]) == 0
    assert len(dubbed) == 2


@pytest.mark.parametrize("option", [["--text", "-"], ["--text-file", "-"], ["--text_file", "line.txt"]])
def test_text_from_standard_input_or_a_file(
    dubbed: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: list[str]
) -> None:
    content = b"\xef\xbb\xbfGood morning, Zo\xc3\xab!\n"
    (tmp_path / "line.txt").write_bytes(content)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert main(["dub", "in.mp4", *option, "--output", "out.mp4"]) == 0
    assert dubbed[0]["text"].strip() == "Good morning, Zoë!"


@pytest.mark.parametrize(
    ("script", "verb"), [("main.py", "dub"), ("preprocessing.py", "preprocess"), ("get_data.py", "download")]
)
def test_entry_points(script: str, verb: str) -> None:
    shown = subprocess.run([sys.executable, REPOSITORY / script, "--help"], capture_output=True, text=True, check=True)
    assert shown.stdout.startswith(f"usage: synclips {verb} ")


def test_train_script_needs_shards_only() -> None:
    command = [sys.executable, REPOSITORY / "scripts" / "train.py", "--help"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True)
    assert shown.stdout.startswith("usage: synclips recipe ")
    ended = subprocess.run([*command[:2], "--shards", "nowhere"], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "nowhere" in ended.stderr


def test_speak_writes_the_sound(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "hello.wav"
    argv = ["speak", "--text", "Hello there.", "--output", str(output), "--voice", "espeak"]
    assert main([*argv, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    sound = read_audio(output)
    assert report["synthesizer"].startswith("espeak")
    assert sound.duration == pytest.approx(report["duration"], abs=0.01)
    assert np.abs(sound.samples).max() > 0.05
    before = output.read_bytes()
    assert main(argv) == 1
    assert output.read_bytes() == before
    assert main([*argv, "--overwrite"]) == 0


def test_speak_takes_a_reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import synclips.speech.synthesis

    seen: dict[str, Any] = {}

    def speak(text: str, reference: Waveform | None = None, **rest: Any) -> synclips.speech.synthesis.SpokenLine:
        seen.update(rest, text=text, reference=reference)
        return synclips.speech.synthesis.SpokenLine(Waveform(np.zeros(800, np.float32), 16_000), (), "espeak")

    monkeypatch.setattr(synclips.speech.synthesis, "speak", speak)
    write_wav(tmp_path / "me.wav", Waveform(np.full(16_000, 0.1, np.float32), 16_000))
    options = ["--voice-reference", str(tmp_path / "me.wav"), "--strength", "0.3", "--no-voice-conversion"]
    options += ["--converter", "openvoice"]
    assert main(["speak", "--text", "Hello.", "--output", str(tmp_path / "a.wav"), *options]) == 0
    assert seen["reference"].duration == pytest.approx(1.0, abs=0.01)
    assert (seen["strength"], seen["convert"], seen["synthesizer"]) == (0.3, False, "auto")
    assert seen["converter"] == "openvoice"


@pytest.mark.parametrize(("words", "stdin"), [(["Hello."], ""), (["-"], "Hello."), (["--text", "-"], "Hello.")])
def test_speak_takes_the_line_as_it_comes(
    words: list[str], stdin: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import synclips.speech.synthesis

    said: list[tuple[str, Waveform | None]] = []

    def speak(text: str, reference: Waveform | None = None, **_: Any) -> synclips.speech.synthesis.SpokenLine:
        said.append((text, reference))
        return synclips.speech.synthesis.SpokenLine(Waveform(np.zeros(800, np.float32), 16_000), (), "espeak")

    monkeypatch.setattr(synclips.speech.synthesis, "speak", speak)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
    write_wav(tmp_path / "me.wav", Waveform(np.full(16_000, 0.1, np.float32), 16_000))
    argv = ["speak", *words, "--like", str(tmp_path / "me.wav"), "--output", str(tmp_path / "a.wav")]
    assert main(argv) == 0
    ((text, reference),) = said
    assert text == "Hello."
    assert reference is not None


@pytest.mark.parametrize(
    "argv", [["speak", "--output", "a.wav"], ["speak", "Hi.", "--text", "Hi.", "--output", "a.wav"]]
)
def test_speak_wants_one_line(argv: list[str]) -> None:
    assert main(argv) == 2


@pytest.mark.parametrize("argv", [["dub", "--voice", "list"], ["speak", "--voice=list"]])
def test_voice_list_needs_nothing_else(
    argv: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from synclips.speech.tts.engines import Voice

    monkeypatch.setattr("synclips.speech.tts.engines.list_voices", lambda _: (Voice("espeak:en", "built in"),))
    assert main(argv) == 0
    assert capsys.readouterr().out == "espeak:en  built in\n"


def test_voices_are_listed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from synclips.speech.tts.engines import Voice

    voices = (Voice("neural", "neural", "no weights here"), Voice("espeak:en", "built in"))
    monkeypatch.setattr("synclips.speech.tts.engines.list_voices", lambda _: voices)
    assert main(["voices"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "neural     neural; not here: no weights here",
        "espeak:en  built in",
    ]
    assert main(["voices", "--json"]) == 0
    assert [voice["name"] for voice in json.loads(capsys.readouterr().out)] == ["neural", "espeak:en"]


def test_debug_shows_where_an_error_arose(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "nowhere", "--debug"]) == 1
    *trace, line = capsys.readouterr().err.splitlines()
    assert trace[0].startswith("Traceback")
    assert line.startswith("synclips: error: ")


def test_a_reader_that_goes_away_is_no_error() -> None:
    process = subprocess.Popen([*COMMAND, "verify", "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    assert process.wait(60) in (0, 141)
    assert err == b""


def test_libraries_do_not_chatter_but_python_may() -> None:
    program = """
import os, sys
from synclips.cli.process import calm_process
with calm_process():
    os.write(2, b"chatter\\n")
    sys.stderr.write("heard\\n")
with calm_process(chatter=True):
    os.write(2, b"wanted\\n")
os.write(2, b"after\\n")
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stderr.splitlines() == ["heard", "wanted", "after"]


def test_a_dead_worker_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from concurrent.futures.process import BrokenProcessPool

    def die(*_: object, **__: object) -> None:
        raise BrokenProcessPool("A process in the process pool was terminated abruptly")

    monkeypatch.setattr("synclips.corpus.preprocess.preprocess", die)
    assert main(["preprocess"]) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert "--workers 1" in line


def interrupt(process: "subprocess.Popen[str]", number: signal.Signals, *, group: bool) -> tuple[int, list[str]]:
    """Send a signal, as a terminal does to the group or as `kill` does to the process; status and lines of stderr."""
    if group:
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    _, err = process.communicate(timeout=60)
    return process.returncode, err.splitlines()


@pytest.mark.long
@pytest.mark.parametrize(("number", "group"), [(signal.SIGINT, True), (signal.SIGINT, False), (signal.SIGTERM, False)])
def test_stopped_preprocessing_leaves_nothing_half_written_and_goes_on(
    tmp_path: Path, number: signal.Signals, group: bool
) -> None:
    raw, shards = tmp_path / "raw", tmp_path / "shards"
    write_synthetic_corpus(raw, ("s1", "s2"), clips=2, seconds=1.2)
    command = [*COMMAND, "preprocess", "--raw-dir", str(raw), "--output-dir", str(shards), "--workers", "2"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    deadline = time.monotonic() + 60
    while not list(shards.glob(".*.tmp.*")) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    status, lines = interrupt(process, number, group=group)
    assert status == 128 + number
    assert lines[-1] == "synclips: stopped; run the same command again and it goes on from there"
    assert all(line.startswith("preprocess: ") for line in lines[:-1]), "progress, where it took long"
    assert not list(shards.glob(".*"))
    assert not (shards / "manifest.json").exists()
    if group:
        subprocess.run(command, check=True, capture_output=True, start_new_session=True)
        assert main(["verify", str(shards)]) == 0


def test_a_signal_that_an_import_turns_into_its_own_error_stops_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As extension modules do: what is raised while they are imported comes out as an ImportError."""

    def importing(*_: object) -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        except BaseException as error:
            raise ImportError("the module cannot be initialised") from error

    monkeypatch.setattr("synclips.speech.reading.read_line", importing)
    assert main(["speak", "Hello.", "--output", str(tmp_path / "out.wav")]) == 130
    assert capsys.readouterr().err.splitlines() == ["synclips: stopped; nothing half-written is left"]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="signals caught are read from /proc")
def test_stopped_while_it_waits_for_the_text(tmp_path: Path) -> None:
    output = tmp_path / "never.wav"
    command = [*COMMAND, "speak", "--text-file", "-", "--output", str(output)]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, start_new_session=True)
    caught = 0
    while not caught >> (signal.SIGTERM - 1) & 1:
        [line] = [line for line in Path(f"/proc/{process.pid}/status").read_text().splitlines() if "SigCgt" in line]
        caught = int(line.split()[1], 16)
        time.sleep(0.05)
    status, lines = interrupt(process, signal.SIGINT, group=True)
    assert (status, lines) == (130, ["synclips: stopped; nothing half-written is left"])
    assert not list(tmp_path.iterdir())
