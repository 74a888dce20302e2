"""The evaluation protocol: three tasks, the same clips and the same scoring for every method, resumable.

reconstruct: a clip is given its own sound; nothing of a frame being made may come from it or its neighbours (the maker
             keeps `KEEP_AWAY` frames away).
cross:       a clip is given the sound of another clip of the same speaker, whose lips are then the truth.
silence:     a clip is given a second of silence.

Beside the methods under test stand four that need no model: `real` (the sound's own video), `frozen` (a still
picture), `shuffled` (the clip's own video under a sound that is not its own) and `silent` (real video, its sound taken
away; in the task `silence` that is `shuffled`). What a figure is worth shows in the gap between them.

Anything that can make frames is a method: a `Method` with a `Maker`, for instance

    def make(footage: Footage, waveform: Waveform, task: Task) -> Iterator[np.ndarray]:
        for frame in footage.frames[: frames_in(len(waveform.samples))]:
            yield frame  # uint8 RGB, as large as it came, its mouth made to say `waveform`

    evaluate_model({"unseen": clips}, [Method("mine", make, identity="weights 1")], ...)

For the command line (`synclips evaluate --method mine=FILE.py`) see synclips.evaluation.methods.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32, UInt8

from synclips.data.grid import Utterance
from synclips.errors import ConfigError, DataError
from synclips.evaluation.clip import Detectors, Footage, Look, load_footage, look
from synclips.evaluation.results import TASKS, KeptResults, Result, Task
from synclips.evaluation.scoring import (
    Score,
    articulation_score,
    likeness_score,
    looks_score,
    rest_score,
    shape_score,
    sync_score,
    together,
    word_score,
)
from synclips.media.audio import Waveform
from synclips.media.timebase import SAMPLE_RATE, SAMPLES_PER_FRAME, frames_in
from synclips.metrics.evaluators import Evaluators
from synclips.metrics.lip_shape import silent_frames
from synclips.progress import Progress, silent

KEEP_AWAY = 5
"""Frames either side of the one being made that may not lend anything to it in `reconstruct`."""
SILENCE = Waveform(np.zeros(SAMPLE_RATE, np.float32), SAMPLE_RATE)
REAL, FROZEN, SHUFFLED, SILENT = "real", "frozen", "shuffled", "silent"


@dataclass(frozen=True)
class Planned:
    """What a method makes that plans the lower face's motion first: the frames, and the plan in canonical positions of
    `lower_points()`, against which the frames are then measured too."""

    frames: Iterable[UInt8[np.ndarray, "h w 3"]]
    lower: Float32[np.ndarray, "n m 3"]

    def __iter__(self) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
        """The frames."""
        return iter(self.frames)


Maker = Callable[[Footage, Waveform, Task], Iterable[UInt8[np.ndarray, "h w 3"]]]
"""Makes the frames of `Footage`, from its first on, say the sound; as many as there are, or as the sound needs."""


@dataclass(frozen=True)
class Method:
    """Something to be judged. `identity` changes whenever its output would (a checkpoint's hash): results of another
    identity are not used again. `None` stands for the built-in ones."""

    name: str
    make: Maker | None = None
    identity: str = ""


BUILT_IN = (Method(REAL), Method(FROZEN), Method(SHUFFLED, identity="2"), Method(SILENT))


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
        return self.source.key


@dataclass(frozen=True)
class Made:
    """A scored case, with its pictures for whoever wants to show them."""

    result: Result
    source: Footage
    target: Footage | None
    waveform: Waveform
    frames: UInt8[np.ndarray, "n h w 3"]
    look: Look


def cases_of(
    utterances: Sequence[Utterance], tasks: Sequence[Task] = TASKS, drivers: Sequence[Utterance] = ()
) -> list[Case]:
    """The cases of a split: each clip once per task; in `cross` driven by its speaker's next clip, if there is one,
    among `utterances` and `drivers`.

    Raises:
        DataError: there is no clip.
    """
    if not utterances:
        raise DataError("there is no clip to evaluate in this split; name another, or download its speakers")
    by_speaker: dict[str, list[Utterance]] = {}
    for utterance in {clip.key: clip for clip in (*utterances, *drivers)}.values():
        by_speaker.setdefault(utterance.speaker, []).append(utterance)
    cases = []
    for number, utterance in enumerate(utterances):
        group = by_speaker[utterance.speaker]
        following = group[(group.index(utterance) + 1) % len(group)] if len(group) > 1 else None
        foreign = following or (utterances[(number + 1) % len(utterances)] if len(utterances) > 1 else None)
        sounds = {"reconstruct": utterance, "cross": following, "silence": None}
        wanted = [task for task in tasks if task != "cross" or following is not None]
        cases += [Case(task, utterance, sounds[task], foreign) for task in wanted]
    return cases


def run_protocol(
    cases: Sequence[Case],
    methods: Sequence[Method],
    judges: Evaluators,
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
        ConfigError: a method makes something else than frames.
        OutputError: `folder` cannot be written.
    """
    kept = KeptResults(folder / "results.jsonl", judges_identity)
    everything = [*BUILT_IN, *methods]
    shelf = _Shelf(detectors)
    total = len(cases) * len(everything)
    results = []
    for done, (case, method) in enumerate(((c, m) for c in cases for m in everything), start=1):
        result = kept.find(method.name, method.identity, case.task, case.key)
        if result is None and _can(method, case):
            made = _try(method, case, judges, shelf)
            if on_made is not None:
                on_made(made)
            result = made.result
            kept.add(result)
        results += [result] if result is not None else []
        on_progress("evaluate", done, total)
    return results


def _can(method: Method, case: Case) -> bool:
    if method.name == SHUFFLED:
        return case.foreign is not None or case.driver is None
    return method.name != SILENT or case.driver is not None


def _try(method: Method, case: Case, judges: Evaluators, shelf: "_Shelf") -> Made:
    source = shelf[case.source]
    target = shelf[case.driver] if case.driver is not None else None
    waveform = target.waveform if target is not None else SILENCE
    speed, plan = Score({}), None
    if method.make is None:
        foreign = shelf[case.foreign] if method.name == SHUFFLED and case.foreign is not None else None
        frames, seen, waveform = _built_in(method.name, source, target, foreign, waveform)
    else:
        started = time.monotonic()
        made = method.make(source, waveform, case.task)
        frames = _frames_of(method, made, source)
        plan = made.lower if isinstance(made, Planned) else None
        speed = Score({"speed": len(frames) / max(time.monotonic() - started, 1e-9)})
        seen = look(frames, shelf.detectors)
    score = together(_score(method, case, frames, seen, waveform, source, target, judges, plan), speed)
    driver = target.key if target is not None else ""
    figures = {name: round(float(value), 5) for name, value in score.figures.items()}
    result = Result(method.name, method.identity, case.task, source.key, driver, source.speaker, figures, score.traces)
    return Made(result, source, target, waveform, frames, seen)


def _built_in(
    name: str, source: Footage, target: Footage | None, foreign: Footage | None, waveform: Waveform
) -> tuple[UInt8[np.ndarray, "n h w 3"], Look, Waveform]:
    """The pictures, what is seen in them, and the sound of a method of this module."""
    if name in (REAL, SILENT):
        shown = target or source
        return shown.frames, shown.look, waveform if name == REAL else SILENCE
    count = min(len(source), frames_in(len(waveform.samples)))
    if name == FROZEN:
        still = np.zeros(count, int)
        return source.frames[still], source.look.at(still), waveform
    if target is not None and foreign is not None:
        return source.frames, source.look, foreign.waveform
    middle = np.arange(count) + (len(source) - count) // 2
    return source.frames[middle], source.look.at(middle), waveform


def _frames_of(
    method: Method, made: Iterable[UInt8[np.ndarray, "h w 3"]], source: Footage
) -> UInt8[np.ndarray, "n h w 3"]:
    frames = list(made)
    wrong = [f for f in frames if f.dtype != np.uint8 or f.shape != source.frames.shape[1:]]
    if not frames or wrong:
        height, width = source.frames.shape[1:3]
        found = f"{wrong[0].dtype} {wrong[0].shape}" if wrong else "none"
        raise ConfigError(
            f"the method {method.name} must make uint8 frames of ({height}, {width}, 3) for {source.key}, not {found}"
        )
    return np.stack(frames)


def _score(
    method: Method,
    case: Case,
    frames: UInt8[np.ndarray, "n h w 3"],
    seen: Look,
    waveform: Waveform,
    source: Footage,
    target: Footage | None,
    judges: Evaluators,
    plan: Float32[np.ndarray, "_p m 3"] | None,
) -> Score:
    if target is None:
        if method.name == REAL:
            return rest_score(seen, source.rest, silent_frames(source.waveform, len(seen)))
        rest = rest_score(seen, source.rest, np.ones(len(seen), bool))
        return rest if method.name == SHUFFLED else together(rest, looks_score(frames, seen, source))
    sync = sync_score(frames, seen, waveform.padded(len(frames) * SAMPLES_PER_FRAME), judges)
    if method.name in (SHUFFLED, SILENT):
        return sync
    words = word_score(seen, target.words, judges)
    if method.name == REAL:
        return together(sync, words)
    shape = together(shape_score(seen, source.rest, target), articulation_score(seen, target, source, plan))
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
