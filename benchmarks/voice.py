"""How like the person, and how intelligible, the voice is: GRID speakers, held-out sentences, one core.

    OMP_NUM_THREADS=1 python benchmarks/voice.py [--data ../shared/data/grid] [--engines espeak flite] [--seconds 15]

For each target speaker the reference is the first clips of that speaker (3 s each, up to --seconds, and as much longer
as it takes to hold the 2 s of speech under which nothing is converted); similarity is the cosine of the GE2E embedding
of each spoken sentence with the centroid of the speaker's other clips, also by kind of sentence; the rank is among all
speakers there. Word accuracy is pocketsphinx's: six sentences with GRID's grammar, eight everyday ones with its
general language model (few words: differences under .08 are noise). The distance is a second opinion that no speaker
encoder has a say in: mel-cepstral distortion in dB (coefficients 1 to 24, voiced frames, after dynamic time warping)
between what is spoken and two of the speaker's other clips with the same words. Prints a table.
"""

import argparse
import os
import sys
from pathlib import Path

import numpy as np

from synclips.media.audio import Waveform, read_audio
from synclips.media.timebase import SAMPLE_RATE
from synclips.speech.conversion.converter import STRENGTH, choose_converter
from synclips.speech.conversion.world import median_pitch
from synclips.speech.reference_voice import Reference, analyse_reference
from synclips.speech.speaker_encoder import speaker_encoder
from synclips.speech.synthesis import nearest_voice, speak_sentences
from synclips.speech.text.normalise import spoken_sentences
from synclips.speech.tts.engines import choose_synthesizer
from synclips.speech.tts.synthesizer import Synthesizer
from synclips.training.voice_pairs import align, grid_text, record

REFERENCE_CLIPS = 6
"""The clips that references are taken from; the others are held out."""
DISTANCE_CLIPS = 2
SEEN_BY_THE_MAPPER = ("s1", "s2", "s3", "s4", "s5", "s30", "s31", "s32")
WOMEN = ("s4", "s7", "s22", "s31", "s33")
GRID = (
    "bin blue at f two now",
    "lay green with a seven please",
    "place red in z nine again",
    "set white by k zero soon",
    "lay red at q four now",
    "bin white with l six again",
)
EVERYDAY = (
    "the weather will be fine tomorrow morning",
    "please open the window and close the door",
    "she told me that the train was late",
    "we are going to the market on saturday",
    "he could not find his keys this morning",
    "this is a very good idea for the summer",
    "my brother lives in a small house near the river",
    "they have been working on this problem for many years",
)
GRAMMAR = (
    "#JSGF V1.0; grammar grid; public <line> = (bin|lay|place|set) (blue|green|red|white) (at|by|in|with) "
    f"({'|'.join('abcdefghijklmnopqrstuvxyz')}) (zero|one|two|three|four|five|six|seven|eight|nine) "
    "(again|now|please|soon);"
)


def show(line: str) -> None:
    """To standard output, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


class Listener:
    """Pocketsphinx with GRID's grammar or its own language model."""

    def __init__(self, grammar: str | None = None) -> None:
        from pocketsphinx import Decoder

        options = {"lm": None} if grammar else {}
        self._decoder = Decoder(samprate=float(SAMPLE_RATE), loglevel="FATAL", **options)
        if grammar:
            self._decoder.add_jsgf_string("grid", grammar)
            self._decoder.activate_search("grid")

    def accuracy(self, sound: Waveform, sentence: str) -> float:
        """Share of the sentence's words recognised, insertions counted against it."""
        import jiwer

        samples = sound.samples * (0.7 / max(float(np.abs(sound.samples).max(initial=0)), 1e-6))
        samples = np.pad(samples, 3200) + 1e-4 * np.random.default_rng(0).standard_normal(len(samples) + 6400)
        self._decoder.start_utt()
        self._decoder.process_raw((samples * 32767).astype(np.int16).tobytes(), full_utt=True)
        self._decoder.end_utt()
        heard = self._decoder.hyp()
        return 1 - float(jiwer.wer(sentence, heard.hypstr if heard and heard.hypstr else "nothing"))


def clips_of(folder: Path) -> list[Path]:
    """A speaker's clips in the corpus's own format, at most 22."""
    return sorted([*folder.glob("*.mpg"), *folder.glob("*.mp4")], key=lambda p: (p.suffix != ".mpg", p.name))[:22]


def reference_of(clips: list[Path], seconds: float) -> Reference:
    """The voice in the first `seconds` of the speaker's clips, or in as little more as suffices."""
    samples = np.concatenate([read_audio(clip).samples for clip in clips[:REFERENCE_CLIPS]])
    while True:
        heard = analyse_reference(Waveform(samples[: round(seconds * SAMPLE_RATE)], SAMPLE_RATE))
        if heard.usable or seconds * SAMPLE_RATE >= len(samples):
            return heard
        seconds += 0.25


def distortion(sound: Waveform, clip: Path) -> float:
    """Mel-cepstral distortion in dB between `sound` and a clip in which the same is said."""
    one, other = (record(waveform) for waveform in (sound, read_audio(clip)))
    values = [x.cepstra[x.active][:, 1:25] - x.cepstra[x.strong][:, 1:25].mean(axis=0) for x in (one, other)]
    path = align(*values)
    voiced = one.voiced[one.active] & other.voiced[other.active][path]
    means = [x.cepstra[x.strong][:, 1:25].mean(axis=0) for x in (one, other)]
    difference = values[0] + means[0] - (values[1] + means[1])[path]
    # The cepstra are those of an orthonormal transform of 80 points: sqrt(2 / 80) of them is a usual cepstrum.
    return float(10 / np.log(10) * np.sqrt(2 * 2 / 80 * (difference[voiced] ** 2).sum(axis=1)).mean())


def processor_time() -> float:
    """Seconds of one core used by this process and the engines' processes: other work on the machine does not count."""
    return sum(os.times()[:4])


def measure(
    engine: Synthesizer,
    reference: Reference | None,
    own: str,
    clips: list[Path],
    centroids: dict[str, np.ndarray],
    strength: float,
    listeners: tuple[Listener, Listener],
) -> dict[str, float]:
    """One speaker's row: means over the fourteen sentences. Without a reference, the synthesizer's raw voice."""
    encoder, rows, spent, spoken = speaker_encoder(), [], 0.0, 0.0
    grid, everyday, pitch = [], [], []

    def say(sentence: str) -> Waveform:
        sound = speak_sentences(engine, spoken_sentences(sentence)).waveform
        if reference is None:
            return sound
        return choose_converter("world", strength, f"{engine.name}:{engine.voice}").convert(sound, reference.speech)

    for sentence in GRID + EVERYDAY:
        begin = processor_time()
        sound = say(sentence)
        spent += processor_time() - begin
        spoken += sound.duration
        vector = encoder.embed(sound)
        alike = {speaker: float(vector @ centroid) for speaker, centroid in centroids.items()}
        rows.append((alike[own], alike[own] == max(alike.values())))
        listener = listeners[sentence in EVERYDAY]
        (everyday if sentence in EVERYDAY else grid).append(listener.accuracy(sound, sentence))
        pitch.append(median_pitch(sound) or 0.0)
    target = median_pitch(reference.speech) if reference is not None else None
    same_words = [(text, clip) for clip in clips if (text := grid_text(clip.stem))][-DISTANCE_CLIPS:]
    return {
        "similarity": float(np.mean([row[0] for row in rows])),
        "of GRID": float(np.mean([row[0] for row in rows[: len(GRID)]])),
        "of everyday": float(np.mean([row[0] for row in rows[len(GRID) :]])),
        "rank 1": float(np.mean([row[1] for row in rows])),
        "grid words": float(np.mean(grid)),
        "everyday words": float(np.mean(everyday)),
        "distance": float(np.mean([distortion(say(text), clip) for text, clip in same_words])),
        "F0 error": abs(float(np.median(pitch)) / target - 1) if target else float("nan"),
        "RTF": spent / spoken,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data" / "grid")
    parser.add_argument("--engines", nargs="+", default=["espeak", "flite"])
    parser.add_argument("--seconds", nargs="+", type=float, default=[2.0, 5.0, 15.0])
    parser.add_argument("--strength", nargs="+", type=float, default=[STRENGTH])
    parser.add_argument("--speakers", nargs="+", default=None)
    parser.add_argument("--no-raw", action="store_true", help="leave the unconverted voices out: half the time")
    options = parser.parse_args()
    encoder = speaker_encoder()
    clips = {folder.name: clips_of(folder) for folder in sorted(options.data.iterdir()) if folder.is_dir()}
    targets = options.speakers or [name for name, found in clips.items() if len(found) >= 10]
    embeddings = {
        name: np.stack(
            [encoder.embed(read_audio(clip)) for clip in (found[REFERENCE_CLIPS:] if len(found) >= 10 else found)]
        )
        for name, found in clips.items()
        if len(found) >= 10 or name == "s22"
    }
    centroids = {
        name: vectors.mean(axis=0) / np.linalg.norm(vectors.mean(axis=0)) for name, vectors in embeddings.items()
    }
    real = [float(np.mean(vectors @ centroids[name])) for name, vectors in embeddings.items() if name in targets]
    show(f"{len(centroids)} speakers; a real clip and its speaker's centroid: {np.mean(real):.3f}\n")
    columns = ["similarity", "of GRID", "of everyday", "rank 1", "grid words", "everyday words"]
    columns += ["distance", "F0 error", "RTF"]
    show(f"| engine | reference | strength | speakers | {' | '.join(columns)} |\n|{'---|' * (4 + len(columns))}")
    listeners = (Listener(GRAMMAR), Listener())
    for name in options.engines:
        engine, _ = choose_synthesizer(name)
        groups: list[tuple[str, str, dict[str, dict[str, float]]]] = []
        references = {own: reference_of(clips[own], 15.0) for own in targets}
        nearest = {own: nearest_voice(engine, references[own]) for own in targets}
        if not options.no_raw:
            raw = {own: measure(nearest[own], None, own, clips[own], centroids, 0, listeners) for own in targets}
            groups.append(("none", "raw", raw))
        for seconds in options.seconds:
            heard = {own: reference_of(clips[own], seconds) for own in targets}
            for strength in options.strength:
                rows = {}
                for own in targets:
                    if not heard[own].usable:
                        continue
                    rows[own] = measure(nearest[own], heard[own], own, clips[own], centroids, strength, listeners)
                groups.append((f"{seconds:g} s", f"{strength:g}", rows))
        for reference, strength_name, rows in groups:
            sets = {
                "all": list(rows),
                "men": [own for own in rows if own not in WOMEN],
                "women": [own for own in rows if own in WOMEN],
                "unseen": [own for own in rows if own not in SEEN_BY_THE_MAPPER],
            }
            for label, members in sets.items():
                if members:
                    means = [np.mean([rows[own][column] for own in members]) for column in columns]
                    cells = ["" if np.isnan(mean) else f"{mean:.3f}" for mean in means]
                    show(f"| {name} | {reference} | {strength_name} | {label} ({len(members)}) | {' | '.join(cells)} |")
        show("")


if __name__ == "__main__":
    main()
