"""Lines that engines speak, for the motion stage: a corpus has few sentences, and lips must move with any.

GRID knows 51 words: no "p", "b" or "m" stands in the middle of one, and many sequences of sounds never come. An engine
says any line, with each sound's times, and `coarticulation` says how lips move with them. Lines of words drawn from the
dictionary are spoken by hibari at many pitches, half of them in the voices of the corpus's people, and by eSpeak NG,
where it is installed, in many languages and voices.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np
import torch
from jaxtyping import Bool, Float32, Float64, Int16
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from synclips.config import AugmentConfig, LinesConfig
from synclips.data.augmentation import SoundChange, draw_sound_change
from synclips.engines.engine import Lost
from synclips.engines.local import LocalEngine
from synclips.errors import BackendError
from synclips.files import atomic_path
from synclips.media.audio import Waveform, normalise_loudness
from synclips.media.timebase import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME
from synclips.progress import Progress, silent
from synclips.speech.conversion.converter import choose_converter
from synclips.speech.pronunciation.data import english_words
from synclips.speech.tts.espeak import EspeakSynthesizer
from synclips.speech.tts.hibari import NAME as HIBARI
from synclips.speech.tts.hibari import HibariSynthesizer
from synclips.training.coarticulation import BILABIAL, EDGE, Sound, shipped_coarticulation
from synclips.training.speech_sounds import hibari_line, sounds_of

FILE: Final = "lines.safetensors"
MADE_OF: Final = "made_of"
"""Of the file's metadata: a digest of what is spoken."""
WORDS: Final = (5, 8)
"""Words of a line."""
LETTERS: Final = (3, 11)
"""Letters of a word that is drawn."""
PITCHES: Final = (0.85, 1.6)
LIVELINESS: Final = (0.7, 1.4)
LANGUAGES: Final = (
    *["en-us"] * 8, *["fr", "de", "es"] * 2, "it", "pt", "nl", "pl", "sv", "tr", "id", "sw", "hu", "fi", "cs", "ro"
)  # fmt: skip
"""Of eSpeak NG's voices, which read English words by the rules of their language: that gives the sounds of it."""
VARIANTS: Final = (
    *["klatt4"] * 3, "klatt", "klatt2", "klatt6", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "f1", "f2", "f3",
    "f4", "f5", "Andy", "Annie", "adam", "anika", "aunty", "boris", "edward", "linda", "max", "paul", "rob", "steph",
)  # fmt: skip
SPEEDS: Final = (130, 210)
"""Words a minute."""
LEAD: Final = 0.25
"""Seconds of silence before a line at most: dubs begin so, too."""


@dataclass(frozen=True)
class Task:
    """One line to be spoken: by eSpeak NG's `voice`, or by hibari, converted to the voice in `reference` if given."""

    number: int
    text: str
    voice: str
    pitch: float
    liveliness: float
    speed: int
    reference: Int16[np.ndarray, " n"] | None = None


@dataclass(frozen=True)
class Line:
    """A spoken line: 16 kHz samples, and its sounds with their times."""

    samples: Int16[np.ndarray, " n"]
    sounds: tuple[Sound, ...]


@dataclass(frozen=True)
class LineVariant:
    """One augmented copy of a line: features (4 n, f), movements (n, 5) of the average person, and the frames (n) in
    which lips are closed."""

    features: Float32[np.ndarray, "steps f"]
    movements: Float32[np.ndarray, "n 5"]
    closed: Bool[np.ndarray, " n"]


class SpokenLines:
    """Lines with what lips do in them; variants are made when first needed and kept."""

    def __init__(self, lines: Sequence[Line], augment: AugmentConfig, layers: int, seed: int) -> None:
        self.lines, self._augment, self._layers, self._seed = lines, augment, layers, seed
        self.variant = lru_cache(maxsize=20_000)(self._variant)

    def _variant(self, line: int, number: int) -> LineVariant:
        """Augmented copy `number` of a line."""
        rng = np.random.default_rng([self._seed, line, number])
        return self._changed(line, draw_sound_change(self._augment, rng), int(rng.integers(round(LEAD * SAMPLE_RATE))))

    def plain(self, line: int) -> LineVariant:
        """The line as it is."""
        return self._changed(line, SoundChange(), 0)

    def _changed(self, line: int, change: SoundChange, lead: int) -> LineVariant:
        """The line with `lead` samples of silence before it, and its sound changed."""
        spoken = self.lines[line]
        samples = np.pad(spoken.samples.astype(np.float32) / 32768, (lead, 0))
        frames = max(1, int(len(samples) / SAMPLES_PER_FRAME / change.speed))
        sound = normalise_loudness(Waveform(samples, SAMPLE_RATE))
        times = (np.arange(frames) + 0.5) / FPS * change.speed - lead / SAMPLE_RATE
        return LineVariant(
            change.features(sound, frames, self._layers),
            shipped_coarticulation().movements(spoken.sounds, times),
            closed_frames(spoken.sounds, times),
        )


def closed_frames(sounds: Sequence[Sound], times: Float64[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
    """The frames, shown at `times`, in which a "p", "b" or "m" closes the lips: of each at least one."""
    closed = np.zeros(len(times), bool)
    for sound in sounds:
        if sound.kind == BILABIAL:
            away = np.abs(times - (sound.start + sound.end) / 2)
            closed |= away <= (sound.end - sound.start) / 2 - EDGE
            closed[np.argmin(away)] = True
    return closed


def prepared_lines(
    folder: Path,
    config: LinesConfig,
    references: Sequence[Waveform],
    seed: int,
    *,
    workers: int | None = None,
    on_progress: Progress = silent,
) -> list[Line]:
    """The lines in `folder`, spoken if they, or others, are not there yet.

    references:  of the people whose voices half of hibari's lines are converted to (16 kHz, some seconds of each)

    Raises:
        BackendError: an engine failed.
    """
    path = folder / FILE
    tasks = drawn_tasks(config, references, seed)
    made_of = hashlib.sha256(repr([(t.text, t.voice, t.pitch, t.speed) for t in tasks]).encode()).hexdigest()
    if not path.is_file() or _made_of(path) != made_of:
        lines: list[Line | None] = [None] * len(tasks)
        for done, (task, line) in enumerate(LocalEngine(workers).run(speak, tasks), start=1):
            if isinstance(line, Lost):
                raise BackendError(f"line {task.number} of the lines to train with was not spoken: {line.reason}")
            lines[task.number] = line
            on_progress("lines", done, len(tasks))
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_path(path, overwrite=True) as temporary:
            save_file(_packed([line for line in lines if line is not None]), temporary, {MADE_OF: made_of})
    return _unpacked(load_file(path))


def drawn_tasks(config: LinesConfig, references: Sequence[Waveform], seed: int) -> list[Task]:
    """What is to be spoken, a function of its arguments and of whether eSpeak NG is installed."""
    rng = np.random.default_rng([seed, *b"lines"])
    words = line_words()
    tasks: list[Task] = []
    people = [(np.clip(one.samples, -1, 1) * 32767).astype(np.int16) for one in references]
    espeak = config.espeak if find_spec("espeakng_loader") else 0
    for number in range(config.hibari + espeak):
        text = " ".join(rng.choice(words, rng.integers(WORDS[0], WORDS[1] + 1), replace=False)) + "."
        pitch, liveliness = float(np.exp(rng.uniform(*np.log(PITCHES)))), float(rng.uniform(*LIVELINESS))
        speed, voice, reference = int(rng.integers(*SPEEDS)), "", None
        if number >= config.hibari:
            voice = f"{rng.choice(LANGUAGES)}+{rng.choice(VARIANTS)}"
        elif people and number % 2:
            pitch, reference = 1.0, people[int(rng.integers(len(people)))]
        tasks.append(Task(number, text, voice, pitch, liveliness, speed, reference))
    return tasks


@lru_cache(maxsize=1)
def line_words() -> tuple[str, ...]:
    """Words of the dictionary that are common enough for the tagger to know them."""
    known = english_words()
    shortest, longest = LETTERS
    words = known.checked.keys() & (known.frequent_words | known.tags_of_words.keys())
    return tuple(
        sorted(word for word in words if word.isalpha() and word.islower() and shortest <= len(word) <= longest)
    )


def speak(task: Task) -> Line:
    """Speak one line.

    Raises:
        BackendError: the engine failed.
        ConfigError: eSpeak NG has no such voice.
    """
    torch.set_num_threads(1)
    if task.voice:
        pitch = int(np.clip(50 * task.pitch, 10, 90))
        sound, spoken = EspeakSynthesizer(task.voice, pitch).sounds(task.text, task.speed)
    else:
        voice = HibariSynthesizer().pitched(task.pitch, task.liveliness)
        sound, spoken = hibari_line(task.text, voice)
        if task.reference is not None:
            reference = Waveform(task.reference.astype(np.float32) / 32768, SAMPLE_RATE)
            sound = choose_converter(source=HIBARI).convert(sound, reference)
    samples = sound.resampled(SAMPLE_RATE).samples
    return Line((np.clip(samples, -1, 1) * 32767).astype(np.int16), tuple(sounds_of(spoken)))


def _made_of(path: Path) -> str:
    with safe_open(path, "np") as stored:
        return (stored.metadata() or {}).get(MADE_OF, "")


def _packed(lines: Sequence[Line]) -> dict[str, np.ndarray]:
    sounds = [sound for line in lines for sound in line.sounds]
    return {
        "samples": np.concatenate([line.samples for line in lines]),
        "lengths": np.array([len(line.samples) for line in lines]),
        "counts": np.array([len(line.sounds) for line in lines]),
        "kinds": np.array([sound.kind for sound in sounds], np.int16),
        "times": np.array([(sound.start, sound.end) for sound in sounds], np.float32),
    }


def _unpacked(stored: dict[str, np.ndarray]) -> list[Line]:
    samples = np.split(stored["samples"], np.cumsum(stored["lengths"])[:-1])
    places = np.cumsum(stored["counts"])[:-1]
    kinds, times = np.split(stored["kinds"], places), np.split(stored["times"], places)
    return [
        Line(sound, tuple(Sound(int(k), float(a), float(b)) for k, (a, b) in zip(kind, time, strict=True)))
        for sound, kind, time in zip(samples, kinds, times, strict=True)
    ]
