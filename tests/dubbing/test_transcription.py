"""Transcribing: kept pieces, silence, doubtful words, and whose line it is."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from synclips.dubbing import transcription
from synclips.dubbing.active_speaker import Speaking, Window
from synclips.dubbing.transcription import transcribe
from synclips.errors import ConfigError, MediaError
from synclips.media.audio import Waveform, read_audio, write_wav
from synclips.media.timebase import SAMPLE_RATE
from synclips.media.video import VideoWriter
from synclips.speech.recognition import LONGEST_PIECE, Recogniser, pieces
from synclips.speech.transcript import TranscriptWord
from synclips.speech.tts.hibari import HibariSynthesizer


class Counting(Recogniser):
    """Hears one word a piece; stops after a number of pieces."""

    heard = 0
    stop_after = 99
    sure = 0.9

    def __init__(self, model: str) -> None:
        self.name = model

    def words(self, sound: Waveform) -> list[TranscriptWord]:
        assert sound.duration <= LONGEST_PIECE
        if Counting.heard >= Counting.stop_after:
            raise KeyboardInterrupt
        Counting.heard += 1
        return [TranscriptWord("Hello", 0.5, 1.0, self.sure)]


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> type[Counting]:
    monkeypatch.setattr(transcription, "Recogniser", Counting)
    Counting.heard, Counting.stop_after, Counting.sure = 0, 99, 0.9
    return Counting


def recording(path: Path, seconds: float, seed: int = 0) -> Path:
    """Bursts of a buzz with pauses."""
    at = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    on = (at % 2) < 1.4
    noise = 1e-3 * np.random.default_rng(seed).standard_normal(len(at))
    write_wav(path, Waveform((0.2 * np.sign(np.sin(754 * at)) * on + noise).astype(np.float32), SAMPLE_RATE))
    return path


def test_a_stopped_run_goes_on_and_a_second_one_need_not_listen(tmp_path: Path, counting: type[Counting]) -> None:
    path = recording(tmp_path / "talk.wav", 70)
    counting.stop_after = 1
    with pytest.raises(KeyboardInterrupt):
        transcribe(path)
    counting.stop_after = 99
    found = transcribe(path)
    assert counting.heard == len(list(pieces(read_audio(path)))) == 3
    heard = counting.heard
    assert transcribe(path) == found
    assert counting.heard == heard
    starts = [word.start for word in found.words]
    assert starts[0] == 0.5
    assert starts == sorted(starts)
    assert transcribe(path, cache=False) == found
    assert counting.heard == 2 * heard


def test_pieces_end_in_pauses() -> None:
    at = np.arange(60 * SAMPLE_RATE) / SAMPLE_RATE
    sound = Waveform((np.sin(700 * at) * ((at % 2) < 1.4)).astype(np.float32), SAMPLE_RATE)
    cut = list(pieces(sound))
    assert sum(len(piece.samples) for _, piece in cut) == len(sound.samples)
    assert all(piece.duration <= LONGEST_PIECE for _, piece in cut)
    assert all(start % 2 > 1.4 for start, _ in cut[1:])


def test_silence_has_no_words(tmp_path: Path, counting: type[Counting]) -> None:
    path = tmp_path / "silence.wav"
    write_wav(path, Waveform(np.zeros(SAMPLE_RATE * 3, np.float32), SAMPLE_RATE))
    with pytest.raises(MediaError, match="no speech is heard"):
        transcribe(path)
    assert counting.heard == 0


def test_doubtful_words_are_said_to_be_so(tmp_path: Path, counting: type[Counting]) -> None:
    counting.sure = 0.2
    [note] = transcribe(recording(tmp_path / "talk.wav", 3, seed=5)).notes
    assert "doubtful (mean confidence 0.20)" in note


def test_the_built_in_model_hears_words_and_their_times() -> None:
    pytest.importorskip("faster_whisper")
    spoken = HibariSynthesizer().synthesize("It costs twelve dollars a month.")
    sound = Waveform(np.pad(spoken.waveform.resampled(SAMPLE_RATE).samples, (8000, 8000)), SAMPLE_RATE)
    recogniser = Recogniser()
    words = recogniser.words(sound)
    assert [word.plain for word in words] == ["it", "costs", "twelve", "dollars", "a", "month"]
    for word, known in zip(words[1:], spoken.words[1:], strict=True):
        assert word.start == pytest.approx(known.start + 0.5, abs=0.3)
    assert recogniser.words(Waveform(np.zeros(SAMPLE_RATE, np.float32), SAMPLE_RATE)) == []
    with pytest.raises(ConfigError, match="no Whisper model is called"):
        Recogniser("no-such-model")


@pytest.mark.usefixtures("counting")
def test_each_line_goes_to_the_face_whose_lips_fit_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    video = tmp_path / "two.mp4"
    with VideoWriter(video, 64, 48, Fraction(25), audio=read_audio(recording(tmp_path / "talk.wav", 3))) as writer:
        for _ in range(75):
            writer.write(np.zeros((48, 64, 3), np.uint8))
    asked: list[float] = []

    def speaking(*_: object, around: list[float]) -> Speaking:
        asked.extend(around)
        return Speaking((Window(0.0, 2.0, {1: 0.1, 2: 0.4}),))

    monkeypatch.setattr(transcription, "link_faces", lambda *_: [1, 2])
    monkeypatch.setattr(transcription, "boxes_of", lambda _: None)
    monkeypatch.setattr(transcription, "moving_faces", lambda faces, _: faces)
    monkeypatch.setattr(transcription, "find_speaking", speaking)
    found = transcribe(video)
    assert [word.speaker for word in found.words] == [2]
    assert asked == pytest.approx([0.75])
    assert [word.speaker for word in transcribe(video, speakers=False).words] == [None]
