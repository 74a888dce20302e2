"""Words edited in a recording: the whole way, on a drawn head with a spoken sentence."""

from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from small_models import write_generator

from synclips.data.grid import WordSpan
from synclips.data.synthetic import SyntheticSpeaker, draw_frames
from synclips.data.synthetic_voice import Articulation
from synclips.dubbing.edit import EditResult, edit
from synclips.dubbing.edit_plan import edited_transcript
from synclips.dubbing.edit_sound import edit_sound
from synclips.dubbing.options import DubOptions
from synclips.dubbing.prepared_video import open_source
from synclips.errors import InputError, MediaError, TextError
from synclips.media.audio import Sound, Waveform, read_sound, write_wav
from synclips.media.timebase import SAMPLE_RATE
from synclips.media.video import VideoWriter, read_frames
from synclips.speech.edits import Edit
from synclips.speech.splice import make_patch
from synclips.speech.transcript import Transcript, TranscriptWord
from synclips.speech.tts.hibari import HibariSynthesizer

TEXT = "Bin blue at F two now."
SECONDS = 2.6


@dataclass(frozen=True)
class Talk:
    """A video, what is said in it, and how to edit it."""

    path: Path
    transcript: Transcript
    options: DubOptions


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Talk:
    """A drawn head that says a sentence of GRID in the built-in voice, twice the reference that a voice needs."""
    folder = tmp_path_factory.mktemp("talk")
    spoken = HibariSynthesizer().synthesize(TEXT)
    rng = np.random.default_rng(0)
    samples = np.zeros(round(SECONDS * SAMPLE_RATE), np.float32)
    heard = spoken.waveform.resampled(SAMPLE_RATE).samples
    samples[4800 : 4800 + len(heard)] = heard[: len(samples) - 4800]
    samples += (1e-3 * rng.standard_normal(len(samples))).astype(np.float32)
    words = tuple(TranscriptWord(w.word, w.start + 0.3, w.end + 0.3) for w in spoken.words)
    spans = tuple(WordSpan(w.start, w.end, w.text.lower().strip(".")) for w in words)
    frames = draw_frames(SyntheticSpeaker.called("s2"), Articulation(spans, rng), round(SECONDS * 25), rng)
    images = [np.ascontiguousarray(image[:, 60:300]) for image in frames]
    path = folder / "talk.mkv"
    height, width = images[0].shape[:2]
    sound = Waveform(samples, SAMPLE_RATE)
    with VideoWriter(path, width, height, Fraction(25), codec="ffv1", audio=sound) as writer:
        for image in images:
            writer.write(image)
    reference = folder / "voice.wav"
    write_wav(reference, Waveform(np.tile(samples, 3), SAMPLE_RATE))
    model = write_generator(folder / "base.safetensors")
    options = DubOptions(
        checkpoint=model, device="cpu", codec="ffv1", provenance=False, voice="hibari", strength=0.0,
        voice_reference=reference,
    )  # fmt: skip
    return Talk(path, Transcript(words, SECONDS, "known"), options)


@pytest.fixture(scope="module")
def swapped(talk: Talk, tmp_path_factory: pytest.TempPathFactory) -> EditResult:
    output = tmp_path_factory.mktemp("edited") / "out.mkv"
    edits = [Edit("replace", "two", "five")]
    return edit(talk.path, output, edits, transcript=talk.transcript, fit="speed", options=talk.options)


def pictures(path: Path) -> list[np.ndarray]:
    return [frame.image for frame in read_frames(path)]


def test_only_the_span_is_changed(talk: Talk, swapped: EditResult) -> None:
    [span] = swapped.report.spans
    assert "five" in span.new
    assert "two" in span.said
    assert span.fit == "speed"
    before, after = pictures(talk.path), pictures(swapped.output)
    assert len(before) == len(after)
    changed = [k for k, (a, b) in enumerate(zip(before, after, strict=True)) if (a != b).any()]
    assert changed
    assert span.frames[0] <= changed[0]
    assert changed[-1] < span.frames[1]
    assert span.frames[0] >= span.start * 25 - 11
    assert span.frames[1] <= span.end * 25 + 11


def test_the_transcript_of_the_result_says_the_new_word(swapped: EditResult) -> None:
    said = [word.plain for word in swapped.transcript.words]
    assert said == ["bin", "blue", "at", "f", "five", "now"]
    starts = [word.start for word in swapped.transcript.words]
    assert starts == sorted(starts)
    assert swapped.report.text.lower().startswith("bin blue")


def test_a_longer_word_makes_the_video_longer_and_what_follows_keeps_its_sync(talk: Talk, tmp_path: Path) -> None:
    edits = [Edit("replace", "blue", "magnificent turquoise")]
    result = edit(
        talk.path, tmp_path / "out.mkv", edits, transcript=talk.transcript, fit="retime", options=talk.options
    )
    [span] = result.report.spans
    before, after = pictures(talk.path), pictures(result.output)
    more = len(after) - len(before)
    assert more > 3
    assert result.report.duration == pytest.approx(SECONDS + more / 25, abs=0.02)
    assert (after[-1] == before[-1]).all()
    assert (after[len(before) + more - 8] == before[len(before) - 8]).all()
    assert span.result_end - span.result_start == pytest.approx(span.end - span.start + more / 25, abs=0.01)
    source, made = read_sound(talk.path), read_sound(result.output)
    tail = round(0.3 * 48_000)
    end = round((SECONDS + more / 25) * 48_000)
    a, b = (
        source.samples[0, round(SECONDS * 48_000) - tail : round(SECONDS * 48_000)],
        made.samples[0, end - tail : end],
    )
    assert np.corrcoef(a[: len(b)], b[: len(a)])[0, 1] > 0.8  # the same moment, but for the codec


def test_words_are_taken_away(talk: Talk) -> None:
    with open_source(talk.path) as source:
        heard = edit_sound(
            source, [Edit("delete", "at F")], edited=None, transcript=talk.transcript, fit="auto", model="",
            options=talk.options,
        )  # fmt: skip
    said = edited_transcript(heard.transcript, heard.planned, heard.fps)
    assert "f" not in [word.plain for word in said.words]
    assert heard.sound.duration <= SECONDS + 0.05


@pytest.mark.parametrize(
    ("edits", "fit", "words"),
    [
        ([Edit("replace", "red", "white")], "auto", "'red' is not said; nearest is"),
        ([Edit("replace", "two", "a very much longer way of saying nothing at all here")], "speed", "--fit retime"),
        ([], "auto", "give either edits or an edited transcript"),
    ],
)
def test_what_cannot_be_done_is_said(talk: Talk, tmp_path: Path, edits: list[Edit], fit: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        edit(talk.path, tmp_path / "out.mkv", edits, transcript=talk.transcript, fit=fit, options=talk.options)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_music_under_the_place_is_found_and_said(talk: Talk) -> None:
    sound = read_sound(talk.path)
    at = np.arange(sound.samples.shape[1]) / 48_000
    held = np.sum([0.03 * np.sin(2 * np.pi * hertz * at) for hertz in (220, 277, 330, 440)], axis=0)
    silence = Waveform(np.zeros(4_800, np.float32), SAMPLE_RATE)
    found = [
        make_patch(Sound((sound.samples + under).astype(np.float32), 48_000), 48_000, 62_400, 14_400, silence,
                   pauses=(True, True)).music
        for under in (np.zeros(len(at)), held)
    ]  # fmt: skip
    assert found == [False, True]


def test_a_photograph_and_a_silent_video_say_nothing(talk: Talk, tmp_path: Path) -> None:
    silent = tmp_path / "silent.mp4"
    with VideoWriter(silent, 64, 48, Fraction(25)) as writer:
        for _ in range(5):
            writer.write(np.zeros((48, 64, 3), np.uint8))
    edits = [Edit("replace", "two", "five")]
    with pytest.raises(MediaError, match="nothing is said"):
        edit(silent, tmp_path / "out.mkv", edits, transcript=talk.transcript, options=talk.options)
    with pytest.raises(TextError, match="has no words"):
        edit(
            talk.path, tmp_path / "out.mkv", edits, transcript=Transcript((), 1.0), options=replace(talk.options),
        )  # fmt: skip
