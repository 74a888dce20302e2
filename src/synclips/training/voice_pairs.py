"""What the voice mapper learns from: pairs of frames that say the same in two voices, drawn from GRID and the engines.

Pairs come from the engines saying what a GRID clip says, aligned to the clip by dynamic time warping; from one engine
saying what another says; and from clips disguised by another vocal tract length and equaliser. Targets and their
references are disguised too, both alike, so that there are more voices to learn from than speakers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from jaxtyping import Float64, Int64

from synclips.data.grid import is_utterance_name, sentence_of
from synclips.media.audio import Waveform, read_audio
from synclips.progress import Progress, silent
from synclips.speech.conversion.world import ORDER, Frames, analyse, cepstral_warp
from synclips.speech.tts.engines import choose_synthesizer
from synclips.speech.tts.synthesizer import Synthesizer

SPEAKERS: Final = (
    "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s12", "s16", "s20", "s22", "s23", "s30", "s31", "s32"
)  # fmt: skip
DEFAULT_VOICE: Final = "hibari:heart"
VOICES: Final = (DEFAULT_VOICE, "espeak:en-us+klatt4", "flite:rms", "flite:slt", "flite:awb")
NATURAL_VOICES: Final = tuple(voice for voice in VOICES if not voice.startswith("espeak"))
"""Those that the mapper may learn to sound like."""
BATCH: Final = 10
_CLIPS: Final = 15
_LEAST_CLIPS: Final = 5
"""Clips without which a speaker is no target here: the reference must be other clips than the one to predict."""
_LONGEST_LINE, _LONGEST_REFERENCE = 140, 400
_DISGUISED_SHARE: Final = 1 / 3
_PRIOR: Final = 50


@dataclass(frozen=True)
class Recording:
    """Frames every 10 ms of one spoken text: mel-cepstra, and which are voiced, speech, and strong."""

    cepstra: Float64[np.ndarray, "n 40"]
    voiced: np.ndarray
    active: np.ndarray
    strong: np.ndarray
    log_pitch: np.ndarray

    @classmethod
    def of(cls, frames: Frames) -> "Recording":
        """Every second frame of an analysis."""
        strong = frames.strong()
        return cls(
            frames.cepstra[::2], frames.voiced[::2], frames.active()[::2], strong[::2], np.log(frames.f0[strong])
        )


def record(waveform: Waveform) -> Recording:
    """Analyse a waveform (any rate)."""
    return Recording.of(analyse(waveform.resampled(16_000), for_synthesis=False))


def grid_text(utterance: str) -> str | None:
    """What the name of a GRID clip says (`bbaf2n` -> bin blue at f two now); None for another name.

    The letter a is written as the engines pronounce it right.
    """
    if not is_utterance_name(utterance):
        return None
    return " ".join("eigh" if word == "a" else word for word in sentence_of(utterance))


@dataclass(frozen=True)
class Corpus:
    """`spoken[voice][text]` for the engines, `clips[speaker]` as (text, recording), and the voices' statistics."""

    spoken: dict[str, dict[str, Recording]]
    targets: dict[str, list[tuple[str, Recording]]]
    statistics: dict[str, tuple[np.ndarray, np.ndarray]]
    average_deviation: np.ndarray


def gather(folder: Path, sentences: tuple[str, ...], on_progress: Progress = silent) -> Corpus:
    """Read the clips, and have every engine say their texts and `sentences`."""
    targets: dict[str, list[tuple[str, Recording]]] = {}
    for index, speaker in enumerate(SPEAKERS):
        on_progress("read the clips", index, len(SPEAKERS))
        files = sorted((folder / speaker).glob("*.mp*g*")) + sorted((folder / speaker).glob("*.mp4"))
        named = [(text, path) for path in files if (text := grid_text(path.stem)) is not None]
        if len(named) >= _LEAST_CLIPS:
            targets[speaker] = [(text, record(read_audio(path))) for text, path in named[:_CLIPS]]
    texts = tuple(sorted({text for clips in targets.values() for text, _ in clips})) + sentences
    spoken: dict[str, dict[str, Recording]] = {}
    for index, voice in enumerate(VOICES):
        on_progress("speak the texts", index, len(VOICES))
        engine: Synthesizer = choose_synthesizer(voice)[0]
        spoken[voice] = {text: record(engine.synthesize(text).waveform) for text in texts}
    targets |= {voice: list(spoken[voice].items()) for voice in NATURAL_VOICES}
    statistics = {name: _statistics([r for _, r in recordings[:60]]) for name, recordings in targets.items()}
    statistics |= {voice: _statistics(list(spoken[voice].values())[:60]) for voice in VOICES}
    average = np.mean([statistics[voice][1] for voice in VOICES], axis=0)
    return Corpus(spoken, targets, statistics, average)


def _statistics(recordings: list[Recording]) -> tuple[np.ndarray, np.ndarray]:
    strong = np.concatenate([r.cepstra[r.strong] for r in recordings])
    return strong.mean(axis=0), strong.std(axis=0)


def align(one: Float64[np.ndarray, "n d"], other: Float64[np.ndarray, "m d"]) -> Int64[np.ndarray, " n"]:
    """For each frame of `one` that frame of `other` it lies with on the cheapest monotonous path."""
    from scipy.spatial.distance import cdist

    cost = cdist(one, other).tolist()
    rows, columns = len(one), len(other)
    previous, steps = [0.0] + [np.inf] * columns, []
    for row in range(rows):
        current, step = [np.inf] * (columns + 1), bytearray(columns)
        for column in range(columns):
            best = min(previous[column], previous[column + 1], current[column])
            step[column] = 0 if best == previous[column] else 1 if best == previous[column + 1] else 2
            current[column + 1] = best + cost[row][column]
        steps.append(step)
        previous = current
    row, column = rows - 1, columns - 1
    path: list[list[int]] = [[] for _ in range(rows)]
    while row >= 0 and column >= 0:
        path[row].append(column)
        move = steps[row][column]
        row, column = row - (move != 2), column - (move != 1)
    chosen, last = [], 0
    for places in path:
        last = places[len(places) // 2] if places else last
        chosen.append(last)
    return np.array(chosen, np.int64)


def for_alignment(recording: Recording, statistics: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """What frames are compared by when two people say the same: `statistics` are the voice's mean and deviation."""
    normal = (recording.cepstra - statistics[0]) / statistics[1]
    level = recording.cepstra[:, :1] - recording.cepstra[:, 0].max()
    return np.concatenate([normal[:, 1:18], np.clip(level, -46, 0) * 0.12], axis=1)


class Pairs:
    """Draws training examples from a corpus; a batch is a function of the seed and its number."""

    def __init__(self, corpus: Corpus, seed: int = 0) -> None:
        self.corpus, self.seed, self.random = corpus, seed, np.random.default_rng(seed)
        self.names = list(corpus.targets)
        weights = np.array([1.4 if ":" in name else 1.0 for name in self.names])
        self.weights = weights / weights.sum()
        self._paths: dict[tuple[str, int, str], np.ndarray] = {}

    def batch(self, number: int) -> list[torch.Tensor]:
        """Source, voiced, target, weight, reference, its voiced and present, and spread."""
        self.random = np.random.default_rng([self.seed, number])
        examples = [self._example() for _ in range(BATCH)]
        columns = [padded([example[k] for example in examples]) for k in range(6)]
        present = padded([np.ones(len(example[4])) for example in examples]) > 0
        spread = torch.from_numpy(np.stack([example[6] for example in examples]).astype(np.float32))
        return [*columns, present, spread]

    def _example(self) -> tuple[np.ndarray, ...]:
        random = self.random
        name = self.names[random.choice(len(self.names), p=self.weights)]
        recordings = self.corpus.targets[name]
        index = int(random.integers(len(recordings)))
        text, target = recordings[index]
        warp = np.eye(ORDER) if random.random() < 0.4 else cepstral_warp(random.uniform(0.87, 1.15))
        colour = self._colour(12, 0.5) if random.random() < 0.6 else np.zeros(ORDER)
        colour[0] = random.normal(0, 3)
        disguise: Callable[[np.ndarray], np.ndarray] = lambda cepstra: cepstra @ warp.T + colour  # noqa: E731
        voices = [voice for voice in VOICES if voice != name and text in self.corpus.spoken[voice]]
        if random.random() < _DISGUISED_SHARE or not voices:
            source = target.cepstra @ cepstral_warp(random.uniform(0.85, 1.18)).T + self._colour(16, 0.7)
            strong = source[target.strong] if target.strong.sum() > 20 else source
            source = (source - strong.mean(axis=0)) / (strong.std(axis=0) + 1e-3)
            voiced, wanted, active = target.voiced, target.cepstra, target.active
        else:
            voice = voices[int(random.integers(len(voices)))]
            spoken, (mean, deviation) = self.corpus.spoken[voice][text], self.corpus.statistics[voice]
            path = self._path(name, index, voice)
            cepstra = spoken.cepstra
            if random.random() < 0.5:
                cepstra = cepstra @ cepstral_warp(random.uniform(0.92, 1.08)).T
            source, voiced = (cepstra - mean) / deviation, spoken.voiced
            wanted, active = target.cepstra[path], spoken.active | target.active[path]
        reference, reference_voiced, mean, deviation = self._reference(name, index, disguise)
        start = int(random.integers(max(1, len(source) - _LONGEST_LINE + 1)))
        part = slice(start, start + _LONGEST_LINE)
        goal = (disguise(wanted[part]) - mean) / deviation
        weight = np.where(active[part], 1.0, 0.1)
        known = (reference - mean) / deviation
        return (
            source[part], voiced[part], goal, weight, known, reference_voiced,
            np.log(deviation / self.corpus.average_deviation),
        )  # fmt: skip

    def _colour(self, orders: int, size: float) -> np.ndarray:
        """A random equaliser, as a cepstrum."""
        colour = np.zeros(ORDER)
        colour[1:orders] = self.random.normal(0, size, orders - 1) / np.sqrt(np.arange(1, orders))
        return colour

    def _path(self, name: str, index: int, voice: str) -> np.ndarray:
        key = (name, index, voice)
        if key not in self._paths:
            text, target = self.corpus.targets[name][index]
            one = for_alignment(self.corpus.spoken[voice][text], self.corpus.statistics[voice])
            self._paths[key] = align(one, for_alignment(target, self.corpus.statistics[name]))
        return self._paths[key]

    def _reference(
        self, name: str, left_out: int, disguise: Callable[[np.ndarray], np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """One to five other recordings of the target: their speech frames, and statistics of the strong ones."""
        recordings = self.corpus.targets[name]
        others = [i for i in self.random.permutation(len(recordings)) if i != left_out]
        chosen = [recordings[i][1] for i in others[: self.random.integers(1, 6)]]
        frames = disguise(np.concatenate([r.cepstra[r.active] for r in chosen]))
        voiced = np.concatenate([r.voiced[r.active] for r in chosen])
        strong = disguise(np.concatenate([r.cepstra[r.strong] for r in chosen]))
        mean, deviation = drawn_statistics(strong, self.corpus.average_deviation)
        start = int(self.random.integers(max(1, len(frames) - _LONGEST_REFERENCE + 1)))
        part = slice(start, start + _LONGEST_REFERENCE)
        return frames[part], voiced[part], mean, deviation


def drawn_statistics(
    strong: Float64[np.ndarray, "n 40"], average_deviation: Float64[np.ndarray, "40"]
) -> tuple[Float64[np.ndarray, "40"], Float64[np.ndarray, "40"]]:
    """Mean and deviation of frames, the deviation drawn to an average voice's where the frames are few."""
    count = len(strong)
    variance = (count * strong.var(axis=0) + _PRIOR * average_deviation**2) / (count + _PRIOR)
    return strong.mean(axis=0), np.sqrt(variance)


def padded(arrays: list[np.ndarray]) -> torch.Tensor:
    """Arrays of different lengths as one float32 tensor, zeros behind the shorter ones."""
    longest = max(len(array) for array in arrays)
    sides = [(0, 0)] * (arrays[0].ndim - 1)
    rows = [np.pad(np.asarray(array, np.float32), [(0, longest - len(array)), *sides]) for array in arrays]
    return torch.from_numpy(np.stack(rows))
