"""Typed results of a dub: the file, and a report of what was done."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from synclips.dubbing.options import DubOptions
from synclips.speech.synthesis import SpokenLine
from synclips.speech.tts.synthesizer import WordTime


@dataclass(frozen=True)
class SpeechReport:
    """What is heard. Without a text only `loudness` (LUFS), `duration` (seconds) and `notes` are known.

    Similarities are cosines of speaker embeddings against the reference voice, before and after conversion; F0 medians
    are in Hz; `words` are (word, start, end) in seconds of the video.
    """

    loudness: float | None = None
    duration: float | None = None
    notes: tuple[str, ...] = ()
    synthesizer: str | None = None
    converter: str | None = None
    similarity_before: float | None = None
    similarity_after: float | None = None
    f0_source: float | None = None
    f0_target: float | None = None
    f0_result: float | None = None
    words: tuple[tuple[str, float, float], ...] = ()
    lines: tuple["LineReport", ...] = ()


@dataclass(frozen=True)
class LineReport(SpeechReport):
    """One line of a script: `line` is its place in the file, `face` the number of the face that says it, `start` and
    `end` seconds of the video, `speed` the pace at which it fits its slot."""

    line: int = 0
    text: str = ""
    face: int = 0
    start: float = 0.0
    end: float = 0.0
    speed: float = 1.0


@dataclass(frozen=True)
class FaceReport:
    """The face that was dubbed: its `number` `of` all that the video shows. With a script, `numbers` by choice."""

    number: int | None = None
    of: int | None = None
    numbers: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class DubReport:
    """What `dub` made and how. Lists of frames name the first thousand. `precision` is that of the networks."""

    video: str
    output: str
    text: str | None
    audio: str | None
    script: str | None
    compare: str | None
    frames: int
    duration: float
    frames_without_face: list[int]
    frames_faded: list[int]
    width: int
    height: int
    fps: float
    face: FaceReport
    speech: SpeechReport
    sync_mode: str
    streams_left_out: list[str]
    origin: str
    notes: list[str]
    seconds: float
    options: dict[str, Any]
    model: dict[str, Any]
    device: str
    precision: str
    version: str

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self)

    @property
    def all_notes(self) -> list[str]:
        """Everything that a user should know, each once."""
        return list(dict.fromkeys([*self.face.notes, *self.speech.notes, *self.notes]))


@dataclass(frozen=True)
class DubResult:
    """The dubbed file, and what was done."""

    output: Path
    report: DubReport


def report_line(line: SpokenLine, start: float = 0.0) -> SpeechReport:
    """What is to be reported of a spoken line that begins `start` seconds into the video."""
    figures: dict[str, Any] = {
        name: round(value, 3) if isinstance(value, float) else value
        for name, value in vars(line).items()
        if name not in ("waveform", "words")
    }
    return SpeechReport(**figures, words=tuple(_word_at(word, start) for word in line.words))


def report_options(options: DubOptions) -> dict[str, Any]:
    """The options, ready for JSON."""
    return {name: str(value) if isinstance(value, Path) else value for name, value in asdict(options).items()}


def _word_at(word: WordTime, start: float) -> tuple[str, float, float]:
    return word.word, round(word.start + start, 3), round(word.end + start, 3)
