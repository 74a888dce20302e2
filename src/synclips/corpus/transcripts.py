"""What is said in a video, from a file beside it: GRID's .align, .srt, .vtt, LRS's .txt or plain text.

Words have times where the file gives them (.align, LRS's list of words). A subtitle's words are spread over its time in
proportion to their letters. Plain text belongs to a video as a whole: its words are spread over the speech in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Bool

from synclips.data.grid import parse_alignment
from synclips.errors import DataError, TextError
from synclips.files import reason
from synclips.media.timebase import HOP, SAMPLE_RATE
from synclips.speech.captions import spoken_cues
from synclips.speech.script_faults import ScriptFaults
from synclips.speech.subtitles import read_cues
from synclips.speech.text.encoding import decode_text

Words = tuple[tuple[float, float, str], ...]
"""Start and end in seconds, and the word."""
MOST_BYTES: Final = 4 << 20


@dataclass(frozen=True)
class Transcript:
    """Words with times, or a text without. Both empty: nothing is known."""

    words: Words = ()
    text: str = ""

    def within(self, start: float, stop: float) -> Words:
        """The words whose middle lies in [start, stop), with times from `start` on."""
        return tuple(
            (max(0.0, a - start), min(b, stop) - start, word)
            for a, b, word in self.words
            if start <= (a + b) / 2 < stop
        )

    def spread(self, speech: Bool[np.ndarray, " steps"]) -> "Transcript":
        """A text without times gets them: its words in a row over the speech (steps of 10 ms) of the whole video."""
        if self.words or not self.text:
            return self
        steps = np.flatnonzero(speech)
        if len(steps) == 0:
            return Transcript()
        return Transcript(_spread(self.text.split(), steps * HOP / SAMPLE_RATE))


def read_transcript(path: Path | None, text: str = "") -> Transcript:
    """The transcript in `path`; without one, `text`.

    Raises:
        DataError: the file is damaged, or says nothing.
    """
    if path is None:
        return Transcript(text=text)
    if path.suffix == ".align":
        return Transcript(tuple((w.start, w.end, w.word) for w in parse_alignment(path)))
    try:
        with path.open("rb") as stream:
            content = stream.read(MOST_BYTES)
        written, _ = decode_text(content, path)
    except OSError as error:
        raise DataError(f"the transcript {path} cannot be read ({reason(error)})") from error
    except TextError as error:
        raise DataError(str(error)) from error
    if path.suffix in (".srt", ".vtt"):
        words = _of_subtitles(written, vtt=path.suffix == ".vtt")
        if not words:
            raise DataError(f"the transcript {path} has no cue; write 00:00:01,000 --> 00:00:03,000 above each line")
        return Transcript(words)
    if written.startswith("Text:"):
        return _of_lrs(written)
    return Transcript(text=" ".join(written.split()))


def _of_subtitles(written: str, *, vtt: bool) -> Words:
    faults = ScriptFaults()
    words: list[tuple[float, float, str]] = []
    for cue in spoken_cues(read_cues(written, faults, vtt=vtt), faults):
        said = " ".join(cue.rows).split()
        steps = np.arange(cue.start, max(cue.end, cue.start + 0.01), HOP / SAMPLE_RATE)
        words += _spread(said, steps)
    return tuple(words)


def _of_lrs(written: str) -> Transcript:
    """LRS2's and LRS3's file: the text, then, below a line of column names, word, start, end and a score."""
    lines = written.splitlines()
    words = []
    for line in lines[1:]:
        match line.split():
            case [word, start, end, *_] if _number(start) and _number(end):
                words.append((float(start), float(end), word.lower()))
    return Transcript(tuple(words)) if words else Transcript(text=lines[0].removeprefix("Text:").strip().lower())


def _number(text: str) -> bool:
    return text.replace(".", "", 1).isdecimal()


def _spread(words: Sequence[str], times: np.ndarray) -> Words:
    """Words over rising `times` (one a step), each as long as its letters' share."""
    if not words:
        return ()
    edges = np.concatenate([[0], np.cumsum([len(word) + 1 for word in words])])
    at = np.round(edges / edges[-1] * len(times)).astype(int).clip(0, len(times) - 1)
    step = HOP / SAMPLE_RATE
    return tuple(
        (round(float(times[a]), 3), round(float(times[max(a, b - 1)] + step), 3), word)
        for a, b, word in zip(at, at[1:], words, strict=False)
    )
