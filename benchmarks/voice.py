"""How like the person, and how intelligible, the voice is: real speakers, held-out recordings, one core.

    OMP_NUM_THREADS=1 python benchmarks/voice.py [--data ../shared/data/grid] [--people FOLDER] [--engines hibari]
        [--seconds 3 15] [--speakers s33] [--sentences 40]

A speaker is a folder of recordings. The reference is the beginning of one part of them (GRID: the first six clips;
elsewhere every second file), up to --seconds of speech, or as much more as it takes to hold the 2 s under which nothing
is converted; the other part is held out. Similarity is the cosine of each spoken sentence's embedding with the centroid
of the held-out part, and the share of it that a real recording reaches; rank 1 is among all speakers. Two encoders
say so, of which the second had no part in any loss; words are heard by Whisper tiny.en and by pocketsphinx. The forty
sentences chose nothing: no text, weight or setting was decided by them. Prints a table by sex, engine and seconds. What
the calibration of the converter costs, once for each person, stands apart from the real-time factor.
"""

import argparse
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from voice_listeners import Encoder, SecondEncoder, TeacherEncoder, Whisper, sphinx_wrong_words

from synclips.media.audio import Waveform, loudness, read_audio
from synclips.media.timebase import SAMPLE_RATE
from synclips.speech.conversion.converter import STRENGTH
from synclips.speech.conversion.world import median_pitch
from synclips.speech.loudness import match_loudness
from synclips.speech.reference_voice import Reference, analyse_reference
from synclips.speech.synthesis import converter_for, nearest_voice, pitched_like, speak_sentences
from synclips.speech.text.normalise import spoken_sentences
from synclips.speech.tts.engines import choose_synthesizer
from synclips.speech.tts.synthesizer import Synthesizer
from synclips.speech.vad import detect_speech, only_speech
from synclips.training.voice_pairs import SPEAKERS

REFERENCE_CLIPS = 6
"""GRID's clips that references are taken from; the others are held out."""
LEAST_CLIPS = 10
MOST_FILES = 120
PIECE = 4 * SAMPLE_RATE
"""Samples that recordings of single words are joined to."""
MOST_PIECES = 14
HIGH_VOICE = 165.0
"""Hz above which a speaker of unknown sex counts as a woman."""
WOMEN = ("s4", "s7", "s22", "s31", "s33")
SENTENCES = (
    "The bakery opens before the sun comes up.",
    "Please remind me to call the dentist on Monday.",
    "A gentle breeze carried the smell of fresh paint.",
    "Our neighbors are building a fence around the garden.",
    "The teacher handed back the tests after lunch.",
    "He forgot his umbrella on the train again.",
    "We need more chairs for the guests tonight.",
    "The museum shows drawings from three centuries.",
    "Could you turn down the music a little?",
    "She learned to swim when she was already forty.",
    "The bridge was closed because of the strong wind.",
    "They shared a pizza and talked for hours.",
    "My phone stopped working after it fell in the sink.",
    "The old clock in the hall is ten minutes slow.",
    "Bring a warm sweater, because the nights are cold.",
    "The doctor said that I should rest for a week.",
    "Nobody answered the door, so we left a note.",
    "The movie was too long, but the ending was great.",
    "Fresh vegetables are cheaper at the farmers market.",
    "He plays the violin better than his brother does.",
    "The package should arrive on Wednesday afternoon.",
    "I cannot believe how quickly the summer went by.",
    "The engine makes a funny noise when it starts.",
    "She painted the bedroom walls light green.",
    "Two boys were fishing from the wooden dock.",
    "The company plans to hire fifty new workers.",
    "Put the dishes in the cupboard next to the stove.",
    "A black dog followed us all the way home.",
    "The lawyer asked the witness to speak louder.",
    "We watched the fireworks from the roof.",
    "Her new glasses make everything look sharper.",
    "The library has a quiet room on the second floor.",
    "I would like a cup of tea with milk and sugar.",
    "The pilot told us that we would land early.",
    "Snow covered the fields as far as we could see.",
    "Did you remember to lock the back door?",
    "The singer thanked the crowd and left the stage.",
    "His joke was so bad that nobody laughed.",
    "They found an ancient coin under the floor.",
    "Let us meet in front of the station at noon.",
)


@dataclass(frozen=True)
class Speaker:
    """Recordings of one person: what references are cut from, and what is held out."""

    name: str
    reference: Waveform
    held_out: tuple[Waveform, ...]
    woman: bool


def show(line: str) -> None:
    """To standard output, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def grid_speaker(folder: Path) -> Speaker | None:
    """A speaker of GRID with enough clips, or None."""
    files = sorted([*folder.glob("*.mpg"), *folder.glob("*.mp4")], key=lambda p: (p.suffix != ".mpg", p.name))[:22]
    if len(files) < LEAST_CLIPS:
        return None
    sounds = [read_audio(path).resampled(SAMPLE_RATE) for path in files]
    reference = joined(sounds[:REFERENCE_CLIPS])
    return Speaker(folder.name, reference, tuple(sounds[REFERENCE_CLIPS:]), folder.name in WOMEN)


def other_speaker(folder: Path) -> Speaker | None:
    """A folder of recordings of somebody, single words perhaps; None where they do not suffice."""
    files = sorted(path for path in folder.rglob("*") if path.suffix in (".ogg", ".wav", ".mp3", ".flac"))[:MOST_FILES]
    sounds = []
    for path in files:
        try:
            sounds.append(read_audio(path).resampled(SAMPLE_RATE))
        except Exception as error:  # noqa: BLE001
            show(f"{path}: left out ({error})")
    if len(sounds) < LEAST_CLIPS:
        return None
    reference, rest = joined(sounds[::2]), joined(sounds[1::2]).samples
    reference = only_speech(reference, detect_speech(reference))
    starts = range(0, len(rest) - PIECE // 2, PIECE)
    pieces = [Waveform(rest[start : start + PIECE], SAMPLE_RATE) for start in starts][:MOST_PIECES]
    pitch = median_pitch(reference)
    if len(pieces) < 3 or pitch is None or not analyse_reference(reference).usable:
        return None
    return Speaker(folder.name, reference, tuple(pieces), pitch > HIGH_VOICE)


def joined(sounds: list[Waveform]) -> Waveform:
    """One after another."""
    return Waveform(np.concatenate([sound.samples for sound in sounds]), SAMPLE_RATE)


def reference_of(speaker: Speaker, seconds: float) -> Reference:
    """The voice in the first `seconds` of the speaker's reference, or in as little more as suffices."""
    while True:
        part = Waveform(speaker.reference.samples[: round(seconds * SAMPLE_RATE)], SAMPLE_RATE)
        heard = analyse_reference(part)
        if heard.usable or len(part.samples) == len(speaker.reference.samples):
            return heard
        seconds += 0.25


@dataclass(frozen=True)
class Heard:
    """An encoder's view of all speakers: centroids, and the mean cosine of a held-out recording with its others."""

    encoder: Encoder
    centroids: dict[str, np.ndarray]
    ceilings: dict[str, float]


def hear_speakers(encoder: Encoder, speakers: dict[str, Speaker]) -> Heard:
    """Embeds everybody's held-out recordings."""
    centroids, ceilings = {}, {}
    for name, speaker in speakers.items():
        vectors = np.stack([encoder.embed(sound) for sound in speaker.held_out])
        total = vectors.sum(axis=0)
        centroids[name] = total / np.linalg.norm(total)
        others = total - vectors
        ceilings[name] = float(np.mean((vectors * others).sum(axis=1) / np.linalg.norm(others, axis=1)))
    return Heard(encoder, centroids, ceilings)


def processor_time() -> float:
    """Seconds of one core used by this process and the engines' processes: other work on the machine does not count."""
    return sum(os.times()[:4])


def measure(
    engine: Synthesizer,
    speaker: Speaker,
    reference: Reference | None,
    sentences: tuple[str, ...],
    encoders: list[Heard],
    whisper: Whisper,
    strength: float,
) -> dict[str, float]:
    """One speaker's row: means over the sentences. Without a reference, the synthesizer's raw voice."""
    sums: dict[str, list[float]] = {}

    def note(name: str, value: float) -> None:
        sums.setdefault(name, []).append(value)

    spent = duration = 0.0
    errors = {"Whisper": [0, 0], "Sphinx": [0, 0]}
    voice = pitched_like(engine, reference.speech) if reference else engine
    begin = processor_time()
    converter = converter_for(voice, reference.speech, strength=strength) if reference else None
    calibration = processor_time() - begin
    target = median_pitch(reference.speech) if reference else None
    for text in sentences:
        begin = processor_time()
        sound = speak_sentences(voice, spoken_sentences(text)).waveform
        if converter and reference:
            sound = match_loudness(converter.convert(sound, reference.speech), reference.loudness)
            note("loudness, LU", abs(loudness(sound) - reference.loudness))
        spent += processor_time() - begin
        duration += sound.duration
        for heard in encoders:
            vector = heard.encoder.embed(sound)
            alike = {name: float(vector @ centroid) for name, centroid in heard.centroids.items()}
            name = heard.encoder.name
            note(name, alike[speaker.name])
            note(f"{name}, of real", alike[speaker.name] / heard.ceilings[speaker.name])
            note(f"{name}, rank 1", alike[speaker.name] == max(alike.values()))
        for name, counts in (
            ("Whisper", whisper.wrong_words(sound, text)),
            ("Sphinx", sphinx_wrong_words(sound, text)),
        ):
            errors[name] = [total + count for total, count in zip(errors[name], counts, strict=True)]
        note("F0", median_pitch(sound) or np.nan)
    row = {name: float(np.mean(values)) for name, values in sums.items() if name != "F0"}
    row |= {f"wrong words, {name}, %": 100 * wrong / words for name, (wrong, words) in errors.items()}
    pitch = float(np.nanmedian(sums["F0"]))
    return row | {
        "F0 error, %": 100 * abs(pitch / target - 1) if target else np.nan,
        "RTF": spent / duration,
        "calibration, s": calibration,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data" / "grid")
    parser.add_argument("--people", type=Path, help="folder of folders of recordings, one a person")
    parser.add_argument("--engines", nargs="+", default=["hibari"])
    parser.add_argument("--seconds", nargs="+", type=float, default=[3.0, 15.0])
    parser.add_argument("--strength", type=float, default=STRENGTH)
    parser.add_argument("--speakers", nargs="+", help="only these are spoken like; all count for the rank")
    parser.add_argument("--sentences", type=int, default=len(SENTENCES))
    parser.add_argument("--raw", action="store_true", help="the unconverted voices, too")
    options = parser.parse_args()
    found = [grid_speaker(folder) for folder in sorted(options.data.iterdir()) if folder.is_dir()]
    if options.people:
        found += [other_speaker(folder) for folder in sorted(options.people.iterdir()) if folder.is_dir()]
    speakers = {speaker.name: speaker for speaker in found if speaker}
    encoders = [hear_speakers(encoder, speakers) for encoder in (TeacherEncoder(), SecondEncoder())]
    for heard in encoders:
        ceiling = np.mean(list(heard.ceilings.values()))
        show(f"{heard.encoder.name}: a real recording and its speaker's others {ceiling:.3f}")
    whisper, sentences = Whisper(), SENTENCES[: options.sentences]
    targets = [speakers[name] for name in options.speakers or speakers]
    tables: list[tuple[str, str, dict[str, dict[str, float]]]] = []
    for name in options.engines:
        engine, _ = choose_synthesizer(name)
        nearest = {
            speaker.name: engine if ":" in name else nearest_voice(engine, reference_of(speaker, 15.0))
            for speaker in targets
        }
        for seconds in [*([None] if options.raw else []), *options.seconds]:
            rows: dict[str, dict[str, float]] = {}
            label = "raw" if seconds is None else f"{seconds:g} s"
            for speaker in targets:
                reference = None if seconds is None else reference_of(speaker, seconds)
                if reference is not None and not reference.usable:
                    continue
                rows[speaker.name] = measure(
                    nearest[speaker.name], speaker, reference, sentences, encoders, whisper, options.strength
                )
                show(f"{name}, {label}, {speaker.name}: " + figures(rows[speaker.name]))
            tables.append((name, label, rows))
    show_tables(tables, speakers)


def figures(row: dict[str, float]) -> str:
    """One speaker's figures in a line."""
    return ", ".join(f"{name} {value:.3f}" for name, value in row.items() if not np.isnan(value))


def show_tables(tables: list[tuple[str, str, dict[str, dict[str, float]]]], speakers: dict[str, Speaker]) -> None:
    """By engine, seconds of reference, and group of speakers."""
    columns = list(next(iter(max((rows for *_, rows in tables), key=len).values())))
    show(f"\n| engine | reference | speakers | {' | '.join(columns)} |\n|{'---|' * (3 + len(columns))}")
    for name, label, rows in tables:
        groups = {
            "all": list(rows),
            "men": [own for own in rows if not speakers[own].woman],
            "women": [own for own in rows if speakers[own].woman],
            "not trained on": [own for own in rows if own not in SPEAKERS],
        }
        for group, members in groups.items():
            if members:
                means = [np.mean([rows[own].get(column, np.nan) for own in members]) for column in columns]
                cells = " | ".join("" if np.isnan(mean) else f"{mean:.3f}" for mean in means)
                show(f"| {name} | {label} | {group} ({len(members)}) | {cells} |")


if __name__ == "__main__":
    main()
