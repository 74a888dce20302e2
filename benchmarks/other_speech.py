"""Speech that the model was not trained on: synthesizers' voices and recordings in any language, on unseen speakers.

    python benchmarks/other_speech.py --raw-dir data/raw --audio french.wav --audio japanese.wav
    python benchmarks/other_speech.py --raw-dir data/raw --voices fr de es ja

Each sound drives one clip of each unseen speaker, through the real renderer. The shipped judge, which no model was
trained beside, then says by how many frames the sound lags the made lips, and how well they agree; real clips, and the
made lips with the sound of another moment, stand beside it.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from synclips.cli.terminal import Terminal
from synclips.data.grid import find_utterances, split
from synclips.evaluation.clip import Footage, load_footage, look
from synclips.evaluation.model_method import ModelMaker
from synclips.media.audio import Waveform, normalise_loudness, read_audio
from synclips.media.timebase import FPS, SAMPLE_RATE
from synclips.metrics.evaluators import load_evaluators
from synclips.metrics.sync import SyncFigures, measure_sync
from synclips.rendering.renderer import load_model
from synclips.runtime import share_cores, tune_allocator
from synclips.speech.tts.engines import choose_synthesizer, foreign_synthesizer
from synclips.tracking.detector import FaceMeshDetector

SENTENCES = (
    "The quick brown fox jumps over the lazy dog.",
    "We shall meet again tomorrow, before the sun goes down.",
    "Perhaps my mother would buy a bottle of warm milk.",
)
SYNTHESIZERS = ("hibari", "espeak", "flite")
FOREIGN = {
    "fr": ("Bonjour tout le monde, il fait beau ce matin.", "Ma petite voiture bleue est en panne depuis lundi."),
    "de": ("Guten Morgen, heute bleibt das Wetter schön.", "Wir wollten eigentlich am Abend ins Kino gehen."),
    "es": ("Buenos días, hoy vamos a comer en la playa.", "Mi hermano compró una bicicleta nueva para el verano."),
    "ja": ("おはようございます。きょうはいいてんきですね。", "あしたともだちとえいがをみにいくつもりです。"),
}
"""Lines that --voices speaks with eSpeak NG's voice of the language."""
SECONDS = 3.0
ELSEWHERE = 1.0
"""Seconds by which the sound is turned round for the row that must fail."""


def main() -> None:
    """Print one row for each sound."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--raw-dir", type=Path, default=Path("data/raw"))
    parser.add_argument("--audio", type=Path, action="append", default=[], help="a recording; may be given again")
    parser.add_argument(
        "--voices", nargs="+", default=SYNTHESIZERS, help="engines, and languages of eSpeak NG's voices"
    )
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--speakers", nargs="+", help="in place of those whom training never sees")
    args = parser.parse_args()
    tune_allocator()
    share_cores()
    device = torch.device("cpu")
    maker = ModelMaker(load_model(args.checkpoint, device)[0])
    syncnet = load_evaluators(None, None, None, device)[0].syncnet
    utterances = find_utterances(args.raw_dir)
    kept = (
        split(utterances)["unseen"] if args.speakers is None else [u for u in utterances if u.speaker in args.speakers]
    )
    first = {u.speaker: u for u in reversed(kept)}
    clips = [load_footage(utterance, FaceMeshDetector) for utterance in first.values()]
    with Terminal() as terminal:
        terminal.result(
            "| sound | clips | offset within one frame | similarity | LSE-D | LSE-C |\n|---|---|---|---|---|---|"
        )
        real = [measure_sync(syncnet, clip.look.crops, clip.waveform) for clip in clips]
        terminal.result(_row("real clips, own sound", real))
        for name, sounds in _sounds(args.voices, args.audio):
            found, moved = [], []
            for number, clip in enumerate(clips):
                sound = normalise_loudness(sounds[number % len(sounds)])
                crops = _made(maker, clip, sound)
                found.append(measure_sync(syncnet, crops, sound))
                turned = np.roll(sound.samples, round(ELSEWHERE * SAMPLE_RATE))
                moved.append(measure_sync(syncnet, crops, Waveform(turned, SAMPLE_RATE)))
                terminal.progress(name, number + 1, len(clips))
            terminal.result(_row(name, found))
            terminal.result(_row(f"{name}, another moment's sound", moved))


def _sounds(voices: list[str], recordings: list[Path]) -> Iterator[tuple[str, list[Waveform]]]:
    """Each source of speech by name, with pieces of `SECONDS`."""
    for name in voices:
        foreign = name in FOREIGN
        synthesizer, _ = foreign_synthesizer(name) if foreign else choose_synthesizer(name)
        texts = FOREIGN[name] if foreign else SENTENCES
        yield name, [_piece(synthesizer.synthesize(text).waveform.resampled(SAMPLE_RATE)) for text in texts]
    for path in recordings:
        whole = read_audio(path, SAMPLE_RATE)
        starts = np.arange(0.5, max(0.6, whole.duration - SECONDS), SECONDS)[:6]
        yield path.stem, [_piece(Waveform(whole.samples[round(s * SAMPLE_RATE) :], SAMPLE_RATE)) for s in starts]


def _piece(sound: Waveform) -> Waveform:
    return sound.padded(round(SECONDS * SAMPLE_RATE))


def _made(maker: ModelMaker, clip: Footage, sound: Waveform) -> np.ndarray:
    """Face crops of the clip saying the sound."""
    count = min(len(clip), round(SECONDS * FPS))
    frames = [frame for _, frame in zip(range(count), maker(clip, sound, "cross"), strict=False)]
    return look(np.stack(frames), FaceMeshDetector).crops


def _row(name: str, found: list[SyncFigures]) -> str:
    near = sum(abs(figures.offset) <= 1 for figures in found)
    means = (np.mean([getattr(f, key) for f in found]) for key in ("at_zero", "lse_d", "lse_c"))
    return f"| {name} | {len(found)} | {near} of {len(found)} | " + " | ".join(f"{mean:.3f}" for mean in means) + " |"


if __name__ == "__main__":
    main()
