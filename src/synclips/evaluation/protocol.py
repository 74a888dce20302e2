"""The protocol: three tasks, the same clips and the same scoring for every method, results kept as they come.

reconstruct: a clip is given its own sound; nothing of a frame being made may come from it or its neighbours (the maker
             keeps `KEEP_AWAY` frames away).
cross:       a clip is given the sound of another clip of the same speaker, whose lips are then the truth.
silence:     a clip is given a second of silence.

Beside the methods under test stand three that need no model: `real` (the sound's own video), `frozen` (a still
picture) and `shuffled` (real video under another clip's sound). What a figure is worth shows in the gap between them.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from synclips.data.grid import Utterance
from synclips.errors import DataError
from synclips.evaluation.footage import Detectors, Footage, Look, load_footage, look
from synclips.evaluation.results import TASKS, KeptResults, Result, Task
from synclips.evaluation.scoring import (
    Judges,
    Score,
    likeness_score,
    looks_score,
    rest_score,
    shape_score,
    sync_score,
    together,
    word_score,
)
from synclips.evaluation.silence import silent_frames
from synclips.media.audio import Waveform
from synclips.media.timebase import SAMPLE_RATE, SAMPLES_PER_FRAME, frames_in
from synclips.progress import Progress, silent

KEEP_AWAY = 5
"""Frames either side of the one being made that may not lend anything to it in `reconstruct`."""
SILENCE = Waveform(np.zeros(SAMPLE_RATE, np.float32), SAMPLE_RATE)
REAL, FROZEN, SHUFFLED = "real", "frozen", "shuffled"

Maker = Callable[[Footage, Waveform, Task], Iterable[UInt8[np.ndarray, "h w 3"]]]
"""Makes the frames of `Footage`, from its first on, say the sound; as many as there are, or as the sound needs."""


@dataclass(frozen=True)
class Method:
    """Something to be judged. `identity` changes whenever its output would (a checkpoint's hash): results of another
    identity are not used again. `None` stands for the built-in ones."""

    name: str
    make: Maker | None = None
    identity: str = ""


BUILT_IN = (Method(REAL), Method(FROZEN), Method(SHUFFLED))


@dataclass(frozen=True)
class Case:
    """One clip that a method is tried on, the clip whose sound drives it (None: silence), and one that says something
    else (None: there is no other)."""

    task: Task
    source: Utterance
    driver: Utterance | None
    foreign: Utterance | None

    @property
    def key(self) -> str:
        """The clip's key, as in synclips.data.shards."""
        return f"{self.source.speaker}.{self.source.name}"


@dataclass(frozen=True)
class Made:
    """A scored case, with its pictures for whoever wants to show them."""

    result: Result
    source: Footage
    target: Footage | None
    waveform: Waveform
    frames: UInt8[np.ndarray, "n h w 3"]
    look: Look


def cases_of(utterances: Sequence[Utterance], tasks: Sequence[Task] = TASKS) -> list[Case]:
    """The cases of a split: each clip once per task; in `cross` driven by its speaker's next clip, if there is one.

    Raises:
        DataError: there is no clip.
    """
    if not utterances:
        raise DataError("there is no clip to evaluate in this split; name another, or download its speakers")
    by_speaker: dict[str, list[Utterance]] = {}
    for utterance in utterances:
        by_speaker.setdefault(utterance.speaker, []).append(utterance)
    cases = []
    for number, utterance in enumerate(utterances):
        group = by_speaker[utterance.speaker]
        following = group[(group.index(utterance) + 1) % len(group)] if len(group) > 1 else None
        foreign = following or (utterances[(number + 1) % len(utterances)] if len(utterances) > 1 else None)
        drivers = {"reconstruct": utterance, "cross": following, "silence": None}
        wanted = [task for task in tasks if task != "cross" or following is not None]
        cases += [Case(task, utterance, drivers[task], foreign) for task in wanted]
    return cases


def run_protocol(
    cases: Sequence[Case],
    methods: Sequence[Method],
    judges: Judges,
    judges_identity: str,
    folder: Path,
    detectors: Detectors,
    *,
    on_made: Callable[[Made], None] | None = None,
    on_progress: Progress = silent,
) -> list[Result]:
    """Score every method on every case. `folder`/results.jsonl keeps what is done; a later run goes on from there.

    Raises:
        DataError, MediaError, NoFaceError: a clip cannot be used.
        OutputError: `folder` cannot be written.
    """
    kept = KeptResults(folder / "results.jsonl", judges_identity)
    everything = [*BUILT_IN, *methods]
    shelf = _Shelf(detectors)
    total = len(cases) * len(everything)
    results = []
    for done, (case, method) in enumerate(((c, m) for c in cases for m in everything), start=1):
        result = kept.find(method.name, method.identity, case.task, case.key)
        if result is None and (method.name != SHUFFLED or (case.task != "silence" and case.foreign)):
            made = _try(method, case, judges, shelf)
            if on_made is not None:
                on_made(made)
            result = made.result
            kept.add(result)
        results += [result] if result is not None else []
        on_progress("evaluate", done, total)
    return results


def _try(method: Method, case: Case, judges: Judges, shelf: "_Shelf") -> Made:
    source = shelf[case.source]
    target = shelf[case.driver] if case.driver is not None else None
    waveform = target.waveform if target is not None else SILENCE
    seen: Look | None = None
    seconds = 0.0
    if method.make is not None:
        started = time.monotonic()
        frames = np.stack(list(method.make(source, waveform, case.task)))
        seconds = time.monotonic() - started
    elif method.name == FROZEN:
        count = min(len(source), frames_in(len(waveform.samples)))
        frames = np.repeat(source.frames[:1], count, axis=0)
        seen = Look(*(np.repeat(part[:1], count, axis=0) for part in _arrays(source.look)))
    elif method.name == SHUFFLED and case.foreign is not None:
        frames, seen, waveform = source.frames, source.look, shelf[case.foreign].waveform
    else:
        shown = target or source
        frames, seen = shown.frames, shown.look
    if seen is None:
        seen = look(frames, shelf.detectors)
    score = _score(method, case, frames, seen, waveform, source, target, judges)
    if seconds:
        score = together(score, Score({"speed": len(frames) / seconds}))
    driver = target.key if target is not None else ""
    figures = {name: round(float(value), 5) for name, value in score.figures.items()}
    result = Result(method.name, method.identity, case.task, source.key, driver, source.speaker, figures, score.traces)
    return Made(result, source, target, waveform, frames, seen)


def _arrays(seen: Look) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return seen.points, seen.visible, seen.crops


def _score(
    method: Method,
    case: Case,
    frames: UInt8[np.ndarray, "n h w 3"],
    seen: Look,
    waveform: Waveform,
    source: Footage,
    target: Footage | None,
    judges: Judges,
) -> Score:
    if target is None:
        if method.name == REAL:
            return rest_score(seen, source.rest, silent_frames(source.waveform, len(seen)))
        return together(rest_score(seen, source.rest, np.ones(len(seen), bool)), looks_score(frames, seen, source))
    sync = sync_score(frames, seen, waveform.padded(len(frames) * SAMPLES_PER_FRAME), judges)
    if method.name == SHUFFLED:
        return sync
    words = word_score(seen, target.words, judges)
    if method.name == REAL:
        return together(sync, words)
    shape = shape_score(seen, source.rest, target)
    likeness = likeness_score(frames, source) if case.task == "reconstruct" else Score({})
    return together(likeness, shape, sync, looks_score(frames, seen, source), words)


class _Shelf:
    """The last few clips, so that a case and its neighbour are not read and tracked again."""

    def __init__(self, detectors: Detectors, most: int = 4) -> None:
        self.detectors, self._most = detectors, most
        self._clips: dict[str, Footage] = {}

    def __getitem__(self, utterance: Utterance) -> Footage:
        if utterance.key not in self._clips:
            while len(self._clips) >= self._most:
                self._clips.pop(next(iter(self._clips)))
            self._clips[utterance.key] = load_footage(utterance, self.detectors)
        return self._clips[utterance.key]
