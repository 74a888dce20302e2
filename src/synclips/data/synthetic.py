"""A synthetic corpus of talking faces in GRID's layout with a known audio-visual offset, for tests."""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import UInt8

from synclips.data.grid import (
    ALIGNMENT_UNITS_PER_SECOND,
    HELD_OUT_SPEAKER,
    UNSEEN_SPEAKERS,
    WordSpan,
    sentence_of,
    split_of,
    utterance_names,
)
from synclips.data.synthetic_face import HEIGHT, WIDTH, HeadPose, Look, SyntheticFace
from synclips.data.synthetic_voice import Articulation, Voice
from synclips.errors import ConfigError
from synclips.files import atomic_path
from synclips.media.timebase import FPS
from synclips.media.video import VideoWriter

_SPOKEN: Final = (0.12, 0.88)
"""The part of a clip, as shares of its length, in which the sentence is spoken."""
_QUALITY: Final = 22
"""CRF of the pictures: as good as the corpus's own MPEG-1, and quicker than the writer's default."""
_NAMES: Final = tuple(utterance_names())


@dataclass(frozen=True)
class SyntheticSpeaker:
    """A face and a voice that belong together; the same name always gives the same speaker."""

    name: str
    look: Look
    voice: Voice

    @classmethod
    def called(cls, name: str) -> "SyntheticSpeaker":
        """The speaker of that name."""
        rng = np.random.default_rng(zlib.crc32(name.encode()))
        tint = tuple(float(gain) for gain in rng.uniform(0.82, 1.1, 3))
        look = Look(float(rng.uniform(1.24, 1.5)), bool(rng.integers(2)), (tint[0], tint[1], tint[2]))
        pitch = float(rng.uniform(95, 220))
        return cls(name, look, Voice(pitch, 0.93 + 0.25 * (pitch - 95) / 125))


def write_synthetic_corpus(
    root: Path,
    speakers: Sequence[str] = ("s1", "s2"),
    *,
    clips: int = 4,
    seconds: float | int = 2.0,
    lag_frames: int = 0,
    seed: int = 0,
) -> tuple[Path, ...]:
    """Write `clips` utterances of each speaker as `root/<speaker>/<utterance>.mp4` and `.align`; return the videos.

    25 frames a second of 360 x 288 pixels, as GRID's, H.264 and AAC. Names are valid and distinct, and what is said
    is what they spell, as far as drawn lips and hummed vowels can say it. The sound, and the .align file with it,
    comes `lag_frames` frames after the lips (before them if negative). Of the speaker whose clips are divided between
    training and validation (s1), the first is in the validation split where there are two or more, the rest are not.

    Raises:
        ConfigError: less than one clip, or clips too short for six words.
        OutputError: `root` cannot be written.
    """
    if clips < 1 or len(_NAMES) < clips * len(speakers):
        raise ConfigError(f"{clips} clips of each of {len(speakers)} speakers; ask for 1 to {len(_NAMES)} in all")
    if seconds < 1:
        raise ConfigError(f"clips of {seconds} s are too short for six words; ask for 1 s or more")
    written = []
    for (speaker, name), number in zip(_names(speakers, clips, seed), range(clips * len(speakers)), strict=True):
        rng = np.random.default_rng([seed, number])
        path = root / speaker / f"{name}.mp4"
        _write_clip(path, SyntheticSpeaker.called(speaker), name, seconds, lag_frames, rng)
        written.append(path)
    return tuple(written)


def _names(speakers: Sequence[str], clips: int, seed: int) -> Iterator[tuple[str, str]]:
    """Each speaker with the names of its clips, all distinct."""
    shuffled = iter(np.random.default_rng(seed).permutation(len(_NAMES)))
    for speaker in speakers:
        for number in range(clips):
            names = (_NAMES[index] for index in shuffled)
            wanted = "train"
            if speaker == HELD_OUT_SPEAKER and number == 0 and clips > 1:
                wanted = "seen"
            elif speaker in UNSEEN_SPEAKERS:
                wanted = "validation" if number % 2 else "unseen"
            yield speaker, next(name for name in names if split_of(speaker, name) == wanted)


def _write_clip(
    path: Path, speaker: SyntheticSpeaker, name: str, seconds: float | int, lag_frames: int, rng: np.random.Generator
) -> None:
    frames = round(seconds * FPS)
    duration, lag = frames / FPS, lag_frames / FPS
    words = _word_spans(name, duration, rng)
    articulation = Articulation(words, rng)
    sound = articulation.sound(speaker.voice, duration, delay=lag)
    with VideoWriter(path, WIDTH, HEIGHT, Fraction(FPS), quality=_QUALITY, audio=sound, overwrite=True) as writer:
        for image in draw_frames(speaker, articulation, frames, rng):
            writer.write(image)
    with atomic_path(path.with_suffix(".align")) as temporary:
        temporary.write_text(_alignment(words, duration, lag), encoding="ascii")


def draw_frames(
    speaker: SyntheticSpeaker, articulation: Articulation, count: int, rng: np.random.Generator
) -> Iterator[UInt8[np.ndarray, "288 360 3"]]:
    """`count` frames of the speaker saying it; each shows the mouth at the middle of its 40 ms. The head sways."""
    face = SyntheticFace(speaker.look)
    time = (np.arange(count) + 0.5) / FPS
    opening, rounding = articulation.opening(time), articulation.rounding(time)
    periods, phases = rng.uniform(2.5, 6, 3), rng.uniform(0, 2 * np.pi, 3)
    sway = np.array([5.0, 2.5, 1.5]) * np.sin(2 * np.pi * time[:, None] / periods + phases)
    for i in range(count):
        yield face.draw(float(opening[i]), float(rounding[i]), HeadPose(*(float(value) for value in sway[i])))


def _word_spans(name: str, duration: float, rng: np.random.Generator) -> tuple[WordSpan, ...]:
    """The six words one after the other through the spoken part of the clip, none quite as long as the next."""
    words = sentence_of(name)
    lengths = rng.uniform(0.8, 1.2, len(words))
    start, end = (share * duration for share in _SPOKEN)
    edges = start + (end - start) * np.concatenate([[0.0], np.cumsum(lengths) / lengths.sum()])
    return tuple(WordSpan(float(a), float(b), word) for a, b, word in zip(edges, edges[1:], words, strict=False))


def _alignment(words: tuple[WordSpan, ...], duration: float, lag: float) -> str:
    """The .align file: the words when they are heard, and silence around them."""
    edges = [min(max(span.start + lag, 0.0), duration) for span in words]
    edges.append(min(max(words[-1].end + lag, 0.0), duration))
    spans = [(0.0, edges[0], "sil"), *zip(edges, edges[1:], (span.word for span in words), strict=False)]
    spans.append((edges[-1], duration, "sil"))
    units = [
        (round(a * ALIGNMENT_UNITS_PER_SECOND), round(b * ALIGNMENT_UNITS_PER_SECOND), word) for a, b, word in spans
    ]
    return "".join(f"{a} {b} {word}\n" for a, b, word in units if a < b)
