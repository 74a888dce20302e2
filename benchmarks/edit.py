"""How good are edited words? Words of GRID's clips are swapped; edited and real clips are compared.

    python benchmarks/edit.py --grid data/raw --speakers s33 s4 s5 s1 --swaps 6 --pictures 6 --output edit.json

Joins: the jump of level, pitch and spectrum over the two cuts of a span, against the same over natural word edges of
the same speakers. Words: pocketsphinx with GRID's grammar; the new word, and those that were not touched. Similarity:
of a speaker's new words, joined, to their other clips, beside the words that were replaced. Sync: of the frames in the
span, beside the unedited clip's. Identity: frames and samples outside, in a lossless result.
"""

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np

from synclips.dubbing.edit import edit
from synclips.dubbing.edit_sound import EditedSound, edit_sound
from synclips.dubbing.options import DubOptions
from synclips.dubbing.prepared_video import open_source
from synclips.features.alignment import crop_face, fit_alignment
from synclips.features.mfcc import mfcc
from synclips.media.audio import Waveform, read_audio, read_sound, write_wav
from synclips.media.timebase import SAMPLE_RATE
from synclips.media.video import probe, read_frames
from synclips.metrics.asr import hear
from synclips.metrics.evaluators import SYNCNET, load_judge, shipped_or
from synclips.metrics.sync import embed_pictures, embed_sound, mouths_of, sync_figures
from synclips.speech.conversion.world import pitch_track
from synclips.speech.edits import Edit
from synclips.speech.speaker_encoder import similarity, speaker_encoder
from synclips.speech.transcript import Transcript, TranscriptWord
from synclips.tracking.detection_cache import default_cache, detect_video

COLOURS = ("blue", "green", "red", "white")
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
REFERENCE_CLIPS = 8
SWAPPED = (1, 4, 5)
"""Places of a sentence whose word is swapped: colour, digit, adverb."""
ADVERBS = ("again", "now", "please", "soon")


def words_of(clip: Path) -> list[tuple[float, float, str]]:
    """Start, end and word of a clip's alignment."""
    rows = (row.split() for row in clip.with_suffix(".align").read_text().splitlines())
    return [(int(a) / 25000, int(b) / 25000, word) for a, b, word in rows if word not in ("sil", "sp")]


def transcript_of(clip: Path) -> Transcript:
    """The clip's words, letters in capitals as they are written."""
    said = [
        TranscriptWord(word.upper() if (len(word) == 1 and word != "a") or k == 3 else word, start, end)
        for k, (start, end, word) in enumerate(words_of(clip))
    ]
    return Transcript(tuple(said), 3.0)


def jump(sound: Waveform, at: float) -> tuple[float, float, float]:
    """Level (dB), pitch (semitones; NaN where one side is unvoiced) and spectrum (cepstral distance) over a place."""
    place, size = round(at * SAMPLE_RATE), SAMPLE_RATE // 40
    before, after = sound.samples[max(0, place - size) : place], sound.samples[place : place + size]
    if min(len(before), len(after)) < size:
        return np.nan, np.nan, np.nan
    level = 10 * np.log10((np.mean(after.astype(float) ** 2) + 1e-9) / (np.mean(before.astype(float) ** 2) + 1e-9))
    f0, times = pitch_track(sound.samples.astype(np.float64))
    left, right = (f0[(times >= a) & (times < b) & (f0 > 0)] for a, b in ((at - 0.08, at), (at, at + 0.08)))
    pitch = 12 * np.log2(np.median(right) / np.median(left)) if min(len(left), len(right)) >= 4 else np.nan
    steps = mfcc(sound, len(sound.samples) // 640)
    k = round(at * 100)
    spectrum = np.linalg.norm((steps[min(k + 2, len(steps) - 1)] - steps[max(k - 2, 0)])[1:])
    return abs(float(level)), abs(float(pitch)), float(spectrum)


def sync_of(video: Path, sound: Waveform, span: tuple[int, int]) -> tuple[int, float, float]:
    """Offset, similarity there and at zero of the frames in the span."""
    with shipped_or(None, SYNCNET) as path:
        net = load_judge(path)
    detections = detect_video(probe(video), cache=default_cache())
    rows = np.unique(detections.frame, return_index=True)[1]
    alignment = fit_alignment(np.asarray(detections.points[rows]))
    images = [frame.image for frame in read_frames(video)]
    crops = np.stack([crop_face(images[f], a) for f, a in zip(detections.frame[rows], alignment, strict=True)])
    usable = np.zeros(len(crops), bool)
    usable[span[0] : span[1]] = True
    figures = sync_figures(
        embed_pictures(net, mouths_of(crops)), embed_sound(net, sound, len(crops)), reach=6, usable=usable
    )
    return figures.offset, figures.similarity, figures.at_zero


def outside_is_identical(clip: Path, heard: EditedSound) -> bool:
    """Every sample outside the spans is the source's."""
    original, at, result = read_sound(clip), 0, 0
    for plan in heard.planned:
        kept = plan.patch.first - at
        if not np.array_equal(
            original.samples[:, at : at + kept], heard.sound.samples[:, result : result + kept]
        ):  # fmt: skip
            return False
        at, result = plan.patch.last, result + kept + plan.patch.samples.shape[1]
    return bool(np.array_equal(original.samples[:, at:], heard.sound.samples[:, result:]))


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--grid", type=Path, required=True)
    parser.add_argument("--speakers", nargs="+", default=["s33", "s4", "s5", "s1"])
    parser.add_argument("--swaps", type=int, default=6, help="of each speaker")
    parser.add_argument("--pictures", type=int, default=6, help="swaps whose pictures are made, too")
    parser.add_argument("--fit", default="auto")
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    rows, natural, encoder = [], [], speaker_encoder()
    folder = Path(tempfile.mkdtemp())
    for speaker in args.speakers:
        clips = sorted(
            p for p in (args.grid / speaker).iterdir() if p.suffix == ".mpg" and p.with_suffix(".align").exists()
        )
        clips = [clip for clip in clips if len(words_of(clip)) == 6][: REFERENCE_CLIPS + args.swaps]
        references, edited = clips[:REFERENCE_CLIPS], clips[REFERENCE_CLIPS:]
        joined = np.concatenate([read_audio(clip).samples for clip in references])
        reference = folder / f"{speaker}.wav"
        write_wav(reference, Waveform(joined, SAMPLE_RATE))
        centroid = encoder.embed(Waveform(joined, SAMPLE_RATE))
        new_words, own_words = [], []
        for number, clip in enumerate(edited):
            words = words_of(clip)
            place = SWAPPED[number % len(SWAPPED)]
            others = {1: COLOURS, 4: DIGITS, 5: ADVERBS}[place]
            old = words[place][2]
            new = str(rng.choice([word for word in others if word != old]))
            options = DubOptions(voice_reference=reference, provenance=False)
            edits = [Edit("replace", old, new, (words[place][0] + words[place][1]) / 2)]
            transcript = transcript_of(clip)
            with open_source(clip) as source:
                heard = edit_sound(
                    source, edits, edited=None, transcript=transcript, fit=args.fit, model="", options=options
                )
            plan, span = heard.planned[0], heard.spans[0]
            mono, was = heard.sound.mono(SAMPLE_RATE), read_audio(clip)
            wanted = [word if k != place else new for k, (_, _, word) in enumerate(words)]
            got, before = hear(mono, grid=True).split(), hear(was, grid=True).split()
            row = {
                "clip": f"{speaker}/{clip.stem}", "old": old, "new": new, "said": plan.said, "spoken": plan.new,
                "fit": plan.fit, "span": span, "joins": [jump(mono, at) for at in span],
                "heard": got, "new_right": len(got) == 6 and got[place] == new,
                "others_right": sum(a == b for k, (a, b) in enumerate(zip(got, wanted, strict=False)) if k != place),
                "old_right": len(before) == 6 and before[place] == old,
                "before_right": sum(
                    a == b[2] for k, (a, b) in enumerate(zip(before, words, strict=False)) if k != place
                ),
                "identical": outside_is_identical(clip, heard), "pace": plan.words.pace, "pitch": plan.words.pitch,
            }  # fmt: skip
            new_words.append(mono.samples[round(span[0] * SAMPLE_RATE) : round(span[1] * SAMPLE_RATE)])
            own_words.append(was.samples[round(plan.start * SAMPLE_RATE) : round(plan.end * SAMPLE_RATE)])
            # natural edges, placed as the cuts are: at the quietest place near the word's edge
            from synclips.speech.edit_span import Cutter
            from synclips.speech.tts.synthesizer import WordTime

            cutter = Cutter(was, [WordTime(w, a + 0.06, b + 0.06) for a, b, w in words])
            natural += [jump(was, cutter.edge(k).time) for k in range(1, 6)]
            if sum("sync" in r for r in rows) < args.pictures and number < max(
                1, args.pictures // len(args.speakers) + 1
            ):
                output = folder / f"{clip.stem}.mkv"
                result = edit(
                    clip, output, edits, transcript=transcript, fit=args.fit,
                    options=DubOptions(voice_reference=reference, provenance=False, codec="ffv1"), overwrite=True,
                )  # fmt: skip
                first, last = result.report.spans[0].frames
                a = [frame.image for frame in read_frames(clip)]
                b = [frame.image for frame in read_frames(output)]
                kept = [*range(first), *range(last - len(b), 0)]
                row["frames_identical"] = all(np.array_equal(a[k], b[k]) for k in kept)
                row["frames_changed"] = last - first
                inner = (int(span[0] * 25), int(np.ceil(span[1] * 25)))
                row["sync"] = sync_of(output, mono, inner)
                row["sync_before"] = sync_of(clip, was, (int(plan.start * 25), int(np.ceil(plan.end * 25))))
            rows.append(row)
            print(json.dumps(row), flush=True)  # noqa: T201
        for row in rows:
            if row["clip"].startswith(speaker + "/"):
                row["similarity"] = float(
                    similarity(encoder.embed(Waveform(np.concatenate(new_words), SAMPLE_RATE)), centroid)
                )
                row["own_similarity"] = float(
                    similarity(encoder.embed(Waveform(np.concatenate(own_words), SAMPLE_RATE)), centroid)
                )
    joins = np.array([join for row in rows for join in row["joins"]])
    edges = np.array(natural)
    summary = {
        "swaps": len(rows),
        "joins level/pitch/spectrum, median": np.nanmedian(joins, axis=0).tolist(),
        "natural, median": np.nanmedian(edges, axis=0).tolist(),
        "joins, 90th percentile": np.nanpercentile(joins, 90, axis=0).tolist(),
        "natural, 90th percentile": np.nanpercentile(edges, 90, axis=0).tolist(),
        "new word heard": float(np.mean([row["new_right"] for row in rows])),
        "old word heard before": float(np.mean([row["old_right"] for row in rows])),
        "other words heard": sum(row["others_right"] for row in rows) / (5 * len(rows)),
        "other words heard before": sum(row["before_right"] for row in rows) / (5 * len(rows)),
        "samples outside identical": all(row["identical"] for row in rows),
        "frames outside identical": all(row["frames_identical"] for row in rows if "sync" in row),
        "similarity": float(np.mean([row["similarity"] for row in rows])),
        "own words": float(np.mean([row["own_similarity"] for row in rows])),
        "sync": [row["sync"] for row in rows if "sync" in row],
        "sync before": [row["sync_before"] for row in rows if "sync" in row],
    }
    print(json.dumps(summary, indent=1))  # noqa: T201
    args.output.write_text(json.dumps({"summary": summary, "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
