"""The plan of an edited video: which words are spoken anew, the new sound, and which frame is shown when."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final, Literal

import numpy as np
from jaxtyping import Float64

from synclips.errors import TextError
from synclips.media.audio import Sound, Waveform
from synclips.media.frame_index import FrameIndex
from synclips.media.timebase import SAMPLE_RATE
from synclips.progress import Progress
from synclips.rendering.timeline import Timeline
from synclips.speech.edit_span import Cutter, Span
from synclips.speech.edits import Change
from synclips.speech.person_voice import PersonVoice
from synclips.speech.respoken import NewWords, Sentence, align_sentence, say_within, sentence_around
from synclips.speech.splice import Patch, make_patch
from synclips.speech.transcript import Transcript

Fit = Literal["auto", "speed", "retime"]
FITS: Final = ("auto", "speed", "retime")
UNHURRIED: Final = (0.87, 1.18)
"""Speeds, relative to the person's pace, at which new words are fitted into the old ones' time by `auto`."""
SLOWEST, FASTEST = 0.5, 2.0
"""Frames of a span for each that it had: beyond these a head visibly stands or jumps."""
_NEIGHBOURS: Final = 3
"""Words between two changes that are spoken anew with them."""


@dataclass(frozen=True)
class PlannedEdit:
    """One span.

    change:      the words
    said, new:   the words that are replaced, and what is said instead; words spoken anew for a better cut among them
    start, end:  seconds of the source that are replaced
    first, last: frames of the source in it (last exclusive)
    frames:      how many it has in the result
    words:       what is said there
    patch:       the sound
    fit:         speed or retime
    """

    change: Change
    said: str
    new: str
    start: float
    end: float
    first: int
    last: int
    frames: int
    words: NewWords
    patch: Patch
    fit: str


def merged(changes: Sequence[Change], transcript: Transcript) -> list[Change]:
    """Changes that lie next to each other as one."""
    result: list[Change] = []
    for change in changes:
        if result and change.first - result[-1].last <= _NEIGHBOURS:
            before = result.pop()
            between = [word.text for word in transcript.words[before.last : change.first]]
            text = " ".join([*before.text.split(), *between, *change.text.split()])
            change = Change(before.first, change.last, text)
        result.append(change)
    return result


def plan_edits(
    transcript: Transcript,
    changes: Sequence[Change],
    sound: Sound,
    index: FrameIndex,
    voice: PersonVoice,
    fit: Fit,
    fps: float,
    on_progress: Progress,
) -> list[PlannedEdit]:
    """Every change spoken and fitted, in order.

    Raises:
        TextError: new words cannot be carried by the video or the pace.
    """
    heard = sound.mono(SAMPLE_RATE)
    breaks = _breaks(transcript)
    changes = merged(changes, transcript)
    planned: list[PlannedEdit] = []
    frames = samples = 0
    for number, change in enumerate(changes):
        on_progress("speak the new words", number, len(changes))
        before = changes[number - 1].last if number else 0
        after = changes[number + 1].first if number + 1 < len(changes) else len(transcript.words)
        one = _Planner(transcript, change, sound, heard, index, voice, fit, fps)
        plan = one.plan(breaks, before, after, frames, samples)
        frames += plan.frames - (plan.last - plan.first)
        samples += plan.patch.change
        planned.append(plan)
    on_progress("speak the new words", len(changes), len(changes))
    for a, b in pairwise(planned):
        if b.start < a.end:
            raise TextError(f"{a.new!r} and {b.new!r} lie too close together; change the words between them, too")
    return planned


@dataclass
class _Planner:
    transcript: Transcript
    change: Change
    sound: Sound
    heard: Waveform
    index: FrameIndex
    voice: PersonVoice
    fit: Fit
    fps: float

    def plan(self, breaks: list[int], before: int, after: int, frames: int, samples: int) -> PlannedEdit:
        """`before`, `after`: words that other changes reach to; `frames`, `samples`: by how much these are moved."""
        words, change = self.transcript.words, self.change
        low, high = sentence_around(words, change, breaks)
        low, high = max(low, before), min(high, after)
        sentence = align_sentence(self.heard, words, low, high, self.voice)
        cutter = Cutter(sentence.sound, sentence.times)
        span: Span | None = cutter.span(change.first - low, change.last - low)
        assert span is not None
        if change.first == change.last and span.first == span.last and not span.left.pause:
            span = cutter.wider(span) or span  # nothing can be cut open between two words that run together
        while True:
            found = self._fitted(sentence, span)
            if found is not None:
                break
            wider = cutter.wider(span)
            if wider is None:
                raise TextError(self._too_long(sentence, span))
            span = wider
        new, count, fitted = found
        first, last, start, end = self._place(sentence, span)
        rate = self.sound.sample_rate
        a, b = round(start * rate), round(end * rate)
        moved = round((frames + count - (last - first)) / self.fps * rate) if fitted == "retime" else samples
        length = b - a + moved - samples
        patch = make_patch(
            self.sound, a, b, length, new.speech, pauses=(span.left.pause, span.right.pause), seed=change.first
        )
        said = " ".join(w.text for w in words[low + span.first : low + span.last])
        spoken = " ".join(w.word for w in new.words)
        return PlannedEdit(change, said, spoken, start, end, first, last, count, new, patch, fitted)

    def _place(self, sentence: Sentence, span: Span) -> tuple[int, int, float, float]:
        """Frames and seconds of the source."""
        start, end = sentence.start + span.left.time, sentence.start + span.right.time
        first, last = np.searchsorted(self.index.times, [start, end])
        return int(first), int(last), start, end

    def _fitted(self, sentence: Sentence, span: Span) -> tuple[NewWords, int, str] | None:
        """The new words, how many frames they get, and how they were fitted; None where the span is too short."""
        first, last, start, end = self._place(sentence, span)
        words = self.transcript.words
        natural = say_within(sentence, words, self.change, span, self.voice, seconds=None)
        ratio = natural.speech.duration / max(end - start, 1e-3)
        if self.fit == "speed" or (self.fit == "auto" and UNHURRIED[0] <= ratio <= UNHURRIED[1]):
            try:
                new = say_within(sentence, words, self.change, span, self.voice, seconds=end - start)
            except TextError:
                return None
            return new, last - first, "speed"
        count = last - first
        more = round((natural.speech.duration - (end - start)) * self.fps)
        if count == 0 or not SLOWEST <= (count + more) / count <= FASTEST:
            return None
        seconds = end - start + more / self.fps
        try:
            return say_within(sentence, words, self.change, span, self.voice, seconds=seconds), count + more, "retime"
        except TextError:
            return None

    def _too_long(self, sentence: Sentence, span: Span) -> str:
        natural = say_within(sentence, self.transcript.words, self.change, span, self.voice, seconds=None)
        has = span.duration
        if natural.speech.duration < has:
            return (
                f"taking words away at {sentence.start + span.left.time:.1f} s would leave a jump in the picture; use "
                "--fit speed, which leaves a pause"
            )
        way = "--fit retime" if self.fit == "speed" else "fewer words"
        return (
            f"{self.change.text!r} takes {natural.speech.duration:.1f} s, and the video has {has:.1f} s at "
            f"{sentence.start + span.left.time:.1f} s: more than it can carry; use {way}"
        )


def edited_timeline(index: FrameIndex, planned: Sequence[PlannedEdit], fps: float) -> Timeline:
    """Frames outside of the spans keep the time between them; in a retimed span they are spread evenly."""
    source: list[np.ndarray] = []
    times: list[Float64[np.ndarray, " k"]] = []
    at, shift = 0, 0
    for edit in planned:
        if edit.fit != "retime" or edit.frames == edit.last - edit.first:
            continue
        source.append(np.arange(at, edit.first))
        times.append(index.times[at : edit.first] + shift / fps)
        begin = float(index.times[edit.first])
        end = float(index.times[edit.last]) if edit.last < len(index.times) else index.end
        more = edit.frames - (edit.last - edit.first)
        even = np.arange(edit.frames) / edit.frames
        source.append(np.minimum(edit.first + ((even + 0.5 / edit.frames) * (edit.last - edit.first)).astype(int),
                                 edit.last - 1))  # fmt: skip
        times.append(begin + shift / fps + even * (end - begin + more / fps))
        at, shift = edit.last, shift + more
    source.append(np.arange(at, len(index.times)))
    times.append(index.times[at:] + shift / fps)
    return Timeline(np.concatenate(source).astype(np.int64), np.concatenate(times), index.end + shift / fps)


def spans_in_result(planned: Sequence[PlannedEdit], fps: float) -> list[tuple[float, float]]:
    """Seconds of the result that each span takes."""
    spans, shift = [], 0
    for edit in planned:
        more = edit.frames - (edit.last - edit.first) if edit.fit == "retime" else 0
        spans.append((edit.start + shift / fps, edit.end + (shift + more) / fps))
        shift += more
    return spans


def edited_transcript(transcript: Transcript, planned: Sequence[PlannedEdit], fps: float) -> Transcript:
    """What the result says, with the times of the result."""
    words, at, shift = [], 0, 0.0
    for edit, (start, _) in zip(planned, spans_in_result(planned, fps), strict=True):
        for word in transcript.words[at:]:
            if (word.start + word.end) / 2 >= edit.start:
                break
            words.append(replace(word, start=word.start + shift, end=word.end + shift))
            at += 1
        speaker = transcript.words[min(edit.change.first, len(transcript.words) - 1)].speaker
        said = [
            replace(transcript.words[0], text=w.word, start=start + w.start, end=start + w.end, confidence=1.0,
                    speaker=speaker)
            for w in edit.words.words
        ]  # fmt: skip
        words += said
        while at < len(transcript.words) and (transcript.words[at].start + transcript.words[at].end) / 2 < edit.end:
            at += 1
        at = max(at, edit.change.last)
        shift += (edit.frames - (edit.last - edit.first)) / fps if edit.fit == "retime" else 0.0
    words += [replace(w, start=w.start + shift, end=w.end + shift) for w in transcript.words[at:]]
    return replace(transcript, words=tuple(words), duration=transcript.duration + shift)


def _breaks(transcript: Transcript) -> list[int]:
    """Numbers of the words that begin a line."""
    numbers, at = [], 0
    for line in transcript.lines():
        numbers.append(at)
        at += len(line.words)
    return numbers
