"""A transcript: the words that are said in a video, with their times; as JSON, SubRip or WebVTT, and read back."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any, Final

from synclips.errors import TextError
from synclips.speech.script_faults import ScriptFaults
from synclips.speech.subtitles import Cue, read_cues
from synclips.speech.text.encoding import decode_text

FORMATS: Final = (".json", ".srt", ".vtt")
LINE_PAUSE: Final = 0.6
"""Seconds of silence after which a new line begins."""
LONGEST_LINE: Final = 12
"""Words of a line, unless no sentence ends in it."""
_SENTENCE_END: Final = re.compile(r"[.!?…][\"'”’)]*$")
_SPEAKER: Final = re.compile(r"^\[(\d+)\]\s*")
_MOST_BYTES: Final = 1 << 26


@dataclass(frozen=True)
class TranscriptWord:
    """A word as it is written, its times in seconds of the video, how sure the recogniser is (0 to 1), and who says it:
    the number of a face (see `synclips faces`), None where that is not known."""

    text: str
    start: float
    end: float
    confidence: float = 1.0
    speaker: int | None = None

    @property
    def plain(self) -> str:
        """The word as it is compared: lower case, without the marks around it."""
        return plain(self.text)


@dataclass(frozen=True)
class Line:
    """Words that belong together: one speaker's, without a long pause."""

    words: tuple[TranscriptWord, ...]

    @property
    def start(self) -> float:
        """Seconds."""
        return self.words[0].start

    @property
    def end(self) -> float:
        """Seconds."""
        return self.words[-1].end

    @property
    def speaker(self) -> int | None:
        """Whose line it is."""
        return self.words[0].speaker

    @property
    def text(self) -> str:
        """The words, joined."""
        return " ".join(word.text for word in self.words)


@dataclass(frozen=True)
class Transcript:
    """What is said in a video.

    words:    in the order of time
    duration: of the video, seconds
    model:    of the recogniser
    notes:    for the user
    """

    words: tuple[TranscriptWord, ...]
    duration: float
    model: str = ""
    notes: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """All of it."""
        return " ".join(word.text for word in self.words)

    def lines(self) -> list[Line]:
        """The words in lines: a new one at a long pause, another speaker, and after a sentence where it gets long."""
        lines: list[list[TranscriptWord]] = []
        for word in self.words:
            if lines and not _breaks(lines[-1], word):
                lines[-1].append(word)
            else:
                lines.append([word])
        return [Line(tuple(words)) for words in lines]

    def with_speakers(self, speakers: Sequence[int | None]) -> "Transcript":
        """The transcript with these speakers, one for each of `lines`."""
        lines = self.lines()
        words = [replace(w, speaker=s) for line, s in zip(lines, speakers, strict=True) for w in line.words]
        return replace(self, words=tuple(words))

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {
            "duration": round(self.duration, 3),
            "model": self.model,
            "lines": [
                {
                    "start": round(line.start, 3),
                    "end": round(line.end, 3),
                    "speaker": line.speaker,
                    "text": line.text,
                    "words": [
                        {
                            "word": word.text,
                            "start": round(word.start, 3),
                            "end": round(word.end, 3),
                            "confidence": round(word.confidence, 3),
                        }
                        for word in line.words
                    ],
                }
                for line in self.lines()
            ],
        }

    def as_text(self, suffix: str) -> str:
        """The file's content for `.json`, `.srt` or `.vtt`."""
        if suffix == ".json":
            return json.dumps(self.as_dict(), indent=1, ensure_ascii=False) + "\n"
        several = len({line.speaker for line in self.lines()}) > 1
        mark, rows = ("," if suffix == ".srt" else "."), ["WEBVTT", ""] if suffix == ".vtt" else []
        for number, line in enumerate(self.lines(), 1):
            said = line.text
            if several and line.speaker is not None:
                said = f"[{line.speaker}] {said}" if suffix == ".srt" else f"<v {line.speaker}>{said}"
            times = f"{_clock(line.start, mark)} --> {_clock(line.end, mark)}"
            rows += [*([str(number)] if suffix == ".srt" else []), times, said, ""]
        return "\n".join(rows)


def plain(text: str) -> str:
    """A word as it is compared: lower case, without the marks around it, with straight apostrophes."""
    return re.sub(r"^[^\w$€£%]+|[^\w%$€£]+$", "", text.replace("’", "'").lower())


def read_transcript(path: Path, like: "Transcript | None" = None, *, as_heard: bool = False) -> Transcript:
    """The transcript in a file that `as_text` wrote, edited or not.

    In JSON people edit the text of a line; its words still say what was heard, and `as_heard` gives those.

    A subtitle file has no times of words: they are those of `like` where the words agree, else spread over the cue.

    Raises:
        TextError: the file cannot be read, or holds no transcript.
    """
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise TextError(f"{path} is no transcript; it should end in {', '.join(FORMATS)}")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise TextError(f"{path} cannot be read ({(error.strerror or str(error)).lower()})") from error
    if len(content) > _MOST_BYTES:
        raise TextError(f"{path} holds {len(content) >> 20} MB; that is no transcript")
    text, _ = decode_text(content, str(path))
    found = _of_json(text, path, as_heard) if suffix == ".json" else _of_cues(text, suffix, path, like)
    if any(after.start < before.start for before, after in pairwise(found.words)):
        found = replace(found, words=tuple(sorted(found.words, key=lambda word: (word.start, word.end))))
    return found


def _of_json(text: str, path: Path, as_heard: bool) -> Transcript:
    try:
        given = json.loads(text)
        words = []
        for line in given["lines"]:
            speaker = line.get("speaker")
            said = [
                TranscriptWord(
                    str(w["word"]), float(w["start"]), float(w["end"]), float(w.get("confidence", 1)), speaker
                )
                for w in line["words"]
            ]
            written = str(line.get("text", "")).split()
            # a line's text is what people edit; its words keep the times
            words += said if as_heard or not said or written == [w.text for w in said] else respread(said, written)
        return Transcript(tuple(words), float(given.get("duration", 0)), str(given.get("model", "")))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        what = f"{type(error).__name__}: {error}"
        raise TextError(f"{path} is not a transcript as `synclips transcribe` writes it ({what})") from error


def _of_cues(text: str, suffix: str, path: Path, like: Transcript | None) -> Transcript:
    cues = read_cues(text, ScriptFaults(strict=False), vtt=suffix == ".vtt")
    if not cues:
        raise TextError(f"{path} holds no cues; give a file that `synclips transcribe` wrote")
    words: list[TranscriptWord] = []
    for cue in cues:
        words += _of_cue(cue, like)
    return Transcript(tuple(words), like.duration if like else cues[-1].end)


def _of_cue(cue: Cue, like: Transcript | None) -> list[TranscriptWord]:
    said = re.sub(r"<[^>]*>", "", " ".join(cue.rows))
    number = _SPEAKER.match(said)
    name = number[1] if number else (cue.voice or "")
    speaker = int(name) if name.isdecimal() else None
    written = _SPEAKER.sub("", said).split()
    known = [w for w in like.words if cue.start - 0.05 <= (w.start + w.end) / 2 <= cue.end + 0.05] if like else []
    spread = [TranscriptWord("", cue.start, cue.end, 1.0, speaker)]
    return respread(known or spread, written)


def respread(known: Sequence[TranscriptWord], written: Sequence[str]) -> list[TranscriptWord]:
    """The words `written` at the times of those that were known; new words share the time of what they replace."""
    from difflib import SequenceMatcher

    result: list[TranscriptWord] = []
    matcher = SequenceMatcher(None, [w.plain for w in known], [plain(w) for w in written], autojunk=False)
    for kind, i, j, k, m in matcher.get_opcodes():
        if kind == "equal":
            result += [replace(known[i + n], text=written[k + n]) for n in range(m - k)]
        elif m > k:
            start = known[i].start if i < len(known) else known[-1].end
            end = known[j - 1].end if j > i else start
            edges = [start + (end - start) * n / (m - k) for n in range(m - k + 1)]
            near = known[min(i, len(known) - 1)]
            result += [
                replace(near, text=written[k + n], start=edges[n], end=edges[n + 1], confidence=1.0)
                for n in range(m - k)
            ]
    return result


def speakers_of(transcript: Transcript) -> list[int]:
    """The faces that are known to speak, each once."""
    return sorted({number for number, _ in groupby(word.speaker for word in transcript.words) if number is not None})


def _breaks(line: list[TranscriptWord], word: TranscriptWord) -> bool:
    before = line[-1]
    ended = _SENTENCE_END.search(before.text) is not None
    return (
        word.start - before.end > LINE_PAUSE
        or word.speaker != before.speaker
        or (ended and len(line) >= LONGEST_LINE // 3)
        or len(line) >= 2 * LONGEST_LINE
    )


def _clock(seconds: float, mark: str) -> str:
    thousandths = round(seconds * 1000)
    hours, rest = divmod(thousandths, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    return f"{hours:02d}:{minutes:02d}:{rest // 1000:02d}{mark}{rest % 1000:03d}"
