"""What the voice mapper is trained on in the second stage: lines of the engines at a person's pitch, and their clips.

Only the clips that `benchmarks/voice.py` takes its references from are used: the ones it measures by stay unheard.
Half of the people are disguised, by another vocal tract length and equaliser, so that there are more than speakers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from jaxtyping import Float32, Float64
from torch import Tensor

from synclips.media.audio import Waveform, read_audio
from synclips.media.timebase import SAMPLE_RATE
from synclips.speech.conversion.calibration import band_widths, gain_of_cepstra
from synclips.speech.conversion.converter import VoiceStatistics, known_voice, moved_pitch, voice_statistics
from synclips.speech.conversion.world import (
    ORDER,
    Frames,
    analyse,
    cepstral_warp,
    synthesise,
)
from synclips.speech.speaker_encoder import STEPS, level_mel, speaker_encoder
from synclips.speech.tts.engines import choose_synthesizer
from synclips.speech.tts.synthesizer import Synthesizer
from synclips.speech.vad import detect_speech, only_speech
from synclips.training.voice_pairs import (
    DEFAULT_VOICE,
    SPEAKERS,
    VOICES,
    Recording,
    align,
    drawn_statistics,
    for_alignment,
    grid_text,
    padded,
    record,
)

CLIPS: Final = 6
BATCH: Final = 6
SENTENCES: Final = (
    "a large cloud moved slowly over the mountain",
    "where did you put my grey jacket yesterday",
    "nobody knew how the strange machine worked",
    "I would rather have coffee than tea today",
    "the old man bought a blue bicycle for his daughter",
    "could you call me back in about an hour",
    "we never thought that this could happen here",
    "children were playing loudly behind the school",
    "thank you very much for your kind letter",
    "turn left at the next corner and go straight on",
    "it was raining hard when we finally arrived",
    "her voice was quiet but everyone could hear it",
    "that is exactly what I wanted to say",
    "five of them left early because of the storm",
    "what a wonderful surprise to see you again",
    "you should always check the oil before driving",
    "those apples are cheaper than the other ones",
    "the power went out twice during dinner",
    "boys and girls usually enjoy games like that",
    "he took a short walk through the empty park",
    "my brother fixed the engine with a rusty spoon",
    "why does the yellow cat always sleep on the piano",
    "she wrote three chapters before breakfast",
    "the judge asked everybody to remain silent",
    "both teams played well despite the heavy rain",
    "we should measure the kitchen again to be sure",
    "a thousand voices joined the choir at midnight",
    "please pass me the salt and the vinegar",
    "his theory sounds unusual but rather clever",
    "they caught the last ferry to the island",
    "Paul thinks the museum is closed on Thursdays",
    "youth is a treasure that fades too quickly",
    "the choice between joy and fear is yours",
    "put the fish in the fridge before lunch",
    "no one had ever seen such a huge orange moon",
    "I wish you had told me the truth about George",
    "the shop around the corner sells fresh bread",
    "watch out for the loose stones on the path",
    "her uncle owns a vineyard in the south of France",
    "it takes courage to change your mind in public",
)
"""Said in addition to the clips' own texts; none of them is in `benchmarks/voice.py`."""
_LONGEST_REFERENCE: Final = 400
LARGEST_GAIN: Final = 4.6
"""Log power (20 dB), as in the converter."""


Disguise = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Clip:
    """A clip cut to its speech: what is said, its frames every 10 ms, and the encoder's mel spectrum."""

    text: str
    recording: Recording
    mel: Float32[np.ndarray, "n 40"]


@dataclass(frozen=True)
class Person:
    """A speaker: clips, statistics of the voice, and its embedding."""

    clips: tuple[Clip, ...]
    voice: VoiceStatistics
    embedding: Float32[np.ndarray, "256"]


@dataclass(frozen=True)
class LineBatch:
    """Lines to map: the mapper's inputs, and what its output is rendered with and judged by.

    `mel` is the encoder's spectrum of the unmapped line at the person's pitch, `colour` the mean one of the reference,
    `wanted` the person's embedding; `goal` (with `weight`) the frames as the person said them, which count for nothing
    where `free`.
    """

    source: Float32[Tensor, "b t 40"]
    voiced: Float32[Tensor, "b t"]
    strong: Float32[Tensor, "b t"]
    cepstra: Float32[Tensor, "b t 40"]
    mel: Float32[Tensor, "b t 40"]
    goal: Float32[Tensor, "b t 40"]
    weight: Float32[Tensor, "b t"]
    reference: Float32[Tensor, "b r 40"]
    reference_voiced: Float32[Tensor, "b r"]
    present: Tensor
    spread: Float32[Tensor, "b 40"]
    mean: Float32[Tensor, "b 40"]
    deviation: Float32[Tensor, "b 40"]
    wanted: Float32[Tensor, "b 256"]
    colour: Float32[Tensor, "b 40"]
    free: Tensor


def hear_person(files: list[Path], average_deviation: Float64[np.ndarray, "40"]) -> Person:
    """Read a speaker's GRID clips.

    Raises:
        ValueError: no clips, or nobody speaks in them.
    """
    wholes = [read_audio(path) for path in files]
    sounds = [only_speech(whole, detect_speech(whole)) for whole in wholes]
    joined = Waveform(np.concatenate([np.zeros(0, np.float32), *(sound.samples for sound in sounds)]), SAMPLE_RATE)
    voice = voice_statistics(analyse(joined), average_deviation) if joined.duration > 1 else None
    if voice is None:
        raise ValueError(f"no voice in these clips: {', '.join(map(str, files)) or 'none at all'}")
    clips = (
        Clip(grid_text(path.stem) or "", record(sound), level_mel(sound.samples))
        for path, sound in zip(files, sounds, strict=True)
    )
    return Person(tuple(clips), voice, _centre(np.stack([speaker_encoder().embed(whole) for whole in wholes])))


def hear_people(folder: Path, average_deviation: Float64[np.ndarray, "40"]) -> dict[str, Person]:
    """The training speakers' first clips in a folder laid out like GRID."""
    return {
        speaker: hear_person(
            sorted((folder / speaker).glob("*.mp*"), key=lambda p: (p.suffix != ".mpg", p.name))[:CLIPS],
            average_deviation,
        )
        for speaker in SPEAKERS
    }


@dataclass(frozen=True)
class _Line:
    """What an engine said: its frames, the same every 10 ms, and how many samples it has; `mel` where the engine said
    it at the person's pitch."""

    frames: Frames
    recording: Recording
    count: int
    mel: Float32[np.ndarray, "n 40"] | None


def _centre(embeddings: Float32[np.ndarray, "n 256"]) -> Float32[np.ndarray, "256"]:
    mean = embeddings.mean(axis=0)
    return np.asarray(mean / np.linalg.norm(mean), np.float32)


class Lines:
    """Draws batches of lines for some people.

    Args:
        average_deviation: as the mapper keeps it.
        known: statistics of the engines' voices.
    """

    def __init__(
        self,
        people: dict[str, Person],
        average_deviation: Float64[np.ndarray, "40"],
        seed: int = 0,
        known: Callable[[str], VoiceStatistics | None] = known_voice,
    ) -> None:
        self.people, self.average_deviation, self.known = people, average_deviation, known
        self.seed, self.random = seed, np.random.default_rng(seed)
        self._engines: dict[tuple[str, str], tuple[Synthesizer, bool]] = {}
        self._lines: dict[tuple[str, str, str], _Line] = {}
        self._mels: dict[tuple[str, str, str], np.ndarray] = {}
        self._paths: dict[tuple[str, str, int], np.ndarray] = {}
        self._gain, self._widths = gain_of_cepstra(), band_widths()

    def batch(self, number: int) -> LineBatch:
        """Six lines, a function of the seed and `number`."""
        self.random = np.random.default_rng([self.seed, number])
        examples = [self._example() for _ in range(BATCH)]
        columns = {name: padded([example[name] for example in examples]) for name in examples[0]}
        present = padded([np.ones(len(example["reference"])) for example in examples]) > 0
        return LineBatch(**{**columns, "free": columns["free"][:, 0] > 0, "present": present})

    def _example(self) -> dict[str, np.ndarray]:
        random = self.random
        name = list(self.people)[random.integers(len(self.people))]
        person = self.people[name]
        index, free = int(random.integers(len(person.clips))), len(person.clips) < 3 or bool(random.random() < 0.6)
        text = SENTENCES[random.integers(len(SENTENCES))] if free else person.clips[index].text
        voice = VOICES[random.integers(len(VOICES))] if random.random() < 0.65 else DEFAULT_VOICE
        others = [i for i in random.permutation(len(person.clips)) if free or i != index]
        chosen = [person.clips[i] for i in others[: random.integers(1, CLIPS)]]
        warp, colour = self._disguise() if random.random() < 0.5 else (None, np.zeros(ORDER))
        disguise = lambda cepstra: (cepstra if warp is None else cepstra @ warp.T) + colour  # noqa: E731
        mean, deviation = drawn_statistics(
            disguise(np.concatenate([c.recording.cepstra[c.recording.strong] for c in chosen])), self.average_deviation
        )
        reference = disguise(np.concatenate([c.recording.cepstra[c.recording.active] for c in chosen]))
        voiced = np.concatenate([c.recording.voiced[c.recording.active] for c in chosen])
        begin = int(random.integers(max(1, len(reference) - _LONGEST_REFERENCE + 1)))
        known = slice(begin, begin + _LONGEST_REFERENCE)
        said, mel = self._line(voice, text, name).recording, self._mel(voice, text, name)
        speaking = self._known(voice)
        goal, weight = np.zeros_like(said.cepstra), np.where(said.active, 1.0, 0.1)
        if not free:
            clip, path = person.clips[index].recording, self._path(voice, name, index)
            goal = (disguise(clip.cepstra[path]) - mean) / deviation
            weight = np.where(said.active | clip.active[path], 1.0, 0.1)
        count = min(len(mel), len(said.cepstra))
        first = int(random.integers(max(1, count - STEPS + 1)))
        part = slice(first, min(first + STEPS, count))
        return {
            "source": ((said.cepstra - speaking.mean) / speaking.deviation)[part],
            "voiced": said.voiced[part], "strong": said.strong[part], "cepstra": said.cepstra[part], "mel": mel[part],
            "goal": goal[part], "weight": weight[part],
            "reference": ((reference - mean) / deviation)[known], "reference_voiced": voiced[known],
            "spread": np.log(deviation / self.average_deviation), "mean": mean, "deviation": deviation,
            "wanted": person.embedding if warp is None else self._disguised_embedding(chosen[:2], disguise),
            "colour": np.concatenate([self._disguised_mel(clip, disguise) for clip in chosen]).mean(axis=0),
            "free": np.array([free]),
        }  # fmt: skip

    def _disguise(self) -> tuple[Float64[np.ndarray, "40 40"], Float64[np.ndarray, "40"]]:
        warp = cepstral_warp(self.random.uniform(0.9, 1.12)) if self.random.random() < 0.7 else np.eye(ORDER)
        colour = np.zeros(ORDER)
        colour[1:12] = self.random.random() * self.random.normal(0, 1, 11) / np.sqrt(np.arange(1, 12))
        return warp, colour

    def _disguised_mel(self, clip: Clip, disguise: Disguise) -> Float64[np.ndarray, "n 40"]:
        """The encoder's spectrum of a clip in its disguise, as loud as before."""
        count = min(len(clip.mel), len(clip.recording.cepstra))
        cepstra, mel = clip.recording.cepstra[:count], clip.mel[:count]
        gain = np.clip((disguise(cepstra) - cepstra) @ self._gain, -LARGEST_GAIN, LARGEST_GAIN)
        disguised = mel * np.exp(gain)
        return np.asarray(disguised * (mel @ self._widths).sum() / (disguised @ self._widths).sum())

    def _disguised_embedding(self, clips: list[Clip], disguise: Disguise) -> Float32[np.ndarray, "256"]:
        """How the encoder hears the clips in their disguise."""
        windows = []
        for clip in clips:
            disguised = self._disguised_mel(clip, disguise)[:STEPS]
            windows.append(np.pad(disguised, ((0, STEPS - len(disguised)), (0, 0))))
        with torch.inference_mode():
            heard = speaker_encoder().embed_windows(torch.from_numpy(np.stack(windows).astype(np.float32)))
        return _centre(heard.numpy())

    def _line(self, voice: str, text: str, name: str) -> _Line:
        """What an engine says; at the person's pitch where the engine can do that by itself."""
        engine, pitched = self._engine(voice, name)
        key = (voice, text, name if pitched else "")
        if key not in self._lines:
            sound = engine.synthesize(text).waveform.resampled(SAMPLE_RATE)
            frames = analyse(sound)
            mel = level_mel(sound.samples) if pitched else None
            self._lines[key] = _Line(frames, Recording.of(frames), len(sound.samples), mel)
        return self._lines[key]

    def _engine(self, voice: str, name: str) -> tuple[Synthesizer, bool]:
        """The engine of a voice, and whether it speaks at the person's pitch."""
        if (voice, name) not in self._engines:
            person = self.people[name].voice
            engine = choose_synthesizer(voice)[0]
            pitched = engine.at_pitch(float(np.exp(person.log_pitch)), person.pitch_spread)
            self._engines[voice, name] = (pitched or engine, pitched is not None)
        return self._engines[voice, name]

    def _mel(self, voice: str, text: str, name: str) -> Float32[np.ndarray, "n 40"]:
        line = self._line(voice, text, name)
        if line.mel is not None:
            return line.mel
        key = (voice, text, name)
        if key not in self._mels:
            f0 = moved_pitch(line.frames.f0, self._known(voice), self.people[name].voice)
            moved = Frames(f0, line.frames.envelope, line.frames.aperiodicity)
            self._mels[key] = level_mel(synthesise(moved, line.count).samples)
        return self._mels[key]

    def _known(self, voice: str) -> VoiceStatistics:
        known = self.known(voice)
        if known is None:
            raise ValueError(f"there are no statistics of {voice}")
        return known

    def _path(self, voice: str, name: str, index: int) -> np.ndarray:
        key = (voice, name, index)
        if key not in self._paths:
            person, speaking = self.people[name], self._known(voice)
            line = self._line(voice, person.clips[index].text, name).recording
            self._paths[key] = align(
                for_alignment(line, (speaking.mean, speaking.deviation)),
                for_alignment(person.clips[index].recording, (person.voice.mean, person.voice.deviation)),
            )
        return self._paths[key]
